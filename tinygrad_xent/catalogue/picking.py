"""Parts of arrays: diagonals, triangles, chosen places; arrays made to fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..engine import errors
from ..engine.arrays import as_condition, as_indices
from ..engine.breadth.composites import several
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import moves, reductions, selection
from ..engine.public import public
from ..engine.symbols import arange, tri
from ..engine.tensors import Tensor, raw
from .axes import ravel
from .inputs import along, check_ndim, numbers, place, setting, whole

# --- places that are named ------------------------------------------------------------------------


@public(numpy=np.take, method=True)
def take(x: Operand, indices: Operand, axis: int | None = None) -> Tensor:
    """The elements, or slices, at these indices along an axis; of x flattened if `axis` is None. What is
    taken several times gets the sum of the gradients.

    Raises:
        DtypeError: the indices are not integers.
        OutOfRangeError: one is past the end: there is no other `mode`.

    >>> take(Tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 1, 0], axis=1).numpy()
    array([[2., 2., 1.],
           [4., 4., 3.]])
    """
    t, axis = numbers("take", x), setting("take", axis)
    chosen = as_numbers("take", raw(indices))
    if chosen.size == 0:
        chosen = chosen.astype(np.intp)  # NumPy makes an array of floats of an empty list
    try:
        chosen = as_indices(chosen)
    except IndexError as error:
        raise errors.explain("take", [t, indices], (), error) from None
    with composite("take"):
        if axis is None:
            t, axis = ravel(t), 0
        return moves.getitem(t, along(place("take", t, axis), chosen))


@public(numpy=np.compress)
def compress(condition: Operand, x: Operand, axis: int | None = None) -> Tensor:
    """The elements, or slices along an axis, where a boolean line holds; it may be shorter than the axis.

    >>> compress([True, False], Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0).numpy()
    array([[1., 2.]])
    """
    line = _mask("compress", condition)
    if line.ndim != 1:
        what = f"compress: the condition must have one axis, its shape is {line.shape}"
        raise errors.ShapeError(what, [line], "x[mask] takes one of x's shape")
    return take(x, np.flatnonzero(line), axis)


@public(numpy=np.extract)
def extract(condition: Operand, x: Operand) -> Tensor:
    """The elements where a boolean array of x's size holds, in one line, as `x[condition]`.

    >>> extract([[True, False], [False, True]], Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([1., 4.])
    """
    mask = _mask("extract", condition)
    with composite("extract"):
        return moves.getitem(ravel(numbers("extract", x)), mask.reshape(-1))


@public(numpy=np.select)
def select(
    condlist: Sequence[Operand], choicelist: Sequence[Operand], default: Operand = 0
) -> Tensor:
    """The first choice whose condition holds, elementwise; the default where none does. What is not
    chosen has gradient 0, as with `where`.

    Raises:
        ShapeError: the lists are empty, or differ in length.

    >>> x = Tensor([-2.0, 0.5, 3.0])
    >>> select([x < 0, x > 1], [-x, x * x], default=x).numpy()
    array([2. , 0.5, 9. ])
    """
    conditions, choices = several("select", condlist), several("select", choicelist)
    if len(conditions) != len(choices) or not choices:
        what = f"select: {len(conditions)} conditions and {len(choices)} choices"
        raise errors.ShapeError(what, [], "a choice for each condition, and one at least")
    result: Any = default
    with composite("select"):
        for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
            result = selection.where(_mask("select", condition), choice, result)
        return result  # type: ignore[no-any-return]


def _mask(name: str, condition: Any) -> Any:
    """A boolean array."""
    try:
        return as_condition(as_numbers(name, raw(condition)))
    except TypeError as error:
        raise errors.explain(name, [condition], (), error) from None


# --- diagonals and triangles ----------------------------------------------------------------------


@public(numpy=np.diagonal, method=True)
def diagonal(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of the planes of two axes, along a new last axis.

    Args:
        offset: how far to the right of the main diagonal; negative to the left.

    >>> diagonal(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([1., 4.])
    """
    t, offset = numbers("diagonal", x), whole("diagonal", "offset", offset)
    check_ndim("diagonal", t, 2)
    first, second = place("diagonal", t, axis1), place("diagonal", t, axis2)
    if first == second:
        raise errors.ShapeError("diagonal: axis1 and axis2 are the same", [t])
    rest = [axis for axis in range(t.ndim) if axis not in (first, second)]
    rows, columns = max(-offset, 0), max(offset, 0)
    steps = arange(max(min(t.shape[first] - rows, t.shape[second] - columns), 0))
    with composite("diagonal"):
        planes = moves.transpose(t, (*rest, first, second))
        return moves.getitem(planes, (..., steps + rows, steps + columns))


@public(numpy=np.trace)
def matrix_trace(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal of the planes of two axes. It is what `np.trace` gives; `tx.trace` looks at
    the tape.

    >>> matrix_trace(Tensor([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    with composite("matrix_trace", "Σ diagonal"):
        return reductions.sum(diagonal(x, offset, axis1, axis2), -1)


@public(numpy=np.diag, method=True)
def diag(x: Operand, k: int = 0) -> Tensor:
    """A square matrix with a line on its diagonal, and zeros; or the diagonal of a matrix.

    Args:
        k: how far to the right of the main diagonal; negative to the left.

    >>> diag(Tensor([1.0, 2.0])).numpy()
    array([[1., 0.],
           [0., 2.]])
    >>> diag(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([1., 4.])
    """
    t, k = numbers("diag", x), whole("diag", "k", k)
    if t.ndim == 2:
        return diagonal(t, k)
    if t.ndim != 1:
        what = f"diag: takes a line or a matrix, the shape is {t.shape}"
        raise errors.ShapeError(what, [t], "diagonal takes stacks of matrices, diagflat any shape")
    n = t.size + abs(k)
    start = k if k >= 0 else -k * n
    places = slice(start, start + t.size * (n + 1), n + 1)
    with composite("diag"):
        return moves.reshape(moves.scatter(t, (n * n,), places), (n, n))


@public(numpy=np.diagflat)
def diagflat(x: Operand, k: int = 0) -> Tensor:
    """A square matrix with all elements of x on its diagonal, and zeros.

    >>> diagflat(Tensor([[1.0, 2.0]])).numpy()
    array([[1., 0.],
           [0., 2.]])
    """
    return diag(ravel(x), k)


@public(numpy=np.tril, method=True)
def tril(x: Operand, k: int = 0) -> Tensor:
    """The lower triangle of each matrix of a stack, up to the k-th diagonal; zeros above.

    >>> tril(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[1., 0.],
           [3., 4.]])
    """
    return _triangle("tril", x, k, lower=True)


@public(numpy=np.triu, method=True)
def triu(x: Operand, k: int = 0) -> Tensor:
    """The upper triangle of each matrix of a stack, from the k-th diagonal on; zeros below.

    >>> triu(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[1., 2.],
           [0., 4.]])
    """
    return _triangle("triu", x, k, lower=False)


def _triangle(name: str, x: Any, k: int, lower: bool) -> Tensor:
    t, k = numbers(name, x), whole(name, "k", k)
    check_ndim(name, t, 2)
    rows, columns = t.shape[-2:]
    below = tri(rows, columns, k if lower else k - 1, dtype=bool)
    zero = False if t.dtype == bool else 0
    return selection.where(below if lower else ~below, t, zero)


# --- arrays that fit each other -------------------------------------------------------------------


@public(numpy=np.broadcast_arrays)
def broadcast_arrays(*arrays: Operand) -> tuple[Tensor, ...]:
    """The arrays stretched to the shape to which they broadcast together, as a tuple.

    >>> [t.tolist() for t in broadcast_arrays(Tensor([1.0, 2.0]), 3.0)]
    [[1.0, 2.0], [3.0, 3.0]]
    """
    found = [numbers("broadcast_arrays", x) for x in arrays]
    try:
        shape = np.broadcast_shapes(*(x.shape for x in found))
    except ValueError as error:
        raise errors.explain("broadcast_arrays", found, (), error) from None
    with composite("broadcast_arrays"):
        return tuple(moves.broadcast_to(x, shape) for x in found)


@public(numpy=np.meshgrid)
def meshgrid(
    *arrays: Operand, indexing: Literal["xy", "ij"] = "xy", sparse: bool = False
) -> tuple[Tensor, ...]:
    """The coordinates of a grid: for each line an array that changes along that line's axis only.

    Args:
        indexing: "ij": the i-th line is along axis i; "xy": the first two change places, as in a picture.
        sparse: leave the other axes at length 1.

    >>> [t.tolist() for t in meshgrid(Tensor([1.0, 2.0]), Tensor([3.0, 4.0, 5.0]), indexing="ij")]
    [[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [[3.0, 4.0, 5.0], [3.0, 4.0, 5.0]]]
    """
    if indexing not in ("xy", "ij"):
        what = f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}"
        raise errors.BadValueError(what)
    found = [numbers("meshgrid", x) for x in arrays]
    axes = list(range(len(found)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    with composite("meshgrid"):
        lines = [
            moves.reshape(x, tuple(x.size if i == axis else 1 for i in range(len(found))))
            for x, axis in zip(found, axes, strict=True)
        ]
        return tuple(lines) if sparse else broadcast_arrays(*lines)
