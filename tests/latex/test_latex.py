"""The three engines compile any picture without a complaint, and the page looks like the SVG."""

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.latex.conftest import ENGINES
from tests.latex.measures import letters, misplaced, size_of, spilled, texts
from tests.viz import models
from tests.viz.conftest import recurrent
from tests.viz.drawings import classifier, compared, hostile, laid_out, shared
from tests.viz.test_tikz import HOSTILE_TO_TEX
from viz import tex
from viz.theme import FONT, LOOKS


def named(names):
    """A sum of leaves of these names."""
    total = tx.Tensor(0.0)
    for name in names:
        total = total + tx.Tensor(1.0, requires_grad=True, name=name)
    return tx.trace(total)


def alphabet():
    """Every character that is not shown by its code, 30 in a name."""
    ascii = [chr(i) for i in range(0x20, 0x7F)]
    raised = [c for c in map(chr, range(0x2000, 0x20A0)) if tex.mathematics(c)]
    every = "".join(
        dict.fromkeys([*ascii, *sorted(tex.LETTERS), *tex.SIGNS, *raised, *"²³¹ᵀᵃᵇᵞⁿʸˣᶻ"])
    )
    accents = "".join(f"q{accent}" for accent in tex.ACCENTS)
    return named([every[i : i + 30] for i in range(0, len(every), 30)] + [accents])


DRAWINGS = {
    "gpt": lambda: viz.draw(tx.trace(models.gpt()), fold=1),
    "deep mlp": lambda: viz.draw(tx.trace(models.deep_mlp()), fold=1, theme="dark"),
    "resnet": lambda: viz.draw(tx.trace(models.resnet()), fold=1),
    "gru": lambda: viz.draw(tx.trace(models.gru()), fold=1, theme="dark", highlight=("GRU", "GRU")),
    "page": lambda: viz.draw(
        tx.trace(models.vae()),
        view="architecture",
        page="A4",
        title="A VAE: μ & σ²",
        caption="$1_" * 99,
    ),
    "hostile": lambda: viz.draw(tx.trace(hostile())),
    "hostile to TeX": lambda: viz.draw(named(HOSTILE_TO_TEX), fold=0, direction="LR"),
    "bays": lambda: viz.draw(tx.trace(models.nested(4)), show=viz.options.SHOWABLE),
    "alphabet": lambda: viz.draw(alphabet(), show=("value",)),
    "classifier": lambda: viz.draw(tx.trace(classifier()), theme="light"),
    "references": lambda: viz.draw(tx.trace(shared()), theme="dark"),
    "parts": lambda: viz.draw(tx.trace(recurrent()), max_nodes=5),
    "compare": compared,
}


@pytest.fixture(scope="module")
def drawings():
    """Each drawing, laid out once."""
    return {name: laid_out(make) for name, make in DRAWINGS.items()}


@pytest.fixture(scope="module", params=DRAWINGS)
def drawing(request, drawings):
    return drawings[request.param]


@pytest.fixture(scope="module")
def document(engine, compiled, drawing):
    return compiled(engine, tikz(drawing))


def tikz(drawing):
    return viz.WRITERS[".tex"](drawing)


def test_it_compiles_and_looks_like_the_svg(document, drawing):
    assert document.trouble() == []
    page, wanted = document.page, size_of(drawing.svg)
    scale = min(1.0, 8_000 / max(wanted))
    np.testing.assert_allclose(page.get_size(), np.multiply(wanted, scale), rtol=0.01)
    assert spilled(page, drawing.svg) == []
    assert misplaced(page, drawing.svg, drawing.palettes[0]) == []


def test_every_kind_of_node_is_among_them(drawings):
    found = {look for d in drawings.values() for n in d.graph.nodes for look in viz.dot.looks_of(n)}
    assert found == set(LOOKS)


def test_without_the_font_it_compiles_too(engine, compiled, drawings):
    made = tikz(drawings["alphabet"]).replace(FONT, "A font that nobody has")
    document = compiled(engine, made)
    assert document.trouble() == []
    assert spilled(document.page, drawings["alphabet"].svg) == []


def test_a_text_is_as_wide_as_in_the_svg_and_columns_are_aligned(engine, compiled):
    name = "a_long_name_of_30_characters__"
    x = tx.Tensor([[1.0, -0.25], [87.5, 3.0]], requires_grad=True, name=name)
    drawing = viz.draw(tx.trace(x), show=("value",))
    page = compiled(engine, tikz(drawing)).page
    cell = viz.pages.ADVANCE * 10
    head = next(place for text, place in texts(page) if text.startswith(name))
    words = f"{name}: parameter, output"
    assert head[2] - head[0] == pytest.approx(len(words) * cell, abs=cell / 2)
    rows = ["value   1    -0.25", "       87.5   3"]
    assert [text for _, text in drawing.cards.node(drawing.graph.nodes[0])][1:] == rows
    columns = {letter: row.index(letter) for row in rows for letter in row if letter in "-873"}
    found = {letter: x for letter, x, _ in letters(page) if letter in columns}
    for letter, column in columns.items():
        wanted = found["8"] + (column - columns["8"]) * cell
        assert found[letter] == pytest.approx(wanted, abs=cell / 4), letter


COMPLAINTS = {
    r"{X_1: input}": ("pdflatex", "Missing $"),
    r"{\unknown}": ("pdflatex", "Undefined"),
    r"{\parbox{2bp}{wider}}": ("lualatex", "Overfull"),
    "{\u540d}": ("xelatex", "Missing character"),
}


@pytest.mark.parametrize("wrong", COMPLAINTS)
def test_what_tex_complains_of_is_caught(compiled, drawings, wrong):
    made, head = tikz(drawings["classifier"]), "{X: input}"
    assert made.count(head) == 1
    engine, word = COMPLAINTS[wrong]
    found = compiled(engine, made.replace(head, wrong)).trouble()
    assert any(word in text for text in found), found


def test_a_text_that_leaves_its_node_and_a_node_in_the_wrong_place_are_caught(compiled, drawings):
    drawing = drawings["classifier"]
    made = tikz(drawing)
    svg, palette = drawing.svg, drawing.palettes[0]
    wide = compiled(ENGINES[0], made.replace("{X: input}", "{X: input" + " and more" * 6 + "}"))
    assert {text[:8] for text in spilled(wide.page, svg)} == {"X: input"}
    for style, wrong in (
        (r"\draw[operation box", r"\draw[xshift=1bp, operation box"),
        (r"\draw[operation box", r"\draw[fill=inputfill, operation line"),
        ("% e0", r"\fill[canvas] (164,1167) rectangle (400,1346);"),
    ):
        assert style in made
        page = compiled(ENGINES[0], made.replace(style, wrong)).page
        assert {kind for kind, _ in misplaced(page, svg, palette)} == {"operation"}, wrong


def test_it_can_be_copied_into_a_paper(engine, compiled, drawings):
    """The preamble twice, as from two pictures, and what a paper has besides."""
    made = [tikz(drawings[name]) for name in ("classifier", "references")]
    heads = [text.partition("%%% for a paper")[2].partition("%%% to here")[0] for text in made]
    bodies = [
        text.partition("\\begin{document}")[2].partition("\\end{document}")[0] for text in made
    ]
    paper = "\n".join(
        [
            r"\documentclass{article}",
            r"\newcommand\sign{\mathop{\mathrm{sign}}}",
            *(f"%{head}" for head in heads),
            r"\begin{document}",
            "Text before, in the paper's own font.",
            *(rf"\resizebox{{!}}{{.4\textheight}}{{{body}}}\par" for body in bodies),
            r"$\sign x$ \texttt{typewriter}",
            r"\end{document}",
        ]
    )
    document = compiled(engine, paper)
    assert document.trouble() == []
