"""A notebook, run by a real kernel: each cell shows its drawing once, in forms that a frontend knows."""

import re
import sys
import warnings
import xml.etree.ElementTree as ET

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

SETUP = f"""
import sys
sys.path[:] = {[p for p in sys.path if p]!r}
import tinygrad_xent as tx, viz
x = tx.Tensor([1.0, 2.0], requires_grad=True, name="<script>window.sentinel=1</script>")
loss = (x * x).sum()
loss.backward()
drawing = viz.draw(loss)
"""
CELLS = [
    "viz.draw(loss)",
    "drawing",
    "drawing",
    "display(drawing)",
    "viz.compare(tx.trace(loss), loss)",
    "drawing;",
    "from IPython.display import SVG\nSVG(drawing.svg)",
    "display(drawing)\ndrawing",
    "viz.layout.render = None\nviz.draw(loss, theme='dark')",  # no engine: it says so
]


@pytest.fixture(scope="module")
def outputs():
    """What each cell put out, run once."""
    cells = [nbformat.v4.new_code_cell(text) for text in [SETUP, *CELLS]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the kernel's own
        nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    nbformat.validate(notebook)
    setup, *rest = [cell.outputs for cell in notebook.cells]
    assert setup == []
    return rest


def shown(outputs):
    """The mimebundles of a cell; a notebook shows each."""
    return [o.data for o in outputs if o.output_type in ("display_data", "execute_result")]


@pytest.mark.parametrize("cell", range(5), ids=CELLS[:5].__getitem__)
def test_a_cell_shows_its_drawing_once(outputs, cell):
    assert len(outputs[cell]) == 1, "nothing besides, on no stream either"
    (bundle,) = shown(outputs[cell])
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert re.fullmatch(r"<Drawing: \d+ nodes, \d+ edges>", bundle["text/plain"])
    assert bundle["text/html"].count("<svg") == 1
    assert ET.fromstring(bundle["image/svg+xml"]).tag == "{http://www.w3.org/2000/svg}svg"
    assert "<script" not in bundle["text/html"] + bundle["image/svg+xml"]


def test_a_semicolon_silences_it_as_it_does_any_value(outputs):
    assert shown(outputs[5]) == []


def test_the_text_of_the_svg_is_an_image_too(outputs):
    (bundle,) = shown(outputs[6])
    assert "image/svg+xml" in bundle


def test_no_two_showings_share_an_id(outputs):
    pages = [bundle["text/html"] for cell in outputs[:5] for bundle in shown(cell)]
    ids = [i for page in pages for i in re.findall(r'\bid="([^"]*)"', page)]
    assert len(ids) == len(set(ids)) > 20


def test_a_drawing_shown_twice_is_seen_twice(outputs):
    assert len(shown(outputs[7])) == 2


def test_a_cell_without_an_engine_says_so_once_and_raises_nothing(outputs):
    (bundle,) = shown(outputs[8])
    assert set(bundle) == {"text/plain", "text/html"}
    assert "digraph" in bundle["text/html"]
