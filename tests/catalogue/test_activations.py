"""Activation functions far out, at their kinks, and with what they refuse."""

import math
import sys

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slope

inf, nan = np.inf, np.nan
HUGE = np.array([-1e300, -1e20, -60.0, 60.0, 1e20, 1e300])
UNBOUNDED = {
    "gelu": tx.gelu,
    "gelu, by tanh": lambda x: tx.gelu(x, approximate="tanh"),
    "silu": tx.silu,
    "elu": lambda x: tx.elu(x, alpha=0.0),
}


def curvature(f, x):
    """The second derivative of f at each point."""
    return slope(tx.grad(lambda t: f(t).sum()), x)


@pytest.mark.parametrize("name", UNBOUNDED)
def test_far_out_they_are_relu(name):
    """No overflow, and no warning, to second order."""
    f = UNBOUNDED[name]
    np.testing.assert_allclose(f(leaf(HUGE)).numpy(), np.maximum(HUGE, 0), atol=1e-20)
    np.testing.assert_allclose(slope(f, HUGE), HUGE > 0, atol=1e-20)
    np.testing.assert_allclose(curvature(f, HUGE), np.zeros(6), atol=1e-20)
    found = f(leaf(HUGE[1:-1].astype(np.float32)))
    assert found.dtype == np.float32
    assert np.isfinite(found.numpy()).all()


def test_small_values_keep_their_digits():
    x = np.array([-30.0, -10.0, -3.0])
    exact = [v * math.erfc(-v / math.sqrt(2)) / 2 for v in x]
    np.testing.assert_allclose(tx.gelu(x).numpy(), exact, rtol=1e-12)
    np.testing.assert_allclose(tx.silu(x).numpy(), x / (1 + np.exp(-x)), rtol=1e-15)
    np.testing.assert_allclose(tx.logsigmoid(-x).numpy(), -np.log1p(np.exp(x)), rtol=1e-15)
    np.testing.assert_allclose(slope(tx.logsigmoid, -x), np.exp(x) / (1 + np.exp(x)), rtol=1e-15)
    np.testing.assert_allclose(slope(tx.softsign, [1e10, -1e100]), [1e-20, 1e-200])


def test_they_saturate():
    equal(tx.logsigmoid([-inf, inf]).numpy(), [-inf, 0])
    equal(slope(tx.logsigmoid, [-inf, inf]), [1, 0])
    equal(tx.elu([-inf, inf]).numpy(), [-1, inf])
    equal(slope(tx.elu, [-inf, inf]), [0, 1])
    equal(tx.hardtanh([-inf, inf, nan]).numpy(), [-1, 1, nan])
    equal(slope(tx.hardtanh, [-inf, inf, nan]), [0, 0, 1])
    assert tx.softsign(np.array([-128, 127], np.int8)).tolist() == [-128 / 129, 127 / 128]


@pytest.mark.parametrize("limits", [(2.0, 1.0), ([2.0] * 3, 1.0), (2, [1.0, 1.0, 1.0])])
def test_of_swapped_limits_the_upper_one_counts(limits):
    x = [-5.0, 1.5, 5.0]
    equal(tx.hardtanh(x, *map(np.asarray, limits)).numpy(), [1, 1, 1])
    equal(slope(lambda t: tx.hardtanh(t, *map(np.asarray, limits)), x), [0, 0, 0])
    equal(tx.clip(x, *map(np.asarray, limits)).numpy(), [1, 1, 1])
    assert tx.hardtanh(np.float32(x), 2.0, 1.0).dtype == np.float32


def test_kinks_are_pytorchs():
    equal(slope(lambda x: tx.elu(x, 0.5), [-0.0, 0.0]), [0.5, 0.5])
    equal(slope(tx.leaky_relu, [0.0, 1.0]), [0.01, 1])
    np.testing.assert_allclose(slope(tx.selu, [0.0]), [1.0507009873554805 * 1.6732632423543772])
    equal(slope(tx.hardtanh, [-1.0, 0.0, 1.0]), [0, 1, 0])
    equal(slope(tx.relu6, [0.0, 3.0, 6.0, 7.0]), [0, 1, 0, 0])
    equal(tx.relu6([0, 3, 7]), [0, 3, 6])
    equal(slope(tx.softsign, [0.0]), [1])


@pytest.mark.parametrize("function", [tx.leaky_relu, tx.elu])
def test_a_parameter_may_be_learned(function):
    x, a = leaf([-2.0, 3.0]), leaf(0.25)
    function(x, a).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), -2 if function is tx.leaky_relu else np.expm1(-2))
    narrow = np.array([-2.0, 3.0], np.float32)
    assert function(narrow, np.float64(0.25)).dtype == np.float32


def test_gelu_names_its_approximations():
    with pytest.raises(ValueError, match="gelu: approximate must be 'none' or 'tanh', got 'erf'"):
        tx.gelu(leaf([1.0]), approximate="erf")


def test_only_the_exact_gelu_needs_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    tx.gelu(leaf([1.0]), approximate="tanh")
    with pytest.raises(ImportError, match=r"tinygrad_xent\[scipy\]"):
        tx.gelu(leaf([1.0]))


def test_small_integers_are_computed_as_floats():
    x = np.array([0, 1, 200], np.uint8)
    for name in ("gelu", "silu", "elu", "selu", "leaky_relu", "softsign", "logsigmoid", "hardtanh"):
        f = getattr(tx, name)
        np.testing.assert_array_equal(f(x).numpy(), f(x.astype(float)).numpy(), err_msg=name)
        assert f(x).dtype == np.float64


def test_the_slope_far_below_0_keeps_its_digits():
    x = np.array([-36.0, -38.0, -100.0, -700.0])
    np.testing.assert_allclose(slope(tx.elu, x), np.exp(x), rtol=1e-12)
    np.testing.assert_allclose(slope(tx.expm1, x), np.exp(x), rtol=1e-12)
    scale = 1.6732632423543772 * 1.0507009873554805
    np.testing.assert_allclose(slope(tx.selu, x), scale * np.exp(x), rtol=1e-12)
