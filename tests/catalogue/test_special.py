"""Functions of scipy.special at their edges, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slope, slopes
from tinygrad_xent.engine.errors import BadValueError

special = pytest.importorskip("scipy.special")


def test_the_edges_are_scipys():
    with np.errstate(all="ignore"):
        for name, points in {
            "erfinv": [-1.0, 1.0, 2.0],
            "gammaln": [0.0, -1.0, 171.0, 1e300],
            "digamma": [0.5, 1e10, -0.5],
            "logit": [0.0, 1.0, -1.0, 2.0],
            "log_ndtr": [-1e10, 40.0, np.nan],
            "ndtr": [-40.0, 9.0],
        }.items():
            x = np.array(points)
            np.testing.assert_allclose(getattr(tx, name)(x).numpy(), getattr(special, name)(x))


def test_nothing_times_a_logarithm_is_nothing():
    a, b = [0.0, 0.0, 0.0, 2.0], [0.0, -1.0, np.nan, 1.0]
    equal(tx.xlogy(a, b), special.xlogy(a, b))
    equal(slopes(tx.xlogy, [0.0, 0.0], [0.0, np.e])[0], [0.0, 1.0])
    equal(slopes(tx.xlogy, [0.0, 0.0], [0.0, np.e])[1], [0.0, 0.0])


def test_an_entropy_has_a_slope_at_certainty():
    equal(slope(lambda p: -tx.xlogy(p, p).sum(), [0.0, 1.0]), [0.0, -1.0])


def test_slopes_of_every_order():
    x = np.array([0.7, 2.5])
    for n in range(4):
        np.testing.assert_allclose(tx.polygamma(n, x).numpy(), special.polygamma(n, x))
        found = slope(lambda x, n=n: tx.polygamma(n, x), x)
        np.testing.assert_allclose(found, special.polygamma(n + 1, x))


@pytest.mark.parametrize(
    ("error", "n"), [(BadValueError, -1), (tx.DtypeError, 0.5), (tx.DtypeError, "x")]
)
def test_an_order_that_is_none_is_refused(error, n):
    with pytest.raises(error, match="polygamma: n must be"):
        tx.polygamma(n, 1.0)
