"""The tape and the walk: size, sharing, memory, freeing, accumulation, modes, threads, imports."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import GraphError, Tensor
from tinygrad_xent.tape import Leaf, Node
from tinygrad_xent.walk import collect


def leaf(data, name=None, dtype=None):
    return Tensor(data, requires_grad=True, name=name, dtype=dtype)


def equal(ours, expected):
    np.testing.assert_array_equal(ours.numpy() if isinstance(ours, Tensor) else ours, expected)


def base_of(array):
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def kept_bytes(y, without=()):
    """The bytes of every array that the graph of y keeps for its rules, each memory once."""
    arrays = {}
    for node in collect(y._node):
        for value in node.kept:
            if isinstance(value, np.ndarray):
                arrays[id(base_of(value))] = base_of(value)
    for tensor in without:
        arrays.pop(id(base_of(tensor._data)), None)
    return sum(array.nbytes for array in arrays.values())


# --- size -----------------------------------------------------------------------------------------


def test_a_chain_of_a_million_operations():
    """Forward, backward and freeing without recursion: the interpreter's limit is far below."""
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    y.backward()
    assert x.grad.item() == 1.0
    assert abs(y.item() - 2.0) < 1e-6
    del y  # the longest chain of references that the test suite frees


def test_sharing_costs_one_step_a_node():
    x = leaf(1.0)
    y = x
    for _ in range(64):
        y = y + y
    nodes = collect(y._node)
    assert len(nodes) == 64
    calls = []
    plan = nodes[0].plan
    counted = [
        (i, lambda g, rule=rule: calls.append(1) or rule(g), pick) for i, rule, pick in plan.rules
    ]
    original, plan.rules = plan.rules, counted
    try:
        y.backward()
    finally:
        plan.rules = original
    assert len(calls) == 2 * 64  # two inputs a node, however many paths: 2**64
    assert x.grad.item() == 2.0**64


# --- sharing --------------------------------------------------------------------------------------


def test_one_tensor_as_both_operands():
    a = leaf([1.0, 2.0])
    (a + a).sum().backward()
    equal(a.grad, [2.0, 2.0])
    a.zero_grad()
    (a * a).sum().backward()
    equal(a.grad, [2.0, 4.0])
    a.zero_grad()
    (a - a).sum().backward()
    equal(a.grad, [0.0, 0.0])
    m = leaf(np.eye(2) * 2)
    (m @ m).sum().backward()
    equal(m.grad, np.full((2, 2), 4.0))


def test_a_weight_used_twice():
    w, x = leaf(3.0), leaf(2.0)
    (w * (w * x)).backward()
    assert w.grad.item() == 12.0
    assert x.grad.item() == 9.0


def test_a_diamond():
    x = leaf(2.0)
    a = x * 3
    b, c = a * a, a + 1
    (b * c).backward()  # 9x²(3x + 1): 81x² + 18x
    assert x.grad.item() == 81 * 4 + 36


def test_a_leaf_as_the_output():
    x = leaf([1.0, 2.0])
    seed = np.array([5.0, 6.0])
    x.backward(seed)
    seed[:] = 0
    equal(x.grad, [5.0, 6.0])
    s = leaf(3.0)
    s.backward()
    s.backward()
    assert s.grad.item() == 2.0


def test_an_output_used_by_several_losses():
    x = leaf([1.0, 2.0])
    h = x * x
    first, second = h.sum(), (h * 10).sum()
    first.backward(retain_graph=True)
    second.backward()
    equal(x.grad, [22.0, 44.0])
    with pytest.raises(GraphError, match="already freed"):
        first.backward()


def test_losses_that_share_only_leaves_need_no_retaining():
    x = leaf([1.0, 2.0])
    first, second = (x * x).sum(), (x * 3).sum()
    first.backward()
    second.backward()
    equal(x.grad, [5.0, 7.0])


def test_branches_that_reach_nothing():
    x, y = leaf(1.0), leaf(2.0)
    unused = y * 2
    (x * 3).backward()
    assert y.grad is None
    unused.backward()
    assert y.grad.item() == 2.0


# --- memory ---------------------------------------------------------------------------------------


def ours_in_garbage(action):
    """What of this package the cycle collector finds after the action."""
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
    """linear-relu-linear-relu-linear: the relus' outputs and nothing else of the batch's size."""
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


def test_accumulation():
    x = leaf([1.0, 2.0])
    for _ in range(3):
        (x * x).sum().backward()
    equal(x.grad, [6.0, 12.0])
    held = x.grad
    (x * x).sum().backward()
    equal(held, [6.0, 12.0])  # what a caller holds is not changed behind its back
    x.zero_grad()
    assert x.grad is None
    (x * x).sum().backward()
    equal(x.grad, [2.0, 4.0])


def test_a_failing_backward_leaves_no_gradient_behind():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    loss = (x * w).sum()
    w.data = [5.0, 6.0]
    with pytest.raises(GraphError):
        loss.backward()
    assert x.grad is None
    assert w.grad is None


# --- freeing and retaining ------------------------------------------------------------------------


def test_the_second_backward_says_what_to_do():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(GraphError, match=r"(?s)freed.*test_tape\.py.*retain_graph=True"):
        loss.backward()
    equal(x.grad, [2.0, 4.0])


def test_retain_graph():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    equal(x.grad, [6.0, 12.0])
    with pytest.raises(GraphError, match="freed"):
        loss.backward()


def test_create_graph_to_third_order():
    x = leaf(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == expected
    x.zero_grad()
    y.backward()
    assert x.grad.item() == 24.0
    assert not x.grad.requires_grad


def test_create_graph_adds_to_a_gradient():
    x = leaf(3.0)
    (x * x).backward(create_graph=True)
    (x * x * x).backward(create_graph=True)
    total = x.grad  # 2x + 3x²
    assert total.item() == 33.0
    x.zero_grad()
    total.backward()
    assert x.grad.item() == 2 + 18


def test_gradient_dtype_is_the_leafs():
    low, high = leaf([1.0, 2.0], dtype=np.float32), leaf([1.0, 2.0], dtype=np.float64)
    y = low * high
    assert y.dtype == np.float64
    y.backward([1, 2])
    assert low.grad.dtype == np.float32
    assert high.grad.dtype == np.float64
    low.grad = np.ones(2)
    assert low.grad.dtype == np.float32
    low.grad = Tensor(np.ones(2))
    assert low.grad.dtype == np.float32


def test_seeds_of_every_kind():
    for seed in ([1, 2], (1.0, 2.0), np.array([1.0, 2.0], np.float32), Tensor([1.0, 2.0])):
        x = leaf([3.0, 4.0])
        (x * 2).backward(seed)
        equal(x.grad, [2.0, 4.0])
    x = leaf([[3.0]])
    (x * 2).backward()  # one element needs no seed, whatever its shape
    equal(x.grad, [[2.0]])


# --- modes ----------------------------------------------------------------------------------------


def test_no_grad_as_context_manager_and_decorator():
    x = leaf([1.0])

    @tx.no_grad()
    def double(t):
        """Twice t."""
        return t * 2

    assert double.__doc__ == "Twice t."
    assert not double(x).requires_grad
    assert double(x).is_leaf
    with tx.no_grad():
        assert not tx.is_grad_enabled()
        with tx.no_grad():
            pass
        assert not (x * 2).requires_grad
    assert tx.is_grad_enabled()
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), tx.no_grad():
        raise ZeroDivisionError
    assert tx.is_grad_enabled()
    assert Tensor([1.0], requires_grad=True).requires_grad


def test_scope_as_context_manager_and_decorator():
    x = leaf([1.0])

    @tx.scope("inner", "2t")
    def double(t):
        return t * 2

    with tx.scope("outer"):
        y = double(x) + double(x)
    entries = tx.trace(y)
    operations = [e.scope for e in entries if e.kind == "operation"]
    assert operations == [("outer", "inner"), ("outer", "inner"), ("outer",)]
    assert all(e.scope == () for e in entries if e.kind != "operation")
    calls = [e.scopes[1] for e in entries if e.op == "mul"]
    assert calls[0].id != calls[1].id  # two calls are two boxes
    assert calls[0].formula == "2t"
    for bad in ("", None, 3):
        with pytest.raises(TypeError, match="non-empty string"):
            tx.scope(bad)


def test_one_block_object_may_be_entered_again():
    block = tx.no_grad()
    with block, block:
        assert not tx.is_grad_enabled()
    assert tx.is_grad_enabled()


# --- threads --------------------------------------------------------------------------------------


def small_training(seed):
    """A few steps of a small net: its weights and the scopes of its last loss."""
    rng = np.random.default_rng(seed)
    w, v = leaf(rng.standard_normal((4, 5))), leaf(rng.standard_normal((5, 3)))
    x, labels = rng.standard_normal((6, 4)), rng.integers(3, size=6)
    for _ in range(30):
        with tx.scope(f"step {seed}"):
            logits = tx.tanh(Tensor(x) @ w) @ v
            loss = -logits.log_softmax()[np.arange(6), labels].mean()
        loss.backward()
        scopes = {e.scope[0] for e in tx.trace(loss) if e.kind == "operation"}
        with tx.no_grad():
            for p in (w, v):
                p.data -= 0.1 * p.grad
                p.zero_grad()
    return w.numpy().tobytes() + v.numpy().tobytes(), scopes


def test_two_threads_give_what_one_gives():
    expected = [small_training(seed) for seed in range(4)]
    found = [None] * 4
    start = threading.Barrier(4)

    def work(seed):
        start.wait()
        if seed == 3:  # one thread's mode is not another's
            with tx.no_grad():
                assert not leaf(1.0).exp().requires_grad
        found[seed] = small_training(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == expected
    assert found[1][1] == {"step 1"}


# --- imports, copies ------------------------------------------------------------------------------


def loaded_by(statement):
    """Which packages outside the standard library a statement loads in a fresh interpreter.

    Modules without a file are made by compiled ones (NumPy's random generators make two).
    """
    code = (
        "import sys; before = set(sys.modules)\n" + statement + "\n"
        "new = [m for name, m in sys.modules.items() if name not in before]\n"
        "print(*{m.__name__.partition('.')[0] for m in new if getattr(m, '__file__', None)})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split()) - sys.stdlib_module_names


def test_the_import_loads_nothing_but_numpy():
    assert loaded_by("import tinygrad_xent") == {"tinygrad_xent", "numpy"}
    assert "hypothesis" in loaded_by("import tinygrad_xent, hypothesis")  # it would be seen


def test_leaves_are_copied_and_pickled():
    w = leaf([[1.0, 2.0]], "w", np.float32)
    copies = (copy.copy(w), copy.deepcopy(w), pickle.loads(pickle.dumps(w)))
    for other in copies:
        assert other is not w
        equal(other, w.numpy())
        assert (other.dtype, other.name, other.requires_grad) == (np.float32, "w", True)
        assert other.is_leaf
        other.data += 1
        equal(w, [[1.0, 2.0]])
        (other * 2).sum().backward()
        assert w.grad is None
    pair = copy.deepcopy([w, w])
    assert pair[0] is pair[1]
    plain = pickle.loads(pickle.dumps(Tensor([1, 2])))
    assert (plain.dtype, plain.requires_grad, plain.name) == (np.int64, False, None)


def test_results_are_not_copied_with_their_tape():
    y = leaf([1.0]) * 2
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(GraphError, match="detach"):
            call(y)
    equal(copy.deepcopy(y.detach()), [2.0])


def test_a_leaf_knows_where_it_was_changed():
    w = leaf([1.0])
    assert isinstance(w._node, Leaf)
    assert w._node.changed_at is None
    w.data = [2.0]
    assert w._node.changed_at.text == "w.data = [2.0]"


def test_what_a_join_keeps_does_not_grow_for_each_of_its_rules():
    """One tuple of shapes for all rules: with one a rule, 10,000 inputs took 4 GB."""
    few, many = (
        [Tensor([1.0] * (1 + i % 3), requires_grad=True) for i in range(n)] for n in (2, 500)
    )
    kept = [tx.concatenate(tensors)._node.kept for tensors in (few, many)]
    assert len(kept[0]) == len(kept[1])
    tx.concatenate(many).backward(np.arange(float(sum(t.size for t in many))))
    np.testing.assert_array_equal(
        np.concatenate([t.grad.numpy() for t in many]), np.arange(float(sum(t.size for t in many)))
    )
