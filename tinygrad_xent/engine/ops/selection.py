"""Selections: some of the numbers, and not others. A number not selected has gradient 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays as xp
from ..arrays import Array
from ..methods import Operand
from ..operands import as_operand
from ..public import op
from ..symbols import somewhere
from ..tensors import is_tensor, raw

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def masked(g: Any, chosen: Any) -> Any:
    """g where chosen, else 0; g · chosen would be NaN where g is infinite."""
    return where(raw(chosen), g, 0) if is_tensor(g) else xp.masked(g, chosen)


def _larger_vjp(g: Any, loses: Array, ties: Array) -> Any:
    """0 where this input loses, g / 2 in a tie, else g, as where one of them is nan. Ties are rare."""
    return masked(where(ties, g / 2, g) if somewhere(ties) else g, ~loses)


def _constant(limit: Any) -> Any:
    """A limit's values. As a setting it gets no gradient: see `clip` in `breadth`."""
    return limit if limit is None else as_operand("clip", raw(limit), [limit])


def _within(x: Any, low: Any, high: Any) -> Any:
    x, low, high = raw(x), _constant(low), _constant(high)
    return (x >= (-xp.inf if low is None else low)) & (x <= (xp.inf if high is None else high))


@op("a where condition, b else",
    None,
    ("g where condition", lambda g, condition: masked(g, raw(condition))),
    ("g where not condition", lambda g, condition: masked(g, xp.logical_not(raw(condition)))),
    kind="selects", numpy=np.where)
def where(condition: Operand, a: Operand, b: Operand, /) -> Array:
    """a where the condition holds, else b.

    Both branches are computed, but the one that is not taken has no say: where(x > 0, log(x), 0) has
    the slope 0 at 0, although that of log is infinite there.

    Raises:
        DtypeError: the condition is not boolean.

    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0.0).numpy()
    array([1., 0.])
    """
    return xp.where(xp.as_condition(condition), a, b)


@op("max(x, 0)", ("g where y > 0", lambda g, y: masked(g, xp.not_zero(raw(y)))),
    kind="selects", method=True)
def relu(x: Operand, /) -> Array:
    """The rectifier: x where it is positive, else 0; the slope at 0 is 0, at nan 1.

    >>> relu(Tensor([-2.0, 3.0])).numpy()
    array([0., 3.])
    """
    return xp.relu(x)


@op("max(a, b)",
    ("g where a > b, g / 2 where a = b", lambda g, a, b: _larger_vjp(g, raw(a) < raw(b), raw(a) == raw(b))),
    ("g where b > a, g / 2 where a = b", lambda g, a, b: _larger_vjp(g, raw(b) < raw(a), raw(a) == raw(b))),
    kind="selects", numpy=np.maximum)
def maximum(a: Operand, b: Operand, /) -> Array:
    """The larger of a and b, elementwise; ties share the gradient evenly, and nan passes it on to both.

    >>> maximum(Tensor([1.0, 5.0]), 3.0).numpy()
    array([3., 5.])
    """
    return xp.maximum(a, b)


@op("min(a, b)",
    ("g where a < b, g / 2 where a = b", lambda g, a, b: _larger_vjp(g, raw(a) > raw(b), raw(a) == raw(b))),
    ("g where b < a, g / 2 where a = b", lambda g, a, b: _larger_vjp(g, raw(b) > raw(a), raw(a) == raw(b))),
    kind="selects", numpy=np.minimum)
def minimum(a: Operand, b: Operand, /) -> Array:
    """The smaller of a and b, elementwise; ties share the gradient evenly, and nan passes it on to both.

    >>> minimum(Tensor([1.0, 5.0]), 3.0).numpy()
    array([1., 3.])
    """
    return xp.minimum(a, b)


@op("min(max(x, min), max)",
    ("g where min ≤ x ≤ max", lambda g, x, min, max: masked(g, _within(x, min, max))),
    kind="selects", export=False)
def clip(x: Operand, /, min: Any = None, max: Any = None) -> Array:
    """The row behind `clip` in `breadth`, for limits that get no gradient.

    >>> clip(Tensor([-2.0, 0.5, 2.0]), -1, 1).numpy()
    array([-1. ,  0.5,  1. ])
    """
    return xp.clip(x, _constant(min), _constant(max))
