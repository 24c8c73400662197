"""Titles and labels stand where nothing runs through them; what is in nobody's way stays."""

import xml.etree.ElementTree as ET

import pytest

import tinygrad_xent as tx
import viz
from tests.viz import models
from viz.pages import SVG
from viz.placing import place

TITLE = "a title of six short words"
TOP = 13.0  # where Graphviz writes a title, below its scope's top


def scope(left, top, right, bottom, title=TITLE):
    path = f"M{left},{top}L{right},{top} {right},{bottom} {left},{bottom} {left},{top}"
    text = f'<text x="{left + 8}" y="{top + TOP}" font-size="10">{title}</text>'
    return f'<g class="cluster"><path d="{path}"/>{text}</g>'


def edge(x, top, bottom, label="", at=(0, 0)):
    text = f'<text x="{at[0]}" y="{at[1]}" font-size="9">{label}</text>' if label else ""
    middle = (top + bottom) / 2
    return (
        f'<g class="edge"><path d="M{x},{top}C{x},{middle} {x},{middle} {x},{bottom}"/>{text}</g>'
    )


def node(left, top, right, bottom):
    points = f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}"
    return f'<g class="node"><polygon points="{points}"/></g>'


def placed(*parts):
    canvas = ET.fromstring(f'<g xmlns="{SVG}">{"".join(parts)}</g>')
    place(canvas)
    return canvas


def pieces(canvas):
    """Where each piece of each text starts, and what it says."""
    found = []
    for text in canvas.iter(f"{{{SVG}}}text"):
        spans = text.findall(f"{{{SVG}}}tspan") or [text]
        found += [(float(s.get("x")), float(s.get("y")), s.text) for s in spans]
    return found


def border(canvas):
    return canvas.find(f"{{{SVG}}}g/{{{SVG}}}path").get("d")


@pytest.mark.parametrize("parts", [(), (edge(300, -20, 60),), (node(40, 40, 90, 90),)])
def test_a_title_in_nobodys_way_stays(parts):
    assert pieces(placed(scope(0, 0, 400, 200), *parts)) == [(8, TOP, TITLE)]


def test_a_title_goes_to_the_next_gap_of_its_strip():
    [(x, y, words)] = pieces(placed(scope(0, 0, 400, 200), edge(50, -20, 60)))
    assert (y, words) == (TOP, TITLE)
    assert 50 < x < 60


def test_a_title_too_long_for_a_gap_lets_the_arrow_through_between_words():
    first, second = pieces(placed(scope(0, 0, 220, 200), edge(100, -20, 60)))
    assert first[1] == second[1] == TOP
    assert first[2] + second[2] == TITLE
    assert first[0] + 6.02 * len(first[2].rstrip()) < 100 < second[0]


def test_a_title_whose_strip_is_taken_goes_below_it():
    along = '<g class="edge"><path d="M-50,12C0,12 150,12 210,12"/></g>'
    found = pieces(placed(scope(0, 0, 200, 200), along))
    assert "".join(words for _, _, words in found) == TITLE
    assert all(y > TOP + 8 for _, y, _ in found)


def test_a_title_goes_into_no_inner_scope():
    outer, inner = scope(0, 0, 400, 200), scope(20, 27, 380, 190, "inner")
    along = '<g class="edge"><path d="M-50,12C0,12 150,12 410,12"/></g>'
    [(_, y, words), _] = pieces(placed(outer, inner, along))
    assert words == TITLE
    assert TOP < y < 27 - 2.5  # under the arrow, above the inner scope


def test_a_scope_grows_around_the_label_of_an_inner_edge():
    inner = edge(90, 60, 140, "a label", (95, 100))
    canvas = placed(
        scope(0, 0, 120, 200, "f"), node(60, 20, 110, 60), node(60, 140, 110, 180), inner
    )
    assert pieces(canvas) == [(8, TOP, "f"), (95, 100, "a label")]
    assert (
        max(float(pair.split(",")[0]) for pair in border(canvas)[1:].replace("L", " ").split())
        > 135
    )


def test_where_it_may_not_grow_it_makes_a_bay():
    beside = node(126, 150, 160, 190)
    inner = edge(90, 60, 140, "a label too wide for any place here", (95, 100))
    nodes = node(60, 20, 110, 60), node(60, 140, 110, 180)
    canvas = placed(scope(0, 0, 120, 200, "f"), *nodes, beside, inner)
    (label,) = [piece for piece in pieces(canvas) if piece[2].startswith("a label")]
    assert label[:2] == (95, 100)
    assert "120.00,12.00" in border(canvas)  # it is where it was above the label
    right = border(canvas).split("C")[1].partition("L")[2].split()  # from the first corner down
    across = [float(point.split(",")[0]) for point in right]
    assert across[0] == across[-1] == 120
    assert max(across) > 284  # where the label ends


def test_a_bay_can_be_written_in_every_format(tmp_path):
    """Each reads the SVG's paths, so a border may have no other curves than Graphviz draws."""
    show, bays = ("value", "grad", "formula", "shape", "contribution"), 0
    for seed in (1, 4, 5):
        drawing = viz.draw(tx.trace(models.nested(seed)), show=show)
        for ending in viz.WRITERS:
            assert drawing.save(tmp_path / f"g{ending}").stat().st_size > 1000
        root = ET.fromstring(drawing.svg)
        borders = [
            p.get("d", "") for p in root.iterfind(f".//{{{SVG}}}g[@class='cluster']/{{{SVG}}}path")
        ]
        assert set("".join(borders)) <= set("MLCZ-.,0123456789 ")
        bays += sum(d.count("L") == 3 for d in borders)
    assert bays >= 3


def test_a_label_that_a_foreign_border_cuts_moves_away_but_stays_near_its_edge():
    outside = edge(210, -300, 300, "a label", (185, 100))
    canvas = placed(scope(0, 0, 200, 200, "f"), outside)
    [(x, _, _)] = [piece for piece in pieces(canvas) if piece[2] == "a label"]
    assert x > 200 or x + len("a label") * 5.42 < 200
    assert abs(x - 185) < 40
