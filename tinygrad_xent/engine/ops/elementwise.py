"""Functions of single numbers: exponentials, logarithms, powers, activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays as xp
from ..arrays import Array
from ..methods import Operand
from ..operands import as_numbers
from ..public import op
from ..symbols import somewhere
from ..tensors import raw
from .selection import where

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def _power_vjp_x(x: Any, n: Any) -> Any:
    """n · x^(n-1), 0 where n = 0 even at x = 0 and nan."""
    if isinstance(n, (int, float)):
        return 2 * x if n == 2 else n * x ** (n - 1) if n != 0 else 0
    values = raw(x)
    edge = (raw(n) == 0) & ((values == 0) | (values != values))
    if not somewhere(edge):
        return n * x ** (n - 1)
    return where(edge, 0, n * where(edge, 1, x) ** (n - 1))


def _log_base(x: Any, n: Any) -> Any:
    """x, but 1 where 0ⁿ does not change with n, so that the logarithm is 0 there."""
    return where((raw(x) == 0) & (raw(n) >= 0), 1, x)


@op("eˣ", ("g · y", lambda g, y: g * y), numpy=np.exp, method=True)
def exp(x: Operand, /) -> Array:
    """e to the power x, elementwise.

    >>> exp(Tensor([0.0, 1.0])).numpy()
    array([1.        , 2.71828183])
    """
    return xp.exp(x)


@op("log x", ("g / x", lambda g, x: g / x), numpy=np.log, method=True)
def log(x: Operand, /) -> Array:
    """The natural logarithm, elementwise. For the log of a softmax use `log_softmax`, never log 0.

    >>> log(Tensor([1.0, 10.0])).numpy()
    array([0.        , 2.30258509])
    """
    return xp.log(x)


@op("log(1 + x)", ("g / (1 + x)", lambda g, x: g / (1 + x)), numpy=np.log1p)
def log1p(x: Operand, /) -> Array:
    """log(1 + x), elementwise, exact for small x.

    >>> log1p(Tensor([0.0, 1e-20])).numpy()
    array([0.e+00, 1.e-20])
    """
    return xp.log1p(x)


@op("eˣ - 1", ("g · eˣ", lambda g, x: g * exp(x)), numpy=np.expm1)
def expm1(x: Operand, /) -> Array:
    """e to the power x, minus 1, elementwise, exact for small x. So is the slope for any x: it is not
    computed as y + 1, which is 0 below x = -37.

    >>> expm1(Tensor([0.0, 1e-20])).numpy()
    array([0.e+00, 1.e-20])
    """
    return xp.expm1(x)


@op("√x", ("g / (2 · y)", lambda g, y: g / (2 * y)), numpy=np.sqrt, method=True)
def sqrt(x: Operand, /) -> Array:
    """The square root, elementwise; the slope at 0 is infinite.

    >>> sqrt(Tensor([4.0, 9.0])).numpy()
    array([2., 3.])
    """
    return xp.sqrt(x)


@op("|x|", ("g · sign(x)", lambda g, x: g * xp.sign(raw(x))),
    numpy=np.absolute, method=True, operator="abs", aliases=("absolute",))
def abs(x: Operand, /) -> Array:
    """The absolute value, elementwise; the slope at 0 is 0.

    >>> abs(Tensor([-2.0, 3.0])).numpy()
    array([2., 3.])
    """
    return xp.abs(as_numbers("abs", x))  # of complex numbers it would be the modulus


@op("tanh x", ("g · (1 - y²)", lambda g, y: g * (1 - y * y)), numpy=np.tanh, method=True)
def tanh(x: Operand, /) -> Array:
    """The hyperbolic tangent, elementwise.

    >>> tanh(Tensor([0.0, 100.0])).numpy()
    array([0., 1.])
    """
    return xp.tanh(x)


@op("1 / (1 + e⁻ˣ)", ("g · y · (1 - y)", lambda g, y: g * y * (1 - y)), method=True)
def sigmoid(x: Operand, /) -> Array:
    """The logistic function, elementwise; accurate for any size of x.

    >>> sigmoid(Tensor([-1000.0, 0.0, 1000.0])).numpy()
    array([0. , 0.5, 1. ])
    """
    return xp.sigmoid(x)


@op("log(1 + eˣ)", ("g · σ(x)", lambda g, x: g * sigmoid(x)), method=True)
def softplus(x: Operand, /) -> Array:
    """log(1 + exp(x)), elementwise; never overflows.

    >>> softplus(Tensor([-1000.0, 1000.0])).numpy()
    array([   0., 1000.])
    """
    return xp.softplus(x)


@op("xⁿ",
    ("g · n · xⁿ⁻¹ where n ≠ 0", lambda g, x, n: g * _power_vjp_x(x, n)),
    ("g · y · log x where x ≠ 0 or n < 0", lambda g, x, n, y: g * y * log(_log_base(x, n))),
    numpy=np.power, operator="pow", aliases=("power",))
def pow(x: Operand, n: Operand, /) -> Array:
    """x to the power n, elementwise. As in PyTorch, the derivative by x is 0 where n = 0, and the one
    by n is 0 where x = 0 and n >= 0.

    >>> pow(Tensor([2.0, 3.0]), 2).numpy()
    array([4., 9.])
    """
    return xp.power(x, n)
