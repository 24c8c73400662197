"""Arrays that stand for arrays while a computation is recorded as a program (`programs/`).

A `Symbol` has a shape and a dtype; it notes what NumPy is asked to do with it. The engine runs on
symbols as on arrays: rows, rules, losses and optimisers need no second definition. It asks three
things of this module.

- To make an array of shapes alone (`zeros`, `arange`): that is noted too. So any other raw array
  that meets a symbol is data which the program was not given, and is refused.
- Whether a mask holds `somewhere` or `everywhere`, to save work where it does not. Of a symbol
  nobody knows: the answer leads to the way that is right for all values.
- To `check` values, which becomes a line of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np


class SymbolBase:
    """The base class of arrays that stand for arrays; `programs/symbolic.py` defines them."""

    __slots__ = ("__weakref__",)


Symbol: Any = SymbolBase
"""The same for type checkers: it answers whatever an array does."""


RECORDER: ContextVar[Any] = ContextVar("tinygrad_xent_recorder", default=None)
"""What records a program here, None nearly always."""


def _noted(name: str) -> Callable[..., Any]:
    """A function of NumPy that makes an array of shapes and numbers; noted while a program is recorded."""
    make = getattr(np, name)

    def made(*args: Any, **kwargs: Any) -> Any:
        recorder = RECORDER.get()
        if recorder is None:
            return make(*args, **kwargs)
        return recorder.call(f"np.{name}", args, kwargs)

    made.__name__, made.__doc__ = name, f"`numpy.{name}`."
    return made


zeros, ones, empty, full = _noted("zeros"), _noted("ones"), _noted("empty"), _noted("full")
arange, eye, tri = _noted("arange"), _noted("eye"), _noted("tri")
linspace = _noted("linspace")


def asarray(x: Any) -> Any:
    """`np.asarray`; a symbol is one already."""
    return x if isinstance(x, Symbol) else np.asarray(x)


def noted(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives that NumPy does not ask symbols about; noted under this name."""
    if any(isinstance(x, Symbol) for x in args):
        return RECORDER.get().call(name, args, {})
    return function(*args)


def from_shapes(x: Any) -> Any:
    """An array that follows from shapes and settings alone; noted while a program is recorded."""
    recorder = RECORDER.get()
    return x if recorder is None else recorder.table(x)


def copied(x: Any) -> Any:
    """A copy, of an array or a NumPy number too."""
    return x.as_array() if isinstance(x, Symbol) else np.array(x)


def viewed(x: Symbol) -> Any:
    """A view of an array; of one of NumPy's numbers an array, as `np.asarray` gives it."""
    return x.view() if isinstance(x.like, np.ndarray) else x.recorder.call("np.asarray", (x,), {})


def noting() -> bool:
    """Whether a program is recorded here."""
    return RECORDER.get() is not None


def needs_masks(nodes: Any) -> bool:
    """Whether a walk over these nodes is recorded with the masks of what was chosen."""
    recorder = RECORDER.get()
    return recorder is not None and bool(recorder.needs_masks(nodes))


def literal(x: Any) -> Any:
    """A number, such that the calculations it takes part in are noted too: 1 / 5, not 0.2."""
    recorder = RECORDER.get()
    return x if recorder is None else recorder.literal(x)


def somewhere(mask: Any) -> bool:
    """Whether a mask holds anywhere; True if nobody knows."""
    if isinstance(mask, Symbol):
        return not mask.known or bool(mask.like.any())
    return bool(mask.any())


def everywhere(mask: Any) -> bool:
    """Whether a mask holds everywhere; False if nobody knows."""
    if isinstance(mask, Symbol):
        return mask.known and bool(mask.like.all())
    return bool(mask.all())


def check(holds: Symbol, what: str, error: type[Exception] | type[Warning]) -> None:
    """Note that a mask must hold everywhere in each run of the program: if not, `error` is raised, or
    shown if it is a warning.
    """
    RECORDER.get().check(holds, what, error)


def root(x: Any) -> Any:
    """The square root of a Python number, which stays one: it never widens float32."""
    return x.root() if isinstance(x, Symbol) else math.sqrt(x)


def cosine(x: Any) -> Any:
    """The cosine of a Python number, which stays one."""
    return x.cosine() if isinstance(x, Symbol) else math.cos(x)


def number_of(x: Any) -> Any:
    """A 0-d array as a Python float."""
    return x.number() if isinstance(x, Symbol) else float(x)
