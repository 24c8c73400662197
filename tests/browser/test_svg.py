"""In a real browser drawings are harmless, legible in light and dark, every text in its box."""

import re

import pytest

import tinygrad_xent as tx
import viz
from tests.browser.measures import (
    COLOURS,
    GEOMETRY,
    crossed,
    crowded,
    faint,
    luminance,
    overlapping,
    spilled,
)
from tests.viz import models
from tests.viz.drawings import (
    DRAWINGS,
    EVERYTHING,
    HOSTILE,
    SCRIPT,
    architecture,
    classifier,
    hostile,
    laid_out,
)

SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def drawings():
    """Each drawing, laid out once."""
    return {name: laid_out(make) for name, make in DRAWINGS.items()}


@pytest.fixture(scope="module", params=DRAWINGS)
def drawing(request, drawings):
    return drawings[request.param]


@pytest.fixture(scope="module", params=["light", "dark"])
def file(request, opening, drawing):
    """The drawing's SVG file in the browser."""
    with opening(drawing.svg, scheme=request.param) as seen:
        yield seen


# it is harmless


def test_an_svg_file_loads_with_no_error_no_request_and_no_script(file, drawing):
    assert file.page.evaluate("document.documentElement.localName") == "svg"
    assert file.page.locator("g.node").count() == len(drawing.graph.nodes)
    assert file.trouble() == []


def test_in_a_page_it_is_as_harmless(visit, drawing):
    seen = visit(page_of(drawing._repr_html_()), ".html")
    assert seen.page.locator("svg g.node").count() == len(drawing.graph.nodes)
    assert seen.trouble() == []


@pytest.mark.parametrize("name", ["classifier", "hostile"])
def test_as_an_image_it_loads(visit, drawings, tmp_path, name):
    path = drawings[name].save(tmp_path / "drawing.svg")
    seen = visit(page_with_image(path))
    assert image_width(seen) > 100
    seen.requests.remove(path.as_uri())
    assert seen.trouble() == []


def test_the_page_that_says_why_there_is_no_picture_is_harmless(visit, monkeypatch):
    def refuse(*_):
        raise viz.LayoutError(SCRIPT)

    monkeypatch.setattr("viz.layout.render", refuse)
    seen = visit(page_of(viz.draw(tx.trace(hostile()))._repr_html_()), ".html")
    assert SCRIPT in seen.page.locator("pre").first.text_content()
    assert "digraph" in seen.page.locator("details pre").text_content()
    assert seen.trouble() == []


@pytest.mark.parametrize("name", ["hostile", "hostile, folded"])
def test_hostile_names_are_text_that_can_be_read(visit, drawings, name):
    seen = visit(drawings[name].svg)
    lines = seen.page.eval_on_selector_all("text", "all => all.map(t => t.textContent)")
    shown = [line.replace("\u00a0", " ") for line in lines]
    for text in HOSTILE:
        wanted = viz.labels.clean(text)
        assert any(line.startswith(f"{wanted}: parameter") for line in shown), wanted


CAUGHT = {
    "a script in the file": ("<svg {ns}><script>window.sentinel=1</script></svg>", "ran a script"),
    "an event attribute": ("<svg {ns} onload='window.sentinel=1'/>", "ran a script"),
    "a script that throws": ("<svg {ns}><script>nothing()</script></svg>", "complained"),
    "a font from outside": (
        "<svg {ns}><style>@import url(http://127.0.0.1:9/a.css);</style></svg>",
        "asked for http://127.0.0.1:9",
    ),
    "an image from outside": ("<svg {ns}><image href='http://127.0.0.1:9/a.png'/></svg>", "asked"),
}


@pytest.mark.parametrize("case", CAUGHT)
@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_what_an_svg_could_do_is_caught(visit, case, suffix):
    content, trouble = CAUGHT[case]
    content = content.format(ns='xmlns="http://www.w3.org/2000/svg"')
    found = visit(content if suffix == ".svg" else page_of(content), suffix).trouble()
    assert [text for text in found if text.startswith(trouble)], found


def test_an_image_that_does_not_load_is_caught(visit, tmp_path):
    path = tmp_path / "broken.svg"
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='200' height='9'><g></svg>")
    assert image_width(visit(page_with_image(path))) == 0


# each shows its own


def test_ten_drawings_in_one_page_have_their_own_ids_and_show_their_own(visit):
    weights = [tx.Tensor(float(i), requires_grad=True, name=f"w{i}") for i in range(9)]
    drawn = [
        viz.draw(tx.trace(w * 2.0), theme=("light", "dark")[i % 2]) for i, w in enumerate(weights)
    ]
    drawn.append(drawn[0])  # one of them twice
    seen = visit(page_of("".join(drawing._repr_html_() for drawing in drawn)), ".html")
    assert repeated_ids(seen) == []
    for i, drawing in enumerate(drawn):
        picture = seen.page.locator("svg").nth(i)
        assert f"w{i % 9}: parameter" in picture.text_content()
        assert fill_of(picture) == fill_of(visit(drawing.svg).page.locator("svg")), i
    assert fill_of(seen.page.locator("svg").nth(0)) != fill_of(seen.page.locator("svg").nth(1))
    assert seen.trouble() == []


def test_shared_ids_are_caught(visit, drawings):
    svg = drawings["classifier"].svg
    assert repeated_ids(visit(page_of(svg + svg), ".html"))


# every text in its box


def test_no_text_leaves_its_node_and_no_node_covers_another(file, drawing):
    assert len(file.page.evaluate(GEOMETRY)) == len(drawing.graph.nodes)
    assert spilled(file) == []
    assert overlapping(file) == []


def test_text_fits_in_another_font_too(visit, drawing):
    """A viewer may lack the font that the layout was made for: each line states its own width."""
    svg = drawing.svg.replace(viz.theme.FONT_FAMILY, "serif")
    assert spilled(visit(svg)) == []


def test_text_that_does_not_say_its_width_is_caught(visit, drawings):
    wide = drawings["classifier"].svg.replace(viz.theme.FONT_FAMILY, "serif;letter-spacing:3px")
    assert spilled(visit(wide)) == []
    assert spilled(visit(re.sub('textLength="[^"]*"', "", wide)))


def test_labels_cover_no_node_and_no_label_and_stay_in_the_picture(file):
    assert crowded(file) == []


def test_nothing_runs_through_titles_and_no_border_through_labels(visit, drawing):
    assert crossed(visit(drawing.svg)) == []


@pytest.mark.filterwarnings("ignore::viz.DrawingWarning")
@pytest.mark.parametrize("show", [EVERYTHING, EVERYTHING[:-1]], ids=["all", "usual"])
@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("fold", [None, 1, 2, 3])
@pytest.mark.parametrize("model", ["gpt", "deep_mlp", "resnet", "gru", "vae"])
def test_nothing_runs_through_the_titles_and_labels_of_models(visit, model, fold, direction, show):
    trace = tx.trace(getattr(models, model)())
    if fold is None and len(trace) > 260:
        pytest.skip("too many nodes for one picture")
    drawn = viz.draw(trace, fold=fold, direction=direction, show=show, time_limit=60)
    assert crossed(visit(drawn.svg)) == []


@pytest.mark.filterwarnings("ignore::viz.DrawingWarning")
@pytest.mark.parametrize("page", [None, "A4", "slide"])
@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("model", ["gpt", "resnet", "gru", "vae", "siamese"])
def test_an_architecture_is_legible_either_way(visit, model, direction, page):
    drawn = architecture(getattr(models, model)(), direction=direction, page=page)
    seen = visit(drawn.svg)
    assert [*crossed(seen), *spilled(seen), *overlapping(seen), *crowded(seen)] == []


@pytest.mark.parametrize("direction", ["TB", "LR", "backward"])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_runs_through_the_titles_and_labels_of_random_programs(visit, seed, direction):
    show = EVERYTHING if seed % 2 else EVERYTHING[:-1]
    drawn = viz.draw(tx.trace(models.nested(seed)), direction=direction, show=show)
    assert crossed(visit(drawn.svg)) == []


def test_lines_through_titles_and_labels_are_caught(visit):
    box = "<g class='cluster'><path d='M0,0L100,0 100,60 0,60Z'/></g>"
    edge = "<g class='edge'><path d='M{0},-20C{0},0 {0},20 {0},50'/></g>"
    text = "<g class='{0}-label'><text x='{1}' y='{2}' font-size='10'>{3}</text></g>"
    title, parted = "two words", "two <tspan x='60' y='12'>words</tspan>"

    def found(*parts):
        return crossed(visit(f"<svg xmlns='http://www.w3.org/2000/svg'>{''.join(parts)}</svg>"))

    assert found(box, edge.format(15), text.format("cluster", 8, 12, title)) == [
        "an edge crosses the title two words"
    ]
    assert found(box, edge.format(45), text.format("cluster", 8, 12, parted)) == []
    assert found(box, text.format("edge", 90, 30, title)) == [
        "a border crosses the label two words"
    ]
    assert found(box, text.format("cluster", 120, 12, title)) == ["outside its scope: two words"]
    node = "<g class='node'><path d='M0,0L30,0 30,30 0,30Z'/></g>"
    assert found(box, node, text.format("cluster", 8, 12, title)) == ["on a node: two words"]


def test_text_that_leaves_its_node_and_nodes_that_overlap_are_caught(visit):
    node = "<g class='node' id='{0}'><polygon points='{1},0 {2},0 {2},20 {1},20'/>{3}</g>"
    text = "<text x='5' y='14' font-size='10'>a text too long for its box</text>"
    nodes = node.format("a", 0, 60, text) + node.format("b", 50, 90, "")
    seen = visit(f"<svg xmlns='http://www.w3.org/2000/svg' width='200' height='50'>{nodes}</svg>")
    assert spilled(seen) == ["a text too long for its box"]
    assert overlapping(seen) == [("a", "b")]


def test_labels_in_the_wrong_place_are_caught(visit):
    text = "<text x='{0}' y='{1}' font-size='10'>{2}</text>"
    seen = visit(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'><g transform='translate(4 90)'>"
        "<g class='node' id='a'><polygon points='0,-90 40,-90 40,-60 0,-60'/></g><g class='edge-label'>"
        + text.format(10, -70, "on a node")
        + text.format(100, -70, "one")
        + text.format(102, -72, "two")
        + text.format(190, -20, "cut off")
        + "</g></g></svg>"
    )
    assert crowded(seen) == ["on a node covers a", "one covers two", "cut off leaves the picture"]


# legible in light and dark


def test_text_stands_out_from_what_is_behind_it(file):
    """At least 4.5 to 1, as WCAG AA asks of text; the legend's squares are shapes: 3 to 1."""
    assert faint(file) == []


@pytest.mark.parametrize("page", SCHEMES)
@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_stands_out_on_any_page(visit, scheme, theme, page):
    """Legible also where the system is dark and the notebook is light, or the other way round."""
    drawn = viz.draw(tx.trace(classifier()), theme=theme)
    style = f"<style>:root{{color-scheme:{page}}}</style>"
    assert faint(visit(page_of(style + drawn._repr_html_()), ".html", scheme)) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_theme_is_the_viewers(visit, drawings, scheme):
    picture = visit(drawings["classifier"].svg, scheme=scheme).page
    (first, *_) = picture.evaluate(COLOURS)
    ink, ground = luminance(first[2]), luminance(first[3][0])
    assert (ink < ground) == (scheme == "light")


def test_faint_text_is_caught(visit):
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg'><text y='20' fill='#777'>grey</text>"
        "<text y='40' fill='#767676'>enough</text><g class='node'>"
        "<polygon points='0,50 90,50 90,90 0,90' fill='#ddd'/>"
        "<text y='70' fill='#767676'>grey on grey</text></g></svg>"
    )
    assert faint(visit(svg)) == ["grey", "grey on grey"]


# helpers


def page_of(body):
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>page</title>{body}"


def page_with_image(path):
    page = path.with_suffix(".html")
    page.write_text(page_of(f"<img src={path.name}>"), encoding="utf-8")
    return page


def image_width(seen):
    return seen.page.eval_on_selector("img", "image => image.naturalWidth")


def fill_of(picture):
    """The colour of the first shape of a drawing's first node."""
    shape = picture.locator("g.node").first.locator("polygon, path").first
    return shape.evaluate("shape => getComputedStyle(shape).fill")


def repeated_ids(seen):
    ids = seen.page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    return sorted({i for i in ids if ids.count(i) > 1})
