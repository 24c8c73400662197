"""Moves the words of scopes and edges to where no arrow and no border of a scope runs through them.

Graphviz writes a scope's title at its upper left, and an edge's label beside the edge; it looks neither at
the arrows that enter there nor at the borders. A title goes to the next gap in its strip; where it is too
long for any, its words part to let the arrows through, at worst over a few lines. A label goes along its
edge. What finds no place stays where it was.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import TypeAlias, final

import numpy as np

from .borders import make_bays, widen
from .grid import Box, Floats, Grid, around, boxes, crossing
from .pages import SVG, width
from .scene import Scene
from .texts import ABOVE, BELOW, fix_width, ink, shift, size

GAP = 4.5  # between a title and what is beside it: more than half its halo and half a wide edge
LINE, STEP = 12.0, 3.0  # between lines of a title; between the heights at which it is tried
LINES, DEEPEST = 4, 300.0  # of a title: how many at most, and how far below its strip
# a title in one piece, in phrases, in words, in parts of words
SPLITS = r".+", r".+?(?:[:,]\s+|$)", r"\S+\s*", r"\d[\d,.]*\W*|\w+\W*|\W+"
# how far a moved label may stand from its edge; the nearest place is taken
NEAR = 3.0, 8.0, 16.0, 30.0
AIR = 1.5  # beside a label
TRIED, AT_ONCE = 600, 60  # places for a label, nearest first; how many are looked at together

Piece: TypeAlias = tuple[float, float, str]


def place(canvas: ET.Element) -> None:
    """Move the titles of clusters and the labels of edges in a drawing that are run through."""
    scene = Scene(canvas)
    labels = {edge: _aired(ink(texts)) for edge, texts in scene.labels.items()}
    widen(scene, *_cut(labels, scene.sides()))
    lines = np.concatenate([scene.lines, scene.sides()])
    moving, staying = _cut(labels, lines)
    titles = boxes([ink([text]) for text in scene.titles if text is not None])
    fixed = np.concatenate([scene.solid, staying, titles])
    make_bays(scene, _place_labels(scene, moving, lines, fixed))
    _place_titles(scene)


def _aired(box: Box) -> Box:
    """A label's box with a little air at its sides: what only touches it looks as if it crossed it."""
    left, top, right, bottom = box
    return left - AIR, top, right + AIR, bottom


def _cut(labels: dict[int, Box], lines: Floats) -> tuple[dict[int, Box], Floats]:
    """The labels that a line crosses, by edge; and the boxes of the others."""
    crossed = _crossed(boxes(list(labels.values())), lines)
    cut = {edge: box for (edge, box), bad in zip(labels.items(), crossed, strict=True) if bad}
    return cut, boxes([box for edge, box in labels.items() if edge not in cut])


def _boxes_of(lines: Floats) -> Floats:
    return around(lines.reshape(-1, 2, 2))


def _crossed(asked: Floats, lines: Floats) -> list[bool]:
    """Which boxes a line crosses."""
    which, line = Grid(_boxes_of(lines)).meeting(asked)
    found = np.zeros(len(asked), bool)
    found[which[crossing(lines[line], asked[which])]] = True
    return found.tolist()


# titles


def _place_titles(scene: Scene) -> None:
    """Move the titles that something runs through or covers."""
    labels = boxes([ink(texts) for texts in scene.labels.values()])
    obstacles = Grid(np.concatenate([scene.solid, labels, _boxes_of(scene.lines)]))
    parents = np.array(scene.parents)
    given = [(i, text) for i, text in enumerate(scene.titles) if text is not None and text.text]
    here = boxes([ink([text]) for _, text in given])
    met, _ = obstacles.meeting(here + np.array([-GAP, 0, GAP, 0]))
    for i in np.unique(met).tolist():
        scope, text = given[i]
        strip = _Strip(scene.scopes[scope], scene.scopes[parents == scope], obstacles, size(text))
        pieces = _settle(text.text or "", float(text.get("y", "0")), strip)
        if pieces:
            _write(text, pieces)


@final
class _Strip:
    """The inside of a scope, where its title may stand: neither on something nor in an inner scope."""

    def __init__(self, scope: Floats, inner: Floats, obstacles: Grid, em: float) -> None:
        self.left, _, self.right, self.bottom = scope.tolist()
        self.inner, self.obstacles, self.em = inner, obstacles, em
        self.known: dict[float, list[tuple[float, float]]] = {}

    def gaps(self, y: float) -> list[tuple[float, float]]:
        """What is free on the line with this baseline, from left to right."""
        if y not in self.known:
            top, bottom = y - ABOVE * self.em - 1, y + BELOW * self.em + 1
            row = boxes([(self.left, top, self.right, bottom)])
            _, met = self.obstacles.meeting(row)
            inner = self.inner[(self.inner[:, 1] < bottom) & (top < self.inner[:, 3])]
            taken = np.concatenate([self.obstacles.boxes[met], inner])[:, [0, 2]]
            self.known[y] = list(_between(taken, self.left, self.right))
        return self.known[y]


def _between(taken: Floats, left: float, right: float) -> Iterator[tuple[float, float]]:
    """What intervals leave free, with a gap to each."""
    at = left + GAP
    for start, end in [*sorted(taken.tolist()), (right, right)]:
        if at < start - GAP:
            yield at, start - GAP
        at = max(at, end + GAP)


def _settle(title: str, y: float, strip: _Strip) -> list[Piece]:
    """Where the pieces of a title go: in its strip, else below; whole, else in as large parts as fit."""
    splits = [re.findall(split, title) for split in SPLITS]
    for words in splits:
        if pieces := _fill(words, y, y, strip):
            return pieces
    deepest = min(y + DEEPEST, strip.bottom - GAP)
    for words in splits[1:]:
        for first in np.arange(y, deepest, STEP).tolist():
            if pieces := _fill(words, first, min(first + (LINES - 1) * LINE, deepest), strip):
                return pieces
    return []


def _fill(words: list[str], y: float, lowest: float, strip: _Strip) -> list[Piece]:
    """Words set line by line into what is free, from this line to the lowest; none if some are left."""
    pieces: list[Piece] = []
    while words and y <= lowest:
        before = len(pieces)
        for left, right in strip.gaps(y):
            count = _fitting(words, (right - left) / strip.em)
            if count:
                pieces.append((left, y, "".join(words[:count])))
                words = words[count:]
        y += LINE if len(pieces) > before else STEP
    return [] if words else pieces


def _fitting(words: list[str], room: float) -> int:
    """How many of the first words fit."""
    text, count = "", 0
    for word in words:
        text += word
        if width(text.rstrip()) > room:
            break
        count += 1
    return count


def _write(text: ET.Element, pieces: list[Piece]) -> None:
    """Put the pieces of a title where they go."""
    (x, y, _), *others = pieces
    text.set("x", f"{x:.2f}")
    text.set("y", f"{y:.2f}")
    if not others:
        return
    text.text = None
    for name in ("textLength", "lengthAdjust"):
        text.attrib.pop(name, None)
    for x, y, words in pieces:
        span = ET.SubElement(text, f"{{{SVG}}}tspan", {"x": f"{x:.2f}", "y": f"{y:.2f}"})
        span.text = words
        fix_width(span, size(text))


# labels


def _place_labels(
    scene: Scene, moving: dict[int, Box], lines: Floats, fixed: Floats
) -> dict[int, Box]:
    """Move labels along their edges to the nearest place where they cover nothing and nothing cuts them.

    The labels that find none stay, and are returned.
    """
    if not moving:
        return {}
    obstacles = Grid(np.concatenate([_boxes_of(lines), fixed]))
    frame = around(obstacles.boxes.reshape(-1, 2))
    stuck, taken = dict[int, Box](), boxes([])
    for edge, box in moving.items():
        start, end = np.searchsorted(scene.edge, [edge, edge + 1])
        places = _along(scene.lines[start:end, :2], np.array(box))
        new = _first_free(places, frame, obstacles, lines, taken)
        if new is None:
            new, stuck[edge] = np.array(box), box
        taken = np.concatenate([taken, new[None]])
        shift(scene.labels[edge], *(new[:2] - box[:2]).tolist())
    return stuck


def _first_free(
    places: Floats, frame: Floats, obstacles: Grid, lines: Floats, taken: Floats
) -> Floats | None:
    """The first place inside the picture that meets no obstacle; the first of these are the lines."""
    for start in range(0, len(places), AT_ONCE):
        asked = places[start : start + AT_ONCE]
        inside = (asked[:, :2] >= frame[:2]) & (asked[:, 2:] <= frame[2:])
        free = np.asarray(inside.all(axis=1))
        which, met = obstacles.meeting(asked)
        solid = met >= len(lines)
        free[which[solid]] = False
        which, met = which[~solid], met[~solid]
        free[which[crossing(lines[met], asked[which])]] = False
        for new in asked[free]:
            if not ((new[:2] < taken[:, 2:]) & (taken[:, :2] < new[2:])).all(axis=1).any():
                return np.asarray(new)
    return None


def _along(points: Floats, box: Floats) -> Floats:
    """Boxes like this one on all sides of points of its edge, the nearest first."""
    half = (box[2:] - box[:2]) / 2
    sides = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    away = np.concatenate([sides * (half + near) for near in NEAR])
    middles = (points[::2, None] + away).reshape(-1, 2)
    middles = middles[np.argsort(np.hypot(*(middles - box[:2] - half).T), kind="stable")[:TRIED]]
    return np.concatenate([middles - half, middles + half], axis=1)
