"""trace(): values, gradients, contributions, order, scopes, names; and what it refuses."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.tensors import leaf
from tinygrad_xent import GraphError, ShapeError, Tensor


def network():
    """Two layers with a shared weight, an unnamed constant and a raw array."""
    rng = np.random.default_rng(0)
    w, b = leaf(rng.standard_normal((3, 3)), "W"), leaf(np.zeros(3), "b")
    x = Tensor(rng.standard_normal((4, 3)), name="x")
    with tx.scope("first"):
        h = (x @ w + b).relu()
    with tx.scope("second"), tx.scope("linear"):
        z = h @ w + b
    z.name = "logits"
    loss = (z * np.full(3, 0.5)).logsumexp(axis=1).mean()
    loss.name = "loss"
    return loss, {"W": w, "b": b, "x": x, "z": z, "h": h}


def test_before_and_after_backward_alike():
    loss, t = network()
    before = tx.trace(loss)
    assert t["W"].grad is None
    loss.backward()
    grads = {name: t[name].grad.numpy().copy() for name in ("W", "b")}
    after = tx.trace(loss)
    for one, two in zip(before, after, strict=True):
        assert (one.op, one.inputs, one.name, one.scope) == (
            two.op,
            two.inputs,
            two.name,
            two.scope,
        )
        np.testing.assert_array_equal(one.value, two.value)
        np.testing.assert_array_equal(one.gradient, two.gradient)
    for name, grad in grads.items():
        np.testing.assert_array_equal(t[name].grad.numpy(), grad)  # left alone
        np.testing.assert_allclose(after[t[name]].gradient, grad, rtol=1e-14)
    assert t["x"].grad is None


def test_values_are_those_of_the_tensors():
    loss, t = network()
    trace = tx.trace(loss)
    for tensor in (*t.values(), loss):
        np.testing.assert_array_equal(trace[tensor].value, tensor.numpy())
        assert trace[tensor].shape == tensor.shape
        assert trace[tensor].dtype == tensor.dtype
        assert trace[tensor].name == tensor.name
        assert tensor in trace
    assert trace[trace.output] is trace[loss]
    assert Tensor(1.0) not in trace
    with pytest.raises(KeyError, match="not part of the computation"):
        trace[Tensor(1.0)]


def test_gradients_of_inner_values():
    x = leaf([1.0, 2.0])
    y = x * 3
    z = y * y
    trace = tx.trace(z.sum())
    np.testing.assert_array_equal(trace[y].gradient, [6.0, 12.0])
    np.testing.assert_array_equal(trace[z].grad, [1.0, 1.0])
    np.testing.assert_array_equal(trace[x].gradient, [18.0, 36.0])


def test_contributions_sum_to_the_gradient():
    loss, _ = network()
    trace = tx.trace(loss)
    several = 0
    for entry in trace:
        if not entry.contributions:
            assert entry.id == trace.output or entry.gradient is None
            continue
        several += len(entry.contributions) > 1
        total = sum(c.value for c in entry.contributions)
        np.testing.assert_allclose(total, entry.gradient, rtol=1e-14, atol=1e-16)
        for c in entry.contributions:
            assert trace[c.entry].inputs[c.argument] == entry.id
            assert np.shape(c.value) == entry.shape
    assert several == 2  # W and b


def test_argument_order_and_repeated_inputs():
    a, b = leaf(5.0, "a"), leaf(2.0, "b")
    first, second = tx.trace(a - b), tx.trace(b - a)
    names = lambda t: [t[i].name for i in t[t.output].inputs]  # noqa: E731
    assert names(first) == ["a", "b"]
    assert names(second) == ["b", "a"]
    trace = tx.trace(a * a)
    assert trace[trace.output].inputs == (0, 0)
    assert [(c.entry, c.argument, float(c.value)) for c in trace[0].contributions] == [
        (1, 0, 5.0),
        (1, 1, 5.0),
    ]
    assert trace.users(trace[0]) == ((trace[1], 0), (trace[1], 1))


def test_entries_are_in_creation_order():
    loss, t = network()
    trace = tx.trace(loss)
    assert [e.id for e in trace] == list(range(len(trace)))
    assert all(i < e.id for e in trace for i in e.inputs)
    operations = [e.op for e in trace if e.kind == "operation"]
    assert operations == (
        ["matmul", "add", "relu", "matmul", "add", "mul", "logsumexp", "sum", "div"]
    )
    assert trace[t["W"]].id < trace[t["b"]].id < trace[t["x"]].id


def test_kinds_and_constants():
    loss, t = network()
    trace = tx.trace(loss)
    assert trace[t["W"]].kind == "parameter"
    assert trace[t["x"]].kind == "input"
    assert trace[t["h"]].kind == "operation"
    constants = [e for e in trace if e.kind == "constant"]
    assert [np.size(e.value) for e in constants] == [3, 1]  # the factor, the mean's divisor
    assert all(e.gradient is None and e.inputs == () and e.line is None for e in constants)
    assert all(e.op == "constant" for e in constants)
    np.testing.assert_array_equal(constants[0].value, np.full(3, 0.5))
    shared = np.ones(2)
    x = leaf([1.0, 2.0])
    twice = tx.trace((x * shared) + shared)
    assert sum(e.kind == "constant" for e in twice) == 1  # one array is one entry
    numbers = tx.trace((x * 2.0) + 2.0)
    assert sum(e.kind == "constant" for e in numbers) == 2  # two numbers are two


def test_scopes_and_lines():
    loss, t = network()
    trace = tx.trace(loss)
    assert trace[t["h"]].scope == ("first",)
    assert trace[t["z"]].scope == ("second", "linear")
    assert trace[loss].scope == ("mean",)
    assert trace[loss].scopes[0].formula == "Σ x / n"
    assert trace[t["h"]].line.text == "h = (x @ w + b).relu()"
    assert str(trace[t["h"]].line).startswith("test_trace.py:")


def test_formulas_and_settings():
    x = leaf(np.ones((2, 3)))
    trace = tx.trace(x.sum(axis=1, keepdims=True))
    entry = trace[trace.output]
    assert entry.settings == {"axis": 1, "keepdims": True}
    assert entry.formula == "Σ x"
    assert entry.derivatives == ("g",)
    trace = tx.trace(tx.where(np.array([True, False]), leaf([1.0, 2.0]), 0.0))
    assert trace[trace.output].derivatives[0] is None  # the condition has no derivative


def test_a_gradient_to_start_from():
    x = leaf([1.0, 2.0])
    y = x * x
    np.testing.assert_array_equal(tx.trace(y)[x].gradient, [2.0, 4.0])  # ones, if none is given
    np.testing.assert_array_equal(tx.trace(y, [1.0, 10.0])[x].gradient, [2.0, 40.0])
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\)"):
        tx.trace(y, np.ones(3))


def test_the_trace_owns_the_gradient_it_starts_from():
    x, seed = leaf([1.0, 2.0]), np.ones(2)
    y = x * 3
    trace = tx.trace(y, seed)
    seed[:] = 9
    np.testing.assert_array_equal(trace[y].gradient, [1.0, 1.0])


def test_a_checkpoint_is_one_entry_that_reaches_what_it_read():
    w, x = leaf([2.0, 3.0], "w"), leaf([1.0, 2.0], "x")
    y = tx.checkpoint(lambda t: t * t * w)(x * 2.0)
    trace = tx.trace(y.sum())
    assert [e.op for e in trace if e.kind == "operation"] == ["mul", "checkpoint", "sum"]
    np.testing.assert_array_equal(trace[y].value, [8.0, 48.0])
    np.testing.assert_array_equal(trace[w].gradient, [4.0, 16.0])
    np.testing.assert_array_equal(trace[x].gradient, [16.0, 48.0])


def test_values_without_gradients():
    y = Tensor([1.0, 2.0], name="x") * 3  # nothing requires grad: nothing was recorded
    trace = tx.trace(y)
    assert [e.gradient for e in trace] == [None]
    np.testing.assert_array_equal(trace[y].value, [3.0, 6.0])
    x = leaf([1.0], "x")
    alone = tx.trace(x)
    assert [(e.op, e.name, e.kind) for e in alone] == [("leaf", "x", "parameter")]
    np.testing.assert_array_equal(alone[x].gradient, [1.0])


def test_part_of_the_graph_without_gradient():
    x = leaf([1.0, 2.0])
    cut = (x * 2).detach() * 3
    trace = tx.trace(x * cut)
    assert trace[cut].kind == "input"
    assert trace[cut].gradient is None
    np.testing.assert_array_equal(trace[x].gradient, [6.0, 12.0])


@pytest.mark.parametrize("when", ["before backward", "after backward"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_changed_leaf_is_named_with_both_lines(when, kept):
    w, x = leaf([1.0, 2.0], "weights"), leaf([3.0, 4.0])
    loss = ((x * w) if kept else (x + w)).sum()
    if when == "after backward":
        loss.backward()
    w.data -= 1.0
    with pytest.raises(GraphError) as caught:
        tx.trace(loss)
    text = str(caught.value)
    assert "weights was read by " + ("mul" if kept else "add") in text
    assert "changed at test_trace.py:" in text
    assert "draw or trace before optimizer.step()" in text
    assert "run the forward pass again" in text
    fresh = (x * w).sum()
    np.testing.assert_array_equal(tx.trace(fresh)[x].gradient, [0.0, 1.0])


def test_a_trace_stays_as_it_was():
    w = leaf([1.0, 2.0])
    trace = tx.trace((w * w).sum())
    w.data[:] = 9.0
    w.data -= 1
    np.testing.assert_array_equal(trace[0].value, [1.0, 2.0])
    np.testing.assert_array_equal(trace[0].gradient, [2.0, 4.0])


def test_every_row_replays():
    """Settings, masks, repeated indices, several parts: the replay gives the recorded values."""
    x = leaf(np.arange(1.0, 7.0).reshape(2, 3), "x")
    y = tx.concatenate([x[:, [0, 0, 2]], x.T.reshape(2, 3).clip(2, 5)], axis=0)
    z = tx.stack([y.softmax(axis=0), y[y.numpy() > 0].reshape(4, 3)], axis=1)
    w = tx.take_along_axis(z, np.zeros((4, 1, 3), int), axis=1).squeeze(1).astype(np.float32)
    loss = (w.max(axis=-1) + tx.where(w[:, 0] > 0, w[:, 1], w[:, 2]).var()).sum()
    trace = tx.trace(loss)
    for tensor in (y, z, w, loss):
        np.testing.assert_array_equal(trace[tensor].value, tensor.numpy())
    loss.backward()
    np.testing.assert_allclose(trace[x].gradient, x.grad.numpy(), rtol=1e-14)


def test_a_gradient_of_a_gradient_can_be_traced():
    x = leaf(2.0, "x")
    (x**3).backward(create_graph=True)
    trace = tx.trace(x.grad)
    assert trace[x.grad].value == 12.0
    assert trace[x].gradient == 12.0
    assert any("gradient" in e.scope for e in trace)


def test_a_long_chain_is_traced_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y + 1.0
    trace = tx.trace(y)
    assert trace[y].value == 5001.0
    assert trace[x].gradient == 1.0


def test_tracing_costs_the_tape_nothing():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    node = loss._node
    kept = [n.kept for n in (node, node.inputs[0])]
    tx.trace(loss)
    assert all(n.kept is k for n, k in zip((node, node.inputs[0]), kept, strict=True))
    loss.backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0]


# --- plain data -----------------------------------------------------------------------------------


def checkpointed():
    """A program with a checkpoint of an intermediate result, and a loss without parts."""
    rng = np.random.default_rng(0)
    w, x = leaf(rng.standard_normal((3, 4)), "w"), Tensor(rng.standard_normal((5, 3)), name="x")
    h = tx.checkpoint(lambda t: tx.tanh(t) * t)(x @ w)
    return tx.linear_cross_entropy(h, np.eye(4, 6), None, [0, 1, 2, 3, 4], chunk_rows=2) + h.mean()


PROGRAMS = {
    "network": lambda: network()[0],
    "checkpoint": checkpointed,
    "fused": lambda: tx.cross_entropy(leaf(np.eye(3))[[0, 2]], [1, 0]),
    "masks": lambda: tx.where(np.array([True, False]), leaf([np.nan, 1.0]), 0.0)[1],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_trace_is_plain_data(program):
    """Equal for equal computations and after pickling, without memory addresses in any text."""
    one, two = tx.trace(PROGRAMS[program]()), tx.trace(PROGRAMS[program]())
    assert one == two
    assert hash(one) == hash(two)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert [e.line for e in again] == [e.line for e in one]
    assert not re.search(r"0x[0-9a-f]{6,}", repr(one))
    first, second = viz.draw(one), viz.draw(two)
    assert first.dot == second.dot == viz.draw(again).dot
    assert not re.search(r"0x[0-9a-f]{6,}", first.dot)
    assert viz.compare(one, two).dot


def test_settings_that_are_nan_or_tensors_compare():
    x = leaf([1.0, 2.0], "x")
    for limit in (float("nan"), Tensor([0.0, 1.5])):
        one, two = (tx.trace(x.clip(limit, None).sum()) for _ in range(2))
        assert one == two == pickle.loads(pickle.dumps(one))


def test_traces_of_different_computations_differ():
    x = leaf([1.0, 2.0], "x")
    trace = tx.trace((x * 2.0).sum())
    for other in (
        (x * 3.0).sum(),
        (x + 2.0).sum(),
        (leaf([1.0, 2.5], "x") * 2.0).sum(),
        (leaf([1.0, 2.0], "y") * 2.0).sum(),
        (leaf([1.0, 2.0], "x", np.float32) * 2.0).sum(),
        (x * 2.0).sum(axis=0),
        (x * 2.0).mean(),
    ):
        assert trace != tx.trace(other)
    assert trace != "something else"
    (x * 2.0).sum().backward()
    assert trace == tx.trace((x * 2.0).sum())  # another line, and x.grad is there now


def test_a_trace_from_a_pickle_knows_no_tensors():
    x = leaf([1.0], "x")
    trace = pickle.loads(pickle.dumps(tx.trace(x * 2)))
    assert x not in trace
    with pytest.raises(KeyError, match="not part of the computation"):
        trace[x]
    assert tx.check.explain_nonfinite(trace) is None
    assert tx.check.lint(trace) == ()


def test_what_a_closed_operation_needs_is_in_no_setting():
    trace = tx.trace(checkpointed())
    closed = [e for e in trace if e.op in ("checkpoint", "linear_cross_entropy")]
    assert [e.settings for e in closed] == [{}, {}]
