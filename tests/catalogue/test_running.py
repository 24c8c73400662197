"""Products, running sums and differences at zeros, infinities and edges, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slope

inf, nan = np.inf, np.nan


# --- products with zeros --------------------------------------------------------------------------

ZEROS = {
    "none": [1.5, -2.0, 0.5, 3.0],
    "one": [1.5, 0.0, 0.5, 3.0],
    "the first": [0.0, -2.0, 0.5, 3.0],
    "two": [1.5, 0.0, 0.0, 3.0],
    "at both ends": [0.0, -2.0, 0.5, 0.0],
    "three": [0.0, 0.0, 0.5, 0.0],
    "all": [0.0, 0.0, 0.0, 0.0],
}
WAYS = {
    "prod": tx.prod,
    "cumprod": tx.cumprod,
    "reversed": lambda x: tx.cumprod(x, reverse=True),
    "rows": lambda x: tx.prod(x.reshape(2, 2), axis=1),
    "two axes": lambda x: tx.prod(x.reshape(2, 1, 2), axis=(-1, 0)),
    "columns": lambda x: tx.cumprod(x.reshape(2, 2), axis=0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zeros", ZEROS)
def test_products_of_zeros_are_products_of_numbers(zeros, way):
    """The same products, written as `x[0] * x[1] * ...`, to the third order."""
    written = {
        "prod": lambda x: x[0] * x[1] * x[2] * x[3],
        "cumprod": lambda x: tx.stack(
            [x[0], x[0] * x[1], x[0] * x[1] * x[2], x[0] * x[1] * x[2] * x[3]]
        ),
        "reversed": lambda x: tx.stack(
            [x[0] * x[1] * x[2] * x[3], x[1] * x[2] * x[3], x[2] * x[3], x[3]]
        ),
        "rows": lambda x: tx.stack([x[0] * x[1], x[2] * x[3]]),
        "two axes": lambda x: x[0] * x[1] * x[2] * x[3],
        "columns": lambda x: tx.stack([x[0], x[1], x[0] * x[2], x[1] * x[3]]).reshape(2, 2),
    }[way]
    point, rng = np.array(ZEROS[zeros]), np.random.default_rng(0)
    seed = rng.uniform(0.5, 2, np.shape(written(point)))

    def orders(f):
        loss = lambda x: (f(x) * seed).sum()  # noqa: E731
        third = tx.hessian(lambda x: (tx.grad(loss)(x) * np.arange(1.0, 5)).sum())
        return tx.grad(loss)(point), tx.hessian(loss)(point), third(point)

    for found, right in zip(orders(WAYS[way]), orders(written), strict=True):
        np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-12, atol=1e-12)


def test_the_slope_of_a_product_is_that_of_the_others():
    equal(slope(tx.prod, [0.0, 2.0, 3.0]), [6, 0, 0])
    equal(slope(tx.prod, [0.0, 0.0, 3.0]), [0, 0, 0])
    equal(slope(tx.prod, [inf, 2.0, 3.0]), [6, inf, inf])
    equal(slope(tx.prod, [nan, 2.0, 3.0]), [6, nan, nan])
    equal(slope(tx.cumprod, [2.0, inf]), [inf, 2])
    equal(slope(lambda x: tx.prod(x, axis=()), [0.0, 2.0]), [1, 1])
    equal(slope(tx.prod, 0.0), 1)
    equal(slope(tx.cumprod, 0.0), 1)
    rows = slope(lambda x: tx.prod(x, axis=1), [[0.0, 2.0], [3.0, 4.0]])
    equal(rows, [[2, 0], [4, 3]])


def test_numpys_ufunc_multiplies_over_the_first_axis():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = np.multiply.reduce(x)
    equal(y, [3, 8])
    y.sum().backward()
    equal(x.grad, [[3, 4], [1, 2]])


def test_a_product_of_nothing_is_1():
    x = leaf(np.zeros((2, 0)))
    y = tx.prod(x, axis=1)
    equal(y, [1, 1])
    y.sum().backward()
    assert x.grad.shape == (2, 0)
    assert tx.cumprod(x, axis=1).shape == tx.cumsum(x, axis=1).shape == (2, 0)
    equal(slope(lambda x: tx.cumprod(x, axis=1), np.zeros((2, 0))), np.zeros((2, 0)))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int64])
def test_whole_numbers_stay_as_in_numpy(dtype):
    x = np.array([[1, 0, 1], [1, 1, 1]], dtype)
    for name in ("prod", "cumsum", "cumprod"):
        found, right = getattr(tx, name)(x, axis=1), getattr(np, name)(x, axis=1)
        equal(found, right)
        assert found.dtype == right.dtype
    assert tx.logcumsumexp(x).dtype == np.float64
    equal(tx.diff(x), np.diff(x))


def test_a_product_of_many_narrow_numbers_overflows_only_if_the_result_does():
    x = np.tile([256.0, 1 / 256], 50)
    for dtype in (np.float16, np.float32):
        assert tx.prod(np.sort(x).astype(dtype)).item() == 1


# --- running sums ---------------------------------------------------------------------------------


def test_what_a_sum_does_not_contain_has_no_say():
    """log 0 is after the second sum: its infinite slope does not count."""
    with np.errstate(divide="ignore"):
        equal(slope(lambda x: tx.cumsum(tx.log(x))[1], [1.0, 2.0, 0.0]), [1, 0.5, 0])
        equal(
            slope(lambda x: tx.cumsum(tx.log(x), reverse=True)[1], [0.0, 2.0, 4.0]), [0, 0.5, 0.25]
        )


def test_all_in_one_line():
    x = np.arange(1.0, 7).reshape(2, 3)
    for name in ("cumsum", "cumprod"):
        equal(getattr(tx, name)(x), getattr(np, name)(x))
    equal(tx.logcumsumexp(x).numpy()[-1:], tx.logsumexp(x).numpy().reshape(1))
    equal(slope(tx.cumsum, x), [[6, 5, 4], [3, 2, 1]])


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp"])
def test_a_single_number_stays_one(name):
    for axis in (None, 0, -1):
        y = getattr(tx, name)(leaf(3.0), axis=axis)
        assert (y.shape, y.item()) == ((), 3.0)
        equal(slope(lambda x, a=axis: getattr(tx, name)(x, axis=a), 3.0), 1.0)
    with pytest.raises(tx.ShapeError, match="axis 1"):
        getattr(tx, name)(3.0, axis=1)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_logcumsumexp_of_any_size(shift):
    x = np.array([1.0, -2.0, 0.5, 3.0])
    right = np.log(np.cumsum(np.exp(x)))
    np.testing.assert_allclose(tx.logcumsumexp(x + shift).numpy() - shift, right, atol=1e-11)
    seed = np.array([1.0, -2.0, 0.5, 3.0])
    slopes = [seed[k:] @ np.exp(x[k] - right[k:]) for k in range(4)]
    np.testing.assert_allclose(slope(tx.logcumsumexp, x + shift, seed=seed), slopes, atol=1e-11)


def test_logcumsumexp_of_masked_numbers():
    x = [-inf, -inf, -1e3, -inf, 2.0]
    equal(tx.logcumsumexp(x), [-inf, -inf, -1e3, -1e3, 2])
    equal(slope(tx.logcumsumexp, x), [0, 0, 2, 0, 1])
    assert np.isfinite(tx.hessian(lambda x: tx.logcumsumexp(x)[2:].sum())(x).numpy()).all()
    equal(slope(tx.logcumsumexp, [-inf, -inf]), [0, 0])


# --- differences and integrals --------------------------------------------------------------------


def test_differences():
    x = np.array([[1.0, 4.0, 9.0, 16.0]])
    for n in range(5):
        equal(tx.diff(x, n=n), np.diff(x, n=n))
    equal(tx.diff([True, True, False]), [False, True])
    equal(slope(lambda x: tx.diff(x, n=2, axis=0), [1.0, 5.0, 2.0]), [1, -2, 1])
    assert tx.diff(leaf(x), n=0).requires_grad
    with pytest.raises(ValueError, match="diff: n must be 0 or more, got -1"):
        tx.diff(x, n=-1)
    with pytest.raises(tx.ShapeError, match="diff: axis -1 is out of bounds"):
        tx.diff(3.0)
    with pytest.raises(tx.DtypeError, match="no operation of the table"):
        np.diff(leaf(x), prepend=0)


Y = np.array([[1.0, 2.0, 4.0], [0.5, 3.0, -1.0]])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"dx": 0.25},
        {"axis": 0},
        {"x": [0.0, 1.0, 3.0]},
        {"x": [0.0, 2.0], "axis": 0},
        {"x": Y * 2},
        {"x": Y[:1] * 2, "axis": 1},
    ],
    ids=str,
)
def test_integrals_are_numpys(how):
    np.testing.assert_allclose(tx.trapezoid(Y, **how).numpy(), np.trapezoid(Y, **how), rtol=1e-15)
    found = np.trapezoid(leaf(Y), **how)
    assert found.requires_grad
    assert tx.check.gradcheck(lambda y: tx.trapezoid(y, **how), Y, order=2)
    if "x" in how:
        places = np.array(how["x"])
        assert tx.check.gradcheck(
            lambda y, x: tx.trapezoid(y, x, axis=how.get("axis", -1)), Y, places
        )


def test_an_integral_of_a_point_is_0():
    equal(tx.trapezoid([3.0]), 0)
    equal(tx.trapezoid(np.array([200, 200], np.uint8)), 200)
    with pytest.raises(tx.ShapeError, match="trapezoid: axis 2"):
        tx.trapezoid(Y, axis=2)


# --- what they are made of ------------------------------------------------------------------------


def test_a_recurrence_by_hand():
    from tinygrad_xent.catalogue.running import linear_recurrence

    a, b = leaf([9.0, 2.0, 3.0]), leaf([1.0, 1.0, 1.0])
    y = linear_recurrence(a, b, axis=0)
    equal(y, [1, 3, 10])
    y.backward([0.0, 0.0, 1.0])
    equal(a.grad, [0, 3, 3])  # the first factor has nothing before it
    equal(b.grad, [6, 3, 1])


@pytest.mark.parametrize("f", [tx.prod, tx.cumprod], ids=["prod", "cumprod"])
def test_products_too_small_for_their_dtype(f):
    for numbers in ([1e-200, 1e-200, 1e300], [1e-155, 1e-160]):
        last = np.eye(len(numbers))[-1] if f is tx.cumprod else 1.0
        right = [np.prod(numbers[:i] + numbers[i + 1 :]) for i in range(len(numbers))]
        np.testing.assert_allclose(slope(f, numbers, seed=last), right, rtol=1e-14)
    small = np.array([1e-20, 1e-22], np.float32)  # their product has 3 digits
    np.testing.assert_allclose(slope(lambda x: f(x).sum(), small)[1], small[0], rtol=1e-6)
    y = tx.cumprod(np.float32([1e-30, 1e-30]))
    assert y.tolist()[1] == 0
    found = slope(tx.cumprod, np.float32([1e-30, 1e-30]), seed=np.float32([0, 1]))
    np.testing.assert_array_equal(found, np.float32([1e-30, 1e-30]))


def test_settings_that_are_no_whole_numbers():
    for f in (tx.diff, tx.trapezoid):
        for axis in (None, (0,), 0.0):
            with pytest.raises(tx.DtypeError, match=f"{f.__name__}: axis must be an integer"):
                f([1.0, 2.0], axis=axis)
    for n in (1.5, None):
        with pytest.raises(tx.DtypeError, match="diff: n must be an integer, got"):
            tx.diff([1.0, 2.0], n)


def test_places_of_small_integers_do_not_wrap_around():
    equal(tx.trapezoid([1.0, 3.0], x=np.array([200, 100], np.uint8)), -200)
