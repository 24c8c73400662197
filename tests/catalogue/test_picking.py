"""Choices among several arrays, grids, and what is refused."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent.engine.errors import BadValueError

X = np.arange(12.0).reshape(3, 4)

# --- select ---------------------------------------------------------------------------------------


def test_the_first_choice_whose_condition_holds():
    a, b, c = leaf([1.0, 2.0, 3.0, 4.0]), leaf(5.0), leaf([6.0, 7.0, 8.0, 9.0])
    conditions = [np.array([True, False, True, False]), np.array([True, True, False, False])]
    for function in (tx.select, np.select):
        y = function(conditions, [a, b], c)
        equal(y, [1, 5, 3, 9])
        for x in (a, b, c):
            x.zero_grad()
        (y * np.array([1.0, 10.0, 100.0, 1000.0])).sum().backward()
        equal(a.grad.numpy(), [1, 0, 100, 0])
        equal(b.grad.numpy(), 10)
        equal(c.grad.numpy(), [0, 0, 0, 1000])


def test_what_is_not_chosen_has_no_say():
    x = leaf([0.0, 4.0])
    with np.errstate(divide="ignore"):
        tx.select([x > 0], [tx.log(x)], -1.0).sum().backward()
    equal(x.grad.numpy(), [0, 0.25])


def test_choices_take_numpys_dtype():
    for choices, default in (([np.float32([1, 2])], 0), ([[1, 2]], 0), ([[1, 2]], 0.5)):
        ours = tx.select([[True, False]], choices, default)
        right = np.select([np.array([True, False])], list(map(np.asarray, choices)), default)
        equal(ours, right)
        assert ours.dtype == right.dtype


def test_choices_to_second_order():
    def function(x, y):
        return tx.select([x > 1, x > 0], [x * y, y * y], x * x)

    assert tx.check.gradcheck(function, [0.5, 1.5, -2.0], [0.7, 0.8, 0.9], order=2)


# --- grids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_grids(count, indexing, sparse):
    data = [np.arange(n) + 0.5 for n in (2, 3, 4)[:count]]
    theirs = np.meshgrid(*data, indexing=indexing, sparse=sparse)
    for function in (tx.meshgrid, np.meshgrid):
        lines = [leaf(x) for x in data]
        grids = function(*lines, indexing=indexing, sparse=sparse)
        assert isinstance(grids, tuple)
        for grid, right, line in zip(grids, theirs, lines, strict=True):
            equal(grid, right)
            (grid * np.cos(right)).sum().backward()
            repeated = right.size / max(line.size, 1)
            np.testing.assert_allclose(line.grad.numpy(), np.cos(line.numpy()) * repeated)


def test_arrays_stretched_to_one_shape():
    a, b = leaf([[1.0], [2.0]]), leaf([3.0, 4.0, 5.0])
    for function in (tx.broadcast_arrays, np.broadcast_arrays):
        found = function(a, b, 6.0)
        for ours, right in zip(found, np.broadcast_arrays(a.numpy(), b.numpy(), 6.0), strict=True):
            equal(ours, right)
    (found[0] * found[1]).sum().backward()
    equal(a.grad.numpy(), [[12], [12]])
    equal(b.grad.numpy(), [3, 3, 3])
    assert tx.broadcast_arrays() == ()


# --- places ---------------------------------------------------------------------------------------


def test_an_empty_list_takes_nothing():
    assert tx.take(leaf(X), [], axis=1).shape == (3, 0)


def test_a_condition_may_be_shorter_than_the_axis():
    x = leaf(X)
    equal(tx.compress([False, True], x, axis=1), X[:, 1:2])
    equal(np.compress(np.array([False, True]), x), [1])


def test_a_diagonal_beyond_the_matrix_is_empty():
    for offset in (4, 9, -3):
        assert tx.diagonal(X, offset).shape == np.diagonal(X, offset).shape == (0,)
    equal(tx.diag(np.zeros(0)), np.zeros((0, 0)))
    equal(tx.diag(np.zeros(0), 2), np.zeros((2, 2)))


REFUSED = {
    "half an index": (tx.DtypeError, lambda x: tx.take(x, 0.5), "integers"),
    "a mask as indices": (tx.DtypeError, lambda x: tx.take(x, [True]), "integers"),
    "an index past the end": (tx.OutOfRangeError, lambda x: tx.take(x, 3, axis=0), "out of bounds"),
    "another mode": (tx.DtypeError, lambda x: np.take(x, 5, mode="clip"), "would be lost"),
    "no such axis": (tx.ShapeError, lambda x: tx.take(x, 0, axis=2), "axis 2 is out of bounds"),
    "numbers as a condition": (tx.DtypeError, lambda x: tx.compress([1, 0], x), "boolean"),
    "a matrix of conditions": (tx.ShapeError, lambda x: tx.compress(X > 0, x), "one axis"),
    "a condition too long": (tx.OutOfRangeError, lambda x: tx.compress([True] * 4, x, 0), "bounds"),
    "another size": (tx.OutOfRangeError, lambda x: tx.extract([True], x), "boolean index"),
    "a choice too few": (tx.ShapeError, lambda x: tx.select([x > 0, x > 1], [x]), "2 conditions"),
    "no choice": (tx.ShapeError, lambda x: tx.select([], []), "0 conditions and 0 choices"),
    "floats for conditions": (tx.DtypeError, lambda x: tx.select([x], [x]), "boolean"),
    "the diagonal of a line": (tx.ShapeError, lambda x: tx.diagonal(x[0]), "at least 2 axes"),
    "one axis twice": (tx.ShapeError, lambda x: tx.diagonal(x, 0, 1, -1), "are the same"),
    "a stack": (tx.ShapeError, lambda x: tx.diag(x[None]), "takes a line or a matrix"),
    "a single number": (tx.ShapeError, lambda x: tx.diag(3.0), "takes a line or a matrix"),
    "the triangle of a line": (tx.ShapeError, lambda x: tx.tril(x[0]), "at least 2 axes"),
    "an offset on the tape": (tx.DtypeError, lambda x: tx.triu(X, x[0, 0]), "requires grad"),
    "shapes that do not fit": (
        tx.ShapeError,
        lambda x: tx.broadcast_arrays(x, x[:2]),
        "do not broadcast",
    ),
    "an order of axes": (BadValueError, lambda x: tx.meshgrid(x, indexing="yx"), "'xy' or 'ij'"),
    "grids of the same memory": (
        tx.DtypeError,
        lambda x: np.meshgrid(x, copy=False),
        "would be lost",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    error, call, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(leaf(X, "x"))


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
@pytest.mark.parametrize("name", ["tril", "triu"])
def test_a_triangle_keeps_the_dtype(name, dtype):
    x = np.ones((3, 3), dtype)
    found, expected = getattr(np, name)(tx.Tensor(x)), getattr(np, name)(x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["diagonal", "matrix_trace", "diag", "tril", "triu"])
def test_diagonals_are_counted_by_whole_numbers(name):
    for k in (None, "x", 0.5):
        with pytest.raises(tx.DtypeError, match="must be an integer, got"):
            getattr(tx, name)(np.ones((2, 2)), k)
