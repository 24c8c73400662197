"""Values combined at their places, computed place by place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.operations import Call, Maker, call, with_length
from tests.random_programs import duals
from tests.themes import row


def settings(m: Maker) -> dict[str, Any]:
    return {"reduce": m.choice(["sum", "mean", "amax", "amin"]), "include_self": m.bool()}


def scattered(m: Maker) -> Call:
    shape = m.shape(min_dims=1, min_side=1)
    axis = m.axis(len(shape))
    own = with_length(shape, axis, m.choice([2, 3, 1]))
    indices = m.rng.integers(-shape[axis], shape[axis], own)
    return call(m.distinct(shape), indices, m.distinct(own, 0.03), axis=axis, **settings(m))


def indexed(m: Maker) -> Call:
    shape = m.shape(min_dims=1, min_side=1)
    axis, count = m.axis(len(shape)), m.choice([2, 3, 1])
    indices = m.rng.integers(-shape[axis], shape[axis], count)
    values = m.distinct(with_length(shape, axis, count), 0.03)
    return call(m.distinct(shape), indices, values, axis=axis, **settings(m))


def combined(x: Any, indices: Any, values: Any, axis: int, reduce: str, include_self: bool) -> Any:
    plain, added = duals.plain(x), duals.plain(values)
    cells: dict[Any, list[Any]] = {}
    for place in np.ndindex(added.shape):
        chosen = indices[place] if np.ndim(indices) == plain.ndim else indices[place[axis]]
        cell = list(place)
        cell[axis] = chosen % plain.shape[axis]
        cells.setdefault(tuple(cell), []).append(place)
    of_x, of_values = np.ones(plain.shape), np.zeros(added.shape)
    for cell, places in cells.items():
        found = np.array([added[place] for place in places] + [plain[cell]] * include_self)
        weights = np.ones(len(found))
        if reduce == "mean":
            weights /= len(found)
        elif reduce != "sum":
            duals.clear(np.diff(np.sort(found)))
            best = found.max() if reduce == "amax" else found.min()
            weights = (found == best) + 0.0
        of_x[cell] = weights[-1] if include_self else 0.0
        for place, weight in zip(places, weights, strict=False):
            of_values[place] = weight

    def total(x: Any, values: Any) -> Any:
        y = np.array(x * of_x)
        for cell, places in cells.items():
            for place in places:
                y[cell] += (np.broadcast_to(values, added.shape) * of_values)[place]
        return y

    return duals.linear(total)(x, values)


def their_way(name: str) -> Any:
    def call(
        torch: Any, x: Any, indices: Any, values: Any, axis: int, reduce: str, include_self: bool
    ) -> Any:
        indices = torch.as_tensor(np.asarray(indices) % x.shape[axis])
        if name == "index_reduce":  # which has no second derivatives there
            line = [1] * x.ndim
            line[axis] = -1
            indices = indices.reshape(line).expand(values.shape)
        if reduce in ("amax", "amin") and not include_self:
            # an element that takes no part takes a share of the gradient there, if it equals the result
            x = x.scatter(axis, indices, -math.inf if reduce == "amax" else math.inf)
            include_self = True
        return torch.scatter_reduce(x, axis, indices, values, reduce, include_self=include_self)

    return call


row("scatter_reduce", scattered, combined, their_way("scatter_reduce"))
row("index_reduce", indexed, combined, their_way("index_reduce"))
