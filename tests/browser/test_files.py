"""PNG and PDF look like the SVG in the browser: the same colours at the same places."""

import io

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.viz import models
from tests.viz.drawings import DRAWINGS, laid_out
from viz.theme import LOOKS, channels

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed")

SCALE = viz.typeset.DENSITY / 96  # pixels of a PNG for one of the browser's
PICTURES = {
    "classifier": lambda: DRAWINGS["classifier"](),
    "contributions": lambda: DRAWINGS["contributions"](),
    "references": lambda: DRAWINGS["references"](),
    "highlighted": lambda: viz.draw(
        tx.trace(models.vae()),
        view="architecture",
        page="A4",
        title="A VAE",
        caption="Encoder, sample and decoder. " * 9,
        highlight=("pixels", "VAE"),
    ),
    "lint": lambda: viz.draw(loss := tx.trace(double()), findings=tx.check.lint(loss)),
}


def double():
    z = tx.Tensor([[1.0, 2.0]], requires_grad=True, name="z")
    return tx.cross_entropy(tx.softmax(z), [1])


@pytest.fixture(scope="module", params=PICTURES)
def drawing(request):
    return laid_out(PICTURES[request.param])


@pytest.fixture(scope="module")
def shot(chromium, drawing):
    """The SVG as Chromium shows it, in as many pixels as the PNG has."""
    context = chromium.new_context(color_scheme="light", device_scale_factor=SCALE)
    page = context.new_page()
    page.set_content(f"<body style='margin:0'>{drawing.plain_svg}")
    image = Image.open(io.BytesIO(page.locator("svg").screenshot())).convert("RGB")
    context.close()
    return image


def file(drawing, ending):
    return Image.open(io.BytesIO(viz.WRITERS[ending](drawing))).convert("RGB")


def page(data):
    """The one page of a PDF as pixels."""
    (found,) = pdfium.PdfDocument(data)
    return found.render(scale=viz.typeset.DENSITY / 72).to_pil().convert("RGB")


def difference(one, other):
    """The share of places whose colour differs: over eight pixels, so that letters may be hinted otherwise."""
    wide, high = (round(side / 8) for side in one.size)
    assert abs(one.width - other.width) <= 2
    assert abs(one.height - other.height) <= 2
    a, b = (
        np.asarray(image.resize((wide, high), Image.Resampling.BOX)).astype(int)
        for image in (one, other)
    )
    return float((np.abs(a - b).max(axis=2) > 40).mean())


def inks(image):
    """The palette's colours that occur: a gradient's orange, a border's blue."""
    palette = viz.LIGHT
    known = {palette.text, palette.muted, palette.gradient, palette.warning, palette.scope}
    known |= {paint(kind) for kind in LOOKS for paint in (palette.fill, palette.border)}
    known -= {palette.fill("constant")}  # as grey as the rims of letters are
    there = {colour for _, colour in image.getcolors(image.width * image.height)}
    return {colour for colour in known if channels(colour) in there}


def test_a_png_looks_like_the_svg(drawing, shot):
    png = file(drawing, ".png")
    assert difference(shot, png) < 0.004
    assert len(inks(png)) > 6
    assert inks(png) == inks(shot)


def test_a_pdf_looks_like_the_png(drawing):
    assert difference(file(drawing, ".png"), page(viz.WRITERS[".pdf"](drawing))) < 0.004


def test_another_picture_does_not(drawing, shot):
    other = viz.draw(tx.trace(double()), theme="dark")
    png = file(other, ".png").resize(shot.size)
    assert difference(shot, png) > 0.3
    moved = Image.new("RGB", shot.size, "white")
    moved.paste(shot, (12, 0))
    assert difference(shot, moved) > 0.01
