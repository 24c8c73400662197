"""Moves: the same numbers in another shape, in other positions, or picked by an index.

Each rule moves the gradient back; the adjoint of picking adds to an array of zeros (`scatter`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays as xp
from .. import errors
from ..arrays import Array, Axis
from ..methods import Operand
from ..operands import as_index, as_numbers
from ..public import method, op
from ..table import SAME
from ..tensors import Tensor, raw

_BACK = ("reshape(g, x_shape)", lambda g, x_shape: reshape(g, x_shape))

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("reshape(x, shape)", _BACK, kind="moves", numpy=np.reshape)
def reshape(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """The same elements in another shape; one size may be -1.

    Raises:
        ShapeError: the shape holds another number of elements.

    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1)).numpy()
    array([[1., 2.],
           [3., 4.]])
    """
    return xp.reshape(x, shape)


@op("transpose(x, axes)", ("transpose(g, inverse(axes))", lambda g, axes: transpose(g, axes and xp.inverse_permutation(axes))),
    kind="moves", numpy=np.transpose, aliases=("permute_dims",))
def transpose(x: Operand, /, axes: tuple[int, ...] | None = None) -> Array:
    """x with its axes permuted; reversed if `axes` is None.

    >>> transpose(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    return xp.transpose(x, axes)


@op("squeeze(x, axis)", _BACK, kind="moves", numpy=np.squeeze, method=True)
def squeeze(x: Operand, /, axis: Axis = None) -> Array:
    """x without its axes of length 1, or without those named.

    Raises:
        ShapeError: a named axis is longer than 1 (as in NumPy; PyTorch leaves such an axis alone).

    >>> squeeze(Tensor([[1.0, 2.0]])).numpy()
    array([1., 2.])
    """
    return xp.squeeze(x, axis)


@op("expand(x, axis)", _BACK, kind="moves", numpy=np.expand_dims, method=True)
def expand_dims(x: Operand, /, axis: int | tuple[int, ...]) -> Array:
    """x with a new axis of length 1 at each named position.

    >>> expand_dims(Tensor([1.0, 2.0]), 0).numpy()
    array([[1., 2.]])
    """
    return xp.expand_dims(x, axis)


@op("broadcast(x, shape)", SAME, kind="elementwise moves", numpy=np.broadcast_to, method=True)
def broadcast_to(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """x broadcast to a shape, along new axes or axes of length 1; its gradient is summed over them.

    Raises:
        ShapeError: x does not broadcast to the shape.

    >>> broadcast_to(Tensor([1.0, 2.0]), (2, 2)).numpy()
    array([[1., 2.],
           [1., 2.]])
    """
    return xp.broadcast_to(x, shape)


@op("join(arrays)", ("part(g, shapes, i)", lambda g, shapes, axis, i: g[xp.part(g, shapes, axis, i)]),
    kind="moves", export=False, spoken="concatenate")
def join(*arrays: Operand, axis: int = 0) -> Array:
    """The row behind `concatenate`: each array is a separate input."""
    return xp.concatenate(arrays, axis)


@op("x[index]", ("scatter(g, index)", lambda g, x_shape, index: scatter(g, x_shape, index)),
    kind="moves selects", export=False, spoken="index")
def getitem(x: Operand, /, index: Any) -> Array:
    """The row behind `x[index]`: slices, integers, integer arrays, boolean masks.

    An element read several times gets the sum of the gradients.
    """
    return xp.getitem(x, index)


@op("scatter(x, shape, index)", ("g[index]", lambda g, index: getitem(g, index)), kind="moves", export=False)
def scatter(x: Operand, /, shape: tuple[int, ...], index: Any) -> Array:
    """Zeros of the given shape with x added at an index: the adjoint of `getitem`."""
    return xp.scatter(x, shape, index)


@op("x[indices]",
    ("scatter(g, indices)", lambda g, indices, x_shape, axis: scatter_along_axis(g, indices, x_shape, axis)),
    None,
    kind="moves selects", numpy=np.take_along_axis)
def take_along_axis(x: Operand, indices: Operand, /, axis: int = -1) -> Array:
    """Elements picked along an axis, as by `numpy.take_along_axis`: one index per output element.

    Raises:
        DtypeError: the indices are not integers.
        OutOfRangeError: one is past the end of the axis.

    >>> take_along_axis(Tensor([[0.1, 0.9], [0.8, 0.2]]), np.array([[1], [0]]), axis=1).numpy()
    array([[0.9],
           [0.8]])
    """
    return xp.take_along_axis(x, xp.as_indices(indices), axis)


@op("scatter(x, shape, indices)",
    ("g[indices]", lambda g, indices, axis: take_along_axis(g, indices, axis)),
    None,
    kind="moves", export=False)
def scatter_along_axis(x: Operand, indices: Operand, /, shape: tuple[int, ...], axis: int) -> Array:
    """Zeros with x added at indices along an axis: the adjoint of `take_along_axis`."""
    return xp.scatter_along_axis(x, indices, shape, axis)


@op("astype(x, dtype)", SAME, kind="elementwise moves", method=True)
def astype(x: Operand, /, dtype: Any) -> Array:
    """x in another floating dtype; its gradient is converted back to x's dtype.

    >>> astype(Tensor([1.0, 2.0]), np.float32).numpy()
    array([1., 2.], dtype=float32)
    """
    return xp.astype(as_numbers("astype", x), dtype)


@op("x", SAME, kind="elementwise moves")
def identity(x: Operand, /) -> Array:
    """x itself, as a new place on the tape, so that you can look at the gradient at this place.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> here = identity(x)
    >>> tx.trace((here * 3).sum())[here].gradient
    array([3., 3.])
    """
    return xp.view(x)


# --- the same as attributes and methods of Tensor, where the arguments differ -----------------------
# fmt: on


@method("T", computed=True)
def _reversed(self: Tensor) -> Tensor:
    """The transpose: all axes reversed."""
    return transpose(self)


@method("mT", computed=True)
def _matrix_transpose(self: Tensor) -> Tensor:
    """The transpose of each matrix of a stack: the last two axes swapped."""
    if self.ndim < 2:
        what = f"mT: needs at least 2 axes, the shape is {self.shape}"
        raise errors.ShapeError(what, [self], "use expand_dims(x, axis)")
    axes = tuple(range(self.ndim))
    return transpose(self, (*axes[:-2], axes[-1], axes[-2]))


@method("reshape")
def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: `t.reshape(2, 3)` or `t.reshape((2, 3))`."""
    return reshape(self, shape[0] if len(shape) == 1 else shape)


@method("transpose")
def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes permuted, or reversed if none is named: `t.transpose(1, 0)`, `t.transpose((1, 0))`."""
    one = len(axes) == 1 and not isinstance(axes[0], int)
    return transpose(self, axes[0] if one else axes or None)


@method("__getitem__")
def _getitem(self: Tensor, index: Any) -> Tensor:
    return getitem(self, raw_index(index))


def raw_index(index: Any) -> Any:
    """An index with its tensors as raw arrays."""
    if isinstance(index, tuple):
        return tuple(raw_index(part) for part in index)
    return as_index(raw(index))
