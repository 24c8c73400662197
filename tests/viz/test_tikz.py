"""TikZ: the picture has every shape, edge and text of the SVG, and any text stays text."""

import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
import viz
from tests.test_formulas import all_formulas, scope_formulas
from tests.viz.test_svg import hostile_trace
from viz import labels, shapes, tex
from viz.svg import SVG
from viz.theme import LOOKS

NUMBER = r"-?\d+(?:\.\d{1,2})?"
POINT = rf"\({NUMBER},{NUMBER}\)"
NODE = re.compile(rf"\\node\[(\w+) text([\w =,.]*)\] at ({POINT}) \{{(.*)\}};")
PATH = re.compile(
    rf"\\(draw|fill)\[([\w =,.]+)\] (?:{POINT}|rectangle|ellipse\[[\w =,.]+\]|\.\.|--|controls|and|cycle| )+;"
)
NAMES = {command: char for char, command in tex.SPECIALS.items()}
HOSTILE_TO_TEX = [
    r"\end{tikzpicture}\end{document}",
    r"\input{/etc/passwd}\write18{ls}",
    r"^^5cinput ^^M ^^41",
    "% all of this } is shown {",
    "$x$ & #1 ~ _ ^ \\",
    "--- -- ,, <<a>> ``b'' ?` !` \"c\" |d|",
    "  two  and   three   ",
    "x\u0302 é e\u0301 ñ ß Ł",
]


def tikz(drawing):
    return viz.WRITERS[".tex"](drawing)


def seen(text):
    """A line of text as a reader sees it."""
    if found := re.fullmatch(r"\\glyphswithin\{\d+\}\{(.*)\}", text):
        text = found[1]
    text = re.sub(r"(?<=[-,])\{\}", "", text)
    commands = "|".join(map(re.escape, sorted(NAMES, key=len, reverse=True)))
    pattern = rf"\\(?:drawn)?glyph\{{(.)\}}|({commands})|([^\\{{}}$&#_%^~])"
    assert re.fullmatch(f"(?:{pattern})*", text), text
    return re.sub(pattern, lambda m: m[1] or NAMES.get(m[2], m[3]), text).replace("\u00a0", " ")


def parts(text):
    """The texts of each part of the picture by its name, "" for the others; each line must be known."""
    _, _, body = text.partition("use as bounding box] ")
    found, name = {}, ""
    _, *lines, picture, document = body.splitlines()
    assert (picture, document) == (r"\end{tikzpicture}", r"\end{document}")
    for line in lines:
        if line.startswith("% "):
            name = re.match(r"% (\w*)", line)[1]
            found[name] = []
        elif node := NODE.fullmatch(line):
            found.setdefault(name, []).append((node[1], seen(node[4])))
        else:
            assert PATH.fullmatch(line), line
    return found


def normal(text):
    """As an SVG's text is written: NFC, no space around it."""
    return unicodedata.normalize("NFC", text.replace("\u00a0", " ")).strip()


@pytest.mark.parametrize("direction", ["TB", "LR", "backward"])
@pytest.mark.parametrize("fold", [None, 0])
def test_every_node_edge_and_scope_is_there_with_its_lines(lesson, fold, direction):
    drawing = viz.draw(lesson, fold=fold, direction=direction)
    assert_is_the_picture(drawing)


def pieces(text):
    """A line of text; or the parts into which a title has parted."""
    return [span for span in text if span.get("x")] or [text]


def assert_is_the_picture(drawing):
    text = tikz(drawing)
    found = parts(text)
    for node in drawing.graph.nodes:
        lines = [(role, normal(line)) for role, line in drawing.cards.node(node)]
        shown = found[node.id]
        assert shown[: len(lines)] == [line for line in lines if line[1]], node.id
    for i in range(len(drawing.graph.edges)):
        assert f"e{i}" in found
    for i in drawing.graph.scopes:
        assert f"cluster{i}" in found
    every = [line for lines in found.values() for _, line in lines]
    root = ET.fromstring(drawing.svg)
    texts = root.iter(f"{{{SVG}}}text")
    words = ["".join(piece.itertext()) for text in texts for piece in pieces(text)]
    assert sorted(every) == sorted(filter(None, (normal(w.removeprefix("■")) for w in words)))


def test_a_text_a_role_and_a_part_that_are_wrong_are_caught(monkeypatch):
    x = tx.Tensor(3.0, requires_grad=True, name="x")
    drawing = viz.draw(tx.trace(x * x))
    assert_is_the_picture(drawing)
    made = tikz(drawing)
    for right, wrong in (
        ("{value~~9}", "{value~~8}"),
        ("grad text] at", "note text] at"),
        ("% e0", "% e7"),
    ):
        assert right in made
        monkeypatch.setitem(viz.WRITERS, ".tex", lambda _, a=right, b=wrong: made.replace(a, b))
        with pytest.raises(AssertionError):
            assert_is_the_picture(drawing)


def test_hostile_names_stay_text():
    assert_is_the_picture(viz.draw(hostile_trace()))
    total = tx.Tensor(0.0, requires_grad=True)
    for name in HOSTILE_TO_TEX:
        total = total + tx.Tensor(1.0, requires_grad=True, name=name)
    drawing = viz.draw(tx.trace(total))
    assert_is_the_picture(drawing)
    inputs = [line for line in tikz(drawing).splitlines() if r"\input" in line]
    assert inputs
    assert all(line.startswith("% ") for line in inputs)


@given(st.one_of(st.text(max_size=40), st.text(st.sampled_from("\\{}$&#_%^~<>\"'`-,?! Σ名²"))))
def test_any_text_is_read_back(text):
    shown = labels.clean(text)
    assert seen(tex.fitted(shown)) == unicodedata.normalize("NFC", shown).replace("\u00a0", " ")


@pytest.mark.parametrize("text", ["50%", "a_b", "{", r"\input", "x^2", "名", "a--b{}"])
def test_a_text_that_is_not_escaped_is_caught(text):
    with pytest.raises(AssertionError):
        assert seen(text).isascii()


def test_no_ligature_is_left():
    assert tex.escape("---") == "-{}-{}-"
    assert tex.escape(",,") == ",{},"
    assert tex.escape("<<>>``''").count("{}") == 8


def test_every_character_of_a_formula_and_of_the_pictures_own_words_is_drawn(lesson):
    words = [text for _, text in all_formulas()] + scope_formulas()
    own = "Σ ∂ · √ ᵀ ← → × − … ⟨ ⟩ ↑ Δ ≤ ≥ ² ᶻ ₙ ⁻ ¹ ᵞ α β γ θ λ π σ x\u0302"
    used = {c for text in [*words, own, viz.draw(lesson).dot] for c in text} - {"\u00a0"}
    assert {"Σ", "ᵞ", "√"} <= used
    undrawn = [c for c in sorted(used) if not c.isascii() and tex.mathematics(c) is None]
    assert undrawn == []
    assert [c for c in "名😀☃\u0333" if tex.mathematics(c) is not None] == []
    drawn = "".join(filter(None, map(tex.mathematics, used)))
    assert drawn.isascii()  # in pdfLaTeX's mathematics there is nothing else


def test_only_the_characters_of_the_picture_are_defined():
    lines = tex.definitions(["Σ 名 é", "a"])
    assert lines == [r"\newglyph{Σ}{\Sigma}", r"\newglyphcode{名}{540D}"]
    assert tex.definitions(["x\u20d7"]) == ["\\newglyphaccent{\u20d7}{\\vec}"]


def test_the_colours_are_the_svgs():
    x = tx.Tensor([1.0, 3.0], requires_grad=True, name="x")
    sepia = replace(viz.LIGHT, text="#3b2f20", edge="#123456", hues={"parameter": "#8a5a00"})
    with tx.scope("square"):
        y = tx.trace((x * x * 2.0).sum())
    finding = SimpleNamespace(rule="found", entry=0)
    for palette in (sepia, viz.DARK):
        drawing = viz.draw(y, theme=palette, findings=[finding])
        css, text = drawing.svg.partition("<style>")[2].partition("</style>")[0], tikz(drawing)
        named = {
            n: f"#{c.lower()}"
            for n, c in re.findall(r"\\definecolor\{(\w+)\}\{HTML\}\{(\w+)\}", text)
        }

        def rule(selector, name, css=css):
            return re.search(rf"{selector}[^{{}}]*\{{[^}}]*?\b{name}:(#\w+)", css)[1]

        assert "lint text/" in text
        for role, style in re.findall(r"(\w+) text/\.style=\{picture text(?!/)(.*)\},", text):
            ink = re.search(r"text=(\w+)", style)
            colour = named[ink[1] if ink else "textink"]
            selector = rf"\.{role}" if re.search(rf"\.{role}[^{{}}]*\{{fill", css) else " text"
            assert colour == re.search(rf"{selector}(?:,[^{{}}]*)?\{{fill:(#\w+)", css)[1], role
            assert ("bfseries" in style) == (role in ("head", "lint"))
        kinds = {k for k in LOOKS if f"{k}fill" in named}
        assert kinds == {"parameter", "constant", "operation", "output"}
        for kind in kinds:
            assert named[f"{kind}fill"] == palette.fill(kind)
            assert named[f"{kind}border"] == rule(rf"\.{kind} polyline", "stroke")
        assert named["edgeink"] == rule(r"\.edge path", "stroke")
        assert named["canvas"] == palette.canvas
        assert named["scopefill"] == palette.scope


def test_a_short_picture_is_the_one_that_was_looked_at():
    x = tx.Tensor(3.0, requires_grad=True, name="x")
    text = tikz(viz.draw(tx.trace(x * 2.0), show=("value", "formula"), theme="light"))
    body = text.partition("\\begin{document}\n")[2].replace("\\end{document}\n", "")
    assert re.sub(r"\(-?[\d.]+,-?[\d.]+\)", "(x,y)", body) == GOLDEN


def test_it_is_the_same_again():
    def make():
        x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x²")
        return tikz(viz.draw(tx.trace((x * x).sum())))

    assert make() == make()


def test_save_writes_it(tmp_path):
    x = tx.Tensor(3.0, requires_grad=True, name="Δ")
    path = viz.draw(tx.trace(x * x)).save(tmp_path / "g.tex")
    assert r"\newglyph{Δ}{\Delta}" in path.read_text("utf-8")


# where things are


def test_transforms_are_applied_whatever_they_are():
    assert shapes.matrix("translate(10)")(1, 2) == (11, 2)
    assert shapes.matrix("translate(10, 5) scale(2)")(1, 2) == (12, 9)
    assert shapes.matrix("rotate(90)")(1, 0) == pytest.approx((0, 1))
    assert shapes.matrix("matrix(1 0 0 -1 0 100)")(3, 30) == (3, 70)
    assert shapes.matrix("scale(2 8)").scale == 4
    with pytest.raises(ValueError, match="skewX"):
        shapes.matrix("skewX(3)")


def test_a_picture_inside_a_scaled_group_is_smaller(monkeypatch):
    x = tx.Tensor(3.0, requires_grad=True, name="x")
    drawing = viz.draw(tx.trace(x * x))
    large, svg = tikz(drawing), drawing.svg
    head, canvas = svg.index("<g transform="), svg.rindex("</svg>")
    half = f'{svg[:head]}<g transform="scale(0.5)">{svg[head:canvas]}</g></svg>\n'
    monkeypatch.setattr(viz.Drawing, "svg", half)
    small = tikz(drawing)
    height = float(re.search(rf"rectangle \({NUMBER},({NUMBER})\)", large)[1])

    def places(text):
        found = re.findall(rf"\\node\[[^]]*\] at \(({NUMBER}),({NUMBER})\)", text)
        return [(float(x), height - float(y)) for x, y in found]

    assert len(places(small)) > 5
    for (x1, y1), (x2, y2) in zip(places(large), places(small), strict=True):
        assert (x2, y2) == pytest.approx((x1 / 2, y1 / 2), abs=0.02)
    assert "size=5" in small
    assert "line width=0.6bp" in small
    assert "edge tip=3.5" in small


def rectangle(*points, closed=True):
    first, *others = points
    return shapes.Shape(first, tuple((point,) for point in others), closed)


def test_a_rectangle_is_told_from_other_shapes():
    corners = [(0.0, 0.0), (9.0, 0.0), (9.0, 5.0), (0.0, 5.0)]
    assert rectangle(*corners).corner_radius() == 0
    assert rectangle(*corners, closed=False).corner_radius() is None
    assert rectangle(*corners[:3]).corner_radius() is None
    assert rectangle(*corners, (4.0, 2.0)).corner_radius() is None
    cut = [
        (1.0, 0.0),
        (8.0, 0.0),
        (9.0, 1.0),
        (9.0, 4.0),
        (8.0, 5.0),
        (1.0, 5.0),
        (0.0, 4.0),
        (0.0, 1.0),
    ]
    assert rectangle(*cut).corner_radius() is None  # its corners are cut, not round
    element = ET.Element("path", d="M1,0C1,0 8,0 8,0 8.5,0 9,0.5 9,1 9,1 9,4 9,4 9,4.5 8.5,5 8,5 8,5 1,5 1,5 "
                         "0.5,5 0,4.5 0,4 0,4 0,1 0,1 0,0.5 0.5,0 1,0")  # fmt: skip
    assert shapes.shape_of(element, shapes.Matrix()).corner_radius() == 1
    with pytest.raises(ValueError, match="command A"):
        shapes.shape_of(ET.Element("path", d="M1,0A1,1 0 0 0 1,1"), shapes.Matrix())


GOLDEN = r"""\begin{tikzpicture}[x=1bp, y=1bp]
\fill[canvas, use as bounding box] (x,y) rectangle (x,y);
\fill[parameterborder] (x,y) rectangle (x,y);
\node[kind text] at (x,y) {parameter: double border};
\fill[constantborder] (x,y) rectangle (x,y);
\node[kind text] at (x,y) {constant, mask: dashed border};
\fill[outputborder] (x,y) rectangle (x,y);
\node[kind text] at (x,y) {output: thick border, cut corners if one operation};
\node[kind text] at (x,y) {a \glyph{←} f: argument a gets the gradient f, g being that of the result};
\node[kind text] at (x,y) {wide edge: a large gradient flows back; dashed: none};
% n0: x: parameter
\draw[parameter box] (x,y) rectangle (x,y);
\draw[parameter line] (x,y) rectangle (x,y);
\node[head text] at (x,y) {x: parameter};
\node[value text] at (x,y) {value~~3};
% n2: mul, output
\draw[output box] (x,y) rectangle (x,y);
\draw[output line] (x,y) -- (x,y) (x,y) -- (x,y) (x,y) -- (x,y) (x,y) -- (x,y);
\node[head text] at (x,y) {mul, output};
\node[formula text] at (x,y) {a \glyph{·} b};
\node[value text] at (x,y) {value~~6};
% e0: n0 to n2
\draw[edge line, edge tip, line width=3bp] (x,y) .. controls (x,y) and (x,y) .. (x,y) .. controls (x,y) and (x,y) .. (x,y) -- (x,y);
% n1: 2
\draw[constant box, broken] (x,y) rectangle (x,y);
\node[head text] at (x,y) {2};
\node[kind text] at (x,y) {constant};
% e1: n1 to n2
\draw[edge line, edge tip, line width=0.8bp, broken] (x,y) .. controls (x,y) and (x,y) .. (x,y) .. controls (x,y) and (x,y) .. (x,y) -- (x,y);
\node[formula text, on edge, size=9] at (x,y) {a \glyph{←} g \glyph{·} b};
\node[note text, on edge, size=9] at (x,y) {b};
\end{tikzpicture}
"""
