"""Parts of arrays: diagonals, triangles, chosen places."""

import numpy as np

from tests.operations import Call, Maker, call
from tests.random_programs.duals import linear
from tests.themes import apart, row


def taken(m: Maker) -> Call:
    shape = m.shape(min_dims=1, min_side=1)
    axis = m.choice([m.axis(len(shape)), None])
    n = max(int(np.prod(shape, dtype=int)) if axis is None else shape[axis], 1)
    shape = tuple(max(k, 1) for k in shape)
    indices = m.rng.integers(-n, n, m.choice([(2,), (2, 2), (), (0,)]))
    return call(m.any(shape), indices, axis=axis)


def compressed(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.choice([m.axis(len(shape)), None])
    n = int(np.prod(shape, dtype=int)) if axis is None else shape[axis]
    return call(m.mask((n,)), m.any(shape), axis=axis)


def extracted(m: Maker) -> Call:
    shape = m.shape()
    return call(m.mask(shape), m.any(shape))


def of_planes(m: Maker) -> Call:
    x = m.any(m.shape(min_dims=2))
    first, second = m.signed(m.order(x.ndim)[:2], x.ndim)
    return call(x, offset=m.choice([0, 1, -1, 3]), axis1=first, axis2=second)


def line_or_matrix(m: Maker) -> Call:
    shape = m.shape(min_dims=1)[: m.choice([1, 2])]
    return call(m.any(shape), k=m.choice([0, 1, -1]))


def flat(m: Maker) -> Call:
    return call(m.any(m.shape()[-2:]), k=m.choice([0, 1, -1]))


def matrices(m: Maker) -> Call:
    return call(m.any(m.shape(min_dims=2)), k=m.choice([0, 1, -1]))


def theirs_take(torch, x, indices, axis):
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    return x[(*(slice(None),) * axis, indices)]


def theirs_diag(torch, x, k):
    return torch.diag(x, k)


row(
    "take",
    taken,
    lambda x, indices, axis: linear(lambda x: np.take(x, indices, axis))(x),
    theirs_take,
)
row(
    "compress",
    compressed,
    lambda condition, x, axis: linear(lambda x: np.compress(condition, x, axis))(x),
    lambda torch, condition, x, axis: theirs_take(torch, x, torch.nonzero(condition)[:, 0], axis),
)
row(
    "extract",
    extracted,
    lambda condition, x: linear(lambda x: np.extract(condition, x))(x),
    lambda torch, condition, x: x[condition],
)
row(
    "diagonal",
    of_planes,
    linear(lambda x, offset, axis1, axis2: np.diagonal(x, offset, axis1, axis2)),
    lambda torch, x, offset, axis1, axis2: torch.diagonal(x, offset, axis1, axis2),
)
row(
    "matrix_trace",
    of_planes,
    linear(lambda x, offset, axis1, axis2: np.trace(x, offset, axis1, axis2)),
    lambda torch, x, offset, axis1, axis2: torch.diagonal(x, offset, axis1, axis2).sum(-1),
)
row("diag", line_or_matrix, linear(lambda x, k: np.diag(x, k)), theirs_diag)
row(
    "diagflat",
    flat,
    linear(lambda x, k: np.diagflat(x, k)),
    lambda torch, x, k: torch.diagflat(x, k),
)
row("tril", matrices, linear(lambda x, k: np.tril(x, k)), lambda torch, x, k: torch.tril(x, k))
row("triu", matrices, linear(lambda x, k: np.triu(x, k)), lambda torch, x, k: torch.triu(x, k))

apart("select", "broadcast_arrays", "meshgrid")
