"""Signals and images made longer or shorter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.operations import Call, Maker, call
from tests.random_programs import duals
from tests.themes import row

LINEAR = ("linear", "bilinear", "trilinear")


def resized(m: Maker) -> Call:
    axes = m.choice([2, 1, 3])
    shape = (m.choice([2, 1]), 2, *(m.choice([3, 2, 1]) for _ in range(axes)))
    settings: dict[str, Any] = {"mode": m.choice([LINEAR[axes - 1], "nearest", "nearest-exact"])}
    if m.bool():
        settings["size"] = m.choice([3, (5, 2, 3)[:axes]])
    else:
        settings["scale_factor"] = m.choice([2, (1.5, 3.0, 2.0)[:axes]])
    if settings["mode"] in LINEAR:
        settings["align_corners"] = m.bool()
    return call(m.any(shape), **settings)


def matrix(n: int, m: int, factor: float, mode: str, align_corners: bool) -> Any:
    """What each of m places takes of n numbers."""
    i = np.arange(m)[:, None]
    if mode == "nearest":
        places = np.floor(i / factor)
    elif mode == "nearest-exact":
        places = np.floor((i + 0.5) / factor)
    elif align_corners:
        places = i * (n - 1) / max(m - 1, 1)
    else:
        places = (i + 0.5) / factor - 0.5
    return np.maximum(1 - np.abs(np.clip(places, 0, n - 1) - np.arange(n)), 0)


def interpolate(
    x: Any, mode: str, size: Any = None, scale_factor: Any = None, align_corners: bool = False
) -> Any:
    shape = duals.plain(x).shape[2:]
    if size is None:
        factors = np.broadcast_to(scale_factor, len(shape)).tolist()
        size = [math.floor(n * f) for n, f in zip(shape, factors, strict=True)]
    else:
        size = np.broadcast_to(size, len(shape)).tolist()
        factors = [m / n for n, m in zip(shape, size, strict=True)]

    def through(x: Any) -> Any:
        for axis, (n, m, f) in enumerate(zip(shape, size, factors, strict=True), start=2):
            x = np.moveaxis(
                np.moveaxis(x, axis, -1) @ matrix(n, m, f, mode, align_corners).T, -1, axis
            )
        return x

    return duals.linear(through)(x)


def their_interpolate(torch: Any, x: Any, align_corners: Any = None, **settings: Any) -> Any:
    return torch.nn.functional.interpolate(x, align_corners=align_corners, **settings)


def shuffled(x: Any, upscale_factor: int) -> Any:
    n, c, h, w = duals.plain(x).shape
    r = upscale_factor

    def shuffle(x: Any) -> Any:
        y = np.zeros((n, c // (r * r), h * r, w * r))
        for i in range(r):
            for j in range(r):
                y[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
        return y

    return duals.linear(shuffle)(x)


def adapted(axes: int) -> Any:
    def case(m: Maker) -> Call:
        shape = (m.choice([2, 1]), 2, *(m.choice([3, 5, 1]) for _ in range(axes)))
        return call(m.any(shape), output_size=m.choice([2, (3, 1)[:axes]]))

    return case


def averaged(x: Any, output_size: Any) -> Any:
    shape = duals.plain(x).shape
    size = np.broadcast_to(output_size, len(shape) - 2).tolist()

    def means(x: Any) -> Any:
        y = np.zeros((*shape[:2], *size))
        for place in np.ndindex(*size):
            each = zip(place, shape[2:], size, strict=True)
            window = [slice(math.floor(i * n / m), math.ceil((i + 1) * n / m)) for i, n, m in each]
            y[(..., *place)] = x[(..., *window)].mean(tuple(range(2, len(shape))))
        return y

    return duals.linear(means)(x)


def their_average(name: str) -> Any:
    return lambda torch, x, **how: getattr(torch.nn.functional, name)(x, **how)


row("adaptive_avg_pool1d", adapted(1), averaged, their_average("adaptive_avg_pool1d"))
row("adaptive_avg_pool2d", adapted(2), averaged, their_average("adaptive_avg_pool2d"))
row("interpolate", resized, interpolate, their_interpolate)
row(
    "pixel_shuffle",
    lambda m: call(
        m.any((m.choice([2, 1]), 4, 2, m.choice([3, 1]))), upscale_factor=m.choice([2, 1])
    ),
    shuffled,
)
