"""Circular and hyperbolic functions at their edges: where squares overflow or differences vanish."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slopes

inf, nan = np.inf, np.nan


def curvature(f, x):
    """The second derivative of f at each point."""
    return slopes(tx.grad(lambda t: f(t).sum()), x)[0]


# --- sinc -----------------------------------------------------------------------------------------

X = np.array([0.0, 1e-12, 1e-9, -1e-5, 1e-3, 0.1, -0.49999, 0.5, 0.50001, 1.0, 2.5, -7.25])


def test_sinc_and_its_derivatives_keep_their_digits_near_0():
    special = pytest.importorskip("scipy.special")

    def j(n, derivative=False):
        return special.spherical_jn(n, np.pi * np.abs(X), derivative)

    slope = -np.pi * j(1) * np.sign(X)
    np.testing.assert_allclose(tx.sinc(X).numpy(), np.sinc(X), rtol=1e-15)
    np.testing.assert_allclose(slopes(tx.sinc, X)[0], slope, rtol=1e-14)
    np.testing.assert_allclose(curvature(tx.sinc, X), -(np.pi**2) * j(1, True), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_sinc_of_narrow_floats(dtype):
    x = np.array([0.0, 0.5, 10.5])
    y = tx.sinc(x.astype(dtype))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), np.sinc(x), rtol=4 * np.finfo(dtype).eps)
    equal(tx.sinc(np.array([0, 1])).numpy().round(15), [1.0, 0.0])


# --- hypot and arctan2 ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_squares_do_not_overflow(size):
    a, b = [3 * size], [-4 * size]
    np.testing.assert_allclose(tx.hypot(a, b).numpy(), [5 * size])
    np.testing.assert_allclose(slopes(tx.hypot, a, b), [[0.6], [-0.8]])
    found = np.multiply(slopes(tx.arctan2, a, b), size)
    np.testing.assert_allclose(found, [[-0.16], [-0.12]])


def test_at_the_origin_the_slopes_are_0():
    equal(slopes(tx.hypot, [0.0, 0.0], [0.0, 2.0]), [[0, 0], [0, 1]])
    equal(slopes(tx.arctan2, [0.0, 0.0], [0.0, 2.0]), [[0, 0.5], [0, 0]])
    assert np.isfinite(tx.hessian(lambda v: tx.hypot(v[0], v[1]))([0.0, 0.0]).numpy()).all()


def test_arctan2_goes_all_around():
    angles = np.linspace(-3.1, 3.1, 9)
    found = tx.arctan2(2 * np.sin(angles), 2 * np.cos(angles))
    np.testing.assert_allclose(found.numpy(), angles)


# --- inverse functions at the ends of their domains -----------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (tx.arcsin, [-1, 1, 0], [inf, inf, 1]),
        (tx.arccos, [-1, 1, 0], [-inf, -inf, -1]),
        (tx.arctanh, [-1, 1, 0], [inf, inf, 1]),
        (tx.arccosh, [1, 2], [inf, 1 / np.sqrt(3)]),
        (tx.arctan, [-inf, 1e200, 0], [0, 0, 1]),
        (tx.arcsinh, [inf, 1e200, 0], [0, 1e-200, 1]),
        (tx.arccosh, [inf, 1e200], [0, 1e-200]),
        (tx.arcsin, [2], [nan]),
        (tx.arccosh, [-2], [nan]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_slope_at_the_ends(f, x, slope):
    np.testing.assert_allclose(slopes(f, np.array(x, float))[0], slope, rtol=1e-15)


def test_digits_close_to_the_ends():
    """1 - x² would lose half of them."""
    d = 2.0**-40
    for f, x, exact in (
        (tx.arcsin, 1 - d, 1 / np.sqrt(2 * d - d * d)),
        (tx.arctanh, 1 - d, 1 / (2 * d - d * d)),
        (tx.arccosh, 1 + d, 1 / np.sqrt(2 * d + d * d)),
    ):
        np.testing.assert_allclose(slopes(f, [x])[0], [exact], rtol=1e-15)
