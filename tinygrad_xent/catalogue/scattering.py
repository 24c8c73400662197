"""Values combined with what stands at their places: their sum, their mean, the largest, the smallest.

They have PyTorch's names, and the operands come first. `x.at[index]` is the same for a sum and any index.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Array, as_indices
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, moves
from ..engine.ops.selection import where
from ..engine.public import public
from ..engine.symbols import from_shapes, ones, zeros
from ..engine.tensors import Tensor, raw
from .inputs import in_floats, place

_EXTREMES = {"amax": np.maximum, "amin": np.minimum}
_WAYS = ("sum", "mean", *_EXTREMES)


@public()
def scatter_reduce(
    x: Operand,
    indices: Operand,
    values: Operand,
    axis: int,
    reduce: str,
    include_self: bool = True,
) -> Tensor:
    """x with values combined into it at indices along an axis, one index for each value, as by
    `take_along_axis`. Places that no index names stay as they are.

    Args:
        indices: of the values' shape: integers that run from -n to n - 1. Along the other axes a value
            stays where it is; these are at most as long as those of x.
        reduce: "sum", "mean", "amax" (the largest) or "amin" of the values for each place, of which
            equal ones share the gradient evenly; the result is their mean, so three or more may round its
            last digit.
        include_self: whether what stands there is one of them.

    Raises:
        ShapeError: the shapes do not fit. DtypeError: the indices are no integers.
        OutOfRangeError: one is past the end of the axis. BadValueError: there is no such way.

    >>> x, indices = Tensor([1.0, 2.0, 3.0]), [0, 0, 2]
    >>> scatter_reduce(x, indices, [10.0, 20.0, 0.0], 0, "sum").numpy()
    array([31.,  2.,  3.])
    >>> scatter_reduce(x, indices, [10.0, 20.0, 0.0], 0, "amax", include_self=False).numpy()
    array([20.,  2.,  0.])
    """
    name = "scatter_reduce"
    t, v = in_floats(name, x), in_floats(name, values)
    axis = place(name, t, axis)
    chosen = _indices(name, t, indices)
    others = [(n, m) for i, (n, m) in enumerate(zip(v.shape, t.shape, strict=False)) if i != axis]
    if v.ndim != t.ndim or chosen.shape != v.shape or any(n > m for n, m in others):
        what = f"{name}: indices {chosen.shape} and values {v.shape} do not fit {t.shape}"
        fix = "one index for each value, in as many axes as x has, no longer than these but along `axis`"
        raise errors.ShapeError(what, [t, indices, v], fix)
    grid: list[Any] = [from_shapes(g) for g in np.ogrid[tuple(map(slice, v.shape))]]
    grid[axis] = chosen
    return _combined(name, t, tuple(grid), v, reduce, include_self)


@public()
def index_reduce(
    x: Operand,
    indices: Operand,
    values: Operand,
    axis: int,
    reduce: str,
    include_self: bool = True,
) -> Tensor:
    """x with slices along an axis combined into it: a line of indices says into which. The other
    arguments are those of `scatter_reduce`; the values have x's shape, but for the axis.

    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> index_reduce(x, [1, 1], [[5.0, 5.0], [7.0, 0.0]], 0, "mean").numpy()
    array([[1., 2.],
           [5., 3.]])
    """
    name = "index_reduce"
    t, v = in_floats(name, x), in_floats(name, values)
    axis = place(name, t, axis)
    chosen = _indices(name, t, indices)
    wanted = (*t.shape[:axis], chosen.size, *t.shape[axis + 1 :])
    if chosen.ndim != 1 or v.shape != wanted:
        what = f"{name}: {chosen.shape} indices and values {v.shape} do not fit {t.shape}"
        fix = "a line of indices, and a slice of x's shape for each"
        raise errors.ShapeError(what, [t, indices, v], fix)
    index = (*(slice(None),) * axis, chosen)
    return _combined(name, t, index, v, reduce, include_self)


def _indices(name: str, x: Any, indices: Any) -> Array:
    chosen = as_numbers(name, raw(indices))
    try:
        return as_indices(chosen if chosen.size else chosen.astype(np.intp))
    except IndexError as error:
        raise errors.explain(name, [x, indices], (), error) from None


def _combined(name: str, x: Any, index: Any, values: Any, reduce: str, own: bool) -> Tensor:
    """x with the values combined into it at the places that an index names. All ways are sums of some of
    the numbers, divided by how many they are.
    """
    if reduce not in _WAYS:
        what = f"{name}: reduce must be one of {', '.join(_WAYS)}, got {reduce!r}"
        raise errors.BadValueError(what, [x])
    named = zeros(x.shape, bool)
    try:
        named[index] = True
    except IndexError as error:
        raise errors.explain(name, [x, index], (), error) from None
    stays, counts = ~named | bool(own), ones(values.shape, bool)
    if reduce in _EXTREMES:
        best = _extreme(_EXTREMES[reduce], raw(x), index, raw(values), stays)
        stays &= ~named | _same(raw(x), best)
        counts = _same(raw(values), best[index])
    with composite(name):
        added = moves.scatter(where(counts, values, 0.0), x.shape, index)
        total = arithmetic.add(where(stays, x, 0.0), added)
        if reduce == "sum":
            return total
        many = stays.astype(total.dtype)
        np.add.at(many, index, counts)
        return arithmetic.div(total, many)


def _extreme(extreme: Any, x: Array, index: Any, values: Array, stays: Array) -> Array:
    """The largest or the smallest number for each place."""
    nothing = -np.inf if extreme is np.maximum else np.inf
    best = np.where(stays, x, nothing).astype(np.result_type(x, values))
    with np.errstate(invalid="ignore"):  # nan is the largest and the smallest
        extreme.at(best, index, values)
    return best


def _same(a: Array, b: Array) -> Array:
    """Where two numbers are equal, or both nan."""
    same: Array = (a == b) | ((a != a) & (b != b))
    return same
