"""Kinks, ties and corners, where the derivative is a choice: PyTorch's (tests/parity checks more)."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slope
from tinygrad_xent import Tensor
from tinygrad_xent.engine.ops.moves import scatter


def test_relu_and_abs_are_flat_at_zero():
    equal(slope(tx.relu, [-1.0, 0.0, -0.0, 2.0]), [0.0, 0.0, 0.0, 1.0])
    equal(slope(tx.abs, [-3.0, 0.0, 3.0]), [-1.0, 0.0, 1.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("size", [6, 3000])  # small and large arrays take different paths
def test_relu_of_what_is_not_finite(size, dtype):
    special = [-1, 0, 2] if dtype is np.int64 else [-np.inf, -1, 0, 2, np.inf, np.nan]
    x = np.resize(np.array(special, dtype), size)
    y = tx.relu(Tensor(x)).numpy()
    assert y.dtype == dtype
    equal(y, np.where(x < 0, 0, x))  # nan stays nan
    if dtype is not np.int64:
        equal(slope(tx.relu, x, seed=np.full(size, np.inf, dtype)), np.where(x <= 0, 0, np.inf))


def test_equal_maxima_share_evenly():
    equal(slope(tx.max, [1.0, 3.0, 3.0, 3.0]), [0.0, 1 / 3, 1 / 3, 1 / 3])
    equal(slope(tx.min, [1.0, 3.0, 1.0, 3.0]), [0.5, 0.0, 0.5, 0.0])
    rows = slope(lambda x: x.max(axis=1), [[2.0, 2.0], [0.0, 1.0]])
    equal(rows, [[0.5, 0.5], [0.0, 1.0]])
    equal(slope(tx.max, np.zeros((2, 2))), np.full((2, 2), 0.25))


def test_equal_operands_share_evenly():
    equal(slope(tx.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), [[0, 0.5, 1], [1, 0.5, 0]])
    equal(slope(tx.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), [[1, 0.5, 0], [0, 0.5, 1]])
    x = Tensor([1.0], requires_grad=True)
    tx.maximum(x, x).backward([1.0])
    equal(x.grad.numpy(), [1.0])


def test_clip_passes_the_gradient_on_its_limits():
    equal(slope(lambda x: x.clip(0, 1), [-0.1, 0.0, 0.5, 1.0, 1.1]), [0, 1, 1, 1, 0])
    equal(slope(lambda x: x.clip(None, 1), [-9.0, 1.0, 2.0]), [1, 1, 0])
    equal(slope(lambda x: x.clip(min=0), [-9.0, 0.0, 2.0]), [0, 1, 1])


def test_limits_get_the_gradient_of_what_they_replace():
    x, low, high = [-2.0, -1.0, 0.5, 2.0, 3.0, np.nan], [-1.0] * 6, [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    g = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]
    for clip in (tx.clip, np.clip):
        leaves = [Tensor(data, requires_grad=True) for data in (x, low, high)]
        y = clip(*leaves)
        equal(y.numpy(), np.clip(x, low, high))
        with tx.check.autopsy(False):
            y.backward(g)
        equal(leaves[0].grad.numpy(), [0, 10, 100, 1e3, 0, 1e5])
        equal(leaves[1].grad.numpy(), [1, 0, 0, 0, 0, 0])
        equal(leaves[2].grad.numpy(), [0, 0, 0, 0, 1e4, 0])


def test_limits_of_every_kind():
    x, low, high = (Tensor(v, requires_grad=True) for v in ([-3.0, 0.0, 3.0], -1.0, 1.0))
    for call in (
        lambda: tx.clip(x, low, 1.0),
        lambda: x.clip(-1, high),
        lambda: x.clip(min=low, max=None),
        lambda: tx.clip([-3.0, 0.0, 3.0], max=high),
        lambda: np.clip(np.array([-3.0, 0.0, 3.0]), low, high),
        lambda: tx.clip(-3.0, low),
        lambda: tx.clip(x, Tensor(np.nan, requires_grad=True)),
        lambda: tx.clip(x, high, low),  # the upper limit is the last word
    ):
        assert call().requires_grad
    equal(tx.clip(x, high, low).numpy(), [-1, -1, -1])
    equal(tx.clip(x, Tensor(np.nan, requires_grad=True)).numpy(), [np.nan] * 3)
    with tx.no_grad():
        assert not x.clip(low, high).requires_grad
    with pytest.raises(tx.DtypeError, match="text"):
        x.clip(low, "a")
    assert {e.scope for e in tx.trace(x.clip(low).sum()) if e.op == "where"} == {("clip",)}
    function = lambda x, low, high: tx.clip(x * x, low * low, high * high)  # noqa: E731
    points = [0.2, 1.0, 3.0], [0.5, 0.4, 0.6], [2.0, 1.5, 2.5]
    assert tx.check.gradcheck(function, *points, order=2)


def test_powers_of_zero():
    equal(slope(lambda x: x**0, [0.0, 2.0]), [0.0, 0.0])
    equal(slope(lambda x: x**1, [0.0, 2.0]), [1.0, 1.0])
    equal(slope(lambda x: x**2, [0.0, -2.0]), [0.0, -4.0])
    equal(slope(lambda n: 0.0**n, [0.0, 1.0, 2.0]), [0.0, 0.0, 0.0])
    equal(slope(lambda x: x ** np.array([0, 1, 2]), [0.0, 0.0, 0.0]), [0.0, 1.0, 0.0])
    equal(slope(tx.pow, [0.0, 0.0], [0.0, 2.0]), [[0.0, 0.0], [0.0, 0.0]])
    equal(tx.hessian(lambda x: (x**2).sum())([0.0, 3.0]).numpy(), [[2.0, 0.0], [0.0, 2.0]])
    equal(tx.hessian(lambda x: x**1)(0.0).numpy(), 0.0)


def test_powers_of_negative_bases():
    np.testing.assert_allclose(slope(lambda x: x**3, [-2.0]), [12.0])
    np.testing.assert_allclose(slope(lambda x: x**-1, [-2.0]), [-0.25])
    np.testing.assert_allclose(slope(lambda x: x**3.0, [-2.0]), [12.0])
    np.testing.assert_allclose(slope(lambda x: x ** np.int64(3), [-2.0]), [12.0])


@pytest.mark.parametrize("size", [2, 5000])  # small and large arrays are masked differently
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_infinite_gradient_stops_at_a_kink(size, dtype):
    x = Tensor(np.resize([-1.0, 4.0], size), requires_grad=True, dtype=dtype)
    with np.errstate(divide="ignore"):  # the slope of a root at 0
        x.relu().sqrt().sum().backward()
    equal(x.grad.numpy(), np.resize([0.0, 0.25], size).astype(dtype))
    x.zero_grad()
    x.clip(0, 1).backward(np.resize([np.nan, 1.0], size))
    equal(x.grad.numpy(), np.zeros(size))


def test_where_keeps_the_branch_not_taken_out():
    x = np.array([-1.0, 4.0])
    guarded = slope(lambda t: tx.where(x > 0, tx.where(x > 0, t, 1.0).sqrt(), 0.0), x)
    equal(guarded, [0.0, 0.25])


def test_repeated_indices_add_up():
    equal(slope(lambda x: x[[0, 0, 2]], [1.0, 2.0, 3.0]), [2.0, 0.0, 1.0])
    equal(slope(lambda x: x[np.array([[0, -3], [0, 1]])], [1.0, 2.0, 3.0]), [3.0, 1.0, 0.0])
    twice = slope(lambda x: tx.take_along_axis(x, np.array([[1, 1, -1]]), 1), [[1.0, 2.0]])
    equal(twice, [[0.0, 3.0]])


@pytest.mark.parametrize("index", [((0, 0, 1),), range(2), ((0, 0), slice(None)), Tensor([0, 0])])
def test_every_kind_of_sequence_may_name_an_element_twice(index):
    x = np.arange(6.0).reshape(3, 2)
    raw = index.numpy() if isinstance(index, Tensor) else index
    expected = np.zeros_like(x)
    np.add.at(expected, raw, np.ones_like(x[raw]))
    equal(slope(lambda t: t[index], x), expected)


@pytest.mark.parametrize("shape", [(200,), (200, 7), (200, 3, 4)])
@pytest.mark.parametrize("kind", ["i8", "u1", "i1"])  # 200 x 12 places exceed a byte
def test_many_rows_read_more_than_once(shape, kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    low, high = {"i8": (-200, 200), "u1": (0, 200), "i1": (-128, 128)}[kind]
    index = rng.integers(low, high, (50, 8)).astype(kind)
    g = rng.normal(size=x[index].shape)
    expected = np.zeros_like(x)
    np.add.at(expected, index, g)
    equal(slope(lambda t: t[index], x, seed=g), expected)
    equal(scatter(np.ones(shape[1:]), shape, index), slope(lambda t: t[index], x))


# --- logits of any size ---------------------------------------------------------------------------

HUGE = np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4], [-1e4, -1e4, 0.0]])
SCALES = np.array([[1e-4, 2e-4, -1e-4], [1.0, 2.0, -1.0], [1e4, 2e4, -1e4]])


def reference(x):
    """softmax, log_softmax and logsumexp of rows in 40-digit arithmetic of Python's decimals."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 40
        rows = [[Decimal(float(v)) for v in row] for row in x]
        logs = [max(r) + sum((v - max(r)).exp() for v in r).ln() for r in rows]
        log_p = [[v - z for v in r] for r, z in zip(rows, logs, strict=True)]
        p = [[v.exp() for v in r] for r in log_p]
        return np.array(p, float), np.array(log_p, float), np.array(logs, float)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("x", [HUGE, SCALES, HUGE + 0.125, SCALES[::-1]])
def test_softmax_of_huge_logits(x, dtype):
    x = x.astype(dtype)
    p, log_p, logs = reference(x)
    double = dtype is np.float64
    near = {"rtol": 1e-12, "atol": 1e-12} if double else {"rtol": 2e-6, "atol": 1e-6}
    np.testing.assert_allclose(tx.softmax(Tensor(x), axis=1).numpy(), p, **near)
    np.testing.assert_allclose(tx.log_softmax(Tensor(x), axis=1).numpy(), log_p, **near)
    np.testing.assert_allclose(tx.logsumexp(Tensor(x), axis=1).numpy(), logs, **near)
    np.testing.assert_allclose(slope(lambda t: t.logsumexp(axis=1), x), p, **near)
    first = np.zeros_like(x)
    first[:, 0] = 1
    nll = slope(lambda t: -t.log_softmax(axis=1)[:, 0], x)
    np.testing.assert_allclose(nll, p - first, **near)
    jacobian_row = slope(lambda t: t.softmax(axis=1)[:, 0], x)
    np.testing.assert_allclose(jacobian_row, p[:, :1] * (first - p), **near)


def test_a_masked_class_has_probability_and_gradient_zero():
    x = np.array([[0.0, -np.inf, 1.0], [-np.inf, 2.0, -np.inf]])
    kept = np.isfinite(x)
    p = tx.softmax(Tensor(x)).numpy()
    equal(p[~kept], np.zeros(3))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    weights = np.arange(6.0).reshape(2, 3)
    equal(slope(lambda t: t.softmax() * weights, x)[~kept], np.zeros(3))
    equal(slope(lambda t: t.logsumexp(axis=1), x)[~kept], np.zeros(3))
    np.testing.assert_allclose(slope(lambda t: t.logsumexp(axis=1), x), p)
    nll = slope(lambda t: -t.log_softmax()[[0, 1], [2, 1]], x)
    equal(nll[~kept], np.zeros(3))
    hessian = tx.hessian(lambda t: t.logsumexp(axis=1).sum())(x).numpy()
    assert np.isfinite(hessian).all()


def test_a_row_of_masked_classes_only():
    x = np.full((1, 3), -np.inf)
    equal(tx.logsumexp(Tensor(x), axis=1).numpy(), [-np.inf])
    with tx.check.autopsy(False):  # the loss is meant to be -inf here
        equal(slope(lambda t: t.logsumexp(axis=1), x), np.zeros((1, 3)))


def test_a_single_class():
    x = np.array([[5.0], [-1e4]])
    equal(tx.softmax(Tensor(x)).numpy(), [[1.0], [1.0]])
    equal(tx.log_softmax(Tensor(x)).numpy(), [[0.0], [0.0]])
    equal(tx.logsumexp(Tensor(x), axis=1).numpy(), [5.0, -1e4])
    equal(slope(lambda t: t.softmax(), x), [[0.0], [0.0]])
    equal(slope(lambda t: t.log_softmax(), x), [[0.0], [0.0]])


@pytest.mark.parametrize("f", [tx.softmax, tx.log_softmax, lambda t: tx.logsumexp(t, axis=-1)])
def test_an_empty_batch(f):
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = f(x)
    assert y.shape[0] == 0
    y.sum().backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_])
@pytest.mark.parametrize("f", [tx.softmax, tx.log_softmax, tx.logsumexp, tx.sigmoid, tx.softplus])
def test_whole_numbers_are_taken_as_floats(f, dtype):
    x = np.array([0, 1, 1, 0]) if dtype is np.bool_ else np.array([0, 1, 127, 3])
    x = x.astype(dtype)
    expected = f(x.astype(np.float64))
    assert f(Tensor(x)).dtype == np.float64
    np.testing.assert_array_equal(f(Tensor(x)).numpy(), expected)
    np.testing.assert_array_equal(f(x), expected)


def test_the_least_int8_has_no_negative():
    x = np.array([-128, 127], np.int8)
    np.testing.assert_allclose(tx.softmax(x), [0.0, 1.0], atol=1e-100)
    np.testing.assert_allclose(tx.sigmoid(x), [0.0, 1.0], atol=1e-50)
    np.testing.assert_allclose(tx.softplus(x), [0.0, 127.0], atol=1e-50)


@pytest.mark.parametrize("f", [tx.sigmoid, tx.softplus, tx.tanh])
def test_saturated_functions_do_not_warn(f):
    x = [-1e308, -1e4, -745.0, 0.0, 745.0, 1e4, -np.inf, np.inf]
    y = f(Tensor(x)).numpy()  # warnings are errors here
    g = slope(f, x)
    assert not np.isnan(y).any()
    assert np.isfinite(g).all()
    assert f(Tensor(-1000.0)).item() in (0.0, -1.0)


def test_small_values_stay_exact():
    tiny = np.array([1e-300, 1e-17, -1e-17])
    equal(tx.log1p(Tensor(tiny)).numpy(), tiny)
    equal(tx.expm1(Tensor(tiny)).numpy(), tiny)
    np.testing.assert_allclose(tx.sigmoid(Tensor(-700.0)).item(), np.exp(-700.0), rtol=1e-12)
    np.testing.assert_allclose(tx.softplus(Tensor(-700.0)).item(), np.exp(-700.0), rtol=1e-12)
