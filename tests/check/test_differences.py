"""Slopes by differences: right within their error estimate, never claimed where there is none."""

import numpy as np
import pytest

from tinygrad_xent.check.gradients.differences import noise_of, slope, step_for

STEP = step_for(np.float64)


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        (np.exp, 1.0, np.e),
        (np.sin, 0.0, 1.0),
        (lambda x: x**3, 2.0, 12.0),
        (lambda x: x * x, 0.0, 0.0),  # no slope, all curvature: not a kink
        (lambda x: 1e8 + x, 1.0, 1.0),
    ],
)
def test_a_smooth_slope_is_measured_within_its_error(f, x, true):
    found = slope(lambda x: np.asarray(f(x)), np.float64(x), np.float64(1.0), STEP)
    assert found.measured
    assert abs(found.value - true) <= found.error
    assert found.error <= 2e-3


@pytest.mark.parametrize("x", [0.0, 1e-6, 3e-5, 9e-5])
def test_a_kink_within_the_step_is_no_measurement_and_the_sides_bound_it(x):
    found = slope(np.abs, np.float64(x), np.float64(1.0), STEP)
    assert not found.measured
    assert found.value - found.error <= 1 <= found.value + found.error  # the slope on the right
    assert slope(np.abs, np.float64(2 * STEP), np.float64(1.0), STEP).measured


def test_at_a_kink_the_sides_are_the_one_sided_slopes():
    found = slope(lambda x: np.maximum(3 * x, x), np.float64(0.0), np.float64(1.0), STEP)
    assert (found.low, found.high) == pytest.approx((1.0, 3.0))


def test_each_output_is_judged_alone():
    x = np.array([0.0, 1.0, -1.0])
    found = slope(lambda x: np.maximum(x, 0), x, np.ones(3), STEP)
    assert found.measured.tolist() == [False, True, True]
    np.testing.assert_allclose(found.value[1:], [1.0, 0.0])


def test_beyond_an_edge_nothing_is_measured():
    assert not slope(np.log, np.float64(1e-6), np.float64(1.0), STEP).measured
    assert not slope(np.sqrt, np.float64(0.0), np.float64(1.0), STEP).measured


def test_noise_is_found_to_an_order_of_magnitude():
    big = 1e6  # added and subtracted again: sin(x) has lost its last digits
    noise = noise_of(lambda x: np.sin(x) + big - big, np.float64(0.5), np.float64(1.0))
    assert 1e-11 < noise < 1e-9
    assert noise_of(lambda x: np.sin(x), np.float64(0.5), np.float64(1.0)) < 1e-15
