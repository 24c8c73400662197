"""Sums of products over axes that are named."""

import numpy as np

from tests.operations import call
from tests.random_programs.duals import Dual, rate, value
from tests.themes import row


def of_named(m):
    shape = m.shape(min_dims=2)
    p, q = shape[-2:]
    few = (m.choice([2, 1, 3]), q)
    subscripts, *shapes = m.choice(
        [
            ("ij,kj->ik", (p, q), few),
            ("...ij,kj->k...j", shape, few),
            ("ij,kj", (p, q), few),
            ("ij,kj,lj->", (p, q), few, few),
            ("ij,i,kj,j->kji", (p, q), (p,), few, (q,)),
            ("...i,...i->...", shape, few[:1] + shape[1:]),
            ("ii->i", (q, q)),
            ("iij,ji->j", (p, p, q), (q, p)),
            ("...ii,ii", (*shape[:-2], p, p), (p, p)),
        ]
    )
    if subscripts == "...i,...i->..." and few[0] != 1 != shape[0]:
        shapes[1] = shape[1:]
    return call(subscripts, *map(m.any, shapes))


def einsum(subscripts, *operands):
    """Linear in each operand: the sum of what the rate of each gives with the values of the others."""
    if not any(isinstance(x, Dual) for x in operands):
        return np.einsum(subscripts, *operands)
    values = list(map(value, operands))
    rates = [
        einsum(subscripts, *values[:i], rate(x), *values[i + 1 :])
        for i, x in enumerate(operands)
        if isinstance(x, Dual)
    ]
    return Dual(einsum(subscripts, *values), sum(rates[1:], rates[0]))


row("einsum", of_named, einsum)
