"""Rows without a derivative: comparisons, roundings, signs, tests, places.

They are constant wherever they have a slope at all, so they have no rules, and their result is a tensor
that needs no gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .backend import Array, Axis
from .public import op

if TYPE_CHECKING:
    from .ops import Operand


@op("a < b", None, None, numpy=np.less, operator="lt")
def less(a: Operand, b: Operand, /) -> Array:
    """Whether a < b, elementwise.

    >>> less(Tensor([1.0, 2.0]), 2.0).numpy()
    array([ True, False])
    """
    return np.less(a, b)


@op("a ≤ b", None, None, numpy=np.less_equal, operator="le")
def less_equal(a: Operand, b: Operand, /) -> Array:
    """Whether a <= b, elementwise.

    >>> less_equal(Tensor([1.0, 2.0]), 2.0).numpy()
    array([ True,  True])
    """
    return np.less_equal(a, b)


@op("a > b", None, None, numpy=np.greater, operator="gt")
def greater(a: Operand, b: Operand, /) -> Array:
    """Whether a > b, elementwise.

    >>> greater(Tensor([2.0, 3.0]), 2.0).numpy()
    array([False,  True])
    """
    return np.greater(a, b)


@op("a ≥ b", None, None, numpy=np.greater_equal, operator="ge")
def greater_equal(a: Operand, b: Operand, /) -> Array:
    """Whether a >= b, elementwise.

    >>> greater_equal(Tensor([2.0, 3.0]), 2.0).numpy()
    array([ True,  True])
    """
    return np.greater_equal(a, b)


@op("a = b", None, None, numpy=np.equal)
def equal(a: Operand, b: Operand, /) -> Array:
    """Whether a == b, elementwise.

    >>> equal(Tensor([1.0, 2.0]), 2.0).numpy()
    array([False,  True])
    """
    return np.equal(a, b)


@op("a ≠ b", None, None, numpy=np.not_equal)
def not_equal(a: Operand, b: Operand, /) -> Array:
    """Whether a != b, elementwise.

    >>> not_equal(Tensor([1.0, 2.0]), 2.0).numpy()
    array([ True, False])
    """
    return np.not_equal(a, b)


@op("a and b", None, None, numpy=np.bitwise_and, operator="and")
def bitwise_and(a: Operand, b: Operand, /) -> Array:
    """Both, elementwise: of booleans, or of the bits of whole numbers.

    >>> ((Tensor([1.0, 2.0]) > 0) & (Tensor([1.0, 2.0]) > 1)).numpy()
    array([False,  True])
    """
    return np.bitwise_and(a, b)


@op("a or b", None, None, numpy=np.bitwise_or, operator="or")
def bitwise_or(a: Operand, b: Operand, /) -> Array:
    """Either, elementwise: of booleans, or of the bits of whole numbers.

    >>> ((Tensor([1.0, 2.0]) < 0) | (Tensor([1.0, 2.0]) > 1)).numpy()
    array([False,  True])
    """
    return np.bitwise_or(a, b)


@op("a ≠ b", None, None, numpy=np.bitwise_xor, operator="xor")
def bitwise_xor(a: Operand, b: Operand, /) -> Array:
    """One and not the other, elementwise: of booleans, or of the bits of whole numbers.

    >>> ((Tensor([1.0, 2.0]) > 0) ^ (Tensor([1.0, 2.0]) > 1)).numpy()
    array([ True, False])
    """
    return np.bitwise_xor(a, b)


@op("not x", None, numpy=np.invert, operator="invert")
def invert(x: Operand, /) -> Array:
    """Not, elementwise: of booleans, or of the bits of whole numbers.

    >>> (~(Tensor([1.0, 2.0]) > 1)).numpy()
    array([ True, False])
    """
    return np.invert(x)


@op("isfinite(x)", None, numpy=np.isfinite)
def isfinite(x: Operand, /) -> Array:
    """Whether an element is neither nan nor infinite.

    >>> isfinite(Tensor([1.0, np.inf, np.nan])).numpy()
    array([ True, False, False])
    """
    return np.isfinite(x)


@op("isnan(x)", None, numpy=np.isnan)
def isnan(x: Operand, /) -> Array:
    """Whether an element is nan.

    >>> isnan(Tensor([1.0, np.inf, np.nan])).numpy()
    array([False, False,  True])
    """
    return np.isnan(x)


@op("isinf(x)", None, numpy=np.isinf)
def isinf(x: Operand, /) -> Array:
    """Whether an element is infinite, of either sign.

    >>> isinf(Tensor([1.0, -np.inf, np.nan])).numpy()
    array([False,  True, False])
    """
    return np.isinf(x)


@op("signbit(x)", None, numpy=np.signbit)
def signbit(x: Operand, /) -> Array:
    """Whether the sign is minus; true of -0.0 as well.

    >>> signbit(Tensor([-1.0, -0.0, 0.0])).numpy()
    array([ True,  True, False])
    """
    return np.signbit(x)


@op("sign(x)", None, numpy=np.sign)
def sign(x: Operand, /) -> Array:
    """-1, 0 or 1.

    >>> sign(Tensor([-2.0, 0.0, 3.0])).numpy()
    array([-1.,  0.,  1.])
    """
    return np.sign(x)


@op("floor(x)", None, numpy=np.floor)
def floor(x: Operand, /) -> Array:
    """The largest whole number that is not above x.

    >>> floor(Tensor([-1.5, 1.5])).numpy()
    array([-2.,  1.])
    """
    return np.floor(x)


@op("ceil(x)", None, numpy=np.ceil)
def ceil(x: Operand, /) -> Array:
    """The smallest whole number that is not below x.

    >>> ceil(Tensor([-1.5, 1.5])).numpy()
    array([-1.,  2.])
    """
    return np.ceil(x)


@op("rint(x)", None, numpy=np.rint)
def rint(x: Operand, /) -> Array:
    """The nearest whole number; of two as near, the even one.

    >>> rint(Tensor([0.5, 1.5, 1.7])).numpy()
    array([0., 2., 2.])
    """
    return np.rint(x)


@op("argmax x", None, kind="reduction", numpy=np.argmax, method=True)
def argmax(x: Operand, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the largest element along an axis (of the flat array if None).

    >>> argmax(Tensor([[0.1, 0.7], [0.6, 0.4]]), axis=1).numpy()
    array([1, 0])
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op("any x", None, kind="reduction", numpy=(np.any, np.logical_or.reduce), method=True)
def any(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether an element of a line is true, or not 0.

    >>> any(Tensor([[1.0, 0.0], [0.0, 0.0]]) > 0, axis=1).numpy()
    array([ True, False])
    """
    return np.any(x, axis=axis, keepdims=keepdims)


@op("all x", None, kind="reduction", numpy=(np.all, np.logical_and.reduce), method=True)
def all(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether every element of a line is true, or not 0.

    >>> all(Tensor([[1.0, 2.0], [3.0, 0.0]]) > 0, axis=1).numpy()
    array([ True, False])
    """
    return np.all(x, axis=axis, keepdims=keepdims)
