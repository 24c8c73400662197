"""Comparisons and logic, elementwise: `<`, `==`, `&`, `~`. Rows without a derivative: wherever they
have a slope it is 0, so their result is a tensor that needs no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np

from ..arrays import Array
from ..methods import Operand
from ..public import method, op
from ..tensors import Tensor


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
    """a and b, elementwise: of booleans, or of the bits of integers.

    >>> ((Tensor([1.0, 2.0]) > 0) & (Tensor([1.0, 2.0]) > 1)).numpy()
    array([False,  True])
    """
    return np.bitwise_and(a, b)


@op("a or b", None, None, numpy=np.bitwise_or, operator="or")
def bitwise_or(a: Operand, b: Operand, /) -> Array:
    """a or b, elementwise: of booleans, or of the bits of integers.

    >>> ((Tensor([1.0, 2.0]) < 0) | (Tensor([1.0, 2.0]) > 1)).numpy()
    array([False,  True])
    """
    return np.bitwise_or(a, b)


@op("a ≠ b", None, None, numpy=np.bitwise_xor, operator="xor")
def bitwise_xor(a: Operand, b: Operand, /) -> Array:
    """a or b but not both, elementwise: of booleans, or of the bits of integers.

    >>> ((Tensor([1.0, 2.0]) > 0) ^ (Tensor([1.0, 2.0]) > 1)).numpy()
    array([ True, False])
    """
    return np.bitwise_xor(a, b)


@op("not x", None, numpy=np.invert, operator="invert")
def invert(x: Operand, /) -> Array:
    """not x, elementwise: of booleans, or of the bits of integers.

    >>> (~(Tensor([1.0, 2.0]) > 1)).numpy()
    array([ True, False])
    """
    return np.invert(x)


@method("__eq__")
def _eq(self: Tensor, other: Any) -> Tensor:
    return NotImplemented if _is_no_array(other) else equal(self, other)


@method("__ne__")
def _ne(self: Tensor, other: Any) -> Tensor:
    return NotImplemented if _is_no_array(other) else not_equal(self, other)


def _is_no_array(x: Any) -> bool:
    """Whether an object should decide for itself what it equals: None, `pytest.approx(2)`. Numbers,
    collections and arrays of whatever library are compared elementwise, or refused.
    """
    if isinstance(x, (Tensor, np.generic, Number, Iterable)):
        return False
    return not hasattr(x, "__array__")
