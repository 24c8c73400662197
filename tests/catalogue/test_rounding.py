"""Rounding, remainders and replaced infinities: ties, jumps, signs, operators."""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slopes

inf, nan = np.inf, np.nan


# --- rounding -------------------------------------------------------------------------------------


def test_rounding_is_numpys():
    x = np.array([0.5, 1.5, -2.5, 12.345, -15.0, inf, nan])
    for decimals in (0, 1, 2, -1):
        equal(tx.round(x, decimals), np.round(x, decimals))
        equal(leaf(x).round(decimals), x.round(decimals))
        equal(np.around(leaf(x), decimals=decimals), np.round(x, decimals))
    equal(tx.fix(x), np.trunc(x))
    equal(np.fix(leaf(x)), np.trunc(x))
    assert tx.round([15, 25], -1).tolist() == [20, 20]
    assert not tx.round(leaf(x)).requires_grad
    with pytest.raises(tx.DtypeError, match="round"):
        tx.round(x, 0.5)


# --- remainders -----------------------------------------------------------------------------------

A, B = np.array([7.5, -7.5, 7.5, -7.5]), np.array([2.0, 2.0, -2.0, -2.0])


@pytest.mark.parametrize("other", [2, -2.5, np.float32(2), [2.0, -2.0, 3.0, 4.0], B])
def test_the_operators_from_either_side(other):
    raw = np.asarray(other)
    equal(leaf(A) % other, A % raw)
    equal(leaf(A) // other, A // raw)
    equal(other % leaf(A), raw % A)
    equal(other // leaf(A), raw // A)
    assert (leaf(A) % other).requires_grad
    assert not (leaf(A) // other).requires_grad


def test_augmented_operators():
    t = tx.Tensor(A)
    t %= 2
    equal(t, A % 2)
    t //= 0.4
    equal(t, A % 2 // 0.4)


@pytest.mark.parametrize(
    ("line", "right"),
    [("t % 2", 1), ("7 % t", 2), ("t // 2", 2), ("7 // t", 1), ("t.__imod__(2)", 1)],
)
def test_an_operator_brings_its_function(line, right):
    """In a program that has used nothing else of the catalogue."""
    program = f"import tinygrad_xent as tx; t = tx.Tensor(5); assert ({line}).item() == {right}"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_slopes_of_remainders():
    equal(slopes(tx.mod, A, B), [[1, 1, 1, 1], [-3, 4, 4, -3]])
    equal(slopes(tx.fmod, A, B), [[1, 1, 1, 1], [-3, 3, 3, -3]])
    equal(np.remainder(leaf(A), B), np.remainder(A, B))
    equal(np.fmod(leaf(A), B), np.fmod(A, B))
    equal(slopes(tx.mod, [6.0, -6.0], [2.0, 2.0])[1], [-3, 3])


def test_a_quotient_that_rounds_up_to_an_integer():
    """0.1 is a little more than a tenth: 1 has it 9 times, though 1 / 0.1 is 10."""
    for f in (tx.mod, tx.fmod):
        assert f(1.0, 0.1).item() == pytest.approx(0.1)
        equal(slopes(f, [1.0], [0.1])[1], [-9])


def test_remainders_of_0_and_infinity():
    with np.errstate(all="ignore"):
        equal(tx.mod([1.0, 1.0, inf], [0.0, inf, 1.0]), [nan, 1, nan])
        equal(tx.fmod([1.0, 1.0, inf], [0.0, inf, 1.0]), [nan, 1, nan])
    assert tx.mod([7, -7], 3).tolist() == [1, 2]
    assert tx.fmod([7, -7], 3).tolist() == [1, -1]
    assert tx.mod([7, -7], 3).dtype == np.int64


# --- signs ----------------------------------------------------------------------------------------


def test_copysign():
    a, b = np.array([2.0, -2.0, 0.0, 2.0]), np.array([-1.0, 1.0, -1.0, -0.0])
    equal(tx.copysign(a, b), [-2, 2, 0, -2])
    assert np.signbit(tx.copysign(0.0, -1.0).numpy())
    equal(slopes(lambda x: tx.copysign(x, b), a)[0], [-1, -1, 0, -1])
    assert not tx.copysign(a, leaf(b)).requires_grad


# --- what is not finite ---------------------------------------------------------------------------

SPECIAL = [nan, inf, -inf, 1.5]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("how", [{}, {"nan": 7.0}, {"posinf": 1.0, "neginf": -1.0}], ids=str)
def test_nan_to_num_is_numpys(how, dtype):
    x = np.array(SPECIAL, dtype)
    for found in (tx.nan_to_num(x, **how), np.nan_to_num(leaf(x), **how)):
        assert found.dtype == dtype
        equal(found, np.nan_to_num(x, **how))
    equal(tx.nan_to_num([1, 2]), [1, 2])


def test_only_finite_numbers_of_nan_to_num_have_a_slope():
    equal(slopes(tx.nan_to_num, SPECIAL)[0], [0, 0, 0, 1])
    equal(slopes(lambda x: tx.nan_to_num(tx.log(x)), [0.0, 2.0])[0], [0, 0.5])
    with pytest.raises(tx.DtypeError, match="gradient would be lost"):
        tx.nan_to_num(SPECIAL, nan=leaf(1.0))
