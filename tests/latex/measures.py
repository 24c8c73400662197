"""Measures a page that LaTeX made: where its texts lie and where its nodes' surfaces, beside the SVG's."""

import ctypes
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from viz import shapes
from viz.svg import SVG
from viz.tikz_preamble import known

SLACK = 0.6  # points that a text may reach over its node's border
NEAR = 0.6  # points between where a surface is and should be: PDFium adds its border, and more at a corner


def size_of(svg):
    """Width and height of an SVG in points, as Graphviz writes them."""
    root = ET.fromstring(svg)
    return [float(root.get(side).removesuffix("pt")) for side in ("width", "height")]


def nodes(svg, page):
    """The kind of each of an SVG's nodes, the box of its surface, and the box of all its lines: left, low,
    right and high on the page.
    """
    scale = page.get_height() / size_of(svg)[1]
    place = shapes.Matrix(scale, 0, 0, -scale, 0, page.get_height())
    for group, inside in groups(ET.fromstring(svg), place):
        first, *looks = group.get("class", "").split() or [""]
        if first == "node":
            drawn = [e for e in group if e.get("fill") and not e.tag.endswith("text")]
            boxes = [box(element, inside) for element in drawn]
            surface = next(i for i, element in enumerate(drawn) if element.get("fill") != "none")
            lefts, lows, rights, highs = zip(*boxes, strict=True)
            yield known(looks)[-1], boxes[surface], (min(lefts), min(lows), max(rights), max(highs))


def groups(element, place):
    """Each group in an element, at any depth, with its place on the page."""
    for group in element.findall(f"{{{SVG}}}g"):
        inside = place @ shapes.matrix(group.get("transform", ""))
        yield group, inside
        yield from groups(group, inside)


def box(element, place):
    """The box of one shape."""
    if element.tag.endswith("ellipse"):
        x, y, across, down = (float(element.get(key)) for key in ("cx", "cy", "rx", "ry"))
        ends = [place(x - across, y + down), place(x + across, y - down)]
        return (*ends[0], *ends[1])
    least, most = shapes.shape_of(element, place).box
    return (*least, *most)


def texts(page):
    """The texts of a page, with their boxes."""
    read = page.get_textpage()
    for i in range(read.count_rects()):
        place = read.get_rect(i)
        yield read.get_text_bounded(*place), place


def letters(page):
    """The visible characters of a page, with the middle of each: how far right, and how high."""
    read = page.get_textpage()
    for i in range(read.count_chars()):
        letter = read.get_text_range(i, 1)
        if letter.strip():
            yield letter, *middle(read.get_charbox(i))


def spilled(page, svg):
    """The texts that stand partly in a node and partly outside."""
    found = []
    boxes = [whole for _, _, whole in nodes(svg, page)]
    for text, (left, low, right, high) in texts(page):
        for a, b, c, d in boxes:
            meets = min(right - a, c - left, high - b, d - low) > SLACK
            leaves = max(a - left, b - low, right - c, high - d) > SLACK
            if meets and leaves:
                found.append(text)
    return found


def surfaces(page):
    """The surfaces of a page: colours, and the boxes around them and their borders."""
    raw = pytest.importorskip("pypdfium2").raw
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]):
        channels = [ctypes.c_uint() for _ in range(4)]
        filled, stroked = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(item.raw, filled, stroked)
        raw.FPDFPageObj_GetFillColor(item.raw, *channels)
        if filled.value:
            yield "#" + "".join(f"{c.value:02x}" for c in channels[:3]), item.get_bounds()


def misplaced(page, svg, palette):
    """The nodes whose surface is not on the page at the SVG's place in its kind's colour, or is not seen."""
    found = [(colour, middle(place), place) for colour, place in surfaces(page)]
    scale = min(2.0, 4000 / max(page.get_size()))
    pixels = page.render(scale=scale).to_numpy()[..., 2::-1]
    wrong = []
    for kind, surface, _ in nodes(svg, page):
        colour = palette.fill(kind)
        is_there = any(
            colour == other
            and np.allclose(middle(surface), centre, atol=NEAR)
            and np.allclose(surface, place, atol=2 * border(svg))
            for other, centre, place in found
        )
        # beside the texts, where a box has a margin
        x, y = surface[0] + 4.5, (surface[1] + surface[3]) / 2
        pixel = pixels[round((page.get_height() - y) * scale), round(x * scale)]
        is_seen = np.abs(pixel.astype(int) - list(bytes.fromhex(colour[1:]))).max() <= 4
        if not (is_there and is_seen):
            wrong.append((kind, surface))
    return wrong


def border(svg):
    """The width of an SVG's widest line."""
    return max(float(e.get("stroke-width", 1)) for e in ET.fromstring(svg).iter())


def middle(place):
    left, low, right, high = place
    return (left + right) / 2, (low + high) / 2
