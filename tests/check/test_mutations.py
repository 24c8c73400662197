"""When a rule of the table is falsified, both checks notice and blame it; healthy graphs pass."""

from collections import Counter

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.mutation_proof import LOSSES, false_alarms, loss_verdicts, table_verdicts
from tinygrad_xent.check import check_tape, gradcheck
from tinygrad_xent.engine.table import TABLE


@pytest.fixture(scope="module")
def verdicts():
    return list(table_verdicts())


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
    found = false_alarms(60)
    assert len(found) == 4
    assert not any(found.values())


def test_every_loss_has_a_case():
    named = {name for name in tx.__all__ if name.endswith("_loss") or "cross_entropy" in name}
    assert set(LOSSES) == named


def test_each_mutation_inside_a_loss_is_caught_and_laid_to_its_rule():
    verdicts = list(loss_verdicts())
    assert [v for v in verdicts if not (v.tape and v.whole)] == []
    assert min(Counter(v.rule for v in verdicts).values()) >= 3
    assert {v.rule.split(":")[0] for v in verdicts} == set(LOSSES)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", LOSSES)
def test_healthy_losses_raise_no_alarm(loss, dtype):
    rng = np.random.default_rng(1)
    for function, *makers in LOSSES[loss]:
        inputs = [make(rng).astype(dtype) for make in makers]
        leaves = [tx.Tensor(x, requires_grad=True) for x in inputs]
        output = function(*leaves)
        assert check_tape(output)
        assert gradcheck(function, *inputs, order=2)
        output.sum().backward()  # the check has left the tape as it was
        again = [tx.Tensor(x, requires_grad=True) for x in inputs]
        function(*again).sum().backward()
        for leaf, other in zip(leaves, again, strict=True):
            np.testing.assert_array_equal(leaf.grad.numpy(), other.grad.numpy())
