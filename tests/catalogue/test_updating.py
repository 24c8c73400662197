"""`x.at[index].set(values)` and its relatives: NumPy's numbers, and gradients for x and for the values."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent.engine.errors import BadValueError

X = np.arange(12.0).reshape(3, 4)
RNG = np.random.default_rng(0)

ONCE = {
    "a row": 1,
    "a negative row": -1,
    "a number": (1, 2),
    "a slice": slice(0, 3, 2),
    "the last axis": (..., -1),
    "backwards": (slice(None), slice(None, None, -1)),
    "a mask": X > 5,
    "rows by mask": np.array([True, False, True]),
    "nothing": slice(0, 0),
    "everything": ...,
    "a new axis": (None, 1),
    "rows by list": [2, 0],
    "places": ([0, 2], [1, 3]),
    "rows by tensor": tx.Tensor([2, 0]),
}
TWICE = {
    "a row twice": [0, 0],
    "by either end": [2, -1, 0],
    "places": ([0, 1, 0], [1, 3, 1]),
    "columns": (slice(None), [3, 3, 0, -1]),
}


def raw(index):
    return index.numpy() if isinstance(index, tx.Tensor) else index


def values_for(index):
    return RNG.uniform(-20, 20, X[raw(index)].shape)


def gradients(call, *data):
    """The value, and the gradients for weights that differ everywhere."""
    leaves = [leaf(x) for x in data]
    y = call(*leaves)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    return y, np.cos(np.arange(y.size)).reshape(y.shape), *(x.grad.numpy() for x in leaves)


@pytest.mark.parametrize("name", ONCE)
def test_set(name):
    index, right = ONCE[name], X.copy()
    v = values_for(index)
    right[raw(index)] = v
    y, g, gx, gv = gradients(lambda x, v: x.at[index].set(v), X, v)
    equal(y, right)
    equal(gv, g[raw(index)])
    g = g.copy()
    g[raw(index)] = 0
    equal(gx, g)


@pytest.mark.parametrize("name", TWICE)
def test_set_of_a_place_named_twice_keeps_the_last_value(name):
    index, right, last = TWICE[name], X.copy(), np.full(X.shape, -1)
    v = values_for(index)
    right[index] = v
    last[index] = np.arange(v.size).reshape(v.shape)
    y, g, gx, gv = gradients(lambda x, v: x.at[index].set(v), X, v)
    equal(y, right)
    equal(gx, np.where(last < 0, g, 0))
    expected = np.zeros(v.size)
    expected[last[last >= 0]] = g[last >= 0]
    equal(gv.ravel(), expected)


@pytest.mark.parametrize("index", [*ONCE.values(), *TWICE.values()], ids=[*ONCE, *TWICE])
def test_add(index):
    right, v = X.copy(), values_for(index)
    np.add.at(right, raw(index), v)
    y, g, gx, gv = gradients(lambda x, v: x.at[index].add(v), X, v)
    np.testing.assert_allclose(y.numpy(), right)
    equal(gx, g)
    equal(gv, g[raw(index)])


COMBINED = {"multiply": np.multiply, "max": np.maximum, "min": np.minimum}


@pytest.mark.parametrize("index", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize("name", COMBINED)
def test_the_others(name, index):
    right, v = X.copy(), values_for(index)
    right[raw(index)] = COMBINED[name](X[raw(index)], v)
    equal(gradients(lambda x, v: getattr(x.at[index], name)(v), X, v)[0], right)


@pytest.mark.parametrize("name", COMBINED)
def test_the_others_refuse_a_place_named_twice(name):
    for index in TWICE.values():
        with pytest.raises(BadValueError, match=f"{name} of a place that is named twice"):
            getattr(leaf(X).at[index], name)(1.0)


SECOND = [(name, i) for name in ("set", "add", *COMBINED) for i in ("a slice", "places", "a mask")]
SECOND = [(name, ONCE[i]) for name, i in SECOND]
SECOND += [(name, TWICE["columns"]) for name in ("set", "add")]


@pytest.mark.parametrize(("name", "index"), SECOND)
def test_both_get_their_gradients_to_second_order(name, index):
    def function(x, v):
        return tx.sigmoid(getattr((x * x).at[index], name)(v * v))

    data = np.linspace(-1, 1.3, 12).reshape(3, 4)
    v = RNG.uniform(0.3, 1, data[index].shape)
    assert tx.check.gradcheck(function, data, v, order=2)


def test_values_broadcast_and_a_number_will_do():
    v = leaf([1.0, 2.0, 3.0, 4.0])
    y = leaf(X).at[:2].set(v)
    equal(y, [[1, 2, 3, 4], [1, 2, 3, 4], [8, 9, 10, 11]])
    y.sum().backward()
    equal(v.grad.numpy(), [2, 2, 2, 2])
    equal(tx.Tensor(X).at[0, 0].set(7).numpy()[0], [7, 1, 2, 3])


def test_what_was_overwritten_has_no_say():
    x = leaf([0.0, 4.0])
    with np.errstate(divide="ignore"):
        tx.log(x).at[0].set(0.0).sum().backward()
    equal(x.grad.numpy(), [0, 0.25])
    v = leaf([0.0, 4.0])
    with np.errstate(divide="ignore"):
        leaf([1.0]).at[[0, 0]].set(tx.log(v)).sum().backward()
    equal(v.grad.numpy(), [0, 0.25])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, bool])
def test_the_dtype_stays(dtype):
    x = tx.Tensor(X.astype(dtype))
    assert x.at[0].set(np.ones(4, np.int8 if dtype is not bool else bool)).dtype == dtype
    if x.dtype.kind == "f":
        v = leaf(np.ones(4))
        y = x.at[0].add(v)
        assert y.dtype == dtype
        y.sum().backward()
        assert v.grad.dtype == np.float64


REFUSED = {
    "floats in integers": (tx.DtypeError, lambda x: tx.Tensor([1, 2]).at[0].set(0.5), "float64 in"),
    "no such place": (tx.OutOfRangeError, lambda x: x.at[3], "out of bounds"),
    "half a place": (tx.DtypeError, lambda x: x.at[0.5], "at: an index must be integers"),
    "a shape that does not fit": (tx.ShapeError, lambda x: x.at[0].set([1.0, 2.0]), "broadcast"),
    "text": (tx.DtypeError, lambda x: x.at[0].set("a"), "text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    error, call, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(leaf(X, "x"))


def test_an_update_is_one_scope_at_the_users_line():
    x = leaf(X)
    y = x.at[0].max(1.5).sum()
    entries = [e for e in tx.trace(y) if e.op in ("maximum", "scatter", "where", "getitem")]
    assert {e.scope for e in entries} == {("max",)}
