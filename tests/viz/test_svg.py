"""The SVG: only shapes and text get out, user text shows as text, themes and readers work."""

import re
import xml.etree.ElementTree as ET
from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from viz import dot, labels, svg, theme
from viz.pages import Frame

PALETTES = (theme.LIGHT, theme.DARK)
NAMESPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {
    "svg",
    "g",
    "title",
    "desc",
    "style",
    "polygon",
    "polyline",
    "path",
    "ellipse",
    "text",
    "tspan",
}
HOSTILE = [
    "<script>alert(1)</script>",
    "]]>",
    '"',
    "'",
    '"];n0->n1;x[label="',
    r"\N",
    r"\G\E\T\H\L",
    "\\",
    'ends with \\"',
    "{a|b}",
    "<b>",
    "<<b>bold</b>>",
    "a\nb\r\nc\tz",
    "\u202eevil\u202c",
    "\u200f\u2066x\u2069",
    "x" * 10_000,
    "&amp;&lt;&#60;script&#62;",
    "&bogus;",
    "nul\x00 and \x1b[31m",
    "\ud800 lone",
    "\ufffe\uffff",
    "-->",
    "<!--",
    "]]><svg onload=alert(1)>",
    "javascript:alert(1)",
    "url(https://example.org/x)",
    "%s %d {0}",
    "名前 ∂L/∂w é",
    " ",
    "n0",
    "cluster0",
    "graph",
    "HTML<br/>",
]


@pytest.fixture(scope="module")
def drawn(lesson):
    """The lesson's picture, laid out once."""
    return ET.fromstring(viz.draw(lesson).svg)


@pytest.fixture
def one():
    """A trace of a few operations, in a scope and outside."""
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    return tx.trace(tx.mean(x * x) * 2.0)


def texts(root):
    """The lines of text, with ordinary spaces where Graphviz writes no-break ones."""
    return ["".join(t.itertext()).replace("\u00a0", " ") for t in root.iter(f"{NAMESPACE}text")]


def assert_harmless(text):
    """Check: only known elements, no event attribute, no link, nothing from outside."""
    root = ET.fromstring(text)
    for element in root.iter():
        assert element.tag.removeprefix(NAMESPACE) in ELEMENTS
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert "href" not in name.lower()
            assert "url(" not in value.lower()
            assert "script" not in value.lower()
        if element.tag == f"{NAMESPACE}style":
            assert not re.search(r"url|import|expression|@font-face|</", element.text)
    assert "<!" not in text
    assert "<?" not in text
    return root


def hostile_trace():
    """Every hostile text as the name of a leaf, of a result and of a scope, and as a formula. The shapes
    differ, or the scopes would be equal, and one box.
    """
    total = tx.Tensor(0.0, requires_grad=True)
    for size, name in enumerate(HOSTILE, 1):
        with tx.scope(name, formula=name):
            y = tx.Tensor(np.ones(size), requires_grad=True, name=name) * total
            y.name = name
            total = y.sum() + total
    return tx.trace(total)


@pytest.mark.parametrize("fold", [None, 0])
def test_hostile_text_shows_as_text(fold):
    trace = hostile_trace()
    leaves = {e.name: e for e in trace if e.kind == "parameter" and e.name}
    drawing = viz.draw(trace, fold=fold, parameters="outside")
    root = assert_harmless(drawing.svg)
    seen = texts(root)
    for name in HOSTILE:
        shown = labels.clean(name)
        assert f"{shown}: parameter" in seen
        if fold == 0:
            assert shown in seen  # the formula of the scope
        else:
            assert f"{shown} = mul" in seen
            assert f"{shown}: {shown}" in seen
    assert {n.id for n in drawing.graph.nodes} >= {f"n{e.id}" for e in leaves.values()}
    assert len(drawing.svg) < 400_000


def test_hostile_names_of_scopes_that_are_one_box_show_as_text():
    x = tx.Tensor(1.0, requires_grad=True)
    for name in HOSTILE:
        with tx.scope(name):
            x = tx.tanh(x)
    drawing = viz.draw(tx.trace(x), fold=0)
    (box,) = [n for n in drawing.graph.nodes if n.is_box]
    assert box.count == len(HOSTILE)
    assert drawing.cards.node(box)[0][1] in texts(assert_harmless(drawing.svg))


def test_hostile_names_given_by_the_caller_show_as_text():
    tensors = [tx.Tensor(1.0, requires_grad=True) for _ in HOSTILE]
    names = dict(zip(HOSTILE, tensors, strict=True))
    trace, options = tx.trace(tx.stack(tensors)), {"fold": 0, "direction": "LR", "theme": "dark"}
    drawing = viz.draw(trace, names=names, parameters="outside", **options)
    seen = texts(assert_harmless(drawing.svg))
    assert {f"{labels.clean(name)}: parameter" for name in HOSTILE} <= set(seen)
    inside = texts(assert_harmless(viz.draw(trace, names=names, **options).svg))
    assert any(labels.clean(HOSTILE[0]) in line for line in inside)


def test_what_an_engine_may_add_does_not_leave():
    raw = f"""<svg xmlns="{NAMESPACE[1:-1]}" xmlns:xlink="http://www.w3.org/1999/xlink"
     onload="alert(1)" width="9pt" viewBox="0 0 9 9">
     <script>alert(1)</script><style>@import url(https://example.org)</style>
     <image href="https://example.org/x.png"/><use xlink:href="#a"/>
     <foreignObject><body/></foreignObject><animate attributeName="x"/>
     <g id="graph0" class="graph" onclick="alert(1)" transform="scale(1 1)">
       <a xlink:href="https://example.org"><text x="1">linked</text></a>
       <g id="node1" class="node" style="fill:url(#x)"><title>n0</title>
         <polygon points="0,0 1,1" fill="red" onmouseover="alert(1)" style="x:y"/>
         <text x="1" y="2" font-family="evil" filter="url(#f)">kept</text>
       </g></g></svg>"""
    parts = {"": dot.Part("graph", "", ()), "n0": dot.Part("node", "tip", ("head",))}
    made = svg.finish(raw.encode(), dot.Dot("", parts), PALETTES, "tx-1", ("t", "d"), Frame())
    root = assert_harmless(made)
    assert texts(root) == ["kept"]
    assert "example.org" not in made
    with pytest.raises(AssertionError):
        assert_harmless(raw)


def test_text_that_is_not_an_svg_is_refused():
    with pytest.raises(ValueError, match="did not write an SVG"):
        svg.finish(b"<html/>", dot.Dot("", {}), PALETTES, "p", ("t", "d"), Frame())


def test_title_description_and_role(lesson, drawn):
    named = {e.get("id"): e for e in drawn.iter() if e.get("id")}
    title, description = (named[i] for i in drawn.get("aria-labelledby").split())
    assert drawn.get("role") == "img"
    assert drawn[0] is title
    assert title.text.startswith("Computation graph of ")
    assert description.text.startswith(f"{len(lesson)} nodes (")
    assert f"{sum(e.kind == 'operation' for e in lesson) - 1} operations" in description.text


def test_ids_are_unique_within_and_between_drawings(one):
    drawings = [viz.draw(one), viz.draw(one, fold=0), viz.draw(one, theme="dark")]
    pages = [d._repr_html_() for d in drawings for _ in range(2)] + [d.svg for d in drawings]
    ids = [i for page in pages for i in re.findall(r'\bid="([^"]*)"', page)]
    assert len(ids) == len(set(ids)) > 20


def test_every_rule_of_the_style_is_of_this_drawing_only(drawn):
    style = drawn.find(f"{NAMESPACE}style").text
    inner = style.replace("@media (prefers-color-scheme:dark){", "")
    selectors = [
        s
        for rule in re.findall(r"([^{}]+)\{[^}]*\}", inner)
        for s in re.split(r",(?![^(]*\))", rule)
    ]
    assert selectors
    assert all(re.match(rf"#{drawn.get('id')}( |$)", s) for s in selectors)


def test_dark_and_light(one):
    auto, light, dark = (viz.draw(one, theme=t).svg for t in ("auto", "light", "dark"))
    assert auto.count("prefers-color-scheme:dark") == 1
    assert "prefers-color-scheme" not in light + dark
    assert theme.DARK.text in dark
    assert theme.DARK.text not in light
    assert theme.LIGHT.text not in dark.replace(theme.LIGHT.canvas, "")


def test_the_background_is_transparent(drawn):
    (graph,) = drawn.findall(f"{NAMESPACE}g")
    assert not [
        e
        for e in graph.findall(f"{NAMESPACE}polygon")
        if e.get("fill") not in ("none", "transparent")
    ]


def test_tooltips_tell_the_whole_name_and_the_users_line():
    x = tx.Tensor(1.0, requires_grad=True, name="long " * 20)
    y = tx.tanh(x)
    root = ET.fromstring(viz.draw(tx.trace(y)).svg)
    tips = {
        g.get("id").split("-")[-1]: g.findtext(f"{NAMESPACE}title")
        for g in root.iter(f"{NAMESPACE}g")
        if g.get("id")
    }
    assert ("long " * 20).strip() in tips["n0"]
    assert "test_svg.py:" in tips["n1"]
    assert "y = tx.tanh(x)" in tips["n1"]


def test_a_hostile_file_name_shows_as_text_in_the_tooltip():
    names = {"tx": tx, "x": tx.Tensor(1.0, requires_grad=True)}
    exec(compile("y = tx.tanh(x)", "<script>alert(1)<\u202e.py", "exec"), names)
    root = assert_harmless(viz.draw(tx.trace(names["y"])).svg)
    tips = [title.text for title in root.iter(f"{NAMESPACE}title")]
    assert any("<script>alert(1)<⟨U+202E⟩.py:1" in tip for tip in tips)


def test_lines_have_the_class_of_their_role(drawn):
    for role in ("head", "formula", "shape", "value", "grad"):
        assert [t for t in drawn.iter(f"{NAMESPACE}text") if t.get("class") == role]
    heads = [
        "".join(t.itertext()) for t in drawn.iter(f"{NAMESPACE}text") if t.get("class") == "head"
    ]
    assert any(", output" in h for h in heads)
    values = [
        "".join(t.itertext()) for t in drawn.iter(f"{NAMESPACE}text") if t.get("class") == "grad"
    ]
    assert any(v.startswith("grad") for v in values)


def squares(drawn):
    """The parts of lines that have a class of their own; a parted title's have none."""
    return [t for t in drawn.iter(f"{NAMESPACE}tspan") if t.get("class")]


def test_the_legend_names_each_kind_that_occurs_and_no_other(lesson, drawn):
    swatches = {t.get("class") for t in squares(drawn)}
    raw = {e.id for e in lesson if e.kind == "constant" and e.value.ndim and e.dtype != bool}
    kinds = {"input" if e.id in raw else e.kind for e in lesson} | {"output"}
    assert swatches == {f"swatch-{kind}" for kind in kinds}


def test_the_squares_of_the_legend_are_the_svgs_alone(lesson, drawn):
    """DOT, and so PNG and PDF, has one colour for the whole legend: squares would all be grey."""
    assert {t.text for t in squares(drawn)} == {"■"}
    assert "■" not in viz.draw(lesson).dot


def test_the_legend_says_what_a_sum_is_where_one_is_shown():
    x = tx.Tensor(2.0, requires_grad=True)
    once, twice = tx.tanh(x), x * x
    assert "grad = sum" not in viz.draw(tx.trace(once)).dot
    assert "grad = sum" in viz.draw(tx.trace(twice)).dot
    assert "grad = sum" not in viz.draw(tx.trace(twice), show="value").dot


def test_an_output_that_is_folded_or_a_leaf_is_still_told_apart():
    w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
    with tx.scope("loss"):
        loss = (w * w).sum()
    look = theme.LOOKS["output"]
    for output, shape in ((loss, "tab"), (w, "box")):
        drawing = viz.draw(output, fold=0, parameters="outside")
        assert look.legend in drawing.dot
        (written,) = re.findall(rf"^\t.*, output\\l.* shape={shape} .*$", drawing.dot, re.M)
        assert theme.LIGHT.border("output") in written
        assert f"penwidth={look.border:.2f}" in written
        root = ET.fromstring(drawing.svg)
        assert any((g.get("class") or "").endswith(" output") for g in root.iter(f"{NAMESPACE}g"))
        rules = root.find(f"{NAMESPACE}style").text
        assert rules.rindex(".output polygon") > rules.rindex(".parameter polygon")


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
def test_text_is_legible_on_every_surface(palette):
    """WCAG AA: 4.5 to 1 for text, 3 to 1 for borders."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    surfaces = [palette.fill(kind) for kind in theme.LOOKS]
    for surface in [*surfaces, palette.canvas, palette.scope]:
        for ink in (palette.text, palette.muted, palette.gradient, palette.warning):
            assert contrast(ink, surface) >= 4.5, (ink, surface)
    for kind in theme.LOOKS:
        assert contrast(palette.border(kind), palette.canvas) >= 3, kind


def test_kinds_differ_without_colour():
    looks = [
        (k, look.shape, look.style, k == "parameter", look.border > 2)
        for k, look in theme.LOOKS.items()
    ]
    assert len({look[1:] for look in looks}) == len(looks)


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_files_have_the_format_of_their_suffix(tmp_path, one, suffix):
    path = viz.draw(one, fold=0).save(tmp_path / f"g.{suffix}")
    assert path.read_bytes().startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[suffix])


@pytest.mark.parametrize(
    ("name", "corner"), [("auto", (1, 1, 1)), ("dark", (13 / 255, 17 / 255, 23 / 255))]
)
def test_a_png_is_opaque_so_that_it_is_legible_anywhere(tmp_path, name, corner):
    image = pytest.importorskip("matplotlib.image")
    x = tx.Tensor(1.0, requires_grad=True)
    pixels = image.imread(viz.draw(x * x, theme=name).save(tmp_path / "g.png"))
    assert tuple(pixels[0, 0, :3]) == pytest.approx(corner, abs=0.01)
    assert pixels.shape[2] == 3 or pixels[:-1, :-1, 3].min() == 1  # the last row may be cut


def test_other_suffixes_are_refused(tmp_path, one):
    with pytest.raises(ValueError, match=r"'g\.jpg' should end in \.svg"):
        viz.draw(one).save(tmp_path / "g.jpg")


def test_text_fits_its_box(drawn):
    """Each line says how wide it is, no wider than the box that the layout made for it."""
    checked = 0
    for group in drawn.iter(f"{NAMESPACE}g"):
        if not (group.get("class") or "").startswith("node"):
            continue
        xs = [
            float(x)
            for shape in group
            for x in re.findall(r"(-?[\d.]+),-?[\d.]+", shape.get("points") or shape.get("d") or "")
        ]
        for text in group.findall(f"{NAMESPACE}text"):
            if text.get("textLength"):
                end = float(text.get("x")) + float(text.get("textLength"))
                assert min(xs) < float(text.get("x"))
                assert end < max(xs) + 1
                checked += 1
    assert checked > 10


def place(drawing, name, axis):
    """Where the node with this heading is: 0 from the left, 1 from the top."""
    for text in ET.fromstring(drawing.svg).iter(f"{NAMESPACE}text"):
        if "".join(text.itertext()).startswith(name):
            return float(text.get("xy"[axis]))
    raise AssertionError(f"no node {name}")


@pytest.mark.parametrize(
    ("direction", "axis"), [("TB", 0), ("LR", 1), ("BT", 0), ("RL", 1), ("backward", 0)]
)
@pytest.mark.parametrize("scope", [False, True], ids=["free", "in a scope"])
def test_arguments_stand_in_their_order(direction, axis, scope):
    a, b = (tx.Tensor([[1.0]], requires_grad=True, name=n) for n in "ab")
    with tx.scope("f") if scope else nullcontext():
        products = (a @ b) * 1.0, (b @ a) * 1.0
    one, two = (viz.draw(tx.trace(y), direction=direction) for y in products)
    assert place(one, "a:", axis) < place(one, "b:", axis)
    assert place(two, "b:", axis) < place(two, "a:", axis)
