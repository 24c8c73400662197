"""Pictures of real models: what repeats is one box, whatever its layers are called."""

import re

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.viz import models


def boxes(drawing):
    """The first line of each box, by how many equal things it stands for."""
    cards = drawing.cards
    return [(cards.node(n)[0][1], n.count) for n in drawing.graph.nodes if n.is_box]


def text(drawing, count):
    """The lines of the one box that stands for so many."""
    (node,) = [n for n in drawing.graph.nodes if n.count == count]
    return [line for _, line in drawing.cards.node(node)]


def test_the_twelve_layers_of_a_gpt_are_one_box():
    drawing = viz.draw(tx.trace(models.gpt()), fold=1)
    assert boxes(drawing) == [
        ("embedding", 1),
        ("Block blocks.0…11 ×12", 12),
        ("LayerNorm norm", 1),
        ("Linear head", 1),
    ]
    lines = text(drawing, 12)
    assert "x + attention(norm x), then x + mlp(norm x)" in lines
    assert "12 × 51 = 612 operations, one after another" in lines
    assert lines[3] == "each:  LayerNorm norm1,"
    assert lines[4].strip() == "Attention attention, add,"
    assert lines[5].strip() == "LayerNorm norm2, MLP mlp, add"


def test_the_layers_of_a_sequential_repeat_as_a_phrase():
    drawing = viz.draw(tx.trace(models.deep_mlp()), fold=1)
    assert boxes(drawing) == [("repeated ×11", 11), ("Linear 22", 1)]
    assert "each:  Linear 0…20, ReLU 1…21" in text(drawing, 11)


def test_repeats_within_repeats():
    trace = tx.trace(models.resnet())
    outer = viz.draw(trace, fold=1)
    assert ("Stage stages.0…2 ×3", 3) in boxes(outer)
    assert "each:  Residual blocks.0…3 ×4" in text(outer, 3)
    inner = viz.draw(trace, fold=2)
    assert [box for box in boxes(inner) if box[1] > 1] == [
        (f"Residual stages.{i}.blocks.0…3 ×4", 4) for i in range(3)
    ]


def test_the_steps_of_a_gru_are_one_box():
    drawing = viz.draw(tx.trace(models.gru()), fold=1)
    assert boxes(drawing) == [("GRUCell cell ×50", 50), ("Linear head", 1)]


def test_over_the_budget_what_repeats_is_folded_and_the_rest_stays_open():
    trace = tx.trace(models.gpt())
    with pytest.warns(viz.DrawingWarning, match="These 32 nodes stand for all 943"):
        drawing = viz.draw(trace)
    assert boxes(drawing) == [("Block blocks.0…11 ×12", 12)]
    assert {scope.name for scope in drawing.graph.scopes.values()} >= {"LayerNorm norm", "GPT"}


def test_parameters_and_constants_stand_inside_their_layer():
    drawing = viz.draw(tx.trace(models.gpt()), fold=1)
    shown = [n.entries for n in drawing.graph.nodes if n.kind == "parameter"]
    assert [drawing.trace[i].name for (i,) in shown] == ["places"]  # the sum uses it, not a layer
    lines = text(drawing, 12)
    assert "192 parameters, 39,360 numbers" in lines
    assert "blocks.0.norm1.weight, and 191 more" in lines
    assert "96 constants" in lines
    assert "12 masks, 768 numbers" in lines
    head = next(n for n in drawing.graph.nodes if n.name == "Linear head")
    lines = [line for _, line in drawing.cards.node(head)]
    assert lines[lines.index("2 parameters, 340 numbers") + 1] == "weight, bias"
    assert any(
        "head.weight: parameter" in viz.draw(drawing.trace, fold=1, parameters=p).dot
        for p in viz.options.PLACES
    )


def test_what_goes_into_a_layer_stays_outside():
    drawing = viz.draw(tx.trace(models.gru()), fold=0)
    heads = [drawing.cards.node(n)[0][1] for n in drawing.graph.nodes]
    assert heads == ["51 data arrays", "GRU", "cross_entropy, output", "labels"]


def width(drawing):
    return float(re.search(r'width="([\d.]+)pt"', drawing.svg)[1])


def test_a_transformer_that_shows_its_shapes_is_narrow():
    trace = tx.trace(models.gpt(layers=2))
    assert all(width(viz.draw(trace, show="shape", fold=fold)) < 600 for fold in (0, 1, 2, 3))


def chain_of(*scopes):
    """Scopes that compute one thing, one after another, each of this name and formula."""
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    for name, formula in scopes:
        with tx.scope(name, formula):
            x = tx.tanh(x) * 2.0
    return viz.draw(tx.trace(x), fold=0)


def test_a_formula_stands_in_the_box_if_all_have_it():
    assert "2 tanh x" in text(chain_of(*[("f", "2 tanh x")] * 3), 3)
    lines = text(chain_of(("f 0", "2 tanh x"), ("f 1", "2 tanh f"), ("f 2", None)), 3)
    assert lines[0] == "f 0…2 ×3, output"
    assert not [line for line in lines if "tanh x" in line]


def layers(change):
    """Five scopes of two operations; `change` does one of them otherwise."""
    x = tx.Tensor(np.ones((2, 2)), requires_grad=True, name="x")
    for i in range(5):
        with tx.scope(f"layer {i}"):
            x = change(x) if i == 2 else tx.tanh(x.sum(axis=0, keepdims=True) + x * x)
    return [n.count for n in viz.draw(tx.trace(x), fold=0).graph.nodes if n.is_box]


def nested(x):
    with tx.scope("inner"):
        return tx.tanh(x.sum(axis=0, keepdims=True) + x * x)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: tx.sin(x.sum(axis=0, keepdims=True) + x * x),
        lambda x: tx.tanh(x.sum(axis=1, keepdims=True) + x * x),
        lambda x: tx.tanh(x.sum(axis=0, keepdims=True) + x * tx.Tensor(np.ones((2, 2)))),
        lambda x: tx.tanh(x * x + x.sum(axis=0, keepdims=True)),
        nested,
    ],
    ids=["operation", "setting", "values from outside", "wiring", "nesting"],
)
def test_what_differs_in_structure_does_not_fold(change):
    assert layers(change) == [1] * 5
    assert layers(lambda x: tx.tanh(x.sum(axis=0, keepdims=True) + x * x)) == [5]
