"""The tape and the walk: size, sharing, accumulation, freeing, higher orders."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tensors import equal, leaf
from tinygrad_xent import GraphError, Tensor, concatenate
from tinygrad_xent.engine.walk import collect

# --- size -----------------------------------------------------------------------------------------


def test_a_chain_of_a_million_operations():
    """Forward, backward and freeing do not recurse: the interpreter's limit is far lower."""
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
    assert len(calls) == 2 * 64  # two inputs per node, however many paths: 2**64
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


# --- accumulation ----------------------------------------------------------------------------------


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


def test_what_a_join_keeps_does_not_grow_for_each_of_its_rules():
    """One tuple of shapes for all rules: with one per rule, 10,000 inputs took 4 GB."""
    few, many = (
        [Tensor([1.0] * (1 + i % 3), requires_grad=True) for i in range(n)] for n in (2, 500)
    )
    kept = [concatenate(tensors)._node.kept for tensors in (few, many)]
    assert len(kept[0]) == len(kept[1])
    concatenate(many).backward(np.arange(float(sum(t.size for t in many))))
    np.testing.assert_array_equal(
        np.concatenate([t.grad.numpy() for t in many]), np.arange(float(sum(t.size for t in many)))
    )


def test_an_update_does_not_reach_what_a_detached_leaf_was_used_for():
    p, w = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    loss = (w * p.detach()).sum() + (w[:1] * p.detach()[:1]).sum()
    p.data -= [1.0, 1.0]
    loss.backward()
    np.testing.assert_array_equal(w.grad.numpy(), [2.0, 2.0])
