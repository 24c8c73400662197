"""Sum, difference, product, quotient: each number from those at its position.

The simplest rows, so the ones to read first. Rules need not handle broadcasting: the walk sums over
what was stretched.
"""

from __future__ import annotations

import numpy as np

from .. import arrays as xp
from ..arrays import Array
from ..methods import Operand
from ..public import op
from ..table import SAME

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("-x", ("-g", lambda g: -g), numpy=np.negative, operator="neg", aliases=("negative",))
def neg(x: Operand, /) -> Array:
    """-x, elementwise.

    >>> neg(Tensor([1.0, -2.0])).numpy()
    array([-1.,  2.])
    """
    return xp.negative(x)


@op("a + b", SAME, SAME, numpy=np.add, operator="add")
def add(a: Operand, b: Operand, /) -> Array:
    """a + b, elementwise, with broadcasting.

    >>> add(Tensor([1.0, 2.0]), 10.0).numpy()
    array([11., 12.])
    """
    return xp.add(a, b)


@op("a - b", SAME, ("-g", lambda g: -g), numpy=np.subtract, operator="sub", aliases=("subtract",))
def sub(a: Operand, b: Operand, /) -> Array:
    """a - b, elementwise, with broadcasting.

    >>> sub(Tensor([1.0, 2.0]), 10.0).numpy()
    array([-9., -8.])
    """
    return xp.subtract(a, b)


@op("a · b", ("g · b", lambda g, b: g * b), ("g · a", lambda g, a: g * a),
    numpy=np.multiply, operator="mul", aliases=("multiply",))
def mul(a: Operand, b: Operand, /) -> Array:
    """a · b, elementwise, with broadcasting.

    >>> mul(Tensor([1.0, 2.0]), 10.0).numpy()
    array([10., 20.])
    """
    return xp.multiply(a, b)


@op("a / b", ("g / b", lambda g, b: g / b), ("-g · y / b", lambda g, b, y: -g * y / b),
    numpy=np.true_divide, operator="truediv", aliases=("divide",))
def div(a: Operand, b: Operand, /) -> Array:
    """a / b, elementwise, with broadcasting; true division for integers.

    >>> div(Tensor([1.0, 2.0]), 4).numpy()
    array([0.25, 0.5 ])
    """
    return xp.divide(a, b)
