"""Sorting, and where things stand."""

import numpy as np

from tests.operations import along_axis, argmax, call, reduction, with_length
from tests.random_programs import duals
from tests.themes import apart, row, statistics


def of_lines(m):
    made = along_axis(m)
    shape = np.shape(made.inputs[0])
    axis = m.choice([made.settings["axis"], None])
    back = {"descending": True} if m.bool() else {}  # NumPy's have no such setting
    return call(m.distinct(shape), axis=axis, **back)


def places_in_a_line(m):
    n = m.choice([3, 1, 4])
    a = np.sort(np.asarray(m.rng.permutation(10)[:n] / 10 - 0.5))
    return call(a, m.distinct(m.shape(), 0.03), side=m.choice(["left", "right"]))


def of_places(m):
    made = along_axis(m)
    axis = made.settings["axis"]
    x = m.distinct(with_length(np.shape(made.inputs[0]), axis, 3))
    return call(x, m.choice([1, (0, 2), -1]), axis=axis)


# --- forwards -------------------------------------------------------------------------------------


def order(x, axis, descending=False):
    """Places in sorted order, and x with the line last that these are in."""
    rows = duals.linear(np.ravel if axis is None else lambda x: np.moveaxis(x, axis, -1))(x)
    statistics.in_order(rows)  # for its ties
    places = np.argsort(duals.plain(rows), axis=-1)
    return places[..., ::-1] if descending else places, rows


def sort(x, axis, descending=False):
    places, rows = order(x, axis, descending)
    found = duals.take(rows, places, axis=-1)
    return found if axis is None else duals.linear(lambda x: np.moveaxis(x, -1, axis))(found)


def partition(x, kth, axis):
    duals.clear(np.diff(np.sort(duals.plain(x), axis), axis=axis))
    return duals.take(x, np.argpartition(duals.plain(x), kth, axis), axis=axis)


def argsort(x, axis, descending=False):
    places, _ = order(x, axis, descending)
    return places if axis is None else np.moveaxis(places, -1, axis)


def argmin(x, axis, keepdims):
    return duals.argmax(duals.neg(x), axis, keepdims)


# --- in PyTorch -----------------------------------------------------------------------------------


def torchs(kind):
    def call(torch, x, axis, descending=False):
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        return getattr(torch.sort(x, dim=axis, descending=descending, stable=True), kind)

    return call


row("sort", of_lines, sort, torchs("values"))
row("argsort", of_lines, argsort, torchs("indices"))
row(
    "partition",
    of_places,
    partition,
    lambda torch, x, kth, axis: torch.take_along_dim(
        x, torch.as_tensor(np.argpartition(x.detach().numpy(), kth, axis)), axis
    ),
)
row("argmin", argmax, argmin, lambda torch, x, axis, keepdims: torch.argmin(x, axis, keepdims))
row(
    "count_nonzero",
    lambda m: reduction(m, "mask", of_nothing=True),
    duals.flat(lambda x, axis, keepdims: np.count_nonzero(x, axis, keepdims=keepdims)),
    lambda torch, x, axis, keepdims: statistics.over_axes(lambda rows, _: (rows != 0).sum(-1))(
        x, axis, keepdims
    ),
)
row(
    "searchsorted",
    places_in_a_line,
    duals.jumps(np.searchsorted, lambda a, v: np.subtract.outer(a, v)),
    lambda torch, a, v, side: torch.searchsorted(a, v, side=side),
)
row(
    "unique",
    lambda m: call(m.distinct(m.shape())),
    lambda x: sort(x, None),
    lambda torch, x: x.reshape(-1).sort().values,
)
apart("topk")
