"""What the tests know of `tinygrad_xent/catalogue/`: a file per theme, named like the file it is about.

Each function of a theme has one line:

    row("sin", smooth, duals.smooth(np.sin, lambda y, x: duals.cos(x)))

its inputs, as in `tests/operations.py`; its derivative forwards, as in `random_programs/duals.py`; and, if
PyTorch has no function of the same name that takes the same arguments, `theirs`: a function of PyTorch
and the arguments. With that line it takes part in every test of the table.

A function that makes several arrays of one, or arrays of nothing, has no such line: `apart` names it,
and its tests are in `tests/catalogue/`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from sys import _getframe
from typing import Any

THEIRS: dict[str, Callable[..., Any]] = {}
APART: set[str] = set()
SEVERAL: dict[str, Callable[..., Any]] = {}
_LINES: dict[str, str] = {}  # where each stands; pytest may read a file once more


def row(
    name: str,
    case: Callable[..., Any],
    forward: Callable[..., Any],
    theirs: Callable[..., Any] | None = None,
) -> None:
    """Tell the tests of a function: its inputs, its derivative forwards, PyTorch's way to compute it."""
    from tests.operations import CASES
    from tests.random_programs.duals import FORWARD

    frame = _getframe(1)
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    assert _LINES.setdefault(name, place) == place, f"{name} has two lines"
    CASES[name], FORWARD[name] = case, forward
    if theirs:
        THEIRS[name] = theirs


def apart(*names: str) -> None:
    """Tell the tests of functions that do not fit a line."""
    APART.update(names)


def several(name: str, case: Callable[..., Any]) -> None:
    """Tell the tests of a function that gives several arrays: its inputs. Its derivatives are compared with
    differences; what it is made of has lines of its own.
    """
    SEVERAL[name] = case


def read_all() -> None:
    """Read every theme."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
