"""Statistics along an axis: spread, quantiles, covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import errors, lines
from ..engine.arrays import Array, Axis
from ..engine.breadth.composites import in_float32, in_float32_beside, mean, var
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import moves, products, reductions
from ..engine.ops.arithmetic import add, div, mul, sub
from ..engine.ops.elementwise import sqrt
from ..engine.ops.selection import clip, where
from ..engine.public import plain, public
from ..engine.symbols import Symbol, check, from_shapes, somewhere
from ..engine.tensors import Tensor, raw
from .inputs import in_floats, whole

# --- spread ---------------------------------------------------------------------------------------


def root_of_variance(variance: Tensor) -> Tensor:
    """A standard deviation. The slope where it is 0 is 0: `where` leaves the root's infinite one out."""
    root = sqrt(variance)
    flat = raw(variance) == 0
    return where(flat, 0, root) if somewhere(flat) else root


@public(numpy=np.std, method=True)
@in_float32
def std(x: Operand, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Tensor:
    """The standard deviation over an axis, several axes, or all: the root of `var`. Where all numbers
    are equal the slope is 0, as in PyTorch.

    >>> std(Tensor([1.0, 2.0, 3.0]), ddof=1).item()
    1.0
    """
    with composite("std", "√(Σ (x - mean)² / (n - ddof))"):
        return root_of_variance(var(x, axis, keepdims, ddof))


@public(numpy=np.ptp)
def ptp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The range over an axis, several axes, or all: the largest less the smallest number. Ties share the
    gradient evenly, as in `max` and `min`.

    >>> ptp(Tensor([1.0, 5.0, 3.0])).item()
    4.0
    """
    with composite("ptp", "max x - min x"):
        return sub(reductions.max(x, axis, keepdims), reductions.min(x, axis, keepdims))


@public(numpy=np.average)
@in_float32_beside("weights")
def average(
    x: Operand, axis: Axis = None, weights: Operand | None = None, keepdims: bool = False
) -> Tensor:
    """The weighted mean over an axis, several axes, or all. Gradients go to the weights as well.

    Args:
        weights: of x's shape, or of one axis, for the axis named. None: the mean.

    Raises:
        ShapeError: the weights have another shape.
        BadValueError: they add up to 0.

    >>> average(Tensor([1.0, 2.0, 4.0]), weights=[0.0, 1.0, 1.0]).item()
    3.0
    """
    if weights is None:
        return mean(x, axis, keepdims)
    t, axis = in_floats("average", x), plain(axis, "axis")
    with composite("average", "Σ (w · x) / Σ w"):
        w = in_floats("average", weights)
        if np.shape(raw(w)) != t.shape:
            w = _along(w, t, t.shape, axis)
        total = reductions.sum(w, axis, keepdims)
        zero = raw(total) == 0
        if isinstance(zero, Symbol):
            check(~zero, "average: the weights add up to 0", ValueError)
        elif zero.any():
            raise errors.BadValueError("average: the weights add up to 0", [x, weights])
        return div(reductions.sum(mul(t, w), axis, keepdims), total)


def _along(w: Any, x: Any, shape: tuple[int, ...], axis: Any) -> Tensor:
    """Weights of one axis, with the axes of x."""
    named = isinstance(axis, int) and shape != ()
    place = _places("average", x, axis)[0] if named else None
    if place is None or np.shape(raw(w)) != shape[place : place + 1]:
        what = f"average: weights of shape {np.shape(raw(w))} do not fit {shape}, axis {axis}"
        raise errors.ShapeError(
            what, [x, w], "weights need x's shape, or that of one axis you name"
        )
    return moves.reshape(w, tuple(n if i == place else 1 for i, n in enumerate(shape)))


# --- covariance -----------------------------------------------------------------------------------


@public(numpy=np.cov, method=True)
@in_float32
def cov(x: Operand, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Tensor:
    """The covariances of variables: each row of x is one, each column an observation; with
    `rowvar=False` the other way round. x of one axis is one variable. The variance of a single
    variable is a number. float32 stays float32, where NumPy makes it float64.

    Args:
        bias: whether the divisor is the number of observations, rather than one less.
        ddof: the divisor is the number of observations less `ddof`, whatever `bias` says.

    Warns:
        RuntimeWarning: the divisor is 0, so the covariance is nan, or inf.

    >>> cov(Tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0]])).numpy()
    array([[ 1.        , -1.5       ],
           [-1.5       ,  2.33333333]])
    """
    with composite("cov", "(x - mean) @ (x - mean)ᵀ / (n - ddof)"):
        centred, n = _centred("cov", x, rowvar)
        n -= whole("cov", "ddof", ddof) if ddof is not None else int(not bias)
        if n <= 0:
            lines.warn("cov: ddof is not below the number of observations", RuntimeWarning)
        return moves.squeeze(div(_squared(centred), max(n, 0)))


@public(numpy=np.corrcoef, method=True)
@in_float32
def corrcoef(x: Operand, rowvar: bool = True) -> Tensor:
    """The correlations of variables, as in `cov`: from -1 to 1. nan for a variable that does not vary, and
    where there is no observation.
    float32 stays float32, where NumPy makes it float64.

    >>> corrcoef(Tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0]])).numpy().round(4)
    array([[ 1.   , -0.982],
           [-0.982,  1.   ]])
    """
    with composite("corrcoef"):
        centred, n = _centred("corrcoef", x, rowvar)
        length = sqrt(reductions.sum(mul(centred, centred), 1, True))
        found = clip(_squared(div(centred, length)), -1, 1)
        return moves.squeeze(found if n else div(found, n))  # 0 / 0 is nan


def _squared(rows: Tensor) -> Tensor:
    """The products of each row with each."""
    return products.matmul(rows, moves.transpose(rows))


def _centred(name: str, x: Any, rowvar: bool) -> tuple[Tensor, int]:
    """The variables as rows, each less its mean, and the number of observations."""
    shape = as_numbers(name, raw(x)).shape
    if len(shape) > 2:
        raise errors.ShapeError(f"{name}: takes one axis or two, the shape is {shape}", [x])
    if len(shape) < 2:
        x = moves.reshape(x, (1, -1))
    elif not rowvar:
        x = moves.transpose(x)
    return sub(x, mean(x, 1, keepdims=True)), np.shape(raw(x))[1]


# --- quantiles ------------------------------------------------------------------------------------


@public(numpy=np.median, method=True)
@in_float32
def median(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle number over an axis, several axes, or all; the mean of the two in the middle where they
    are even in number, as in NumPy (PyTorch takes the smaller). nan if one of them is. The gradient
    goes to the numbers in the middle; of equal ones, to those that come first.

    >>> median(Tensor([4.0, 1.0, 2.0, 9.0])).item()
    3.0
    """
    with composite("median"):
        return _quantiles("median", x, np.asarray(0.5), axis, keepdims)


@public(numpy=np.quantile, method=True)
@in_float32
def quantile(
    x: Operand, q: Any, axis: Axis = None, keepdims: bool = False, method: str = "linear"
) -> Tensor:
    """The number below which the share q of the others lies, over an axis, several axes, or all: one of
    them, or between two of them, on the straight line. The gradient goes to these two; of equal ones, to
    those that come first. nan if one of them is.

    Args:
        q: a number from 0 to 1, or an array of them, whose axes come first in the result. It is a
            setting: it has no gradient, and does not change x's dtype.
        method: which place in the sorted numbers belongs to q, as in NumPy (Hyndman and Fan, 1996):
            "linear", "lower", "higher", "midpoint", "nearest" count it from the first number to the last;
            "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
            "hazen", "weibull", "median_unbiased" and "normal_unbiased" estimate a distribution's quantile.

    Raises:
        BadValueError: q is not from 0 to 1, or there is no such method.

    >>> quantile(Tensor([1.0, 2.0, 4.0]), [0.25, 0.5]).numpy()
    array([1.5, 2. ])
    """
    with composite("quantile"):
        return _quantiles("quantile", x, _shares("quantile", q, 1), axis, keepdims, method)


@public(numpy=np.percentile)
@in_float32
def percentile(
    x: Operand, q: Any, axis: Axis = None, keepdims: bool = False, method: str = "linear"
) -> Tensor:
    """`quantile` of q / 100: q goes from 0 to 100.

    >>> percentile(Tensor([1.0, 2.0, 4.0]), 75).item()
    3.0
    """
    with composite("percentile"):
        return _quantiles("percentile", x, _shares("percentile", q, 100), axis, keepdims, method)


def _shares(name: str, q: Any, whole: int) -> Array:
    """q as shares of 1."""
    if getattr(q, "requires_grad", False):
        raise errors.DtypeError(f"{name}: q is a setting and has no gradient", [q], "q.detach()")
    shares = np.asarray(as_numbers(name, raw(q)), np.float64) / whole
    if not ((shares >= 0) & (shares <= 1)).all():
        raise errors.BadValueError(f"{name}: q must be from 0 to {whole}, got {q}")
    return np.asarray(shares)


# Places between 0 and n - 1 by the distances that the first and the last number have from the ends.
_ENDS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


# The others: from q · (n - 1), or from q · n - 1, to a place.
_OF_PLACES: dict[str, Any] = {
    "lower": np.floor,
    "higher": np.ceil,
    "nearest": np.rint,
    "midpoint": lambda place: (np.floor(place) + np.ceil(place)) / 2,
}
_OF_COUNTS: dict[str, Any] = {
    "inverted_cdf": np.ceil,
    "averaged_inverted_cdf": lambda place: (np.ceil(place) + np.floor(place + 1)) / 2,
    "closest_observation": lambda place: _nearest_odd(place),
}


def _nearest_odd(place: Array) -> Array:
    """The nearest whole place; of two, the odd one."""
    near = np.floor(place + 0.5)
    return np.where((near == place + 0.5) & (near % 2 == 0), near - 1, near)


def _ranks(name: str, method: str, q: Array, n: int) -> Array:
    """The places, from 0 to n - 1, of the quantiles among n sorted numbers."""
    if method in _ENDS:
        first, last = _ENDS[method]
        places = n * q + first + q * (1 - first - last) - 1
    elif method in _OF_PLACES:
        places = _OF_PLACES[method](q * (n - 1))
    elif method in _OF_COUNTS:
        places = _OF_COUNTS[method](q * n - 1)
    else:
        fix = f"one of {', '.join([*_ENDS, *_OF_PLACES, *_OF_COUNTS])}"
        raise errors.BadValueError(f"{name}: there is no method {method!r}", fix=fix)
    return np.clip(places, 0, n - 1)


def _quantiles(
    name: str, x: Any, q: Array, axis: Axis, keepdims: bool, method: str = "linear"
) -> Tensor:
    if as_numbers(name, raw(x)).dtype.kind != "f":
        x = moves.astype(x, np.float64)
    rows, shape = _in_one_axis(name, x, axis, keepdims)
    values = raw(rows)
    if values.shape[-1] == 0:
        raise errors.ShapeError(f"{name}: of nothing, the shape is {np.shape(raw(x))}", [x])
    order = np.argsort(values, axis=-1, kind="stable")
    last = order[..., -1:]
    spoiled = np.isnan(np.take_along_axis(values, last, -1))  # nan is sorted to the end
    ranks = _ranks(name, method, q.reshape(-1), values.shape[-1])
    below = np.floor(ranks).astype(int)
    share = (ranks - below).astype(values.dtype)

    def numbers(places: Array) -> Tensor:
        return moves.take_along_axis(
            rows, np.where(spoiled, last, order[..., from_shapes(places)]), -1
        )

    y = numbers(below)
    if share.any():
        high = numbers(np.minimum(below + 1, values.shape[-1] - 1))
        if not share.all():  # where the next number has no share, it may be inf
            high = where(from_shapes(share > 0), high, 0)
        y = add(mul(y, from_shapes(1 - share)), mul(high, from_shapes(share)))
    if q.ndim:
        y = moves.transpose(y, (y.ndim - 1, *range(y.ndim - 1)))
    return moves.reshape(y, q.shape + shape)


def _in_one_axis(name: str, x: Any, axis: Axis, keepdims: bool) -> tuple[Tensor, tuple[int, ...]]:
    """x with the axes of a reduction made one, the last; and the shape of its result."""
    shape, places = np.shape(raw(x)), _places(name, x, axis)
    rest = [i for i in range(len(shape)) if i not in places]
    last = math.prod(shape[i] for i in places)
    rows = moves.transpose(x, (*rest, *places)) if rest else x
    kept = tuple(1 if i in places else n for i, n in enumerate(shape))
    left = tuple(shape[i] for i in rest)
    return moves.reshape(rows, (*left, last)), kept if keepdims else left


def _places(name: str, x: Any, axis: Axis) -> tuple[int, ...]:
    """The axes of a reduction, counted from the front; a single number has the axes 0 and -1, as it has
    for `sum`.
    """
    ndim = np.ndim(raw(x))
    axis = plain(axis, "axis")
    try:
        found = np.lib.array_utils.normalize_axis_tuple(
            range(ndim) if axis is None else axis, ndim or 1
        )
    except (TypeError, ValueError) as error:
        raise errors.explain(name, [x], (), error) from None
    return found if ndim else ()
