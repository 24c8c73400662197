"""What the pictures of large computations show, whatever their kind; how fast is measured elsewhere."""

import random
import warnings
from dataclasses import replace

import pytest

import tinygrad_xent as tx
import viz
from benchmarks.graphs import GRAPHS, irregular, leaf
from tests.viz.test_graph import assert_acyclic, assert_complete, random_trace
from viz.blocks import Structure
from viz.graph import build
from viz.views import cut, views


def draw(trace, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        return viz.draw(trace, **options)


@pytest.mark.parametrize("kind", GRAPHS)
def test_no_box_hides_everything_where_more_fits(kind):
    trace = tx.trace(GRAPHS[kind](2100))
    graph = draw(trace, max_nodes=40).graph
    assert_complete(trace, graph)
    assert_acyclic(graph)
    assert 2 < len(graph.nodes) <= 40


def test_one_scope_around_everything_is_cut_into_parts():
    trace = tx.trace(GRAPHS["many scopes in one"](3000))
    graph = draw(trace).graph
    assert [scope.name for scope in graph.scopes.values()] == ["all"]
    assert [node.kind for node in graph.nodes].count("part") == 16
    assert graph.largest < 3000 / 10
    assert {node.within for node in graph.nodes if node.is_box} == {tuple(graph.scopes)}
    assert len(viz.draw(trace, fold=0).graph.nodes) == 1  # as it was asked for


def test_a_scope_that_is_not_most_of_a_computation_stays_whole():
    rng, pool = random.Random(0), [leaf(), leaf()]
    for name in "abc":
        with tx.scope(name):
            irregular(rng, pool, 300)
    boxes = [node.name for node in draw(tx.trace(pool[-1])).graph.nodes if node.is_box]
    assert boxes == ["a", "b", "c"]


@pytest.mark.parametrize("seed", range(20))
def test_no_cut_loses_anything_or_makes_a_cycle(seed):
    trace = random_trace(seed, 20)
    structure = Structure(trace)
    for view in (finer for coarse in views(trace, None, 5) for finer in cut(coarse, None)):
        for bundle in (False, True):
            graph = build(trace, replace(view, bundle=bundle), structure)
            assert_complete(trace, graph)
            assert_acyclic(graph)


def test_the_operations_of_a_scope_are_all_it_holds_at_any_depth():
    trace = tx.trace(GRAPHS["1,000 nested scopes"](2000))
    block, structure = Structure(trace).root, Structure(trace)
    assert block.entries == [entry.id for entry in trace if entry.kind == "operation"]
    assert structure.root.size == len(block.entries)
    (inner,) = [item for item in block.items if not isinstance(item, int)]
    assert (inner.size, len(inner.entries)) == (2000, 2000)
