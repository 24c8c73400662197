"""What pictures need from a trace beyond values: argument names, and whether backward has run."""

import numpy as np

import tinygrad_xent as tx


def test_a_trace_names_the_arguments_as_the_formula_does():
    a = tx.Tensor([1.0], requires_grad=True)
    trace = tx.trace(tx.where(np.array([True]), a * 2, tx.concatenate([a, a])[:1]))
    names = {entry.op: entry.arguments for entry in trace}
    assert names["mul"] == ("a", "b")
    assert names["where"] == ("condition", "a", "b")
    assert names["join"] == ("arrays0", "arrays1")
    assert names["leaf"] == ()


def test_a_trace_tells_whether_backward_has_run():
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    assert tx.trace(loss)[w].accumulated is None
    loss.backward(retain_graph=True)
    stored = tx.trace(loss)[w].accumulated
    np.testing.assert_array_equal(stored, [2.0, 4.0])
    w.grad = None
    np.testing.assert_array_equal(stored, [2.0, 4.0])
