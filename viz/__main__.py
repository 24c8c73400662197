"""`python -m viz script.py --output loss -o loss.svg`: draws a tensor or model that a script leaves."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tinygrad_xent import (
    DtypeError,
    GraphError,
    OutOfRangeError,
    ShapeError,
    Tensor,
    Trace,
    nn,
)
from tinygrad_xent.command_line import fail, names_of, told

from . import draw
from .formats import endings
from .layout import EngineMissingError, LayoutError, LayoutTimeoutError
from .options import DIRECTIONS, PLACES, SHOWABLE, VIEWS
from .pages import PAGES
from .theme import THEMES


def parser() -> argparse.ArgumentParser:
    """The options of the command line: those of `viz.draw`."""
    made = argparse.ArgumentParser(prog="python -m viz", description=__doc__)
    made.add_argument("script", type=Path, help="a Python script, run as the main program")
    made.add_argument("--output", default="loss", help="the name of a tensor or model (loss)")
    made.add_argument("-o", "--out", type=Path, help=f"a file that ends in {endings()} (NAME.svg)")
    made.add_argument("--show", nargs="+", choices=SHOWABLE, help="what stands in the picture")
    made.add_argument("--view", choices=VIEWS, help="single operations, or a box per layer")
    made.add_argument("--fold", type=int, help="fold scopes deeper than this")
    made.add_argument("--parameters", choices=PLACES, help="where those of a folded scope are")
    made.add_argument("--direction", choices=DIRECTIONS)
    made.add_argument("--page", choices=list(PAGES), help="the size; coarse enough to be legible")
    for part, help in (
        ("title", "above the picture"),
        ("caption", "below it"),
        ("alt", "in words"),
    ):
        made.add_argument(f"--{part}", help=help)
    made.add_argument("--highlight", nargs="+", help="names of values and scopes that stand out")
    made.add_argument("--no-legend", dest="legend", action="store_false", default=None)
    made.add_argument("--no-constants", dest="constants", action="store_false", default=None)
    made.add_argument("--theme", help=f"{', '.join(THEMES)}, or a theme that the script adds")
    made.add_argument("--precision", type=digits, help="significant digits, or a format like .3f")
    made.add_argument("--max-nodes", type=int, help="past so many nodes, fold and collapse")
    made.add_argument("--time-limit", type=float, help="seconds, then the picture is coarser")
    return made


def digits(text: str) -> int | str:
    """How numbers are written: how many digits, or a format."""
    return int(text) if text.isdigit() else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script, draw the tensor, say where the picture is. Returns the exit status.

    That is 2 where the command is at fault, 1 where the script's graph can't be drawn any more.
    """
    options = vars(parser().parse_args(arguments))
    script, name, out = options.pop("script"), options.pop("output"), options.pop("out")
    if not script.is_file():
        return fail("viz", f"there is no file {script}")
    tensor = names_of(script).get(name)
    if not isinstance(tensor, (Tensor, Trace, nn.Module)):
        what = f"{script.name} leaves no tensor or model named {name!r}"
        return fail("viz", f"{what}; name one with --output")
    given = {key: value for key, value in options.items() if value is not None}
    try:
        print(draw(tensor, **given).save(out or Path(f"{name}.svg")))
    except (GraphError, ShapeError, DtypeError, OutOfRangeError) as error:
        return fail("viz", told(error), status=1)
    except (ValueError, OSError, EngineMissingError, LayoutError, LayoutTimeoutError) as error:
        return fail("viz", str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
