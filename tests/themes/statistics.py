"""Spread, quantiles, covariance."""

import numpy as np

from tests.operations import call, reduction
from tests.random_programs import duals
from tests.themes import row


def spread(m):
    """Two numbers or more in a line, not all equal."""
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    wide = tuple(max(n, 2) if i == axis % len(shape) else n for i, n in enumerate(shape))
    return call(m.distinct(wide), axis=axis, keepdims=m.bool(), ddof=m.choice([0, 1, 0.5]))


def weighted(m):
    made = reduction(m)
    x = made.inputs[0]
    weights = m.choice([m.rng.uniform(0.5, 2, np.shape(x)), None])
    return call(x, **made.settings, weights=weights)


def shares(whole):
    def case(m):
        made = reduction(m, "distinct")
        q = m.choice([0.3, 0.5, 1.0, 0.0, [0.1, 0.9], [[0.5, 0.25]]])
        method = m.choice(["linear", "lower", "midpoint", "nearest", "hazen", "inverted_cdf"])
        return call(made.inputs[0], np.multiply(q, whole).tolist(), **made.settings, method=method)

    return case


def variables(m):
    """Variables as rows, or as columns, of three observations or more."""
    shape = m.shape(min_dims=1)[-2:]
    rowvar = len(shape) == 1 or not m.bool()
    place = len(shape) - 1 if rowvar else 0
    wide = tuple(max(n, 3) if i == place else n for i, n in enumerate(shape))
    return call(m.any(wide), rowvar=rowvar)


def covariance(m):
    made = variables(m)
    return call(*made.inputs, **made.settings, bias=m.bool(), ddof=m.choice([None, 0, 2]))


# --- forwards -------------------------------------------------------------------------------------


def variance(x, axis, keepdims, ddof):
    n = duals.count(x, axis)
    return duals.variance(x, axis, keepdims) * (n / (n - ddof))


def deviation(x, axis, keepdims, ddof):
    found = variance(x, axis, keepdims, ddof)
    duals.clear(duals.plain(found))
    return duals.sqrt(found)


def average(x, axis, keepdims, weights):
    w = np.ones(np.shape(duals.plain(x))) if weights is None else weights
    total = duals.total(w, axis=axis, keepdims=keepdims)
    return duals.div(duals.total(x * w, axis=axis, keepdims=keepdims), total)


def in_order(x):
    """x sorted along its last axis."""
    places = np.argsort(duals.plain(x), axis=-1)
    found = duals.take(x, places, axis=-1)
    duals.clear(np.diff(duals.plain(found), axis=-1))
    return found


def merged(x, axis, keepdims, move=np.transpose):
    """x with these axes made one, the last; and the shape of a reduction over them."""
    shape = tuple(x.shape)
    axes = range(len(shape)) if axis is None else np.ravel(np.array(axis, int)) % max(len(shape), 1)
    rest = [i for i in range(len(shape)) if i not in axes]
    last = int(np.prod([shape[i] for i in axes], dtype=int))
    rows = move(x, (*rest, *map(int, axes))).reshape(*[shape[i] for i in rest], last)
    kept = [1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes]
    return rows, tuple(kept)


def ranks_of(n, q, method):
    """The places of quantiles among n sorted numbers: quantiles of the places."""
    return np.quantile(np.arange(float(n)), q, method=method)


def quantile(x, q, axis, keepdims, method="linear"):
    _, shape = merged(duals.plain(x), axis, keepdims)
    found = in_order(duals.linear(lambda x: merged(x, axis, keepdims)[0])(x))
    ranks = np.asarray(ranks_of(np.shape(duals.plain(found))[-1], q, method))

    def at(places):
        return duals.linear(
            lambda x: np.moveaxis(x[..., places.ravel()], -1, 0).reshape(places.shape + shape)
        )(found)

    low, high = at(np.floor(ranks).astype(int)), at(np.ceil(ranks).astype(int))
    share = (ranks - np.floor(ranks)).reshape(ranks.shape + (1,) * len(shape))
    return low * (1 - share) + high * share


def median(x, axis, keepdims):
    return quantile(x, 0.5, axis, keepdims)


def centred(x, rowvar):
    x = duals.linear(np.atleast_2d)(x)
    x = x if rowvar else duals.linear(np.transpose)(x)
    return x - duals.mean(x, 1, True)


def products(x):
    return duals.matmul(x, duals.linear(np.transpose)(x))


def cov(x, rowvar, bias, ddof):
    x = centred(x, rowvar)
    n = np.shape(duals.plain(x))[1] - (ddof if ddof is not None else 1 - bias)
    return duals.linear(np.squeeze)(products(x) * (1 / n))


def corrcoef(x, rowvar):
    x = centred(x, rowvar)
    length = duals.total(x * x, axis=1, keepdims=True)
    duals.clear(duals.plain(length))
    found = products(duals.div(x, duals.sqrt(length)))
    duals.clear(np.abs(duals.plain(found)) - 1 + np.eye(np.shape(duals.plain(found))[0]))
    return duals.linear(np.squeeze)(found)


# --- in PyTorch -----------------------------------------------------------------------------------


def quantile_in_torch(torch, x, q, axis, keepdims, method="linear"):
    rows, shape = merged(x, axis, keepdims, lambda x, axes: x.permute(axes))
    q = np.asarray(q)
    if rows.numel() == 0:  # which PyTorch refuses
        return rows.sum() * torch.zeros((*q.shape, *shape), dtype=x.dtype)
    if method in ("hazen", "inverted_cdf"):  # which PyTorch has not
        ranks = ranks_of(rows.shape[-1], q.reshape(-1), method)
        q, method = np.asarray(ranks / max(rows.shape[-1] - 1, 1)).reshape(q.shape), "linear"
    q = torch.as_tensor(q, dtype=x.dtype)
    found = torch.quantile(rows, q.reshape(-1), dim=-1, interpolation=method)
    return found.reshape((*q.shape, *shape))


def average_in_torch(torch, x, axis, keepdims, weights):
    w = torch.ones_like(x) if weights is None else torch.as_tensor(weights)
    total = over_axes(torch.sum)
    return total(x * w, axis, keepdims) / total(w, axis, keepdims)


def over_axes(f):
    """NumPy's axis for a reduction of PyTorch."""

    def call(x, axis, keepdims):
        rows, shape = merged(x, axis, keepdims, lambda x, axes: x.permute(axes))
        return f(rows, -1).reshape(shape)

    return call


def variance_in_torch(x, axis, keepdims, ddof):
    return over_axes(lambda rows, _: torchs_variance(rows, ddof))(x, axis, keepdims)


def torchs_variance(rows, ddof):
    return ((rows - rows.mean(-1, keepdim=True)) ** 2).sum(-1) / (rows.shape[-1] - ddof)


row("std", spread, deviation, lambda torch, *args, **how: variance_in_torch(*args, **how).sqrt())
row(
    "ptp",
    lambda m: reduction(m, "distinct"),
    lambda x, axis, keepdims: duals.largest(x, axis, keepdims) - duals.smallest(x, axis, keepdims),
    lambda torch, x, axis, keepdims: (
        over_axes(torch.amax)(x, axis, keepdims) - over_axes(torch.amin)(x, axis, keepdims)
    ),
)
row("average", weighted, average, average_in_torch)
row(
    "median",
    lambda m: reduction(m, "distinct"),
    median,
    lambda torch, x, axis, keepdims: quantile_in_torch(torch, x, 0.5, axis, keepdims),
)
row("quantile", shares(1), quantile, quantile_in_torch)
row(
    "percentile",
    shares(100),
    lambda x, q, **how: quantile(x, np.divide(q, 100), **how),
    lambda torch, x, q, **how: quantile_in_torch(torch, x, np.asarray(q) / 100, **how),
)
row(
    "cov",
    covariance,
    cov,
    lambda torch, x, rowvar, bias, ddof: torch.cov(
        x if rowvar else x.T, correction=1 - bias if ddof is None else ddof
    ).squeeze(),
)
row(
    "corrcoef",
    variables,
    corrcoef,
    lambda torch, x, rowvar: torch.corrcoef(x if rowvar else x.T).squeeze(),
)
