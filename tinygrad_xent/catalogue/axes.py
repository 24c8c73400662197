"""Axes rearranged, and arrays with more or fewer of them.

All are made of `transpose`, `reshape` and indexing, so their gradient is moved back by those rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Axis
from ..engine.breadth.composites import positive
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import moves
from ..engine.public import public
from ..engine.tensors import Tensor
from .inputs import check_ndim, numbers, place, places, whole

# --- another order --------------------------------------------------------------------------------


@public(numpy=np.swapaxes, method=True)
def swapaxes(x: Operand, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged.

    >>> swapaxes(Tensor(np.zeros((2, 3, 4))), 0, -1).shape
    (4, 3, 2)
    """
    t = numbers("swapaxes", x)
    first, second = place("swapaxes", t, axis1), place("swapaxes", t, axis2)
    order = list(range(t.ndim))
    order[first], order[second] = second, first
    return moves.transpose(t, tuple(order))


@public(numpy=np.moveaxis, method=True)
def moveaxis(
    x: Operand, source: int | tuple[int, ...], destination: int | tuple[int, ...]
) -> Tensor:
    """x with one or several axes moved to other positions; the others keep their order.

    >>> moveaxis(Tensor(np.zeros((2, 3, 4))), 0, -1).shape
    (3, 4, 2)
    """
    t = numbers("moveaxis", x)
    start, end = places("moveaxis", t, source), places("moveaxis", t, destination)
    if len(start) != len(end):
        what = f"moveaxis: {len(start)} axes can't move to {len(end)} positions"
        raise errors.ShapeError(what, [t], "name a destination for each source")
    order = [axis for axis in range(t.ndim) if axis not in start]
    for to, axis in sorted(zip(end, start, strict=True)):
        order.insert(to, axis)
    return moves.transpose(t, tuple(order))


@public(numpy=(np.matrix_transpose, np.linalg.matrix_transpose))
def matrix_transpose(x: Operand, /) -> Tensor:
    """The transpose of each matrix of a stack: the last two axes swapped, as `x.mT`.

    >>> matrix_transpose(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    return positive(x).mT


# --- the other way round --------------------------------------------------------------------------


@public(numpy=np.flip, method=True)
def flip(x: Operand, axis: Axis = None) -> Tensor:
    """x in reverse order along an axis, several axes, or all.

    >>> flip(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).numpy()
    array([[2., 1.],
           [4., 3.]])
    """
    t = numbers("flip", x)
    chosen = places("flip", t, axis)
    each = (slice(None, None, -1 if i in chosen else None) for i in range(t.ndim))
    return moves.getitem(t, tuple(each))


@public(numpy=np.fliplr, method=True)
def fliplr(x: Operand, /) -> Tensor:
    """x with its columns (axis 1) in reverse order.

    >>> fliplr(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[2., 1.],
           [4., 3.]])
    """
    t = numbers("fliplr", x)
    check_ndim("fliplr", t, 2)
    return flip(t, 1)


@public(numpy=np.flipud, method=True)
def flipud(x: Operand, /) -> Tensor:
    """x with its rows (axis 0) in reverse order.

    >>> flipud(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[3., 4.],
           [1., 2.]])
    """
    t = numbers("flipud", x)
    check_ndim("flipud", t, 1)
    return flip(t, 0)


@public(numpy=np.rot90, method=True)
def rot90(x: Operand, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """x turned by k · 90 degrees in the plane of two axes, from the first towards the second.

    >>> rot90(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[2., 4.],
           [1., 3.]])
    """
    t = numbers("rot90", x)
    plane, turns = places("rot90", t, axes), whole("rot90", "k", k) % 4
    if len(plane) != 2:
        what = f"rot90: a plane has two axes, got {len(plane)}"
        raise errors.ShapeError(what, [t], "axes=(0, 1), say")
    if turns % 2 == 0:
        return flip(t, plane if turns else ())
    with composite("rot90"):
        return flip(swapaxes(t, *plane), plane[turns // 2])


# --- more axes, or fewer --------------------------------------------------------------------------


@public(numpy=np.ravel, method=True)
def ravel(x: Operand, /) -> Tensor:
    """All elements in one axis, the last axis running fastest.

    >>> ravel(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([1., 2., 3., 4.])
    """
    return moves.reshape(x, -1)


@public(method=True)
def flatten(x: Operand, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from `start_axis` to `end_axis` in one; all of them by default. So `x.flatten()` is NumPy's
    method and `x.flatten(1)` PyTorch's, which keeps the batch axis. A single number gets one axis.

    Raises:
        ShapeError: the last axis stands before the first.

    >>> flatten(Tensor(np.zeros((2, 3, 4))), 1).shape
    (2, 12)
    """
    t = atleast_1d(x)
    first, last = place("flatten", t, start_axis), place("flatten", t, end_axis)
    if last < first:
        what = f"flatten: axis {end_axis} stands before axis {start_axis}"
        raise errors.ShapeError(what, [t])
    together = math.prod(t.shape[first : last + 1])
    return moves.reshape(t, (*t.shape[:first], together, *t.shape[last + 1 :]))


@public(numpy=np.atleast_1d)
def atleast_1d(*arrays: Operand) -> Any:
    """A single number as a line of one; arrays as they are. Several arguments give a tuple.

    >>> atleast_1d(Tensor(3.0)).numpy()
    array([3.])
    """
    return _with_axes("atleast_1d", arrays, {0: 0})


@public(numpy=np.atleast_2d)
def atleast_2d(*arrays: Operand) -> Any:
    """What has fewer than two axes as a matrix: a line becomes a row. Several arguments give a tuple.

    >>> atleast_2d(Tensor([1.0, 2.0])).numpy()
    array([[1., 2.]])
    """
    return _with_axes("atleast_2d", arrays, {0: (0, 1), 1: 0})


@public(numpy=np.atleast_3d)
def atleast_3d(*arrays: Operand) -> Any:
    """What has fewer than three axes with axes of length 1 around it, as in NumPy: a line of n elements
    has the shape (1, n, 1), a matrix gets a last axis. Several arguments give a tuple.

    >>> atleast_3d(Tensor([1.0, 2.0])).shape
    (1, 2, 1)
    """
    return _with_axes("atleast_3d", arrays, {0: (0, 1, 2), 1: (0, 2), 2: 2})


def _with_axes(name: str, arrays: tuple[Any, ...], new: dict[int, Any]) -> Any:
    """Each array with the new axes that go with its number of axes, if any; one alone, several in a tuple."""
    found = [numbers(name, x) for x in arrays]
    made = (moves.expand_dims(x, new[x.ndim]) if x.ndim in new else positive(x) for x in found)
    return next(made) if len(arrays) == 1 else tuple(made)
