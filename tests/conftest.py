"""Fixtures that several test files share."""

import contextlib
import io
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygrad_xent.extension import rows

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="session")
def run_lesson(tmp_path_factory):
    """Runs a lesson, at most once: its names, its printed text, and `out`, its folder of pictures.

    It runs as a plain script with an empty PATH, so that no system Graphviz helps it.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    done = {}

    def run(lesson, folder=EXAMPLES):
        script = folder / f"plot_{lesson}.py"
        if script not in done:
            out = tmp_path_factory.mktemp(lesson)
            with pytest.MonkeyPatch.context() as patch:
                patch.syspath_prepend(str(EXAMPLES))
                patch.setenv("PATH", "")
                patch.delitem(sys.modules, "lesson", raising=False)
                import lesson as shared

                patch.setattr(shared, "OUT", out)
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    names = runpy.run_path(str(script), run_name="__main__")
            plt.close("all")
            done[script] = SimpleNamespace(text=printed.getvalue(), out=out, **names)
        return done[script]

    return run


@pytest.fixture(autouse=True)
def rows_leave_with_their_test():
    """No other test sees what a test adds to the table or replaces there."""
    before = set(rows._replaced)
    yield
    for name in [name for name in reversed(rows._replaced) if name not in before]:
        while name in rows._replaced:
            rows.remove_op(name)
