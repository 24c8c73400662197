"""Values combined at their places: ties, nan, places that nothing names, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slopes
from tinygrad_xent.engine.errors import BadValueError

X, PLACES, V = [1.0, 5.0, 3.0], [0, 0, 1], [4.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("how", "own", "right"),
    [
        ("sum", True, [9.0, 10.0, 3.0]),
        ("sum", False, [8.0, 5.0, 3.0]),
        ("mean", True, [3.0, 5.0, 3.0]),
        ("mean", False, [4.0, 5.0, 3.0]),
        ("amax", True, [4.0, 5.0, 3.0]),
        ("amin", True, [1.0, 5.0, 3.0]),
        ("amin", False, [4.0, 5.0, 3.0]),
    ],
)
def test_cases_known_by_hand(how, own, right):
    equal(tx.scatter_reduce(X, PLACES, V, 0, how, own), right)
    equal(tx.index_reduce(X, PLACES, V, 0, how, own), right)


def test_ties_share_the_gradient_evenly():
    f = lambda x, v: tx.scatter_reduce(x, PLACES, v, 0, "amax")  # noqa: E731
    equal(slopes(f, X, V)[0], [0.0, 0.5, 1.0])
    equal(slopes(f, X, V)[1], [0.5, 0.5, 0.5])


def test_nan_and_infinite_numbers():
    found = tx.scatter_reduce([1.0, 2.0], [0, 1], [np.nan, -np.inf], 0, "amax")
    equal(found, [np.nan, 2.0])
    equal(tx.scatter_reduce([1.0], [0], [-np.inf], 0, "amax", include_self=False), [-np.inf])


def test_dtypes_are_numpys_promotion():
    half = np.float16(X)
    assert tx.scatter_reduce(half, PLACES, np.float32(V), 0, "sum").dtype == np.float32
    assert tx.scatter_reduce(half, PLACES, np.float16(V), 0, "mean").dtype == np.float16


REFUSED = {
    "another way": (BadValueError, "got 'prod'", lambda f: f(X, PLACES, V, 0, "prod")),
    "a place past the end": (tx.OutOfRangeError, "index 7", lambda f: f(X, [0, 0, 7], V, 0, "sum")),
    "broken places": (tx.DtypeError, "integers", lambda f: f(X, [0.5, 0.0, 0.0], V, 0, "sum")),
    "too few places": (tx.ShapeError, "do not fit", lambda f: f(X, [0], V, 0, "sum")),
    "no such axis": (tx.ShapeError, "axis 3", lambda f: f(X, PLACES, V, 3, "sum")),
    "more axes": (tx.ShapeError, "do not fit", lambda f: f(X, PLACES, [V], 0, "sum")),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("function", [tx.scatter_reduce, tx.index_reduce])
def test_what_can_not_be_is_refused_in_words(function, case):
    error, words, wrong = REFUSED[case]
    with pytest.raises(error, match=words) as caught:
        wrong(function)
    assert str(caught.value).startswith(function.__name__)
