"""Arrays like the user's, which lie in memory in the same order: what is a view of them depends on it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np


def own(x: Any) -> Any:
    """An array, a number or a generator that is like the user's, and leaves that as it is. An array has the
    same strides.
    """
    if isinstance(x, np.random.Generator):
        return copy.deepcopy(x)
    if not isinstance(x, np.ndarray):
        return x
    kept = np.array(x)
    if x.size and kept.strides != x.strides:
        kept = laid_out(x)
        kept[...] = x
    kept.flags.writeable = x.flags.writeable
    return kept


def laid_out(x: Any, made: Callable[[int], Any] = lambda size: np.empty(size, np.uint8)) -> Any:
    """Memory in which elements lie as those of an array: of its shape, dtype and strides.

    Args:
        made: makes memory of so many bytes.
    """
    low, high = np.lib.array_utils.byte_bounds(x)
    start = x.__array_interface__["data"][0] - low
    return np.ndarray(x.shape, x.dtype, made(high - low), start, x.strides)
