"""Turns a film's SVG, which has room for all frames, into an animation: by CSS alone, without a script.

What is equal in all frames stays where it is. The lines that differ move into a group per frame, and
CSS shows one group after the other; the width of an edge changes with them. Without CSS, on paper, or
where the viewer's system asks for less motion, the last frame stands still.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

from .cards import Line
from .dot import clear_of_edge
from .film import FilmCards, is_steady, rows
from .pages import SVG
from .svg import SPACE
from .texts import fix_width
from .theme import Palette

LINGER = 1.5  # seconds that the last frame stays longer than the others
BAR = 2.0  # points: how thick the bar of progress is
BELOW = 7.0  # points from a line's foot to the middle of the bar below it
PLAYS = "@media screen and (prefers-reduced-motion:no-preference)"


@final
@dataclass(frozen=True)
class Clock:
    """When each of so many frames begins, of so many seconds each."""

    count: int
    seconds: float

    @property
    def total(self) -> float:
        """The seconds of one round."""
        return self.count * self.seconds + LINGER

    def keyframes(self, name: str, property: str, values: Sequence[str]) -> str:
        """CSS that gives a property its value in each frame.

        >>> Clock(3, 0.5).keyframes("k", "stroke-width", ["1", "2", "2"])
        '@keyframes k{0%{stroke-width:1}16.6667%{stroke-width:2}}'
        """
        changes = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
        steps = [
            f"{100 * i * self.seconds / self.total:.6g}%{{{property}:{values[i]}}}" for i in changes
        ]
        return f"@keyframes {name}{{{''.join(steps)}}}"


class Place(NamedTuple):
    """What the lines at one place have in common: the group in which they stand has it.

    Attributes:
        kind: the class of the group, "" if it has none.
        size: of the letters.
    """

    kind: str
    size: str


def animated(svg: str, cards: FilmCards, direction: str, palettes: Sequence[Palette]) -> str:
    """The SVG of a film's drawing with its frames, which it shows one after the other."""
    made = _Projection(ET.fromstring(svg), cards)
    made.put_frames(direction)
    made.put_widths()
    made.put_steps()
    made.put_style(palettes)
    ET.register_namespace("", SVG)
    return ET.tostring(made.root, encoding="unicode") + "\n"


@final
class _Projection:
    """Changes an SVG, and collects the rules by which it plays."""

    def __init__(self, root: ET.Element, cards: FilmCards) -> None:
        self.root, self.cards, self.me = root, cards, root.attrib["id"]
        self.clock = Clock(len(cards.frames), cards.seconds)
        self.rules: list[str] = []

    def find(self, kind: str) -> list[ET.Element]:
        """The groups of a class, in order."""
        groups = self.root.iter(_tag("g"))
        return [group for group in groups if group.get("class", "").split(" ")[0] == kind]

    def named(self, kind: str) -> dict[str, ET.Element]:
        """Those with a name of ours, by that."""
        return {g.attrib["id"].removeprefix(f"{self.me}-"): g for g in self.find(kind)}

    def move(self, selector: str, name: str, property: str, values: Sequence[str]) -> None:
        """Have what the selector chooses take these values, one in each frame."""
        name = f"{self.me}-{name}"
        self.rules.append(self.clock.keyframes(name, property, values))
        motion = f"animation:{name} {self.clock.total:g}s step-end infinite"
        self.rules.append(f"#{self.me}{selector}{{{motion}}}")

    # the lines that differ

    def put_frames(self, direction: str) -> None:
        """Move the lines that differ into a group per frame, which is seen in its time."""
        frames: list[dict[Place, list[ET.Element]]] = [{} for _ in self.cards.frames]
        nodes, edges = self.named("node"), self.named("edge")
        for name, lines in self.cards.nodes().items():
            take(nodes[name], "", lines, frames)
        written = self.cards.edges()
        labelled = [name for name in edges if any(written[name])]
        for name, label in zip(labelled, self.find("edge-label"), strict=True):
            lines = [clear_of_edge(frame, direction) for frame in written[name]]
            take(label, "edge-label", lines, frames)
        (canvas,) = self.find("graph")
        for i, places in enumerate(frames):
            group = ET.SubElement(canvas, _tag("g"), {"class": f"frame f{i}", SPACE: "preserve"})
            if i < len(frames) - 1:
                group.set("visibility", "hidden")
            for place, texts in places.items():
                inner = ET.SubElement(group, _tag("g"), {"font-size": place.size})
                if place.kind:
                    inner.set("class", place.kind)
                inner.extend(texts)
            turns = ["visible" if i == turn else "hidden" for turn in range(len(frames))]
            self.move(f" .f{i}", f"f{i}", "visibility", turns)

    # what else changes

    def put_widths(self) -> None:
        """Give each edge the width that it has in each frame, and that of the last at rest."""
        edges = self.named("edge")
        for name, found in self.cards.widths().items():
            widths = [f"{width:.1f}" for width in found]
            for shape in edges[name]:
                shape.attrib.pop("stroke-width", None)  # theirs is the group's
            edges[name].set("stroke-width", widths[-1])
            if len(set(widths)) > 1:
                self.move(f"-{name}", name, "stroke-width", widths)

    def put_steps(self) -> None:
        """Put the line that says which step it is, and the bar of progress below it."""
        *_, room = (t for t in self.root.findall(_tag("text")) if t.get("class") == "subtitle")
        self.root.remove(room)

        def put(text: str, kind: str, **more: str) -> None:
            attributes = {**room.attrib, "class": f"subtitle {kind}", **more}
            ET.SubElement(self.root, _tag("text"), attributes).text = text

        for i, step in enumerate(self.cards.steps):
            put(step, f"frame f{i}", visibility="hidden")
        put(self.cards.still, "still")
        self.rules.append(f"#{self.me} .still{{visibility:hidden}}")
        self.put_bar(float(room.attrib["x"]), float(room.attrib["y"]) + BELOW)

    def put_bar(self, left: float, y: float) -> None:
        """Put the bar of progress: a dash as long as the part that was played, on its track."""
        length = float(self.root.attrib["viewBox"].split()[2]) - 2 * left
        line = {"d": f"M{left:.2f},{y:.2f}h{length:.2f}", "stroke-width": f"{BAR:g}"}
        ET.SubElement(self.root, _tag("path"), {**line, "class": "track"})
        dash = {"class": "played", "stroke-dasharray": f"{length:.2f}"}
        ET.SubElement(self.root, _tag("path"), {**line, **dash})
        count = self.clock.count
        to_come = [f"{length * (count - i) / count:.2f}px" for i in range(1, count + 1)]
        self.move(" .played", "played", "stroke-dashoffset", to_come)

    # the style

    def put_style(self, palettes: Sequence[Palette]) -> None:
        """Put a style after the drawing's own: its rules hold where pictures may move."""
        style = ET.Element(_tag("style"))
        first, *others = palettes
        pause = f"#{self.me}:hover *{{animation-play-state:paused}}"  # whoever points, reads
        style.text = self.colours(first) + "".join(
            f"@media (prefers-color-scheme:{other.scheme}){{{self.colours(other)}}}"
            for other in others
        )
        style.text += f"{PLAYS}{{{''.join(self.rules)}{pause}}}"
        place = [child.tag for child in self.root].index(_tag("style"))
        self.root.insert(place + 1, style)

    def colours(self, palette: Palette) -> str:
        return (
            f"#{self.me} .track{{stroke:{palette.muted};stroke-opacity:.25}}"
            f"#{self.me} .played{{stroke:{palette.muted}}}"
            f"#{self.me} .frame{{pointer-events:none}}"  # what is below has the tooltip
        )


def _tag(name: str) -> str:
    return f"{{{SVG}}}{name}"


def take(
    group: ET.Element,
    kind: str,
    written: list[list[Line]],
    frames: list[dict[Place, list[ET.Element]]],
) -> None:
    """Take the lines that differ out of a group, each into the frames that have it."""
    for row, text in zip(rows(written), group.findall(_tag("text")), strict=True):
        if is_steady(row):
            continue
        group.remove(text)
        place = Place(kind, text.attrib["font-size"])
        for frame, line in zip(frames, row, strict=True):
            if line is not None and line[1].strip():
                frame.setdefault(place, []).append(in_place_of(text, line))


def in_place_of(text: ET.Element, line: Line) -> ET.Element:
    """A line where another stands. The size of its letters is the group's."""
    role, words = line
    made = ET.Element(_tag("text"), {"class": role, "x": text.attrib["x"], "y": text.attrib["y"]})
    made.text = words
    fix_width(made, float(text.attrib["font-size"]))
    return made
