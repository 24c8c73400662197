"""Derivatives forwards: every operation on dual numbers, in NumPy, from formulas typed here.

A dual number x + ε·dx carries a value and its rate of change along one direction. Its two parts may
be dual numbers themselves: then the rate of the rate of change comes out as well, from the same
formulas. That is the point of it as a judge: nothing here goes backwards, records anything, or
knows a rule of the package.

    FORWARD[name]       the operation, on arrays or dual numbers
    second_order(...)   a program's value, slopes and curvature along two directions

An operation at a kink, or too near to one for two programs to agree on which side they are, raises
`Kink`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

CLEAR = 1e-3  # how far from a tie or a kink a value must be


class Kink(Exception):  # noqa: N818 -- nobody's error
    """The operation has no derivative here."""


class Dual:
    """value + ε · rate: arrays of one shape, or dual numbers of one shape."""

    __array_ufunc__ = None  # array + dual is the dual's business
    __slots__ = ("rate", "value")

    def __init__(self, value: Any, rate: Any) -> None:
        self.value, self.rate = value, rate

    def __neg__(self) -> Any:
        return neg(self)

    def __add__(self, other: Any) -> Any:
        return add(self, other)

    def __sub__(self, other: Any) -> Any:
        return sub(self, other)

    def __mul__(self, other: Any) -> Any:
        return mul(self, other)

    def __truediv__(self, other: Any) -> Any:
        return div(self, other)

    def __radd__(self, other: Any) -> Any:
        return add(other, self)

    def __rsub__(self, other: Any) -> Any:
        return sub(other, self)

    def __rmul__(self, other: Any) -> Any:
        return mul(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return div(other, self)


def plain(x: Any) -> Any:
    """The array behind a dual number."""
    while isinstance(x, Dual):
        x = x.value
    return x


def value(x: Any) -> Any:
    return x.value if isinstance(x, Dual) else x


def rate(x: Any) -> Any:
    return x.rate if isinstance(x, Dual) else np.zeros(np.shape(x))


# --- how a function on arrays becomes one on dual numbers -----------------------------------------


def smooth(f: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """A function of single numbers, and its derivative from its value y and its input x."""

    def on_duals(x: Any, *settings: Any) -> Any:
        if not isinstance(x, Dual):
            return f(x, *settings)
        y = on_duals(x.value, *settings)
        return Dual(y, slope(y, x.value, *settings) * x.rate)

    return on_duals


def linear(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is linear in all of its inputs together: its rate is itself, of the rates."""

    def on_duals(*inputs: Any, **settings: Any) -> Any:
        if not any(isinstance(x, Dual) for x in inputs):
            return f(*inputs, **settings)
        return Dual(
            on_duals(*map(value, inputs), **settings), on_duals(*map(rate, inputs), **settings)
        )

    return on_duals


def bilinear(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is linear in each of its two inputs: the product rule."""

    def on_duals(a: Any, b: Any) -> Any:
        left, right = isinstance(a, Dual), isinstance(b, Dual)
        if not (left or right):
            return f(a, b)
        y = on_duals(value(a), value(b))
        if not right:
            return Dual(y, on_duals(a.rate, b))
        if not left:
            return Dual(y, on_duals(a, b.rate))
        return Dual(y, on_duals(a.rate, b.value) + on_duals(a.value, b.rate))

    return on_duals


def flat(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose slope is 0 wherever it has one."""
    return lambda *inputs, **settings: f(*map(plain, inputs), **settings)


def jumps(f: Callable[..., Any], distance: Callable[..., Any]) -> Callable[..., Any]:
    """A flat function that jumps where a distance is 0."""

    def careful(*inputs: Any, **settings: Any) -> Any:
        clear(distance(*inputs))
        return f(*inputs, **settings)

    return flat(careful)


def clear(distance: Any) -> None:
    if np.any(np.abs(distance) < CLEAR):
        raise Kink


# --- single numbers -------------------------------------------------------------------------------

neg = linear(np.negative)
add = linear(np.add)
sub = linear(np.subtract)
mul = bilinear(np.multiply)
exp = smooth(np.exp, lambda y, x: y)
log = smooth(np.log, lambda y, x: 1 / x)
log1p = smooth(np.log1p, lambda y, x: 1 / (1 + x))
expm1 = smooth(np.expm1, lambda y, x: exp(x))
sqrt = smooth(np.sqrt, lambda y, x: 0.5 / y)
tanh = smooth(np.tanh, lambda y, x: 1 - y * y)
sigmoid = smooth(lambda x: 1 / (1 + np.exp(-x)), lambda y, x: y * (1 - y))
softplus = smooth(lambda x: np.log(1 + np.exp(x)), lambda y, x: sigmoid(x))
inverse = smooth(lambda x: 1 / x, lambda y, x: -(y * y))
to_number = smooth(lambda x, n: np.asarray(x) ** n, lambda y, x, n: n * to_number(x, n - 1))


def div(a: Any, b: Any) -> Any:
    return mul(a, inverse(b))


def power(x: Any, n: Any) -> Any:
    return to_number(x, n) if isinstance(n, int | float) else exp(mul(log(x), n))


# --- selections: linear in what they select -------------------------------------------------------


def where(condition: Any, a: Any, b: Any) -> Any:
    return linear(lambda a, b: np.where(plain(condition), a, b))(a, b)


def relu(x: Any) -> Any:
    clear(plain(x))
    return where(plain(x) > 0, x, 0.0)


def absolute(x: Any) -> Any:
    clear(plain(x))
    return where(plain(x) > 0, x, -x)


def maximum(a: Any, b: Any) -> Any:
    clear(np.subtract(plain(a), plain(b)))
    return where(plain(a) > plain(b), a, b)


def minimum(a: Any, b: Any) -> Any:
    return -maximum(neg(a), neg(b))


def clip(x: Any, min: Any, max: Any) -> Any:
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


# --- along axes -----------------------------------------------------------------------------------

total = linear(np.sum)
matmul = bilinear(np.matmul)


def count(x: Any, axis: Any) -> int:
    """How many numbers a reduction takes together."""
    shape = np.shape(plain(x))
    axes = range(len(shape)) if axis is None else np.ravel(np.array(axis, int))
    return int(np.prod([shape[a] for a in axes], dtype=int))


def largest(x: Any, axis: Any, keepdims: bool) -> Any:
    rows = plain(x)
    chosen = rows > np.max(rows, axis=axis, keepdims=True) - CLEAR
    if np.any(np.sum(chosen, axis=axis) > 1):
        raise Kink
    return total(where(chosen, x, 0.0), axis=axis, keepdims=keepdims)


def smallest(x: Any, axis: Any, keepdims: bool) -> Any:
    return -largest(neg(x), axis, keepdims)


def mean(x: Any, axis: Any, keepdims: bool) -> Any:
    return total(x, axis=axis, keepdims=keepdims) * (1 / count(x, axis))


def variance(x: Any, axis: Any, keepdims: bool) -> Any:
    distance = x - mean(x, axis, True)
    return mean(distance * distance, axis, keepdims)


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    return log(total(exp(x), axis=axis, keepdims=keepdims))


def log_softmax(x: Any, axis: int) -> Any:
    return x - logsumexp(x, axis, True)


def cross_entropy(x: Any, labels: Any, axis: int) -> Any:
    chosen = take(log_softmax(x, axis), labels, axis=axis)
    return -total(chosen) * (1 / labels.size)


# --- moves ----------------------------------------------------------------------------------------


def spread(g: Any, shape: tuple[int, ...], places: Callable[[Any], Any]) -> Any:
    """Zeros of a shape, with g added at the places that a reader picks from an array of it."""
    numbers = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    found = np.zeros(numbers.size)
    np.add.at(found, np.ravel(places(numbers)), np.ravel(g))
    return found.reshape(shape)


def along(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an array and indices, which stand still."""
    return lambda x, indices, **settings: linear(lambda x: f(x, indices, **settings))(x)


take = along(np.take_along_axis)


def scatter(x: Any, shape: tuple[int, ...], index: Any) -> Any:
    return linear(lambda x: spread(x, shape, lambda numbers: numbers[index]))(x)


scatter_along_axis = along(
    lambda x, indices, shape, axis: spread(
        x, shape, lambda numbers: np.take_along_axis(numbers, indices, axis)
    )
)


def difference(a: Any, b: Any) -> Any:
    return np.subtract(a, b)


def from_integers(x: Any) -> Any:
    return x - np.rint(x)


def from_halves(x: Any) -> Any:
    return from_integers(x + 0.5)


def argmax(x: Any, axis: Any, keepdims: bool) -> Any:
    largest(x, axis, keepdims)  # for its ties
    return np.argmax(plain(x), axis=axis, keepdims=keepdims)


FORWARD: dict[str, Callable[..., Any]] = {
    "neg": neg,
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "pow": power,
    "matmul": matmul,
    "linear": lambda x, weight, bias: add(matmul(x, weight), bias),
    "exp": exp,
    "log": log,
    "log1p": log1p,
    "expm1": expm1,
    "sqrt": sqrt,
    "abs": absolute,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "softplus": softplus,
    "maximum": maximum,
    "minimum": minimum,
    "clip": clip,
    "where": where,
    "astype": linear(lambda x, dtype: np.asarray(x, dtype)),
    "identity": linear(np.array),
    "positive": linear(np.array),
    "square": lambda x: mul(x, x),
    "sum": total,
    "max": largest,
    "min": smallest,
    "mean": mean,
    "var": variance,
    "logsumexp": logsumexp,
    "softmax": lambda x, axis: exp(log_softmax(x, axis)),
    "log_softmax": log_softmax,
    "softmax_cross_entropy": cross_entropy,
    "reshape": linear(lambda x, shape: np.reshape(x, shape)),
    "transpose": linear(np.transpose),
    "squeeze": linear(np.squeeze),
    "expand_dims": linear(np.expand_dims),
    "broadcast_to": linear(lambda x, shape: np.broadcast_to(x, shape)),
    "join": linear(lambda *arrays, axis: np.concatenate(arrays, axis)),
    "concatenate": linear(lambda *arrays, axis: np.concatenate(arrays, axis)),
    "stack": linear(lambda *arrays, axis: np.stack(arrays, axis)),
    "getitem": linear(lambda x, index: x[index]),
    "scatter": scatter,
    "take_along_axis": take,
    "scatter_along_axis": scatter_along_axis,
    "less": jumps(np.less, difference),
    "less_equal": jumps(np.less_equal, difference),
    "greater": jumps(np.greater, difference),
    "greater_equal": jumps(np.greater_equal, difference),
    "equal": jumps(np.equal, difference),
    "not_equal": jumps(np.not_equal, difference),
    "bitwise_and": flat(operator.and_),
    "bitwise_or": flat(operator.or_),
    "bitwise_xor": flat(operator.xor),
    "invert": flat(np.invert),
    "isfinite": flat(np.isfinite),
    "isnan": flat(np.isnan),
    "isinf": flat(np.isinf),
    "signbit": jumps(np.signbit, plain),
    "sign": jumps(np.sign, plain),
    "floor": jumps(np.floor, from_integers),
    "ceil": jumps(np.ceil, from_integers),
    "rint": jumps(np.rint, from_halves),
    "argmax": argmax,
    "any": flat(np.any),
    "all": flat(np.all),
}


def second_order(
    function: Callable[..., Any],
    points: Sequence[Any],
    u: Sequence[Any],
    v: Sequence[Any],
) -> tuple[Any, Any, Any, Any]:
    """A function's value f, its slopes along u and along v, and uᵀ H v, all in one run.

    >>> second_order(lambda x: power(x, 3), [np.array(2.0)], [np.array(1.0)], [np.array(10.0)])
    (8.0, 12.0, 120.0, 120.0)
    """
    still = [np.zeros(np.shape(x)) for x in points]
    inner = [Dual(x, b) for x, b in zip(points, v, strict=True)]
    ahead = [Dual(a, zero) for a, zero in zip(u, still, strict=True)]
    y = function(*map(Dual, inner, ahead))
    found = value(value(y)), value(rate(y)), rate(value(y)), rate(rate(y))
    return tuple(float(x) for x in found)
