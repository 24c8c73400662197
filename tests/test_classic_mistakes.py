"""The lesson of classic mistakes: each tool says what the text claims it says."""

import numpy as np
import pytest


@pytest.fixture
def ran(run_lesson):
    return run_lesson("classic_mistakes")


def test_the_right_loss_raises_no_finding(ran):
    assert "lint: nothing found" in ran.text.splitlines()[0]
    assert "autopsy of a healthy loss: None" in ran.text


@pytest.mark.parametrize(
    ("report", "op", "says"),
    [
        ("unshifted", "exp", "overflow in exp"),
        ("shifted", "div", "every exp of the row underflowed"),
        ("underflow", "log", "softmax underflowed"),
        ("masked", "log", "log of 0"),
    ],
)
def test_autopsies(ran, report, op, says):
    found = getattr(ran, report)
    assert found.op == op
    assert says in found.cause


def test_the_batch_maximum_spoils_one_row_only(ran):
    assert (ran.shifted.count, ran.shifted.size) == (2, 4)
    assert "that row" in ran.shifted.cure


def test_findings_of_lint(ran):
    found = {name: [f.rule for f in getattr(ran, name)] for name in vars(ran) if "_lint" in name}
    assert found == {
        "paper_lint": ["log of softmax"],
        "clip_lint": ["saturated softmax", "log of softmax"],
        "twice_lint": ["double softmax"],
        "squashed_lint": ["double sigmoid"],
        "pairs_lint": ["column against row"],
        "cut_lint": ["term that trains nothing", "parameter not reached"],
    }
    assert "clip at" in ran.clip_lint[1].message
    assert "! double softmax" in (ran.out / "classic_mistakes_lint.svg").read_text()


def test_what_is_fixed_has_no_findings(ran):
    assert ran.text.count("fixed: lint: nothing found") == 4
    assert ran.repaired


def test_clipping_loses_the_gradient(ran):
    np.testing.assert_array_equal(ran.clipped_slope, 0)
    np.testing.assert_array_equal(ran.true_slope, [-1, 1, 0])
    assert [(part.op, part.value) for part in ran.lost.parts] == [("clip", 0.0)]


def test_diagnoses(ran):
    assert {rule: d.mistakes for rule, d in ran.said.items()} == {
        "Xᵀ (Y - P) / N": ("sign flipped",),
        "Xᵀ (P - Y)": ("missing 1/N",),
        "Xᵀ (P - 1) / N": ("missing indicator",),
        "Xᵀ (P - 1)": ("missing indicator", "missing 1/N"),
        "(P - Y)ᵀ X / N": ("transposed",),
        "Xᵀ (P - Y) / N²": ("doubled 1/N",),
        "Xᵀ (P - Y) / N": (),
    }
    assert [d.is_right for d in ran.said.values()] == [False] * 6 + [True]
    assert [d.mistakes for d in ran.bias_said.values()] == [
        ("missing sum over the batch",),
        ("missing indicator",),
        (),
    ]
    assert ran.diagonal.mistakes == ("softmax Jacobian's diagonal only",)
    assert ran.summed.mistakes == ("extra factor 2",)


def test_what_raises(ran):
    assert ran.overwritten == "'Tensor' object is not callable"
    assert "V was kept by matmul" in ran.early
    assert "and overwritten at" in ran.early
    assert "element [0, 0] of tanh" in ran.behind


def test_the_learning_rate_is_named_by_backward_itself(ran):
    (warning,) = ran.caught
    assert warning.category is ran.check.NonFiniteWarning
    assert "the learning rate is too large" in " ".join(str(warning.message).split())


def test_smallest_graphs_on_which_recursion_is_wrong(ran):
    assert len(ran.graphs) == len(set(ran.graphs)) == 21
    sizes = {name: (wrong, size) for name, wrong, size, *_ in ran.rows}
    assert sizes["creation_order"] == sizes["on_the_tape"] == ("0 of 21", "-")
    assert sizes["pass_on_what_was_gathered"][1] == "2"
    assert sizes["visit_once"][1] == "3"
    assert [part.value for part in ran.smallest.parts] == [7.0, 5.0]
