"""Properties of single numbers, and rounding: `isfinite`, `sign`, `floor`. Rows without a derivative."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..methods import Operand
from ..public import op


@op("isfinite(x)", None, numpy=np.isfinite)
def isfinite(x: Operand, /) -> Array:
    """Whether x is neither nan nor infinite, elementwise.

    >>> isfinite(Tensor([1.0, np.inf, np.nan])).numpy()
    array([ True, False, False])
    """
    return np.isfinite(x)


@op("isnan(x)", None, numpy=np.isnan)
def isnan(x: Operand, /) -> Array:
    """Whether x is nan, elementwise.

    >>> isnan(Tensor([1.0, np.inf, np.nan])).numpy()
    array([False, False,  True])
    """
    return np.isnan(x)


@op("isinf(x)", None, numpy=np.isinf)
def isinf(x: Operand, /) -> Array:
    """Whether x is infinite, of either sign, elementwise.

    >>> isinf(Tensor([1.0, -np.inf, np.nan])).numpy()
    array([False,  True, False])
    """
    return np.isinf(x)


@op("signbit(x)", None, numpy=np.signbit)
def signbit(x: Operand, /) -> Array:
    """Whether the sign bit of x is set, elementwise; true for -0.0 as well.

    >>> signbit(Tensor([-1.0, -0.0, 0.0])).numpy()
    array([ True,  True, False])
    """
    return np.signbit(x)


@op("sign(x)", None, numpy=np.sign)
def sign(x: Operand, /) -> Array:
    """The sign of x, elementwise: -1, 0 or 1.

    >>> sign(Tensor([-2.0, 0.0, 3.0])).numpy()
    array([-1.,  0.,  1.])
    """
    return np.sign(x)


@op("floor(x)", None, numpy=np.floor)
def floor(x: Operand, /) -> Array:
    """The largest integer that is not above x, elementwise.

    >>> floor(Tensor([-1.5, 1.5])).numpy()
    array([-2.,  1.])
    """
    return np.floor(x)


@op("ceil(x)", None, numpy=np.ceil)
def ceil(x: Operand, /) -> Array:
    """The smallest integer that is not below x, elementwise.

    >>> ceil(Tensor([-1.5, 1.5])).numpy()
    array([-1.,  2.])
    """
    return np.ceil(x)


@op("rint(x)", None, numpy=np.rint)
def rint(x: Operand, /) -> Array:
    """The integer nearest to x, elementwise; in a tie, the even one.

    >>> rint(Tensor([0.5, 1.5, 1.7])).numpy()
    array([0., 2., 2.])
    """
    return np.rint(x)
