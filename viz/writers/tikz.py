r"""TikZ, for papers in LaTeX: the SVG's layout as lines that an author can read and change.

The colours have names and each kind of node, line and text has a style, all in the preamble; the
picture has one command for each shape, edge and line of text, in big points (`bp`), `y` upwards.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field, replace
from typing import final

from .. import tex
from ..drawing import Drawing
from ..formats import writer
from ..pages import SVG, width
from ..shapes import Matrix, Point, Shape, matrix, shape_of
from ..theme import LOOKS
from ..tikz_preamble import SIZE, TIP, known, number, preamble

LARGEST = 8_000  # bp: TeX counts to 16,383 points, and standalone adds a page's height twice
SHAPES = {"polygon", "polyline", "path", "ellipse"}


@writer(".tex")
def tikz(drawing: Drawing) -> str:
    """The picture as a document of its own, in the colours of the theme's first palette."""
    root = ET.fromstring(drawing.svg)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    scale = min(1.0, LARGEST / max(width, height))
    ends = {f"e{i}": (edge.tail, edge.head) for i, edge in enumerate(drawing.graph.edges)}
    walk = _Walk(root.get("id", ""), ends)
    place = Matrix(scale, 0, 0, -scale, -scale * left, scale * (top + height))
    walk.visit(root, place, _Group())
    corner = coordinates((scale * width, scale * height))
    title, description = (root.findtext(f"{{{SVG}}}{tag}", "") for tag in ("title", "desc"))
    lines = [
        comment(f"{title}: {description}"),
        r"\documentclass[tikz, border=0pt]{standalone}",
        "%%% for a paper: the lines from here on belong into its preamble",
        *preamble(drawing.palettes[0], walk.kinds, walk.roles, walk.texts),
        "%%% to here",
        r"\begin{document}",
        r"\begin{tikzpicture}[x=1bp, y=1bp]",
        rf"\fill[canvas, use as bounding box] (0,0) rectangle {corner};",
        *walk.lines,
        r"\end{tikzpicture}",
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


@final
@dataclass(frozen=True)
class _Group:
    """What the group is that an element stands in.

    Attributes:
        style: what its styles' names begin with.
        border: the line width that they set.
        label: the style that its texts have besides that of their role.
        marked: whether it stands out.
    """

    style: str = ""
    border: float = 1.0
    label: str = ""
    marked: bool = False


@final
@dataclass
class _Walk:
    """Goes once over an SVG and writes what is in it.

    Attributes:
        prefix: what the ids of its parts begin with.
        ends: the nodes that an edge joins, by its id.
        kinds: the classes of groups that were met, `roles` those of texts, `texts` their words.
    """

    prefix: str
    ends: dict[str, tuple[str, str]]
    lines: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)

    def visit(self, element: ET.Element, place: Matrix, group: _Group) -> None:
        """Write what is in an element, in the SVG's order."""
        children = [(child, child.tag.removeprefix(f"{{{SVG}}}")) for child in element]
        shapes = [child for child, tag in children if tag in SHAPES]
        if shapes:
            self.write_shapes(shapes, place, group)
        for child, tag in children:
            if tag == "text":
                self.write_text(child, place, group)
            elif tag == "g":
                inside = place @ matrix(child.get("transform", ""))
                self.visit(child, inside, self.enter(child))

    def enter(self, group: ET.Element) -> _Group:
        """What a group is, with a comment that says so if it has a name."""
        first, *looks = group.get("class", "").split() or [""]
        name = group.get("id", "").removeprefix(f"{self.prefix}-")
        if name:
            what = " to ".join(self.ends.get(name, ())) or heading(group)
            self.lines.append(comment(f"{name}: {what}"))
        self.kinds.update(looks)
        if first == "node":
            kind = known(looks)[-1]
            return _Group(kind, LOOKS[kind].border, marked="marked" in looks)
        if first in ("cluster", "edge"):
            return _Group("scope" if first == "cluster" else "edge", marked="marked" in looks)
        return _Group(label={"cluster-label": "on scope", "edge-label": "on edge"}.get(first, ""))

    # shapes

    def write_shapes(self, shapes: list[ET.Element], place: Matrix, group: _Group) -> None:
        """The shapes of one part: an edge with its tip as one line; what has no surface together."""
        if group.style == "edge":
            self.lines.append(edge(shapes, place, group))
            return
        lines: dict[str, list[str]] = {}
        for element in shapes:
            hollow = element.get("fill") == "none"
            form, drawn = outline(element, place)
            options = (
                f"{group.style} {'line' if hollow else 'box'}{own(element, place, group)}{form}"
            )
            if hollow:
                lines.setdefault(options, []).append(drawn)
            else:
                self.lines.append(rf"\draw[{options}] {drawn};")
        self.lines += [rf"\draw[{options}] {' '.join(drawn)};" for options, drawn in lines.items()]

    # texts

    def write_text(self, element: ET.Element, place: Matrix, group: _Group) -> None:
        """A line of text, from its first character that is seen; a square of colour in front of it."""
        if pieces := [span for span in element if span.get("x")]:  # a title that has parted
            for span in pieces:
                piece = ET.Element(element.tag, {**element.attrib, **span.attrib})
                piece.text = span.text
                self.write_text(piece, place, group)
            return
        role = element.get("class", "note").split()[0]
        size = float(element.get("font-size", SIZE))
        words = "".join(element.itertext()).replace("\u00a0", " ")
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        anchor = {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
        x -= anchor * width(words) * size
        swatch = element.find(f"{{{SVG}}}tspan")
        if swatch is not None:
            kind = swatch.get("class", "").removeprefix("swatch-")
            corners = (place(x, y), place(x + 0.6 * size, y - 0.6 * size))
            a, b = map(coordinates, corners)
            self.lines.append(rf"\fill[{kind}border] {a} rectangle {b};")
            x, words = x + width(swatch.text or "") * size, swatch.tail or ""
        seen = words.strip()
        if not seen:
            return
        x += width(words[: len(words) - len(words.lstrip())]) * size
        self.roles.add(role)
        self.texts.append(seen)
        options = [f"{role} text"]
        options += [group.label] if group.label else []
        shown = size * place.scale
        options += [f"size={number(shown)}"] if not math.isclose(shown, SIZE, abs_tol=0.005) else []
        at = coordinates(place(x, y))
        self.lines.append(rf"\node[{', '.join(options)}] at {at} {{{tex.fitted(seen)}}};")


def heading(group: ET.Element) -> str:
    """The first words of a group: its first line of text, or else its title's."""
    for tag in ("text", "title"):
        if words := group.findtext(f"{{{SVG}}}{tag}", "").replace("\u00a0", " ").strip():
            return words.splitlines()[0]
    return ""


def own(element: ET.Element, place: Matrix, group: _Group) -> str:
    """The options of a shape that its style does not set."""
    width = float(element.get("stroke-width", 1)) * place.scale
    options = "" if abs(width - group.border) < 0.005 else f", line width={number(width)}bp"
    options += ", draw=textink" if group.marked else ""
    return options + (", broken" if element.get("stroke-dasharray") else "")


def edge(shapes: list[ET.Element], place: Matrix, group: _Group) -> str:
    """The line of an edge, up to the point of its tip, which TikZ draws."""
    (line, *tips) = shapes
    shape, tip = shape_of(line, place), ""
    width = float(line.get("stroke-width", 1)) * place.scale
    for polygon in tips:
        length, point = tip_of(shape_of(polygon, place), shape.ends[-1], width)
        shape = replace(shape, pieces=(*shape.pieces, (point,)))
        tip = ", edge tip" if abs(length - TIP) < 0.1 else f", edge tip={number(length)}"
    return rf"\draw[edge line{tip}{own(line, place, group)}] {trace(shape)};"


def tip_of(triangle: Shape, end: Point, width: float) -> tuple[float, Point]:
    """The length of an edge's tip, and where it ends: the border around it reaches out of the corner."""
    point = max(triangle.ends, key=lambda corner: math.dist(corner, end))
    a, b = (corner for corner in triangle.ends if corner != point)
    middle = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    length = math.dist(middle, point)
    further = width / 2 * math.dist(a, point) / (math.dist(a, b) / 2) / length
    x, y = (p + further * (p - m) for p, m in zip(point, middle, strict=True))
    return length, (x, y)


def outline(element: ET.Element, place: Matrix) -> tuple[str, str]:
    """A shape as TikZ's options and path."""
    if element.tag.endswith("ellipse"):
        x, y, across, down = (float(element.get(key, 0)) for key in ("cx", "cy", "rx", "ry"))
        radii = f"x radius={number(across * place.scale)}, y radius={number(down * place.scale)}"
        return "", f"{coordinates(place(x, y))} ellipse[{radii}]"
    shape = shape_of(element, place)
    radius = shape.corner_radius()
    if radius is None:
        return "", trace(shape)
    a, b = map(coordinates, shape.box)
    return f", rounded corners={number(radius)}bp" if radius else "", f"{a} rectangle {b}"


def trace(shape: Shape) -> str:
    """A shape's line, piece by piece."""
    words = coordinates(shape.start)
    for *controls, end in shape.pieces:
        by = f"controls {' and '.join(map(coordinates, controls))} .. " if controls else ""
        words += f" {'..' if controls else '--'} {by}{coordinates(end)}"
    return words + (" -- cycle" if shape.closed else "")


def coordinates(point: Point) -> str:
    return f"({','.join(map(number, point))})"


def comment(text: str) -> str:
    return f"% {' '.join(text.split())}"
