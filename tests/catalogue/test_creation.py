"""New tensors: NumPy's numbers and dtypes, leaves or on the tape, and what is refused."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent import Tensor

ALIKE = np.array([[1, 2, 3]], np.float32)
AS_NUMPY = {
    "zeros": lambda m: m.zeros((2, 3)),
    "zeros of one axis": lambda m: m.zeros(2, np.int8),
    "a single zero": lambda m: m.zeros(()),
    "ones": lambda m: m.ones((2, 0), dtype=np.float16),
    "full": lambda m: m.full((2, 3), 0.5),
    "full of an integer": lambda m: m.full(2, 7),
    "full of a row": lambda m: m.full((2, 3), [1.0, 2.0, 3.0]),
    "full in a dtype": lambda m: m.full(2, 7, np.float32),
    "zeros_like": lambda m: m.zeros_like(ALIKE),
    "ones_like": lambda m: m.ones_like(ALIKE, dtype=np.float64),
    "full_like": lambda m: m.full_like(ALIKE, 7),
    "eye": lambda m: m.eye(3),
    "eye of any form": lambda m: m.eye(2, 3, 1, np.float32),
    "arange": lambda m: m.arange(3),
    "arange of floats": lambda m: m.arange(1.0, 2.0, 0.25),
    "arange backwards": lambda m: m.arange(3, 0, -1),
    "arange in a dtype": lambda m: m.arange(3, dtype=np.float32),
    "linspace": lambda m: m.linspace(0.0, 1.0, 7),
    "linspace as it comes": lambda m: m.linspace(-1, 1),
    "linspace without the end": lambda m: m.linspace(0.0, 1.0, 4, endpoint=False),
    "linspace of rows": lambda m: m.linspace([0.0, 1.0], [2.0, 5.0], 3),
    "linspace in a dtype": lambda m: m.linspace(0.0, 1.0, 4, dtype=np.float32),
    "array": lambda m: m.array([[1, 2], [3, 4]]),
    "asarray": lambda m: m.asarray([[1, 2], [3, 4]], np.float32),
}


@pytest.mark.parametrize("name", AS_NUMPY)
def test_numpys_numbers_and_dtypes(name):
    ours, right = AS_NUMPY[name](tx), AS_NUMPY[name](np)
    equal(ours, right)
    assert (ours.dtype, ours.is_leaf, ours.requires_grad) == (right.dtype, True, False)


MADE = {
    "zeros": lambda **how: tx.zeros(2, **how),
    "ones": lambda **how: tx.ones(2, **how),
    "full": lambda **how: tx.full(2, 1.5, **how),
    "zeros_like": lambda **how: tx.zeros_like([1.0], **how),
    "ones_like": lambda **how: tx.ones_like([1.0], **how),
    "full_like": lambda **how: tx.full_like([1.0], 2, **how),
    "eye": lambda **how: tx.eye(2, **how),
    "arange": lambda **how: tx.arange(2.0, **how),
    "linspace": lambda **how: tx.linspace(0, 1, 2, **how),
    "tensor": lambda **how: tx.tensor([1.0], **how),
    "rand": lambda **how: tx.rand(2, 0, **how),
    "randn": lambda **how: tx.randn(2, 0, **how),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", MADE)
def test_leaves_with_a_gradient_that_may_be_changed(name, dtype):
    x = MADE[name](dtype=dtype, requires_grad=True)
    assert (x.dtype, x.is_leaf, x.requires_grad) == (dtype, True, True)
    before = x.numpy().copy()
    (x * 2).sum().backward()
    equal(x.grad.numpy(), np.full(x.shape, 2))
    x.data -= x.grad.numpy()
    equal(x.numpy(), before - 2)


@pytest.mark.parametrize("dtype", [complex, object, str, "no such dtype"])
@pytest.mark.parametrize("name", MADE)
def test_other_dtypes_are_refused(name, dtype):
    with pytest.raises(tx.DtypeError, match=r"dtype|complex|data type|floats"):
        MADE[name](dtype=dtype)


@pytest.mark.parametrize("name", sorted(set(MADE) - {"rand", "randn"}))
def test_integers_have_no_gradient(name):
    assert MADE[name](dtype=int).dtype == np.int64
    with pytest.raises(tx.DtypeError, match="only floating dtypes have a gradient"):
        MADE[name](dtype=int, requires_grad=True)


# --- numbers that come from tensors ---------------------------------------------------------------


def test_tensors_in_lists_keep_their_gradient():
    a, b, c = leaf(1.0), leaf([2.0, 3.0]), leaf([[4.0, 5.0], [6.0, 7.0]])
    for make in (tx.tensor, tx.array):
        y = make([[b, [a, 9.0]], c, (b, np.array([8.0, 8.5]))])
        equal(y, [[[2, 3], [1, 9]], [[4, 5], [6, 7]], [[2, 3], [8, 8.5]]])
        for x in (a, b, c):
            x.zero_grad()
        (y * np.arange(12.0).reshape(3, 2, 2)).sum().backward()
        equal(a.grad.numpy(), 2)
        equal(b.grad.numpy(), [0 + 8, 1 + 9])
        equal(c.grad.numpy(), [[4, 5], [6, 7]])


def test_tensors_in_lists_to_second_order():
    def function(a, b):
        return tx.tensor([[a, a * b], [b, 1.0]]).sum(axis=0) ** 3

    assert tx.check.gradcheck(function, 1.5, 0.5, order=2)


def test_a_tensor_on_the_tape_is_copied_there():
    x = leaf([1.0, 2.0])
    y = tx.tensor(x)
    assert y is not x
    assert not y.is_leaf
    tx.tensor(x, np.float32).sum().backward()
    assert x.grad.dtype == np.float64
    equal(x.grad.numpy(), [1, 1])


def test_tensors_without_a_gradient_are_numbers():
    t = Tensor([1.0, 2.0])
    for y in (tx.tensor(t, requires_grad=True), tx.tensor([t, t], requires_grad=True)):
        assert y.is_leaf
        assert y.requires_grad
    y = tx.tensor(t)
    t.data[0] = 9.0
    equal(y, [1, 2])


def test_asarray_leaves_a_tensor_as_it_is():
    x = leaf([1.0, 2.0])
    assert tx.asarray(x) is tx.asarray(x, np.float64) is x
    assert tx.asarray(x, np.float32).dtype == np.float32
    array = np.ones(2)
    y = tx.asarray(array)
    array[0] = 9.0
    equal(y, [1, 1])


def test_a_number_on_the_tape_fills():
    v, row = leaf(2.0), leaf([1.0, 2.0, 3.0])
    tx.full((2, 3), v).sum().backward()
    equal(v.grad.numpy(), 6)
    tx.full((2, 3), row).sum().backward()
    equal(row.grad.numpy(), [2, 2, 2])
    y = tx.full_like(np.zeros((2, 3), np.float32), v)
    assert (y.shape, y.dtype, y.requires_grad) == ((2, 3), np.float32, True)


@pytest.mark.parametrize("endpoint", [True, False])
def test_limits_on_the_tape(endpoint):
    start, stop = np.array([[0.5], [-1.0]]), np.array([2.0, 3.0, 4.0])
    for function in (tx.linspace, np.linspace):
        a, b = leaf(start), leaf(stop)
        y = function(a, b, 4, endpoint=endpoint)
        right = np.linspace(start, stop, 4, endpoint=endpoint)
        np.testing.assert_allclose(y.numpy(), right, atol=1e-15)
        y.sum().backward()
        t = np.linspace(0, 1, 4, endpoint=endpoint)
        np.testing.assert_allclose(a.grad.numpy(), np.full((2, 1), 3 * (1 - t).sum()))
        np.testing.assert_allclose(b.grad.numpy(), np.full(3, 2 * t.sum()))
    for other in (1.0, np.float32(1)):
        right = np.linspace(np.float32(0), other, 3)
        assert tx.linspace(leaf(np.float32(0)), other, 3).dtype == right.dtype
    assert tx.linspace(leaf(0.0), 1.0, 3, dtype=np.float32).dtype == np.float32


# --- random numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_random_numbers_are_those_of_the_distribution(dtype):
    u, z = (f(20_000, 0, dtype).numpy().astype(float) for f in (tx.rand, tx.randn))
    assert 0 <= u.min() < 1e-3
    assert 0.999 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01)
    assert u.var() == pytest.approx(1 / 12, abs=0.002)
    assert z.mean() == pytest.approx(0, abs=0.02)
    assert z.var() == pytest.approx(1, abs=0.03)
    assert (np.abs(z) < 1).mean() == pytest.approx(0.683, abs=0.01)


def test_a_generator_goes_on_and_a_seed_starts_again():
    rng = np.random.default_rng(5)
    first, second = tx.randn((2, 2), rng), tx.randn((2, 2), rng)
    equal(tx.randn((2, 2), 5), first.numpy())
    assert (first.numpy() != second.numpy()).all()
    equal(tx.rand(3, np.random.default_rng(5)), np.random.default_rng(5).random(3))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_single_random_number_is_a_leaf_too(dtype):
    for make in (tx.rand, tx.randn):
        x = make((), 0, dtype, requires_grad=True)
        assert (x.shape, x.dtype) == ((), dtype)
        x.data += 1
        assert x.numpy() == make((), 0, dtype).numpy() + dtype(1)


# --- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "no generator": (TypeError, lambda x: tx.rand(2), "rng"),
    "None for a generator": (tx.DtypeError, lambda x: tx.randn(2, None), "generator or a seed"),
    "an old generator": (
        tx.DtypeError,
        lambda x: tx.rand(2, np.random.RandomState(0)),
        "rng must be",
    ),
    "random integers": (tx.DtypeError, lambda x: tx.rand(2, 0, int), "are floats, not int64"),
    "a negative length": (tx.ShapeError, lambda x: tx.zeros(-1), "zeros: negative"),
    "half a length": (tx.DtypeError, lambda x: tx.ones(1.5), "ones: "),
    "too large a value": (tx.ShapeError, lambda x: tx.full(2, [1, 2, 3]), "full: "),
    "a limit on the tape": (tx.DtypeError, lambda x: tx.arange(x[0]), "requires grad"),
    "no step": (ZeroDivisionError, lambda x: tx.arange(0, 1, 0), "by zero"),
    "a negative count": (tx.ShapeError, lambda x: tx.linspace(x, 1.0, -1), "negative"),
    "its step too": (tx.DtypeError, lambda x: np.linspace(x, 1.0, retstep=True), "would be lost"),
    "text": (tx.DtypeError, lambda x: tx.tensor("a"), "text"),
    "a ragged list": (tx.ShapeError, lambda x: tx.tensor([x, [1.0]]), "stack: the shapes differ"),
    "a leaf on the tape": (
        tx.GraphError,
        lambda x: tx.tensor(x, requires_grad=True),
        "can't be a leaf",
    ),
    "a leaf of leaves": (
        tx.GraphError,
        lambda x: tx.array([x], requires_grad=True),
        "can't be a leaf",
    ),
    "a leaf of a number": (
        tx.GraphError,
        lambda x: tx.full(2, x[0], requires_grad=True),
        "can't be",
    ),
    "a leaf between": (tx.GraphError, lambda x: tx.linspace(x, 1, requires_grad=True), "can't be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    error, call, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(leaf([1.0, 2.0], "x"))


def test_numpys_functions_of_these_names_make_arrays():
    x = leaf([1.0, 2.0])
    for function in (np.zeros_like, np.ones_like, lambda x: np.full_like(x, 2.0)):
        assert type(function(x)) is np.ndarray


def test_a_dtype_that_is_none():
    with pytest.raises(tx.DtypeError, match="foo"):
        tx.asarray(tx.Tensor([1.0]), "foo")
