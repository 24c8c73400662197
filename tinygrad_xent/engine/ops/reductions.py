"""Reductions: one number for each line along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays as xp
from ..arrays import Array, Axis
from ..methods import Operand
from ..public import op
from ..symbols import somewhere
from ..tensors import raw
from .moves import expand_dims
from .selection import where

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def unreduce(g: Any, axis: Axis, keepdims: bool) -> Any:
    """g with the axes that a reduction dropped put back, with length 1."""
    return g if keepdims or axis is None or axis == () else expand_dims(g, axis)


def _largest_vjp(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    values, largest = raw(x), raw(unreduce(y, axis, keepdims))
    chosen = values == largest
    if somewhere(largest != largest):  # nan: the largest of its line, as NumPy has it
        chosen = chosen | (values != values)
    return where(chosen, unreduce(g, axis, keepdims) / xp.sum(chosen, axis, keepdims=True), 0)


@op("Σ x", ("g", unreduce),
    kind="reduction", numpy=(np.sum, np.add.reduce), method=True)
def sum(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over an axis, several axes, or all (None).

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).numpy()
    array([3., 7.])
    """
    return xp.sum(x, axis, keepdims)


@op("max x",
    ("g / Σ (x = y) where x = y", _largest_vjp),
    kind="reduction selects", numpy=(np.max, np.amax, np.maximum.reduce), method=True)
def max(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element over an axis, several axes, or all; ties share the gradient evenly, as
    do several nan.

    >>> max(Tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).numpy()
    array([2., 4.])
    """
    return xp.max(x, axis, keepdims)


@op("min x",
    ("g / Σ (x = y) where x = y", _largest_vjp),
    kind="reduction selects", numpy=(np.min, np.amin, np.minimum.reduce), method=True)
def min(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element over an axis, several axes, or all; ties share the gradient evenly, as
    do several nan.

    >>> min(Tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).numpy()
    array([1., 3.])
    """
    return xp.min(x, axis, keepdims)
