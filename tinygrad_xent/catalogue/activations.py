"""Activation functions of neural networks, of single numbers. None overflows for large |x|; what is
infinite minus or times something gives nan, as in PyTorch, where nothing else is said.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import errors
from ..engine.arrays import Array
from ..engine.breadth.comparisons import greater, greater_equal, less_equal
from ..engine.breadth.composites import in_float32, in_float32_beside
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops.arithmetic import add, div, mul, neg, sub
from ..engine.ops.elementwise import abs, expm1, sigmoid, softplus, tanh
from ..engine.ops.moves import getitem
from ..engine.ops.selection import clip, minimum, where
from ..engine.public import op, plain, public
from ..engine.tensors import Tensor
from .inputs import along, in_floats, numbers, place
from .special import erfc


@public()
@in_float32
def gelu(x: Operand, /, approximate: str = "none") -> Tensor:
    """x · Φ(x), elementwise, where Φ is the normal distribution function (Hendrycks and Gimpel,
    arXiv:1606.08415).

    Args:
        approximate: "tanh" for the paper's approximation, x · σ(√(8/π) · (x + 0.044715 x³)), which
            needs no scipy.

    Raises:
        ImportError: the extra `scipy` is not installed, and no approximation is asked for.

    >>> gelu(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    if approximate == "none":
        with composite("gelu", "x · erfc(-x / √2) / 2"):
            return mul(mul(x, 0.5), erfc(mul(x, -sqrt(0.5))))
    if approximate == "tanh":
        with composite("gelu", "x · σ(√(8 / π) · (x + 0.044715 · x³))"):
            near = clip(x, -50, 50)  # beyond, σ is 0 or 1, and x³ would overflow
            cube = mul(mul(near, near), near)
            return mul(x, sigmoid(mul(add(near, mul(cube, 0.044715)), sqrt(8 / pi))))
    what = f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}"
    raise errors.BadValueError(what, [x])


@public()
@in_float32
def silu(x: Operand, /) -> Tensor:
    """x · σ(x), elementwise; also called swish.

    >>> silu(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    with composite("silu", "x · σ(x)"):
        return mul(x, sigmoid(x))


@public()
@in_float32_beside("alpha")
def elu(x: Operand, /, alpha: Any = 1.0) -> Tensor:
    """x where it is positive, else alpha · (exp(x) - 1), elementwise; the slope at 0 is alpha.

    >>> elu(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.6321,  0.    ,  1.    ])
    """
    x = in_floats("elu", x)
    with composite("elu", "alpha · (eˣ - 1) where x ≤ 0, x else"):
        below = mul(expm1(clip(x, max=0)), plain(alpha, "alpha"))
        return where(less_equal(x, 0), below, x)


@public()
@in_float32_beside("alpha")
def celu(x: Operand, /, alpha: Any = 1.0) -> Tensor:
    """x where it is positive, else alpha · (exp(x / alpha) - 1), elementwise: `elu` with the slope 1 at 0
    for every alpha (Barron, arXiv:1704.07483).

    >>> celu(Tensor([-1.0, 0.0, 1.0]), 0.5).numpy().round(4)
    array([-0.4323,  0.    ,  1.    ])
    """
    x, alpha = in_floats("celu", x), plain(alpha, "alpha")
    with composite("celu", "alpha · (exp(x / alpha) - 1) where x ≤ 0, x else"):
        below = mul(expm1(div(clip(x, max=0), alpha)), alpha)
        return where(less_equal(x, 0), below, x)


@public()
@in_float32
def mish(x: Operand, /) -> Tensor:
    """x · tanh(log(1 + exp(x))), elementwise (Misra, arXiv:1908.08681).

    >>> mish(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    with composite("mish", "x · tanh log(1 + eˣ)"):
        return mul(x, tanh(softplus(x)))


@public()
@in_float32
def tanhshrink(x: Operand, /) -> Tensor:
    """x - tanh x, elementwise.

    >>> tanhshrink(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.2384,  0.    ,  0.2384])
    """
    with composite("tanhshrink", "x - tanh x"):
        return sub(x, tanh(x))


@public()
@in_float32
def glu(x: Operand, axis: int = -1) -> Tensor:
    """The first half of x along an axis times the sigmoid of the second (Dauphin et al., arXiv:1612.08083).

    Raises:
        ShapeError: the axis has no halves.

    >>> glu(Tensor([1.0, 2.0, 0.0, 0.0])).numpy()
    array([0.5, 1. ])
    """
    t = numbers("glu", x)
    axis = place("glu", t, axis)
    n = t.shape[axis]
    if n % 2:
        what = f"glu: axis {axis} of length {n} has no halves"
        raise errors.ShapeError(what, [t], "take an even number of channels")
    first, second = (along(axis, part) for part in (slice(n // 2), slice(n // 2, None)))
    with composite("glu", "a · σ(b)"):
        return mul(getitem(t, first), sigmoid(getitem(t, second)))


@public()
@in_float32
def selu(x: Operand, /) -> Tensor:
    """`elu` of such a shape and scale that layers keep their mean 0 and variance 1 (Klambauer et al.,
    arXiv:1706.02515); the slope at 0 is that to its left.

    >>> selu(Tensor([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-1.1113,  0.    ,  1.0507])
    """
    with composite("selu", "1.0507009873554805 · elu(x, 1.6732632423543772)"):
        return mul(elu(x, 1.6732632423543772), 1.0507009873554805)


@public()
def leaky_relu(x: Operand, /, negative_slope: Any = 0.01) -> Tensor:
    """x where it is positive, else negative_slope · x, elementwise; the slope at 0 is that below 0.

    Args:
        negative_slope: a number, or a tensor if it is to be learned.

    >>> leaky_relu(Tensor([-2.0, 3.0])).numpy()
    array([-0.02,  3.  ])
    """
    with composite("leaky_relu", "x where x > 0, negative_slope · x else"):
        return where(greater(x, 0), x, mul(x, plain(negative_slope, "negative_slope")))


@op("x / (1 + |x|)", ("g / (1 + |x|)²", lambda g, x: g / (1 + abs(x)) / (1 + abs(x))))
def softsign(x: Operand, /) -> Array:
    """x / (1 + |x|), elementwise: between -1 and 1.

    >>> softsign(Tensor([-1.0, 0.0, 3.0])).numpy()
    array([-0.5 ,  0.  ,  0.75])
    """
    return _softsign(x)


@xp._of_floats
def _softsign(x: Array) -> Array:
    return x / (1 + np.abs(x))


@public()
def logsigmoid(x: Operand, /) -> Tensor:
    """log σ(x), elementwise; keeps its digits where σ(x) is close to 0 or 1.

    >>> logsigmoid(Tensor([-1000.0, 0.0, 50.0])).numpy()
    array([-1.00000000e+03, -6.93147181e-01, -1.92874985e-22])
    """
    x = in_floats("logsigmoid", x)
    with composite("logsigmoid", "log σ(x)"):
        return neg(softplus(neg(x)))


@public()
def hardtanh(x: Operand, /, min_val: Any = -1.0, max_val: Any = 1.0) -> Tensor:
    """x limited to [min_val, max_val], elementwise; if min_val is the larger, max_val, as `clip` has it.
    Other than that of `clip`, the slope at the limits is 0, as in PyTorch; at nan it is 1, as that of `relu`.

    >>> hardtanh(Tensor([-2.0, 0.5, 2.0])).numpy()
    array([-1. ,  0.5,  1. ])
    """
    low, high = plain(min_val, "min_val"), plain(max_val, "max_val")
    with composite("hardtanh", "min(max(x, min_val), max_val)"):
        both_numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
        low = min(low, high) if both_numbers else minimum(low, high)
        return where(less_equal(x, low), low, where(greater_equal(x, high), high, x))


@public()
def relu6(x: Operand, /) -> Tensor:
    """x limited to [0, 6], elementwise; the slope at the limits is 0.

    >>> relu6(Tensor([-2.0, 3.0, 8.0])).numpy()
    array([0., 3., 6.])
    """
    with composite("relu6", "min(max(x, 0), 6)"):
        return hardtanh(x, 0, 6)
