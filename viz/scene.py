"""A drawing's SVG as numbers: the boxes of what stands in it, its arrows as short lines."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import final

import numpy as np

from .grid import Floats, Ints, around, boxes, chords
from .pages import SVG

CHORD = 6.0  # the longest piece of a curve
POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")


def points(shape: ET.Element) -> Floats:
    """The corners of a shape, or the points that a curve starts from, ends at or leans towards."""
    if shape.tag == f"{{{SVG}}}ellipse":
        x, y, rx, ry = (float(shape.get(name, "0")) for name in ("cx", "cy", "rx", "ry"))
        return np.array([[x - rx, y - ry], [x + rx, y + ry]])
    found = POINT.findall(shape.get("points") or shape.get("d") or "")
    return np.array(found, np.float64).reshape(-1, 2)


@final
class Scene:
    """What stands in a drawing, in the order of its SVG.

    Attributes:
        solid: the boxes of nodes and of arrows' heads.
        scopes: the box of each cluster; an outer one comes before those inside.
        parents: the scope around each; -1 where there is none.
        borders: what draws each.
        titles: the line of text of each cluster, None where it has none.
        labels: the lines of each edge's label, by the number of the edge.
        lines: the edges as short lines, each from x, y to x, y.
        edge: the number of each line's edge.
    """

    def __init__(self, canvas: ET.Element) -> None:
        self.borders: list[ET.Element] = []
        self.titles: list[ET.Element | None] = []
        self.labels: dict[int, list[ET.Element]] = {}
        solid, scopes, curves, owners, edges = [], [], list[Floats](), list[int](), 0
        for group in canvas.findall(f"{{{SVG}}}g"):
            kind = (group.get("class") or "").split(" ")[0]
            texts = group.findall(f"{{{SVG}}}text")
            shapes = [p for shape in group if len(p := points(shape))]
            if kind == "edge":
                for shape in group.findall(f"{{{SVG}}}path"):
                    p = points(shape)
                    curves += [p[i : i + 4] for i in range(0, len(p) - 3, 3)]
                owners += [edges] * (len(curves) - len(owners))
                solid += [around(points(p)) for p in group.findall(f"{{{SVG}}}polygon")]
                if texts:
                    self.labels[edges] = texts
                edges += 1
            elif shapes and kind == "node":
                solid.append(around(np.concatenate(shapes)))
            elif shapes and kind == "cluster":
                scopes.append(around(np.concatenate(shapes)))
                self.borders.append(next(shape for shape in group if len(points(shape))))
                self.titles.append(texts[0] if texts else None)
        self.solid, self.scopes = boxes(solid), boxes(scopes)
        self.parents = _parents(self.scopes)
        self.lines, which = chords(np.array(curves).reshape(-1, 4, 2), CHORD)
        self.edge: Ints = np.array(owners, np.int64)[which]

    def sides(self) -> Floats:
        """The sides of all scopes, as lines."""
        corners = [[0, 1, 2, 1], [0, 3, 2, 3], [0, 1, 0, 3], [2, 1, 2, 3]]
        return np.concatenate([self.scopes[:, corner] for corner in corners])


def _parents(scopes: Floats) -> list[int]:
    """The scope around each; an outer one comes before those inside."""
    found, open = [], list[int]()
    for i, (left, top, right, bottom) in enumerate(scopes.tolist()):
        while open:
            outer = scopes[open[-1]]
            if outer[0] <= left and outer[1] <= top and right <= outer[2] and bottom <= outer[3]:
                break
            open.pop()
        found.append(open[-1] if open else -1)
        open.append(i)
    return found
