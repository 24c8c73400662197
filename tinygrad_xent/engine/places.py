"""Array functions that read elements at places, and those that add to zeros where these read.

Part of `arrays.py`, through which the operations use them. An element that was read twice gets both parts,
added in float64 where adding one after the other would lose digits.
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import Any

import numpy as np

from .sums import LAST, Array
from .symbols import Symbol, arange, asarray, noting, zeros


def as_indices(indices: Array) -> Array:
    """Indices, which must be integers: NumPy would take booleans as 0 and 1."""
    indices = asarray(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError(f"indices must be integers, got {indices.dtype}")
    return indices


_ONCE = (int, np.integer, slice, type(None), type(...))  # like masks, these name no element twice


def scatter(g: Array, shape: tuple[int, ...], index: Any) -> Array:
    """Zeros of `shape` with `g` added at `index`: an element that was read twice gets both parts."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(p, _ONCE) or getattr(p, "dtype", None) == np.bool_ for p in parts):
        out = zeros(shape, g.dtype)
        out[index] = g
    elif isinstance(index, np.ndarray) and g.size > 256 and g.shape == index.shape + shape[1:]:
        # np.add.at adds numbers one by one 4 times as fast as whole rows.
        row, rows = math.prod(shape[1:]), index.astype(np.intp) % shape[0]
        places = rows[..., None] * row + np.arange(row)
        most = int(np.bincount(rows.reshape(-1)).max())
        out = _add_at(g.reshape(-1), (math.prod(shape),), places.reshape(-1), most).reshape(shape)
    else:  # integer arrays and lists may name an element more than once
        out = _add_at(g, shape, index, g.size)
    return out


def _add_at(g: Array, shape: tuple[int, ...], place: Any, most: int) -> Array:
    """Zeros with `g` added at a place that names no element more often than `most`; in float64 where
    adding one number after the other would lose digits.
    """
    narrow = g.dtype.char == "e" or (g.dtype.char == "f" and most > 128)
    out = zeros(shape, np.float64 if narrow else g.dtype)
    np.add.at(out, place, g.astype(out.dtype, copy=False))
    return out.astype(g.dtype, copy=False)


def _place(shape: tuple[int, ...], indices: Array, axis: int) -> tuple[Array, ...]:
    """The full index of the elements that `indices` names along an axis: around `indices` one range
    per other axis, shaped to broadcast against each other.
    """
    # Only small ranges are cached: large ones would fill the memory as batch shapes keep changing.
    cached = math.prod(shape) <= 1 << 13 and not noting()
    mesh = _small_mesh if cached else _new_mesh
    before, after = mesh(shape, axis)
    return (*before, indices, *after)


def _new_mesh(shape: tuple[int, ...], axis: int) -> tuple[list[Array], list[Array]]:
    ndim = len(shape)
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    axis %= ndim
    grids = [arange(n).reshape((-1,) + (1,) * (ndim - 1 - i)) for i, n in enumerate(shape)]
    return grids[:axis], grids[axis + 1 :]


_small_mesh = lru_cache(maxsize=256)(_new_mesh)  # 16 MB at most


def take_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """Like `np.take_along_axis`, which rebuilds the index of the other axes at each call."""
    if indices.ndim != x.ndim:
        raise ValueError(f"the indices have {indices.ndim} axes, the array {x.ndim}")
    return x[_place(x.shape, indices, axis)]


def scatter_along_axis(g: Array, indices: Array, shape: tuple[int, ...], axis: int) -> Array:
    """Zeros of `shape` with `g` added where `take_along_axis(x, indices, axis)` read."""
    place = _place(shape, indices, axis)
    stretched = any(k > n for k, n in zip(indices.shape, shape, strict=True))
    if indices.shape[axis] > 1 or stretched:
        return _add_at(g, shape, place, g.size)
    out = zeros(shape, g.dtype)
    out[place] = g  # one element per line: nothing is named twice
    return out


def _label_place(x: Array, labels: Array, axis: int) -> Any:
    """x, and the index of one element per line along an axis, given by labels in 0 ... n - 1 with an
    axis of length 1 there. A matrix is flattened, since one index array is 3 to 5 times as fast as
    two.
    """
    if x.ndim != 2 or axis not in LAST or not x.flags.c_contiguous:
        return x, _place(x.shape, labels, axis)
    if isinstance(x, Symbol):  # as an author would write it
        return x, (arange(len(x)), labels.reshape(-1))
    starts = _small_row_starts if len(x) <= 1 << 13 else _row_starts
    return x.ravel(), starts(*x.shape) + labels.ravel()


def _row_starts(rows: int, columns: int) -> Array:
    return np.arange(0, rows * columns, columns)


_small_row_starts = lru_cache(maxsize=64)(_row_starts)  # 4 MB at most


def take_labels(x: Array, labels: Array, axis: int) -> Array:
    """Like `take_along_axis`, for labels known to be in range; the result's shape is unspecified."""
    x, place = _label_place(x, labels, axis)
    return x[place]


def subtract_at_labels(x: Array, g: Array, labels: Array, axis: int) -> Array:
    """x, changed in place: the number `g` is subtracted where `take_labels` reads."""
    lines, place = _label_place(x, labels, axis)
    lines[place] -= g
    return x
