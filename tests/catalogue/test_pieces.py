"""Activation functions of straight pieces: which slope they have at a kink, as in PyTorch; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slope, slopes
from tinygrad_xent.engine.errors import BadValueError

KINKS = {
    "hardsigmoid": (tx.hardsigmoid, [-3.0, 3.0], [0.0, 0.0]),
    "hardswish": (tx.hardswish, [-3.0, 3.0], [0.0, 1.0]),
    "hardshrink": (tx.hardshrink, [-0.5, 0.5, 0.6], [0.0, 0.0, 1.0]),
    "softshrink": (tx.softshrink, [-0.5, 0.5, 0.6], [0.0, 0.0, 1.0]),
    "threshold": (lambda x: tx.threshold(x, 0.5, 9.0), [0.5, 0.6], [0.0, 1.0]),
    "prelu": (lambda x: tx.prelu(x, 0.25), [0.0, 1.0], [0.25, 1.0]),
    "celu": (lambda x: tx.celu(x, 2.0), [0.0], [1.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_the_slope_at_a_kink(name):
    function, x, right = KINKS[name]
    equal(slope(function, x), right)


@pytest.mark.parametrize("name", [n for n in KINKS if n not in ("threshold", "prelu", "celu")])
def test_the_slope_at_a_kink_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    _, x, right = KINKS[name]
    theirs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    getattr(torch.nn.functional, name)(theirs).sum().backward()
    equal(right, theirs.grad.numpy())


def test_a_learned_slope_gets_the_sum_of_its_channel():
    x = [[-1.0, 2.0], [-3.0, -4.0]]
    equal(slopes(tx.prelu, x, [0.5, 0.5])[1], [-4.0, -4.0])
    equal(slopes(tx.prelu, x, [0.5])[1], [-8.0])
    assert tx.prelu(np.float16(x), np.float32([0.5])).dtype == np.float32


def test_what_can_not_be_is_refused_in_words():
    with pytest.raises(tx.ShapeError, match=r"prelu: the weight has the shape \(3,\)"):
        tx.prelu(np.ones((2, 2)), np.ones(3))
    with pytest.raises(BadValueError, match="softshrink: lambd must not be negative, got -1"):
        tx.softshrink([1.0], -1)
    for function in (tx.hardshrink, tx.softshrink):
        with pytest.raises(tx.DtypeError, match="lambd must be a number, got 'x'"):
            function([1.0], "x")
    with pytest.raises(tx.ShapeError, match="glu: axis 0 of length 3 has no halves"):
        tx.glu([1.0, 2.0, 3.0])
