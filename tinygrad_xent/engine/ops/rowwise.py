"""Softmax and its relatives: each number from the whole line along an axis that contains it."""

from __future__ import annotations

from typing import Any

from .. import arrays as xp
from ..arrays import Array, Axis
from ..context import composite
from ..methods import Operand
from ..public import op
from ..tensors import is_tensor, raw
from .arithmetic import div, neg
from .elementwise import exp
from .moves import scatter_along_axis, take_along_axis
from .reductions import sum, unreduce
from .selection import where

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def _logsumexp_vjp(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    """g · softmax(x). y is rounded relative to the logits' size, so exp(x - y) sums only roughly to 1:
    in float32, for logits of 1e4, it is off by 5e-4. Dividing by its sum corrects that.
    """
    y = unreduce(y, axis, keepdims)
    masked = raw(y) == -xp.inf  # a row of only -inf has gradient 0, as in PyTorch
    p = exp(x - where(masked, 0, y))
    # Beside an entry of inf, whose gradient is nan, the others have gradient 0.
    total = where(xp.abs(raw(y)) == xp.inf, 1, sum(p, axis, keepdims=True))
    return p * (unreduce(g, axis, keepdims) / total)


def _log_softmax_vjp(g: Any, y: Any, axis: Axis) -> Any:
    """g - eʸ · Σ g. Arrays are changed in place: temporaries as large as the logits are the main cost."""
    if is_tensor(g):
        return g - exp(y) * sum(g, axis, keepdims=True)
    share = xp.exp(y)
    share *= -xp.sum(g, axis, keepdims=True)
    share += g
    return share


CROSS_ENTROPY = "-Σ (Y · log softmax(z)) / N"


def _cross_entropy(x: Any, labels: Any, axis: int) -> Any:
    with composite("cross_entropy", CROSS_ENTROPY):
        log_p = log_softmax(x, axis)
        return neg(div(sum(take_along_axis(log_p, labels, axis)), labels.size))


def _label_vjp(g: Any, log_p: Any, labels: Any, axis: int) -> Any:
    """g · (softmax - Y) / N. Arrays are changed in place, as in `_log_softmax_vjp`."""
    g = g / labels.size
    if is_tensor(g):
        return exp(log_p) * g - scatter_along_axis(g, labels, log_p.shape, axis)
    share = xp.exp(log_p)
    share *= g
    return xp.subtract_at_labels(share, g, labels, axis)


@op("log Σ eˣ",
    ("g · softmax(x)", _logsumexp_vjp),
    kind="reduction rowwise", method=True)
def logsumexp(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over an axis, several axes, or all, without overflow.

    -inf entries add nothing and have gradient 0. The sum of nothing is 0, and its logarithm -inf.

    >>> logsumexp(Tensor([1e4, 1e4])).item() - 1e4
    0.6931471805601177
    """
    return xp.logsumexp(x, axis, keepdims)


@op("eˣ / Σ eˣ",
    ("y · (g - Σ (g · y))", lambda g, y, axis: y * (g - sum(g * y, axis, keepdims=True))),
    kind="rowwise", method=True)
def softmax(x: Operand, /, axis: Axis = -1) -> Array:
    """The softmax along an axis, exp(x) / sum(exp(x)): probabilities, without overflow.

    A masked class (x = -inf) has probability 0 and gradient 0.

    >>> softmax(Tensor([2.0, 1.0, -1.0])).numpy().round(6)
    array([0.705385, 0.259496, 0.035119])
    """
    return xp.softmax(x, axis)


@op("x - log Σ eˣ", ("g - eʸ · Σ g", _log_softmax_vjp),
    kind="rowwise", method=True)
def log_softmax(x: Operand, /, axis: Axis = -1) -> Array:
    """The log of the softmax along an axis, without the overflow and log 0 of `log(softmax(x))`.

    >>> log_softmax(Tensor([0.0, 1000.0])).numpy()
    array([-1000.,     0.])
    """
    return xp.log_softmax(x, axis)


@op("-Σ log softmax(x)[labels] / N",
    ("g · (softmax(x) - Y) / N", _label_vjp),
    None,
    kind="reduction rowwise", parts=_cross_entropy,
    saves={"log_p": "log_softmax"}, export=False)
def softmax_cross_entropy(x: Operand, labels: Array, /, axis: int) -> Any:
    """The row behind `cross_entropy` with labels and no other options. Fused: traces and pictures
    show `log_softmax`, `take_along_axis`, `sum`, `div` and `neg`.
    """
    log_p = xp.log_softmax(x, axis)
    return xp.sum(xp.take_labels(log_p, labels, axis)) / -labels.size, log_p
