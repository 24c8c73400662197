"""Arrays put together."""

from collections.abc import Callable

import numpy as np

from tests.operations import Call, Maker, call, with_length
from tests.random_programs.duals import linear
from tests.themes import apart, row


def appended(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.choice([m.axis(len(shape)), None])
    other = shape if axis is None else with_length(shape, axis, m.lengths(shape[axis])[0])
    return call(m.any(shape), m.any(other), axis=axis)


def beside(axis: int) -> Callable[[Maker], Call]:
    """Arrays that may differ in length along an axis, if they have it; lines are of one length."""

    def case(m: Maker) -> Call:
        shape = m.shape(min_dims=1)
        lengths = m.lengths(shape[0])
        if len(shape) > max(axis, 1):
            return call(*(m.any(with_length(shape, axis, n)) for n in lengths))
        return call(*(m.any(shape) for _ in lengths))

    return case


row(
    "append",
    appended,
    linear(lambda x, values, axis: np.append(x, values, axis)),
    lambda torch, x, values, axis: (
        torch.cat([x.reshape(-1), values.reshape(-1)])
        if axis is None
        else torch.cat([x, values], axis)
    ),
)
row(
    "hstack",
    beside(1),
    linear(lambda *arrays: np.hstack(arrays)),
    lambda torch, *arrays: torch.hstack(arrays),
)
row(
    "vstack",
    beside(0),
    linear(lambda *arrays: np.vstack(arrays)),
    lambda torch, *arrays: torch.vstack(arrays),
)
row(
    "dstack",
    beside(2),
    linear(lambda *arrays: np.dstack(arrays)),
    lambda torch, *arrays: torch.dstack(arrays),
)
row(
    "column_stack",
    beside(1),
    linear(lambda *arrays: np.column_stack(arrays)),
    lambda torch, *arrays: torch.column_stack(arrays),
)
apart("block", "split", "array_split", "vsplit", "hsplit", "dsplit")
