"""Mermaid: the flowchart has every node, edge and scope of the graph, and any text stays text."""

import re
import warnings
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
import viz
from tests.viz.test_svg import HOSTILE, hostile_trace
from viz.theme import LOOKS
from viz.writers.mermaid import JOINER, escape

TEXT = r'"(?P<text>[^"]*)"'
NODE = re.compile(rf"(?P<id>\w+)(\[{TEXT}\]|\({TEXT.replace('text', 'round')}\)):::(?P<look>\w+)")
EDGE = re.compile(rf"(?P<start>\w+) (?P<arrow>-->|-\.->)(\|{TEXT}\|)? (?P<end>\w+)")
SCOPE = re.compile(rf"subgraph (?P<id>\w+)\[{TEXT}\]")
CLASS = re.compile(r"classDef (?P<name>\w+) (?P<style>[\w#:.,\- ]+)")


def seen(text):
    """The lines of a text as a reader sees them."""
    decoded = [
        re.sub(r"#(\d+);", lambda code: chr(int(code[1])), line) for line in text.split("<br/>")
    ]
    return [line.replace(JOINER, "").replace("\u00a0", " ") for line in decoded]


def read(text):
    """Nodes, edges, scopes and classes of a flowchart; each of its lines must be one of these."""
    settings, head, *lines = text.splitlines()
    assert settings.startswith("%%{init: ")
    (direction,) = re.fullmatch("flowchart (TB|LR|BT|RL)", head).groups()
    nodes, edges, scopes, classes, path = {}, [], {}, {}, []
    for line in map(str.strip, lines):
        if found := SCOPE.fullmatch(line):
            path.append(found["id"])
            scopes[found["id"]] = (seen(found["text"]), tuple(path[:-1]))
        elif line == "end":
            path.pop()
        elif line == f"direction {direction}":
            assert path
        elif found := NODE.fullmatch(line):
            assert found["id"] not in nodes
            words = found["text"] if found["text"] is not None else found["round"]
            nodes[found["id"]] = (seen(words), found["look"], tuple(path))
        elif found := EDGE.fullmatch(line):
            label = seen(found["text"]) if found["text"] else []
            edges.append((found["start"], found["arrow"], label, found["end"]))
        elif found := CLASS.fullmatch(line):
            classes[found["name"]] = found["style"]
        else:
            assert re.fullmatch(r"class scope\d+ scope|linkStyle default stroke:#\w{6}", line), line
    assert path == []
    return direction, nodes, edges, scopes, classes


def mermaid(drawing):
    return viz.WRITERS[".mmd"](drawing)


def assert_is_the_graph(drawing, backward=False):
    """Every node, edge and scope with all its lines, and nothing else."""
    graph, cards = drawing.graph, drawing.cards
    _, nodes, edges, scopes, classes = read(mermaid(drawing))
    by_name = {node.id: node for node in graph.nodes}
    assert nodes.keys() - {f"note{i}" for i in range(len(graph.notes))} == by_name.keys()
    for name, node in by_name.items():
        text, look, path = nodes[name]
        assert text == [line for _, line in cards.node(node)]
        assert look == ("output" if node.output else node.kind)
        assert path == tuple(f"scope{scope}" for scope in node.within)
        assert look in classes
    expected = [
        (edge.tail, edge.head, [line for _, line in cards.edge(edge, by_name[edge.head])])
        for edge in graph.edges
    ]
    ends = [(end, start) if backward else (start, end) for start, _, _, end in edges]
    assert [(*pair, text) for pair, (_, _, text, _) in zip(ends, edges, strict=True)] == expected
    assert scopes.keys() == {f"scope{i}" for i in graph.scopes}
    for i, scope in graph.scopes.items():
        assert scopes[f"scope{i}"][0] == [line for _, line in cards.scope(scope)]


@pytest.mark.parametrize("direction", ["TB", "LR", "BT", "RL", "backward"])
@pytest.mark.parametrize("fold", [None, 0, 1])
def test_the_flowchart_is_the_graph(lesson, fold, direction):
    show = ("value", "grad", "formula", "shape", "contribution")
    drawing = viz.draw(lesson, fold=fold, direction=direction, show=show)
    assert_is_the_graph(drawing, backward=direction == "backward")
    assert read(mermaid(drawing))[0] == {"backward": "TB"}.get(direction, direction)


def test_a_large_graph_is_folded_and_says_so(large):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        drawing = viz.draw(large, max_nodes=8)
    assert_is_the_graph(drawing)
    nodes = read(mermaid(drawing))[1]
    written = [nodes[f"note{i}"] for i in range(len(drawing.graph.notes))]
    assert [text for text, *_ in written] == [[note] for note in drawing.graph.notes]
    assert {look for _, look, _ in written} == {"note"}


@pytest.mark.parametrize("fold", [None, 0])
def test_hostile_names_stay_text(fold):
    drawing = viz.draw(hostile_trace(), fold=fold, parameters="outside")
    assert_is_the_graph(drawing)
    heads = {text[0] for text, *_ in read(mermaid(drawing))[1].values()}
    assert {f"{viz.labels.clean(name)}: parameter" for name in HOSTILE} <= heads


def test_what_stands_in_quotes_has_no_meaning():
    written = escape(
        """a"b`c[d]{e}<f>|g\\h&i#j;k*l_m~n$o%p!q'r^s=t+u/v?w@x - - 1. 2) :::a style:#1;"""
    )
    assert re.sub(r"#\d+;", "", written) == "abcdefghijklmnopqrstuvwx   1 2) a style1"
    assert (
        escape("float64 (3, 2)  -0.25, -1.5e-7: x") == "float64 (3, 2)\u00a0\u00a0-0.25, -1.5e-7: x"
    )


@pytest.mark.parametrize("word", ["fa:fa-car", "$$x$$", r"a\nb", "ﬂ°60¶ß", "ﬂ°°60¶ß"])
def test_words_that_mermaid_reads_after_the_codes_are_taken_apart(word):
    decoded = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), escape(word))
    assert not re.search(r":fa-|\$\$|\\n|ﬂ°|¶ß", decoded)
    assert seen(escape(word)) == [word]


@given(st.text(max_size=40))
def test_any_text_is_read_back(text):
    shown = viz.labels.clean(text)
    written = escape(shown)
    assert not re.search(r"""["`\[\]{}<>|\\&*_~$%!'^=+/?@\n]|#(?!\d+;)|(?<!\d);""", written)
    assert seen(written) == [shown.replace("\u00a0", " ")]


def test_the_colours_are_the_palettes():
    x = tx.Tensor(3.0, requires_grad=True, name="x")
    sepia = replace(viz.LIGHT, text="#3b2f20", edge="#123456", hues={"parameter": "#8a5a00"})
    with tx.scope("square"):
        y = x * x * 2.0
    for palette in (sepia, viz.DARK):
        text = mermaid(viz.draw(tx.trace(y), theme=palette))
        classes = read(text)[4]
        assert classes.keys() == {"parameter", "constant", "operation", "output", "scope", "note"}
        for kind in classes.keys() & LOOKS.keys():
            style = dict(entry.split(":") for entry in classes[kind].split(","))
            assert style["fill"] == palette.fill(kind)
            assert style["stroke"] == palette.border(kind)
            assert style["color"] == palette.text
            assert ("stroke-dasharray" in style) == (kind == "constant")
        assert f"fill:{palette.scope}," in classes["scope"]
        assert f"linkStyle default stroke:{palette.edge}" in text


def test_an_edge_without_a_gradient_is_dotted():
    x, c = tx.Tensor(3.0, requires_grad=True, name="x"), tx.Tensor(2.0, name="c")
    edges = read(mermaid(viz.draw(tx.trace(x * c))))[2]
    assert [(start, arrow) for start, arrow, _, _ in edges] == [("n0", "-->"), ("n1", "-.->")]


def test_it_needs_no_layout_engine(monkeypatch, tmp_path):
    def refuse(*_):
        raise viz.EngineMissingError("no engine")

    monkeypatch.setattr("viz.layout.render", refuse)
    drawing = viz.draw(tx.Tensor([1.0], name="x"))
    path = drawing.save(tmp_path / "g.mmd")
    assert path.read_text("utf-8") == mermaid(drawing)
    with pytest.raises(viz.EngineMissingError):
        drawing.save(tmp_path / "g.svg")
