"""Reductions that leave out what is nan: it has no say, and gradient 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import lines
from ..engine.arrays import Array, Axis
from ..engine.breadth.composites import in_float32, mean, real, var
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import reductions
from ..engine.ops.arithmetic import div, mul, sub
from ..engine.ops.reductions import unreduce
from ..engine.ops.selection import maximum, minimum, where
from ..engine.public import op, plain, public
from ..engine.symbols import Symbol, check, everywhere
from ..engine.tensors import Tensor, raw
from .statistics import root_of_variance


def _present(name: str, x: Any) -> Array:
    """Where x is not nan."""
    values = as_numbers(name, raw(x))
    return values == values


def _warn_unless(holds: Array, what: str) -> None:
    if isinstance(holds, Symbol):
        check(holds, what, RuntimeWarning)
    elif not holds.all():
        lines.warn(what, RuntimeWarning)


def _divisor(name: str, count: Array, dtype: Any) -> Array:
    """What to divide sums by; nan where that is not above 0."""
    _warn_unless(count > 0, f"{name}: too few numbers that are not nan")
    return np.where(count > 0, count, np.nan).astype(dtype)


@public(numpy=np.nansum, method=True)
def nansum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum of what is not nan, over an axis, several axes, or all; 0 if nothing is.

    >>> nansum(Tensor([1.0, np.nan, 2.0])).item()
    3.0
    """
    with composite("nansum", "Σ (x where x = x)"):
        return reductions.sum(where(_present("nansum", x), x, 0), axis, keepdims)


@public(numpy=np.nanmean, method=True)
@in_float32
def nanmean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean of what is not nan, over an axis, several axes, or all.

    Warns:
        RuntimeWarning: nothing is, so the mean is nan.

    >>> nanmean(Tensor([1.0, np.nan, 2.0])).item()
    1.5
    """
    present = _present("nanmean", x)
    if everywhere(present):
        return mean(x, axis, keepdims)
    with composite("nanmean", "Σ (x where x = x) / Σ (x = x)"):
        total = reductions.sum(where(present, x, 0), axis, keepdims)
        count = xp.sum(present, plain(axis, "axis"), bool(plain(keepdims, "keepdims")))
        return div(total, _divisor("nanmean", count, total.dtype))


@public(numpy=np.nanvar)
@in_float32
def nanvar(x: Operand, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Tensor:
    """The variance of what is not nan, as in `var`.

    Warns:
        RuntimeWarning: no more than `ddof` numbers are not nan, so the variance is nan.

    >>> nanvar(Tensor([1.0, np.nan, 3.0])).item()
    1.0
    """
    present = _present("nanvar", x)
    if everywhere(present):
        return var(x, axis, keepdims, ddof)
    with composite("nanvar", "Σ (x - mean)² / (n - ddof)"):
        total = reductions.sum(where(present, x, 0), axis, keepdims=True)
        axis = plain(axis, "axis")
        count = xp.sum(present, axis, keepdims=True)
        center = div(total, np.maximum(count, 1).astype(total.dtype))
        centred = where(present, sub(x, center), 0)
        squares = reductions.sum(mul(centred, centred), axis, keepdims)
        freedom = (count - real("nanvar", "ddof", ddof)).reshape(squares.shape)
        return div(squares, _divisor("nanvar", freedom, total.dtype))


@public(numpy=np.nanstd)
@in_float32
def nanstd(x: Operand, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Tensor:
    """The standard deviation of what is not nan: the root of `nanvar`. Where all numbers are equal the
    slope is 0.

    >>> nanstd(Tensor([1.0, np.nan, 3.0])).item()
    1.0
    """
    with composite("nanstd", "√(Σ (x - mean)² / (n - ddof))"):
        return root_of_variance(nanvar(x, axis, keepdims, ddof))


@public(numpy=np.fmax)
def fmax(a: Operand, b: Operand, /) -> Tensor:
    """The larger of a and b, elementwise, or the one that is not nan; ties share the gradient evenly.

    >>> fmax(Tensor([1.0, np.nan]), 0.5).numpy()
    array([1. , 0.5])
    """
    return _unless_nan("fmax", maximum, a, b)


@public(numpy=np.fmin)
def fmin(a: Operand, b: Operand, /) -> Tensor:
    """The smaller of a and b, elementwise, or the one that is not nan; ties share the gradient evenly.

    >>> fmin(Tensor([1.0, np.nan]), 0.5).numpy()
    array([0.5, 0.5])
    """
    return _unless_nan("fmin", minimum, a, b)


def _unless_nan(name: str, extreme: Any, a: Any, b: Any) -> Tensor:
    with composite(name):
        both = where(_present(name, a), extreme(a, b), b)
        return where(_present(name, b), both, a)


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def _extreme(name: str, reduce: Any, x: Array, axis: Axis, keepdims: bool) -> Array:
    y = reduce(x, axis=axis, keepdims=keepdims)
    _warn_unless(y == y, f"{name}: nothing but nan")
    return y


def _extreme_vjp(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    chosen = raw(x) == raw(unreduce(y, axis, keepdims))
    count = xp.sum(chosen, axis, keepdims=True)
    return where(chosen, unreduce(g, axis, keepdims) / np.maximum(count, 1), 0)


@op("nanmax(x)", ("g / Σ (x = y) where x = y", _extreme_vjp),
    kind="reduction selects", numpy=(np.nanmax, np.fmax.reduce))
def nanmax(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest number that is not nan, over an axis, several axes, or all; ties share the gradient
    evenly.

    Warns:
        RuntimeWarning: there is none, so the result is nan.

    >>> nanmax(Tensor([1.0, np.nan, 2.0])).item()
    2.0
    """
    return _extreme("nanmax", np.fmax.reduce, x, axis, keepdims)


@op("nanmin(x)", ("g / Σ (x = y) where x = y", _extreme_vjp),
    kind="reduction selects", numpy=(np.nanmin, np.fmin.reduce))
def nanmin(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest number that is not nan, over an axis, several axes, or all; ties share the gradient
    evenly.

    Warns:
        RuntimeWarning: there is none, so the result is nan.

    >>> nanmin(Tensor([1.0, np.nan, 2.0])).item()
    1.0
    """
    return _extreme("nanmin", np.fmin.reduce, x, axis, keepdims)
