"""The circular and hyperbolic functions and their inverses, of single numbers. Angles are in radians."""

from __future__ import annotations

import numpy as np

from ..engine.arrays import Array
from ..engine.methods import Operand
from ..engine.public import op

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
