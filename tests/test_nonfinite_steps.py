"""Nothing that is not finite spreads in silence: it is told once, with its cause, and no step writes it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent import optim
from tinygrad_xent.check import NonFiniteWarning
from tinygrad_xent.engine.errors import NonFiniteError

OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
}
LOSSES = {  # finite losses whose gradient is not
    "a norm at 0": lambda w: tx.sqrt((w * w).sum()),
    "a root at 0": lambda w: tx.sqrt(w).sum(),
    "a power at 0": lambda w: (w**0.5).sum(),
    "a mask by product": lambda w: (tx.sqrt(w) * np.zeros(2)).sum(),
    "a distance": lambda w: tx.sqrt(((w - np.zeros(2)) ** 2).sum()),
    "an overflow": lambda w: ((w + 1e-200) * 1e200 * 1e-200 * 1e200).sum() * 1e200,
}


def told(match=""):
    return pytest.warns(NonFiniteWarning, match=match)


def trained(make):
    """An optimiser after two healthy steps, with its parameters."""
    w, b = leaf([1.0, 2.0], "w"), leaf([3.0], "b")
    optimizer = make([w, b])
    for _ in range(2):
        optimizer.zero_grad()
        ((w * w).sum() + b.sum()).backward()
        optimizer.step()
    optimizer.zero_grad()
    w.data = [0.0, 0.0]
    return optimizer, w, b


def state_of(optimizer):
    return str(optimizer.state_dict()), [p.tolist() for p in optimizer.params]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_with_such_a_gradient_is_skipped_whole(name, loss):
    optimizer, w, b = trained(OPTIMISERS[name])
    before = state_of(optimizer)
    with told():
        (LOSSES[loss](w) + b.sum()).backward()
    assert np.isfinite(b.grad.numpy()).all()
    assert not np.isfinite(w.grad.numpy()).all()
    with told(r"step: the gradient of w is not finite: (?s:.*)the step is skipped"):
        optimizer.step()
    assert state_of(optimizer) == before
    optimizer.zero_grad()
    (w.sum() + b.sum()).backward()
    optimizer.step()
    assert state_of(optimizer) != before
    assert np.isfinite(w.numpy()).all()


def test_the_cause_and_the_cure_are_named_where_the_step_is_skipped():
    optimizer, w, _ = trained(OPTIMISERS["SGD"])
    with told("square root"):
        tx.sqrt((w * w).sum()).backward()
    with told(
        r"the slope of a square root at 0 is infinite .*sqrt at test_nonfinite_steps.py:\d+\); add"
    ) as caught:
        optimizer.step()
    assert caught[0].filename == __file__


def test_the_third_step_in_a_row_raises():
    optimizer, w, _ = trained(OPTIMISERS["Adam"])
    before = state_of(optimizer)

    def step(value):
        w.grad = value
        optimizer.step()

    for _ in range(2):
        with told("is skipped"):
            step([np.nan, 1.0])
    step([1.0, 1.0])  # a sound one: counting starts again
    before = state_of(optimizer)
    for _ in range(2):
        with told("is skipped"):
            step([np.inf, 1.0])
    for _ in range(2):
        with pytest.raises(NonFiniteError, match="for the 3rd step in a row") as caught:
            step([np.nan, 1.0])
        assert isinstance(caught.value, FloatingPointError)
        assert "test_nonfinite_steps.py" in str(caught.value)
    assert state_of(optimizer) == before


def test_raise_and_proceed():
    optimizer, w, _ = trained(OPTIMISERS["SGD"])
    w.grad = [np.nan, 1.0]
    optimizer.nonfinite = "raise"
    before = state_of(optimizer)
    with pytest.raises(NonFiniteError, match="the gradient of w is not finite"):
        optimizer.step()
    assert state_of(optimizer) == before
    optimizer.nonfinite = "proceed"
    optimizer.step()
    assert np.isnan(w.numpy()[0])
    with pytest.raises(ValueError, match="must be one of skip, raise, proceed, got 'hide'"):
        optimizer.nonfinite = "hide"


@pytest.mark.parametrize("way", ["assigned", "written to", "added to", "clipped after"])
def test_what_happens_between_backward_and_step_is_seen(way):
    optimizer, w, _ = trained(OPTIMISERS["SGD"])
    w.data = [1.0, 1.0]
    (w * w).sum().backward()
    before = state_of(optimizer)
    with np.errstate(all="ignore"):
        if way == "assigned":
            w.grad = w.grad.numpy() * np.inf
        elif way == "written to":
            w.grad.data[0] = np.nan
        elif way == "added to":
            w.grad = [1e308, 1.0]
            w.sum().backward(1e308)
        else:
            optim.clip_grad_norm([w], 1.0)
            w.grad.data[1] = -np.inf
        with told("the gradient of w is not finite"):
            optimizer.step()
    assert state_of(optimizer) == before


def test_a_huge_gradient_is_finite():
    optimizer, w, _ = trained(OPTIMISERS["SGD"])
    w.grad = [1e200, -1e200]
    with np.errstate(all="raise"):
        optimizer.step()
    equal(w.numpy(), [-1e199, 1e199])


def test_backward_tells_of_gradients_and_of_the_loss():
    for loss in LOSSES.values():
        w = leaf([0.0, 0.0], "w")
        with told(), np.errstate(all="raise", under="ignore"):  # the autopsy says it, not NumPy
            loss(w).backward()
    w = leaf([1.0], "w")
    with np.errstate(all="ignore"):
        infinite = (w * np.inf).sum()
    with told("inf"):
        infinite.backward()


def test_clipping_tells_what_backward_did_not():
    w = leaf([0.0, 0.0], "w")
    with told("square root"):
        tx.sqrt((w * w).sum()).backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(optim.clip_grad_norm([w], 1.0))  # told already
    w.grad = [np.inf, 300.0]
    with told("clip_grad_norm: the norm is inf, since the gradient of w is not finite"):
        optim.clip_grad_norm([w], 1.0)
    equal(w.grad.numpy(), [np.inf, 300.0])


def test_with_the_autopsy_switched_off_the_step_is_skipped_all_the_same():
    optimizer, w, _ = trained(OPTIMISERS["SGD"])
    with tx.check.autopsy(False):
        tx.sqrt((w * w).sum()).backward()
    before = state_of(optimizer)
    with told("the gradient of w is not finite; the step"):
        optimizer.step()
    assert state_of(optimizer) == before


def test_the_autopsy_of_logits_that_are_all_masked():
    z = leaf([[-np.inf, -np.inf], [0.0, 1.0]], "z")
    with np.errstate(all="ignore"):
        loss = tx.cross_entropy(z, [0, 1])
    with told("every entry of the line is -inf: all classes are masked"):
        loss.backward()
