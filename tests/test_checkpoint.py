"""checkpoint: the same gradients as without it."""

import numpy as np

import tinygrad_xent as tx


def test_the_gradient_passes_on_to_what_came_before():
    """The walk inside must not free what the operations before the checkpoint kept."""
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    v = tx.Tensor([1.0, 2.0], requires_grad=True)
    segment = lambda x: tx.tanh(x) * x  # noqa: E731 -- the function under test
    tx.checkpoint(segment)(tx.exp(w)).sum().backward()
    segment(tx.exp(v)).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), v.grad.numpy())
