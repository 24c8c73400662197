"""Activation functions of straight pieces, of single numbers. At a kink each says which slope it takes."""

from __future__ import annotations

from ..engine import errors
from ..engine.breadth.comparisons import greater, greater_equal, less_equal
from ..engine.breadth.composites import in_float32, in_float32_beside, real
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops.arithmetic import add, div, mul, sub
from ..engine.ops.elementwise import abs
from ..engine.ops.moves import reshape
from ..engine.ops.selection import where
from ..engine.public import public
from ..engine.tensors import Tensor, raw
from .activations import hardtanh
from .inputs import in_floats


@public()
@in_float32
def hardsigmoid(x: Operand, /) -> Tensor:
    """(x + 3) / 6 limited to [0, 1], elementwise; the slope at the limits is 0.

    >>> hardsigmoid(Tensor([-4.0, 0.0, 1.5])).numpy()
    array([0.  , 0.5 , 0.75])
    """
    with composite("hardsigmoid", "min(max(x + 3, 0), 6) / 6"):
        return div(hardtanh(add(x, 3), 0, 6), 6)


@public()
@in_float32
def hardswish(x: Operand, /) -> Tensor:
    """x · hardsigmoid(x), elementwise (Howard et al., arXiv:1905.02244). The slope is 0 at -3 and 1 at 3,
    as in PyTorch.

    >>> hardswish(Tensor([-4.0, 1.0, 4.0])).numpy().round(4)
    array([0.    , 0.6667, 4.    ])
    """
    x = in_floats("hardswish", x)
    with composite("hardswish", "0 where x ≤ -3, x where x ≥ 3, x · (x + 3) / 6 else"):
        between = div(mul(x, add(x, 3)), 6)
        return where(less_equal(x, -3), 0.0, where(greater_equal(x, 3), x, between))


@public()
def hardshrink(x: Operand, /, lambd: float = 0.5) -> Tensor:
    """x where it is farther from 0 than lambd, else 0, elementwise; the slope at ±lambd is 0.

    >>> hardshrink(Tensor([-2.0, 0.5, 1.0])).numpy()
    array([-2.,  0.,  1.])
    """
    least = real("hardshrink", "lambd", lambd, 0.5)
    with composite("hardshrink", "0 where |x| ≤ lambd, x else"):
        return where(less_equal(abs(x), least), 0.0, x)


@public()
def softshrink(x: Operand, /, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by lambd, and not beyond it, elementwise; the slope at ±lambd is 0.

    Raises:
        BadValueError: lambd is negative.

    >>> softshrink(Tensor([-2.0, 0.5, 1.0])).numpy()
    array([-1.5,  0. ,  0.5])
    """
    least = real("softshrink", "lambd", lambd, 0.5)
    if least < 0:
        what = f"softshrink: lambd must not be negative, got {lambd}"
        raise errors.BadValueError(what, [x], "lambd=0.5, say")
    with composite("softshrink", "x - lambd where x > lambd, x + lambd where x < -lambd"):
        return where(
            less_equal(abs(x), least), 0.0, where(greater(x, 0), sub(x, least), add(x, least))
        )


@public()
def threshold(x: Operand, /, threshold: float, value: float) -> Tensor:
    """x where it is above a threshold, else a value, elementwise; the slope at the threshold is 0.

    >>> threshold(Tensor([-2.0, 0.5, 1.0]), 0.5, 9.0).numpy()
    array([9., 9., 1.])
    """
    least, other = (
        real("threshold", name, v) for name, v in (("threshold", threshold), ("value", value))
    )
    with composite("threshold", "x where x > threshold, value else"):
        return where(less_equal(x, least), other, x)


@public()
@in_float32_beside("weight")
def prelu(x: Operand, weight: Operand) -> Tensor:
    """x where it is positive, else weight · x, elementwise; the slope at 0 is the weight (He et al.,
    arXiv:1502.01852). The weight is one number, or one for each channel of x (N, C, ...).

    Raises:
        ShapeError: the weight has another shape.

    >>> prelu(Tensor([[-2.0, -2.0], [3.0, 3.0]]), [0.1, 0.5]).numpy()
    array([[-0.2, -1. ],
           [ 3. ,  3. ]])
    """
    shape, own = (as_numbers("prelu", raw(v), [x, weight]).shape for v in (x, weight))
    if own not in ((), (1,), shape[1:2]):
        what = f"prelu: the weight has the shape {own}, x {shape}"
        raise errors.ShapeError(
            what, [x, weight], "one number, or one for each channel of x (N, C, ...)"
        )
    with composite("prelu", "x where x > 0, weight · x else"):
        channels = (-1, *(1,) * (len(shape) - 2)) if own and len(shape) > 1 else ()
        slope = reshape(weight, channels)
        return where(greater(x, 0), x, mul(x, slope))
