"""Functions of scipy.special, of single numbers: the error function and its relatives, the gamma function.

Those that NumPy has no code for need the extra `scipy`, when they are called.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import errors
from ..engine.arrays import Array
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops.arithmetic import mul
from ..engine.ops.elementwise import exp, log
from ..engine.ops.selection import masked, where
from ..engine.public import op, public
from ..engine.symbols import asarray, noted
from ..engine.tensors import Tensor, raw
from .inputs import whole


@xp._of_floats
def _special(x: Array, name: str, *before: Any) -> Array:
    """A function of scipy.special; `before` are the arguments that it takes before x."""
    try:
        from scipy import special
    except ImportError:
        what = f'{name} needs the package scipy: pip install "tinygrad_xent[scipy]"'
        raise ImportError(what) from None
    return asarray(noted(f"scipy.special.{name}", getattr(special, name), *before, x)).astype(
        x.dtype, copy=False
    )


def _present(a: Any, b: Any) -> Array:
    """Where a · log b has a slope by both: nowhere is 0 · log 0 differentiated."""
    present: Array = (raw(a) != 0) | (raw(b) > 0)
    return present


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


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


@op("erfinv(x)", ("√π / 2 · g · exp(y²)", lambda g, y: sqrt(pi) / 2 * g * exp(y * y)))
def erfinv(x: Operand, /) -> Array:
    """The number whose error function is x, elementwise: infinite at -1 and 1, nan beyond.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> erfinv(Tensor([0.0, 0.5])).numpy().round(4)
    array([0.    , 0.4769])
    """
    return _special(x, "erfinv")


@op("log_ndtr(x)",
    ("g · exp(-x² / 2 - y) / √(2 · π)", lambda g, x, y: g * exp(-x * x / 2 - y) / sqrt(2 * pi)))
def log_ndtr(x: Operand, /) -> Array:
    """The logarithm of the normal distribution function, elementwise; keeps its digits where that is
    close to 0 or 1.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> log_ndtr(Tensor([-30.0, 0.0])).numpy().round(4)
    array([-454.3212,   -0.6931])
    """
    return _special(x, "log_ndtr")


@op("gammaln(x)", ("g · digamma(x)", lambda g, x: g * digamma(x)), aliases=("lgamma",))
def gammaln(x: Operand, /) -> Array:
    """The logarithm of the absolute value of the gamma function, elementwise. It is infinite where x is 0
    or a negative integer, and its slope nan.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> gammaln(Tensor([1.0, 5.0])).numpy().round(4)  # log 4!
    array([0.    , 3.1781])
    """
    return _special(x, "gammaln")


@op("digamma(x)", ("g · digamma_slope(x, 1)", lambda g, x: g * digamma_slope(x, 1)))
def digamma(x: Operand, /) -> Array:
    """The slope of `gammaln`, elementwise.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> digamma(Tensor([1.0, 2.0])).numpy().round(4)
    array([-0.5772,  0.4228])
    """
    return _special(x, "digamma")


@op("digamma_slope(x, n)",
    ("g · digamma_slope(x, n + 1)", lambda g, x, n: g * digamma_slope(x, int(n) + 1)),
    export=False, spoken="polygamma")
def digamma_slope(x: Operand, /, n: int = 1) -> Array:
    """The row behind `polygamma`: the n-th derivative of `digamma`."""
    return _special(x, "polygamma", n)


@op("log(x / (1 - x))", ("g / (x · (1 - x))", lambda g, x: g / (x * (1 - x))))
def logit(x: Operand, /) -> Array:
    """The number whose sigmoid is x, elementwise: -inf at 0, inf at 1, nan beyond.

    >>> logit(Tensor([0.5, 0.9])).numpy().round(4)
    array([0.    , 2.1972])
    """
    return _logit(x)


@xp._of_floats
def _logit(x: Array) -> Array:
    return np.log(x) - np.log1p(-x)


@op("a · log b where a ≠ 0",
    ("g · log b where a ≠ 0 or b > 0", lambda g, a, b: masked(g * log(where(_present(a, b), b, 1)), _present(a, b))),
    ("g · a / b where a ≠ 0", lambda g, a, b: masked(g * a / where(_present(a, b), b, 1), _present(a, b))))
def xlogy(a: Operand, b: Operand, /) -> Array:
    """a · log b, elementwise, and 0 where a is 0, unless b is nan; as in the entropy `-xlogy(p, p).sum()`.
    Where a is 0 and b is not positive, both slopes are 0, as in PyTorch.

    >>> xlogy(Tensor([0.0, 2.0]), Tensor([0.0, 1.0])).numpy()
    array([0., 0.])
    """
    return _xlogy(xp.floats(a), xp.floats(b))


def _xlogy(a: Array, b: Array) -> Array:
    nothing = (a == 0) & (b == b)
    return np.where(nothing, a * 0, a * np.log(np.where(nothing, 1, b).astype(b.dtype)))


# fmt: on


@public()
def polygamma(n: int, x: Operand) -> Tensor:
    """The n-th derivative of `digamma`, elementwise; for n = 0 that itself.

    Raises:
        DtypeError: n is no integer. BadValueError: it is negative.
        ImportError: the extra `scipy` is not installed.

    >>> polygamma(1, Tensor([1.0])).numpy().round(4)  # π² / 6
    array([1.6449])
    """
    n = whole("polygamma", "n", n)
    if n < 0:
        raise errors.BadValueError(f"polygamma: n must be at least 0, got {n}", [x], "n=1, say")
    return digamma_slope(x, n) if n else digamma(x)


@public()
def ndtr(x: Operand) -> Tensor:
    """The normal distribution function, elementwise: the share of normal numbers below x.

    Raises:
        ImportError: the extra `scipy` is not installed.

    >>> ndtr(Tensor([-1.96, 0.0])).numpy().round(4)
    array([0.025, 0.5  ])
    """
    with composite("ndtr", "erfc(-x / √2) / 2"):
        return mul(erfc(mul(x, -sqrt(0.5))), 0.5)
