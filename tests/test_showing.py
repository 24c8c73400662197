"""What a result shows as the last line of a notebook's cell, or in a terminal: few words, no dump."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import showing

HOSTILE = "<script>alert(1)</script>"


NOTEBOOK = ("trace", "why", "lint", "finding", "nothing found")


def loss_of(model, samples=20):
    rng = np.random.default_rng(0)
    return tx.cross_entropy(model(rng.normal(size=(samples, 4))), rng.integers(0, 3, samples))


@pytest.fixture(scope="module")
def results():
    """A result of each kind, from a model of 2 layers of 40 units."""
    model = tx.nn.MLP([4, 40, 3], rng=0)
    loss, weight = loss_of(model), model[0].weight
    trace = tx.trace(loss)
    bad = tx.log(tx.softmax(tx.Tensor([[2.0, 1.0]], requires_grad=True, name=HOSTILE)))[0, 0]
    zero = tx.Tensor([0.0, 1.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        autopsy = tx.check.explain_nonfinite(tx.log(zero).sum())
    why = tx.check.why(weight, (0, 0), of=loss)
    found = tx.check.lint(bad)
    wrong = np.array([[0.5, -0.25], [0.1, 3.0]])
    return {
        "audit": tx.check.audit({"loss": "0.70", HOSTILE: 1.0}, {"loss": 0.70539, HOSTILE: 2.0}),
        "diagnosis": tx.check.diagnose(wrong, wrong * [[2.0, 1.0], [1.0, -7.0]]),
        "trace": trace,
        "entry": trace[weight],
        "contribution": trace[weight].contributions[0],
        "why": why,
        "part": why.parts[0],
        "lint": found,
        "finding": found[0],
        "nothing found": tx.check.lint(loss),
        "autopsy": autopsy,
        "operand": autopsy.operands[0],
        "gradcheck": tx.check.gradcheck(tx.softmax, [1.0, 2.0]),
        "check_tape": tx.check.check_tape(loss),
        "program": tx.program(lambda x: (x * x).sum(), np.ones(1000)),
    }


def test_every_result_is_a_few_lines_and_no_dump(results):
    for name, result in results.items():
        text = repr(result)
        assert len(text) < 1000, name
        assert "array(" not in text, name
        assert "entries=(" not in text, name


def test_a_trace_says_what_it_is_and_prints_a_table(results):
    trace = results["trace"]
    assert repr(trace) == f"<Trace: {len(trace)} entries; output: neg>"
    head, *rows = str(trace).splitlines()
    assert head.split() == list(tx.tracing.COLUMNS)
    assert len(rows) == len(trace) <= showing.MOST
    weight = next(row for row in rows if "0.weight: parameter" in row)
    gradient = np.linalg.norm(results["entry"].gradient)
    assert f"norm {gradient:.4g}" in weight
    assert repr(results["entry"]) == "<Entry 0: 0.weight: parameter, float64 (4, 40)>"
    (matmul,) = [e for e in trace if e.op == "matmul" and 0 in e.inputs]
    assert repr(matmul) == f"<Entry {matmul.id}: matmul of {matmul.inputs[0]}, 0, float64 (20, 40)>"


def test_a_long_trace_shows_its_ends():
    x = tx.Tensor(1.0, requires_grad=True)
    for _ in range(500):
        x = tx.tanh(x)
    trace = tx.trace(x)
    rows = str(trace).splitlines()[1:]
    assert len(rows) == showing.MOST + 1
    assert "481 more" in rows[10]
    assert rows[-1].startswith("500")
    assert len(trace._repr_html_()) < 30_000


def test_why_shows_the_largest_parts_and_the_sum_of_the_rest():
    x = tx.Tensor(1.0, requires_grad=True, name="x")
    answer = tx.check.why(x, of=sum(x * float(i) for i in range(1, 11)))
    lines = repr(answer).splitlines()
    assert lines[0] == "gradient of x = 55"
    assert lines[-1] == "  +10  in 4 smaller parts"
    assert repr(answer) == str(answer)


def parsed(result):
    """The HTML of a result as a tree."""
    return ET.fromstring(f"<div>{result._repr_html_()}</div>".replace("<hr>", "<hr/>"))


def test_html_is_well_formed_and_escaped(results):
    for name in ("audit", "diagnosis", "check_tape", *NOTEBOOK):
        tree = parsed(results[name])
        assert not list(tree.iter("script"))
        assert "".join(tree.itertext()).strip(), name
    named = tx.Tensor([1.0, 2.0], requires_grad=True, name=HOSTILE)
    for result in (
        tx.trace((named * named).sum()),
        tx.check.why(named, 0, of=(named * named).sum()),
    ):
        assert HOSTILE in "".join(parsed(result).itertext())
        assert HOSTILE not in result._repr_html_()


def test_the_bars_of_why_are_as_long_as_what_they_stand_for():
    x = tx.Tensor(1.0, requires_grad=True, name="x")
    answer = tx.check.why(x, of=x * 4.0 - x * 2.0)
    bars = [
        bar.get("style") for bar in parsed(answer).iter("div") if "height" in bar.get("style", "")
    ]
    assert [
        f"width:{w}em;margin-left:{m}em" in bar
        for bar, w, m in zip(bars, ("6.00", "3.00"), ("6.00", "3.00"), strict=True)
    ] == [True, True]
    assert [showing.POSITIVE in bars[0], showing.NEGATIVE in bars[1]] == [True, True]


def test_a_finding_shows_its_line_and_cure(results):
    text = "".join(parsed(results["lint"]).itertext())
    assert "log of softmax" in text
    assert "tx.log(tx.softmax(" in text
    assert "cure: log_softmax(logits)" in text
    assert "".join(parsed(results["nothing found"]).itertext()) == "lint: nothing found"


def test_what_is_not_finite_has_a_bar_of_full_length():
    for value in (np.nan, np.inf, -np.inf):
        assert "width:6.00em" in showing.html_table(("a",), [("x",), ("y",)], [value, 1.0])


def test_an_audit_is_a_table_with_a_row_for_each_quantity(results):
    head, *rows = parsed(results["audit"]).iter("tr")
    assert ["".join(cell.itertext()) for cell in head] == [
        "quantity",
        "published",
        "true",
        "verdict",
    ]
    shown = [["".join(cell.itertext()) for cell in row] for row in rows]
    assert shown == [
        [f.quantity, *f.published, *f.true, f.verdict] for f in results["audit"].findings
    ]
    assert [row[0] for row in shown] == ["loss", HOSTILE]


def test_a_diagnosis_shows_the_figures_that_are_wrong(results):
    found = results["diagnosis"]
    (_, *rows) = parsed(found).iter("tr")
    assert len(rows) == len(found.wrong) > 1
    assert "wrong components" in "".join(parsed(found).itertext())


def test_a_check_of_the_tape_shows_the_rules_that_are_at_fault():
    double = tx.custom_vjp(lambda x: 2.0 * x, lambda g: 3.0 * g, name="double")
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    check = tx.check.check_tape(double(x).sum())
    rows = ["".join(row.itertext()) for row in parsed(check).iter("tr")]
    assert len(rows) == 2
    assert rows[1].startswith("wrong")
    assert "1 at fault" in "".join(parsed(check).itertext())
