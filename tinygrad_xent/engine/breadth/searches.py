"""Searches along an axis: where the largest is, whether any is true. Rows without a derivative."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, Axis
from ..methods import Operand
from ..public import op


@op("argmax x", None, kind="reduction", numpy=np.argmax, method=True)
def argmax(x: Operand, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the largest element along an axis (of the flat array if None).

    >>> argmax(Tensor([[0.1, 0.7], [0.6, 0.4]]), axis=1).numpy()
    array([1, 0])
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op("any x", None, kind="reduction", numpy=(np.any, np.logical_or.reduce), method=True)
def any(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether any element is true, or not 0, over an axis, several axes, or all.

    >>> any(Tensor([[1.0, 0.0], [0.0, 0.0]]) > 0, axis=1).numpy()
    array([ True, False])
    """
    return np.any(x, axis=axis, keepdims=keepdims)


@op("all x", None, kind="reduction", numpy=(np.all, np.logical_and.reduce), method=True)
def all(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether every element is true, or not 0, over an axis, several axes, or all.

    >>> all(Tensor([[1.0, 2.0], [3.0, 0.0]]) > 0, axis=1).numpy()
    array([ True, False])
    """
    return np.all(x, axis=axis, keepdims=keepdims)
