"""Rounding, remainders and what else jumps, of single numbers."""

from __future__ import annotations

import numpy as np

from ..engine.arrays import Array
from ..engine.breadth import properties
from ..engine.breadth.composites import positive, real
from ..engine.methods import Operand
from ..engine.ops import selection
from ..engine.public import op, public
from ..engine.symbols import asarray
from ..engine.table import SAME
from ..engine.tensors import Tensor, raw

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("rint(x · pow(10, decimals)) / pow(10, decimals)", None, numpy=(np.round, np.around), method=True)
def round(x: Operand, /, decimals: int = 0) -> Array:
    """x to this many decimals (fewer than 0: to tens, hundreds), elementwise; in a tie, the even digit.
    Its slope is 0 wherever it has one: the result needs no gradient.

    >>> round(Tensor([0.5, 1.5, 1.26]), 1).numpy()
    array([0.5, 1.5, 1.3])
    """
    return np.round(asarray(x), decimals)


@op("trunc(x)", None, numpy=(np.trunc, np.fix), method=True, aliases=("fix",))
def trunc(x: Operand, /) -> Array:
    """The integer next to x on the way to 0, elementwise. The result needs no gradient.

    >>> trunc(Tensor([-1.7, 1.7])).numpy()
    array([-1.,  1.])
    """
    return np.trunc(x)


@op("floor(a / b)", None, None, numpy=np.floor_divide, operator="floordiv", method=True)
def floor_divide(a: Operand, b: Operand, /) -> Array:
    """a // b: the quotient rounded down, elementwise. The result needs no gradient.

    >>> (Tensor([5.5, -5.5]) // 2).numpy()
    array([ 2., -3.])
    """
    return np.floor_divide(a, b)


@op("a - b · floor(a / b)", SAME, ("-g · floor(a / b)", lambda g, a, b: -g * np.floor_divide(raw(a), raw(b))),
    numpy=np.remainder, operator="mod", aliases=("remainder",), method=True)
def mod(a: Operand, b: Operand, /) -> Array:
    """a % b: what a // b leaves, with the sign of b, elementwise. Where it jumps, its slopes are those to
    the right of the jump; where b is 0 it is nan.

    >>> (Tensor([5.5, -5.5]) % 2).numpy()
    array([1.5, 0.5])
    """
    return np.remainder(a, b)


@op("a - b · trunc(a / b)", SAME, ("-g · trunc(a / b)", lambda g, a, b, y: -g * np.rint((raw(a) - raw(y)) / raw(b))),
    numpy=np.fmod, method=True)
def fmod(a: Operand, b: Operand, /) -> Array:
    """What the division of a by b leaves if the quotient is rounded to 0, elementwise: it has the sign
    of a. Where it jumps, its slopes are those of the side whose value it has.

    >>> fmod(Tensor([5.5, -5.5]), 2).numpy()
    array([ 1.5, -1.5])
    """
    return np.fmod(a, b)


@op("|a| where b ≥ 0, -|a| else", ("g · sign(a) · sign(y)", lambda g, a, y: g * np.sign(raw(a)) * np.sign(raw(y))), None,
    numpy=np.copysign, method=True)
def copysign(a: Operand, b: Operand, /) -> Array:
    """The size of a with the sign of b, elementwise; that of -0.0 is a minus. The slope at 0 is 0.

    >>> copysign(Tensor([2.0, -3.0]), -1.0).numpy()
    array([-2., -3.])
    """
    return np.copysign(a, b)


# fmt: on


@public(numpy=np.nan_to_num, method=True)
def nan_to_num(
    x: Operand, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with other numbers in place of nan and the infinities, elementwise; None means the largest and
    the smallest number of x's dtype. The slope is 1 where x is finite, else 0.

    >>> nan_to_num(Tensor([1.0, np.nan, -np.inf]), neginf=-9.0).numpy()
    array([ 1.,  0., -9.])
    """
    x = positive(x)
    given = {"nan": nan, "posinf": posinf, "neginf": neginf}
    named = {k: v for k, v in given.items() if v is not None or k == "nan"}
    numbers = np.nan_to_num(x._data, **{k: real("nan_to_num", k, v) for k, v in named.items()})
    return selection.where(properties.isfinite(x), x, numbers)


@public()
def frac(x: Operand, /) -> Tensor:
    """What is behind the point, with the sign of x, elementwise: x - trunc(x). The slope is 1, where it
    jumps too.

    >>> frac(Tensor([-1.5, 2.25])).numpy()
    array([-0.5 ,  0.25])
    """
    return fmod(x, 1)
