"""The shapes of an SVG as lines and curves, in the coordinates of its page."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TypeAlias, final

Point: TypeAlias = tuple[float, float]
NEAR = 0.05  # what two decimals may be apart


@final
@dataclass(frozen=True)
class Matrix:
    """An affine map: `(x, y)` goes to `(a x + c y + e, b x + d y + f)`, as in SVG."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def __matmul__(self, other: Matrix) -> Matrix:
        """First the other, then this one."""
        (a, b), (c, d), (e, f) = (
            self.direction(other.a, other.b),
            self.direction(other.c, other.d),
            self(other.e, other.f),
        )
        return Matrix(a, b, c, d, e, f)

    def __call__(self, x: float, y: float) -> Point:
        dx, dy = self.direction(x, y)
        return dx + self.e, dy + self.f

    def direction(self, x: float, y: float) -> Point:
        """Where a difference of points goes."""
        return self.a * x + self.c * y, self.b * x + self.d * y

    @property
    def scale(self) -> float:
        """How much larger things become."""
        return math.sqrt(abs(self.a * self.d - self.b * self.c))


def numbers(text: str) -> list[float]:
    """The numbers of a list with commas or spaces."""
    return [float(word) for word in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text)]


def matrix(transform: str) -> Matrix:
    """The map of a `transform`.

    >>> matrix("scale(2 2) rotate(0) translate(4 100)")(1, -50)
    (10.0, 100.0)
    """
    whole = Matrix()
    for name, arguments in re.findall(r"(\w+)\s*\(([^)]*)\)", transform):
        given = numbers(arguments)
        if name == "translate":
            step = Matrix(e=given[0], f=given[1] if len(given) > 1 else 0.0)
        elif name == "scale":
            step = Matrix(a=given[0], d=given[-1])
        elif name == "rotate" and len(given) == 1:
            sine, cosine = math.sin(math.radians(given[0])), math.cos(math.radians(given[0]))
            step = Matrix(cosine, sine, -sine, cosine)
        elif name == "matrix":
            step = Matrix(*given)
        else:
            raise ValueError(f"an SVG with the transform {name}({arguments})")
        whole = whole @ step
    return whole


@final
@dataclass(frozen=True)
class Shape:
    """A line of pieces: each is the end of a straight one, or two control points and the end."""

    start: Point
    pieces: tuple[tuple[Point, ...], ...]
    closed: bool

    @property
    def ends(self) -> list[Point]:
        """The points that the line goes through."""
        return [self.start, *(piece[-1] for piece in self.pieces)]

    @property
    def box(self) -> tuple[Point, Point]:
        """The corners of the box around these points: the least and the largest coordinates."""
        across, down = zip(*self.ends, strict=True)
        return (min(across), min(down)), (max(across), max(down))

    def corner_radius(self) -> float | None:
        """That of the corners of this shape if it is an upright rectangle, 0 if they are sharp;
        None if it is another shape.

        >>> Shape((0.0, 0.0), (((4.0, 0.0),), ((4.0, 2.0),), ((0.0, 2.0),)), closed=True).corner_radius()
        0.0
        """
        (left, top), (right, bottom) = self.box
        radius = min(x - left for x, y in self.ends if abs(y - top) < NEAR)
        wanted = {
            (x, y)
            for h, v in ((radius, 0.0), (0.0, radius))
            for x in (left + h, right - h)
            for y in (top + v, bottom - v)
        }
        met = all(any(math.dist(a, b) < NEAR for b in self.ends) for a in wanted)
        alone = all(any(math.dist(a, b) < NEAR for b in wanted) for a in self.ends)
        curves = sum(len(piece) == 3 for piece in self.pieces)
        return radius if self.closed and met and alone and curves == (4 if radius else 0) else None


def shape_of(element: ET.Element, place: Matrix) -> Shape:
    """The shape of a polygon, polyline or path.

    Raises:
        ValueError: a path has other commands than M, L, C and Z, or more than one part.
    """
    if "points" in element.attrib:
        found = numbers(element.attrib["points"])
        first, *others = (place(x, y) for x, y in zip(found[::2], found[1::2], strict=True))
        closed = element.tag.endswith("polygon")
        if closed and others and math.dist(first, others[-1]) < NEAR:
            del others[-1]
        return Shape(first, tuple((point,) for point in others), closed)
    return _path(element.attrib["d"], place)


def _path(text: str, place: Matrix) -> Shape:
    """The shape of a path's `d`."""
    pieces: list[tuple[Point, ...]] = []
    closed = False
    for command, arguments in re.findall(r"([A-Za-z])([^A-DF-Za-df-z]*)", text):
        if command not in "MLCZz" or (command == "M" and pieces):
            raise ValueError(f"an SVG with a path of the command {command}{arguments:.20}")
        found = numbers(arguments)
        points = [place(x, y) for x, y in zip(found[::2], found[1::2], strict=True)]
        closed = command in "Zz"
        if command == "M":
            start, *points = points
        if command == "C":
            for piece in zip(points[::3], points[1::3], points[2::3], strict=True):
                before = pieces[-1][-1] if pieces else start
                straight = math.dist(before, piece[0]) < NEAR and math.dist(*piece[1:]) < NEAR
                pieces.append(piece[2:] if straight else piece)
        else:
            pieces += [(point,) for point in points]
    if pieces and math.dist(start, pieces[-1][-1]) < NEAR:
        closed = True
        if len(pieces[-1]) == 1:
            del pieces[-1]
    return Shape(start, tuple(pieces), closed)
