"""Axes rearranged, added and taken together."""

import numpy as np

from tests.operations import Call, Maker, call, smooth
from tests.random_programs.duals import linear
from tests.themes import row


def two_axes(m: Maker) -> Call:
    x = m.any(m.shape(min_dims=1))
    first, *_, last = m.signed(m.order(x.ndim) * 2, x.ndim)
    return call(x, axis1=first, axis2=last)


def moved(m: Maker) -> Call:
    x = m.any(m.shape(min_dims=1))
    source, end = m.order(x.ndim)[:2], m.order(x.ndim)[:2][::-1]
    source, end = m.signed(source, x.ndim), m.signed(end, x.ndim)
    if m.bool():
        source, end = source[0], end[0]
    return call(x, source=source, destination=end)


def some_axes(m: Maker) -> Call:
    shape = m.shape()
    return call(m.any(shape), axis=m.axes(len(shape)))


def of_rows(m: Maker) -> Call:
    return call(m.any(m.shape(min_dims=1)))


def of_matrix(m: Maker) -> Call:
    return call(m.any(m.shape(min_dims=2)))


def turned(m: Maker) -> Call:
    x = m.any(m.shape(min_dims=2))
    return call(x, k=m.choice([1, 2, 3, 0, -1, 6]), axes=m.signed(m.order(x.ndim)[:2], x.ndim))


def taken_together(m: Maker) -> Call:
    x = m.any(m.shape())
    first, last = sorted(m.axis(x.ndim) % x.ndim for _ in "ab") if x.ndim else (0, 0)
    return call(x, start_axis=first, end_axis=m.choice([last, last - max(x.ndim, 1)]))


def flattened(x, start_axis, end_axis):
    x = np.atleast_1d(x)
    end = end_axis % x.ndim + 1
    length = int(np.prod(x.shape[start_axis:end], dtype=int))
    return x.reshape(*x.shape[:start_axis], length, *x.shape[end:])


def torch_axes(x, axis):
    return tuple(range(x.ndim)) if axis is None else axis


row(
    "swapaxes",
    two_axes,
    linear(lambda x, axis1, axis2: np.swapaxes(x, axis1, axis2)),
    lambda torch, x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
)
row("moveaxis", moved, linear(lambda x, source, destination: np.moveaxis(x, source, destination)))
row("matrix_transpose", of_matrix, linear(np.matrix_transpose), lambda torch, x: x.mT)
row(
    "flip",
    some_axes,
    linear(lambda x, axis: np.flip(x, axis)),
    lambda torch, x, axis: torch.flip(x, (axis,) if type(axis) is int else torch_axes(x, axis)),
)
row("fliplr", of_matrix, linear(np.fliplr))
row("flipud", of_rows, linear(np.flipud))
row(
    "rot90",
    turned,
    linear(lambda x, k, axes: np.rot90(x, k, axes)),
    lambda torch, x, k, axes: torch.rot90(x, k, axes),
)
row("ravel", smooth, linear(np.ravel))
row(
    "flatten",
    taken_together,
    linear(flattened),
    lambda torch, x, start_axis, end_axis: torch.flatten(x, start_axis, end_axis),
)
row("atleast_1d", smooth, linear(np.atleast_1d))
row("atleast_2d", smooth, linear(np.atleast_2d))
row("atleast_3d", smooth, linear(np.atleast_3d))
