"""A gallery built by sphinx-gallery shows each drawing once, as a picture and not as text."""

import re
import warnings

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("sphinx_gallery")

CONF = """
project, extensions = "pictures", ["sphinx_gallery.gen_gallery"]
sphinx_gallery_conf = {
    "examples_dirs": "examples", "gallery_dirs": "gallery", "image_scrapers": (),
    "show_memory": False, "abort_on_example_error": True,
}
"""
LESSON = '''"""
A lesson
========

One drawing is a block's value, one is only saved.
"""

import tinygrad_xent as tx
import viz

x = tx.Tensor([1.0, 2.0], requires_grad=True, name="weight-of-the-lesson")
loss = (x * x).sum()
loss.backward()
silent = viz.draw(loss, fold=0)

# %%
# The picture:

viz.draw(loss)
'''

TWICE = (
    LESSON
    + """
class Twice:
    def _repr_html_(self):
        return 2 * silent._repr_html_()

Twice()
"""
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The lessons' pages in HTML."""
    from sphinx.cmd.build import build_main

    source = tmp_path_factory.mktemp("gallery")
    (source / "conf.py").write_text(CONF)
    (source / "index.rst").write_text("Pictures\n========\n\n.. toctree::\n\n   gallery/index\n")
    (source / "examples").mkdir()
    (source / "examples/README.txt").write_text("Lessons\n=======\n")
    (source / "examples/plot_lesson.py").write_text(LESSON)
    (source / "examples/plot_twice.py").write_text(TWICE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's own
        assert build_main(["-q", "-W", "-b", "html", str(source), str(source / "html")]) == 0
    return {
        name: (source / f"html/gallery/plot_{name}.html").read_text("utf-8")
        for name in ("lesson", "twice")
    }


def pictures(page):
    return re.findall(r'<svg [^>]*id="tx-.*?</svg>', page, re.DOTALL)


def test_the_gallery_shows_the_drawing_once(pages):
    (picture,) = pictures(pages["lesson"])
    assert "weight-of-the-lesson: parameter" in picture.replace("\u00a0", " ")


def test_it_is_a_picture_and_not_its_text(pages):
    assert "&lt;svg" not in pages["lesson"]
    assert "&lt;Drawing" not in pages["lesson"]


def test_a_drawing_shown_twice_is_seen_twice(pages):
    assert len(pictures(pages["twice"])) == 2
