"""Reductions that leave nan out."""

import numpy as np

from tests.operations import call, of_two_distinct, reduction
from tests.random_programs import duals
from tests.themes import row, statistics


def with_nan(m, values="any", **settings):
    made = reduction(m, values, of_nothing=False)
    x, axis = made.inputs[0], made.settings["axis"]
    return call(m.with_nan(x, axis), **made.settings, **settings)


def spread(m):
    made = statistics.spread(m)
    x, axis = made.inputs[0], made.settings["axis"]
    return call(m.with_nan(x, axis, keep=2), **made.settings | {"ddof": m.choice([0, 0.5])})


# --- forwards: programs have no nan ---------------------------------------------------------------


def theirs(f):
    """A reduction in PyTorch: of the numbers that are not nan, where these are, and the axis."""

    def call(torch, x, axis, keepdims, **settings):
        rows, shape = statistics.merged(x, axis, keepdims, lambda x, axes: x.permute(axes))
        present = ~rows.isnan()
        return f(torch, rows, present, **settings).reshape(shape)

    return call


def mean(torch, rows, present, keepdim=False):
    return rows.where(present, 0.0).sum(-1, keepdim) / present.sum(-1, keepdim)


def variance(torch, rows, present, ddof):
    distance = (rows - mean(torch, rows, present, True)).where(present, 0.0)
    return (distance**2).sum(-1) / (present.sum(-1) - ddof)


row("nansum", with_nan, duals.total, theirs(lambda torch, x, p: x.where(p, 0.0).sum(-1)))
row("nanmean", with_nan, duals.mean, theirs(mean))
row("nanvar", lambda m: with_nan(m, ddof=m.choice([0, 0.5])), statistics.variance, theirs(variance))
row(
    "nanstd",
    spread,
    statistics.deviation,
    theirs(lambda *args, **how: variance(*args, **how).sqrt()),
)
row(
    "nanmax",
    lambda m: with_nan(m, "distinct"),
    duals.largest,
    theirs(lambda torch, x, p: x.where(p, -np.inf).amax(-1)),
)
row(
    "nanmin",
    lambda m: with_nan(m, "distinct"),
    duals.smallest,
    theirs(lambda torch, x, p: x.where(p, np.inf).amin(-1)),
)
row("fmax", of_two_distinct, duals.maximum)
row("fmin", of_two_distinct, duals.minimum)
