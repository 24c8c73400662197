"""Exponentials and logarithms to other bases, and roots, of single numbers."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from ..engine.arrays import Array
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import arithmetic
from ..engine.ops.elementwise import sigmoid, sqrt
from ..engine.ops.selection import where
from ..engine.public import op, public
from ..engine.symbols import somewhere
from ..engine.tensors import Tensor, raw


def _difference(a: Any, b: Any) -> Any:
    """a - b, and 0 where both are the same infinity: they share the gradient as equal numbers do."""
    same = (raw(a) == raw(b)) & np.isinf(raw(a))
    return where(same, 0.0, a - b) if somewhere(same) else a - b


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("2ˣ", ("g · y · log 2", lambda g, y: g * y * log(2)), numpy=np.exp2, method=True)
def exp2(x: Operand, /) -> Array:
    """2 to the power x, elementwise.

    >>> exp2(Tensor([0.0, 0.5])).numpy().round(4)
    array([1.    , 1.4142])
    """
    return np.exp2(x)


@op("log2(x)", ("g / (x · log 2)", lambda g, x: g / (x * log(2))), numpy=np.log2, method=True)
def log2(x: Operand, /) -> Array:
    """The logarithm to base 2, elementwise; that of 0 is -inf, with an infinite slope.

    >>> log2(Tensor([1.0, 1024.0])).numpy()
    array([ 0., 10.])
    """
    return np.log2(x)


@op("log10(x)", ("g / (x · log 10)", lambda g, x: g / (x * log(10))), numpy=np.log10, method=True)
def log10(x: Operand, /) -> Array:
    """The logarithm to base 10, elementwise; that of 0 is -inf, with an infinite slope.

    >>> log10(Tensor([1.0, 1000.0])).numpy()
    array([0., 3.])
    """
    return np.log10(x)


@op("cbrt(x)", ("g / (3 · y²)", lambda g, y: g / (3 * y * y)), numpy=np.cbrt)
def cbrt(x: Operand, /) -> Array:
    """The cube root, elementwise, of negative numbers too; the slope at 0 is infinite.

    >>> cbrt(Tensor([-8.0, 27.0])).numpy()
    array([-2.,  3.])
    """
    return np.cbrt(x)


@op("log(eᵃ + eᵇ)",
    ("g · σ(a - b)", lambda g, a, b: g * sigmoid(_difference(a, b))),
    ("g · σ(b - a)", lambda g, a, b: g * sigmoid(_difference(b, a))),
    numpy=np.logaddexp, method=True)
def logaddexp(a: Operand, b: Operand, /) -> Array:
    """log(exp(a) + exp(b)), elementwise; never overflows. Equal numbers share the gradient evenly, equal
    infinities too (PyTorch's is nan there). For more than two numbers use `logsumexp`.

    >>> logaddexp(Tensor([1000.0, -np.inf]), Tensor([1000.0, 3.0])).numpy().round(4)
    array([1000.6931,    3.    ])
    """
    return np.logaddexp(a, b)


@op("log2(2ᵃ + 2ᵇ)",
    ("g · σ((a - b) · log 2)", lambda g, a, b: g * sigmoid(_difference(a, b) * log(2))),
    ("g · σ((b - a) · log 2)", lambda g, a, b: g * sigmoid(_difference(b, a) * log(2))),
    numpy=np.logaddexp2, method=True)
def logaddexp2(a: Operand, b: Operand, /) -> Array:
    """log2(2ᵃ + 2ᵇ), elementwise; never overflows. Ties and infinities as in `logaddexp`.

    >>> logaddexp2(Tensor([1000.0, -np.inf]), Tensor([1000.0, 3.0])).numpy()
    array([1001.,    3.])
    """
    return np.logaddexp2(a, b)


# fmt: on


@public(numpy=np.reciprocal, method=True)
def reciprocal(x: Operand, /) -> Tensor:
    """1 / x, elementwise. That of an integer is a float, as in PyTorch; `np.reciprocal` gives 0.

    >>> reciprocal(Tensor([2.0, -4.0])).numpy()
    array([ 0.5 , -0.25])
    """
    return arithmetic.div(1.0, x)


@public()
def rsqrt(x: Operand, /) -> Tensor:
    """1 / √x, elementwise; infinite at 0, nan below.

    >>> rsqrt(Tensor([4.0, 0.25])).numpy()
    array([0.5, 2. ])
    """
    with composite("rsqrt", "1 / √x"):
        return arithmetic.div(1.0, sqrt(x))
