"""What an author may set: title, caption, alt text, font, number format, page, what stands out or is left out."""

import re
import xml.etree.ElementTree as ET
from inspect import signature

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.viz import models
from tests.viz.test_svg import HOSTILE
from viz.__main__ import main, parser
from viz.options import DEFAULTS, DrawOptions

SVG = "{http://www.w3.org/2000/svg}"


def loss():
    rng = np.random.default_rng(0)
    W = tx.Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="W")
    with tx.scope("linear", "x W"):
        h = np.ones((4, 2)) @ W
    h.name = "h"
    y = (tx.tanh(h) * 0.5 + 2.0).sum()
    y.name = "y"
    return y


def texts(drawing, role):
    """The lines of text that have a role, from top to bottom."""
    root = ET.fromstring(drawing.svg)
    found = [t for t in root.iter(f"{SVG}text") if role in t.get("class").split()]
    return ["".join(t.itertext()).replace("\xa0", " ") for t in found]


# around the graph


def test_title_and_caption_stand_around_the_graph():
    plain = viz.draw(loss())
    drawing = viz.draw(loss(), title="A loss", caption="How it is computed. " * 20)
    assert texts(drawing, "title") == ["A loss"]
    caption = texts(drawing, "caption")
    assert " ".join(caption) == ("How it is computed. " * 20).strip()
    root = ET.fromstring(drawing.svg)
    width, height = (float(root.get(side)[:-2]) for side in ("width", "height"))
    before = ET.fromstring(plain.svg)
    assert height > float(before.get("height")[:-2]) + 14 * len(caption)
    for text in root.findall(f"{SVG}text"):
        size = float(text.get("font-size"))
        assert float(text.get("x")) + 0.60205 * size * len(text.text) < width
        assert size < float(text.get("y")) < height
    assert root.findtext(f"{SVG}title") == "A loss"
    assert drawing.dot == plain.dot  # the graph is the same


def test_alt_text_takes_the_place_of_the_description():
    (description,) = ET.fromstring(viz.draw(loss(), alt="A <loss> & more").svg).findall(
        f"{SVG}desc"
    )
    assert description.text == "A <loss> & more"


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_may_stand_around_the_graph(text):
    drawing = viz.draw(loss(), title=text, caption=text, alt=text)
    allowed = {
        "svg",
        "g",
        "title",
        "desc",
        "style",
        "text",
        "tspan",
        "path",
        "polygon",
        "polyline",
        "ellipse",
    }
    assert {e.tag.removeprefix(SVG) for e in ET.fromstring(drawing.svg).iter()} <= allowed
    for ending in (".tex", ".mmd", ".dot"):
        assert viz.WRITERS[ending](drawing)


def test_a_font_comes_before_the_usual_ones():
    assert "font-family:'Fira Code', 'DejaVu Sans Mono'" in viz.draw(loss(), font="Fira Code").svg
    for font in ("a'b", "a;b", "}", "", "a\\b", 3):
        with pytest.raises(ValueError, match="font should be the name of a font"):
            viz.draw(loss(), font=font)


def test_without_a_legend_only_what_is_hidden_is_told():
    assert texts(viz.draw(loss()), "legend")
    assert texts(viz.draw(loss(), legend=False), "legend") == []
    with pytest.warns(viz.DrawingWarning):
        drawing = viz.draw(loss(), legend=False, max_nodes=3)
    assert "stand for all" in texts(drawing, "legend")[0]


# numbers


def test_numbers_have_the_format_asked_for():
    value = ("value", "value  13.00")
    assert value not in all_lines(viz.draw(loss()))
    drawing = viz.draw(
        tx.trace(tx.Tensor([1.0, 0.123456], requires_grad=True) * 13.0), precision=".2f"
    )
    assert ("value", "value  13.00  1.60") in all_lines(drawing)
    assert ("grad", "grad   1.00  1.00") in all_lines(drawing)
    assert ("value", "value  1.3e+01  1.6e+00") in all_lines(
        viz.draw(tx.Tensor([1.0, 0.123456], requires_grad=True) * 13.0, precision=".1e")
    )
    whole = viz.draw(tx.Tensor([1.0], requires_grad=True)[np.array([0])], precision=".2f")
    assert whole.dot  # an index is a whole number, and stays one


@pytest.mark.parametrize("precision", [".2", "2f", ".2d", "{}", "", 0, 18, 1.5, None, ".2f;"])
def test_a_format_that_is_none_is_refused(precision):
    with pytest.raises(ValueError, match="precision should be a whole number of significant"):
        viz.draw(loss(), precision=precision)


def all_lines(drawing):
    return [line for node in drawing.graph.nodes for line in drawing.cards.node(node)]


# what stands out, and what is left out


def marked(drawing):
    heads = [drawing.cards.node(n)[0][1] for n in drawing.graph.nodes if drawing.cards.is_marked(n)]
    return heads, sum(map(drawing.cards.is_marked, drawing.graph.edges))


def test_what_is_highlighted_has_a_heavy_border():
    y = loss()
    h = tx.trace(y)
    drawing = viz.draw(h, highlight="h")
    assert marked(drawing) == (["h = matmul"], 0)
    (node,) = [n for n in drawing.graph.nodes if drawing.cards.is_marked(n)]
    (line,) = [line for line in drawing.dot.splitlines() if line.strip().startswith(f"{node.id} [")]
    assert "penwidth=3.50" in line
    assert f'color="{viz.LIGHT.text}"' in line
    assert "highlighted" in " ".join(texts(drawing, "legend"))
    assert "highlighted" not in viz.draw(h).svg
    assert f"stroke:{viz.DARK.text}" in drawing.svg.partition("prefers-color-scheme:dark")[2]


def test_a_pair_is_all_paths_from_the_one_to_the_other():
    y = loss()
    W = next(t for t in [y])  # by tensor, by name, by scope
    heads, edges = marked(viz.draw(y, highlight=("W", W)))
    assert heads == ["W: parameter", "h = matmul", "tanh", "mul", "add", "y = sum, output"]
    assert edges == 5
    assert marked(viz.draw(y, highlight=[("W", "linear"), "y"])) == (
        ["W: parameter", "h = matmul", "y = sum, output"],
        1,
    )
    folded = viz.draw(y, highlight=("h", "y"), fold=0)
    assert marked(folded)[0][0].startswith("h = linear")


def test_what_can_not_be_highlighted_is_told():
    y = loss()
    with pytest.raises(
        ValueError, match=r"(?s)got 'nothing'.*the names .* are: 'W', 'h', 'linear', 'y'"
    ):
        viz.draw(y, highlight="nothing")
    with pytest.raises(ValueError, match="no path leads from 'y' to 'W'"):
        viz.draw(y, highlight=("y", "W"))
    with pytest.raises(KeyError, match="not part of the computation"):
        viz.draw(y, highlight=tx.Tensor(1.0))
    with pytest.raises(ValueError, match="highlight should name parts of the model, got 'W'"):
        viz.draw(models.VAE(), highlight="W")


def test_a_module_or_its_path_may_be_highlighted():
    model = models.VAE()
    x = tx.Tensor(np.ones((2, 12)), name="x")
    loss = sum(part.sum() for part in model(x, np.ones((2, 2))))
    for view in viz.options.VIEWS:
        found = [
            marked(viz.draw(loss, view=view, fold=2, highlight=item))
            for item in (model.mean, "mean", "Linear mean", [model.mean])
        ]
        assert found[0][0]
        assert found == found[:1] * 4
    assert marked(viz.draw(model, highlight=model.mean))[0] == ["Linear mean"]
    with pytest.raises(ValueError, match=r"(?s)its parts are: 'decoder'.* and 7 more"):
        viz.draw(model, highlight="decodr")


def test_a_model_that_has_computed_nothing_has_no_operations():
    with pytest.raises(ValueError, match=r"(?s)has no operations\n  fix: view=.architecture"):
        viz.draw(models.VAE(), view="operations")


def test_highlights_of_a_model_and_of_its_layers():
    drawing = viz.draw(models.VAE(), highlight=["decoder", "Linear mean"])
    assert marked(drawing)[0] == ["Linear mean", "Linear 0", "ReLU 1", "Linear 2"]
    trace = tx.trace(models.vae())
    layers = viz.draw(trace, view="architecture", highlight=("noise", "MLP decoder"))
    assert marked(layers)[0] == ["noise: input", "mul", "add", "Linear 0", "ReLU 1", "Linear 2"]


def test_without_constants_their_boxes_and_edges_go():
    trace = tx.trace(loss())
    full, bare = viz.draw(trace), viz.draw(trace, constants=False)
    gone = [n for n in full.graph.nodes if n.kind == "constant"]
    assert gone
    assert {n.id for n in bare.graph.nodes} == {n.id for n in full.graph.nodes} - {
        n.id for n in gone
    }
    left = {n.id for n in bare.graph.nodes}
    assert bare.graph.edges == tuple(e for e in full.graph.edges if e.tail in left)


def test_the_number_of_a_constant_without_a_box_stands_with_the_operation():
    drawing = viz.draw(tx.trace(loss()), constants=False)
    formulas = [text for role, text in all_lines(drawing) if role == "formula"]
    assert "a · b   b=0.5" in formulas
    assert "a + b   b=2" in formulas


# pages


@pytest.mark.parametrize("page", ["A4", "slide"])
def test_a_page_has_its_size_and_all_stands_on_it(page):
    drawing = viz.draw(tx.trace(loss()), page=page, title="T", caption="c", show="formula", fold=0)
    root = ET.fromstring(drawing.svg)
    wanted = viz.pages.PAGES[page]
    assert root.get("viewBox") == f"0.00 0.00 {wanted.width:.2f} {wanted.height:.2f}"
    (graph,) = root.findall(f"{SVG}g")
    x, y, scale = map(float, re.findall(r"[\d.]+", graph.get("transform")))
    (raw,) = [viz.pages.size_of(ET.fromstring(drawing._raw))]
    assert x >= wanted.margin - 0.01
    assert x + scale * raw[0] <= wanted.width - wanted.margin + 0.1
    assert y + scale * raw[1] <= wanted.height - wanted.margin
    assert scale <= wanted.largest


def test_what_is_too_large_for_a_page_is_drawn_coarser():
    drawing = viz.draw(tx.trace(models.deep_mlp()), page="A4")
    with pytest.warns(viz.DrawingWarning, match="on A4 letters would be under 7 pt"):
        assert "Folded: on A4" in drawing.svg.replace("\xa0", " ")
    assert len(drawing.graph.nodes) < 20


# files


def test_png_and_pdf_have_the_size_of_the_page(tmp_path):
    drawing = viz.draw(loss(), page="slide", show=(), constants=False)
    data = drawing.save(tmp_path / "g.png").read_bytes()
    size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert size == (1920, 1080)  # 144 pixels per inch
    assert re.search(rb"/MediaBox ?\[0 0 960 540\]", drawing.save(tmp_path / "g.pdf").read_bytes())


def test_a_huge_png_is_made_with_fewer_pixels(tmp_path):
    x = tx.Tensor(1.0, requires_grad=True)
    for _ in range(150):
        x = tx.tanh(x)
    data = viz.draw(tx.trace(x), max_nodes=1000).save(tmp_path / "g.png").read_bytes()
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert width * height < 2.1e7


@pytest.mark.parametrize("ending", sorted(viz.WRITERS))
def test_a_file_that_can_not_be_written_is_told_and_nothing_is_left(tmp_path, ending):
    drawing = viz.draw(loss())
    missing = tmp_path / "no" / f"g{ending}"
    with pytest.raises(FileNotFoundError, match="there is no such folder") as caught:
        drawing.save(missing)
    assert caught.value.filename == str(missing.parent)
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    with pytest.raises(ValueError, match="folder"):
        drawing.save(folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]


# names of any script


@pytest.mark.parametrize("name", ["名前", "😀🎉", "é̂", "שלום", "a" * 300, "👩‍👩‍👧", "\t", "ﷺ"])
@pytest.mark.parametrize("view", ["operations", "architecture"])
def test_names_of_any_script(tmp_path, name, view):
    x = tx.Tensor([1.0], requires_grad=True, name=name)
    with tx.scope(name):
        y = tx.tanh(x)
    drawing = viz.draw(tx.trace(y), view=view, title=name, caption=name, highlight=name)
    root = ET.fromstring(drawing.svg)
    shown = "".join("".join(t.itertext()) for t in root.iter(f"{SVG}text")).replace("\xa0", " ")
    assert viz.labels.clean(name) in shown
    for ending in viz.WRITERS:
        assert drawing.save(tmp_path / f"g{ending}").stat().st_size > 100


# the options


def test_each_option_has_a_type_a_default_and_a_line_of_help():
    assert DrawOptions.__annotations__.keys() == DEFAULTS.keys()
    for function in (viz.draw, viz.compare):
        given = {
            n: p.default
            for n, p in signature(function).parameters.items()
            if p.kind == p.KEYWORD_ONLY
        }
        assert given == DEFAULTS
    told = re.findall(r"^        (\w+): ", viz.draw.__doc__, flags=re.M)
    assert set(DEFAULTS) <= set(told)


def test_an_option_that_there_is_not_is_told_with_those_there_are():
    with pytest.raises(TypeError, match=r"viz\.draw has no option 'colour'; it has view, show,"):
        viz.draw(loss(), colour="red")
    with pytest.raises(TypeError, match=r"viz\.compare has no option 'colour'"):
        viz.compare(loss(), loss(), colour="red")


SCRIPT = """
import tinygrad_xent as tx
W = tx.Tensor([0.5], requires_grad=True, name="W")
with tx.scope("layer"):
    loss = tx.tanh(W * 2.0)
model = tx.nn.Linear(2, 3, rng=0)
"""


def test_the_command_line_has_them_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(SCRIPT)
    options = [
        "--view",
        "architecture",
        "--page",
        "slide",
        "--title",
        "T",
        "--caption",
        "C",
        "--alt",
        "A",
    ]
    more = ["--highlight", "W", "--no-legend", "--no-constants", "--precision", ".1f"]
    assert main(["s.py", "-o", "g.svg", *options, *more]) == 0
    svg = (tmp_path / "g.svg").read_text("utf-8")
    assert all(word in svg for word in ("960.00pt", ">T<", ">C<", ">A<", "marked"))
    assert "legend" not in svg.partition("</style>")[2]
    assert main(["s.py", "--output", "model", "-o", "m.svg"]) == 0
    assert "9 parameters" in (tmp_path / "m.svg").read_text("utf-8").replace("\xa0", " ")
    assert "--view" in parser().format_help()


@pytest.mark.parametrize(
    "options",
    [
        {"names": ["w"]},
        {"names": {"a": "x"}},
        {"names": {"a": 0}},
        {"names": 5},
        {"findings": 5},
        {"findings": None},
        {"findings": ["x"]},
        {"highlight": 5},
        {"highlight": None},
        {"highlight": [("W",)]},
        {"highlight": [("W", "h", "y")]},
        {"show": [["value"]]},
        {"view": np.array(["operations"])},
        {"page": np.array([1, 2])},
        {"legend": 2},
    ],
    ids=str,
)
def test_what_an_option_can_not_be_is_told(options):
    (name,) = options
    for output in (loss(), models.VAE()):
        with pytest.raises(ValueError, match=f"viz: {name} should be "):
            viz.draw(output, **options)


def test_what_is_shown_may_be_generated():
    drawing = viz.draw(loss(), show=(part for part in ["value"]))
    assert drawing.dot == viz.draw(loss(), show="value").dot


@pytest.mark.parametrize("title", ["x y" * 60, "名前" * 40, "😀" * 90, "a" * 190])
@pytest.mark.parametrize("page", ["A4", "slide", None])
def test_long_lines_around_a_graph_are_broken(title, page):
    drawing = viz.draw(loss(), page=page, title=title, caption=title * 3, show=(), fold=0)
    root = ET.fromstring(drawing.svg)
    width = float(root.get("width")[:-2])
    around = root.findall(f"{SVG}text")
    assert "".join("".join(t.text for t in around if t.get("class") == "title").split()) == "".join(
        title.split()
    )
    for text in around:
        advance = viz.labels.advance(text.text) * 0.60205 * float(text.get("font-size"))
        assert float(text.get("x")) + advance <= width


def test_a_caption_that_leaves_no_room_is_refused():
    for page in ("A4", "slide"):
        with pytest.raises(ValueError, match="leave no room for a graph on"):
            viz.draw(loss(), page=page, caption="line\n" * 60)


def test_a_parameter_inside_a_layer_may_be_highlighted_and_a_box_that_holds_it_is_marked():
    model = models.VAE()
    for item in (model.mean.weight, "mean.weight"):
        assert marked(viz.draw(model, highlight=item))[0] == ["Linear mean"]
    assert marked(viz.draw(model, highlight="decoder.0", fold=1))[0] == ["MLP decoder"]
    with pytest.raises(KeyError, match="no parameter of the model"):
        viz.draw(model, highlight=tx.Tensor(1.0))


def test_a_path_through_a_repetition_is_marked_from_any_of_its_layers():
    layers = [tx.nn.Sequential(tx.nn.Linear(4, 4, rng=i), tx.nn.ReLU()) for i in range(3)]
    y = tx.nn.Sequential(*layers)(np.ones((2, 4))).sum()
    found = [
        marked(viz.draw(y, view="architecture", highlight=(f"{i}.0.weight", y))) for i in range(3)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][1] >= 2
