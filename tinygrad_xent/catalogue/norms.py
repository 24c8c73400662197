"""Norms of vectors and matrices: `tx.linalg.norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import errors
from ..engine.arrays import Array, Axis
from ..engine.breadth.composites import in_float32
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import arithmetic, elementwise, moves, reductions
from ..engine.ops.selection import where
from ..engine.public import op, plain, public
from ..engine.symbols import asarray
from ..engine.tensors import Tensor, raw
from .decompositions import svdvals
from .inputs import in_floats, places


def _length_vjp(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    g, y = (reductions.unreduce(v, axis, keepdims) for v in (g, y))
    nothing = raw(y) == 0
    return where(nothing, 0, x * (g / where(nothing, 1, y)))


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("√Σ x²", ("g · x / y where y ≠ 0", _length_vjp),
    kind="reduction", export=False, namespace="linalg", spoken="norm")
def length(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The row behind `norm`: the Euclidean length. Its gradient is 0 where it is 0, as in PyTorch."""
    a = xp.floats(asarray(x))
    wide = np.multiply(a, a, dtype=np.float32) if a.dtype.char == "e" else a * a
    return asarray(xp.sqrt(xp.sum(wide, axis, keepdims))).astype(a.dtype)


# fmt: on


@public(numpy=np.linalg.norm, namespace="linalg")
@in_float32
def norm(x: Operand, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors along an axis, of matrices along two, or of all numbers together.

    Args:
        ord: of vectors a number from 1 on (the p-norm), `inf`, `-inf` or 0 (how many are not 0); of
            matrices `"fro"`, `"nuc"`, 2, -2 (of their singular values), 1, -1, `inf` or `-inf` (sums of
            columns or rows). None is the Euclidean norm of all numbers along the axes, of any number.
        axis: if it is None and an `ord` is given, x must be a vector or a matrix.

    The gradient is 0 where the p-norm is 0; ties of a maximum share it evenly, as in PyTorch.

    Raises:
        BadValueError: there is no such norm.

    >>> norm(Tensor([3.0, -4.0])).item(), norm(Tensor([3.0, -4.0]), ord=1).item()
    (5.0, 7.0)
    """
    ord, axis, x = plain(ord, "ord"), plain(axis, "axis"), in_floats("norm", x)
    if not isinstance(ord, (int, float, str, type(None))):
        raise errors.DtypeError(f"norm: ord must be a number or a text, got {ord!r}", [x])
    if ord is None:
        return length(x, axis, keepdims)
    axes = tuple(range(np.ndim(raw(x)))) if axis is None else np.atleast_1d(axis).tolist()
    if len(axes) not in (1, 2):
        what = f"norm: ord={ord!r} is a norm of one axis or of two, not of {len(axes)}"
        raise errors.ShapeError(what, [x], "name the axes of the vectors or matrices")
    with composite("norm"):
        norms: Any = _of_vectors if len(axes) == 1 else _of_matrices
        found: Tensor | None = norms(x, ord, *axes, keepdims)
    if found is None:
        kind = "vectors" if len(axes) == 1 else "matrices"
        fix = "ord=2, say; vectors have p-norms from 1 on, matrices 'fro', 'nuc' and ±1, ±2, ±inf"
        raise errors.BadValueError(f"norm: {kind} have no norm {ord!r}", [x], fix)
    return found


def _of_vectors(x: Operand, ord: Any, axis: int, keepdims: bool) -> Tensor | None:
    if ord == 2:
        return length(x, axis, keepdims)
    if isinstance(ord, str) or not (ord >= 1 or ord in (0, -np.inf)):
        return None
    sizes = elementwise.abs(x)
    if ord in (np.inf, -np.inf):
        return (_largest if ord > 0 else reductions.min)(sizes, axis, keepdims)
    if ord == 0:
        return reductions.sum(
            where(raw(sizes) != 0, 1.0, arithmetic.mul(sizes, 0.0)), axis, keepdims
        )
    if ord == 1:
        return reductions.sum(sizes, axis, keepdims)
    total = reductions.sum(elementwise.pow(sizes, ord), axis, keepdims)
    nothing = raw(total) == 0  # the slope of its root would be infinite
    return where(nothing, 0.0, elementwise.pow(where(nothing, 1.0, total), 1 / ord))


def _of_matrices(x: Operand, ord: Any, rows: int, columns: int, keepdims: bool) -> Tensor | None:
    rows, columns = places("norm", x, (rows, columns))
    if ord == "fro":
        return length(x, (rows, columns), keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        added, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = reductions.sum(elementwise.abs(x), added, keepdims=True)
        found = (_largest if ord > 0 else reductions.min)(sums, left, keepdims=True)
        return found if keepdims else moves.squeeze(found, (rows, columns))
    reduced: Any = {"nuc": reductions.sum, 2: _largest, -2: reductions.min}.get(ord)
    if reduced is None:
        return None
    found = reduced(svdvals(_with_last(x, (rows, columns))), -1)
    return moves.expand_dims(found, (rows, columns)) if keepdims else found


def _largest(sizes: Tensor, axis: int, keepdims: bool = False) -> Tensor:
    """The largest of numbers that are not negative; of none it is 0, as their sum is."""
    return (reductions.max if sizes.shape[axis] else reductions.sum)(sizes, axis, keepdims)


def _with_last(x: Operand, axes: tuple[int, ...]) -> Tensor:
    """x with these axes, counted from 0, moved to the end."""
    rest = (i for i in range(np.ndim(raw(x))) if i not in axes)
    return moves.transpose(x, (*rest, *axes))
