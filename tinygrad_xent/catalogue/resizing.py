"""Signals and images made longer or shorter: `interpolate`, `adaptive_avg_pool2d`, `pixel_shuffle`.

A number of the result is one of the input's or, along each axis in turn, lies on the straight line between
two of them; its gradient goes to these.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Array
from ..engine.breadth.composites import in_float32
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import arithmetic, moves, products
from ..engine.public import plain, public
from ..engine.symbols import from_shapes
from ..engine.tensors import Tensor
from .inputs import along, check_ndim, in_floats, numbers, whole
from .windows import Sizes, shape_of, sizes

_LINEAR = ("linear", "bilinear", "trilinear")
_MODES = ("nearest", "nearest-exact", *_LINEAR)


@public()
@in_float32
def interpolate(
    x: Operand,
    size: int | Sizes | None = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """x (N, C, ...) with other lengths of the axes behind the channels, as in PyTorch.

    Args:
        size: the lengths: one number for all, or one for each axis.
        scale_factor: or how many times as long as before; the lengths are rounded down.
        mode: where a number of the result comes from. "nearest": the number below its place, and
            "nearest-exact": the one that is nearest to its place, both without the mean of two;
            "linear", "bilinear" or "trilinear", for 1, 2 or 3 axes: on the line between both neighbours,
            where integers become floats.
        align_corners: of the linear modes: the first and the last numbers keep their places. Otherwise the
            edges do, the numbers being the middles of cells.

    Raises:
        ShapeError: x has no axis behind the channels, or an empty one; or not so many as the mode takes.
        BadValueError: neither a size nor a factor is given, or both; one is not positive; no such mode.

    >>> interpolate([[[1.0, 2.0]]], scale_factor=2).numpy()
    array([[[1., 1., 2., 2.]]])
    >>> interpolate([[[1.0, 2.0]]], 3, mode="linear").numpy()
    array([[[1. , 1.5, 2. ]]])
    """
    t = (in_floats if mode in _LINEAR else numbers)("interpolate", x)
    check_ndim("interpolate", t, 3)
    lengths, factors = _lengths(t, size, scale_factor)
    _check_mode(t, mode, align_corners)
    with composite("interpolate"):
        y: Any = t
        for axis, (m, factor) in enumerate(zip(lengths, factors, strict=True), start=2):
            y = _along(y, axis, m, factor, mode, bool(align_corners))
        return y if y is not t else moves.identity(t)


def _lengths(x: Any, size: Any, factor: Any) -> tuple[Sizes, list[float]]:
    """For each axis behind the channels the new length, and the distance of neighbours on the old one."""
    old: Sizes = x.shape[2:]
    if 0 in old:
        what = f"interpolate: there is nothing between, the shape is {x.shape}"
        raise errors.ShapeError(what, [x], "no axis behind the channels may be empty")
    if (size is None) == (factor is None):
        what = "interpolate: needs a size or a scale_factor, and not both"
        raise errors.BadValueError(what, [x], "size=(h, w), or scale_factor=2")
    if size is not None:
        new = sizes("interpolate", "size", size, len(old), least=1)
        return new, [n / m for n, m in zip(old, new, strict=True)]
    try:
        each = np.broadcast_to(np.asarray(plain(factor, "axes"), float), (len(old),)).tolist()
        new = tuple(math.floor(n * f) for n, f in zip(old, each, strict=True))
    except (TypeError, ValueError, OverflowError):
        new = (0,)
    if min(new) < 1:
        what = f"interpolate: scale_factor={factor!r} leaves nothing of {old}"
        raise errors.BadValueError(what, [x], "pass one positive number, or one for each axis")
    return new, [1 / f for f in each]


def _check_mode(x: Any, mode: Any, align_corners: Any) -> None:
    if mode not in _MODES:
        what = f"interpolate: mode must be one of {', '.join(_MODES)}, got {mode!r}"
        raise errors.BadValueError(what, [x])
    if mode in _LINEAR and mode != _LINEAR[min(x.ndim, 5) - 3]:
        what = f"interpolate: mode {mode!r} is not for the shape {x.shape}"
        fix = "linear takes (N, C, L), bilinear (N, C, H, W), trilinear (N, C, D, H, W)"
        raise errors.ShapeError(what, [x], fix)
    if align_corners and mode not in _LINEAR:
        what = f"interpolate: align_corners says nothing about mode {mode!r}"
        raise errors.BadValueError(what, [x], "leave it out, or take a linear mode")


def _along(x: Any, axis: int, m: int, step: float, mode: str, corners: bool) -> Any:
    """x with the length m along an axis."""
    n = x.shape[axis]
    if n == m and step == 1:
        return x
    if mode not in _LINEAR:
        places = np.floor((np.arange(m) + 0.5 * (mode == "nearest-exact")) * step)
        nearest = from_shapes(np.minimum(places.astype(int), n - 1))
        return moves.getitem(x, along(axis, nearest))
    low, share = _between(n, m, step, corners)
    share = from_shapes(share.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - axis - 1)))
    left = moves.getitem(x, along(axis, from_shapes(low)))
    right = moves.getitem(x, along(axis, from_shapes(np.minimum(low + 1, n - 1))))
    return arithmetic.add(arithmetic.mul(left, 1 - share), arithmetic.mul(right, share))


def _between(n: int, m: int, step: float, corners: bool) -> tuple[Array, Array]:
    """For m places on an axis of length n: the number below each, and the share of the one above."""
    if corners:
        places = np.arange(m) * ((n - 1) / max(m - 1, 1))
    else:
        places = np.maximum((np.arange(m) + 0.5) * step - 0.5, 0)
    low = np.minimum(places.astype(int), n - 1)
    return low, np.minimum(places - low, 1)


@public()
@in_float32
def adaptive_avg_pool1d(x: Operand, output_size: int | Sizes) -> Tensor:
    """The means of so many stretches of signals (N, C, L), as `adaptive_avg_pool2d`.

    >>> adaptive_avg_pool1d([[[1.0, 2.0, 3.0]]], 2).numpy()
    array([[[1.5, 2.5]]])
    """
    return _averaged("adaptive_avg_pool1d", 1, x, output_size)


@public()
@in_float32
def adaptive_avg_pool2d(x: Operand, output_size: int | Sizes) -> Tensor:
    """The means of as many windows of images (N, C, H, W) as the result is to have numbers, in PyTorch's way:
    the i-th of m stretches of an axis of length n goes from i · n / m, rounded down, to (i + 1) · n / m, rounded
    up. So neighbours may overlap by a number.

    Args:
        output_size: the lengths of the last two axes, one number for both or a pair.

    Raises:
        ShapeError: x has other axes, or an empty one but the first. BadValueError: a length is below 1.

    >>> adaptive_avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 1).numpy()
    array([[[[2.5]]]])
    """
    return _averaged("adaptive_avg_pool2d", 2, x, output_size)


def _averaged(who: str, axes: int, x: Any, output_size: Any) -> Tensor:
    shape = shape_of(who, x, axes, [x])
    lengths = sizes(who, "output_size", output_size, axes, least=1)
    y: Tensor = in_floats(who, x)
    with composite(who, "shares @ x @ sharesᵀ"):
        for axis, (n, m) in enumerate(zip(shape[2:], lengths, strict=True), start=2):
            shares = from_shapes(_shares(n, m).astype(y.dtype))
            last = axis == len(shape) - 1
            y = products.matmul(y, shares.T) if last else products.matmul(shares, y)
        return y


def _shares(n: int, m: int) -> Array:
    """What each of m means has of n numbers."""
    i, j = np.arange(m)[:, None], np.arange(n)
    inside = (j >= i * n // m) & (j < -(-(i + 1) * n // m))
    shares: Array = inside / inside.sum(axis=1, keepdims=True)
    return shares


@public()
def pixel_shuffle(x: Operand, upscale_factor: int) -> Tensor:
    """Channels spread over space: x (N, C · r², H, W) gives (N, C, r · H, r · W) (Shi et al.,
    arXiv:1609.05158).

    Raises:
        ShapeError: x has not four axes, or r² does not divide the channels.

    >>> pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2).numpy()
    array([[[[0., 1.],
             [2., 3.]]]])
    """
    t, r = numbers("pixel_shuffle", x), whole("pixel_shuffle", "upscale_factor", upscale_factor)
    if t.ndim != 4 or r < 1 or t.shape[1] % (r * r):
        what = f"pixel_shuffle: the shape {t.shape} has no {r} · {r} times as many channels"
        raise errors.ShapeError(what, [t], "x is (N, C · r², H, W), r at least 1")
    n, channels, height, width = t.shape
    with composite("pixel_shuffle"):
        cells = moves.reshape(t, (n, channels // (r * r), r, r, height, width))
        cells = moves.transpose(cells, (0, 1, 4, 2, 5, 3))
        return moves.reshape(cells, (n, channels // (r * r), height * r, width * r))
