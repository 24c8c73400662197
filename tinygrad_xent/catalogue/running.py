"""What goes along an axis step by step: products, running sums, differences.

The slope of a product is the product of the others. Without a zero that is y / x. Where a zero would make
it 0 / 0, or y is beyond its dtype's range, it is the product of those before and those after, and the
slope of a running product is a linear recurrence. Neither divides, so both are right to every order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import errors
from ..engine.arrays import Array, Axis
from ..engine.breadth.comparisons import not_equal
from ..engine.breadth.composites import in_float32
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops.arithmetic import add, div, mul, sub
from ..engine.ops.elementwise import exp
from ..engine.ops.moves import astype, getitem, identity, reshape
from ..engine.ops.reductions import sum as total
from ..engine.ops.reductions import unreduce
from ..engine.ops.selection import where
from ..engine.public import op, plain, public
from ..engine.symbols import everywhere, somewhere
from ..engine.tensors import Tensor, is_tensor, raw
from .inputs import in_floats, whole

# --- on arrays ------------------------------------------------------------------------------------


def _wide(x: Array) -> Any:
    """The dtype to combine many numbers in, one after the other; None for their own."""
    return np.float64 if x.dtype.char in "ef" else None


def _along(accumulate: Any, x: Array, axis: int | None, reverse: bool) -> Array:
    """A ufunc's `accumulate`, backwards if `reverse`. A single number stays one."""
    if x.ndim == 0 and axis in (0, -1, None):
        return accumulate(x.reshape(1), 0)[0]
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not reverse:
        y = accumulate(x, axis, _wide(x))
    else:  # copied, since numbers that stand backwards in memory are slow to read
        y = np.flip(accumulate(np.flip(x, axis), axis, _wide(x)), axis).copy()
    return y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y


_multiply: Any = np.multiply.reduce


def _product(x: Array, axis: Axis, keepdims: bool) -> Array:
    y = _multiply(x, axis, _wide(x), None, keepdims)
    return y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y


def _has_all_digits(products: Array) -> bool:
    """Whether none is 0, infinite, nan, or so small that it lost digits."""
    sizes = np.abs(products)
    return everywhere(sizes >= np.finfo(sizes.dtype).tiny) and everywhere(sizes < xp.inf)


def _shifted(x: Array, axis: int, reverse: bool, fill: float) -> Array:
    y = np.full_like(x, fill)
    target, source = np.moveaxis(y, axis, 0), np.moveaxis(x, axis, 0)
    if reverse:
        target[:-1] = source[1:]
    else:
        target[1:] = source[:-1]
    return y


def _solved(a: Array, b: Array, axis: int, reverse: bool) -> Array:
    steps = slice(None, None, -1 if reverse else 1)
    factors, terms = (np.moveaxis(x, axis, 0)[steps] for x in (a, b))
    dtype = np.result_type(a, b)
    y = terms.astype(np.result_type(dtype, np.float64))
    for k in range(1, len(y)):
        y[k] += factors[k] * y[k - 1]
    return np.moveaxis(y[steps], 0, axis).astype(dtype)


# --- rows: what each computes, a rule per input, then the other facts -----------------------------
# fmt: off


@op("shift(x, axis, reverse, fill)",
    ("shift(g, axis, not reverse, 0)", lambda g, axis, reverse: shift(g, axis, not reverse)),
    kind="moves", export=False)
def shift(x: Operand, /, axis: int, reverse: bool = False, fill: float = 0) -> Array:
    """Each number one place further along an axis, or one back; `fill` in the place that is free."""
    return _shifted(x, axis, reverse, fill)


def _term_vjp(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    return linear_recurrence(shift(a, axis, not reverse), g, axis, not reverse)


@op("linear_recurrence(a, b, axis, reverse)",
    ("shift(y, axis, reverse) · linear_recurrence(shift(a, axis, not reverse), g, axis, not reverse)",
        lambda g, a, y, axis, reverse: shift(y, axis, reverse) * _term_vjp(g, a, axis, reverse)),
    ("linear_recurrence(shift(a, axis, not reverse), g, axis, not reverse)", _term_vjp),
    kind="rowwise", export=False)
def linear_recurrence(a: Operand, b: Operand, /, axis: int, reverse: bool = False) -> Array:
    """y₀ = b₀, yₖ = aₖ · yₖ₋₁ + bₖ along an axis, or from its end; a and b have one shape. Its slopes
    are recurrences from the other end.
    """
    return _solved(a, b, axis, reverse)


@op("cumsum(x, axis, reverse)",
    ("reshape(cumsum(g, axis, not reverse), x_shape)",
        lambda g, x_shape, axis, reverse: reshape(cumsum(g, axis, not reverse), x_shape)),
    kind="rowwise selects",  # each sum is of some numbers of the line: its rule knows which
    numpy=np.cumsum, method=True)
def cumsum(x: Operand, /, axis: int | None = None, reverse: bool = False) -> Array:
    """The sums of the first 1, 2, ... numbers along an axis; with `reverse`, of the last. None: of all,
    in one line. A single number stays one, as in PyTorch.

    >>> cumsum(Tensor([1.0, 2.0, 4.0])).numpy()
    array([1., 3., 7.])
    >>> cumsum(Tensor([1.0, 2.0, 4.0]), reverse=True).numpy()
    array([7., 6., 4.])
    """
    return _along(np.add.accumulate, x, axis, reverse)


def _line(x: Any, axis: int | None) -> tuple[Any, int]:
    """x and the axis to go along: all of x in one line if `axis` is None."""
    return (reshape(x, -1), 0) if axis is None else (x, axis)


def _cumprod_vjp(g: Any, x: Any, y: Any, axis: int | None, reverse: bool) -> Any:
    if x.ndim == 0:
        return g
    shape, (x, axis) = x.shape, _line(x, axis)
    if _has_all_digits(raw(y)):
        return reshape(cumsum(g * y, axis, not reverse) / x, shape)
    before = shift(y, axis, reverse, 1)
    return reshape(before * _term_vjp(g, x, axis, reverse), shape)


@op("cumprod(x, axis, reverse)",
    ("reshape(cumsum(g · y, axis, not reverse), x_shape) / x", _cumprod_vjp),
    kind="rowwise", numpy=np.cumprod, method=True)
def cumprod(x: Operand, /, axis: int | None = None, reverse: bool = False) -> Array:
    """The products of the first 1, 2, ... numbers along an axis; with `reverse`, of the last. None: of
    all, in one line. A single number stays one, as in PyTorch. The slopes are right beside zeros
    too, but then take a step of Python per number of the line.

    >>> cumprod(Tensor([1.0, 2.0, 4.0])).numpy()
    array([1., 2., 8.])
    """
    return _along(np.multiply.accumulate, x, axis, reverse)


def _logcumsumexp_vjp(g: Any, x: Any, y: Any, axis: int | None, reverse: bool) -> Any:
    """pₖ sₖ, where pₖ = exp(xₖ - yₖ) and sₖ = gₖ + exp(yₖ - yₖ₊₁) sₖ₊₁: no exp overflows, as y grows."""
    if x.ndim == 0:
        return g
    shape, (x, axis) = x.shape, _line(x, axis)
    if raw(x).dtype.char in "ef":
        g, x, y = (astype(a, np.float64) for a in (g, x, y))
    nothing = raw(y) == -xp.inf  # so far only -inf, whose gradient is 0
    level = where(nothing, 0, y) if somewhere(nothing) else y
    share = exp(x - level)
    decay = exp(level - shift(level, axis, not reverse, xp.inf))
    if somewhere(nothing):
        decay = where(nothing, 0, decay)
    return reshape(share * linear_recurrence(decay, g, axis, not reverse), shape)


@op("log cumsum(eˣ, axis, reverse)",
    ("eˣ · reshape(cumsum(g · e⁻ʸ, axis, not reverse), x_shape)", _logcumsumexp_vjp),
    kind="rowwise", method=True)
def logcumsumexp(x: Operand, /, axis: int | None = None, reverse: bool = False) -> Array:
    """log(cumsum(exp(x))) along an axis, without overflow; with `reverse`, from its end. None: of all,
    in one line. -inf entries add nothing and have gradient 0.

    >>> logcumsumexp(Tensor([1e4, 1e4])).numpy() - 1e4
    array([0.        , 0.69314718])
    """
    return _along(np.logaddexp.accumulate, xp.floats(x), axis, reverse)


def _others(x: Any, axis: Axis) -> Any:
    """For each number the product of all others over the axes: of those before and those after."""
    axes = range(x.ndim) if axis is None or x.ndim == 0 else axis if isinstance(axis, tuple) else (axis,)
    y: Any = 1
    for a in axes:
        before, after = (shift(cumprod(x, a, r), a, r, 1) for r in (False, True))
        y, x = y * before * after, prod(x, a, True)
    return y


def _prod_vjp(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    g, y = unreduce(g, axis, keepdims), unreduce(y, axis, keepdims)
    if _has_all_digits(raw(y)):
        return g * y / x
    return g * _others(x, axis)


@op("prod(x)", ("g · y / x", _prod_vjp),
    kind="reduction", numpy=(np.prod, np.multiply.reduce), method=True)
def prod(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The product over an axis, several axes, or all (None); 1 over nothing. The slope for a number is
    the product of the others, whether zeros are among them or not.

    >>> x = Tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> prod(x).backward()
    >>> x.grad.numpy()
    array([6., 0., 0.])
    """
    return _product(x, axis, keepdims)
# fmt: on

# --- composites -----------------------------------------------------------------------------------


@public(numpy=np.diff, method=True)
def diff(x: Operand, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours along an axis, n times over; whether they differ, of booleans.

    >>> diff(Tensor([1.0, 2.0, 4.0])).numpy()
    array([1., 2.])
    >>> diff(Tensor([1.0, 2.0, 4.0]), n=2).numpy()
    array([1.])
    """
    values = as_numbers("diff", raw(x), [x])
    n, axis = whole("diff", "n", n), _position("diff", x, values, axis)
    if n < 0:
        raise errors.BadValueError(f"diff: n must be 0 or more, got {n}", [x])
    with composite("diff"):
        y: Any = x
        for _ in range(n):
            later, earlier = _neighbours(y, axis)
            y = (not_equal if values.dtype == bool else sub)(later, earlier)
        return y if is_tensor(y) else identity(y)


@public(numpy=np.trapezoid)
@in_float32
def trapezoid(y: Operand, x: Operand | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral along an axis by the trapezoidal rule: neighbours are joined by straight lines.

    Args:
        x: the places of the numbers: an array of y's shape, or of one axis, for this axis. None: they
            are `dx` apart.

    >>> trapezoid(Tensor([1.0, 2.0, 4.0]), dx=0.5).item()
    2.25
    """
    values = as_numbers("trapezoid", raw(y), [y])
    place = _position("trapezoid", y, values, axis)
    with composite("trapezoid"):
        width: Any = plain(dx, "dx")
        if x is not None:
            at = in_floats("trapezoid", x)
            one = at.ndim == 1
            width = diff(at, axis=-1 if one else place)
            if one and values.ndim > 1:
                width = reshape(width, (-1, *[1] * (values.ndim - 1 - place)))
        later, earlier = _neighbours(div(y, 2), place)
        return total(mul(add(later, earlier), width), place)


def _position(name: str, x: Any, values: Array, axis: Any) -> int:
    """An axis counted from the front."""
    axis = whole(name, "axis", axis)
    if not -values.ndim <= axis < values.ndim:
        what = f"{name}: axis {axis} is out of bounds for array of dimension {values.ndim}"
        raise errors.AxisError(what, [x], errors.AXIS_FIX)
    return int(axis % values.ndim)


def _neighbours(x: Any, axis: int) -> tuple[Tensor, Tensor]:
    """All numbers along an axis but the first, and all but the last."""
    whole = (slice(None),) * axis
    return getitem(x, (*whole, slice(1, None))), getitem(x, (*whole, slice(None, -1)))
