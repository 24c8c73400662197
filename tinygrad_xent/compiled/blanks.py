"""What an array call gives, without its numbers: an array of the same shape, dtype and memory order, full
of zeros. Zeros that nobody writes to take no memory, and many calls need not run at all: on arrays of a
few elements they show what becomes of each axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from mmap import ACCESS_COPY, mmap
from typing import Any

import numpy as np

from ..programs.arrays import laid_out
from ..programs.calls import function
from ..programs.instructions import mapped, parts

FEW = 1024
"""Elements: to run a call on so many is as quick as to find out what it gives."""
PAGES = 1 << 18
"""Bytes: of so many, memory comes from the system page by page, as it is written to."""

_REDUCING = "sum prod max min mean std var any all argmax argmin cumsum cumprod"
_METHODS = f"{_REDUCING} clip round astype copy"
_OPERATORS = """add sub mul truediv floordiv mod pow matmul and_ or_ xor lt le gt ge eq ne neg pos abs
    invert"""
_BY_AXES = {
    *(f"ndarray.{name}" for name in _METHODS.split()),
    *(f"np.{name}" for name in _METHODS.split()),
    *(f"operator.{name}" for name in _OPERATORS.split()),
    *("np.where", "np.dot", "np.einsum", "np.tensordot"),
}


_WITH_AXES = {*_REDUCING.split(), "reduce", "accumulate"}


@lru_cache(maxsize=512)
def is_by_axes(call: str) -> bool:
    """Whether a call's result has the axes of its arrays: none is cut, joined, or made from a number."""
    if call in _BY_AXES:
        return True
    whole, _, way = call.rpartition(".")
    if "." in whole and way in ("reduce", "accumulate", "outer"):
        return isinstance(function(whole), np.ufunc)
    return call.startswith(("np.", "scipy.special.")) and isinstance(function(call), np.ufunc)


def result_like(call: str, args: Any, kwargs: Any) -> Any:
    """What a call gives, with zeros for numbers; a view stays a view of the argument.

    Args:
        args, kwargs: with an array for each array, of its shape, dtype and memory order.

    Raises:
        What the call raises on these.
    """
    run = function(call)
    arrays = [x for x in parts((args, kwargs)) if isinstance(x, np.ndarray)]
    large = any(x.size > FEW for x in arrays)
    if large and is_by_axes(call) and not _has_other_axes(call, (*args, *kwargs.values())):
        return _by_axes(run, arrays, args, kwargs)
    if call == "set_item" and np.size(args[0]) > FEW:
        np.broadcast_to(args[2], args[0][args[1]].shape)  # fits
        return _zeros(args[0].shape, args[0].dtype)
    return mapped(lambda y: _own(y, arrays), run(*args, **kwargs))


def _has_other_axes(call: str, given: tuple[Any, ...]) -> bool:
    """Whether an argument is a list, a range or a tuple, which NumPy makes an array of; but for numbers of axes."""
    with_axes = call.rpartition(".")[2] in _WITH_AXES
    return any(
        isinstance(x, (list, range))
        or (isinstance(x, tuple) and not (with_axes and all(isinstance(n, int) for n in x)))
        for x in given
    )


def blank(x: Any) -> Any:
    """Zeros in the shape, dtype and strides of x; a number as it is."""
    if not isinstance(x, np.ndarray):
        return x
    zeros = laid_out(x, lambda size: _zeros((size,), _BYTE)) if x.size else np.zeros_like(x)
    zeros.flags.writeable = x.flags.writeable
    return zeros


_BYTE = np.dtype(np.uint8)


def _own(y: Any, arrays: list[Any]) -> Any:
    """A result that shares no memory with what it was made from, as zeros."""
    large = isinstance(y, np.ndarray) and y.size > FEW
    return blank(y) if large and not any(np.may_share_memory(y, x) for x in arrays) else y


def _by_axes(run: Callable[..., Any], arrays: list[Any], args: Any, kwargs: Any) -> Any:
    """The result of a call that is run on few elements, with the true length of each axis."""
    lengths = sorted({n for x in arrays for n in x.shape if n > 1})
    few = {0: 0, 1: 1, **{n: place for place, n in enumerate(lengths, 2)}}
    many = {place: n for n, place in few.items()}

    def smaller(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        return _ordered(tuple([few[n] for n in x.shape]), x)

    def larger(y: Any) -> Any:
        if not isinstance(y, np.ndarray):
            return y
        return _ordered(tuple([many[n] for n in y.shape]), y)

    few_args, few_kwargs = mapped(smaller, args), mapped(smaller, kwargs)
    found = run(*few_args, **few_kwargs)
    given = [x for x in parts((few_args, few_kwargs)) if isinstance(x, np.ndarray)]
    if any(np.may_share_memory(y, x) for y in parts(found) for x in given):
        return run(*args, **kwargs)  # a view, which takes no memory
    return mapped(larger, found)


def _ordered(shape: tuple[int, ...], x: Any) -> Any:
    """Zeros of this shape, with the axes in memory in the order of x; axes that are stretched stay so."""
    if x.flags.c_contiguous:
        return _zeros(shape, x.dtype)
    once = tuple(1 if stride == 0 else n for n, stride in zip(shape, x.strides, strict=True))
    axes = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    made = _zeros([once[axis] for axis in axes], x.dtype).transpose(np.argsort(axes))
    return np.broadcast_to(made, shape) if once != shape else made


def _zeros(shape: Sequence[int], dtype: Any) -> Any:
    """Zeros. Large ones are pages that the system has not given yet; NumPy may write zeros to memory it has."""
    size = math.prod(shape) * dtype.itemsize
    if size < PAGES:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap(-1, size, access=ACCESS_COPY), dtype).reshape(shape)
