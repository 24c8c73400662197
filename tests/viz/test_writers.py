"""Files are written by the writer of their ending; one from outside takes one place."""

import re

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent import Tensor
from viz.__main__ import main, parser

HOSTILE = [
    'a"]; end',
    "`x` <b>&amp;",
    "#quot; ﬂ°°35¶ß",
    "%%{init}%%",
    "end",
    "W[0](1){2}|3|",
    "-->\n--",
]


def small(name="W"):
    W = Tensor(np.array([[0.1, -0.2], [0.3, 0.4]]), requires_grad=True, name=name)
    with tx.scope("layer"), tx.scope("inner"):
        h = tx.relu(np.ones((3, 2)) @ W)
    loss = h.sum()
    loss.backward()
    return loss


# --- a format from outside -----------------------------------------------------------------------


def test_a_format_from_outside_takes_one_place(tmp_path, capsys):
    @viz.writer(".csv")
    def table(drawing):
        return "\n".join(f"{edge.tail},{edge.head}" for edge in drawing.graph.edges)

    drawing = viz.draw(small())
    path = drawing.save(tmp_path / "edges.CSV")
    assert len(path.read_text().splitlines()) == len(drawing.graph.edges)
    assert ".csv" in parser().format_help()
    (tmp_path / "script.py").write_text(
        "import tinygrad_xent as tx\nloss = tx.Tensor(1.0, requires_grad=True) * 2.0\n"
    )
    assert main([str(tmp_path / "script.py"), "-o", str(tmp_path / "g.csv")]) == 0
    assert (tmp_path / "g.csv").read_text() == "n0,n2\nn1,n2"


def test_an_unknown_ending_lists_those_there_are(tmp_path):
    drawing = viz.draw(small())
    with pytest.raises(ValueError, match=r"'g.jpg' should end in \.svg, .*\.dot or \.mmd"):
        drawing.save(tmp_path / "g.jpg")
    viz.writer(".jpg")(lambda drawing: b"jpeg")
    assert drawing.save(tmp_path / "g.jpg").read_bytes() == b"jpeg"


def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path):
    @viz.writer(".txt")
    def fails(drawing):
        raise RuntimeError("no")

    @viz.writer(".xyz")
    def gives_a_list(drawing):
        return ["a"]

    for name, error in (("a.txt", RuntimeError), ("a.xyz", TypeError)):
        path = tmp_path / name
        path.write_text("before")
        with pytest.raises(error):
            viz.draw(small()).save(path)
        assert path.read_text() == "before"


def test_an_ending_has_one_writer():
    def define(text):
        @viz.writer(".txt")
        def outline(drawing):
            return text

        return outline

    define("first")
    again = define("second")  # the cell of a notebook that runs twice
    assert viz.WRITERS[".txt"] is again
    with pytest.raises(ValueError, match=r"(?s)\.svg is written by.*fix: another ending"):
        viz.writer(".svg")(lambda drawing: "")
    for wrong in ("svg", ".", ".a b", ".a/b", 3):
        with pytest.raises(ValueError, match="an ending is a text like"):
            viz.writer(wrong)
    with pytest.raises(TypeError, match="written by a function"):
        viz.writer(".txt")("text")


# --- Mermaid -------------------------------------------------------------------------------------


def mermaid(output, **options):
    return viz.WRITERS[".mmd"](viz.draw(output, **options))


def text_of(label):
    """A label with Mermaid's codes read as the characters that they stand for."""
    lines = label.replace("\u00a0", " ").split("<br/>")
    return [re.sub(r"#(\d+);", lambda code: chr(int(code[1])), line) for line in lines]


def test_mermaid_has_every_node_edge_and_scope():
    drawing = viz.draw(small())
    text = mermaid(small())
    assert text.splitlines()[1] == "flowchart TB"
    boxes = dict(re.findall(r'^\s*(n\d+)[\[(]"(.*)"[\])]:::\w+$', text, re.MULTILINE))
    assert boxes.keys() == {node.id for node in drawing.graph.nodes}
    for node in drawing.graph.nodes:
        assert text_of(boxes[node.id]) == [line for _, line in drawing.cards.node(node)]
    arrows = re.findall(r'^(n\d+) (-->|-\.->)(?:\|"(.*)"\|)? (n\d+)$', text, re.MULTILINE)
    assert [(a, b) for a, _, _, b in arrows] == [(e.tail, e.head) for e in drawing.graph.edges]
    live = {e.tail for e in drawing.graph.edges if drawing.cards.is_live(e)}
    assert {a for a, kind, _, _ in arrows if kind == "-->"} == live
    assert len(live) < len(arrows)
    opened = re.findall(r'^\s*subgraph scope\d+\["(.*)"\]$', text, re.MULTILINE)
    assert opened == ["layer", "inner"]
    assert len(re.findall(r"^\s*end$", text, re.MULTILINE)) == len(opened)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_in_mermaid(name):
    text = mermaid(small(name), show=["value"])
    plain = mermaid(small("W"), show=["value"])
    assert len(text.splitlines()) == len(plain.splitlines())
    for line, usual in zip(text.splitlines(), plain.splitlines(), strict=True):
        if line != usual:  # the one with the name: nothing in its label but letters and codes
            (label,) = re.findall(r'^\s*n\d+\["(.*)"\]:::parameter$', line)
            unlabelled = label.replace("<br/>", "")
            assert re.fullmatch(r"(?:[^\"`\[\]{}<>|&%\\#;]|#\d+;)*", unlabelled)
            (node,) = [n for n in viz.draw(small(name)).graph.nodes if n.kind == "parameter"]
            head = viz.draw(small(name), show=["value"]).cards.node(node)[0][1]
            assert text_of(label)[0] == head


@pytest.mark.parametrize("direction", ["TB", "LR", "BT", "RL", "backward"])
def test_mermaid_goes_the_way_that_was_asked_for(direction):
    text = mermaid(small(), direction=direction)
    assert text.splitlines()[1] == f"flowchart {'TB' if direction == 'backward' else direction}"
    first = viz.draw(small()).graph.edges[0]
    ends = (first.head, first.tail) if direction == "backward" else (first.tail, first.head)
    assert re.search(rf"^{ends[0]} .*{ends[1]}$", text, re.MULTILINE)


def test_mermaid_has_the_palettes_colours():
    for palette in (viz.LIGHT, viz.DARK):
        text = mermaid(small(), theme=palette)
        assert f"classDef parameter fill:{palette.fill('parameter')}" in text
        assert f"linkStyle default stroke:{palette.edge}" in text
        used = set(re.findall(r":::(\w+)", text))
        assert used <= set(re.findall(r"classDef (\w+)", text))
