"""Graphs that the tests of pictures share: the five lessons', and larger ones."""

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent import Tensor


@pytest.fixture(autouse=True)
def what_a_test_registers_leaves_with_it():
    """No other test sees the themes and formats that a test adds."""
    before = [(table, dict(table)) for table in (viz.THEMES, viz.WRITERS)]
    yield
    for table, known in before:
        table.clear()
        table.update(known)


def parameter(rng, *shape, name=None):
    return Tensor(rng.normal(size=shape), requires_grad=True, name=name)


@tx.scope("linear", "x @ W + b")
def linear(x, w, b):
    return x @ w + b


@tx.scope("cross_entropy", "mean(log Σ eᶻ - z[y])")
def cross_entropy(z, y):
    return (tx.logsumexp(z, axis=1) - z[np.arange(len(y)), y]).mean()


def node_classification():
    rng = np.random.default_rng(0)
    x, w = Tensor(rng.normal(size=(5, 4)), name="Z"), parameter(rng, 4, 3, name="W")
    b = parameter(rng, 3, name="b")
    return cross_entropy(linear(x, w, b), np.array([0, 1, 0, 1, 2]))


def perceptron():
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(1, 3)), name="x")
    with tx.scope("mlp"):
        for i, size in enumerate((4, 4)):
            with tx.scope("layer", "relu(x W + b)"):
                w = parameter(rng, x.shape[1], size, name=f"W{i}")
                x = tx.relu(linear(x, w, parameter(rng, size, name=f"b{i}")))
        x = linear(x, parameter(rng, 4, 2, name="W2"), parameter(rng, 2, name="b2"))
    with tx.scope("softmax_loss"):
        return -(tx.log(tx.softmax(x)) * np.array([[0.0, 1.0]])).sum()


def multi_label():
    rng = np.random.default_rng(2)
    x, w = Tensor(rng.normal(size=(2, 3)), name="x"), parameter(rng, 3, 5, name="W")
    z, y = x @ w, np.array([[0.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, 0.0]])
    with tx.scope("binary_cross_entropy", "mean(softplus(z) - y z)"):
        return (tx.softplus(z) - y * z).mean()


def batch():
    a = Tensor([[2.0, 1.0, 0.1], [0.1, 2.0, 1.9]], requires_grad=True, name="A")
    return cross_entropy(a, np.array([1, 0]))


def softmax_jacobian():
    a = Tensor([2.0, 1.0, -1.0], requires_grad=True, name="A")
    with tx.scope("softmax", "eˣ / Σ eˣ"):
        e = tx.exp(a)
        y = e / e.sum()
    return y + y * a + a @ a + (y + y)


LESSONS = [node_classification, perceptron, multi_label, batch, softmax_jacobian]


@pytest.fixture(scope="session", params=LESSONS, ids=lambda make: make.__name__)
def lesson(request):
    """The trace of a lesson's loss."""
    return tx.trace(request.param())


def recurrent(steps=20):
    rng = np.random.default_rng(3)
    w, u = parameter(rng, 4, 4, name="W"), parameter(rng, 3, 4, name="U")
    h, total = Tensor(np.zeros((1, 4)), name="h0"), None
    for t in range(steps):
        h = tx.tanh(Tensor(rng.normal(size=(1, 3)), name=f"x{t}") @ u + h @ w)
        error = ((h - rng.normal(size=(1, 4))) ** 2).sum()
        total = error if total is None else total + error
    return total


def deep_perceptron(layers=12):
    rng = np.random.default_rng(4)
    x = Tensor(rng.normal(size=(8, 6)), name="x")
    for i in range(layers):
        with tx.scope("layer", "relu(x W + b)"):
            w, b = parameter(rng, 6, 6, name=f"W{i}"), parameter(rng, 6, name=f"b{i}")
            x = tx.relu(x @ w + b)
    return cross_entropy(x, rng.integers(0, 6, 8))


def chain(length=10_000):
    y = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(length // 2):
        y = y * 1.0001 + 0.001
    return y


def scalar_network(sizes=(3, 16, 16, 8, 1)):
    rng = np.random.default_rng(5)
    values = [Tensor(v, name=f"x{i}") for i, v in enumerate(rng.normal(size=sizes[0]))]
    for size in sizes[1:]:
        neurons = []
        for _ in range(size):
            total = Tensor(0.0, requires_grad=True)
            for x in values:
                total = total + Tensor(rng.normal(), requires_grad=True) * x
            neurons.append(tx.tanh(total))
        values = neurons
    return (values[0] - 1.0) ** 2


@pytest.fixture(
    scope="session",
    params=[recurrent, deep_perceptron, chain, scalar_network],
    ids=lambda f: f.__name__,
)
def large(request):
    """The trace of a graph that is hard to draw."""
    return tx.trace(request.param())
