"""Every rule of the table, falsified: both checks notice and blame it; healthy graphs are left alone."""

from collections import Counter

import pytest
from mutation_proof import CASES, false_alarms, table_verdicts

from tinygrad_xent.table import TABLE


@pytest.fixture(scope="module")
def verdicts():
    return list(table_verdicts())


def test_every_row_has_a_case():
    assert set(CASES) == set(TABLE)


def test_every_rule_is_falsified_in_at_least_three_ways(verdicts):
    counts = Counter(v.rule for v in verdicts)
    for name, op in TABLE.items():
        for i, rule in enumerate(op.rules):
            if rule is not None:
                assert counts[f"{name}({op.inputs[i]})"] >= 3


def test_each_mutation_is_caught_and_laid_to_its_rule(verdicts):
    assert [v for v in verdicts if not (v.tape and v.whole)] == []


def test_the_kind_of_mistake_is_named(verdicts):
    """A wrong sign and a factor 2 can be told from the numbers alone, for every rule."""
    expected = {"sign": "sign flipped", "factor 2": "extra factor 2"}
    told = [v for v in verdicts if v.mutation in expected]
    assert [v for v in told if v.diagnosis != expected[v.mutation]] == []


def test_healthy_graphs_raise_no_alarm():
    assert false_alarms(60) == {key: [] for key in false_alarms(0)}
