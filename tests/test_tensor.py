"""Tensor: its representation, its methods, and how it behaves as a Python object."""

from __future__ import annotations

import inspect
import operator

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import CASES, has_rule
from tests.strategies import each_call
from tinygrad_xent import Tensor
from tinygrad_xent.engine.table import TABLE

X = np.array([[1.0, -2.0, 3.0], [0.5, 5.0, -6.0]])
P = np.abs(X)


def leaf(data=X, name="w", dtype=None):
    return Tensor(data, requires_grad=True, dtype=dtype, name=name)


# --- making one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float64),
        (2, np.int64),
        (True, np.bool_),
        ([1, 2], np.int64),
        ([1, 2.5], np.float64),
        ([], np.float64),
        (np.float32(3), np.float32),
        (np.ones(2, np.float16), np.float16),
        (range(3), np.int64),
        (((1, 2), (3, 4)), np.int64),
        (np.ones((2, 0)), np.float64),
    ],
)
def test_data_of_every_kind(data, dtype):
    t = Tensor(data)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.numpy(), data)
    assert t.is_leaf
    assert not t.requires_grad
    assert t.name is None
    assert t.grad is None


def test_dtype_and_copy():
    a = np.ones(2)
    t = Tensor(a, dtype=np.float32)
    assert t.dtype == np.float32
    assert Tensor([1, 2], dtype="float64", requires_grad=True).dtype == np.float64
    assert Tensor([1.0], requires_grad=1).requires_grad is True
    t = Tensor(a)
    a[0] = 9
    assert t.tolist() == [1.0, 1.0]
    other = Tensor(t)
    other.data[0] = 5
    assert t.tolist() == [1.0, 1.0]
    assert Tensor([Tensor(1.0), Tensor(2.0)]).tolist() == [1.0, 2.0]
    view = Tensor(np.arange(6.0).reshape(2, 3)[:, ::2])
    assert view.tolist() == [[0.0, 2.0], [3.0, 5.0]]


def test_properties():
    w = leaf()
    assert (w.shape, w.ndim, w.size, len(w)) == ((2, 3), 2, 6, 2)
    assert w.dtype == np.float64
    assert w.name == "w"
    w.name = "weights"
    assert w.name == "weights"
    assert w.requires_grad
    assert w.is_leaf
    y = w * 2
    assert y.requires_grad
    assert not y.is_leaf
    assert y.name is None
    y.name = "y"
    assert y.name == "y"
    np.testing.assert_array_equal(w.T.numpy(), X.T)
    np.testing.assert_array_equal(leaf(np.ones((2, 3, 4))).mT.numpy(), np.ones((2, 4, 3)))
    scalar = Tensor(2.5)
    assert (scalar.shape, scalar.ndim, scalar.size) == ((), 0, 1)
    total = w.sum()
    assert (total.shape, total.ndim, total.size, total.dtype) == ((), 0, 1, np.float64)


def test_numpy_is_a_read_only_view():
    w = leaf()
    view = w.numpy()
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0] = 1.0
    w.data[0, 0] = 7.0
    assert view[0, 0] == 7.0
    with pytest.raises(ValueError, match="read-only"):
        (w * 2).data[0, 0] = 1.0
    assert isinstance(w.sum().numpy(), np.ndarray)


def test_data_may_be_replaced_and_changed():
    w = leaf(dtype=np.float32)
    held = w.numpy()
    w.data = X * 2
    assert w.dtype == np.float32
    np.testing.assert_array_equal(held, X * 2)  # in place: who holds the memory sees it
    w.data -= X
    w.data *= 2.0
    w.data /= 2.0
    np.testing.assert_array_equal(w.numpy(), X)
    w.data = Tensor(np.zeros((2, 3)))
    w.data = np.ones((2, 3)).tolist()
    np.testing.assert_array_equal(w.numpy(), np.ones((2, 3)))
    source = np.zeros((2, 3))
    w.data = source
    source += 1
    np.testing.assert_array_equal(w.numpy(), np.zeros((2, 3)))
    s = leaf(3.0)
    s.data -= 1
    s.data = s.data * 2
    assert s.item() == 4.0


def test_detach():
    w = leaf()
    y = w * 2
    d = y.detach()
    assert d.is_leaf
    assert not d.requires_grad
    np.testing.assert_array_equal(d.numpy(), y.numpy())
    with pytest.raises(ValueError, match="read-only"):
        d.data[0, 0] = 9
    w.detach().data[0, 0] = 9  # its own copy
    np.testing.assert_array_equal(w.numpy(), X)
    (w * d).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), 2 * X)
    d.requires_grad = True  # an independent leaf
    d.data = np.zeros((2, 3))
    np.testing.assert_array_equal(y.numpy(), 2 * X)
    (d * 3).sum().backward()
    np.testing.assert_array_equal(d.grad.numpy(), np.full((2, 3), 3.0))
    again = w.detach()
    again.data = np.zeros((2, 3))
    np.testing.assert_array_equal(w.numpy(), X)


def test_requires_grad_may_be_set():
    t = Tensor(X)
    t.requires_grad = True
    (t * 2).sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), np.full((2, 3), 2.0))
    t.requires_grad = False
    assert not (t * 2).requires_grad


def test_grad_may_be_set():
    w = leaf()
    w.grad = np.ones((2, 3))
    (w * 2).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full((2, 3), 3.0))
    w.grad = None
    assert w.grad is None
    w.grad = Tensor(X)
    w.zero_grad()
    assert w.grad is None


def test_grad_of_a_result_says_where_to_look():
    y = leaf() * 2
    with pytest.warns(UserWarning, match=r"mul made this .*only leaves keep \.grad.*trace"):
        assert y.grad is None


def test_item_and_numbers():
    assert Tensor(2.5).item() == 2.5
    assert isinstance(Tensor([[3]]).item(), int)
    assert isinstance(Tensor(True).item(), bool)
    assert float(Tensor(2.5)) == 2.5
    assert int(Tensor([7.9])) == 7
    assert ["a", "b", "c"][Tensor(2)] == "c"
    with pytest.raises(TypeError):
        operator.index(Tensor(2.0))
    assert f"{Tensor(2.5):.3f}" == "2.500"
    assert Tensor([[1, 2]]).tolist() == [[1, 2]]
    assert bool(Tensor([1.0]))
    assert not Tensor(0)


def test_iteration():
    w = leaf()
    rows = list(w)
    assert [r.shape for r in rows] == [(3,), (3,)]
    (rows[0] * rows[1]).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), X[::-1])
    _, b = w
    np.testing.assert_array_equal(b.numpy(), X[1])
    assert 3.0 in Tensor([1.0, 3.0]).tolist()


def test_repr_shows_values_shape_dtype_name_and_origin():
    text = repr(leaf())
    for part in ("-2.", "shape=(2, 3)", "dtype=float64", "name='w'", "requires_grad=True"):
        assert part in text
    text = repr(leaf() @ np.ones(3))
    assert "op=matmul" in text
    assert "shape=(2,)" in text
    assert "requires_grad" not in repr(Tensor([1.0]))
    assert repr(Tensor(1.5)) == "Tensor(1.5, shape=(), dtype=float64)"
    assert "..." in repr(Tensor(np.zeros(10_000)))


def test_comparisons_are_elementwise_and_tensors_hash_by_identity():
    w = leaf()
    for f in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for other in (0.5, X.T.reshape(2, 3), Tensor(X[0])):
            expected = f(X, other.numpy() if isinstance(other, Tensor) else other)
            assert f(w, other).dtype == np.bool_
            np.testing.assert_array_equal(f(w, other).numpy(), expected)
    np.testing.assert_array_equal(operator.lt(0.5, w).numpy(), X > 0.5)
    np.testing.assert_array_equal(operator.eq(X, w).numpy(), np.ones((2, 3), bool))
    assert {w: 1}[w] == 1
    assert len({Tensor(1.0), Tensor(1.0)}) == 2


def test_unary_operators():
    w = leaf()
    np.testing.assert_array_equal((-w).numpy(), -X)
    np.testing.assert_array_equal(abs(w).numpy(), abs(X))
    np.testing.assert_array_equal((+w).numpy(), X)


# --- every method is the function of its name -----------------------------------------------------

METHODS = [name for name in tx.__all__ if inspect.isfunction(getattr(Tensor, name, None))]


def test_the_usual_methods_exist():
    wanted = "exp log sqrt tanh abs sigmoid relu softplus clip sum max min mean var argmax softmax"
    wanted += " log_softmax logsumexp squeeze expand_dims broadcast_to astype reshape transpose"
    assert set(wanted.split()) <= set(METHODS)


def same_call(name, x, *arguments):
    x = Tensor(x, requires_grad=x.dtype.kind == "f")
    method, function = getattr(x, name)(*arguments), getattr(tx, name)(x, *arguments)
    np.testing.assert_array_equal(method.numpy(), function.numpy())
    assert method.shape == function.shape
    assert method.dtype == function.dtype
    assert method.requires_grad == function.requires_grad == has_rule(name)


@pytest.mark.parametrize("name", sorted(set(METHODS) & set(CASES)))
def test_method_equals_function(name):
    each_call(name, lambda call: same_call(name, *call.inputs, *call.settings.values()))


def test_every_row_is_public_or_behind_something_public():
    behind = {"join", "getitem", "scatter", "scatter_along_axis", "softmax_cross_entropy"}
    behind |= {"shift", "linear_recurrence"}  # cumprod, logcumsumexp
    behind |= {
        "solve_columns",
        "cofactors",
        "logabsdet",
        "det_sign",
        "eigenvectors",
        "left_vectors",
    }
    behind |= {"right_vectors", "q_factor", "length", "conv", "conv_input", "conv_weight"}
    behind |= {"digamma_slope"}  # polygamma
    assert set(TABLE) - behind <= {*tx.__all__, *tx.linalg.__all__}


def test_reshape_and_transpose_take_numbers_or_a_tuple():
    w = leaf()
    assert w.reshape(3, 2).shape == w.reshape((3, 2)).shape == w.reshape([3, 2]).shape == (3, 2)
    assert w.reshape(-1).shape == (6,)
    assert w.transpose().shape == w.transpose(1, 0).shape == w.transpose((1, 0)).shape == (3, 2)
    assert w.transpose(None).shape == w.transpose(-1, -2).shape == (3, 2)
    assert Tensor(1.0).broadcast_to(3).shape == Tensor([1.0]).broadcast_to([3]).shape == (3,)
    v = leaf([1.0, 2.0])
    (v.transpose(-1) * v.transpose(0)).sum().backward()
    np.testing.assert_array_equal(v.grad.numpy(), [2.0, 4.0])


def test_axis_arguments():
    w = leaf()
    np.testing.assert_array_equal(w.sum(np.int64(1)).numpy(), X.sum(1))
    np.testing.assert_array_equal(w.sum((0, 1)).numpy(), X.sum())
    np.testing.assert_array_equal(w.sum(axis=()).numpy(), X)
    assert w.mean(axis=(-1, 0), keepdims=True).shape == (1, 1)


def test_indexing_with_tensors():
    w = leaf()
    np.testing.assert_array_equal(w[Tensor([1, 0])].numpy(), X[[1, 0]])
    np.testing.assert_array_equal(w[w > 1].numpy(), X[X > 1])
    np.testing.assert_array_equal(w[Tensor(1), Tensor(2)].numpy(), X[1, 2])
    np.testing.assert_array_equal(w[Tensor(0) :, ::-1].numpy(), X[:, ::-1])
    labels = Tensor([2, 0])
    y = w[np.arange(2), labels]
    y.backward([1.0, 10.0])
    np.testing.assert_array_equal(w.grad.numpy(), [[0, 0, 1.0], [10.0, 0, 0]])


def test_zero_dimensional_results_work_on():
    """NumPy's reductions give scalars, not arrays: every method must accept them."""
    w = leaf(P)
    s = w.sum()
    for f in (
        lambda t: t.reshape(1, 1),
        lambda t: t.expand_dims(0),
        lambda t: t[None],
        lambda t: t[...],
        lambda t: t[()],
        lambda t: t.T,
        lambda t: t.transpose(),
        lambda t: t.squeeze(),
        lambda t: t.broadcast_to((2, 2)),
        lambda t: t.sum(),
        lambda t: t.max(),
        lambda t: t.mean(),
        lambda t: t.var(),
        lambda t: t.logsumexp(),
        lambda t: t.clip(0, 100),
        lambda t: t.astype(np.float32),
        lambda t: t.sigmoid() + t.softplus() + t.relu() + t.tanh(),
        lambda t: t**2 + 2**t + t / 3 - 1,
        lambda t: tx.stack([t, t]),
        lambda t: tx.where(t > 0, t, -t),
        lambda t: tx.maximum(t, 0.5),
        lambda t: t.detach() * t,
        lambda t: tx.identity(t),
    ):
        w.zero_grad()
        y = f(s)
        assert isinstance(y, Tensor)
        y.backward(np.ones(y.shape), retain_graph=True)
        assert w.grad.shape == (2, 3)
    assert s.tolist() == P.sum()
    assert isinstance(tx.argmax(s).item(), int)
