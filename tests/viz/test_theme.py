"""A theme is a palette or the name of one, and every part of a picture follows it."""

import pickle
import re
from dataclasses import replace

import pytest

import tinygrad_xent as tx
import viz
from viz.__main__ import main, parser
from viz.theme import HUES, LOOKS

PAPER = replace(viz.LIGHT, canvas="#f4ecd8", text="#3b2f20", hues={"parameter": "#8a5a00"})
NIGHT = replace(viz.DARK, canvas="#101820", text="#f0e8d8")


@pytest.fixture
def trace():
    w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
    with tx.scope("square"):
        return tx.trace((w * w).sum())


def test_a_new_theme_is_added_in_one_place(trace, tmp_path):
    viz.add_theme("paper", PAPER)
    named, given = viz.draw(trace, theme="paper"), viz.draw(trace, theme=PAPER)
    assert named.svg == given.svg
    assert named.dot == given.dot
    assert "color-scheme:light}" in named.svg
    assert "prefers-color-scheme" not in named.svg
    assert f"text{{fill:{PAPER.text}}}" in named.svg
    assert viz.LIGHT.text not in named.svg + named.dot
    assert f'color="{PAPER.border("parameter")}"' in named.dot
    assert PAPER.border("parameter") != viz.LIGHT.border("parameter")
    assert f"background:{PAPER.canvas}" in named._repr_html_()
    assert viz.compare(trace, trace, theme="paper").palettes == (PAPER,)
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(named.save(tmp_path / "g.png"))
    corner = [round(255 * float(channel)) for channel in pixels[0, 0, :3]]
    assert bytes(corner) == bytes.fromhex(PAPER.canvas[1:])


def test_a_theme_of_two_palettes_follows_the_viewer(trace):
    viz.add_theme("mine", PAPER, dark=NIGHT)
    drawing = viz.draw(trace, theme="mine")
    first, second = drawing.svg.split("@media (prefers-color-scheme:dark)")
    assert "color-scheme:light dark}" in first
    assert PAPER.text in first
    assert NIGHT.text in second
    assert "background:Canvas" in drawing._repr_html_()  # the viewer's browser knows which


def test_the_colour_of_a_kind_is_in_one_place(trace):
    red = replace(viz.LIGHT, hues={"parameter": "#ff0000"}, border_share=1)
    dot = viz.draw(trace, theme=red).dot
    assert re.search(r"w: parameter.*color=\"#ff0000\"", dot)
    assert red.hues == {**HUES, "parameter": "#ff0000"}
    assert HUES.keys() == LOOKS.keys()


def test_a_palette_can_be_compared_copied_and_pickled():
    assert replace(viz.LIGHT, canvas="#fffffe") != viz.LIGHT
    assert pickle.loads(pickle.dumps(PAPER)) == PAPER == replace(PAPER)
    assert len({viz.LIGHT, viz.DARK, replace(viz.LIGHT)}) == 2


def test_a_drawing_keeps_the_theme_of_its_moment(trace):
    viz.add_theme("paper", PAPER)
    drawing = viz.draw(trace, theme="paper")
    del viz.THEMES["paper"]
    assert PAPER.text in drawing.svg


@pytest.mark.parametrize("theme", ["pink", "", None, ["light"], {}, viz.theme], ids=str)
def test_an_unknown_theme_is_told_what_there_is(trace, theme):
    viz.add_theme("paper", PAPER)
    wanted = "viz: theme should be one of 'auto', 'light', 'dark', 'paper', or a viz.Palette, got"
    with pytest.raises(ValueError, match=wanted):
        viz.draw(trace, theme=theme)
    with pytest.raises(ValueError, match=wanted):
        viz.compare(trace, trace, theme=theme)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"canvas": "white"}, "canvas should be a colour like \"#1b1f24\", got 'white'"),
        ({"text": "#fff"}, "text should be a colour"),
        ({"edge": "#12345g"}, "edge should be a colour"),
        ({"muted": "#123456;}*{x:y"}, "muted should be a colour"),
        ({"scope": "#123456\n"}, "scope should be a colour"),
        ({"warning": None}, "warning should be a colour"),
        ({"fill_share": 1.5}, "fill_share should be a number from 0 to 1, got 1.5"),
        ({"border_share": float("nan")}, "border_share should be a number"),
        ({"border_share": "0.5"}, "border_share should be a number"),
        ({"hues": {"parameter": "red"}}, r"hues\['parameter'\] should be a colour"),
        ({"hues": {"weight": "#ff0000"}}, "hues should be colours of the kinds input, parameter"),
        ({"hues": "#ff0000"}, "hues should be colours of the kinds"),
    ],
    ids=str,
)
def test_an_impossible_palette_is_told_which_field(change, told):
    with pytest.raises(ValueError, match=f"viz.Palette: {told}"):
        replace(viz.LIGHT, **change)


def test_a_name_stands_for_one_theme():
    viz.add_theme("paper", PAPER)
    viz.add_theme("paper", PAPER)  # the cell of a notebook that runs twice
    with pytest.raises(ValueError, match=r"(?s)'paper' stands for other .*del viz.THEMES\['paper'"):
        viz.add_theme("paper", NIGHT)
    with pytest.raises(ValueError, match="'light' stands for other colours already"):
        viz.add_theme("light", NIGHT)
    assert viz.THEMES["paper"] == (PAPER,)


def test_what_is_no_theme_is_refused():
    with pytest.raises(TypeError, match="a theme's name is a text, got 3"):
        viz.add_theme(3, PAPER)
    with pytest.raises(TypeError, match=r"'paper' should be a viz\.Palette, got '#ffffff'"):
        viz.add_theme("paper", "#ffffff")
    with pytest.raises(
        ValueError, match="first should be light and the second dark; they are dark"
    ):
        viz.add_theme("paper", NIGHT, dark=PAPER)
    assert "paper" not in viz.THEMES


SCRIPT = """
from dataclasses import replace
import tinygrad_xent as tx
import viz
viz.add_theme("paper", replace(viz.LIGHT, text="#3b2f20"))
loss = tx.Tensor(2.0, requires_grad=True) * 3.0
"""


def test_the_command_line_takes_any_theme(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesson.py").write_text(SCRIPT)
    assert main(["lesson.py", "--theme", "paper", "-o", "g.svg"]) == 0
    assert "#3b2f20" in (tmp_path / "g.svg").read_text("utf-8")
    assert main(["lesson.py", "--theme", "pink"]) == 2
    assert "one of 'auto', 'light', 'dark', 'paper', or" in capsys.readouterr().err
    assert "auto, light, dark, paper, or a theme" in " ".join(parser().format_help().split())
