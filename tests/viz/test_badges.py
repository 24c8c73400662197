"""What lint found is a badge on the operation, also where the operation is folded away."""

import xml.etree.ElementTree as ET

import tinygrad_xent as tx
import viz


def twice():
    z = tx.Tensor([[1.0, 2.0]], requires_grad=True)
    with tx.scope("loss"):
        return tx.log_softmax(tx.softmax(z)).sum()


def test_a_finding_is_a_badge_on_its_operation():
    loss = twice()
    dot = viz.draw(loss, findings=tx.check.lint(loss)).dot
    assert dot.count("! double softmax") == 1
    assert "double softmax" not in viz.draw(loss).dot


def test_a_folded_scope_shows_the_badges_inside():
    loss = twice()
    assert "! double softmax" in viz.draw(loss, findings=tx.check.lint(loss), fold=0).dot


def test_a_finding_about_a_leaf_shows_on_the_box_that_holds_it():
    trace = tx.trace(twice())
    (leaf,) = [e.id for e in trace if e.kind == "parameter"]
    finding = tx.check.Finding("odd", leaf, None, "an odd leaf", "another")
    drawing = viz.draw(trace, findings=[finding], fold=0)
    (box,) = [node for node in drawing.graph.nodes if node.held == (leaf,)]
    assert ("lint", "! odd") in drawing.cards.node(box)


def test_a_finding_about_what_is_absent_is_no_badge():
    loss = twice()
    unused = tx.Tensor([1.0], requires_grad=True)
    findings = tx.check.lint(loss, [unused])
    assert "parameter not reached" in str(findings)
    assert "not reached" not in viz.draw(loss, findings=findings).dot


def test_badges_have_a_colour_and_a_weight_of_their_own_and_a_legend():
    loss = twice()
    drawing = viz.draw(loss, findings=tx.check.lint(loss))
    root = ET.fromstring(drawing.svg)
    svg = "{http://www.w3.org/2000/svg}"
    found = {t.text.replace("\xa0", " "): t.get("class") for t in root.iter(f"{svg}text") if t.text}
    assert found["! double softmax"] == "lint"
    assert found["! what lint found"] == "lint legend"
    rules = root.find(f"{svg}style").text
    assert f".lint{{fill:{viz.theme.LIGHT.warning}}}" in rules
    assert f".lint{{fill:{viz.theme.DARK.warning}}}" in rules
    assert ".lint{font-weight:700}" in rules
    assert "what lint found" not in viz.draw(loss).dot
