"""A notebook run by a real kernel: each cell shows its drawing once, in formats frontends know."""

import re
import subprocess
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


def run(cells):
    """The output of each cell after the first, which only prepares."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the kernel's own
        nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    nbformat.validate(notebook)
    setup, *rest = [cell.outputs for cell in notebook.cells]
    assert setup == []
    return rest


@pytest.fixture(scope="module")
def outputs():
    return run([SETUP, *CELLS])


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


# --- the user's line --------------------------------------------------------------------------------

WHERE = """y = (x *
     x).sum()
print(tx.trace(y)[y].line, "|", tx.trace(y)[y].line.text)"""
LINES = [
    WHERE,
    "y.backward()",
    WHERE,
    "import copy\n\ntry:\n    copy.deepcopy([y])\nexcept tx.GraphError as error:\n    print(error)",
    "# too small\n(y / 0).backward()",
    "print(viz.draw(y).svg)",
]


@pytest.fixture(scope="module")
def texts():
    """What each cell printed, as one text; numbered as the notebook numbers them."""
    printed = [" ".join(o.get("text", "") for o in cell) for cell in run([SETUP, *LINES])]
    return dict(enumerate(printed, start=2))


def test_an_operation_stands_in_its_cell(texts):
    assert texts[2] == "cell 2, line 2 | x).sum()\n"


def test_a_cell_run_again_has_its_new_number(texts):
    assert texts[4] == "cell 4, line 2 | x).sum()\n"


def test_an_error_names_the_cell(texts):
    assert "\n  at cell 5, line 4: copy.deepcopy([y])\n" in texts[5]


def test_a_warning_names_the_cell(texts):
    assert "div at cell 6, line 2" in texts[6]
    assert "\n    (y / 0).backward()\n" in texts[6]


def test_a_picture_names_the_cell(texts):
    assert "cell 4, line 2: x).sum()" in texts[7].replace("\N{NO-BREAK SPACE}", " ")


def test_so_does_ipython_in_a_terminal():
    command = [sys.executable, "-m", "IPython", "--quick", "--simple-prompt", "--no-banner"]
    cells = "\n".join([*SETUP.strip().splitlines()[:3], "x = tx.Tensor(1.0)", "x + 'a'"])
    done = subprocess.run(command, input=cells, capture_output=True, text=True, timeout=60)
    assert "at cell 5, line 1: x + 'a'" in done.stdout
