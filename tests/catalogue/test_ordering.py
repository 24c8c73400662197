"""Sorting at ties, nan and edges; functions that give several arrays; what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slope

inf, nan = np.inf, np.nan
X = np.array([[3.0, 1.0, 2.0, 1.5], [0.5, -3.0, 7.0, 5.0]])


# --- sort and argsort -----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1, -2, None])
def test_sorted_numbers_are_numpys(axis):
    for function in (tx.sort, np.sort):
        y = function(leaf(X), axis=axis)
        equal(y.numpy(), np.sort(X, axis))
        assert y.requires_grad
    equal(tx.argsort(X, axis=axis), np.argsort(X, axis))
    equal(tx.sort(X, axis=axis, descending=True), -np.sort(-X, axis))
    assert tx.check.gradcheck(lambda x: tx.sort(x, axis=axis, descending=True), X, order=2)


def test_equal_numbers_keep_their_order():
    x = np.repeat([2.0, 1.0, 2.0], 40)
    equal(tx.argsort(x), [*range(40, 80), *range(40), *range(80, 120)])
    equal(tx.argsort(x, descending=True), [*range(40), *range(80, 120), *range(40, 80)])
    equal(slope(tx.sort, [2.0, 1.0, 2.0], seed=[1.0, 10.0, 100.0]), [10, 1, 100])
    equal(
        slope(lambda x: tx.sort(x, descending=True), [2.0, 1.0, 2.0], seed=[1.0, 10.0, 100.0]),
        [1, 100, 10],
    )


def test_nan_is_larger_than_all_numbers():
    x = [2.0, nan, inf, -inf]
    equal(tx.sort(x), [-inf, 2, inf, nan])
    equal(tx.sort(x, descending=True), [nan, inf, 2, -inf])
    equal(slope(tx.sort, x, seed=[1.0, 2.0, 3.0, 4.0]), [2, 4, 3, 1])
    equal(tx.topk(x, 1)[0], [nan])
    equal(tx.topk(x, 1, largest=False)[0], [-inf])


def test_what_is_sorted_out_has_no_say():
    with np.errstate(divide="ignore"):
        equal(slope(lambda x: tx.sort(tx.log(x))[1:], [2.0, 0.0, 4.0]), [0.5, 0, 0.25])
        equal(slope(lambda x: tx.topk(tx.log(x), 2)[0], [2.0, 0.0, 4.0]), [0.5, 0, 0.25])
        equal(slope(lambda x: tx.unique(tx.log(x))[1:], [2.0, 0.0, 4.0]), [0.5, 0, 0.25])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8, np.bool_])
def test_the_dtype_stays(dtype):
    x = X.astype(np.uint8).astype(dtype)
    for found in (tx.sort(x), tx.sort(x, descending=True), tx.topk(x, 2)[0], tx.unique(x)):
        assert found.dtype == dtype
    equal(tx.sort(x), np.sort(x))


def test_a_single_number_and_nothing():
    for axis in (None, 0, -1):
        y = tx.sort(leaf(3.0), axis=axis)
        assert (y.shape, y.item(), y.requires_grad) == ((), 3.0, True)
        assert tx.argsort(3.0, axis=axis).tolist() == 0
    assert isinstance(tx.sort(3.0), tx.Tensor)
    assert tx.sort(np.zeros((0, 2)), axis=0).shape == tx.argsort(np.zeros((0, 2))).shape == (0, 2)
    for f in (tx.sort, tx.argsort):
        with pytest.raises(tx.ShapeError, match=f"{f.__name__}: axis 2 is out of bounds"):
            f(X, axis=2)
    with pytest.raises(tx.DtypeError, match="sort: takes numbers, got a list"):
        tx.sort(["a", "b"])
    with pytest.raises(tx.DtypeError, match="no operation of the table"):
        np.sort(leaf(X), kind="stable")


# --- topk -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_the_first_k_of_a_sorted_line(k, axis, largest):
    values, places = tx.topk(leaf(X), k, axis=axis, largest=largest)
    right = np.take(tx.sort(X, axis=axis, descending=largest).numpy(), range(k), axis)
    equal(values.numpy(), right)
    equal(np.take_along_axis(X, places.numpy(), axis), right)
    assert (values.requires_grad, places.requires_grad) == (True, False)
    assert tx.check.gradcheck(lambda x: tx.topk(x, k, axis, largest)[0], X, order=2) or k == 0


def test_topk_by_hand():
    x = leaf([1.0, 5.0, 5.0, 3.0])
    values, places = x.topk(np.int64(2))
    equal(places, [1, 2])
    (values * np.array([1.0, 10.0])).sum().backward()
    equal(x.grad, [0, 1, 10, 0])
    for k in (-1, 5):
        with pytest.raises(ValueError, match=f"topk: k must be from 0 to 4, got {k}"):
            x.topk(k)
    with pytest.raises(tx.ShapeError, match="topk: axis 1"):
        x.topk(1, axis=1)
    with pytest.raises(tx.ShapeError, match=r"single number(.|\n)*expand_dims"):
        tx.topk(3.0, 1)


# --- unique ---------------------------------------------------------------------------------------

FLAGS = [(False, False, False), (True, False, False), (False, True, True), (True, True, True)]


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_different_numbers_are_numpys(flags, axis):
    x = np.array([[2.0, 1.0, 2.0], [nan, 1.0, nan], [2.0, 1.0, 2.0]])
    for function in (tx.unique, np.unique):
        found, right = function(leaf(x), *flags, axis=axis), np.unique(x, *flags, axis=axis)
        if not any(flags):
            found, right = (found,), (right,)
        assert len(found) == len(right)
        for a, b in zip(found, right, strict=True):
            equal(a.numpy(), b)
        assert [t.requires_grad for t in found] == [True] + [False] * sum(flags)


def test_the_first_of_equal_numbers_gets_the_gradient():
    x = leaf([2.0, 1.0, 2.0, 3.0])
    y = tx.unique(x)
    equal(y, [1, 2, 3])
    y.backward([1.0, 10.0, 100.0])
    equal(x.grad, [10, 1, 0, 100])
    rows = slope(lambda x: tx.unique(x, axis=0), [[1.0, 2.0], [1.0, 2.0]], seed=[[3.0, 4.0]])
    equal(rows, [[3, 4], [0, 0]])
    equal(tx.unique(3.0), [3])
    with pytest.raises(tx.ShapeError, match="unique: axis 2"):
        tx.unique(X, axis=2)


# --- places ---------------------------------------------------------------------------------------


def test_places_and_counts():
    t = leaf(X)
    equal(np.argmin(t, axis=1), [1, 1])
    equal(t.argmin(), 5)
    equal(tx.argmin([[1.0, nan, 0.0], [2.0, 1.0, 1.0]], axis=1), [1, 1])
    equal(np.count_nonzero(t, axis=0), [2, 2, 2, 2])
    equal(tx.count_nonzero([0.0, nan, -0.0, inf]), 2)
    equal(tx.count_nonzero(np.zeros((2, 0)), axis=1), [0, 0])
    for y in (t.argmin(), t.argsort(), t.count_nonzero(), tx.searchsorted([0.0, 1.0], t)):
        assert not y.requires_grad
    with pytest.raises(tx.ShapeError, match="argmin"):
        tx.argmin([])


@pytest.mark.parametrize("side", ["left", "right"])
def test_places_in_a_sorted_line(side):
    a, v = [1.0, 2.0, 2.0, 4.0], [[0.0, 2.0], [nan, 4.0]]
    right = np.searchsorted(a, v, side)
    for found in (tx.searchsorted(a, v, side), np.searchsorted(leaf(a), leaf(v), side=side)):
        equal(found, right)
    assert tx.searchsorted(a, 3.0, side=side).tolist() == 3
    with pytest.raises(tx.ShapeError, match=r"must have one axis, its shape is \(2, 4\)"):
        tx.searchsorted(X, 1.0)
    with pytest.raises(ValueError, match="side must be 'left' or 'right', got 'middle'"):
        tx.searchsorted(a, 1.0, side="middle")


def test_settings_that_are_no_whole_numbers():
    for f in (tx.sort, tx.unique, tx.median):
        for axis in ("x", 1.5):
            with pytest.raises(tx.DtypeError, match=f.__name__):
                f([[1.0, 2.0]], axis=axis)
    for k in (2.0, None, "2"):
        with pytest.raises(tx.DtypeError, match="topk: k must be an integer, got"):
            tx.topk([1.0, 2.0, 3.0], k)
    with pytest.raises(tx.DtypeError, match="topk: axis must be an integer, got None"):
        tx.topk([1.0, 2.0], 1, axis=None)


@pytest.mark.parametrize("kth", [0, 3, -1, (1, 4)])
def test_a_partition_has_its_places_right(kth):
    x = np.random.default_rng(0).permutation(9) + 0.5
    found = tx.partition(x, kth).numpy()
    equal(found[list(np.atleast_1d(kth))], np.sort(x)[list(np.atleast_1d(kth))])
    equal(np.sort(found), np.sort(x))
    first = np.atleast_1d(kth)[0] % 9
    assert (found[:first] <= found[first]).all()
    assert (found[first:] >= found[first]).all()
    equal(tx.partition(x.reshape(3, 3), kth, axis=None), np.partition(x, kth))


def test_a_partition_at_no_place_is_refused():
    with pytest.raises(tx.OutOfRangeError, match="partition: kth=7 is no place along axis -1"):
        tx.partition([1.0, 2.0], 7)
    with pytest.raises(tx.DtypeError, match="partition"):
        tx.partition([1.0, 2.0], 0.5)
