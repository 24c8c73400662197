"""How the kinds of node look: a shape, a border and a colour each, in light and in dark.

The hues are Okabe and Ito's, which stay apart for colour-blind eyes; each kind also has a shape or a
border of its own and says in words what it is, so that nothing rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ThemeName: TypeAlias = Literal["auto", "light", "dark"]

# CSS's name for each: the browser chooses its own colours, the page's ground above all, to go with it
SCHEME = {"auto": "light dark", "light": "light", "dark": "dark"}

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8B949E"

FONT = "DejaVu Sans Mono"  # metrics that common monospaced fonts share, so boxes fit everywhere
FONT_FAMILY = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


@dataclass(frozen=True)
class Look:
    """One kind of node: its hue, its DOT shape and style, and what the legend says of it."""

    hue: str
    shape: str
    style: str
    border: float
    legend: str


LOOKS = {
    "input": Look(SKY, "note", "filled", 1.2, "input: folded corner"),
    "parameter": Look(ORANGE, "box", "filled", 1.2, "parameter: double border"),
    "constant": Look(GREY, "box", "filled,dashed", 1.0, "constant: dashed border"),
    "operation": Look(BLUE, "box", "filled,rounded", 1.2, "operation: rounded box"),
    "group": Look(GREEN, "tab", "filled", 1.2, "folded scope: tab"),
    "repeat": Look(PURPLE, "box3d", "filled", 1.2, "repeated: 3-D box"),
    "part": Look(PURPLE, "folder", "filled", 1.2, "part of a long graph: folder"),
    "reference": Look(ORANGE, "ellipse", "filled,dashed", 1.0, "used here again: dashed ellipse"),
    # the last, so that in CSS its colours win over those of the kind of node that it is
    "output": Look(
        VERMILLION,
        "box",
        "filled,diagonals",
        2.4,
        "output: thick border, cut corners if one operation",
    ),
}


@dataclass(frozen=True)
class Palette:
    """The colours that do not depend on the kind, and how far a fill is from the canvas."""

    canvas: str
    text: str
    muted: str
    edge: str
    group: str
    gradient: str
    warning: str
    tint: float
    border: float

    def fill(self, hue: str) -> str:
        """A quiet surface of this hue."""
        return mix(hue, self.canvas, self.tint)

    def stroke(self, hue: str) -> str:
        """A border of this hue that stands out from the canvas."""
        return mix(hue, self.text, self.border)


def mix(a: str, b: str, share: float) -> str:
    """`share` of colour a, the rest of colour b.

    >>> mix("#ff0000", "#ffffff", 0.5)
    '#ff8080'
    """
    pairs = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in pairs)


LIGHT = Palette(
    "#ffffff",
    "#1b1f24",
    "#57606a",
    "#57606a",
    "#f6f8fa",
    "#a33e00",
    mix(VERMILLION, "#000000", 0.8),
    0.14,
    0.8,
)
DARK = Palette(
    "#0d1117",
    "#e6edf3",
    "#9da7b3",
    "#9da7b3",
    "#161b22",
    "#ffb27a",
    mix(VERMILLION, "#ffffff", 0.7),
    0.24,
    0.9,
)


def palette(theme: ThemeName) -> Palette:
    """The palette that is written into the DOT; "auto" starts from light."""
    return DARK if theme == "dark" else LIGHT
