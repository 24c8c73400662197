"""Arrays repeated, moved round and padded: constants of every form, and what is refused."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent.engine.errors import BadValueError

A, X = np.arange(4.0).reshape(2, 2), np.arange(24.0).reshape(4, 3, 2)


@pytest.mark.parametrize("values", [0, 1.5, (1, 2), ((1, 2), (3, 4), (5, 6)), np.nan, [np.inf, 0]])
@pytest.mark.parametrize("width", [1, (1, 2), ((0, 1), (2, 0), (1, 1)), [[1], [2], [0]]])
def test_constants_of_every_form(width, values):
    x = leaf(X)
    for y in (tx.pad(x, width, constant_values=values), np.pad(x, width, constant_values=values)):
        equal(y, np.pad(X, width, constant_values=values))
        x.zero_grad()
        y.backward(np.ones(y.shape))
        equal(x.grad.numpy(), np.ones(X.shape))


def test_integers_are_padded_as_in_numpy():
    found = tx.pad([1, 2], 1, constant_values=9)
    equal(found, [9, 1, 2, 9])
    assert found.dtype == np.int64


def test_an_unsigned_shift_goes_back_too():
    x = leaf(np.arange(5.0))
    y = tx.roll(x, np.array([1, 1], np.uint8), (0, 0))
    y.backward([1.0, 10.0, 100.0, 1e3, 1e4])
    equal(x.grad.numpy(), [100, 1e3, 1e4, 1, 10])


# --- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "negative counts": (BadValueError, lambda x: tx.tile(x, (2, -1)), "integers from 0"),
    "half a count": (BadValueError, lambda x: tx.tile(x, 1.5), "integers from 0"),
    "negative repeats": (tx.ShapeError, lambda x: tx.repeat(x, -1), "negative"),
    "half a repeat": (tx.DtypeError, lambda x: tx.repeat(x, 1.5), "repeat"),
    "too many repeats": (tx.ShapeError, lambda x: tx.repeat(x, [1, 2], axis=1), "repeat"),
    "a setting on the tape": (tx.DtypeError, lambda x: tx.repeat(A, x[0, 0]), "requires grad"),
    "a shift on the tape": (tx.DtypeError, lambda x: np.roll(A, x[0, 0, 1]), "requires grad"),
    "a value on the tape": (
        tx.DtypeError,
        lambda x: np.pad(x, 1, constant_values=x[0, 0, 0]),
        "requires grad",
    ),
    "another mode": (BadValueError, lambda x: np.pad(x, 1, "maximum"), "mode 'maximum'"),
    "a keyword of another mode": (
        tx.DtypeError,
        lambda x: np.pad(x, 1, "reflect", reflect_type="odd"),
        "would be lost",
    ),
    "values of another mode": (
        BadValueError,
        lambda x: tx.pad(x, 1, "edge", constant_values=1.0),
        "has no constant values",
    ),
    "a negative width": (BadValueError, lambda x: tx.pad(x, -1), "integers from 0"),
    "too many widths": (tx.ShapeError, lambda x: tx.pad(x, [(1, 1)] * 4), "3 axes have no widths"),
    "the edge of nothing": (tx.ShapeError, lambda x: tx.pad(x[:0], 1, "edge"), "empty axis"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    error, call, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(leaf(X, "x"))


@pytest.mark.parametrize("values", ["x", [1, 2, 3]], ids=str)
def test_constant_values_that_do_not_fit(values):
    with pytest.raises(ValueError, match=r"pad: constant_values=.* are not numbers for 1 axes"):
        tx.pad([1.0, 2.0], 1, constant_values=values)
