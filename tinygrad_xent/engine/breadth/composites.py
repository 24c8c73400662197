"""Composites: functions made of the table's operations, each a named scope.

They need no rules: their gradient comes from the operations they are made of. A picture draws each
as one box that opens. Like the rows they take tensors, arrays or lists, and return a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from ..arrays import Axis
from ..context import composite
from ..methods import Operand
from ..operands import as_numbers
from ..ops import arithmetic, moves, products, reductions
from ..public import public
from ..tensors import Tensor, is_tensor, raw


@public(numpy=np.mean, method=True)
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over an axis, several axes, or all.

    >>> mean(Tensor([[1.0, 3.0], [5.0, 7.0]]), axis=0).numpy()
    array([3., 5.])
    """
    with composite("mean", "Σ x / n"):
        return arithmetic.div(reductions.sum(x, axis, keepdims), _count(x, axis))


@public(numpy=np.var, method=True)
def var(x: Operand, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The variance over an axis, several axes, or all: the mean squared distance from the mean.

    Args:
        ddof: as in NumPy, the divisor is the count less `ddof`: 1 for the sample variance.

    >>> var(Tensor([1.0, 2.0, 3.0])).item()
    0.6666666666666666
    """
    with composite("var", "Σ (x - mean)² / (n - ddof)"):
        centred = arithmetic.sub(x, mean(x, axis, keepdims=True))
        squares = arithmetic.mul(centred, centred)
        return arithmetic.div(reductions.sum(squares, axis, keepdims), _count(x, axis) - ddof)


@public(numpy=np.concatenate)
def concatenate(arrays: Sequence[Operand], axis: int | None = 0) -> Tensor:
    """The arrays joined along an existing axis; flattened first if `axis` is None.

    >>> concatenate([Tensor([1.0]), Tensor([2.0, 3.0])]).numpy()
    array([1., 2., 3.])
    """
    arrays = _several("concatenate", arrays)
    if axis is None:
        arrays, axis = [moves.reshape(x, -1) for x in arrays], 0
    return moves.join(*arrays, axis=axis)


@public(numpy=np.stack)
def stack(arrays: Sequence[Operand], axis: int = 0) -> Tensor:
    """The arrays, all of one shape, joined along a new axis.

    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    arrays = _several("stack", arrays)
    shapes = {as_numbers("stack", raw(x), arrays).shape for x in arrays}
    if len(shapes) > 1:
        what = f"stack: the shapes differ: {', '.join(map(str, sorted(shapes)))}"
        raise errors.ShapeError(what, arrays, "reshape them to one shape first")
    with composite("stack"):
        return moves.join(*(moves.expand_dims(x, axis) for x in arrays), axis=axis)


@public(numpy=np.square)
def square(x: Operand, /) -> Tensor:
    """x · x, elementwise.

    >>> square(Tensor([2.0, 3.0])).numpy()
    array([4., 9.])
    """
    return arithmetic.mul(x, x)


@public(numpy=np.positive, operator="pos")
def positive(x: Operand, /) -> Tensor:
    """+x: x itself.

    >>> positive(Tensor([2.0, -3.0])).numpy()
    array([ 2., -3.])
    """
    return x if is_tensor(x) else moves.identity(x)


@public(numpy=np.dot, export=False)
def dot(a: Operand, b: Operand, /) -> Any:
    """What `np.dot` gives: the product with a scalar, else `matmul`. It declines stacks of matrices
    where `np.dot` and `matmul` differ.
    """
    if 0 in (np.ndim(raw(a)), np.ndim(raw(b))):
        return arithmetic.mul(a, b)
    if np.ndim(raw(a)) > 1 and np.ndim(raw(b)) > 2:
        return NotImplemented
    return products.matmul(a, b)


def _count(x: Any, axis: Axis) -> int:
    """How many elements a reduction over the axis combines; `sum` has checked the axis."""
    shape = np.shape(raw(x))
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))


def _several(name: str, arrays: Any) -> list[Any]:
    if is_tensor(arrays) or not hasattr(arrays, "__iter__"):
        what = f"{name}: takes a sequence of arrays"
        raise errors.DtypeError(what, [arrays], f"{name}([a, b])")
    return list(arrays)
