"""Which boxes meet which, among very many: each is listed in the cells of a grid that it touches.

A box is a row of four numbers: left, top, right, bottom. A line counts as its box until `crossing` looks
closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Box: TypeAlias = tuple[float, float, float, float]

CELL = 48.0  # about the size of what is looked for, so that neither cells nor their boxes are many
_ROW = 1 << 31  # cells in a row of the grid: more than any picture has


def boxes(rows: Sequence[Box | Floats]) -> Floats:
    """Boxes as an array, also of none."""
    return np.array(rows, np.float64).reshape(-1, 4)


def around(points: Floats) -> Floats:
    """The box around the points of each row: (..., points, 2) → (..., 4)."""
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1)


@final
class Grid:
    """Boxes that can be asked which of them meet others.

    >>> grid = Grid(boxes([(0, 0, 10, 10), (100, 0, 110, 400)]))
    >>> grid.meeting(boxes([(105, 300, 200, 301), (5, 5, 7, 7), (20, 20, 30, 30)]))
    (array([0, 1]), array([1, 0]))
    """

    def __init__(self, boxes: Floats) -> None:
        self.boxes = boxes
        cells, which = _cells(boxes)
        order = np.argsort(cells, kind="stable")
        self._cells, self._which = cells[order], which[order]

    def meeting(self, asked: Floats) -> tuple[Ints, Ints]:
        """The pairs that meet: which of those asked about, and which of the grid's.

        A pair that shares several cells occurs once for each.
        """
        cells, which = _cells(asked)
        start = np.searchsorted(self._cells, cells, "left")
        count = np.searchsorted(self._cells, cells, "right") - start
        a, b = np.repeat(which, count), self._which[np.repeat(start, count) + _places(count)]
        one, other = asked[a], self.boxes[b]
        meets = ((one[:, :2] < other[:, 2:]) & (other[:, :2] < one[:, 2:])).all(axis=1)
        return a[meets], b[meets]


def _cells(boxes: Floats) -> tuple[Ints, Ints]:
    """The cells that boxes touch, and which box touches each."""
    low, high = (
        np.floor(corner / CELL).astype(np.int64) for corner in (boxes[:, :2], boxes[:, 2:])
    )
    wide, tall = (high - low + 1).T
    which = np.repeat(np.arange(len(boxes)), wide * tall)
    down, along = np.divmod(_places(wide * tall), wide[which])
    return (low[which, 1] + down) * _ROW + low[which, 0] + along, which


def _places(counts: Ints) -> Ints:
    """0, 1, ... up to each count: for counts 2 and 3, the places 0 1 0 1 2."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def crossing(lines: Floats, box: Floats) -> npt.NDArray[np.bool_]:
    """Whether lines, each from (x, y) to (x, y), cross boxes that their own boxes meet.

    >>> crossing(np.array([[0.0, 0.0, 10.0, 10.0]]), boxes([(4, 3, 6, 5)]))
    array([ True])
    >>> crossing(np.array([[0.0, 0.0, 10.0, 10.0]]), boxes([(7, 1, 9, 3)]))
    array([False])
    """
    x, y, to_x, to_y = lines.T
    along, down = to_x - x, to_y - y
    left, top, right, bottom = box.T
    middle = along * ((top + bottom) / 2 - y) - down * ((left + right) / 2 - x)
    return np.asarray(
        abs(middle) <= abs(along) * (bottom - top) / 2 + abs(down) * (right - left) / 2
    )


def chords(curves: Floats, longest: float) -> tuple[Floats, Ints]:
    """Bézier curves (n, 4, 2) as short lines (m, 4), and which curve each is of.

    >>> line = np.array([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]])
    >>> chords(line, 2.0)[0].tolist()
    [[0.0, 0.0, 1.5, 0.0], [1.5, 0.0, 3.0, 0.0]]
    """
    length = np.hypot(*np.moveaxis(np.diff(curves, axis=1), -1, 0)).sum(axis=1)
    count = np.ceil(length / longest).astype(np.int64).clip(1)
    which = np.repeat(np.arange(len(curves)), count)
    at = _places(count) / count[which]
    ends = [_on(curves[which], t) for t in (at, at + 1 / count[which])]
    return np.concatenate(ends, axis=1), which


def _on(curves: Floats, t: Floats) -> Floats:
    """The point of each curve at its t, from 0 to 1."""
    s = 1 - t
    weights = np.stack([s**3, 3 * s * s * t, 3 * s * t * t, t**3], axis=1)
    return np.asarray((weights[:, :, None] * curves).sum(axis=1))
