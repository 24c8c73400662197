"""clip_grad_norm: one factor for all gradients, and none where the norm is not finite."""

import math

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.test_optimisers import parameter
from tinygrad_xent.optim import clip_grad_norm


def test_clipping_scales_all_gradients_together():
    a, b, idle = parameter([3.0, 0.0]), parameter(4.0), parameter()
    (a * a / 2).sum().backward()
    (b * b / 2).backward()
    assert clip_grad_norm([a, b, idle], 10.0) == 5.0
    np.testing.assert_array_equal(a.grad.numpy(), [3, 0])
    assert clip_grad_norm([a, b, idle], 1.0) == 5.0
    np.testing.assert_allclose(a.grad.numpy(), [0.6, 0], rtol=1e-6)
    assert b.grad.item() == pytest.approx(0.8)
    assert clip_grad_norm([a, b], math.inf) == pytest.approx(1)
    assert clip_grad_norm([idle], 1.0) == 0


def test_clipping_leaves_recorded_gradients_their_past():
    w = parameter([3.0, 4.0])
    (w**3).sum().backward(create_graph=True)
    slope = w.grad
    clip_grad_norm([w], 1.0)
    np.testing.assert_array_equal(slope.numpy(), [27, 48])
    assert w.grad.numpy().max() < 1


def test_clipping_tells_of_gradients_that_are_not_finite():
    w, fine = parameter(name="w"), parameter(name="fine")
    w.grad, fine.grad = [np.nan, 1.0], [1.0, 1.0]
    for limit in (math.inf, 1.0):
        with pytest.warns(
            tx.check.NonFiniteWarning, match="the norm is nan, since the gradient of w"
        ):
            assert math.isnan(clip_grad_norm([w, fine], limit))
    with pytest.raises(ValueError, match="the norm is nan, since the gradient of w is not finite"):
        clip_grad_norm([w, fine], 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(fine.grad.numpy(), [1, 1])


@pytest.mark.parametrize("make", [lambda g: g * 1, lambda g: g.detach()], ids=["scalar", "view"])
def test_clip_grad_norm_takes_a_gradient_that_can_not_be_written(make):
    w = tx.Tensor(3.0, requires_grad=True)
    w.grad = make(tx.Tensor(5.0))
    assert clip_grad_norm([w], 1.0) == 5.0
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(1.0, rel=1e-6)
