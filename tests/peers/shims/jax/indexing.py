"""XLA's slices, gathers and scatters: windows of an array that start at given places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import tinygrad_xent as tx

_slice = slice


class GatherDimensionNumbers(NamedTuple):
    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]


class ScatterDimensionNumbers(NamedTuple):
    update_window_dims: tuple[int, ...]
    inserted_window_dims: tuple[int, ...]
    scatter_dims_to_operand_dims: tuple[int, ...]


def whole(x: Any) -> Any:
    """Indices as an array."""
    return np.asarray(x.numpy() if isinstance(x, tx.Tensor) else x)


def slice(x: Any, starts: Any, ends: Any, strides: Any = None) -> Any:
    steps = strides or (1,) * len(starts)
    return tx.asarray(x)[tuple(map(_slice, starts, ends, steps))]


def inside(shape: Sequence[int], starts: Any, sizes: Sequence[int]) -> tuple[_slice, ...]:
    """The slices of these sizes, moved into the array; a negative start counts from the end."""
    found = []
    for n, start, size in zip(shape, map(int, map(whole, starts)), sizes, strict=True):
        first = min(max(start + n if start < 0 else start, 0), n - size)
        found.append(_slice(first, first + size))
    return tuple(found)


def dynamic_slice(x: Any, starts: Any, sizes: Sequence[int]) -> Any:
    return tx.asarray(x)[inside(np.shape(x), starts, sizes)]


def dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
    return tx.asarray(x).at[inside(np.shape(x), starts, np.shape(update))].set(update)


def dynamic_index_in_dim(x: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Any:
    shape = list(np.shape(x))
    starts = [index if i == axis else 0 for i in range(len(shape))]
    shape[axis] = 1
    found = dynamic_slice(x, starts, shape)
    return found if keepdims else tx.squeeze(found, axis)


def dynamic_update_index_in_dim(x: Any, update: Any, index: Any, axis: int) -> Any:
    return dynamic_update_slice(x, update, [index if i == axis else 0 for i in range(np.ndim(x))])


def index_take(x: Any, indices: Any, axes: Sequence[int]) -> Any:
    return tx.moveaxis(x, tuple(axes), tuple(range(len(axes))))[tuple(indices)]


def places(
    shape: Sequence[int], starts: Any, axes: Sequence[int], sizes: Sequence[int]
) -> tuple[tuple[Any, ...], Any]:
    """An index for each entry of windows, one window to each row of `starts`; and which are inside.

    Those that are not are moved in.
    """
    first = np.zeros((len(starts), len(shape)), int)
    first[:, list(axes)] = starts
    last = np.subtract(shape, sizes)
    within = ((first >= 0) & (first <= last)).all(1)
    grids = np.ogrid[tuple(map(_slice, sizes))]
    moved = np.clip(first, 0, last).T.reshape(len(shape), -1, *(1,) * len(shape))
    return tuple(start + grid for start, grid in zip(moved, grids, strict=True)), within


def gather(
    x: Any, indices: Any, dimension_numbers: Any, slice_sizes: Any, mode: str, fill_value: Any
) -> Any:
    offsets, collapsed, axes = dimension_numbers
    indices = whole(indices)
    rows = indices.reshape(-1, indices.shape[-1])
    index, within = places(np.shape(x), rows, axes, slice_sizes)
    found = tx.asarray(x)[index]
    if mode == "fill":
        found = tx.where(within.reshape(-1, *(1,) * len(slice_sizes)), found, fill_value)
    window = [n for axis, n in enumerate(slice_sizes) if axis not in collapsed]
    found = found.reshape((*indices.shape[:-1], *window))
    batch = indices.ndim - 1
    return tx.moveaxis(found, tuple(range(batch, found.ndim)), offsets)


def scattered(
    how: str, x: Any, indices: Any, updates: Any, dimension_numbers: Any, mode: str | None = None
) -> Any:
    """The updates are combined with windows; those outside are left out unless they are moved in."""
    window_dims, inserted, axes = dimension_numbers
    shape, indices = np.shape(x), whole(indices)
    window = iter([np.shape(updates)[axis] for axis in window_dims])
    sizes = [1 if axis in inserted else next(window) for axis in range(len(shape))]
    index, within = places(shape, indices.reshape(-1, indices.shape[-1]), axes, sizes)
    last = tuple(range(np.ndim(updates) - len(window_dims), np.ndim(updates)))
    rows = tx.moveaxis(updates, window_dims, last).reshape((-1, *sizes))
    kept = np.flatnonzero(within if mode != "clip" else np.ones_like(within))
    at = tx.asarray(x).at[tuple(part[kept] for part in index)]
    return getattr(at, how)(rows[kept])


def scatter(x: Any, indices: Any, updates: Any, dimension_numbers: Any) -> Any:
    return scattered("set", x, indices, updates, dimension_numbers)


def scatter_add(
    x: Any, indices: Any, updates: Any, dimension_numbers: Any, *, mode: Any = None
) -> Any:
    return scattered("add", x, indices, updates, dimension_numbers, mode)


def scatter_max(x: Any, indices: Any, updates: Any, dimension_numbers: Any) -> Any:
    return scattered("max", x, indices, updates, dimension_numbers)


def scatter_min(x: Any, indices: Any, updates: Any, dimension_numbers: Any) -> Any:
    return scattered("min", x, indices, updates, dimension_numbers)
