"""Arrays in parts and of blocks, and what is refused."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf

X = np.arange(24.0).reshape(4, 3, 2)

# --- parts ----------------------------------------------------------------------------------------

CUTS = {
    "equal": (tx.split, np.split, (2,), {}),
    "equal along the last axis": (tx.split, np.split, (2,), {"axis": -1}),
    "between places": (tx.split, np.split, ([1, 3],), {}),
    "between places in an array": (tx.split, np.split, (np.array([1, 2]),), {"axis": 1}),
    "places past the end, and back": (tx.split, np.split, ([3, 1, 9],), {}),
    "no places": (tx.split, np.split, ([],), {}),
    "of any length": (tx.array_split, np.array_split, (3,), {}),
    "more than there are": (tx.array_split, np.array_split, (5,), {"axis": 1}),
    "rows": (tx.vsplit, np.vsplit, (4,), {}),
    "columns": (tx.hsplit, np.hsplit, ([1],), {}),
}


@pytest.mark.parametrize("name", CUTS)
def test_parts(name):
    ours, theirs, arguments, how = CUTS[name]
    weights = [np.cos(part + 1) for part in theirs(X, *arguments, **how)]
    for function in (ours, theirs):
        x = leaf(X)
        parts = function(x, *arguments, **how)
        assert isinstance(parts, list)
        for part, right in zip(parts, theirs(X, *arguments, **how), strict=True):
            equal(part, right)
        sum((part * w).sum() for part, w in zip(parts, weights, strict=True)).backward()
        right = np.zeros(X.shape)  # NumPy's parts are views, in which the weights can be added
        for view, w in zip(theirs(right, *arguments, **how), weights, strict=True):
            view += w
        equal(x.grad.numpy(), right)


def test_a_line_has_columns_too():
    assert [part.tolist() for part in tx.hsplit([1.0, 2.0], 2)] == [[1.0], [2.0]]


def test_parts_to_second_order():
    def product(x):
        first, second = tx.split(x, 2)
        return (first * second * second).sum()

    assert tx.check.gradcheck(product, X, order=2)


def test_parts_are_in_a_scope():
    x = leaf(X)
    y = tx.split(x, 2)[0].sum()
    assert {e.scope for e in tx.trace(y) if e.op == "getitem"} == {("split",)}


# --- blocks ---------------------------------------------------------------------------------------

A, B, C = np.arange(4.0).reshape(2, 2), np.array([[5.0], [6.0]]), np.array([7.0, 8.0, 9.0])
BLOCKS = {
    "a matrix": lambda a, b, c: [[a, b], [c]],
    "a row": lambda a, b, c: [a, b],
    "alone": lambda a, b, c: a,
    "one in lists": lambda a, b, c: [[[a]]],
    "an array": lambda a, b, c: [[a, b], [-C]],
    "lines": lambda a, b, c: [[c], [c]],
    "a number between": lambda a, b, c: [c, -1.0, c],
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name):
    right = np.block(BLOCKS[name](A, B, C))
    weights = np.cos(right)
    for function in (tx.block, np.block):
        a, b, c = map(leaf, (A, B, C))
        y = function(BLOCKS[name](a, b, c))
        equal(y, right)
        (y * weights).sum().backward()
        for x in (a, b, c):
            if x.grad is not None:
                uses = np.array([np.sum(right == number) for number in x.numpy().flat])
                equal(x.grad.numpy(), np.cos(x.numpy()) * uses.reshape(x.shape))


def test_blocks_to_second_order():
    def function(a, b, c):
        y = tx.block([[a, b], [c]])
        return (y**3).sum()

    assert tx.check.gradcheck(function, A, B, C, order=2)


# --- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "unequal parts": (tx.ShapeError, lambda x: tx.split(x, 3), "axis 0 of length 4 has no 3 equal"),
    "no parts": (tx.ShapeError, lambda x: tx.array_split(x, 0), "no 0 equal parts"),
    "half a part": (tx.DtypeError, lambda x: tx.split(x, 2.0), "takes a number of parts"),
    "no such axis": (tx.ShapeError, lambda x: tx.split(x, 2, axis=3), "axis 3 is out of bounds"),
    "rows of a line": (tx.ShapeError, lambda x: tx.vsplit(x[0, 0], 2), "at least 2 axes"),
    "no sequence": (tx.DtypeError, lambda x: tx.hstack(x), "hstack: takes a sequence of arrays"),
    "depths that differ": (tx.ShapeError, lambda x: tx.block([x, [x]]), "to different depths"),
    "an empty list": (tx.ShapeError, lambda x: tx.block([[], [x]]), "one is empty"),
    "a tuple": (tx.DtypeError, lambda x: tx.block((x, x)), "got a tuple"),
    "shapes that differ": (tx.ShapeError, lambda x: tx.vstack([x, x[:, :1]]), "concatenate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    error, call, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(leaf(X, "x"))


@pytest.mark.parametrize("cut", [lambda x: tx.split(x, 50), list], ids=["split", "iterated"])
def test_many_parts_are_cut_from_halves(cut):
    x = leaf(np.arange(100.0).reshape(50, 2))
    parts = cut(x)
    assert len(parts) == 50
    equal(tx.concatenate([part.reshape(-1) for part in parts]), np.arange(100.0))
    sum((part * i).sum() for i, part in enumerate(parts)).backward()
    equal(x.grad, np.repeat(np.arange(50.0), 2).reshape(50, 2))
    ways = [e for e in tx.trace(sum(p.sum() for p in parts)).entries if e.op == "getitem"]
    whole = [e for e in ways if e.inputs == (0,)]
    assert len(whole) == 2  # the others are cut from less, so their gradients are shorter


def test_bounds_that_do_not_rise_are_numpys():
    x = np.arange(40.0)
    for bounds in ([30, 10], [-5, 7], [*range(0, 40, 2), 50]):
        for ours, theirs in zip(tx.split(tx.Tensor(x), bounds), np.split(x, bounds), strict=True):
            equal(ours, theirs)


def test_depths_are_split_as_by_numpy():
    x = np.arange(12.0).reshape(1, 2, 6)
    for how in (3, [1, 4]):
        for ours, theirs in zip(tx.dsplit(x, how), np.dsplit(x, how), strict=True):
            equal(ours, theirs)
    assert [type(part) for part in np.dsplit(leaf(x), 2)] == [tx.Tensor] * 2
    with pytest.raises(tx.ShapeError, match="dsplit: needs at least 3 axes"):
        tx.dsplit(x[0], 2)
