"""A result in a narrow float type is as good as the type allows: nothing adds up in float16, and float32
loses no digits in long sums along any axis.

Each operation, composite, loss, layer and optimiser is compared with itself in float64 at the same
values. Errors are in units of the type's eps, relative to the largest element.
"""

import dataclasses

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import CASES, Maker, is_float, make_call
from tinygrad_xent import nn, optim
from tinygrad_xent.engine.sums import norm

LONG = [(4096, 2), (2, 4096)]
DTYPES = [np.float16, np.float32]
EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (*DTYPES, np.float64)}


OTHERWISE = {"astype", "partition"}  # the order of what is partitioned is that of NumPy's code


class Positive(Maker):
    """Long axes of positive numbers: their sums do not cancel."""

    def matmul_shapes(self, weight=False):
        return (2, 4096), (4096, 2)

    def any(self, shape):
        return self.rng.uniform(0.4, 1, shape)

    def nonzero(self, shape):
        return self.any(shape)


def in_dtype(dtype, *arrays):
    """Floats as the nearest float16, in another dtype: every dtype gets the same values."""
    return [
        np.asarray(x, np.float16).astype(dtype) if is_float(np.asarray(x)) else x for x in arrays
    ]


def results(f, points, dtype):
    """The value of f, and its gradients for positive random seeds."""
    leaves = [tx.Tensor(x, requires_grad=True) for x in in_dtype(dtype, *points)]
    y = f(*leaves)
    assert y.dtype == dtype or y.dtype.kind != "f" or not leaves
    if not y.requires_grad:
        return [y.numpy()]
    seed = np.random.default_rng(1).uniform(0.4, 1, y.shape).astype(np.float16)
    if y.size > 1000:
        seed = seed / np.float16(16)  # so that a sum of so many is below the largest float16
    y.backward(seed)
    assert all(leaf.grad.dtype == dtype for leaf in leaves)
    return [y.numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def error(found, right):
    """The largest error relative to the largest element."""
    found, right = np.asarray(found, np.float64), np.asarray(right)
    assert found.shape == right.shape
    if np.array_equal(found, right):
        return 0.0
    return float(np.abs(found - right).max() / np.abs(right).max())


LOG_N = 12  # log2 of 4096: in so many levels pairwise sums add 4096 numbers


def check(f, points, dtype):
    """The value and the gradients of f are as good as the dtype allows."""
    narrow, wide = (results(f(d), points, d) for d in (dtype, np.float64))
    for found, right in zip(narrow, wide, strict=True):
        if right.dtype.kind == "f" and np.isfinite(right).all():
            assert error(found, right) <= LOG_N * EPS[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("whole", LONG, ids=str)
@pytest.mark.parametrize("name", [n for n in CASES if n not in OTHERWISE])
def test_every_operation_along_long_axes(name, whole, dtype):
    made = make_call(name, Positive(whole))
    # The constants among the inputs and the settings are in the same dtype.
    with np.errstate(all="ignore"):
        check(
            lambda d: dataclasses.replace(
                made,
                inputs=tuple(in_dtype(d, *made.inputs)),
                settings={
                    name: in_dtype(d, value)[0] if isinstance(value, np.ndarray) else value
                    for name, value in made.settings.items()
                },
            ),
            made.points,
            dtype,
        )


RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 3000)
SHARES = np.full((3000, 3), 0.25) + np.eye(3)[LABELS] / 4
LOSSES = {
    "cross_entropy": lambda z: tx.cross_entropy(z, LABELS),
    "smoothed": lambda z: tx.cross_entropy(z, LABELS, label_smoothing=np.float64(0.1)),
    "weighted": lambda z: tx.cross_entropy(z, LABELS, weight=np.array([1.0, 2.0, 3.0])),
    "probabilities": lambda z: tx.cross_entropy(z, SHARES.astype(z.dtype)),
    "each": lambda z: tx.cross_entropy(z, LABELS, reduction="none"),
    "nll_loss": lambda z: tx.nll_loss(-z, LABELS),
    "focal": lambda z: tx.softmax_focal_loss(z, LABELS, gamma=np.float64(2)),
    "binary": lambda z: tx.binary_cross_entropy_with_logits(z, SHARES),
    "positives": lambda z: tx.binary_cross_entropy_with_logits(z, SHARES, pos_weight=np.float64(2)),
    "mse_loss": lambda z: tx.mse_loss(z, np.zeros((3000, 3))),
    "chunked": lambda z: tx.linear_cross_entropy(z, np.eye(3, dtype=z.dtype), None, LABELS),
    "mean": lambda z: z.mean(),
    "mean of columns": lambda z: z.mean(axis=0),
    "var": lambda z: z.var(axis=0, ddof=np.int64(1)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name, dtype):
    check(lambda d: LOSSES[name], [RNG.uniform(0.5, 3, (3000, 3))], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["linear", "mlp", "tanh", "sigmoid", "dropout"])
def test_every_layer(name, dtype):
    def layer(d):
        layers = {
            "linear": nn.Linear(3, 2, rng=0, dtype=d),
            "mlp": nn.MLP([3, 8, 2], rng=0, dtype=d),
            "tanh": nn.Tanh(),
            "sigmoid": nn.Sigmoid(),
            "dropout": nn.Dropout(0.5, rng=0),
        }
        module = layers[name]
        for p in module.parameters():  # the same values in each dtype
            p.data = np.abs(p.numpy()).astype(np.float16)
        return lambda x: (module(x), *module.parameters())[0] * 1

    check(layer, [RNG.uniform(0.5, 1, (4096, 3))], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4),
        lambda p: optim.Adam(p, lr=1e-2),
        lambda p: optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    ],
    ids=["SGD", "Adam", "AdamW"],
)
@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0])
def test_every_optimiser(make, dtype, size):
    """Gradients of any size the type holds: their squares and an ε of 1e-8 are not in float16."""
    start, gradients = np.linspace(-1, 1, 8), RNG.uniform(0.5, 1, (3, 8)) * size
    trained = []
    for d in (dtype, np.float64):
        w = tx.Tensor(*in_dtype(d, start), requires_grad=True)
        optimizer = make([w])
        for g in gradients:
            (w.grad,) = in_dtype(d, g)
            optimizer.step()
        assert w.dtype == d
        trained.append(w.numpy())
    assert error(*trained) <= 6 * EPS[dtype]


# --- the cases that showed it ---------------------------------------------------------------------

ONES = np.ones(4096, np.float16)


def test_sums_and_means_of_float16():
    assert tx.mean(np.ones((4096, 2), np.float16), axis=0).tolist() == [1.0, 1.0]
    assert tx.softmax(np.zeros((4096, 2), np.float16), axis=0).numpy().astype(float).sum() == 2.0
    bias = tx.Tensor(np.zeros(2, np.float16), requires_grad=True)
    (tx.Tensor(np.ones((4096, 2), np.float16)) + bias).sum(axis=1).backward(ONES)
    assert bias.grad.tolist() == [4096.0, 4096.0]
    assert tx.mean(np.full(70000, 2, np.float16)).item() == 2.0  # the sum is beyond float16


def test_one_value_used_4096_times():
    w = tx.Tensor(np.float16(1), requires_grad=True)
    total = tx.concatenate([w.reshape(1)] * 4096).sum()
    total.backward()
    assert (w.grad.item(), w.grad.dtype) == (4096, np.float16)
    assert tx.trace(total)[w].gradient == 4096
    table = tx.Tensor(np.zeros((3, 2), np.float16), requires_grad=True)
    table[np.zeros(4096, int)].sum().backward()
    assert table.grad.tolist() == [[4096.0, 4096.0], [0.0, 0.0], [0.0, 0.0]]


def test_losses_of_many_float16():
    z = np.zeros((300, 300), np.float16)
    found = tx.binary_cross_entropy_with_logits(z, z).item()
    assert found == pytest.approx(np.log(2), rel=EPS[np.float16])
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert tx.mse_loss(z + np.float16(300), z).item() == np.inf  # 90000 is beyond float16
    assert tx.mse_loss(z + np.float16(200), z).item() == pytest.approx(40000, rel=EPS[np.float16])


def test_clipping_float16():
    w = tx.Tensor(np.zeros(4, np.float16), requires_grad=True)
    w.grad = np.full(4, 300, np.float16)
    assert optim.clip_grad_norm([w], 60.0) == 600.0
    assert w.grad.tolist() == [30.0] * 4


def test_a_norm_overflows_only_where_a_double_does():
    assert norm([np.full(4, 1e25, np.float32)]) == pytest.approx(2e25)
    assert norm([np.full(4, 1e200)]) == pytest.approx(2e200)
    assert norm([np.full(4, 1e-200)]) == pytest.approx(2e-200)
    assert norm([]) == 0
    assert np.isnan(norm([np.array([np.nan, np.inf])]))


def test_adam_in_float16_stays_finite():
    w = tx.Tensor(np.ones(3, np.float16), requires_grad=True)
    optimizer = optim.Adam([w], lr=1e-2)
    w.grad = [0.0, 1e-6, 1e4]
    optimizer.step()
    assert w.tolist() == pytest.approx([1, 0.99, 0.99], abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1, None, (0, 1)])
@pytest.mark.parametrize("shape", [(10**6, 10), (5, 2 * 10**6)], ids=str)
def test_ten_million_float32(shape, axis):
    x = np.resize(np.linspace(0.1, 0.9, 1001, dtype=np.float32), shape)
    right = x.astype(np.float64).sum(axis=axis)
    for found in (tx.sum(x, axis), tx.mean(x, axis) * (x.size / right.size)):
        assert found.dtype == np.float32
        assert np.abs(found.numpy() / right - 1).max() <= np.log2(x.size) * EPS[np.float32]


def test_ten_million_gradients_of_a_bias():
    bias = tx.Tensor(np.zeros(2, np.float32), requires_grad=True)
    g = np.resize(np.linspace(0.1, 0.9, 1001, dtype=np.float32), (10**6, 2))
    (tx.Tensor(np.zeros_like(g)) + bias).backward(g)
    right = g.astype(np.float64).sum(axis=0)
    assert np.abs(bias.grad.numpy() / right - 1).max() <= 20 * EPS[np.float32]
