"""Architectures: a box per layer, what repeats drawn once, and every parameter counted once."""

import re
import warnings
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.viz import models
from tinygrad_xent import Tensor, nn

BUILT = {
    "gpt": models.GPT,
    "resnet": models.ResNet,
    "gru": models.GRU,
    "vae": models.VAE,
}


@pytest.fixture(scope="module", params=BUILT)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def traces():
    return {name: tx.trace(getattr(models, name)()) for name in BUILT}


def draw(output, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        drawing = viz.draw(output, view="architecture", **options)
        assert drawing.svg
    return drawing


def lines(drawing):
    """The text of each box, by its first line."""
    found = {}
    for node in drawing.graph.nodes:
        head, *more = [text for _, text in drawing.cards.node(node)]
        found[head] = more
    return found


def scopes(drawing):
    return [
        text for scope in drawing.graph.scopes.values() for _, text in drawing.cards.scope(scope)
    ]


def joined(drawing):
    """The edges by the first lines of their ends, with their text."""
    heads = {n.id: drawing.cards.node(n)[0][1] for n in drawing.graph.nodes}
    nodes = {n.id: n for n in drawing.graph.nodes}
    return {
        (heads[e.tail], heads[e.head]): [t for _, t in drawing.cards.edge(e, nodes[e.head])]
        for e in drawing.graph.edges
    }


# what it says


def test_a_layer_says_its_parameters_and_an_edge_the_shape_that_it_carries(traces):
    drawing = draw(traces["vae"])
    assert lines(drawing)["Linear mean"] == [
        "weight (8, 2), bias (2,)",
        "18 parameters, 144 B, 6.6 %",
    ]
    assert drawing.cards.heading() == ["272 parameters in 10 tensors, 2.12 KiB"]
    assert "MLP decoder: 132 parameters, 1.03 KiB, 49 %" in scopes(drawing)
    edges = joined(drawing)
    assert edges["pixels: input", "Linear 0"] == ["(4, 12)"]
    assert edges["exp", "mul"] == ["(4, 2)"]
    assert lines(drawing)["add, output"] == [f"value  {viz.labels.number(traces['vae'][-1].value)}"]


def test_the_twelve_blocks_of_a_gpt_are_drawn_once_with_their_layers(traces):
    drawing = draw(traces["gpt"])
    assert (
        "Block blocks.0…11 ×12: one after another, 12 × 3,280 parameters, 308 KiB, 98 %"
        in scopes(drawing)
    )
    assert "Attention attention: 12 × 1,088 parameters, 102 KiB, 32 %" in scopes(drawing)
    boxes = lines(drawing)
    assert boxes["Linear query…value ×3, side by side"] == [
        "weight (16, 16), bias (16,)",
        "36 × 272 parameters, 76.5 KiB, 24 %",
    ]
    assert boxes["embedding"][0] == "tokens (20, 16)"
    edges = joined(drawing)
    # the moves belong to the layers: the edge has the shape that they gave the numbers
    query = "Linear query…value ×3, side by side"
    assert edges[query, "scaled_dot_product_attention"] == ["3 × (2, 2, 8, 8)"]
    assert not [head for head in boxes if head.startswith(("reshape", "transpose"))]
    # the way around each block, once; nothing from one block to the next
    assert sum(head == "add" for _, head in edges) == 5 - 1  # two heads are called add


def test_repeats_within_repeats(traces):
    drawing = draw(traces["resnet"])
    assert scopes(drawing) == [
        "ResNet",
        "Stage stages.0…2 ×3: one after another, 3 × 1,152 parameters, 27 KiB, 99 %",
    ]
    assert lines(drawing)["Residual blocks.0…3 ×4, one after another"] == [
        "kernels.0 (4, 4, 3, 3),",
        "kernels.1 (4, 4, 3, 3)",
        "12 × 288 parameters, 27 KiB, 99 %",
    ]


def test_a_layer_that_is_called_fifty_times_has_its_parameters_once(traces):
    drawing = draw(traces["gru"])
    boxes = lines(drawing)
    cell = boxes["GRUCell cell ×50, one after another"]
    assert cell == ["w (3, 12), u (4, 12), b (12,)", "96 parameters, 768 B, 91 %"]
    assert boxes["51 data arrays"] == ["50 × float64 (2, 3)", "float64 (2, 4)"]
    assert len(drawing.graph.nodes) == 5


def test_equal_branches_are_one_where_they_go_to_the_same_operations():
    drawing = draw(models.siamese())
    assert "MLP ×2: side by side" in scopes(drawing)
    assert lines(drawing)["Linear 0"][-1] == "2 × 30 parameters, 480 B, 59 %"
    vae = lines(draw(models.vae()))
    assert {"Linear mean", "Linear log_variance"} <= vae.keys()  # equal, but used otherwise


def fan(own):
    """Three layers, of which some are followed by a relu of theirs, the others by one of the input."""
    x = Tensor(np.ones((2, 4)), requires_grad=True, name="x")
    layers, relu, h, outs = [nn.Linear(4, 4, rng=i) for i in range(3)], nn.ReLU(), tx.tanh(x), []
    for i, layer in enumerate(layers):
        a = layer(h)
        outs += [a, relu(a if i in own else h)]
    return sum(outs[1:], outs[0])


@pytest.mark.parametrize(
    ("own", "repeated"), [({0, 1, 2}, 1), (set(), 1), ({0}, 0), ({1, 2}, 0), ({0, 2}, 0)]
)
def test_only_what_is_joined_alike_repeats(own, repeated):
    graph = draw(fan(own)).graph
    assert sum(layer.count == 3 for layer in graph.layers.values()) == repeated
    tails = {n.id for n in graph.nodes if n.layer.name.startswith("Linear")}
    heads = {n.id for n in graph.nodes if n.layer.name == "ReLU"}
    joined = sum(e.tail in tails and e.head in heads for e in graph.edges)
    assert joined == (min(1, len(own)) if repeated else len(own))


def test_what_only_moves_does_not_hide_how_layers_are_joined():
    class Block(nn.Module):
        def __init__(self, own):
            self.p, self.q, self.own = nn.Linear(4, 4, rng=0), nn.Linear(4, 4, rng=1), own

        def forward(self, x):
            a = self.p(x)
            return self.q(a.reshape(2, 4) if self.own else x.reshape(2, 4)) + a

    def counts(*own):
        x = tx.tanh(Tensor(np.ones((2, 4)), requires_grad=True))
        x = nn.Sequential(*map(Block, own))(x)
        return [layer.count for layer in draw(x).graph.layers.values()]

    assert 3 in counts(True, True, True)
    assert 3 not in counts(True, False, True)


def test_a_count_is_told_where_each_repetition_holds_as_much():
    class Layer(nn.Module):
        def __init__(self, weight):
            self.w, self.b = weight, Tensor(np.ones(4), requires_grad=True)

        def forward(self, x):
            return x @ self.w + self.b

    class Model(nn.Module):
        def __init__(self):
            weights = [Tensor(np.ones((4, 4)), requires_grad=True) for _ in range(3)]
            self.head = Layer(weights[0])
            self.layers = [Layer(w) for w in weights]  # the first shares that of the head

        def forward(self, x):
            x = tx.tanh(self.head(x))
            for layer in self.layers:
                x = layer(x)
            return x

    boxes = lines(draw(Model()(Tensor(np.ones((2, 4)), requires_grad=True))))
    (box,) = [text for head, text in boxes.items() if "×3" in head]
    assert box[1].startswith("44 parameters, ")


@pytest.mark.parametrize("output", ["loss", "model"])
def test_the_last_view_is_one_box(output):
    model = nn.MLP([4, 5, 3], rng=0)
    given = model(Tensor(np.ones((3, 4)), name="X")).sum() if output == "loss" else model
    drawing = draw(given, max_nodes=1)
    (node,) = drawing.graph.nodes
    assert sum(p.size for p in node.layer.held) == 43
    with pytest.warns(viz.DrawingWarning), pytest.raises(viz.LayoutTimeoutError):
        viz.draw(given, view="architecture", time_limit=1e-9).svg  # noqa: B018


def test_what_a_sequential_does_is_only_told_where_it_is_known():
    shared, known = nn.Linear(3, 3, rng=0), nn.Sequential(nn.Linear(3, 3, rng=0), nn.ReLU())

    class Around(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    def live(model):
        drawing = viz.draw(model)
        return [drawing.cards.is_live(edge) for edge in drawing.graph.edges]

    assert live(known) == [True]
    assert live(Around(nn.Linear(3, 3, rng=0), nn.ReLU())) == [False]
    assert not any(live(nn.Sequential(shared, nn.ReLU(), shared, nn.Tanh())))
    known.scale = Tensor(2.0, requires_grad=True)
    assert live(known) == [False, True]


class Tied(nn.Module):
    def __init__(self):
        self.tokens, self.middle = (
            Tensor(np.ones((5, 3)), requires_grad=True),
            nn.Linear(3, 3, rng=0),
        )

    def forward(self, indices):
        return self.middle(tx.embedding(indices, self.tokens)) @ self.tokens.T


def test_what_two_layers_share_is_counted_at_the_first():
    boxes = lines(draw(Tied()(np.array([0, 1]))))
    assert boxes["embedding"] == [
        "tokens (5, 3)",
        "15 parameters, 120 B, 56 %",
        "index int64 (2,)",
    ]
    assert boxes["transpose"] == ["shares  tokens"]


def test_a_function_is_an_operation_and_a_module_is_a_layer(traces):
    kinds = {n.layer.name: n.kind for n in draw(traces["vae"]).graph.nodes}
    assert kinds["ReLU 1"] == kinds["binary_cross_entropy_with_logits"] == "operation"
    assert kinds["Linear mean"] == "layer"
    assert kinds["divergence"] == "group"


def test_values_with_a_name_and_what_an_operation_was_given():
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    h = nn.Linear(3, 4, rng=0)(x)
    h.name = "hidden"
    loss = tx.cross_entropy(h / 3.0, [0, 1])
    loss.name = "my loss"
    boxes = lines(draw(loss))
    assert boxes["div"] == ["b = 3"]
    assert {"hidden = Linear", "my loss = cross_entropy, output"} <= boxes.keys()


def test_frozen_parameters_are_counted_and_told():
    model = nn.MLP([4, 4, 2], rng=0)
    for p in model[0].parameters():
        p.requires_grad = False
    drawing = viz.draw(model)
    assert drawing.cards.heading() == ["30 parameters (20 frozen) in 4 tensors, 240 B"]
    assert lines(drawing)["Linear 0"][-1] == "20 parameters (20 frozen), 160 B, 67 %"


def test_show_leaves_out_shapes_and_the_value():
    drawing = draw(models.vae(), show=())
    assert not any(joined(drawing).values())
    assert lines(drawing)["Linear mean"] == ["18 parameters, 144 B, 6.6 %"]
    assert lines(drawing)["add, output"] == ["float64 scalar"]


def test_no_scopes_at_all():
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    drawing = draw(tx.tanh(x @ np.ones((3, 2))).sum())
    assert list(lines(drawing)) == ["data", "matmul", "tanh", "sum, output"]
    assert list(lines(draw(x))) == ["x: parameter, output"]


# nothing is lost


def residual(size, seed):
    """A module whose layers are drawn by chance."""
    rng = np.random.default_rng(seed)

    class Around(nn.Module):
        def __init__(self, inner):
            self.inner, self.scale = inner, Tensor(rng.normal(size=size), requires_grad=True)

        def forward(self, x):
            return x + self.inner(x) * self.scale

    def build(depth):
        kind = rng.integers(4) if depth else 0
        if kind == 0:
            return nn.Linear(size, size, rng=seed)
        if kind == 1:
            return Around(build(depth - 1))
        layer = [build(depth - 1) for _ in range(rng.integers(1, 3))]
        return (
            nn.Sequential(*layer)
            if kind == 2
            else nn.Sequential(*[nn.ReLU() for _ in range(4)], *layer)
        )

    return nn.Sequential(*[build(3) for _ in range(rng.integers(1, 5))])


def random_model(seed):
    model = residual(3, seed)
    return model, tx.trace((model(np.ones((2, 3))) ** 2).sum())


@pytest.mark.parametrize("seed", range(40))
def test_every_parameter_is_in_one_box_and_every_use_accounted_for(seed):
    model, trace = random_model(seed)
    total = sum(p.size for p in model.parameters())
    for fold in (None, 0, 1, 2):
        drawing = draw(trace, fold=fold)
        nodes = drawing.graph.nodes
        held = [p for node in nodes for p in node.held]
        assert len(held) == len(set(held))
        assert sum(trace[p].value.size for p in held) == total
        assert sum(p.size for node in nodes for p in node.layer.held) == total
        entries = [e for node in nodes for e in node.entries]
        assert sorted(entries + held) == [
            e.id for e in trace if e.kind != "constant" or e.value.ndim
        ]
        check_edges(trace, drawing.graph)


def check_edges(trace, graph):
    """Each use is inside a box, on an edge, or what one repetition hands to another of the same run."""
    owner = {e: node.id for node in graph.nodes for e in (*node.entries, *node.held)}
    drawn = {(edge.tail, edge.head) for edge in graph.edges}
    runs = {n.id: {s for s in n.within if graph.layers[s].count > 1} for n in graph.nodes}
    for entry in trace:
        for source in entry.inputs:
            if source not in owner or trace[source].kind == "parameter":
                continue
            tail, head = owner[source], owner[entry.id]
            if tail != head and (tail, head) not in drawn:
                assert runs[tail] & runs[head]
    order = {node.id: min(node.entries) for node in graph.nodes if node.kind != "input"}
    assert all(order.get(tail, -1) < order.get(head, -1) for tail, head in drawn)


def test_the_check_notices_an_edge_that_is_missing_or_turned():
    trace = tx.trace(models.vae())
    graph = draw(trace).graph
    check_edges(trace, graph)
    first, *others = graph.edges
    turned = replace(first, tail=first.head, head=first.tail)
    for edges in (others, [turned, *others], [first, *others, turned]):
        with pytest.raises(AssertionError):
            check_edges(trace, replace(graph, edges=tuple(edges)))


@pytest.mark.parametrize("seed", range(40))
def test_a_model_that_has_computed_nothing_has_the_same_parameters(seed):
    model, trace = random_model(seed)
    before = draw(model)
    assert before.trace is None
    assert before.cards.heading() == draw(trace).cards.heading()
    for fold in (None, 0, 1, 2):
        nodes = draw(model, fold=fold).graph.nodes
        assert sum(p.size for n in nodes for p in n.layer.held) == sum(
            p.size for p in model.parameters()
        )


# a model alone


def test_a_model_alone_is_drawn_as_it_is_nested():
    drawing = viz.draw(models.GPT())
    assert scopes(drawing)[1] == "Block blocks.0…11 ×12: 12 × 3,280 parameters, 308 KiB, 98 %"
    boxes = lines(drawing)
    assert boxes["tokens"] == ["(20, 16)", "320 parameters, 2.5 KiB, 0.8 %"]
    assert boxes["Linear query…out ×4"][-1] == "48 × 272 parameters, 102 KiB, 32 %"
    assert "dashed: how these are joined is not known" in drawing.svg.replace("\u00a0", " ")


def test_only_of_a_sequential_it_is_known_how_layers_are_joined():
    drawing = viz.draw(nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 1, rng=0)))
    assert [drawing.cards.is_live(e) for e in drawing.graph.edges] == [True, True]
    assert not any(map(viz.draw(models.GRU()).cards.is_live, viz.draw(models.GRU()).graph.edges))


def test_models_without_parameters_or_layers():
    assert lines(viz.draw(nn.Sequential(nn.ReLU(), nn.ReLU()))) == {"ReLU 0": [], "ReLU 1": []}
    drawing = viz.draw(nn.Sequential())
    assert lines(drawing) == {"Sequential": []}
    assert drawing.cards.heading() == ["no parameters"]


# on a page


def letters(svg):
    """The smallest letters of a picture in points, and its width and height."""
    root = ET.fromstring(svg)
    smallest = []

    def walk(element, scale):
        found = re.search(r"scale\(([\d.]+)", element.get("transform", ""))
        scale *= float(found[1]) if found else 1.0
        if element.tag.endswith("text") and "".join(element.itertext()).strip():
            smallest.append(float(element.get("font-size")) * scale)
        for child in element:
            walk(child, scale)

    walk(root, 1.0)
    return min(smallest), *(float(root.get(side)[:-2]) for side in ("width", "height"))


def test_each_model_is_legible_on_a4(traces, name):
    for output in (traces[name], BUILT[name]()):
        drawing = draw(output, page="A4", title="A model", caption="On one page. " * 12)
        size, width, height = letters(drawing.svg)
        assert size >= 7
        assert (width, height) == (595.28, 841.89)
    assert len(draw(traces["gpt"], page="A4").graph.nodes) == 12
    assert len(draw(traces["resnet"], page="A4").graph.nodes) == 8


def test_each_model_is_legible_on_a_slide(traces, name):
    drawing = draw(traces[name], page="slide")
    size, width, height = letters(drawing.svg)
    assert size >= 8
    assert (width, height) == (960, 540)
    assert drawing.direction == "LR"


def test_a_page_says_what_it_hides_in_one_warning(traces):
    drawing = viz.draw(traces["gpt"], view="architecture", page="A4")
    with pytest.warns(viz.DrawingWarning) as caught:
        drawing.svg  # noqa: B018
    (warning,) = caught
    assert "on A4 letters would be under 7 pt" in str(warning.message)
    assert "Linear 0, ReLU 1, Linear 2 in MLP mlp" in str(warning.message)
    assert drawing.svg  # and without another warning


# how far it goes


def test_a_thousand_nested_scopes():
    x = Tensor(1.0, requires_grad=True)
    with ExitStack() as stack:
        for i in range(1000):
            stack.enter_context(tx.scope(f"s{i}"))
            x = tx.tanh(x)
    drawing = draw(tx.trace(x), max_nodes=50)
    assert 40 <= len(drawing.graph.nodes) <= 50


@pytest.mark.parametrize("most", [1, 3, 20, 200])
def test_a_budget_holds_without_scopes(most):
    rng, values = np.random.default_rng(0), [Tensor(1.0, requires_grad=True)]
    for _ in range(600):
        a, b = (values[-1 - rng.integers(min(9, len(values)))] for _ in range(2))
        values.append([tx.minimum, tx.subtract, tx.maximum][rng.integers(3)](a, b) * 0.5)
    drawing = draw(tx.trace(values[-1]), max_nodes=most)
    assert 1 <= len(drawing.graph.nodes) <= most
    assert most < 16 or len(drawing.graph.nodes) > 10
