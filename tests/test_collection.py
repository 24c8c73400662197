"""No two test files are in each other's way: one run of pytest collects them all, with those of the
hidden folders and the examples in docstrings.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
HIDDEN = [f"tests/{name}" for name in OPTIONS["norecursedirs"] if name != ".*"]
TOOLS = ["torch", "playwright", "PIL", "nbclient", "nbformat", "ipykernel", "sphinx", "build"]
PROGRAM = """
import sys
import pytest

class Missing:
    def find_spec(name, path=None, target=None):
        if name in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-o", "norecursedirs=.*"]
sys.exit(pytest.main([*options, *{paths}]))
"""


def collect(*paths, missing=()):
    """What pytest reports when it collects these paths, by default all that are configured."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    program = PROGRAM.format(missing=list(missing), paths=list(paths))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


def test_all_files_collect_together():
    text = collect()
    collected = set(re.findall(r"^([\w/]+\.py)::", text, re.MULTILINE))
    skipped = set(re.findall(r"^SKIPPED \[\d+\] ([\w/]+\.py):\d+: .*\w", text, re.MULTILINE))
    files = set((ROOT / "tests").rglob("test_*.py"))
    for package in ("tinygrad_xent", "viz"):
        files |= {path for path in (ROOT / package).rglob("*.py") if ">>> " in path.read_text()}
    assert len(files) > 70
    assert {path.relative_to(ROOT).as_posix() for path in files} - collected - skipped == set()


def test_what_needs_a_tool_that_is_not_there_is_skipped_with_the_reason():
    text = collect(*HIDDEN, missing=TOOLS)
    for file in ("parity/test_ops.py", "notebook/test_notebook.py", "packaging/test_packages.py"):
        assert re.search(rf"^SKIPPED \[\d\] tests/{file}:\d+: .*\w", text, re.MULTILINE)
    assert "tests/browser/test_svg.py::" in text  # its tests skip when they run
