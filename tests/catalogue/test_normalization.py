"""Normalisation at its edges: lines of equal numbers, zeros, small and large numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf

RNG = np.random.default_rng(0)


def test_equal_numbers_become_the_bias():
    x = leaf(np.full((2, 3), 7.0))
    equal(tx.layer_norm(x, bias=[1.0, 2.0, 3.0]), [[1.0, 2.0, 3.0]] * 2)
    equal(tx.batch_norm(x), np.zeros((2, 3)))
    equal(tx.group_norm(x, 3), np.zeros((2, 3)))


def test_each_has_mean_0_and_variance_1_along_its_axes():
    x = RNG.normal(3, 5, (6, 4, 5))
    along = {
        (1, 2): tx.layer_norm(x, axis=(1, 2), eps=0),
        (0,): tx.layer_norm(x, axis=0, eps=0),
        (0, 2): tx.batch_norm(x, eps=0),
    }
    for axes, y in along.items():
        np.testing.assert_allclose(y.numpy().mean(axes), 0, atol=1e-12)
        np.testing.assert_allclose(y.numpy().var(axes), 1)
    grouped = tx.group_norm(x, 2, eps=0).numpy().reshape(6, 2, -1)
    np.testing.assert_allclose(grouped.var(-1), 1)
    np.testing.assert_allclose((tx.rms_norm(x, axis=(0, 1), eps=0).numpy() ** 2).mean((0, 1)), 1)


def test_a_vector_of_zeros():
    x = leaf([[0.0, 0.0], [3.0, 4.0]])
    y = tx.normalize(x, eps=0.5)
    equal(y, [[0.0, 0.0], [0.6, 0.8]])
    y.backward(np.array([[1.0, 2.0], [0.0, 0.0]]))
    equal(x.grad, [[2.0, 4.0], [0.0, 0.0]])
    assert tx.cosine_similarity([0.0, 0.0], [1.0, 2.0]).item() == 0


def test_float16_is_computed_in_float32():
    big = np.full(100, 1000, np.float16)  # its squares and their sum overflow
    for y in (tx.rms_norm(big), tx.normalize(big) * 10, tx.layer_norm(big) + 1):
        assert y.dtype == np.float16
        np.testing.assert_allclose(y.numpy(), np.ones(100), rtol=1e-3)
    np.testing.assert_allclose(tx.cosine_similarity(big, -big).item(), -1, rtol=2e-3)


@pytest.mark.parametrize("function", [tx.layer_norm, tx.rms_norm, tx.normalize])
@pytest.mark.parametrize("make", [np.float64, np.array, tx.Tensor])
def test_an_eps_of_numpy_widens_nothing(function, make):
    x = np.ones((2, 3), np.float32)
    assert function(x, eps=make(1e-5)).dtype == np.float32


X = np.ones((2, 4, 3))
REFUSED = {
    "no channels": ("takes (N, C, ...)", lambda: tx.batch_norm([1.0, 2.0])),
    "a weight for another number": ("the weight has the shape (3,)", lambda: tx.batch_norm(X, X[0, 0])),
    "half of the statistics": ("needs both", lambda: tx.batch_norm(X, running_mean=np.ones(4))),
    "groups that do not divide": ("3 groups do not divide 4", lambda: tx.group_norm(X, 3)),
    "no groups": ("0 groups do not", lambda: tx.group_norm(X, 0)),
    "half a group": ("1.5 groups do not", lambda: tx.group_norm(X, 1.5)),
    "no axis": ("axes run from", lambda: tx.layer_norm(X, axis=3)),
    "other vectors": ("do not broadcast", lambda: tx.cosine_similarity(X, np.ones(2))),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_words(case):
    words, wrong = REFUSED[case]
    with pytest.raises(tx.ShapeError) as caught:
        wrong()
    assert words in str(caught.value)
    assert "fix: " in str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
def test_small_integers_do_not_wrap_around(dtype):
    x = np.array([[120, 100], [90, 1]], dtype) * (1 if dtype != np.int32 else dtype(1000))
    for f in (
        tx.rms_norm,
        tx.layer_norm,
        tx.normalize,
        tx.batch_norm,
        lambda x: tx.cosine_similarity(x, x[::-1]),
    ):
        np.testing.assert_array_equal(f(x).numpy(), f(x.astype(float)).numpy())


def test_running_statistics_of_small_integers_do_not_wrap_around():
    x, average = np.array([[200, 100], [3, 250]], np.uint8), np.array([210, 120], np.uint8)
    found = tx.batch_norm(x, running_mean=average, running_var=average)
    wide = tx.batch_norm(
        x.astype(float), running_mean=average.astype(float), running_var=average * 1.0
    )
    np.testing.assert_array_equal(found.numpy(), wide.numpy())
