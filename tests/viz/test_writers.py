"""The ending of a file chooses its writer; to add one from outside takes one place."""

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent import Tensor
from viz.__main__ import main, parser


def small(name="W"):
    W = Tensor(np.array([[0.1, -0.2], [0.3, 0.4]]), requires_grad=True, name=name)
    with tx.scope("layer"), tx.scope("inner"):
        h = tx.relu(np.ones((3, 2)) @ W)
    loss = h.sum()
    loss.backward()
    return loss


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
    with pytest.raises(ValueError, match=r"'g.jpg' should end in \.svg, .*\.mmd or \.tex"):
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
