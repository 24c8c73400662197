"""The array calls of a program, by name: how each is run, and which ones can't be recorded.

np.exp, np.linalg.solve, np.add.reduce    a function of NumPy, or a ufunc's method
scipy.special.erf                         a ufunc of SciPy
ndarray.sum                               a method of the first argument
operator.add                              Python's operator, by which plain numbers stay plain
changed:np.put                            a function that changes its first argument: here a copy of it
python:float                              Python's own function, of a number
draw.normal                               a draw from a generator
check                                     a mask that must hold
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ..engine import errors, lines
from .instructions import Instruction, refs_in

DATA_SHAPED = {
    *("nonzero", "flatnonzero", "argwhere", "unique", "unique_all", "unique_counts", "compress"),
    *("unique_inverse", "unique_values", "extract", "bincount", "union1d", "intersect1d"),
    *("setdiff1d", "setxor1d", "trim_zeros", "histogram", "histogram_bin_edges", "in1d"),
    *("histogram2d", "histogramdd", "lstsq", "eig", "eigvals", "roots", "poly", "real_if_close"),
    *("delete", "polydiv", "polymul"),
}
"""Functions whose result has a shape or a dtype that depends on values: no program could say which."""

CHANGING = {"copyto", "put", "putmask", "place", "fill_diagonal", "put_along_axis"}
"""Functions that change their first argument."""


def set_item(x: Any, index: Any, value: Any) -> Any:
    """A copy of x with x[index] = value."""
    x = np.asarray(x).copy()
    x[index] = value
    return x


def may_fail(i: Instruction, known: Mapping[int, Instruction]) -> bool:
    """Whether a call may raise an error for its numbers, once its shapes are known: an index may be out of range,
    a matrix singular, a number divided by 0. The index of a label in each row has been checked.
    """
    if i.call.startswith("np.linalg.") or i.call.rpartition(".")[2] in _LOOKING_UP:
        return True
    if i.call in ("operator.getitem", "set_item"):
        looked_up = [known[ref.id].call for ref in refs_in(i.args[1])]
        return bool(looked_up) and "np.arange" not in looked_up
    numbers = i.dtype.startswith("Python") and i.call.startswith(("operator.", "python:"))
    return i.call.startswith("changed:") or (numbers and i.call not in _SAFE)


_LOOKING_UP = {"take", "take_along_axis", "choose"}
_SAFE = {f"operator.{name}" for name in ("add", "sub", "mul", "neg", "pos", "abs")}


def check(holds: Any, what: str, error: str) -> bool:
    """Raise an error, or warn, unless the mask holds everywhere."""
    if not np.all(holds):
        kind = ERRORS[error]
        if issubclass(kind, Warning):
            lines.warn(what, kind)
        else:
            raise kind(what)
    return True


ERRORS: dict[str, Any] = {
    "IndexError": errors.OutOfRangeError,
    "ValueError": errors.BadValueError,
    "FloatingPointError": errors.NonFiniteError,
    "RuntimeWarning": RuntimeWarning,
}
"""What a failed check raises: the package's class of the name."""

_PYTHON: dict[str, Callable[..., Any]] = {
    "float": float,
    "int": int,
    "sqrt": math.sqrt,
    "cos": math.cos,
    "or": lambda x, y: x or y,
    "min": min,
    "max": max,
}

_SPECIAL: dict[str, Callable[..., Any]] = {"set_item": set_item, "check": check}


@lru_cache(maxsize=512)
def function(name: str) -> Callable[..., Any]:
    """What a call's name stands for."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    home, _, rest = name.partition(".")
    if home == "ndarray":
        return lambda x, *args, **kwargs: getattr(x, rest)(*args, **kwargs)
    if home == "operator":
        return getattr(operator, rest)  # type: ignore[no-any-return]
    if home == "draw":
        return lambda generator, *args, **kwargs: getattr(generator, rest)(*args, **kwargs)
    if home.startswith("python:"):
        return _PYTHON[name.removeprefix("python:")]
    if name.startswith("changed:"):
        return _on_a_copy(name.removeprefix("changed:"))
    if home == "np":
        return operator.attrgetter(rest)(np)  # type: ignore[no-any-return]
    return getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2])  # type: ignore[no-any-return]


def _on_a_copy(name: str) -> Callable[..., Any]:
    """A function that changes its first argument, made to change and return a copy of it."""
    change = function(name)

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        x = np.asarray(x).copy()
        change(x, *args, **kwargs)
        return x

    return call


def name_of(target: Any) -> str | None:
    """The name under which a NumPy function or a ufunc can be called; None if there is none."""
    name = target.__name__
    for home, module in _HOMES.items():
        if getattr(module, name, None) is target:
            return f"{home}.{name}"
    if isinstance(target, np.ufunc):
        try:
            special = import_module("scipy.special")
        except ImportError:
            return None
        if getattr(special, name, None) is target:
            return f"scipy.special.{name}"
    return None


_HOMES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft, "np.emath": np.emath}
_HOMES["np.lib.stride_tricks"] = np.lib.stride_tricks
