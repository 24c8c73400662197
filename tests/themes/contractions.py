"""Sums of products over axes that are placed."""

import numpy as np

from tests.operations import call, with_length
from tests.random_programs import duals
from tests.themes import row


def of_axes(m):
    shape = m.shape(min_dims=1)
    other = (*shape[::-1], m.choice([2, 1]))
    pairs = (tuple(range(len(shape))), tuple(range(len(shape)))[::-1])
    axes, other = m.choice(
        [(1, (shape[-1], 2)), (pairs, other), (0, (2,)), (((0,), (-1,)), (2, shape[0]))]
    )
    return call(m.any(shape), m.any(other), axes=axes)


def of_last(m):
    shape = m.shape(min_dims=1)
    other = m.choice([(2, shape[-1]), shape[-1:], (1, 2, shape[-1])])
    return call(m.any(shape), m.any(other))


def with_a_few(m):
    return call(m.any(m.shape()), m.any(m.choice([(2,), (2, 1), (1, 1, 2), ()])))


def of_vectors(m):
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    shape = with_length(shape, axis, 3)
    return call(
        m.any(shape), m.any(m.choice([shape, with_length([1] * len(shape), axis, 3)])), axis=axis
    )


def along(m):
    shape = m.shape(min_dims=1)
    return call(m.any(shape), m.any(shape), axis=m.axis(len(shape)))


def together(m):
    shape = m.shape()
    return call(m.any(shape), m.any(shape))


def on_the_right(m):
    shape = m.shape(min_dims=2)
    return call(m.any(shape), m.any(m.choice([(2, *shape[:-2], shape[-1]), shape[-1:]])))


def on_the_left(m):
    shape = m.shape(min_dims=2)
    return call(m.any(m.choice([shape[-2:-1], (2, *shape[:-1])])), m.any(shape))


def of_two(f):
    """A product on dual numbers, with its settings."""
    return lambda a, b, **settings: duals.bilinear(lambda a, b: f(a, b, **settings))(a, b)


row(
    "tensordot",
    of_axes,
    of_two(np.tensordot),
    lambda torch, a, b, axes: torch.tensordot(a, b, axes),
)
row("inner", of_last, of_two(np.inner))
row("outer", with_a_few, of_two(np.outer), lambda torch, a, b: torch.outer(a.ravel(), b.ravel()))
row("vdot", together, of_two(np.vdot), lambda torch, a, b: (a * b).sum())
row(
    "vecdot",
    along,
    of_two(lambda a, b, axis: np.sum(a * b, axis)),
    lambda torch, a, b, axis: torch.linalg.vecdot(a, b, dim=axis),
)
row(
    "matvec",
    on_the_right,
    of_two(lambda a, x: (a @ x[..., None])[..., 0]),
    lambda torch, a, x: (a @ x[..., None])[..., 0],
)
row(
    "vecmat",
    on_the_left,
    of_two(lambda x, a: (x[..., None, :] @ a)[..., 0, :]),
    lambda torch, x, a: (x[..., None, :] @ a)[..., 0, :],
)
row("kron", with_a_few, of_two(np.kron))
row(
    "cross",
    of_vectors,
    of_two(np.cross),
    lambda torch, a, b, axis: torch.linalg.cross(a, b, dim=axis),
)
