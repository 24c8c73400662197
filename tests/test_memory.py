"""What the tape keeps, what it leaves behind, and who owns a gradient."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.measure import base_of, kept_bytes
from tests.tensors import equal, leaf
from tinygrad_xent import Tensor
from tinygrad_xent.engine.nodes import Node
from tinygrad_xent.engine.walk import collect

# --- memory ---------------------------------------------------------------------------------------


def ours_in_garbage(action):
    """The objects of this package that the cycle collector finds after the action."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        action()
        gc.collect()
        return [x for x in gc.garbage if type(x).__module__.startswith("tinygrad_xent")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def train_step(retain):
    w, b = leaf(np.ones((3, 2)), "w"), leaf(np.zeros(2), "b")
    with tx.scope("layer"):
        logits = (Tensor(np.ones((4, 3))) @ w + b).relu()
    loss = -logits.log_softmax()[np.arange(4), [0, 1, 0, 1]].mean()
    tx.trace(loss)
    loss.backward(retain_graph=retain)
    with pytest.raises(tx.ShapeError):
        w + np.ones(7)
    del loss


@pytest.mark.parametrize("retain", [False, True])
def test_no_cyclic_garbage(retain):
    train_step(retain)  # caches fill
    assert ours_in_garbage(lambda: train_step(retain)) == []


def test_cyclic_garbage_would_be_found():
    def cycle():
        node = Node()
        node.inputs = (node,)

    assert [type(x) for x in ours_in_garbage(cycle)] == [Node]


def test_a_layer_keeps_one_activation():
    """linear-relu-linear-relu-linear keeps the relus' outputs, and nothing else of batch size."""
    rng = np.random.default_rng(0)
    weights = [leaf(rng.standard_normal((20, 20))) for _ in range(3)]
    biases = [leaf(np.zeros(20)) for _ in range(3)]
    x = Tensor(rng.standard_normal((100, 20)))
    h = x
    for w, b in zip(weights[:2], biases[:2], strict=True):
        h = (h @ w + b).relu()
    y = h @ weights[2] + biases[2]
    activation = 100 * 20 * 8
    assert kept_bytes(y, without=[x, *weights]) == 2 * activation
    y.sum().backward()
    assert all(node.kept is None for node in collect(y._node))


def test_a_relu_alone_keeps_its_output_only():
    x = leaf(np.ones(100))
    assert kept_bytes((x + 1.0).relu()) == 800
    assert kept_bytes(x + 1.0) == 0
    assert kept_bytes(x.sum()) == 0
    assert kept_bytes(x.reshape(10, 10).T[2:5]) == 0


def test_gradients_own_their_memory():
    a, b, c = leaf([1.0, 2.0]), leaf([3.0, 4.0]), leaf([5.0, 6.0])
    seed = np.ones(2)
    (a + b + c).backward(seed)
    arrays = [seed, *(t.grad._data for t in (a, b, c))]
    for i, one in enumerate(arrays):
        assert base_of(one) is one
        assert all(not np.shares_memory(one, other) for other in arrays[:i])
    a.grad.data *= 100
    equal(b.grad, [1.0, 1.0])
    equal(seed, [1.0, 1.0])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.reshape(4),
        lambda x: x.T,
        lambda x: x.sum(),
        lambda x: x.broadcast_to((3, 2, 2)),
        lambda x: x[None],
        lambda x: x + 1.0,
        lambda x: x.astype(np.float64),
        lambda x: tx.identity(x),
        lambda x: tx.concatenate([x, x]),
    ],
)
def test_no_operation_lends_its_gradient(f, create_graph):
    x = leaf(np.ones((2, 2)))
    y = f(x)
    seed = np.ones(y.shape)
    y.backward(seed, create_graph=create_graph)
    before = x.grad.numpy().copy()
    assert not np.shares_memory(x.grad._data, seed)
    seed[...] = 9
    equal(x.grad, before)
    x.data *= 5
    equal(x.grad, before)


def test_a_gradient_may_be_written_to():
    x = leaf(np.ones((2, 2)))
    x.sum().backward()
    x.grad.data *= 0.5
    x.grad.data[0, 0] = 7
    equal(x.grad, [[7.0, 0.5], [0.5, 0.5]])


def test_large_batches_of_ever_new_lengths_leave_nothing_behind():
    def losses(lengths):
        for n in lengths:
            tx.cross_entropy(np.zeros((n, 2)), np.zeros(n, int))

    losses([40_000])
    tracemalloc.start()
    try:
        losses(range(50_000, 50_020))
        assert tracemalloc.get_traced_memory()[0] < 200_000  # one index of 50,000 places: 400 kB
    finally:
        tracemalloc.stop()
