"""Functions with their own rules, without a row in the table."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.tensors import leaf
from tinygrad_xent import custom_vjp
from tinygrad_xent.check import check_tape, explain_nonfinite, gradcheck
from tinygrad_xent.engine.table import TABLE


def test_any_letter_may_name_an_input():
    f = custom_vjp(lambda i: i * i, lambda g, i: 2 * g * i)
    x = leaf([1.0, 2.0])
    f(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_an_input_without_a_rule_needs_no_gradient():
    f = custom_vjp(lambda x, n: x * n, lambda g, n: g * n, None)
    n = leaf([3.0])
    assert not f([2.0], n).requires_grad
    assert f(leaf([2.0]), n).requires_grad


def test_losses_and_lists_within_a_rule():
    f = custom_vjp(
        lambda x: tx.cross_entropy(x, [0, 1]),
        lambda g, x: g * tx.cross_entropy(x, np.array([0, 1])) * tx.add([1.0, 2.0], [3.0, 4.0]),
    )
    x = leaf(np.zeros((2, 2)))
    f(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.log(2) * np.array([[4.0, 6.0]] * 2))


def test_custom_vjp_differentiates_by_its_rules():
    product = custom_vjp(lambda a, b: a * b, lambda g, b: g * b, lambda g, a: 10 * g * a)
    a, b = leaf([2.0, 3.0]), leaf([5.0, 7.0])
    y = product(a, b)
    y.sum().backward()
    assert (y.tolist(), a.grad.tolist()) == ([10.0, 21.0], [5.0, 7.0])
    assert b.grad.tolist() == [20.0, 30.0]  # as its rule says
    guilty = check_tape(product(a, b).sum()).guilty
    assert [(r.op, r.argument) for r in guilty] == [("custom_vjp", "b")]


def test_custom_vjp_in_every_order_and_place():
    def cubed(x):
        """x³"""
        return x**3

    f = custom_vjp(cubed, lambda g, x: 3 * g * x * x)
    assert (f.__name__, f.__doc__) == ("cubed", "x³")
    assert [tx.grad(f)(2.0).item(), tx.grad(tx.grad(f))(2.0).item()] == [12.0, 12.0]
    assert gradcheck(f, [0.5, -1.0], order=2)
    trace = tx.trace(f(leaf([2.0], "x")).sum())
    assert pickle.loads(pickle.dumps(trace)) == trace
    assert "cubed" in viz.draw(trace).svg
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = explain_nonfinite(f(leaf([1e200], "x")).sum())
    assert (report.op, report.line.text[:6]) == ("cubed", "report")
    assert "cubed" not in TABLE


def test_custom_vjp_without_a_derivative_or_declared_wrongly():
    step = custom_vjp(lambda x: np.sign(x), None)
    assert not step(leaf([1.0])).requires_grad
    with pytest.raises(TypeError, match=r"inputs .* need a rule each"):
        custom_vjp(lambda a, b: a, lambda g: g)
    with pytest.raises(TypeError, match="asks for 'z'"):
        custom_vjp(lambda a: a, lambda g, z: g)
    with pytest.raises(TypeError, match="before a `/`"):
        custom_vjp(lambda: 1, lambda g: g)
    for forward in (lambda x, n=2: x, lambda *xs: xs, lambda x, *, n: x, np.round):
        with pytest.raises(TypeError, match="every parameter is an input"):
            custom_vjp(forward, lambda g: g)
