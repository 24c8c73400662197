"""The cost of looking at gradients is measured with the look and really without it."""

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from benchmarks import nonfinite
from benchmarks.cases import STEPS, tiny
from benchmarks.peers.ours import step


def with_nan():
    w = tx.Tensor([1.0, np.nan], requires_grad=True)
    optimizer = tx.optim.SGD([w], lr=1.0)
    (w * w)[1:].sum().backward()
    optimizer.step()


def test_without_the_look_nobody_notices():
    with pytest.warns(tx.check.NonFiniteWarning):
        with_nan()
    with nonfinite.without_the_look(), warnings.catch_warnings(), tx.check.autopsy(False):
        warnings.simplefilter("error")
        with_nan()
    with pytest.warns(tx.check.NonFiniteWarning):
        with_nan()


def test_a_cost_is_a_ratio_of_steps(monkeypatch):
    monkeypatch.setattr(nonfinite, "ROUNDS", 2)
    monkeypatch.setattr(nonfinite, "SECONDS", 1e-3)
    ratio, seconds = nonfinite.cost(step(tiny(STEPS[0]).settings).run)
    assert 0.1 < ratio < 10
    assert 0 < seconds < 1
