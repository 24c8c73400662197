"""Sorting, and where things stand: values carry their gradient, places have none.

Sorting is stable: of equal numbers, the one that comes first stays first. So it is clear which of them
gets the gradient. nan counts as larger than all numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Array, Axis
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import moves
from ..engine.public import op, plain, public
from ..engine.symbols import asarray, zeros
from ..engine.tensors import Tensor, is_tensor, raw
from .inputs import setting, whole

# --- values ---------------------------------------------------------------------------------------


@public(numpy=np.sort)
def sort(x: Operand, axis: int | None = -1, descending: bool = False) -> Tensor:
    """The numbers sorted along an axis, from the smallest, or from the largest if `descending`; all in
    one line if `axis` is None. A new tensor, as NumPy's function gives it. PyTorch's gives the places
    too: they are `argsort(x)`.

    >>> sort(Tensor([3.0, 1.0, 2.0])).numpy()
    array([1., 2., 3.])
    """
    axis = plain(axis, "axis")
    with composite("sort"):
        places = _places("sort", x, axis, descending)
        if places.ndim == 0:
            return x if is_tensor(x) else moves.identity(x)
        if axis is None:
            x, axis = moves.reshape(x, -1), 0
        return moves.take_along_axis(x, places, axis)


@public(numpy=np.partition, method=True)
def partition(x: Operand, kth: int | tuple[int, ...], axis: int | None = -1) -> Tensor:
    """The numbers along an axis in such an order that those at the places `kth` stand as if sorted, with
    none that is larger before and none that is smaller behind; the order of the others is open. Faster
    than `sort` for long axes. All are in one line if `axis` is None.

    Raises:
        OutOfRangeError: the axis has no such place.

    >>> float(partition(Tensor([3.0, 1.0, 2.0]), 1)[1].item())
    2.0
    """
    kth, axis = setting("partition", kth), plain(axis, "axis")
    values = as_numbers("partition", raw(x))
    if axis is None:
        x, values, axis = moves.reshape(x, -1), values.reshape(-1), 0
    try:
        places = np.argpartition(values, kth, axis)
    except (TypeError, ValueError) as error:
        if "kth" in str(error):
            what = f"partition: kth={kth!r} is no place along axis {axis} of {values.shape}"
            fix = "kth runs from 0 to the axis's length less 1"
            raise errors.OutOfRangeError(what, [x], fix) from None
        raise errors.explain("partition", [x], (), error) from None
    with composite("partition"):
        return moves.take_along_axis(x, places, axis)


@public(method=True)
def topk(x: Operand, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest numbers along an axis, from the largest, and their places, as in PyTorch; or the k
    smallest, from the smallest.

    Raises:
        BadValueError: there are not so many.

    >>> values, places = topk(Tensor([3.0, 1.0, 2.0]), 2)
    >>> values.numpy(), places.numpy()
    (array([3., 2.]), array([0, 2]))
    """
    k, axis = whole("topk", "k", k), whole("topk", "axis", axis)
    places = _places("topk", x, axis, largest)
    if places.ndim == 0:
        raise errors.ShapeError("topk: x is a single number", [x], "expand_dims(x, 0)")
    n = places.shape[axis]
    if not 0 <= k <= n:
        raise errors.BadValueError(f"topk: k must be from 0 to {n}, got {k}", [x])
    first = np.take(places, range(k), axis)
    with composite("topk"):
        return moves.take_along_axis(x, first, axis), Tensor(first)


@public(numpy=np.unique, method=True)
def unique(
    x: Operand,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The different numbers in x, sorted; those of equal value are one, which is the first of them: it
    gets the gradient. With `axis`, the different parts of x along it.

    Returns:
        The values, or a tuple: the values, and then what was asked for: the place of each in the flat
        x, for each number of x the place of its value, how many there are of each.

    >>> unique(Tensor([2.0, 1.0, 2.0])).numpy()
    array([1., 2.])
    >>> values, counts = unique(Tensor([2.0, 1.0, 2.0]), return_counts=True)
    >>> counts.numpy()
    array([1, 2])
    """
    values, axis = as_numbers("unique", raw(x)), plain(axis, "axis")
    asked: Any = {"return_inverse": return_inverse, "return_counts": return_counts, "axis": axis}
    try:
        _, index, *others = np.unique(values, return_index=True, **asked)
    except (TypeError, ValueError) as error:
        raise errors.explain("unique", [x], (), error) from None
    with composite("unique"):
        if axis is None:
            x, axis = moves.reshape(x, -1), 0
        found = moves.getitem(x, (*[slice(None)] * (axis % (values.ndim or 1)), index))
    if return_index:
        others = [index, *others]
    return (found, *map(Tensor, others)) if others else found


# --- places ---------------------------------------------------------------------------------------


def _places(name: str, x: Any, axis: int | None, descending: bool) -> Array:
    try:
        return _order(as_numbers(name, raw(x)), axis, bool(descending))
    except (TypeError, ValueError) as error:
        raise errors.explain(name, [x], (), error) from None


def _order(x: Array, axis: int | None, descending: bool) -> Array:
    if x.ndim == 0 and axis in (0, -1, None):
        return zeros((), np.intp)
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not descending:
        return np.argsort(x, axis, kind="stable")
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")  # equal ones keep their order
    return x.shape[axis] - 1 - np.flip(backwards, axis)


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("argsort(x, axis, descending)", None, kind="rowwise", numpy=np.argsort, method=True)
def argsort(x: Operand, /, axis: int | None = -1, descending: bool = False) -> Array:
    """The places of the numbers along an axis in sorted order, from the smallest, or from the largest if
    `descending`; of all in one line if `axis` is None. A single number has the place 0.

    >>> argsort(Tensor([3.0, 1.0, 2.0])).numpy()
    array([1, 2, 0])
    """
    return _order(x, axis, descending)


@op("argmin(x)", None, kind="reduction", numpy=np.argmin, method=True)
def argmin(x: Operand, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the smallest element along an axis (of the flat array if None).

    >>> argmin(Tensor([[0.1, 0.7], [0.6, 0.4]]), axis=1).numpy()
    array([0, 1])
    """
    return np.argmin(x, axis=axis, keepdims=keepdims)


@op("Σ (x ≠ 0)", None, kind="reduction", numpy=np.count_nonzero, method=True)
def count_nonzero(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many numbers are not 0, over an axis, several axes, or all; nan is not.

    >>> count_nonzero(Tensor([1.0, 0.0, 2.0])).item()
    2
    """
    return np.sum(np.not_equal(x, 0), axis=axis, keepdims=keepdims)


@op("searchsorted(a, v, side)", None, None, kind="", numpy=np.searchsorted, method=True)
def searchsorted(a: Operand, v: Operand, /, side: str = "left") -> Array:
    """Where in the sorted line `a` the numbers v would have to be put so that it stays sorted: before
    the equal ones, or behind them if `side` is "right".

    Raises:
        ShapeError: `a` has not one axis.

    >>> searchsorted([1.0, 2.0, 4.0], Tensor([0.5, 2.0, 3.0])).numpy()
    array([0, 1, 2])
    """
    return _found(a, v, side)


def _found(a: Array, v: Array, side: Any) -> Array:
    if np.ndim(a) != 1:
        what = f"searchsorted: a must have one axis, its shape is {np.shape(a)}"
        raise errors.ShapeError(what, [a, v], "search line by line")
    if side not in ("left", "right"):
        raise errors.BadValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    return asarray(np.searchsorted(a, v, side))
