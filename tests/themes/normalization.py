"""Normalisation, written out with means and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.operations import Call, Maker, call, without_empty
from tests.random_programs import duals
from tests.themes import row

EPS = {"eps": 0.25}  # large, so that it shows


def standard(x: Any, axis: Any) -> Any:
    distance = x - duals.mean(x, axis, True)
    return distance * inverse_root(duals.mean(distance * distance, axis, True))


def inverse_root(variance: Any) -> Any:
    return duals.inverse(duals.sqrt(variance + 0.25))


def scaled(y: Any, weight: Any, bias: Any) -> Any:
    return duals.add(duals.mul(y, weight), bias)


def last_axes(m: Maker) -> tuple[Any, Any, Any]:
    """A shape, its last axes, and their lengths."""
    shape = m.shape(min_dims=1, min_side=1)
    count = m.choice([n for n in (1, 2) if n <= len(shape)])
    axis = m.choice([-1, len(shape) - 1]) if count == 1 else (-2, -1)
    return shape, axis, shape[-count:]


def layer_norm(m: Maker) -> Call:
    shape, axis, lengths = last_axes(m)
    return call(m.any(shape), m.any(lengths), m.any(lengths), axis=axis, **EPS)


def rms_norm(m: Maker) -> Call:
    shape, axis, lengths = last_axes(m)
    return call(m.any(shape), m.any(lengths), axis=axis, **EPS)


def channelled(m: Maker) -> Any:
    """A shape with channels, and how many of them."""
    shape = m.shape(min_dims=2, min_side=1)
    return shape, shape[1:2]


def batch_norm(m: Maker) -> Call:
    shape, channels = channelled(m)
    inputs = [m.any(shape), m.any(channels), m.any(channels)]
    if m.bool():
        inputs += [m.any(channels), m.positive(channels)]
    return call(*inputs, **EPS)


def group_norm(m: Maker) -> Call:
    shape, (channels,) = channelled(m)
    groups = m.choice([n for n in (1, 2, 3, 4) if channels % n == 0])
    return call(m.any(shape), num_groups=groups, **EPS)


def normalize(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    return call(m.positive(without_empty(shape, axis)), axis=axis, eps=1e-3)


def cosine_similarity(m: Maker) -> Call:
    first, second = m.shapes(2)
    if not first and not second:
        first = second = m.shape(min_dims=1)
    axis = m.axis(max(len(first), len(second)))
    return call(m.positive(first), m.positive(second), axis=axis, eps=1e-3)


def by_channel(x: Any, like: Any) -> Any:
    shape = (-1,) + (1,) * (np.ndim(duals.plain(like)) - 2)
    return duals.linear(lambda x: np.reshape(x, shape))(x)


def batched(x: Any, weight: Any, bias: Any, *statistics: Any, eps: float) -> Any:
    if statistics:
        average, variance = (by_channel(s, x) for s in statistics)
        y = duals.mul(duals.sub(x, average), inverse_root(variance))
    else:
        y = standard(x, tuple(a for a in range(np.ndim(duals.plain(x))) if a != 1))
    return scaled(y, by_channel(weight, x), by_channel(bias, x))


def grouped(x: Any, num_groups: int, eps: float) -> Any:
    shape = np.shape(duals.plain(x))
    lines = duals.linear(lambda x: x.reshape(shape[0], num_groups, -1))(x)
    return duals.linear(lambda y: y.reshape(shape))(standard(lines, -1))


def unit(x: Any, axis: int, eps: float) -> Any:
    return x / duals.sqrt(duals.total(duals.mul(x, x), axis=axis, keepdims=True))


def cosine(a: Any, b: Any, axis: int, eps: float) -> Any:
    shape = np.broadcast_shapes(duals.plain(a).shape, duals.plain(b).shape)
    a, b = (unit(duals.linear(lambda x: np.broadcast_to(x, shape))(x), axis, eps) for x in (a, b))
    return duals.total(duals.mul(a, b), axis=axis)


def their_layer_norm(torch: Any, x: Any, weight: Any, bias: Any, axis: Any, eps: float) -> Any:
    return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, eps)


def their_rms_norm(torch: Any, x: Any, weight: Any, axis: Any, eps: float) -> Any:
    return torch.nn.functional.rms_norm(x, weight.shape, weight, eps)


def their_batch_norm(torch: Any, x: Any, weight: Any, bias: Any, *given: Any, eps: float) -> Any:
    """PyTorch has no gradient of the running statistics: with them it is written out. Nor are its
    gradients right where the weight is one number that was expanded, without a copy of it.
    """
    if not given:
        return torch.batch_norm(x, weight.contiguous(), bias, None, None, True, 0.0, eps, False)
    shape = (-1,) + (1,) * (x.ndim - 2)
    average, variance, weight, bias = (v.reshape(shape) for v in (*given, weight, bias))
    return (x - average) / torch.sqrt(variance + eps) * weight + bias


row(
    "layer_norm",
    layer_norm,
    lambda x, weight, bias, axis, eps: scaled(standard(x, axis), weight, bias),
    their_layer_norm,
)
row(
    "rms_norm",
    rms_norm,
    lambda x, weight, axis, eps: duals.mul(
        x * inverse_root(duals.mean(duals.mul(x, x), axis, True)), weight
    ),
    their_rms_norm,
)
row("batch_norm", batch_norm, batched, their_batch_norm)
row(
    "group_norm",
    group_norm,
    grouped,
    lambda torch, x, num_groups, eps: torch.group_norm(x, num_groups, None, None, eps),
)
row(
    "normalize",
    normalize,
    unit,
    lambda torch, x, axis, eps: torch.nn.functional.normalize(x, 2.0, axis, eps),
)
row(
    "cosine_similarity",
    cosine_similarity,
    cosine,
    lambda torch, a, b, axis, eps: torch.nn.functional.cosine_similarity(a, b, axis, eps),
)
