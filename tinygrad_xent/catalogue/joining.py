"""Arrays put together, and cut into parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.breadth.composites import concatenate, positive, several
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import moves
from ..engine.public import public
from ..engine.tensors import Tensor
from .axes import atleast_1d, atleast_2d, atleast_3d
from .inputs import along, check_ndim, numbers, place, setting

# --- put together ---------------------------------------------------------------------------------


@public(numpy=np.append)
def append(x: Operand, values: Operand, axis: int | None = None) -> Tensor:
    """x and after it the values, along an axis; both flattened first if `axis` is None.

    >>> append(Tensor([1.0, 2.0]), 3.0).numpy()
    array([1., 2., 3.])
    """
    return concatenate([x, values], setting("append", axis))


@public(numpy=np.hstack)
def hstack(arrays: Sequence[Operand]) -> Tensor:
    """The arrays side by side: along axis 1, or axis 0 if they have only one.

    >>> hstack([Tensor([[1.0], [2.0]]), Tensor([[3.0], [4.0]])]).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    with composite("hstack"):
        rows = [atleast_1d(x) for x in several("hstack", arrays)]
        return concatenate(rows, 0 if rows and rows[0].ndim == 1 else 1)


@public(numpy=np.vstack)
def vstack(arrays: Sequence[Operand]) -> Tensor:
    """The arrays one below the other, along axis 0; lines are rows.

    >>> vstack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).numpy()
    array([[1., 2.],
           [3., 4.]])
    """
    with composite("vstack"):
        return concatenate([atleast_2d(x) for x in several("vstack", arrays)], 0)


@public(numpy=np.dstack)
def dstack(arrays: Sequence[Operand]) -> Tensor:
    """The arrays one behind the other, along axis 2, with axes added as by `atleast_3d`.

    >>> dstack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).numpy()
    array([[[1., 3.],
            [2., 4.]]])
    """
    with composite("dstack"):
        return concatenate([atleast_3d(x) for x in several("dstack", arrays)], 2)


@public(numpy=np.column_stack)
def column_stack(arrays: Sequence[Operand]) -> Tensor:
    """The arrays side by side, along axis 1; lines are columns.

    >>> column_stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    with composite("column_stack"):
        found = [atleast_1d(x) for x in several("column_stack", arrays)]
        return concatenate([moves.expand_dims(x, 1) if x.ndim == 1 else x for x in found], 1)


@public(numpy=np.block)
def block(arrays: Any) -> Tensor:
    """One array of nested lists of blocks: the innermost lists are joined along the last axis, those
    around them along the axis before, and so on. Blocks get leading axes of length 1 where they lack some.

    Raises:
        ShapeError: the lists are nested to different depths, or one is empty.

    >>> A, b = Tensor([[1.0, 2.0]]), Tensor([[3.0]])
    >>> block([[A, b], [b, A]]).numpy()
    array([[1., 2., 3.],
           [3., 1., 2.]])
    """
    depth, ndim = _depth(arrays, arrays), _most_axes(arrays)
    with composite("block"):
        return _joined(arrays, depth, max(depth, ndim))


def _depth(arrays: Any, whole: Any) -> int:
    """How deep the lists are nested."""
    if isinstance(arrays, tuple):
        raise errors.DtypeError("block: takes lists of blocks, got a tuple", [whole])
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(part, whole) for part in arrays}
    if len(depths) != 1:
        what = "block: the lists are nested to different depths, or one is empty"
        raise errors.ShapeError(what, [whole], "write a matrix of blocks as [[A, B], [C, D]]")
    return depths.pop() + 1


def _most_axes(arrays: Any) -> int:
    if isinstance(arrays, list):
        return max(map(_most_axes, arrays))
    return int(numbers("block", arrays).ndim)


def _joined(arrays: Any, depth: int, ndim: int) -> Tensor:
    """The array of lists nested so deep, with so many axes."""
    if depth:
        return concatenate([_joined(part, depth - 1, ndim) for part in arrays], -depth)
    missing = ndim - numbers("block", arrays).ndim
    return moves.expand_dims(arrays, tuple(range(missing))) if missing else positive(arrays)


# --- cut into parts -------------------------------------------------------------------------------


@public(numpy=np.split)
def split(x: Operand, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """A list of the parts of x along an axis: so many equal ones, or those between the given places.

    Raises:
        ShapeError: x has no equal parts; `array_split` makes some of them shorter.

    >>> [part.tolist() for part in split(Tensor([1.0, 2.0, 3.0, 4.0]), 2)]
    [[1.0, 2.0], [3.0, 4.0]]
    >>> [part.tolist() for part in split(Tensor([1.0, 2.0, 3.0, 4.0]), [1])]
    [[1.0], [2.0, 3.0, 4.0]]
    """
    return _split("split", x, indices_or_sections, axis)


@public(numpy=np.array_split)
def array_split(x: Operand, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Like `split`, but where x has no equal parts the first ones are longer by one.

    >>> [part.tolist() for part in array_split(Tensor([1.0, 2.0, 3.0]), 2)]
    [[1.0, 2.0], [3.0]]
    """
    return _split("array_split", x, indices_or_sections, axis, equal=False)


@public(numpy=np.vsplit)
def vsplit(x: Operand, indices_or_sections: Any) -> list[Tensor]:
    """Like `split` along axis 0, of arrays with two axes or more.

    >>> [part.shape for part in vsplit(Tensor(np.zeros((4, 2))), 2)]
    [(2, 2), (2, 2)]
    """
    check_ndim("vsplit", numbers("vsplit", x), 2)
    return _split("vsplit", x, indices_or_sections, 0)


@public(numpy=np.hsplit)
def hsplit(x: Operand, indices_or_sections: Any) -> list[Tensor]:
    """Like `split` along axis 1, or axis 0 of an array with only one.

    >>> [part.shape for part in hsplit(Tensor(np.zeros((2, 4))), 2)]
    [(2, 2), (2, 2)]
    """
    t = numbers("hsplit", x)
    check_ndim("hsplit", t, 1)
    return _split("hsplit", t, indices_or_sections, min(t.ndim - 1, 1))


@public(numpy=np.dsplit)
def dsplit(x: Operand, indices_or_sections: Any) -> list[Tensor]:
    """Like `split` along axis 2, of arrays with three axes or more.

    >>> [part.shape for part in dsplit(Tensor(np.zeros((1, 2, 4))), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    check_ndim("dsplit", numbers("dsplit", x), 3)
    return _split("dsplit", x, indices_or_sections, 2)


def _split(name: str, x: Any, parts: Any, axis: int, equal: bool = True) -> list[Tensor]:
    t, parts = numbers(name, x), setting(name, parts)
    axis = place(name, t, axis)
    ends = parts if isinstance(parts, tuple) else _ends(name, t, parts, axis, equal)
    bounds = [0, *ends, t.shape[axis]]
    with composite(name):
        return _halved(t, axis, bounds) if sorted(bounds) == bounds else _cut(t, axis, bounds)


def _cut(x: Any, axis: int, bounds: list[int]) -> list[Tensor]:
    """The parts of x from each bound to the next."""
    return [moves.getitem(x, along(axis, slice(*ends))) for ends in pairwise(bounds)]


def _halved(x: Any, axis: int, bounds: list[int]) -> list[Tensor]:
    """The same, of bounds that rise from 0. Many parts are cut from halves of x, and those from halves of
    these: a part's gradient is as long as what it was cut from.
    """
    if len(bounds) <= 16:
        return _cut(x, axis, bounds)
    middle = len(bounds) // 2
    start = bounds[middle]
    left, right = _cut(x, axis, [0, start, bounds[-1]])
    rest = [end - start for end in bounds[middle:]]
    return _halved(left, axis, bounds[: middle + 1]) + _halved(right, axis, rest)


def _ends(name: str, x: Any, count: int, axis: int, equal: bool) -> list[int]:
    """Where so many parts of x end, but for the last."""
    n = x.shape[axis]
    if not isinstance(count, int):
        what = (
            f"{name}: takes a number of parts, or a list of the places between them, got {count!r}"
        )
        raise errors.DtypeError(what, [x])
    if count < 1 or (equal and n % count):
        what = f"{name}: axis {axis} of length {n} has no {count} equal parts"
        raise errors.ShapeError(what, [x], "array_split makes any number of parts from 1")
    shorter, longer = divmod(n, count)
    return [shorter * i + min(i, longer) for i in range(1, count)]
