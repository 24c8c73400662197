"""Normalisation: numbers brought to mean 0 and variance 1, vectors to length 1.

All are composites, computed in float32 for float16. They change nothing: `batch_norm` returns its result
only, and running statistics are for the caller to keep.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Axis
from ..engine.breadth.composites import in_float32, in_float32_beside, mean, real
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, elementwise, moves, reductions, selection
from ..engine.public import plain, public
from ..engine.tensors import Tensor, is_tensor, raw
from .inputs import in_floats


@public()
@in_float32_beside("weight", "bias")
def layer_norm(
    x: Operand,
    weight: Operand | None = None,
    bias: Operand | None = None,
    axis: Axis = -1,
    eps: float = 1e-5,
) -> Tensor:
    """x brought to mean 0 and variance 1 along an axis or several, then times the weight, plus the bias.

    The weight and the bias have the shape of the last axes if these are normalised; otherwise they must
    broadcast to x. Where PyTorch asks for `normalized_shape`, pass as many last axes: `axis=(-2, -1)`.

    Args:
        eps: added to the variance, so that a line of equal numbers gives 0.

    >>> layer_norm(Tensor([[1.0, 3.0], [5.0, 5.0]])).numpy().round(4)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    with composite("layer_norm", "(x - mean) / √(var + eps) · weight + bias"):
        return _scaled(_standard("layer_norm", x, axis, eps), weight, bias)


@public()
@in_float32_beside("weight")
def rms_norm(
    x: Operand, weight: Operand | None = None, axis: Axis = -1, eps: float = 1e-6
) -> Tensor:
    """x divided by its root mean square along an axis or several, times the weight, as in `layer_norm`.

    Args:
        eps: added to the mean square. PyTorch takes the dtype's own epsilon if none is given.

    >>> rms_norm(Tensor([3.0, 3.0, -3.0])).numpy().round(4)
    array([ 1.,  1., -1.])
    """
    x = in_floats("rms_norm", x)
    with composite("rms_norm", "x / √(mean(x²) + eps) · weight"):
        square = mean(arithmetic.mul(x, x), axis, keepdims=True)
        return _scaled(_divided("rms_norm", x, square, eps), weight, None)


@public()
@in_float32_beside("weight", "bias", "running_mean", "running_var")
def batch_norm(
    x: Operand,
    weight: Operand | None = None,
    bias: Operand | None = None,
    running_mean: Operand | None = None,
    running_var: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x (N, C, ...) brought to mean 0 and variance 1 in each channel, then times the weight, plus the bias.

    With `running_mean` and `running_var` these are taken for the mean and the variance, as in evaluation;
    otherwise those of the batch, over all axes but 1. All arguments but x have the shape (C,). Nothing is
    changed: a training loop keeps its own running averages of `x.mean(axis)` and `x.var(axis, ddof=1)`.

    Raises:
        ShapeError: x has no channels, another argument not one number for each; or only one of the running
            statistics is given.

    >>> batch_norm(Tensor([[1.0, 5.0], [3.0, 5.0]])).numpy().round(4)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    per_channel = {"weight": weight, "bias": bias, "running_mean": running_mean}
    per_channel["running_var"] = running_var
    shape, given = _channels("batch_norm", x, per_channel)
    weight, bias, average, variance = given
    if (average is None) != (variance is None):
        what = "batch_norm: needs both running_mean and running_var, or none of them"
        raise errors.ShapeError(what, [x], "without them, the statistics of the batch are used")
    with composite("batch_norm", "(x - mean) / √(var + eps) · weight + bias"):
        if average is None:
            y = _standard("batch_norm", x, (0, *range(2, len(shape))), eps)
        else:
            centred = arithmetic.sub(in_floats("batch_norm", x), average)
            y = _divided("batch_norm", centred, variance, eps)
        return _scaled(y, weight, bias)


@public()
@in_float32_beside("weight", "bias")
def group_norm(
    x: Operand,
    num_groups: int,
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x (N, C, ...) brought to mean 0 and variance 1 in each group of channels of each sample, then times the
    weight, plus the bias, both of shape (C,).

    Raises:
        ShapeError: the groups do not divide the channels; a weight or bias has not one number for each.

    >>> group_norm(Tensor([[1.0, 3.0, 10.0, 30.0]]), 2).numpy().round(4)
    array([[-1.,  1., -1.,  1.]])
    """
    shape, (weight, bias) = _channels("group_norm", x, {"weight": weight, "bias": bias})
    num_groups = plain(num_groups, "num_groups")
    if not isinstance(num_groups, int) or num_groups < 1 or shape[1] % num_groups:
        what = f"group_norm: {num_groups} groups do not divide {shape[1]} channels"
        raise errors.ShapeError(what, [x], "pass a number of groups that divides the channels")
    with composite("group_norm", "(x - mean) / √(var + eps) · weight + bias"):
        lines = moves.reshape(x, (shape[0], num_groups, math.prod(shape[1:]) // num_groups))
        return _scaled(moves.reshape(_standard("group_norm", lines, -1, eps), shape), weight, bias)


@public()
@in_float32
def normalize(x: Operand, axis: Axis = -1, eps: float = 1e-12) -> Tensor:
    """x divided by its Euclidean length along an axis or several.

    Args:
        eps: the least length to divide by; a vector of zeros stays one, with the slope 1 / eps.

    >>> normalize(Tensor([3.0, 4.0])).numpy()
    array([0.6, 0.8])
    """
    x = in_floats("normalize", x)
    with composite("normalize", "x / max(√Σ x², eps)"):
        # Limited before the root, whose slope at 0 is infinite.
        squares = reductions.sum(arithmetic.mul(x, x), axis, keepdims=True)
        least = real("normalize", "eps", eps, 1e-12) ** 2
        return arithmetic.div(x, elementwise.sqrt(selection.maximum(squares, least)))


@public()
def cosine_similarity(a: Operand, b: Operand, axis: Axis = -1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along an axis, which is one of a and b broadcast together.

    Args:
        eps: the least length to divide by; a vector of zeros has the cosine 0 with every other.

    >>> cosine_similarity(Tensor([[1.0, 0.0], [1.0, 1.0]]), [2.0, 0.0]).numpy().round(4)
    array([1.    , 0.7071])
    """
    with composite("cosine_similarity", "Σ (normalize(a) · normalize(b))"):
        units = [normalize(v, axis, eps) for v in _together("cosine_similarity", a, b)]
        return reductions.sum(arithmetic.mul(*units), axis)


def _standard(who: str, x: Operand, axis: Axis, eps: Any) -> Tensor:
    """x with mean 0 and variance 1 along an axis."""
    centred = arithmetic.sub(x, mean(x, axis, keepdims=True))
    return _divided(who, centred, mean(arithmetic.mul(centred, centred), axis, keepdims=True), eps)


def _divided(who: str, x: Operand, variance: Operand, eps: Any) -> Tensor:
    """x divided by the root of its variance and eps: a number, or a tensor if it is to be learned."""
    least = eps if is_tensor(eps) and eps.requires_grad else real(who, "eps", eps, 1e-5)
    return arithmetic.div(x, elementwise.sqrt(arithmetic.add(variance, least)))


def _scaled(x: Tensor, weight: Operand | None, bias: Operand | None) -> Tensor:
    x = x if weight is None else arithmetic.mul(x, weight)
    return x if bias is None else arithmetic.add(x, bias)


def _together(who: str, *operands: Any) -> list[Any]:
    """The operands in the shape to which they broadcast."""
    shapes = [as_numbers(who, raw(x), operands).shape for x in operands]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise errors.explain(who, operands, (), error) from None
    pairs = zip(operands, shapes, strict=True)
    return [x if own == shape else moves.broadcast_to(x, shape) for x, own in pairs]


def _channels(who: str, x: Any, given: dict[str, Any]) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of x, and what is given per channel with axes that stand beside those of x."""
    shape = as_numbers(who, raw(x)).shape
    if len(shape) < 2:
        what = f"{who}: takes (N, C, ...), got the shape {shape}"
        raise errors.ShapeError(what, [x], "axis 1 holds the channels: use expand_dims(x, axis)")
    found: list[Any] = []
    for name, value in given.items():
        if value is not None and (own := as_numbers(who, raw(value)).shape) != shape[1:2]:
            what = f"{who}: the {name} has the shape {own}, it needs {shape[1:2]}"
            raise errors.ShapeError(what, [x, value], "pass one number for each channel")
        at_channels = (-1,) + (1,) * (len(shape) - 2)
        found.append(value if value is None else moves.reshape(value, at_channels))
    return shape, found
