"""However coarse the view, nothing goes missing; repeats, references and budgets are as promised."""

import random
import re
import time
import warnings
from collections import Counter
from contextlib import ExitStack, nullcontext
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx
import viz
from viz.graph import build
from viz.repeats import Run, runs
from viz.views import View
from viz.views import views as steps
from viz.writers.mermaid import mermaid


def assert_complete(trace, graph):
    """Check that each entry is in exactly one node, each use inside one or on exactly one edge."""
    owner = {}
    for node in graph.nodes:
        for entry in (*node.entries, *node.held) if node.kind != "reference" else ():
            assert entry not in owner
            owner[entry] = node.id
    assert owner.keys() == {entry.id for entry in trace}
    references = {n.id: n.entries for n in graph.nodes if n.kind == "reference"}
    drawn = []
    for edge in graph.edges:
        for use in edge.uses:
            drawn.append((use.source, use.user, use.argument))
            assert owner[use.user] == edge.head
            assert use.source in references.get(edge.tail, ()) or owner[use.source] == edge.tail
    expected = [
        (source, entry.id, i)
        for entry in trace
        for i, source in enumerate(entry.inputs)
        if owner[source] != owner[entry.id]
    ]
    assert sorted(drawn) == sorted(expected)


def assert_acyclic(graph):
    waiting = {n.id: set() for n in graph.nodes}
    for edge in graph.edges:
        waiting[edge.head].add(edge.tail)
    while waiting:
        free = {name for name, tails in waiting.items() if not tails & waiting.keys()}
        assert free, f"a cycle among {sorted(waiting)}"
        waiting = {name: tails for name, tails in waiting.items() if name not in free}


def random_trace(seed, size):
    """A graph with scopes, leaves used once and often, and repeated stretches."""
    rng = random.Random(seed)
    pool = [tx.Tensor(rng.random(), requires_grad=rng.random() < 0.7) for _ in range(4)]
    pool.append(tx.Tensor(1.0, requires_grad=True))
    operations = [tx.mul, tx.add, lambda a, b: tx.tanh(a)]

    def grow(count, level):
        for _ in range(count):
            block = rng.random() < 0.2 and level < 3
            with tx.scope(rng.choice("fgh")) if block else nullcontext():
                if block:
                    grow(rng.randint(1, 4), level + 1)
                repeats = rng.choice([1, 1, 4])
                for _ in range(repeats):
                    a, b = pool[-1], rng.choice([*pool, 2.0])
                    pool.append(rng.choice(operations)(a, b))

    grow(size, 0)
    return tx.trace(pool[-1])


def views(trace, fold, max_nodes, inside=True):
    """The views of each step, without bundles and with them."""
    for view in steps(trace, fold, max_nodes, inside):
        yield from (replace(view, bundle=bundle) for bundle in (False, True))


def assert_no_eye(graph):
    """Check that two nodes are joined by one edge, or by few that each say which argument they are."""
    nodes = {node.id: node for node in graph.nodes}
    pairs = Counter((edge.tail, edge.head) for edge in graph.edges)
    for (tail, head), count in pairs.items():
        assert count == 1 or (count <= 5 and not (nodes[head].is_box or nodes[tail].is_bundle))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25), st.sampled_from([None, 0, 1, 2]), st.booleans())
def test_no_view_loses_anything_or_makes_a_cycle(seed, size, fold, inside):
    trace, sizes = random_trace(seed, size), {False: [], True: []}
    for view in views(trace, fold, 5, inside):
        graph = build(trace, view)
        assert_complete(trace, graph)
        assert_acyclic(graph)
        assert_no_eye(graph)
        sizes[view.bundle].append(len(graph.nodes))
    assert sizes[True][-1] == 1
    assert sizes[True] == sorted(sizes[True], reverse=True)
    assert all(few <= many for few, many in zip(sizes[True], sizes[False], strict=True))


def test_views_of_the_lessons_are_complete(lesson):
    for fold in (None, 0, 1):
        for view in views(lesson, fold, 8):
            assert_complete(lesson, build(lesson, view))


def test_the_check_of_completeness_catches_a_lost_node_and_a_lost_edge(lesson):
    graph = build(lesson, View())
    with pytest.raises(AssertionError):
        assert_complete(lesson, replace(graph, nodes=graph.nodes[1:]))
    with pytest.raises(AssertionError):
        assert_complete(lesson, replace(graph, edges=graph.edges[1:]))


def test_runs_are_what_they_say():
    """Undoing the runs gives the sequence back, each repetition equal to the first."""

    def flat(item):
        return [x for i in item.items for x in flat(i)] if isinstance(item, Run) else [item]

    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choice("ab") * rng.choice([1, 1, 3]) for _ in range(rng.randint(0, 12)))
        text = text + text[-4:] * 3
        found = runs(text, text)
        assert "".join(x for item in found for x in flat(item)) == text
        for run in (item for item in found if isinstance(item, Run)):
            size = len(run.items) // run.count
            parts = [
                "".join(x for i in run.items[k : k + size] for x in flat(i))
                for k in range(0, len(run.items), size)
            ]
            assert len(parts) == run.count >= 3
            assert len(set(parts)) == 1


def layered(count, same=True):
    x = tx.Tensor([[1.0, 2.0]], name="x")
    for i in range(count):
        with tx.scope("layer", "tanh(x W)"):
            x = tx.tanh(x @ tx.Tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True, name=f"W{i}"))
            if not same and i == count // 2:
                x = x * x
    return tx.trace(x)


def test_equal_siblings_collapse_to_one_box_that_says_what_it_stands_for():
    trace = layered(12)
    drawing = viz.draw(trace, fold=0)
    (box,) = [n for n in drawing.graph.nodes if n.kind == "repeat"]
    assert (box.count, len(box.entries)) == (12, 24)
    assert "layer ×12" in drawing.dot
    assert "tanh(x W)" in drawing.dot
    assert "12 × 2 = 24 operations, one after another" in drawing.dot
    assert [trace[i].name for i in box.held] == [f"W{i}" for i in range(12)]
    assert "12 parameters, 48 numbers" in drawing.dot
    outside = viz.draw(trace, fold=0, parameters="outside")
    (weights,) = [n for n in outside.graph.nodes if n.kind == "parameter"]
    assert len(weights.entries) == 12
    assert_complete(trace, drawing.graph)
    assert_complete(trace, outside.graph)


def test_unequal_siblings_do_not_collapse():
    graph = viz.draw(layered(7, same=False), fold=0).graph
    assert [n.count for n in graph.nodes if n.is_box] == [3, 1, 3]


def test_two_equal_siblings_stay_apart():
    graph = viz.draw(layered(2), fold=0).graph
    assert [n.kind for n in graph.nodes if n.is_box] == ["group", "group"]


def test_open_scopes_do_not_collapse_unasked():
    assert not [n for n in viz.draw(layered(12)).graph.nodes if n.is_box]


def test_siblings_wired_differently_inside_are_not_equal():
    def make(i):
        x = tx.Tensor(1.0 + i, requires_grad=True)
        with tx.scope("f"):
            a = tx.tanh(x)
            b = tx.exp(a)
            return a * a if i == 1 else a * b if i % 2 else b * a

    trace = tx.trace(make(0) + make(3) + make(2) + make(5) + make(4))
    assert not [n for n in viz.draw(trace, fold=0).graph.nodes if n.kind == "repeat"]


def test_over_budget_it_folds_and_says_so():
    trace = layered(40)
    with pytest.warns(viz.DrawingWarning, match=r"121 nodes are over max_nodes=50\. These 2 nodes"):
        drawing = viz.draw(trace, max_nodes=50)
    assert "stand for all 121" in drawing.dot
    assert_complete(trace, drawing.graph)


def test_the_warning_points_to_the_callers_line():
    with pytest.warns(viz.DrawingWarning) as caught:
        viz.draw(layered(40), max_nodes=50)
    assert caught[0].filename == __file__


def test_within_the_budget_nothing_folds():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(viz.draw(layered(40)).graph.nodes) == 121


@pytest.mark.parametrize("max_nodes", [1, 5, 12, 60, 200])
def test_large_graphs_keep_to_the_budget(large, max_nodes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        drawing = viz.draw(large, max_nodes=max_nodes)
    assert_complete(large, drawing.graph)
    assert_acyclic(drawing.graph)
    assert len(drawing.graph.nodes) <= max_nodes


def one_of_each(leaves):
    return tx.concatenate([leaf.reshape(1) for leaf in leaves])


@pytest.mark.parametrize("max_nodes", [1, 2, 3, 5, 50])
@pytest.mark.parametrize(("fold", "parameters"), [(None, "inside"), (0, "outside")])
@pytest.mark.parametrize(
    "kind", [tx.stack, one_of_each, sum, lambda leaves: tx.concatenate([*leaves, *leaves])]
)
def test_a_wide_fan_in_keeps_to_the_budget_and_says_so(kind, fold, parameters, max_nodes):
    leaves = [tx.Tensor([float(i)], requires_grad=True) for i in range(1000)]
    trace = tx.trace(kind(leaves))
    with pytest.warns(viz.DrawingWarning, match="nodes are over max_nodes"):
        drawing = viz.draw(trace, fold=fold, max_nodes=max_nodes, parameters=parameters)
    assert len(drawing.graph.nodes) <= max_nodes
    assert_complete(trace, drawing.graph)
    assert f"over max_nodes={max_nodes}. Th" in drawing.graph.notes[0]
    assert re.search("(1,00[01]|999) leaves in 1 b", drawing.graph.notes[1])


def test_the_leaves_are_bundled_before_anything_folds():
    x = tx.concatenate([tx.Tensor([float(i)], requires_grad=True) for i in range(60)])
    for _ in range(3):
        with tx.scope("layer"):
            x = tx.tanh(x) * x
    trace = tx.trace(x.sum())
    with pytest.warns(viz.DrawingWarning):
        drawing = viz.draw(trace, max_nodes=20)
    assert [n.kind for n in drawing.graph.nodes] == ["parameter"] + ["operation"] * 8
    assert drawing.graph.notes == (
        "Folded: 68 nodes are over max_nodes=20. These 9 nodes stand for all 68.",
        "Not drawn one by one: 60 leaves in 1 bundle.",
    )
    assert [edge for edge in labels_of(drawing) if edge[0] == "parameter"] == [
        ("parameter", "operation", [("note", "×60")])
    ]


def labels_of(drawing):
    """The labels of the edges, by the kinds of the nodes that they join."""
    nodes = {node.id: node for node in drawing.graph.nodes}
    return [
        (nodes[e.tail].kind, nodes[e.head].kind, drawing.cards.edge(e, nodes[e.head]))
        for e in drawing.graph.edges
    ]


def test_many_parameters_in_one_box_have_one_edge():
    with tx.scope("total"):
        leaves = [tx.Tensor(float(i), requires_grad=True) for i in range(210)]
        total = tx.stack(leaves).sum()
    with pytest.warns(viz.DrawingWarning):
        drawing = viz.draw(tx.trace(total), fold=0, max_nodes=50, parameters="outside")
    assert labels_of(drawing) == [("parameter", "group", [("note", "×210")])]


def test_a_value_that_an_operation_uses_often_has_one_edge():
    x = tx.Tensor([1.0], requires_grad=True, name="x")
    assert labels_of(viz.draw(tx.concatenate([x] * 7))) == [
        ("parameter", "operation", [("note", "×7")])
    ]
    assert len(viz.draw(tx.concatenate([x] * 5)).graph.edges) == 5


def test_arguments_keep_their_order_where_one_node_gives_two_of_them():
    a, b = (tx.Tensor(1.0, requires_grad=True, name=name) for name in "ab")
    graph = viz.draw(tx.where([True], a, b) * tx.where([True], b, a)).graph
    order = [(edge.uses[0].user, edge.uses[0].argument) for edge in graph.edges]
    assert order == sorted(order)


def nested(depth):
    """One operation in each of as many scopes, one inside the other."""
    x = tx.Tensor(1.0, requires_grad=True)
    with ExitStack() as scopes:
        for i in range(depth):
            scopes.enter_context(tx.scope(f"scope {i}"))
            x = tx.tanh(x)
    return tx.trace(x)


def test_a_thousand_nested_scopes():
    trace = nested(1000)
    start = time.process_time()
    with pytest.warns(viz.DrawingWarning, match="1,001 nodes are over max_nodes=200"):
        drawing = viz.draw(trace)
    assert len(drawing.graph.nodes) == 200  # the finest that fits: 198 operations, a box, the leaf
    assert_complete(trace, drawing.graph)
    whole = viz.draw(trace, max_nodes=2000)
    assert whole.dot.count("subgraph cluster") == 1000
    assert mermaid(whole).count("subgraph scope") == 1000
    assert time.process_time() - start < 20  # it took minutes when each level was tried


def test_an_irregular_chain_is_cut_into_parts():
    rng = random.Random(0)
    y = x = tx.Tensor(1.0, requires_grad=True, name="x")
    for _ in range(3000):
        y = rng.choice([tx.tanh, tx.sigmoid, tx.softplus, lambda y: y * 1.5, lambda y: -y])(y)
    y.name = "y"
    trace = tx.trace(y)
    with pytest.warns(viz.DrawingWarning):
        graph = viz.draw(trace).graph
    assert x.requires_grad
    assert_complete(trace, graph)
    assert 3 <= len(graph.nodes) <= 200
    assert any(n.kind == "part" for n in graph.nodes)
    assert [n for n in graph.nodes if n.output and n.entries == (trace.output,)]
