"""Products summed over axes that are placed: `tensordot`, `inner` and their like, `cross`, `kron`."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, moves, products, reductions
from ..engine.public import plain, public
from ..engine.tensors import Tensor, raw


@public(numpy=(np.tensordot, np.linalg.tensordot))
def tensordot(a: Operand, b: Operand, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes, which the result does not have.

    Args:
        axes: how many of a's last axes to pair with b's first ones, in order; or a pair `(axes of a,
            axes of b)`, each one axis or several.

    Raises:
        ShapeError: two paired axes differ in length, or not equally many are named.

    >>> tensordot(Tensor(np.ones((2, 3))), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    ours, theirs = _paired(a, b, plain(axes, "axes"))
    with composite("tensordot", "Σ (a · b)"):
        return _product(a, b, ours, theirs)


def _paired(a: Operand, b: Operand, axes: Any) -> tuple[list[int], list[int]]:
    """The places of the axes that are summed, none of them negative."""
    left, right = (as_numbers("tensordot", raw(x), [a, b]).shape for x in (a, b))
    if isinstance(axes, int):
        if not 0 <= axes <= min(len(left), len(right)):
            what = f"tensordot: there are no {axes} axes to pair"
            raise errors.ShapeError(what, [a, b], "at most as many as the smaller ndim")
        axes = range(len(left) - axes, len(left)), range(axes)
    try:
        ours, theirs = (np.atleast_1d(part).tolist() for part in axes)
        ours, theirs = list(map(operator.index, ours)), list(map(operator.index, theirs))
    except (TypeError, ValueError):
        what = f"tensordot: axes={axes!r} is no number of axes, and no pair of axes to pair"
        fix = "axes=1, or axes=(axes of a, axes of b), each one axis or several"
        raise errors.DtypeError(what, [a, b], fix) from None
    try:
        lengths = [left[i] for i in ours], [right[i] for i in theirs]
    except IndexError:
        what = f"tensordot: an axis of {axes} does not exist"
        raise errors.AxisError(what, [a, b], errors.AXIS_FIX) from None
    ours, theirs = [i % len(left) for i in ours], [i % len(right) for i in theirs]
    if lengths[0] != lengths[1] or len({*ours}) + len({*theirs}) < 2 * len(ours):
        what = f"tensordot: the axes {ours} of {left} do not pair with {theirs} of {right}"
        fix = "name as many different axes of each, of the same lengths in pairs"
        raise errors.ShapeError(what, [a, b], fix)
    return ours, theirs


def _product(a: Operand, b: Operand, ours: list[int], theirs: list[int]) -> Tensor:
    """The product summed over paired axes, as a product of two matrices."""
    left, right = np.shape(raw(a)), np.shape(raw(b))
    rows = [i for i in range(len(left)) if i not in ours]
    columns = [i for i in range(len(right)) if i not in theirs]
    terms = math.prod(left[i] for i in ours)
    height, width = [left[i] for i in rows], [right[i] for i in columns]
    a = moves.reshape(moves.transpose(a, (*rows, *ours)), (math.prod(height), terms))
    b = moves.reshape(moves.transpose(b, (*theirs, *columns)), (terms, math.prod(width)))
    return moves.reshape(products.matmul(a, b), (*height, *width))


@public(numpy=np.inner)
def inner(a: Operand, b: Operand, /) -> Tensor:
    """The sum of products over both last axes: `y[..., :] = Σ a[..., k] · b[:, k]`. With a single number
    it is the product.

    >>> inner(Tensor([1.0, 2.0]), Tensor([[3.0, 4.0], [5.0, 6.0]])).numpy()
    array([11., 17.])
    """
    left, right = (as_numbers("inner", raw(x), [a, b]).shape for x in (a, b))
    if not (left and right):
        return arithmetic.mul(a, b)
    if left[-1] != right[-1]:
        what = f"inner: the last axes of {left} and {right} differ"
        raise errors.ShapeError(what, [a, b], "a @ b sums over other axes; transpose one (.mT)?")
    with composite("inner", "Σ (a · b)"):
        return _product(a, b, [len(left) - 1], [len(right) - 1])


@public(numpy=np.outer)
def outer(a: Operand, b: Operand) -> Tensor:
    """Each number of a with each of b, as a matrix; both are flattened first.

    >>> outer(Tensor([1.0, 2.0]), [3.0, 4.0]).numpy()
    array([[3., 4.],
           [6., 8.]])
    """
    with composite("outer"):
        return arithmetic.mul(moves.reshape(a, (-1, 1)), moves.reshape(b, (1, -1)))


@public(numpy=np.vdot)
def vdot(a: Operand, b: Operand, /) -> Tensor:
    """The sum of products of two arrays of equally many numbers, both flattened.

    >>> vdot(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])).item()
    11.0
    """
    with composite("vdot"):
        return products.matmul(moves.reshape(a, -1), moves.reshape(b, -1))


@public(numpy=(np.vecdot, np.linalg.vecdot))
def vecdot(a: Operand, b: Operand, /, axis: int = -1) -> Tensor:
    """The sum of products along an axis, of vectors or stacks of them that broadcast. As in NumPy, the axis
    is taken of each of them, before they broadcast.

    Raises:
        ShapeError: the vectors differ in length.

    >>> vecdot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0])).numpy()
    array([3., 7.])
    """
    axis = plain(axis, "axis")
    shapes = _with_axis("vecdot", a, b, axis)
    left, right = (shape[axis] for shape in shapes)
    if left != right:
        what = (
            f"vecdot: vectors of length {left} and {right}, of shapes {shapes[0]} and {shapes[1]}"
        )
        raise errors.ShapeError(what, [a, b], "the axis of the components is `axis`")
    with composite("vecdot", "Σ (a · b)"):
        a, b = (_last(x, axis, len(s)) for x, s in zip((a, b), shapes, strict=True))
        return reductions.sum(arithmetic.mul(a, b), -1)


@public(numpy=getattr(np, "matvec", ()))
def matvec(a: Operand, x: Operand, /) -> Tensor:
    """Matrices times vectors, `(..., m, n), (..., n) -> (..., m)`, in stacks that broadcast.

    >>> matvec(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[1.0, 1.0], [0.0, 1.0]])).numpy()
    array([[3., 7.],
           [2., 4.]])
    """
    with composite("matvec", "a @ x"):
        return moves.squeeze(products.matmul(a, moves.expand_dims(x, -1)), -1)


@public(numpy=getattr(np, "vecmat", ()))
def vecmat(x: Operand, a: Operand, /) -> Tensor:
    """Vectors times matrices, `(..., m), (..., m, n) -> (..., n)`, in stacks that broadcast.

    >>> vecmat(Tensor([1.0, 1.0]), Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([4., 6.])
    """
    with composite("vecmat", "x @ a"):
        return moves.squeeze(products.matmul(moves.expand_dims(x, -2), a), -2)


@public(numpy=np.kron)
def kron(a: Operand, b: Operand) -> Tensor:
    """The Kronecker product: each number of a times the whole of b, side by side.

    >>> kron(Tensor([1.0, 10.0]), Tensor([1.0, 2.0])).numpy()
    array([ 1.,  2., 10., 20.])
    """
    left, right = (as_numbers("kron", raw(x), [a, b]).shape for x in (a, b))
    n = max(len(left), len(right))
    left, right = (1,) * (n - len(left)) + left, (1,) * (n - len(right)) + right
    with composite("kron"):
        a = moves.expand_dims(moves.reshape(a, left), tuple(range(1, 2 * n, 2)))
        b = moves.expand_dims(moves.reshape(b, right), tuple(range(0, 2 * n, 2)))
        shape = tuple(i * k for i, k in zip(left, right, strict=True))
        return moves.reshape(arithmetic.mul(a, b), shape)


@public(numpy=(np.cross, np.linalg.cross))
def cross(a: Operand, b: Operand, axis: int | None = -1) -> Tensor:
    """The cross product of vectors of length 3 along an axis; stacks of them broadcast.

    Raises:
        ShapeError: the axis has not length 3 (NumPy's vectors of length 2 are deprecated there).

    >>> cross(Tensor([1.0, 0.0, 0.0]), Tensor([0.0, 1.0, 0.0])).numpy()
    array([0., 0., 1.])
    """
    axis = -1 if axis is None else plain(axis, "axis")
    shapes = _with_axis("cross", a, b, axis)
    for shape in shapes:
        if shape[axis] != 3:
            what = f"cross: takes vectors of length 3, the axis {axis} of {shape} has {shape[axis]}"
            raise errors.ShapeError(what, [a, b], "the axis of the components is `axis`")
    with composite("cross"):
        a, b = (_last(x, axis, len(s)) for x, s in zip((a, b), shapes, strict=True))
        after, before = (..., [1, 2, 0]), (..., [2, 0, 1])
        y = arithmetic.sub(
            arithmetic.mul(moves.getitem(a, after), moves.getitem(b, before)),
            arithmetic.mul(moves.getitem(a, before), moves.getitem(b, after)),
        )
        order = list(range(y.ndim - 1))
        order.insert(axis % y.ndim, y.ndim - 1)
        return y if axis == -1 else moves.transpose(y, tuple(order))


def _with_axis(name: str, a: Operand, b: Operand, axis: Any) -> list[tuple[int, ...]]:
    """The shapes of two operands, both of which must have this axis."""
    if not isinstance(axis, int):
        raise errors.DtypeError(f"{name}: takes one axis, got {axis!r}", [a, b])
    shapes = [as_numbers(name, raw(x), [a, b]).shape for x in (a, b)]
    for shape in shapes:
        if not -len(shape) <= axis < len(shape):
            what = f"{name}: axis {axis} is out of bounds for the shape {shape}"
            raise errors.AxisError(what, [a, b], errors.AXIS_FIX)
    return shapes


def _last(x: Operand, axis: int, ndim: int) -> Operand:
    """x with an axis moved to the end."""
    order = [i for i in range(ndim) if i != axis % ndim]
    return x if axis in (-1, ndim - 1) else moves.transpose(x, (*order, axis))
