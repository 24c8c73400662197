"""Sums of raw arrays: by BLAS where that is faster, and as accurate as the dtype allows.

NumPy adds in pairs along the axis that is contiguous in memory, but one number after the other along
any other axis, in the array's own dtype: 4096 float16 ones over axis 0 give 2048, and the columns of
1e7 float32 rows lose six of seven digits. Here such sums run in float64 or in blocks.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from operator import add
from typing import Any, TypeAlias

import numpy as np

from .symbols import Symbol, number_of, root

Array: TypeAlias = Any  # a raw array or scalar of the array library; NumPy's today
Axis: TypeAlias = int | tuple[int, ...] | None

BLOCK = 1 << 9  # so many numbers BLAS adds without losing a digit
LONG = 1 << 16  # the same for numbers side by side in memory, of which it adds several at a time
LAST = (1, -1)  # the axis of a matrix's rows

# np.sum and the like spend 1 us on keyword arguments, which the ufunc's own method does not.
_sum: Any = np.add.reduce


def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Like `np.sum`, but the rows of a matrix are summed by BLAS, as its product with ones."""
    if axis in LAST and has_many_rows(x, BLOCK):
        y = x.dot(ones(x.shape[1], x.dtype))  # 3 to 13 times as fast as reducing row by row
        return y[:, None] if keepdims else y
    dtype = x.dtype
    if dtype.char == "e" or (x.size > 128 and dtype.char == "f" and not _in_pairs(x, axis)):
        return _sum(x, axis=axis, dtype=np.float64, keepdims=keepdims).astype(dtype)
    return _sum(x, axis=axis, keepdims=keepdims)


def _in_pairs(x: Array, axis: Axis) -> bool:
    """Whether NumPy's sum loses no digits: it adds in pairs, or few numbers one after the other."""
    if axis is None:
        return x.flags.c_contiguous or x.flags.f_contiguous  # type: ignore[no-any-return]
    axes = {a % (x.ndim or 1) for a in (axis if isinstance(axis, tuple) else (axis,))}
    terms = math.prod(x.shape[a] for a in axes) if x.ndim else 1
    if terms <= 128:  # as many as NumPy itself adds in one go
        return True
    return terms <= 128 * x.shape[-1] and x.ndim - 1 in axes and bool(x.flags.c_contiguous)


def columns(x: Array) -> Array:
    """The sum of each column of a matrix: the gradient of a bias."""
    if x.dtype.char not in "fd" or type(x) is not np.ndarray:
        return sum(x, 0)
    if len(x) <= BLOCK:  # BLAS sums columns twice as fast; a walk does not hear its false warnings
        return ones(len(x), x.dtype).dot(x)
    return columns(np.stack([columns(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)]))


def norm(arrays: list[Array]) -> float:
    """The Euclidean norm of all arrays together. It overflows only if float64 does, and is inf or nan
    only if an element is.
    """
    if any(isinstance(x, Symbol) for x in arrays):
        length: float = root(reduce(add, [number_of(sum(x * x)) for x in arrays]))
        return length
    with np.errstate(over="ignore", under="ignore"):
        total = _sum_of_squares(arrays, 1.0)
    if math.isfinite(total) and total > 1e-30:
        return math.sqrt(total)
    largest = float(np.max([np.abs(x).max(initial=0.0) for x in arrays], initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(_sum_of_squares(arrays, largest))


def _sum_of_squares(arrays: list[Array], unit: float) -> float:
    """Σ (x / unit)², in blocks: BLAS adds the numbers of an array nearly one after the other."""
    total = 0.0
    for x in arrays:
        flat = x.reshape(-1)
        if unit != 1 or flat.dtype.char == "e":
            flat = flat.astype(np.float64) / unit
        for i in range(0, flat.size, LONG):
            block = flat[i : i + LONG]
            total += float(block.dot(block))
    return total


def ones(n: int, dtype: Any) -> Array:
    """A vector of ones: the product with it is a sum. Short vectors are cached."""
    return _short_ones(n, dtype) if n <= 1 << 13 else np.ones(n, dtype)


@lru_cache(maxsize=64)  # 4 MB at most
def _short_ones(n: int, dtype: Any) -> Array:
    array = np.ones(n, dtype)
    array.flags.writeable = False
    return array


def has_many_rows(x: Array, longest: int) -> bool:
    """Whether reducing row by row would be slow: many rows, of at most `longest` elements.

    NumPy spends 30 ns to start each row.
    """
    array = type(x) is np.ndarray
    return (
        array
        and x.ndim == 2
        and len(x) >= 64
        and 0 < x.shape[1] <= longest
        and x.dtype.char in "fd"
    )
