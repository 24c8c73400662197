"""audit(): each verdict is earned by figures that deserve it, and by no others."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.check import audit


def verdict(published, computed, **options):
    return audit({"q": published}, {"q": computed}, **options)["q"].verdict


@pytest.mark.parametrize(
    ("published", "computed", "expected"),
    [
        ("0.566", 0.566, "exact"),
        ("0.57", 0.566, "rounded"),
        ("0.68", 0.685, "rounded"),  # a tie, rounded either way
        ("0.69", 0.685, "rounded"),
        ("0.56", 0.566, "truncated"),
        ("-0.56", -0.566, "truncated"),
        ("0.9", 0.93, "rounded"),  # one digit printed, one digit judged
        ("0.90", 0.93, "error: off by 3 in the last place"),
        ("0.58", 0.566, "error: off by 1.4 in the last place"),
        ("-0.57", 0.566, "error: sign reversed"),
        ("2", 2, "exact"),
        ("2", 0, "error: off by 2 in the last place"),
        ("0.00", -0.001, "rounded"),
        ("1.2e-3", 0.00124, "rounded"),
        ("−0.57", -0.566, "rounded"),
        ("nan", np.nan, "exact"),
        ("0.5", np.nan, "error: not the computed figure"),
        ("inf", 1.0, "error: not the computed figure"),
    ],
)
def test_one_figure(published, computed, expected):
    assert verdict(published, computed) == expected


def test_floats_take_the_digits_of_their_quantity():
    assert verdict([0.9, 0.62], [0.904, 0.619]) == "rounded"
    assert verdict([0.9, 0.62], [0.93, 0.619]).startswith("[0] error")
    assert verdict(0.9, 0.93) == "rounded"
    assert verdict(0.9, 0.93, digits=2).startswith("error")


def test_digits_never_hide_what_was_printed():
    assert verdict("-1.1358", -1.13, digits=2).startswith("error")


def test_a_figure_may_follow_from_an_alternative():
    given = {"the rounded p": {"q": 1.135761}}
    assert verdict("1.1358", 1.146493, alternatives=given) == "follows from the rounded p"
    assert (
        verdict("-1.1358", 1.146493, alternatives=given)
        == "error: sign reversed; the size follows from the rounded p"
    )
    assert verdict("1.1465", 1.146493, alternatives=given) == "rounded"  # the true one comes first
    assert verdict("1.12", 1.146493, alternatives=given).startswith("error: off by")


def test_a_mixed_quantity_names_the_places():
    found = audit({"q": [[0.1, 0.2], [0.3, 0.9]]}, {"q": [[0.1, 0.2], [0.3, 0.4]]})
    assert found["q"].verdict == "[1, 1] error: off by 5 in the last place; the rest exact"
    assert [f.quantity for f in found.errata] == ["q"]


def test_random_figures_are_never_called_wrong_when_rounded_and_always_when_not():
    rng = np.random.default_rng(0)
    for _ in range(500):
        digits = int(rng.integers(0, 6))
        true = rng.normal() * 10.0 ** rng.integers(-2, 4)
        right = f"{true:.{digits}f}"
        assert not audit({"q": right}, {"q": true}).errata
        off = f"{float(right) + 2 * 10.0**-digits:.{digits}f}"
        assert audit({"q": off}, {"q": true}).errata


def test_what_was_not_published_is_listed_without_a_verdict():
    found = audit({"a": "1"}, {"a": 1.0, "b": [0.5, 0.25]})
    assert found["b"].verdict == "not published"
    assert "0.5 0.25" in str(found)


def test_a_tensor_counts_as_figures():
    assert verdict("0.5 0.25", tx.Tensor([0.5, 0.25], requires_grad=True)) == "exact"


def test_bad_input_raises():
    with pytest.raises(tx.ShapeError, match="q has 2 published figures but 3 computed"):
        audit({"q": "1 2"}, {"q": [1, 2, 3]})
    with pytest.raises(KeyError, match="was not computed"):
        audit({"q": "1"}, {})
    with pytest.raises(tx.DtypeError, match="not a number"):
        audit({"q": "one"}, {"q": 1})


def test_the_published_node_classification():
    """Every erratum of the worked example is found, and nothing else is."""
    x = np.array(
        [[5, 6, 7, 8], [3, 8, 3, 4], [7, 9, 6, 9], [2, 1, 2, 3], [8, 4, 3, 2]], dtype=float
    )
    x /= 10
    w = np.array([[0.17, 0.40, -0.14, 0.51], [0.75, -0.04, 0.67, -0.18], [0.53, -0.04, 0.40, 0.77]])
    h = x @ w.T + [0.05, -0.11, -0.32]
    p = tx.softmax(h)
    labels = [0, 1, 0, 1, 2]
    loss = -np.log(p[np.arange(5), labels]).mean()
    dw0 = x.T @ (p - np.eye(3)[labels])[:, 0] / 5
    published = {
        "h1": "0.68 0.57 0.82",
        "h2": "0.58 0.21 0.23",
        "h3": [0.9, 0.62, 0.95],
        "h4": "0.25 0.12 0.09",
        "h5": [0.47, 0.55, 0.4],
        "p5": "0.33 0.36 0.31",
        "loss": "-1.1358",
        "dL/dw0": "-1.62 -1.77 -1.29 -1.73",
    }
    computed = {f"h{i + 1}": h[i] for i in range(5)}
    computed |= {"p5": p[4], "loss": loss, "dL/dw0": dw0}
    shown = np.array([0.33, 0.29, 0.36, 0.32, 0.31])  # the published p of each node's own class
    p0 = np.array([0.33, 0.42, 0.36, 0.37, 0.33])  # the published p of class 0
    alternatives = {
        "the published h5": {"p5": tx.softmax(np.array([0.47, 0.55, 0.4]))},
        "the rounded p": {"loss": -np.log(shown).mean()},
        "the published rule": {"dL/dw0": x.T @ (p0 - 1)},
    }
    found = audit(published, computed, alternatives=alternatives)
    assert [f.quantity for f in found.errata] == ["h5", "loss", "dL/dw0"]
    assert found["h1"].verdict == found["h2"].verdict == found["h4"].verdict == "rounded"
    assert found["p5"].verdict == "follows from the published h5"
    assert found["loss"].verdict == "error: sign reversed; the size follows from the rounded p"
    kinds = [v.split(":")[0] for v in found["dL/dw0"].verdicts]
    assert kinds == ["follows from the published rule"] * 2 + ["error"] * 2
