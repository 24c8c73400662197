"""Every row of the table against central differences in float64, to first and second order.

The differences are five-point central ones: with steps of 1e-3 both their truncation and their
rounding error stay near 1e-12, so a relative tolerance of 1e-6 has no slack for a wrong rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import tinygrad_xent as tx
from tests.op_cases import CASES, NAMES, ROWS, Call, draw_call
from tinygrad_xent.table import TABLE, DerivativeRule
from tinygrad_xent.tape import raw

STEP = 1e-3
CHOSEN = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same inputs in every run: a red test is red for everyone
    suppress_health_check=[HealthCheck.too_slow],
)
# To see a broken rule fail, the smallest failing input is not needed.
UNSHRUNK = settings(CHOSEN, phases=[Phase.generate], report_multiple_bugs=False, database=None)


def differences(f: Callable[..., float], points: Sequence[Any]) -> list[Any]:
    """The gradient of a scalar function of arrays by five-point central differences."""
    found = []
    for k, x in enumerate(points):
        slope = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            at = {}
            for steps in (-2, -1, 1, 2):
                moved = x.copy()
                moved[place] += steps * STEP
                at[steps] = f(*points[:k], moved, *points[k + 1 :])
            slope[place] = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * STEP)
        found.append(slope)
    return found


def place(call: Call, arrays: Sequence[Any]) -> list[Any]:
    """All inputs of a call, with these in the differentiated places."""
    inputs = list(call.inputs)
    for i, array in zip(call.live, arrays, strict=True):
        inputs[i] = array
    return inputs


def leaf_gradient(leaf: tx.Tensor) -> Any:
    """A leaf's gradient as an array; zeros where no path led to it."""
    return np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


def check_call(call: Call) -> None:
    """First order, and the derivatives of <gradient, u> in the inputs and in the seed."""
    points = [np.array(call.inputs[i]) for i in call.live]
    rng = np.random.default_rng(0)
    seed = rng.uniform(-1, 1, np.shape(call.run(*call.inputs)))
    along = [rng.uniform(-1, 1, x.shape) for x in points]

    def value(*arrays: Any) -> float:
        return float(np.sum(seed * call.run(*place(call, arrays))))

    def slope_along(*arrays: Any) -> float:
        """<gradient of <seed, f>, u>, from one walk on raw arrays: the last array is the seed."""
        leaves = [tx.Tensor(x, requires_grad=True) for x in arrays[:-1]]
        call.run(*place(call, leaves)).backward(arrays[-1])
        return sum(float(np.sum(leaf_gradient(x) * u)) for x, u in zip(leaves, along, strict=True))

    leaves = [tx.Tensor(x, requires_grad=True) for x in points]
    y = call.run(*place(call, leaves))
    np.testing.assert_array_equal(y.numpy(), call.run(*call.inputs))
    y.backward(seed)
    for leaf, expected in zip(leaves, differences(value, points), strict=True):
        close(leaf_gradient(leaf), expected)

    leaves = [tx.Tensor(x, requires_grad=True) for x in points]
    v = tx.Tensor(seed, requires_grad=True)
    call.run(*place(call, leaves)).backward(v, create_graph=True)
    total = sum(((x.grad * u).sum() for x, u in zip(leaves, along, strict=True)), tx.Tensor(0.0))
    v.zero_grad()
    for leaf in leaves:
        leaf.zero_grad()
    total.backward()
    for leaf, expected in zip([*leaves, v], differences(slope_along, [*points, seed]), strict=True):
        close(leaf_gradient(leaf), expected)


def check_row(name: str, how: settings = CHOSEN) -> None:
    """`check_call` on calls of one row that Hypothesis makes."""
    how(given(draw_call(name))(check_call))()


def test_every_row_has_a_case():
    assert set(ROWS) == set(TABLE)
    assert not set(TABLE) - set(CASES), "a row of the table without a case in tests/op_cases.py"


@pytest.mark.parametrize("name", NAMES)
def test_gradient_and_second_derivative(name):
    check_row(name)


# --- the test itself is tested: no broken rule passes it ------------------------------------------


def break_rule(monkeypatch: Any, name: str, i: int, function: Callable[..., Any]) -> None:
    """Put another function in the place of rule i of a row."""
    row = TABLE[name]
    rules = list(row.rules)
    rule = rules[i]
    broken = DerivativeRule(rule.formula, function)
    broken.wants = rule.wants
    rules[i] = broken
    monkeypatch.setattr(row, "rules", tuple(rules))
    monkeypatch.setattr(row, "plans", {})


def slightly_off(rule: Callable[..., Any], g: Any, *args: Any, **kwargs: Any) -> Any:
    return rule(g, *args, **kwargs) * (1 + 1e-4)


LIVE_RULES = [(name, i) for name in ROWS for i, rule in enumerate(TABLE[name].rules) if rule]


@pytest.mark.parametrize(("name", "i"), LIVE_RULES)
def test_a_rule_off_by_one_in_ten_thousand_is_caught(monkeypatch, name, i):
    rule = TABLE[name].rules[i].function
    break_rule(monkeypatch, name, i, partial(slightly_off, rule))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_row(name, UNSHRUNK)


def test_a_rule_right_to_first_order_only_is_caught(monkeypatch):
    break_rule(monkeypatch, "tanh", 0, lambda g, y: g * (1 - raw(y) ** 2))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_row("tanh", UNSHRUNK)


def test_a_wrong_sign_is_caught(monkeypatch):
    break_rule(monkeypatch, "sub", 1, lambda g: g)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_row("sub", UNSHRUNK)


def test_functions_of_shape_take_python_numbers():
    assert tx.broadcast_to(3, (2,)).tolist() == [3, 3]
    assert tx.reshape(3.0, (1, 1)).tolist() == [[3.0]]
    assert tx.expand_dims(3.0, -1).tolist() == [3.0]
    assert tx.squeeze(3.0).tolist() == 3.0
    assert tx.concatenate([1.0, 2.0], axis=None).tolist() == [1.0, 2.0]
    for reduction in (tx.sum, tx.max, tx.mean):
        with pytest.raises(tx.ShapeError, match="axis 1"):
            reduction(3.0, axis=1)
