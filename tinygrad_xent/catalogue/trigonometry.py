"""The circular and hyperbolic functions and their inverses, of single numbers. Angles are in radians."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine.arrays import Array
from ..engine.methods import Operand
from ..engine.ops.elementwise import sqrt
from ..engine.ops.selection import where
from ..engine.public import op
from ..engine.tensors import raw


def _over(a: Any, r: Any) -> Any:
    """a / r, and 0 where r is 0."""
    zero = raw(r) == 0
    return where(zero, 0, a) / where(zero, 1, r) if zero.any() else a / r


def _turn(a: Any, r: Any) -> Any:
    """a / r², and 0 where r is 0; the square does not overflow."""
    return _over(_over(a, r), r)


@xp._of_floats
def _sinc(x: Array) -> Array:
    z = np.pi * np.where(x == 0, 1, x)
    return np.where(x == 0, 1, np.sin(z) / z)


_NEAR = 0.5
_TAYLOR = [(-1) ** k * 2 * k * np.pi ** (2 * k) / factorial(2 * k + 1) for k in range(1, 12)]


def _sinc_slope(x: Any) -> Any:
    """(cos πx - sinc x) / x. Near 0, where this difference loses its digits, by the Taylor series."""
    near = np.abs(raw(x)) < _NEAR
    small, large = where(near, x, 0), where(near, 1, x)
    series: Any = 0
    for coefficient in reversed(_TAYLOR):
        series = series * small * small + coefficient
    return where(near, small * series, (cos(np.pi * large) - sinc(large)) / large)


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("sin x", ("g · cos x", lambda g, x: g * cos(x)), numpy=np.sin, method=True)
def sin(x: Operand, /) -> Array:
    """The sine, elementwise.

    >>> sin(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.8415])
    """
    return np.sin(x)


@op("cos x", ("-g · sin x", lambda g, x: -g * sin(x)), numpy=np.cos, method=True)
def cos(x: Operand, /) -> Array:
    """The cosine, elementwise.

    >>> cos(Tensor([0.0, 1.0])).numpy().round(4)
    array([1.    , 0.5403])
    """
    return np.cos(x)

@op("tan x", ("g · (1 + y²)", lambda g, y: g * (1 + y * y)), numpy=np.tan, method=True)
def tan(x: Operand, /) -> Array:
    """The tangent, elementwise.

    >>> tan(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 1.5574])
    """
    return np.tan(x)


@op("arcsin(x)", ("g / √((1 - x) · (1 + x))", lambda g, x: g / sqrt((1 - x) * (1 + x))),
    numpy=np.arcsin, method=True)
def arcsin(x: Operand, /) -> Array:
    """The angle from -π/2 to π/2 whose sine is x, elementwise; nan outside [-1, 1]. The slope at -1 and
    at 1 is infinite.

    >>> arcsin(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 1.5708])
    """
    return np.arcsin(x)


@op("arccos(x)", ("-g / √((1 - x) · (1 + x))", lambda g, x: -g / sqrt((1 - x) * (1 + x))),
    numpy=np.arccos, method=True)
def arccos(x: Operand, /) -> Array:
    """The angle from 0 to π whose cosine is x, elementwise; nan outside [-1, 1]. The slope at -1 and at
    1 is infinite.

    >>> arccos(Tensor([0.0, 1.0])).numpy().round(4)
    array([1.5708, 0.    ])
    """
    return np.arccos(x)


@op("arctan(x)", ("g / (1 + x²)", lambda g, x: g / (1 + x * x)), numpy=np.arctan, method=True)
def arctan(x: Operand, /) -> Array:
    """The angle between -π/2 and π/2 whose tangent is x, elementwise.

    >>> arctan(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.7854])
    """
    return np.arctan(x)


@op("arctan2(a, b)",
    ("g · b / hypot(a, b)² where hypot(a, b) > 0", lambda g, a, b: _turn(g * b, hypot(a, b))),
    ("-g · a / hypot(a, b)² where hypot(a, b) > 0", lambda g, a, b: _turn(-g * a, hypot(a, b))),
    numpy=np.arctan2, method=True)
def arctan2(a: Operand, b: Operand, /) -> Array:
    """The angle from the first axis to the point (b, a), elementwise: from -π to π. The second
    coordinate comes first. As in PyTorch, both slopes are 0 at the origin.

    >>> arctan2(Tensor([1.0, -1.0]), Tensor([1.0, 0.0])).numpy().round(4)
    array([ 0.7854, -1.5708])
    """
    return np.arctan2(a, b)


@op("hypot(a, b)",
    ("g · a / y where y > 0", lambda g, a, y: g * _over(a, y)),
    ("g · b / y where y > 0", lambda g, b, y: g * _over(b, y)),
    numpy=np.hypot, method=True)
def hypot(a: Operand, b: Operand, /) -> Array:
    """√(a² + b²), elementwise; the squares do not overflow. At the origin both slopes are 0, like that
    of `abs` (PyTorch's are nan).

    >>> hypot(Tensor([3.0, 3e200]), Tensor([4.0, 4e200])).numpy()
    array([5.e+000, 5.e+200])
    """
    return np.hypot(a, b)


@op("sinh(x)", ("g · cosh(x)", lambda g, x: g * cosh(x)), numpy=np.sinh, method=True)
def sinh(x: Operand, /) -> Array:
    """The hyperbolic sine, elementwise.

    >>> sinh(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 1.1752])
    """
    return np.sinh(x)


@op("cosh(x)", ("g · sinh(x)", lambda g, x: g * sinh(x)), numpy=np.cosh, method=True)
def cosh(x: Operand, /) -> Array:
    """The hyperbolic cosine, elementwise.

    >>> cosh(Tensor([0.0, 1.0])).numpy().round(4)
    array([1.    , 1.5431])
    """
    return np.cosh(x)


@op("arcsinh(x)", ("g / hypot(1, x)", lambda g, x: g / hypot(1.0, x)), numpy=np.arcsinh, method=True)
def arcsinh(x: Operand, /) -> Array:
    """The number whose hyperbolic sine is x, elementwise.

    >>> arcsinh(Tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.8814])
    """
    return np.arcsinh(x)


@op("arccosh(x)", ("g / (√(x - 1) · √(x + 1))", lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1))),
    numpy=np.arccosh, method=True)
def arccosh(x: Operand, /) -> Array:
    """The number >= 0 whose hyperbolic cosine is x, elementwise; nan below 1. The slope at 1 is infinite.

    >>> arccosh(Tensor([1.0, 2.0])).numpy().round(4)
    array([0.   , 1.317])
    """
    return np.arccosh(x)


@op("arctanh(x)", ("g / ((1 - x) · (1 + x))", lambda g, x: g / ((1 - x) * (1 + x))),
    numpy=np.arctanh, method=True)
def arctanh(x: Operand, /) -> Array:
    """The number whose hyperbolic tangent is x, elementwise; nan outside [-1, 1]. The slope at -1 and at
    1 is infinite.

    >>> arctanh(Tensor([0.0, 0.5])).numpy().round(4)
    array([0.    , 0.5493])
    """
    return np.arctanh(x)


@op("1 where x = 0, sin(π · x) / (π · x) else",
    ("g · (cos(π · x) - y) / x where x ≠ 0", lambda g, x: g * _sinc_slope(x)),
    numpy=np.sinc, method=True)
def sinc(x: Operand, /) -> Array:
    """sin(πx) / (πx), elementwise; 1 at 0.

    >>> sinc(Tensor([0.0, 0.5, 1.0])).numpy().round(4)
    array([1.    , 0.6366, 0.    ])
    """
    return _sinc(x)
