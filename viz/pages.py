"""What stands around a graph: its heading, its caption, and the page on which all must be legible."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, TypeAlias

from .labels import advance, clean

SVG = "http://www.w3.org/2000/svg"
ADVANCE = 0.60205  # a character's width in DejaVu Sans Mono, in em
TITLE, TEXT = 14.0, 10.0  # points: a title; lines, and most of a graph
LINE = 1.35  # a line's height, in em
GAP = 8.0  # points between heading, graph and caption
LONGEST = 200  # characters of a title
NARROWEST = 60  # characters: lines around a graph are not broken before, however small it is

Words: TypeAlias = tuple[Literal["title", "subtitle", "caption"], str]


@dataclass(frozen=True)
class Page:
    """A page, in points.

    Attributes:
        least: the smallest letters that are legible on it.
        largest: how much a small graph may be enlarged.
        directions: in which a graph may fit it, the best first.
    """

    name: str
    width: float
    height: float
    margin: float
    least: float
    largest: float
    directions: tuple[Literal["TB", "LR"], ...]


PAGES = {
    "A4": Page("A4", 595.28, 841.89, 28, 7, 1, ("TB", "LR")),
    "slide": Page("a slide", 960, 540, 28, 8, 1.6, ("LR", "TB")),
}


@dataclass(frozen=True)
class Frame:
    """What stands around a graph.

    Attributes:
        title: in large letters above it.
        heading: lines below the title.
        caption: below the graph, broken into lines as wide as that.
        page: on which all this has its place; None for one as large as need be.
    """

    title: str | None = None
    heading: tuple[str, ...] = ()
    caption: str | None = None
    page: Page | None = None

    def above(self, width: float) -> list[Words]:
        """The lines above a graph of this width."""
        most = max(NARROWEST, int(width / (ADVANCE * TITLE)))
        title = broken(clean(self.title or "", LONGEST), most)
        most = max(NARROWEST, int(width / (ADVANCE * TEXT)))
        heading = (line for text in self.heading for line in broken(text, most))
        return [*(("title", line) for line in title), *(("subtitle", line) for line in heading)]

    def below(self, width: float) -> list[Words]:
        """The lines below a graph of this width."""
        most = max(NARROWEST, int(width / (ADVANCE * TEXT)))
        paragraphs = (self.caption or "").splitlines()
        return [
            ("caption", line)
            for text in paragraphs
            for line in broken(clean(text, len(text)), most) or [""]
        ]

    def room(self) -> tuple[float, float]:
        """The width and height that the page has for a graph.

        Raises:
            ValueError: title and caption leave less than a quarter of it.
        """
        assert self.page is not None
        width = self.page.width - 2 * self.page.margin
        around = sum(high(words) for words in (self.above(width), self.below(width)))
        height = self.page.height - 2 * self.page.margin - around
        if height < self.page.height / 4:
            raise ValueError(
                f"viz: title and caption leave no room for a graph on {self.page.name}\n"
                "  fix: a shorter caption, or no page"
            )
        return width, height

    def scale(self, width: float, height: float) -> float:
        """By how much a graph of this size is enlarged or made smaller."""
        if self.page is None:
            return 1.0
        room = self.room()
        return min(room[0] / width, room[1] / height, self.page.largest)

    def is_legible(self, svg: bytes, letters: float) -> bool:
        """Whether letters of this size in a graph can be read, as large as there is room for it."""
        if self.page is None:
            return True
        return self.scale(*size_of(ET.fromstring(svg))) * letters >= self.page.least


def size_of(root: ET.Element) -> tuple[float, float]:
    """The width and height of an SVG in points.

    >>> size_of(ET.fromstring('<svg width="30pt" height="20pt"/>'))
    (30.0, 20.0)
    """
    width, height = (root.attrib[side].removesuffix("pt") for side in ("width", "height"))
    return float(width), float(height)


def high(lines: Sequence[Words]) -> float:
    """How high these lines are, with the gap to the graph."""
    return sum(letters(role) * LINE for role, _ in lines) + (GAP if lines else 0)


def letters(role: str) -> float:
    """The size of letters."""
    return TITLE if role == "title" else TEXT


def wide(lines: Sequence[Words]) -> float:
    """How wide these lines are."""
    return max((width(text) * letters(role) for role, text in lines), default=0.0)


def width(text: str) -> float:
    """How wide a text is, in em: a wide character, such as a Chinese one, counts twice.

    >>> round(width("ab"), 4), round(width("名"), 4)
    (1.2041, 1.2041)
    """
    return advance(text) * ADVANCE


def broken(text: str, most: int) -> list[str]:
    """A text in lines of at most so many characters' widths, between words where that can be.

    >>> broken("A title of words", 8), broken("名前名前", 4)
    (['A title', 'of words'], ['名前', '名前'])
    """
    lines: list[str] = []
    for word in text.split():
        if lines and advance(lines[-1]) + 1 + advance(word) <= most:
            lines[-1] += f" {word}"
            continue
        while advance(word) > most:
            cut = next(i for i in count(1) if advance(word[: i + 1]) > most)
            lines.append(word[:cut])
            word = word[cut:]
        lines.append(word)
    return lines


def put_frame(root: ET.Element, frame: Frame) -> None:
    """Set a graph, drawn by Graphviz, in its frame: the SVG is as large as the page or as need be."""
    if frame == Frame():
        return
    page = frame.page
    width, height = size_of(root)
    scale = frame.scale(width, height)
    room = page.width - 2 * page.margin if page else width
    above, below = frame.above(room), frame.below(room)
    margin = page.margin if page else GAP
    top = margin + high(above)
    bottom = top + height * scale + high(below) + margin
    outer = max(width, wide(above), wide(below)) + 2 * margin
    across, down = (page.width, page.height) if page else (outer, bottom)
    graph = ET.Element(f"{{{SVG}}}g")
    shift = (across - width * scale) / 2
    graph.set("transform", f"translate({shift:.2f} {top:.2f}) scale({scale:.4f})")
    for child in root.findall(f"{{{SVG}}}g"):
        root.remove(child)
        graph.append(child)
    root.append(graph)
    root.extend(_lines(above, margin, margin))
    root.extend(_lines(below, margin, top + height * scale + GAP))
    root.set("width", f"{across:.2f}pt")
    root.set("height", f"{down:.2f}pt")
    root.set("viewBox", f"0.00 0.00 {across:.2f} {down:.2f}")


def _lines(lines: Sequence[Words], left: float, top: float) -> list[ET.Element]:
    made = []
    for role, text in lines:
        size = letters(role)
        element = ET.Element(
            f"{{{SVG}}}text",
            {
                "class": role,
                "x": f"{left:.2f}",
                "y": f"{top + size:.2f}",
                "font-size": f"{size:.2f}",
            },
        )
        element.text = text
        made.append(element)
        top += size * LINE
    return made
