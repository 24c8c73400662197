"""Exponentials and logarithms to other bases, roots, and the error function, of single numbers."""

from __future__ import annotations

from math import log, pi, sqrt
from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine.arrays import Array
from ..engine.methods import Operand
from ..engine.ops import arithmetic
from ..engine.ops.elementwise import exp, sigmoid
from ..engine.ops.selection import where
from ..engine.public import op, public
from ..engine.symbols import asarray, somewhere
from ..engine.tensors import Tensor, raw


def _difference(a: Any, b: Any) -> Any:
    """a - b, and 0 where both are the same infinity: they share the gradient as equal numbers do."""
    same = (raw(a) == raw(b)) & np.isinf(raw(a))
    return where(same, 0.0, a - b) if somewhere(same) else a - b


@xp._of_floats
def _special(x: Array, name: str) -> Array:
    """A function of scipy.special."""
    try:
        from scipy import special
    except ImportError:
        what = f'{name} needs the package scipy: pip install "tinygrad_xent[scipy]"'
        raise ImportError(what) from None
    return asarray(getattr(special, name)(x))


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


@op("erf(x)", ("2 · g · exp(-x²) / √π", lambda g, x: 2 / sqrt(pi) * g * exp(-x * x)), method=True)
def erf(x: Operand, /) -> Array:
    """The error function, elementwise: 2/√π times the integral of exp(-t²) from 0 to x.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> erf(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.8427])
    """
    return _special(x, "erf")


@op("erfc(x)", ("-2 · g · exp(-x²) / √π", lambda g, x: -2 / sqrt(pi) * g * exp(-x * x)), method=True)
def erfc(x: Operand, /) -> Array:
    """1 - erf(x), elementwise; keeps its digits where erf(x) is close to 1.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> erfc(Tensor([0.0, 20.0])).numpy()
    array([1.00000000e+000, 5.39586561e-176])
    """
    return _special(x, "erfc")


# fmt: on


@public(numpy=np.reciprocal, method=True)
def reciprocal(x: Operand, /) -> Tensor:
    """1 / x, elementwise. That of an integer is a float, as in PyTorch; `np.reciprocal` gives 0.

    >>> reciprocal(Tensor([2.0, -4.0])).numpy()
    array([ 0.5 , -0.25])
    """
    return arithmetic.div(1.0, x)
