"""Rows of the package replaced by the user's; when these are removed, the package is as before."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent import op, remove_op
from tinygrad_xent.engine.methods import Methods
from tinygrad_xent.engine.public import NUMPY, PUBLIC
from tinygrad_xent.engine.table import TABLE

GOOD = ("g", lambda g: g)


def test_a_row_of_the_package_may_be_replaced_and_comes_back():
    before = tx.tanh

    @op("tanh x", ("g", lambda g: g), method=True, numpy=np.tanh, replace=True)
    def tanh(x, /):
        return np.tanh(x)

    x = leaf([1.0])
    tx.tanh(x).sum().backward()
    assert x.grad.item() == 1.0
    remove_op("tanh")
    assert tx.tanh is before
    x.zero_grad()
    np.tanh(x).sum().backward()
    assert x.grad.item() == pytest.approx(1 - np.tanh(1.0) ** 2)


def test_what_was_not_added_is_not_taken_out():
    for name in ("exp", "nothing"):
        with pytest.raises(ValueError, match=f"no operation '{name}' was added"):
            remove_op(name)


def test_a_name_of_the_package_is_left_alone():
    before = tx.grad

    @op("x", GOOD)
    def grad(x, /):
        return x * 1.0

    assert tx.grad is before
    remove_op("grad")
    assert tx.grad is before


def test_taking_out_once_too_often_leaves_the_packages_row():
    @op("eˣ", ("g · y", lambda g, y: g * y), replace=True, numpy=np.exp, method=True)
    def exp(x, /):
        return np.exp(x)

    remove_op("exp")
    with pytest.raises(ValueError, match="no operation 'exp' was added"):
        remove_op("exp")
    assert np.exp(leaf([0.0])).item() == leaf([0.0]).exp().item() == 1.0


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_row_of_the_package_may_be_replaced_and_comes_back_whole(name):
    row, known = TABLE[name], PUBLIC[name]
    methods, numpy = dict(vars(Methods)), dict(NUMPY)
    before = {n: f for n, f in vars(tx).items() if f is known.function}

    def forward(*arrays):
        return arrays[0]

    forward.__name__ = name
    replaced = op("join(arrays)", GOOD, replace=True)(forward)
    assert all(getattr(tx, n) is replaced for n in before)
    assert not known.numpy or known.numpy[0] not in NUMPY
    remove_op(name)
    assert (TABLE[name], PUBLIC[name]) == (row, known)
    assert dict(vars(Methods)).keys() == methods.keys()
    assert numpy == NUMPY
    assert all(getattr(tx, n) is f for n, f in before.items())


def test_what_another_row_took_meanwhile_is_not_overwritten():
    @op("eˣ", ("g · y", lambda g, y: g * y), replace=True)
    def exp(x, /):
        return np.exp(x)

    @op("2 · x", ("2 · g", lambda g: 2 * g), numpy=np.exp, method=True, aliases=("exp",))
    def taken(x, /):
        return 2 * x

    with pytest.raises(ValueError, match="Tensor already has an attribute 'exp'"):
        remove_op("exp")
    assert leaf([3.0]).exp().item() == np.exp(leaf([3.0])).item() == 6.0
    remove_op("taken")
    remove_op("exp")
    assert leaf([0.0]).exp().item() == np.exp(leaf([0.0])).item() == 1.0
