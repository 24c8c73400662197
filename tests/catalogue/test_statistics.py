"""Statistics at ties, kinks and edges, with what is nan, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slope
from tinygrad_xent.engine.errors import BadValueError

inf, nan = np.inf, np.nan
X = np.array([[1.0, 4.0, 2.0, 8.0], [0.5, -3.0, 7.0, 5.0]])


def near(found, right):
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-13, atol=1e-15)


AXES = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (1, 0)}, {"axis": ()}]

# --- spread ---------------------------------------------------------------------------------------


def test_the_slope_of_a_deviation_of_0_is_0():
    equal(slope(tx.std, [2.0, 2.0, 2.0]), [0, 0, 0])
    equal(slope(tx.std, [3.0]), [0])
    rows = slope(lambda x: tx.std(x, axis=1), [[2.0, 2.0], [1.0, 3.0]])
    equal(rows, [[0, 0], [-0.5, 0.5]])
    equal(tx.hessian(lambda x: tx.std(x, axis=1).sum())([[2.0, 2.0], [1.0, 3.0]]).numpy()[0, 0], 0)
    equal(slope(tx.std, [1.0, nan]), [nan, nan])
    equal(slope(tx.nanstd, [2.0, nan, 2.0]), [0, 0, 0])


@pytest.mark.parametrize("how", AXES, ids=str)
def test_values_are_numpys(how):
    for name in (
        "std",
        "ptp",
        "median",
        "nansum",
        "nanmean",
        "nanvar",
        "nanstd",
        "nanmax",
        "nanmin",
    ):
        near(getattr(tx, name)(X, **how), getattr(np, name)(X, **how))
    for q in (0.0, 0.3, [0.25, 1.0], [[0.1], [0.5]]):
        near(tx.quantile(X, q, **how), np.quantile(X, q, **how))
        near(tx.percentile(X, np.multiply(q, 100), **how), np.quantile(X, q, **how))


def test_without_degrees_of_freedom_it_warns():
    with pytest.warns(RuntimeWarning, match="var: ddof is not below"), np.errstate(all="ignore"):
        equal(tx.std([3.0], ddof=1), nan)


def test_a_range_without_extent():
    equal(slope(tx.ptp, [1.0, 5.0, 5.0]), [-1, 0.5, 0.5])
    equal(slope(tx.ptp, [2.0, 2.0]), [0, 0])


# --- average --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"weights": np.arange(1.0, 9).reshape(2, 4)},
        {"weights": np.arange(1.0, 9).reshape(2, 4), "axis": (0, 1)},
        {"weights": [1.0, 2.0], "axis": 0},
        {"weights": [1.0, 2.0, 0.0, 1.0], "axis": -1, "keepdims": True},
    ],
    ids=str,
)
def test_weighted_means(how):
    near(tx.average(X, **how), np.average(X, **how))
    assert np.average(leaf(X), **how).requires_grad
    if "weights" in how:
        given = {name: value for name, value in how.items() if name != "weights"}
        assert tx.check.gradcheck(
            lambda x, w: tx.average(x, weights=w, **given), X, np.array(how["weights"]), order=2
        )


def test_weights_that_do_not_fit():
    for how in ({}, {"axis": 0}, {"axis": (0, 1)}):
        with pytest.raises(tx.ShapeError, match=r"weights of shape \(4,\) do not fit \(2, 4\)"):
            tx.average(X, weights=np.ones(4), **how)
    with pytest.raises(ValueError, match="add up to 0"):
        tx.average(X[0], weights=[1.0, -1.0, 0.0, 0.0])
    with pytest.raises(tx.ShapeError, match="axis 5"):
        tx.average(X, axis=5, weights=np.ones(4))
    narrow, wide = X.astype(np.float32), np.ones((2, 4))
    assert tx.average(narrow, weights=wide).dtype == np.average(narrow, weights=wide).dtype
    assert tx.average([1, 2], weights=[0.5, 0.5]).item() == 1.5


# --- quantiles ------------------------------------------------------------------------------------


def test_the_gradient_goes_to_the_numbers_in_the_middle():
    equal(slope(tx.median, [4.0, 1.0, 9.0]), [1, 0, 0])
    equal(slope(tx.median, [4.0, 1.0, 2.0, 9.0]), [0.5, 0, 0.5, 0])
    equal(slope(tx.median, [2.0, 1.0, 2.0, 2.0, 9.0]), [0, 0, 1, 0, 0])  # the second of the 2s
    equal(slope(tx.median, np.zeros(101)), np.eye(101)[50])
    equal(slope(lambda x: tx.quantile(x, 0.25), [1.0, 9.0, 2.0]), [0.5, 0, 0.5])
    equal(slope(lambda x: tx.quantile(x, [0.0, 1.0]), [1.0, 9.0, 2.0], seed=[2.0, 3.0]), [2, 3, 0])


def test_what_is_not_in_the_middle_has_no_say():
    with np.errstate(divide="ignore"):
        equal(slope(lambda x: tx.median(tx.log(x)), [0.0, 2.0, 4.0]), [0, 0.5, 0])
        equal(slope(lambda x: tx.quantile(tx.log(x), [0.5, 1]), [0.0, 2.0, 4.0]), [0, 0.5, 0.25])


def test_nan_and_infinity_in_a_median():
    equal(tx.median([[1.0, nan, 2.0], [3.0, 1.0, 2.0]], axis=1), [nan, 2])
    rows = slope(lambda x: tx.median(x, axis=1), [[1.0, nan, 2.0], [3.0, 1.0, 2.0]])
    equal(rows, [[0, 1, 0], [0, 0, 1]])
    equal(tx.median([1.0, inf, inf]), inf)
    equal(tx.median([1.0, 2.0, inf, inf]), inf)
    equal(tx.quantile([1.0, 2.0, inf], [0.0, 0.5]), [1, 2])
    equal(tx.quantile([1.0, 2.0, inf], [0.25, 0.5]), [1.5, 2])


def test_whole_numbers_have_medians_between_them():
    for x in ([1, 2], [True, False, True, True]):
        found = tx.median(x)
        assert (found.dtype, found.item()) == (np.float64, np.median(x))
    assert tx.quantile(np.float32([1, 2]), np.float64(0.3)).dtype == np.float32
    assert tx.quantile(np.float16([1, 2]), np.array([0.3])).dtype == np.float16


def test_what_quantiles_refuse():
    for q in (-0.1, 1.5, [0.5, 2], nan):
        with pytest.raises(ValueError, match="quantile: q must be from 0 to 1, got"):
            tx.quantile(X, q)
    with pytest.raises(ValueError, match="percentile: q must be from 0 to 100, got 101"):
        tx.percentile(X, 101)
    with pytest.raises(TypeError, match=r"q is a setting(.|\n)*q\.detach"):
        tx.quantile(X, leaf(0.5))
    for x, axis in (([], None), (np.zeros((2, 0)), 1)):
        with pytest.raises(tx.ShapeError, match="median: of nothing"):
            tx.median(x, axis=axis)
    with pytest.raises(tx.ShapeError, match="median: repeated axis"):
        tx.median(X, axis=(0, 0))


# --- covariance -----------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [X, X[0], X[:1], X.T])
@pytest.mark.parametrize("how", [{}, {"bias": True}, {"ddof": 0}, {"rowvar": False, "ddof": 0}])
def test_covariances_are_numpys(x, how):
    near(tx.cov(x, **how), np.cov(x, **how))


@pytest.mark.parametrize("x", [X, X[0], X[:1]])
def test_correlations_are_numpys(x):
    near(tx.corrcoef(x), np.corrcoef(x))
    assert tx.corrcoef(x * 1e8).numpy().max() == 1


def test_what_covariances_refuse():
    for f in (tx.cov, tx.corrcoef):
        with pytest.raises(tx.ShapeError, match=f"{f.__name__}: takes one axis or two"):
            f(np.zeros((2, 2, 2)))
    with pytest.raises(tx.DtypeError, match="no operation of the table"):
        np.cov(leaf(X), X)
    with pytest.warns(RuntimeWarning, match="cov: ddof is not below"), np.errstate(all="ignore"):
        equal(tx.cov(X[:, :1]), np.full((2, 2), nan))


# --- without nan ----------------------------------------------------------------------------------

HOLES = np.array([[1.0, nan, 4.0, 2.0], [nan, nan, 3.0, nan]])
NAMES = ["nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", [{}, {"axis": 1}, {"axis": 1, "keepdims": True}], ids=str)
def test_what_is_nan_is_left_out(name, how):
    ours = getattr(tx, name)
    near(ours(HOLES, **how), getattr(np, name)(HOLES, **how))
    found = slope(lambda x: ours(x, **how), HOLES)
    equal(found[np.isnan(HOLES)], np.zeros(4))
    without = slope(lambda x: ours(x), HOLES[0][[0, 2, 3]])
    np.testing.assert_allclose(slope(ours, HOLES[0])[[0, 2, 3]], without, rtol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_of_nothing_but_nan(name):
    x, ours = leaf([[nan, nan], [1.0, 3.0]]), getattr(tx, name)
    if name == "nansum":
        y = ours(x, axis=1)
        equal(y, [0, 4])
    else:
        with pytest.warns(RuntimeWarning, match="^nan.*: (too few|nothing)") as caught:
            y = ours(x, axis=1)
        assert caught[0].filename == __file__
        assert len(caught) == 1
        assert np.isnan(y.numpy()).tolist() == [True, False]
    with tx.check.autopsy(False):
        y.sum().backward()
    equal(x.grad.numpy()[0], [0, 0])
    assert np.isfinite(x.grad.numpy()).all()


def test_too_few_beside_nan():
    with pytest.warns(RuntimeWarning, match="nanvar: too few"):
        equal(tx.nanvar([1.0, nan], ddof=1), nan)
    near(tx.nanvar([1.0, nan, 3.0, 5.0], ddof=1), 4.0)


def test_ties_beside_nan_share_evenly():
    equal(slope(tx.nanmax, [3.0, nan, 3.0, 1.0]), [0.5, 0, 0.5, 0])
    equal(slope(tx.nanmin, [-inf, nan, 2.0]), [1, 0, 0])
    equal(slope(tx.nanmax, [-inf, nan]), [1, 0])
    equal(slope(np.fmax.reduce, [[3.0, nan], [2.0, 1.0]]), [[1, 0], [0, 1]])


@pytest.mark.parametrize("name", NAMES)
def test_whole_numbers_hold_no_nan(name):
    found, right = getattr(tx, name)([1, 2, 4]), getattr(np, name)([1, 2, 4])
    equal(found, right)
    assert found.dtype == right.dtype


@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanvar", "nanstd"])
def test_an_axis_that_does_not_exist(name):
    for x in (X, HOLES):
        with pytest.raises(np.exceptions.AxisError, match="axis 7"):
            getattr(tx, name)(x, axis=7)


def test_a_weighted_mean_of_small_integers_does_not_wrap_around():
    for dtype in (np.uint8, np.int8, np.bool_):
        x, w = np.array([100, 120, 1], dtype), np.array([3, 100, 100], dtype)
        near(tx.average(x, weights=w), np.average(x.astype(float), weights=w.astype(float)))


def test_the_ddof_of_a_covariance_is_a_whole_number():
    with pytest.raises(tx.DtypeError, match="cov: ddof must be an integer, got 'x'"):
        tx.cov([1.0, 2.0], ddof="x")


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_mean_weighted_along_any_axis(axis, keepdims):
    x, w = np.arange(27.0).reshape(3, 3, 3) ** 2, [1.0, 2.0, 4.0]
    right = np.average(x, axis, w, keepdims=keepdims)
    near(tx.average(x, axis, w, keepdims), right)
    near(np.average(leaf(x), axis, w, keepdims=keepdims), right)
    assert tx.check.gradcheck(lambda x, w: tx.average(x, axis, w, keepdims), x, np.array(w))


def test_a_number_has_no_axis_for_weights():
    with pytest.raises(tx.ShapeError, match="average: weights of shape"):
        tx.average(3.0, 0, [1.0])


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_of_no_observations_there_is_no_correlation(shape):
    x = np.zeros(shape)
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        equal(tx.corrcoef(x), np.corrcoef(x))


HALF = np.float16([[1, 2, 4], [3, 1, 5]])


@pytest.mark.parametrize("other", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, w: tx.average(x, axis=1, weights=w),
        tx.layer_norm,
        tx.rms_norm,
        lambda x, w: tx.batch_norm(x, bias=w),
        lambda x, w: tx.scaled_dot_product_attention(x, w[None], w[None]),
        tx.elu,
        tx.cosine_similarity,
    ],
)
def test_a_narrow_first_operand_does_not_narrow_the_others(call, other):
    w = np.array([1, 2, 3], other)
    assert call(HALF, w).dtype == np.result_type(HALF, w)


def test_a_number_beside_float16_leaves_it_float16():
    assert tx.elu(HALF, 2.0).dtype == tx.var(HALF, ddof=np.float64(1)).dtype == np.float16
    assert tx.layer_norm(HALF, eps=np.float64(1)).dtype == np.float16


NOT_NUMBERS = {
    "ddof": (tx.var, tx.std, tx.nanvar, tx.nanstd),
    "eps": (tx.layer_norm, tx.rms_norm, tx.batch_norm, tx.normalize),
    "nan": (tx.nan_to_num,),
    "posinf": (tx.nan_to_num,),
    "neginf": (tx.nan_to_num,),
}


@pytest.mark.parametrize("name", NOT_NUMBERS)
@pytest.mark.parametrize("value", ["x", [], {}, None, True])
def test_a_setting_that_is_no_number_is_refused_in_words(name, value):
    for function in NOT_NUMBERS[name]:
        if value is None and name in ("posinf", "neginf"):
            continue
        words = rf"(?s)\w+: {name} must be a number, got {re.escape(repr(value))}.*fix: {name}="
        with pytest.raises(tx.DtypeError, match=words):
            function([[1.0, np.nan], [2.0, 3.0]], **{name: value})


def test_histograms_are_numpys():
    x = np.float32([1, 2, 2, 5])
    for how in ({}, {"bins": 3}, {"bins": "auto"}, {"range": (0, 4)}, {"density": True}):
        for ours, theirs in zip(
            np.histogram(tx.Tensor(x), **how), np.histogram(x, **how), strict=True
        ):
            equal(ours, theirs)
            assert ours.dtype == theirs.dtype


METHODS = [
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10])
def test_quantiles_by_every_method_are_numpys(n, method):
    x, q = np.random.default_rng(n).normal(size=(n, 2)), np.array([*np.arange(9) / 8, 0.3, 1 / 3])
    for ours, theirs in ((tx.quantile, np.quantile), (np.quantile, np.quantile)):
        found = ours(tx.Tensor(x), q, axis=0, method=method)
        np.testing.assert_allclose(found.numpy(), theirs(x, q, axis=0, method=method), rtol=1e-12)
    assert tx.check.gradcheck(lambda x: tx.percentile(x, q * 100, 0, method=method), x)


def test_a_method_that_is_none_is_refused_with_the_names():
    for function in (tx.quantile, tx.percentile):
        with pytest.raises(BadValueError, match=r"no method 'best'(?s:.*)weibull"):
            function([1.0, 2.0], 0.5, method="best")
