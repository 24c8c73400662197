"""Graph lint: each rule fires on its case, at its line, and never on healthy computations."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent.check import lint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4))
LABELS = RNG.integers(3, size=(12, 1))
ONE_HOT = np.eye(3)[LABELS[:, 0]]


def logits():
    return X @ leaf(RNG.normal(size=(4, 3)), "W") + leaf(np.zeros(3), "b")


def picked(log_p):
    return -tx.take_along_axis(log_p, LABELS, axis=1).mean()


CASES = {}


def case(rule):
    """Register a loss in which one rule, and no other, fires at the line that ends in HERE."""

    def register(function):
        assert function.__name__ not in CASES
        CASES[function.__name__] = (function, rule)
        return function

    return register


@case("log of softmax")
def log_then_softmax():
    p = tx.softmax(logits())
    return picked(tx.log(p))  # HERE


@case("log of softmax")
def log_of_the_picked_probability():
    p = tx.softmax(logits())
    return -tx.log((p * ONE_HOT).sum(axis=1) + 1e-9).mean()  # HERE


@case("log of softmax")
def log_of_a_clipped_softmax():
    p = tx.softmax(logits())
    return picked(tx.log(tx.clip(p, 1e-7, 1.0)))  # HERE


@case("log of softmax")
def log_of_a_softmax_by_hand():
    e = tx.exp(logits())
    p = e / e.sum(axis=1, keepdims=True)
    return picked(tx.log(p))  # HERE


@case("log of sigmoid")
def log_of_sigmoid():
    p = tx.sigmoid(logits())
    return -tx.log(p).mean()  # HERE


@case("log of sigmoid")
def log_of_one_minus_sigmoid():
    p = tx.sigmoid(logits())
    return -tx.log(1 - p).mean()  # HERE


@case("double softmax")
def cross_entropy_of_probabilities():
    p = tx.softmax(logits())
    return picked(tx.log_softmax(p, axis=1))  # HERE


@case("double softmax")
def softmax_by_hand_twice():
    e = tx.exp(tx.softmax(logits()))
    p = e / e.sum(axis=1, keepdims=True)  # HERE
    return (p * ONE_HOT).sum()


@case("double softmax")
def logsumexp_of_probabilities():
    p = tx.softmax(logits())
    return tx.logsumexp(p, axis=1).mean() - tx.take_along_axis(p, LABELS, axis=1).mean()  # HERE


@case("nll of probabilities")
def nll_loss_of_probabilities():
    p = tx.softmax(logits())
    with tx.scope("nll_loss"):
        return -tx.take_along_axis(p, LABELS, axis=1).mean()  # HERE


@case("double sigmoid")
def logits_loss_of_a_sigmoid():
    p = tx.sigmoid(logits())
    return (tx.softplus(p) - p * ONE_HOT).mean()  # HERE


@case("double sigmoid")
def logits_loss_of_a_sigmoid_with_signs():
    p = tx.sigmoid(logits())
    return tx.softplus(-p * (2 * ONE_HOT - 1)).mean()  # HERE


@case("column against row")
def column_against_row():
    prediction = X @ leaf(RNG.normal(size=(4, 1)))
    error = prediction - X[:, 0]  # HERE
    return (error * error).mean()


@case("saturated softmax")
def saturated_softmax():
    p = tx.softmax(1000 * logits())  # HERE
    return (p * ONE_HOT).sum()


@case("saturated tanh")
def saturated_tanh():
    return tx.tanh(1000 * logits()).sum()  # HERE


@case("saturated sigmoid")
def saturated_sigmoid():
    return tx.sigmoid(1000 * logits()).sum()  # HERE


@case("dead relu")
def dead_relu():
    return tx.relu(logits() - np.array([1e3, 1e3, 0.0])).sum()  # HERE


@case("dead relu")
def dead_relu_layer_of_a_small_batch():
    return tx.relu(logits()[:3] - 1e3).sum()  # HERE


@case("term that trains nothing")
def detached_loss_and_a_penalty():
    z, w = logits(), leaf([1.0, 2.0])
    loss = picked(tx.log_softmax(z.detach()))
    return 2 * (loss + 0.1 * (w * w).sum())  # HERE


@pytest.mark.parametrize("name", CASES)
def test_the_rule_fires_at_its_line(name):
    function, rule = CASES[name]
    (finding,) = lint(function())
    assert finding.rule == rule
    assert finding.line.text.endswith("# HERE")
    text = " ".join(str(finding).split())
    assert finding.cure in text
    assert finding.message in text


def healthy():
    z = logits()
    yield picked(tx.log_softmax(z, axis=1))
    z = logits()
    yield (tx.logsumexp(z, axis=1, keepdims=True) - tx.take_along_axis(z, LABELS, axis=1)).mean()
    z = logits()
    yield (tx.softplus(z) - z * ONE_HOT).mean()
    hidden = tx.relu(X @ leaf(RNG.normal(size=(4, 16))))
    w = leaf(RNG.normal(size=(16, 3)) / 4)
    yield picked(tx.log_softmax(hidden @ w)) + 0.01 * (w * w).sum()
    z = logits()
    shifted = tx.exp(z - z.max(axis=1, keepdims=True).detach())
    yield (shifted / shifted.sum(axis=1, keepdims=True) * ONE_HOT).sum()
    scores = tx.softmax(logits() @ leaf(RNG.normal(size=(3, 12))))  # attention, then a classifier
    yield picked(tx.log_softmax(scores @ logits()))
    a = leaf(RNG.normal(size=5))
    yield (a * tx.expand_dims(a, 1)).sum() + (a * a[:, None]).sum()  # an outer product, intended
    p = np.full((12, 3), 1 / 3)
    yield (tx.Tensor(p) * (tx.Tensor(np.log(p)) - tx.log_softmax(logits()))).sum()
    yield tx.log(leaf([1.0, 2.0])).sum()
    yield 1 - tx.tanh(leaf(0.5))


def test_healthy_computations_have_no_findings():
    for loss in healthy():
        assert lint(loss) == ()
        assert str(lint(loss)) == "lint: nothing found"


def test_a_parameter_the_loss_cannot_reach():
    w, unused = leaf(RNG.normal(size=(4, 3)), "W"), leaf([1.0], "unused")
    loss = picked(tx.log_softmax(X @ w))
    assert lint(loss, [w]) == ()
    (finding,) = lint(loss, [w, unused])
    assert finding.rule == "parameter not reached"
    assert "unused" in finding.message
    assert finding.entry is None


def test_a_detached_layer_names_the_line_that_reads_it():
    w1, w2 = leaf(RNG.normal(size=(4, 5)), "W1"), leaf(RNG.normal(size=(5, 3)), "W2")
    hidden = tx.tanh(X @ w1)
    z = hidden.detach() @ w2  # HERE
    loss = picked(tx.log_softmax(z))
    (finding,) = lint(loss, [w1, w2])
    assert "W1" in finding.message
    assert finding.line.text.endswith("# HERE")
    assert tx.trace(loss)[finding.entry].op == "matmul"


def test_detached_logits_train_nothing():
    w = leaf(RNG.normal(size=(4, 3)))
    loss = picked(tx.log_softmax((X @ w).detach()))
    (finding,) = lint(loss, [w])
    assert finding.rule == "nothing trained"
    assert "detach" in finding.cure


def test_findings_are_data_in_the_order_of_the_computation():
    p = tx.softmax(1000 * logits())
    trace = tx.trace(-tx.log(tx.clip(p, 1e-7, 1.0)).mean())
    findings = lint(trace)
    assert [f.rule for f in findings] == ["saturated softmax", "log of softmax"]
    assert findings[0].share == 1.0
    assert [trace[f.entry].op for f in findings] == ["softmax", "log"]
    assert "clip at" in findings[1].message
    assert "gradient is 0" in findings[1].message


def test_a_few_silent_units_are_no_finding():
    assert lint(tx.relu(logits() - np.array([1e3, 0.0, 0.0])).sum()) == ()
    assert lint(tx.relu(leaf([-1.0, 2.0])).sum()) == ()
