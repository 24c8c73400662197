"""Logarithms of 0, sums of infinities, and functions of scipy that may be missing."""

import sys

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slopes

inf, nan = np.inf, np.nan


@pytest.mark.parametrize("f", [tx.log2, tx.log10], ids=["log2", "log10"])
def test_logarithms_of_0_and_of_negative_numbers(f):
    with np.errstate(all="ignore"):
        equal(f([0.0, inf, -1.0]).numpy(), [-inf, inf, nan])
    equal(slopes(f, [0.0, inf])[0], [inf, 0])
    equal(slopes(lambda x: tx.where(x > 0, f(x), 0.0), [0.0, inf])[0], [0, 0])


def test_the_cube_root_of_0_has_an_infinite_slope():
    equal(slopes(tx.cbrt, [0.0, -8.0, inf])[0], [inf, 1 / 12, 0])


def test_the_reciprocal_of_integers_is_a_float():
    assert tx.reciprocal([2, 4]).tolist() == [0.5, 0.25]
    assert np.reciprocal(tx.Tensor([2, 4])).tolist() == [0.5, 0.25]
    with np.errstate(divide="ignore"):
        equal(tx.reciprocal([0.0, -0.0]).numpy(), [inf, -inf])


@pytest.mark.parametrize("f", [tx.logaddexp, tx.logaddexp2], ids=["e", "2"])
def test_sums_of_infinities(f):
    a, b = [inf, -inf, inf, 1.0, -inf, 1e300], [inf, -inf, -inf, -inf, 2.0, -1e300]
    equal(f(a, b).numpy(), [inf, -inf, inf, 1, 2, 1e300])
    equal(slopes(f, a, b), [[0.5, 0.5, 1, 1, 0, 1], [0.5, 0.5, 0, 0, 1, 0]])
    equal(tx.hessian(lambda v: f(v[0], v[1]))([1.0, -inf]).numpy(), np.zeros((2, 2)))
    equal(tx.hessian(lambda v: f(v[0], v[1]))([-inf, -inf]).numpy(), np.zeros((2, 2)))


def test_ties_of_finite_numbers_have_a_curvature():
    found = tx.hessian(lambda v: tx.logaddexp(v[0], v[1]))([7.0, 7.0]).numpy()
    np.testing.assert_allclose(found, [[0.25, -0.25], [-0.25, 0.25]])


def test_the_error_function_far_out():
    equal(tx.erf([-inf, inf, nan]).numpy(), [-1, 1, nan])
    equal(tx.erfc([-inf, inf, nan]).numpy(), [2, 0, nan])
    assert 0 < tx.erfc(26.0).item() < 1e-290
    for f, sign in ((tx.erf, 1), (tx.erfc, -1)):
        equal(slopes(f, [-inf, 1e200, 0.0])[0], sign * np.array([0, 0, 2 / np.sqrt(np.pi)]))
    assert tx.erf([1, 2]).dtype == np.float64


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_without_scipy_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=rf"{name} needs.*tinygrad_xent\[scipy\]"):
        getattr(tx, name)(leaf([1.0]))
