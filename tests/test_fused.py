"""Fused operations: recorded as one, shown as several, with the values and derivatives of these."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

import tinygrad_xent as tx
from tests.row_checks import check_parts
from tests.strategies import CHOSEN, each_call
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.engine.walk import collect

FUSED = [name for name, row in TABLE.items() if row.parts is not None]
LABELS = np.array([0, 2, 1])


def leaf(*shape: int, name: str | None = None) -> tx.Tensor:
    rng = np.random.default_rng(len(shape))
    return tx.Tensor(rng.standard_normal(shape), requires_grad=True, name=name)


def test_there_are_fused_rows():
    assert FUSED == ["linear", "softmax_cross_entropy"]


@pytest.mark.parametrize("name", FUSED)
def test_a_fused_row_computes_what_its_parts_compute(name):
    each_call(name, check_parts, settings(CHOSEN, max_examples=50))


def test_parts_that_compute_something_else_are_caught(monkeypatch):
    wrong = lambda x, weight, bias: tx.sub(tx.matmul(x, weight), bias)  # noqa: E731
    monkeypatch.setattr(TABLE["linear"], "parts", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        each_call("linear", check_parts)


def test_recorded_as_one_operation_each_and_shown_as_all():
    x, W, b = leaf(3, 4), leaf(4, 3, name="W"), leaf(3, name="b")
    loss = tx.cross_entropy(tx.linear(x, W, b), LABELS)
    recorded = [node.op.name for node in collect(loss._node)]
    assert recorded == ["softmax_cross_entropy", "linear"]
    trace = tx.trace(loss)
    shown = [entry.op for entry in trace if entry.kind == "operation"]
    assert shown == ["matmul", "add", "log_softmax", "take_along_axis", "sum", "div", "neg"]
    assert [entry.id for entry in trace] == list(range(len(trace)))
    assert all(source < entry.id for entry in trace for source in entry.inputs)


def test_a_trace_of_it_is_that_of_the_parts_themselves():
    def inputs() -> tuple[tx.Tensor, ...]:
        return leaf(3, 4), leaf(4, 3, name="W"), leaf(3, name="b")

    fused, composed = inputs(), inputs()
    with tx.scope("layer"):
        z, other = tx.linear(*fused), composed[0] @ composed[1] + composed[2]
    z.name = other.name = "z"
    ours = tx.trace(tx.cross_entropy(z, LABELS))
    theirs = tx.trace(tx.cross_entropy(other, LABELS))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.op, a.name, a.inputs, a.scope, a.settings.keys()) == (
            (b.op, b.name, b.inputs, b.scope, b.settings.keys())
        )
        np.testing.assert_array_equal(a.value, b.value)
        np.testing.assert_array_equal(a.gradient, b.gradient)
        assert [(c.entry, c.argument) for c in a.contributions] == (
            [(c.entry, c.argument) for c in b.contributions]
        )
    assert ours[z].op == "add"
    assert z in ours


def test_the_parts_stand_at_the_line_of_the_fused_operation():
    x, W, b = leaf(3, 4), leaf(4, 3), leaf(3)
    z = tx.linear(x, W, b)
    loss = tx.cross_entropy(z, LABELS)
    lines = {entry.op: entry.line.text for entry in tx.trace(loss) if entry.line}
    assert lines["matmul"] == lines["add"] == "z = tx.linear(x, W, b)"
    assert lines["log_softmax"] == lines["div"] == "loss = tx.cross_entropy(z, LABELS)"


def test_where_only_some_inputs_need_a_gradient_the_rest_is_an_input():
    x, b = tx.Tensor(np.ones((3, 4))), leaf(3)
    trace = tx.trace(tx.linear(x, np.ones((4, 3)), b).sum())
    assert [e.op for e in trace if e.kind == "operation"] == ["add", "sum"]
    assert sorted(e.kind for e in trace if e.op == "leaf") == ["input", "parameter"]  # x @ W and b


def test_what_the_forward_saved_serves_derivatives_of_any_order():
    z = leaf(3, 3)
    hessian = tx.hessian(lambda z: tx.cross_entropy(z, LABELS))(z)
    parts = tx.hessian(lambda z: TABLE["softmax_cross_entropy"].parts(z, LABELS[:, None], 1))(z)
    np.testing.assert_allclose(hessian.numpy(), parts.numpy(), rtol=1e-12, atol=1e-15)
    third = tx.grad(lambda z: (tx.grad(lambda z: tx.cross_entropy(z, LABELS))(z) ** 3).sum())(z)
    assert np.abs(third.numpy()).max() > 1e-3


def test_a_composite_stands_at_one_line_within_a_scope_of_the_user():
    z = leaf(3, 3)
    with tx.scope("mine"):
        loss = tx.mse_loss(tx.mean(z, axis=0), np.zeros(3))
    operations = [entry for entry in tx.trace(loss) if entry.kind == "operation"]
    assert {entry.line.text for entry in operations} == {
        "loss = tx.mse_loss(tx.mean(z, axis=0), np.zeros(3))"
    }
    assert {entry.scope[0] for entry in operations} == {"mine"}
    assert {entry.scope[1] for entry in operations} == {"mean", "mse_loss"}


def test_linear_adds_in_place_only_where_the_result_is_the_same():
    x, W = np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)
    assert tx.linear(x, W, np.ones(2)).dtype == np.float64
    assert tx.linear(x, W, np.ones((5, 1, 2), np.float32)).shape == (5, 2, 2)
    assert tx.linear(x, W, [1, 2]).tolist() == [[4.0, 5.0], [4.0, 5.0]]


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(tx.ShapeError, match=r"linear.*\(2, 3\).*\(2, 3\)"):
        tx.linear(leaf(2, 3), leaf(2, 3), leaf(3))
    with pytest.raises(TypeError, match=r"linear\(\) missing required argument 'bias'"):
        tx.linear(leaf(2, 3), leaf(3, 2))
