"""Moves the borders of scopes so that none runs through the label of an edge.

Graphviz draws a scope's border around its nodes; the label of an edge may stick out at the left or right.
The border goes around it where there is nothing else, and so do those of the outer scopes. Where there is,
the border makes a bay for the label alone.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .grid import Box, Floats
from .scene import POINT, Scene
from .texts import shift

ROOM = 5.0  # between a label and the border
MARGIN = 6.0  # between the borders of a scope and the one around it, and a node beside it

RIM = 3.0  # between a label and a bay, and between bays of scopes in one another
RADIUS = 12.0  # of a border's corners, as Graphviz draws them

LEFT, TOP, RIGHT, BOTTOM = range(4)  # the sides, as a box has them

Point: TypeAlias = tuple[float, float]
# a scope, a side of it, where that goes, and how far from the label
Move: TypeAlias = tuple[int, int, float, float]
Bay: TypeAlias = tuple[int, float, float, float]  # its side, from where to where, and where it goes


def widen(scene: Scene, sticking: dict[int, Box], others: Floats) -> None:
    """Move the borders of scopes outwards around these labels, by edge; others may not be cut for it."""
    before = scene.scopes.copy()
    for edge, box in sticking.items():
        moves = _moves(scene, _owner(scene, edge), box, (LEFT, RIGHT), ROOM, MARGIN)
        if all(_is_free(scene, move, others) for move in moves):
            for scope, side, to, _ in moves:
                scene.scopes[scope, side] = to
    for scope in np.flatnonzero((scene.scopes != before).any(axis=1)).tolist():
        _redraw(scene.borders[scope], before[scope], scene.scopes[scope])
        if (title := scene.titles[scope]) is not None:
            shift([title], scene.scopes[scope, 0] - before[scope, 0], 0.0)


def _owner(scene: Scene, edge: int) -> int:
    """The innermost scope that both ends of an edge are in; -1 where there is none."""
    start, end = np.searchsorted(scene.edge, [edge, edge + 1])
    if start == end:
        return -1
    inside = np.ones(len(scene.scopes), bool)
    for x, y in (scene.lines[start, :2], scene.lines[end - 1, 2:]):
        left, top, right, bottom = scene.scopes.T
        inside &= (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
    return int(np.flatnonzero(inside)[-1]) if inside.any() else -1


def _moves(
    scene: Scene, scope: int, box: Box, sides: Sequence[int], room: float, margin: float
) -> list[Move]:
    """What has to move so that a box is inside a scope and those around it."""
    found: list[Move] = []
    while scope >= 0:
        for side in sides:
            outwards = -1 if side in (LEFT, TOP) else 1
            to = box[side] + outwards * room
            if outwards * (to - scene.scopes[scope, side]) > 0:
                found.append((scope, side, to, room))
        room, scope = room + margin, scene.parents[scope]
    return found


def _is_free(scene: Scene, move: Move, labels: Floats) -> bool:
    """Whether a border may move: to where no other scope and no node is, and not onto a label."""
    scope, side, to, _ = move
    left, top, right, bottom = scene.scopes[scope].tolist()
    strip = (to - MARGIN, top, left, bottom) if side == LEFT else (right, top, to + MARGIN, bottom)
    within = _meeting(scene.scopes, strip)
    around = (scene.scopes[:, :2] <= (left, top)).all(axis=1)
    around &= (scene.scopes[:, 2:] >= (right, bottom)).all(axis=1)
    if (within & ~around).any() or _meeting(scene.solid, strip).any():
        return False
    return not _meeting(labels, (to - 1, top, to + 1, bottom)).any()


def _meeting(found: Floats, box: Box) -> npt.NDArray[np.bool_]:
    meets = (found[:, :2] < box[2:]) & (found[:, 2:] > box[:2])
    return np.asarray(meets.all(axis=1))


def _redraw(border: ET.Element, before: Floats, after: Floats) -> None:
    """Move the left and the right half of a border's points; its corners stay round."""
    middle = (before[0] + before[2]) / 2
    name = "points" if border.get("points") else "d"
    away = after - before

    def moved(point: re.Match[str]) -> str:
        x = float(point[1])
        return f"{x + away[LEFT if x < middle else RIGHT]:.2f},{point[2]}"

    border.set(name, POINT.sub(moved, border.get(name) or ""))


# bays


def make_bays(scene: Scene, stuck: dict[int, Box]) -> None:
    """Lead the borders of scopes around these labels, by edge: those of inner edges stay inside."""
    bays: dict[int, list[Bay]] = {}
    for edge, box in stuck.items():
        owner = _owner(scene, edge)
        moves = _moves(scene, owner, box, range(4), RIM, RIM)
        for scope, side, to, room in [*moves, *_dents(scene, owner, box)]:
            across, along = side % 2, 1 - side % 2
            border = scene.scopes[scope].tolist()
            start, end = box[along] - room, box[along + 2] + room
            cuts = box[across] - room < border[side] < box[across + 2] + room
            if cuts and border[along] + RADIUS < start and end < border[along + 2] - RADIUS:
                bays.setdefault(scope, []).append((side, start, end, to))
    for scope, found in bays.items():
        scene.borders[scope].set("d", _outline(scene.scopes[scope].tolist(), found))


def _dents(scene: Scene, owner: int, box: Box) -> list[Move]:
    """What has to move so that a box is outside the scopes that it does not belong to."""
    own = set()
    while owner >= 0:
        own.add(owner)
        owner = scene.parents[owner]
    found: list[Move] = []
    for side in range(4):
        across, along, inwards = side % 2, 1 - side % 2, 1 if side in (LEFT, TOP) else -1
        borders, starts, ends = (scene.scopes[:, i] for i in (side, along, along + 2))
        cut = (box[across] < borders) & (borders < box[across + 2])
        beside = (starts < box[along]) & (box[along + 2] < ends)
        others = (scope for scope in np.flatnonzero(cut & beside).tolist() if scope not in own)
        for depth, scope in enumerate(others, 1):
            to = box[(side + 2) % 4] + inwards * RIM * depth
            low, high = scene.scopes[scope, [across, across + 2]].tolist()
            if low < to < high:
                found.append((scope, side, to, RIM * depth))
    return found


def _outline(scope: list[float], bays: list[Bay]) -> str:
    """The path of a border with round corners and bays, clockwise; of lines and cubic curves alone."""
    left, top, right, bottom = scope
    sides, corners = [], []
    for side, start, end in (
        (TOP, left, right),
        (RIGHT, top, bottom),
        (BOTTOM, right, left),
        (LEFT, bottom, top),
    ):
        on, rim = 1 if start < end else -1, scope[side]
        points = [(start + on * RADIUS, rim)]
        for _, low, high, to in sorted((b for b in bays if b[0] == side), reverse=on < 0):
            near, far = (low, high)[::on]
            points += [(near, rim), (near, to), (far, to), (far, rim)]
        points += [(end - on * RADIUS, rim), (end, rim)]
        placed = [(y, x) for x, y in points] if side in (LEFT, RIGHT) else points
        corners.append(placed.pop())
        sides.append(placed)
    path = ""
    for points, corner, after in zip(sides, corners, [*sides[1:], sides[0]], strict=True):
        bent = [_between(points[-1], corner), _between(after[0], corner), after[0]]
        path += f"L{_written(points[1:])}" if path else f"M{_written(points)}"
        path += f"C{_written(bent)}"
    return f"{path}Z"


def _between(end: Point, corner: Point) -> Point:
    """Where a curve that ends here leans, so that it is round at this corner."""
    (x, y), (across, down) = end, corner
    return x + 2 / 3 * (across - x), y + 2 / 3 * (down - y)


def _written(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
