"""Rewritten calls are equal for all numbers, not just for those that neither overflow nor vanish."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import numbers

F4 = np.float32
X4 = np.array([[1e-25, 3e-25], [0.0, 1e-25]], F4)
OPPOSITE = np.random.default_rng(0).normal(size=(500, 3)) * 1e8
SUMS = np.concatenate([OPPOSITE, -OPPOSITE, np.ones((10, 3))]).astype(F4)


def shares(x):
    return np.exp(x - np.log(np.add.reduce(np.exp(x), axis=1, keepdims=True)))


def shares_of_tensors(x):
    z = tx.Tensor(x)
    return tx.exp(z - tx.log(tx.sum(tx.exp(z), axis=1, keepdims=True)))


def softmax(x):
    return tx.exp(tx.log_softmax(x, axis=1))


def scaled_twice(x):
    return (x / x.sum(axis=1, keepdims=True)) * (1 / x.sum())


def scaled(x):
    return x / np.sum(x, axis=1, keepdims=True) * F4(1e30)


def summed_wide(x):
    return np.add.reduce(x, axis=0, dtype=np.float64, keepdims=False).astype(F4)


def averaged(x):
    return x.mean(), x.sum() / 4.0


def chosen(x):
    return 1 / np.where(x > 0, np.where(x > 0, x, 0.0), -0.0), np.where(x > 0, x, -0.0)


CASES = [
    (shares, np.array([[1000.0, 1.0, 2.0]])),
    (shares, np.array([[-1000.0, -1001.0, -1002.0]])),
    (shares, np.array([[-100.0, -101.0, -103.0]], F4)),
    (shares_of_tensors, np.array([[90.0, 1.0]], F4)),
    (softmax, np.array([[1000.0, 1.0, 2.0], [-1000.0, -1001.0, -1002.0]])),
    (scaled_twice, X4),
    (scaled_twice, np.array([[1e-200, 3e-200]])),
    (scaled, np.array([[1e-10, 3e-10]], F4)),
    (summed_wide, SUMS),
    (summed_wide, np.array([[3e38], [3e38], [-3e38], [-3e38]], F4)),
    (averaged, np.full(4, 1.5e308)),
    (chosen, np.array([-1.0, 2.0])),
]


@pytest.mark.parametrize(("f", "x"), CASES)
def test_large_and_small_numbers(f, x):
    with np.errstate(all="ignore"):
        ours, theirs = numbers(tx.compile(f, strict=True)(x)), numbers(f(x))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5 if a.dtype == F4 else 1e-12)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
