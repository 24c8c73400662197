"""The catalogue against PyTorch, where a line of `tests/themes` can't say it: edges, ties, order of arguments."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
Q, K, V = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 6))
attention = tx.scaled_dot_product_attention


def test_a_query_that_sees_no_key_gets_0_and_gives_no_gradient():
    mask = np.array([[True] * 5, [False] * 5, [True, False, True, False, False]])
    minus = np.where(mask, 0.0, -np.inf)
    theirs = [torch.tensor(x, requires_grad=True) for x in (Q, K, V)]
    right = torch.nn.functional.scaled_dot_product_attention(*theirs, torch.tensor(mask))
    right.square().sum().backward()
    for each in (mask, minus):
        leaves = [leaf(x) for x in (Q, K, V)]
        y = attention(*leaves, each)
        np.testing.assert_allclose(y.numpy(), right.detach().numpy(), rtol=1e-12)
        equal(y[:, 1], np.zeros((2, 6)))
        (y * y).sum().backward()
        for ours, other in zip(leaves, theirs, strict=True):
            np.testing.assert_allclose(ours.grad.numpy(), other.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, -np.inf, np.inf])
def test_equal_numbers_at_the_edges_are_the_ones_inside(value):
    x = np.full((1, 1, 5, 4), value)
    theirs = torch.tensor(x, requires_grad=True)
    torch.nn.functional.max_pool2d(theirs, (3, 2), 2, 1).sum().backward()
    ours = leaf(x)
    tx.max_pool2d(ours, (3, 2), 2, 1).backward(np.ones((1, 1, 3, 3)))
    equal(ours.grad, theirs.grad.numpy())


def test_weights_of_groups_are_those_of_pytorch():
    x, weight, bias = RNG.normal(size=(2, 4, 3)), RNG.normal(size=4), RNG.normal(size=4)
    right = torch.group_norm(*map(torch.tensor, (x,)), 2, *map(torch.tensor, (weight, bias)))
    np.testing.assert_allclose(tx.group_norm(x, 2, weight, bias).numpy(), right, rtol=1e-12)
    assert tx.check.gradcheck(lambda *v: tx.group_norm(v[0], 2, *v[1:]), x, weight, bias, order=2)


def test_running_statistics_are_taken_as_they_are():
    x, average, variance = RNG.normal(size=(5, 3)), RNG.normal(size=3), RNG.uniform(0.5, 2, 3)
    kept = average.copy(), variance.copy()
    right = torch.nn.functional.batch_norm(*map(torch.tensor, (x, average, variance)))
    found = tx.batch_norm(x, running_mean=average, running_var=variance)
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-12)
    tx.batch_norm(x, None, None, average, variance)
    equal(average, kept[0])
    equal(variance, kept[1])
