"""Every row of the table against central differences in float64, to first and second order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings

import tinygrad_xent as tx
from tests import themes
from tests.check.mutation_proof import mutated, row_verdicts
from tests.operations import CASES, COMPOSITES, NAMES, ROWS, of_two
from tests.row_checks import check_row
from tests.strategies import CHOSEN
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.engine.tensors import raw

# To see a broken rule fail, the smallest failing input is not needed.
UNSHRUNK = settings(CHOSEN, phases=[Phase.generate], report_multiple_bugs=False, database=None)


def test_every_row_has_a_case():
    assert set(ROWS) == set(TABLE)
    assert set(CASES) == {*TABLE, *COMPOSITES}, (
        "each row needs a line in CASES, tests/operations.py"
    )


@pytest.mark.parametrize("name", [*NAMES, *themes.SEVERAL])
def test_gradient_and_second_derivative(name):
    check_row(name)


# --- the test itself is tested: no broken rule passes it ------------------------------------------


def caught(name: str, i: int, function: Callable[..., Any]) -> None:
    """The check fails with another function in place of rule i of a row."""
    with (
        mutated(TABLE[name], i, function),
        pytest.raises(AssertionError, match="Not equal to tolerance"),
    ):
        check_row(name, UNSHRUNK)


def slightly_off(rule: Callable[..., Any], *args: Any) -> Any:
    return rule(*args) * (1 + 1e-4)


LIVE_RULES = [(name, i) for name in ROWS for i, rule in enumerate(TABLE[name].rules) if rule]


@pytest.mark.parametrize(("name", "i"), LIVE_RULES)
def test_a_rule_off_by_one_in_ten_thousand_is_caught(name, i):
    caught(name, i, partial(slightly_off, TABLE[name].rules[i].function))


def test_a_rule_right_to_first_order_only_is_caught():
    caught("tanh", 0, lambda g, y: g * (1 - raw(y) ** 2))


def test_a_wrong_sign_is_caught():
    caught("sub", 1, lambda g: g)


# --- a row that is new ----------------------------------------------------------------------------


def new_row(monkeypatch: Any, forward: Callable[..., Any], *rules: Any) -> str:
    """A row that is in the table until the test ends, and its one line of inputs."""
    monkeypatch.setitem(CASES, forward.__name__, of_two)
    tx.op("a · a · b", *rules)(forward)
    return forward.__name__


def square_times(a: Any, b: Any, /) -> Any:
    return a * a * b


DA = ("2 · g · a · b", lambda g, a, b: 2 * g * a * b)
DB = ("g · a²", lambda g, a: g * a * a)


def test_one_line_of_inputs_checks_a_new_row(monkeypatch):
    name = new_row(monkeypatch, square_times, DA, DB)
    check_row(name)
    verdicts = list(row_verdicts(name))
    assert [v for v in verdicts if not (v.tape and v.whole)] == []
    assert {v.rule for v in verdicts} == {"square_times(a)", "square_times(b)"}


@pytest.mark.parametrize("rules", [(DA, DA), (DA, None), (DB, DB)])
def test_a_new_row_with_a_wrong_or_missing_rule_is_caught(monkeypatch, rules):
    name = new_row(monkeypatch, square_times, *rules)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_row(name, UNSHRUNK)


def test_a_row_without_rules_has_values_only(monkeypatch):
    def above(a: Any, b: Any, /) -> Any:
        return np.greater(a, b)

    check_row(new_row(monkeypatch, above, None, None))


def test_functions_of_shape_take_python_numbers():
    assert tx.broadcast_to(3, (2,)).tolist() == [3, 3]
    assert tx.reshape(3.0, (1, 1)).tolist() == [[3.0]]
    assert tx.expand_dims(3.0, -1).tolist() == [3.0]
    assert tx.squeeze(3.0).tolist() == 3.0
    assert tx.concatenate([1.0, 2.0], axis=None).tolist() == [1.0, 2.0]
    for reduction in (tx.sum, tx.max, tx.mean):
        with pytest.raises(tx.ShapeError, match="axis 1"):
            reduction(3.0, axis=1)
