"""The DOT of a picture, parsed, is exactly the trace: nodes, edges, order of arguments, groups, values.

What is expected is worked out here from the trace alone, independently of the package.
"""

from collections import Counter, defaultdict

import numpy as np
import pygraphviz
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
import viz
from viz import labels

FOLDS = [None, 0, 1, 2]


def parse(drawing):
    return pygraphviz.AGraph(string=drawing.dot)


def lines(element):
    """The lines of a label as a reader sees them."""
    text = element.attr["label"]
    assert text.endswith("\\l")
    out = text.removesuffix("\\l").replace("\\\\", "\0").split("\\l")
    return [line.replace("\0", "\\").replace("&amp;", "&") for line in out]


def owners(trace, fold, place="inside"):
    """What each entry is drawn as: itself, or the first scope that is folded.

    A parameter or constant that one folded scope alone uses is drawn as that scope, if its place is
    inside; raw arrays that are no masks are not constants.
    """
    folded = {e.id: e.scopes[fold].id for e in trace if fold is not None and len(e.scopes) > fold}
    found = {e.id: ("scope", folded[e.id]) if e.id in folded else ("entry", e.id) for e in trace}
    for leaf in (e for e in trace if e.kind in ("parameter", "constant")):
        users = {found[user.id] for user in trace if leaf.id in user.inputs}
        data = leaf.kind == "constant" and leaf.value.ndim > 0 and leaf.dtype != bool
        if place == "inside" and len(users) == 1 and not data:
            (user,) = users
            found[leaf.id] = user if user[0] == "scope" else found[leaf.id]
    return found


def names(trace, owned):
    """Owner -> DOT name: `n` and the id of the first operation, or of the leaf."""
    found = {}
    for entry in sorted(trace, key=lambda e: e.kind != "operation"):
        found.setdefault(owned[entry.id], f"n{entry.id}")
    return found


PLACES = ["inside", "outside"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fold", FOLDS)
def test_nodes(lesson, fold, place):
    expected = names(lesson, owners(lesson, fold, place))
    drawing = viz.draw(lesson, fold=fold, parameters=place)
    assert sorted(parse(drawing).nodes()) == sorted(expected.values())


@pytest.mark.parametrize("direction", ["TB", "LR", "backward"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fold", FOLDS)
def test_edges_and_the_order_of_arguments(lesson, fold, place, direction):
    owned = owners(lesson, fold, place)
    called = names(lesson, owned)
    expected = defaultdict(list)
    for entry in lesson:
        head = owned[entry.id]
        for source in entry.inputs:
            tail = owned[source]
            if tail == head:
                continue
            if head[0] == "scope" and called[tail] in expected[called[head]]:
                continue  # into a box there is one edge from each node
            expected[called[head]].append(called[tail])
    found = defaultdict(list)
    drawing = viz.draw(lesson, fold=fold, direction=direction, parameters=place)
    graph = parse(drawing)
    for edge in sorted(graph.edges(), key=lambda e: int(e.attr["id"][1:])):
        tail, head = reversed(edge) if direction == "backward" else edge
        found[head].append(tail)
    assert found == {head: tails for head, tails in expected.items() if tails}


@pytest.mark.parametrize("fold", FOLDS)
def test_groups(lesson, fold):
    def tree(graph):
        """Node -> the labels of the clusters around it, outermost first."""
        found = {}

        def visit(part, path):
            for name in part.nodes():
                found[str(name)] = path
            for inner in part.subgraphs():
                text = inner.graph_attr["label"].removesuffix("\\l").rstrip()
                visit(inner, (*path, text))

        visit(graph, ())
        return found

    owned = owners(lesson, fold)
    called, expected = names(lesson, owned), {}
    for entry in sorted(lesson, key=lambda e: e.kind != "operation"):
        name = called[owned[entry.id]]
        open_scopes = entry.scopes if fold is None else entry.scopes[:fold]
        text = tuple(f"{s.name}: {s.formula}" if s.formula else s.name for s in open_scopes)
        expected.setdefault(name, text)
    assert tree(parse(viz.draw(lesson, fold=fold))) == expected


@pytest.mark.parametrize("direction", ["TB", "LR", "backward"])
@pytest.mark.parametrize("fold", FOLDS)
def test_each_part_is_noted_with_a_role_for_each_of_its_lines(lesson, fold, direction):
    made = viz.draw(lesson, fold=fold, direction=direction)._dot()
    graph = pygraphviz.AGraph(string=made.text)
    elements = {str(node): node for node in graph.nodes()}
    elements |= {edge.attr["id"]: edge for edge in graph.edges()}
    waiting = [graph]
    while waiting:
        waiting += waiting[0].subgraphs()
        elements |= {waiting[0].name.removeprefix("g"): waiting.pop(0)}
    assert elements.keys() == made.parts.keys()
    for name, part in made.parts.items():
        attributes = getattr(elements[name], "attr", None) or elements[name].graph_attr
        text = attributes["label"] or ""
        assert len(part.roles) == text.replace("\\\\", "").count("\\l"), name
        assert part.kind.split()[0] in ("node", "edge", "cluster", "graph")


def numbers(text_lines, head):
    """The table that starts with a word, as a flat list of numbers."""
    starts = [i for i, line in enumerate(text_lines) if line.startswith(head)]
    if not starts:
        return None
    first = starts[0]
    table = [text_lines[first].removeprefix(head)]
    for line in text_lines[first + 1 :]:
        if not line.startswith("   ") or "=" in line:
            break
        table.append(line)
    return [float(word) for line in table for word in line.split()]


def assert_shown(shown, true, digits):
    """Check that each number shown is the true one to `digits` significant digits."""
    true = np.asarray(true, np.float64).ravel()
    assert len(shown) == true.size
    for a, b in zip(shown, true, strict=True):
        unit = 10.0 ** (np.floor(np.log10(abs(b))) - digits + 1) if b else 0.0
        assert abs(a - b) <= 0.5000001 * unit, (a, b)


@pytest.mark.parametrize("digits", [2, 4, 9])
@pytest.mark.parametrize("fold", FOLDS)
def test_every_value_and_gradient_shown_is_the_traces(lesson, fold, digits):
    drawing = viz.draw(lesson, fold=fold, precision=digits, parameters="outside")
    graph = parse(drawing)
    shown = 0
    for node in drawing.graph.nodes:
        text = lines(graph.get_node(node.id))
        inside = set(node.entries)
        out = [
            e
            for e in lesson
            if e.id in inside
            and (
                e.id == lesson.output
                or any(e.id in u.inputs and u.id not in inside for u in lesson)
            )
        ]
        if len(out) > 1:
            continue
        (entry,) = out
        if entry.kind == "constant" and entry.value.ndim == 0:
            assert_shown([float(text[0])], entry.value, digits)
            continue
        value, gradient = numbers(text, "value"), numbers(text, "grad")
        if labels.is_small(entry.value):
            assert_shown(value, entry.value, digits)
            shown += 1
        assert (gradient is None) == (not entry.requires_grad)
        if gradient is not None and labels.is_small(entry.value):
            assert_shown(gradient, entry.gradient, digits)
    assert shown >= 2


def test_the_check_of_values_catches_a_wrong_digit():
    with pytest.raises(AssertionError):
        assert_shown([0.7055], 0.70538, 4)
    assert_shown([0.7054], 0.70538, 4)


def test_formulas_shapes_and_derivatives_are_the_traces(lesson):
    graph = parse(viz.draw(lesson))
    for entry in lesson:
        text = lines(graph.get_node(f"n{entry.id}"))
        if entry.kind == "operation":
            assert any(line.startswith(entry.formula) for line in text)
            assert entry.op in text[0]
        if not (entry.kind == "constant" and entry.value.ndim == 0):
            shape = str(entry.shape) if entry.shape else "scalar"
            assert f"{entry.dtype} {shape}" in text
        if entry.name:
            assert text[0].startswith(entry.name)
    shown = Counter(lines(edge)[0].strip() for edge in graph.edges() if edge.attr["label"])
    expected = Counter()
    for entry in lesson:
        for i, source in enumerate(entry.inputs):
            name = entry.arguments[i] if len(entry.inputs) > 1 else ""
            live = entry.derivatives[i] is not None and lesson[source].requires_grad
            label = f"{name} ← {entry.derivatives[i]}".strip() if live else name
            expected[label] += bool(label)
    assert shown == +expected


def test_contributions_stand_on_their_edges_and_add_up(lesson):
    drawing = viz.draw(lesson, show=("grad", "contribution"), precision=17)
    graph = parse(drawing)
    received = defaultdict(list)
    for edge in graph.edges():
        if edge.attr["label"]:
            found = numbers([line[2:].rstrip() for line in lines(edge)], "+=")
            received[str(edge[0])].append(np.array(found))
    for entry in lesson:
        if received[f"n{entry.id}"] and entry.id != lesson.output:
            np.testing.assert_allclose(
                sum(received[f"n{entry.id}"]), entry.gradient.ravel(), rtol=1e-12
            )
    assert sum(map(len, received.values())) == sum(len(e.contributions) for e in lesson)


def test_both_orders_of_a_product_and_a_value_used_twice():
    a = tx.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="a")
    b = tx.Tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True, name="b")

    def order(y):
        drawing = viz.draw(tx.trace(y))
        graph = parse(drawing)
        text = {str(n): lines(n)[0] for n in graph.nodes()}
        return [(text[e.tail], text[e.head]) for e in drawing.graph.edges]

    assert order(a @ b) == [("a: parameter", "matmul, output"), ("b: parameter", "matmul, output")]
    assert order(b @ a) == [("b: parameter", "matmul, output"), ("a: parameter", "matmul, output")]
    assert order(a + a) == [("a: parameter", "add, output")] * 2


def test_a_value_used_five_times_has_five_edges_and_a_sum():
    x = tx.Tensor(2.0, requires_grad=True, name="x")
    y = x * 1.5 + x * x + tx.tanh(x) + x
    drawing = viz.draw(tx.trace(y))
    assert len([e for e in drawing.graph.edges if e.tail == "n0"]) == 5
    graph = parse(drawing)
    text = lines(graph.get_node("n0"))
    terms = [float(t) for t in text[-1].replace("- ", "+ -").strip(" =").split(" + ")]
    assert len(terms) == 5
    assert sum(terms) == pytest.approx(float(tx.trace(y)[x].gradient), rel=1e-3)


def test_a_parameter_used_often_gets_references_by_its_name():
    w = tx.Tensor(0.5, requires_grad=True, name="w")
    y = w
    for _ in range(7):
        y = tx.tanh(y * w)
    drawing = viz.draw(tx.trace(y))
    references = [n for n in drawing.graph.nodes if n.kind == "reference"]
    graph = parse(drawing)
    assert len(references) == 7
    assert {tuple(lines(graph.get_node(n.id))) for n in references} == {("↑ w",)}
    assert "n0" not in {e.tail for e in drawing.graph.edges}
    assert "used 8 times, at each ↑ w" in lines(graph.get_node("n0"))


def test_gradients_before_backward_are_not_computed_never_zero():
    w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    before = viz.draw(loss)
    assert before.dot.count("not computed") == 3
    loss.backward()
    assert "not computed" not in viz.draw(loss).dot
    assert "not computed" in before.dot  # a drawing shows the moment it was made


@given(st.one_of(st.text(max_size=60), st.text(st.sampled_from('\\\\"&;lNG<>{}|#0'), max_size=12)))
def test_any_name_is_read_back_from_the_dot_as_it_was_cleaned(name):
    x = tx.Tensor(1.0, requires_grad=True, name=name or None)
    graph = parse(viz.draw(tx.trace(x * x)))
    head = lines(graph.get_node("n0"))[0]
    assert head == (f"{labels.clean(name)}: parameter" if name else "parameter")
    assert len(graph.nodes()) == len(graph.edges()) == 2


def test_the_numbers_of_a_matrix_have_one_format():
    assert labels.table([[7.775e-5, 2.865e-4], [0.0, -0.5]]) == [
        "7.775e-5   2.865e-4",
        "0         -5e-1",
    ]
    assert labels.table([[7.775e-4, np.nan], [0.0, 1234.0]]) == [
        "0.0007775   nan",
        "0          1234",
    ]


def test_the_loss_divides_by_the_number_of_samples():
    z = tx.Tensor(np.eye(4), requires_grad=True, name="z")
    for options in ({}, {"label_smoothing": 0.1}, {"weight": np.ones(4)}):
        drawing = viz.draw(tx.cross_entropy(z, [0, 1, 2, 3], **options))
        heads = [drawing.cards.node(node)[0][1] for node in drawing.graph.nodes]
        assert "-Σ (Y · log softmax(z)) / N" in drawing.dot
        assert "4" in heads
        assert heads.index("div") < heads.index("neg, output")
        assert not [head for head in heads if head.startswith("-")]
