"""Axes rearranged: what is refused, several arguments at once, and NumPy's calls."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf, slope
from tinygrad_xent import ShapeError

X = np.arange(24.0).reshape(2, 3, 4)

REFUSED = {
    "no such axis": (lambda x: tx.swapaxes(x, 0, 3), "swapaxes: axis 3 is out of bounds"),
    "no such source": (lambda x: tx.moveaxis(x, -4, 0), "moveaxis: axis -4 is out of bounds"),
    "one axis twice": (lambda x: tx.flip(x, (0, -3)), "flip: repeated axis"),
    "to fewer positions": (lambda x: tx.moveaxis(x, (0, 1), 2), "2 axes can't move to 1"),
    "to one position twice": (lambda x: tx.moveaxis(x, (0, 1), (2, 2)), "moveaxis: repeated axis"),
    "a plane of three": (lambda x: tx.rot90(x, 1, (0, 1, 2)), "a plane has two axes, got 3"),
    "the end before the start": (lambda x: x.flatten(2, 1), "axis 1 stands before axis 2"),
    "no columns": (lambda x: tx.fliplr(x[0, 0]), "fliplr: needs at least 2 axes"),
    "no rows": (lambda x: tx.flipud(x[0, 0, 0]), "flipud: needs at least 1 axis"),
    "no matrix": (lambda x: tx.matrix_transpose(x[0, 0]), "needs at least 2 axes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, words = REFUSED[name]
    with pytest.raises(ShapeError, match=words):
        call(leaf(X, "x"))


@pytest.mark.parametrize("function", [tx.atleast_1d, tx.atleast_2d, tx.atleast_3d])
def test_several_arguments_give_a_tuple(function):
    theirs = getattr(np, function.__name__)
    number, matrix = leaf(2.0), leaf([[1.0, 3.0]])
    for call in (function, theirs):
        ours = call(number, [1.0, 2.0], matrix)
        for found, right in zip(ours, theirs(2.0, [1.0, 2.0], [[1.0, 3.0]]), strict=True):
            assert isinstance(found, tx.Tensor)
            equal(found, right)
        assert [found.requires_grad for found in ours] == [True, False, True]


def test_axes_may_move_in_any_order():
    for end in ((1, 0), (2, 0), (-1, 1)):
        equal(tx.moveaxis(X, (0, 1), end), np.moveaxis(X, (0, 1), end))
        equal(np.moveaxis(leaf(X), (0, 1), end), np.moveaxis(X, (0, 1), end))


def test_a_single_number_is_a_line_of_one():
    for found in (tx.flatten(3.0), leaf(3.0).flatten(-1, 0), tx.ravel(3.0)):
        assert found.shape == (1,)


def test_other_names_and_orders_of_numpy():
    x = leaf(X)
    equal(np.permute_dims(x, (2, 0, 1)), X.transpose(2, 0, 1))
    equal(tx.permute_dims(x, (2, 0, 1)), X.transpose(2, 0, 1))
    for axis in (0, -1):
        equal(slope(lambda t, axis=axis: tx.transpose(t, axis), [1.0, 2.0]), [1, 1])
    equal(np.ravel(x, "C"), X.ravel())
    with pytest.raises(tx.DtypeError, match="would be lost"):
        np.ravel(x, "F")


def test_a_view_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        tx.ravel(X).numpy()[0] = 9.0


@pytest.mark.parametrize("k", [1.5, None, "x"])
def test_rot90_turns_a_whole_number_of_times(k):
    with pytest.raises(tx.DtypeError, match="rot90: k must be an integer, got"):
        tx.rot90(np.ones((2, 2)), k)
