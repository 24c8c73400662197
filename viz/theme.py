"""The colours of a picture, and what each kind of node looks like.

A palette has every colour there is; a theme is a name for one palette, or for a light and a dark one
of which the viewer's preference chooses. The hues are Okabe and Ito's, which stay apart for
colour-blind eyes; each kind also has a shape or a border of its own and says in words what it is, so
that nothing rests on colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Literal, TypeAlias, final

FONT = "DejaVu Sans Mono"  # metrics that common monospaced fonts share, so boxes fit everywhere
FONT_FAMILY = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


@final
@dataclass(frozen=True)
class Look:
    """The form of one kind of node: its DOT shape and style, and what the legend says of it."""

    shape: str
    style: str
    border: float
    legend: str


LOOKS = {
    "input": Look("note", "filled", 1.2, "input, data, labels: folded corner"),
    "parameter": Look("box", "filled", 1.2, "parameter: double border"),
    "constant": Look("box", "filled,dashed", 1.0, "constant, mask: dashed border"),
    "operation": Look("box", "filled,rounded", 1.2, "operation: rounded box"),
    "layer": Look("box", "filled", 1.6, "layer with parameters: square box"),
    "group": Look("tab", "filled", 1.2, "folded scope: tab"),
    "repeat": Look("box3d", "filled", 1.2, "repeated: 3-D box"),
    "part": Look("folder", "filled", 1.2, "part of a long graph: folder"),
    "reference": Look("ellipse", "filled,dashed", 1.0, "used here again: dashed ellipse"),
    # the last, so that in CSS its colours win over those of the kind of node that it is
    "output": Look(
        "box", "filled,diagonals", 2.4, "output: thick border, cut corners if one operation"
    ),
}

SKY, ORANGE, GREY, BLUE = "#56B4E9", "#E69F00", "#8B949E", "#0072B2"
GREEN, PURPLE, VERMILLION = "#009E73", "#CC79A7", "#D55E00"

HUES = {  # the colour of each kind, before it is mixed with the canvas or the text
    "input": SKY,
    "parameter": ORANGE,
    "constant": GREY,
    "operation": BLUE,
    "layer": ORANGE,
    "group": GREEN,
    "repeat": PURPLE,
    "part": PURPLE,
    "reference": ORANGE,
    "output": VERMILLION,
}


@final
@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of a picture, each a text like "#1b1f24".

    `dataclasses.replace` makes one from another:

    >>> from dataclasses import replace
    >>> sepia = replace(LIGHT, canvas="#f4ecd8", hues={"parameter": "#8a5a00"})
    >>> sepia.scheme, sepia.hues["parameter"], sepia.hues["input"]
    ('light', '#8a5a00', '#56B4E9')

    Attributes:
        canvas: the ground that the picture is made for.
        text: names, formulas and values.
        muted: what is secondary: shapes, notes, the legend, the border of a scope.
        edge: the arrows.
        scope: the ground of an open scope.
        gradient: the numbers of gradients.
        warning: what lint found.
        fill_share: how much of its kind's hue the surface of a node has, from 0 to 1; the rest is
            the canvas.
        border_share: how much of it the node's border has; the rest is the text's colour.
        hues: the colours of kinds, by the kind's name in `LOOKS`; the others have that of `HUES`.

    Raises:
        ValueError: a colour is not of the form "#rrggbb", a share is not in [0, 1], or `hues` has
            something else than colours of kinds.
    """

    canvas: str
    text: str
    muted: str
    edge: str
    scope: str
    gradient: str
    warning: str
    fill_share: float
    border_share: float
    hues: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        known = isinstance(self.hues, Mapping) and self.hues.keys() <= HUES.keys()
        self._require(known, "hues", f"colours of the kinds {', '.join(HUES)}", self.hues)
        object.__setattr__(self, "hues", {**HUES, **self.hues})
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "hues"}
        for name, value in {
            **given,
            **{f"hues[{k!r}]": hue for k, hue in self.hues.items()},
        }.items():
            if name.endswith("_share"):
                is_share = isinstance(value, Real) and 0 <= float(value) <= 1
                self._require(is_share, name, "a number from 0 to 1", value)
            else:
                is_colour = isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value)
                self._require(bool(is_colour), name, 'a colour like "#1b1f24"', value)

    @staticmethod
    def _require(holds: bool, name: str, wanted: str, value: object) -> None:
        if not holds:
            raise ValueError(f"viz.Palette: {name} should be {wanted}, got {value!r}")

    @property
    def scheme(self) -> Literal["light", "dark"]:
        """CSS's word for it: "dark" where the text is lighter than the canvas."""
        return "dark" if brightness(self.text) > brightness(self.canvas) else "light"

    def fill(self, kind: str) -> str:
        """The quiet surface of a kind of node."""
        return mix(self.hues[kind], self.canvas, self.fill_share)

    def border(self, kind: str) -> str:
        """The border of a kind of node, which stands out from the canvas."""
        return mix(self.hues[kind], self.text, self.border_share)


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, each from 0 to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def brightness(colour: str) -> float:
    """How light a colour looks, from 0 to 255.

    >>> brightness("#00ff00") > brightness("#ff0000") > brightness("#0000ff")
    True
    """
    red, green, blue = channels(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mix(a: str, b: str, share: float) -> str:
    """`share` of the colour `a`, the rest of the colour `b`.

    >>> mix("#ff0000", "#ffffff", 0.5)
    '#ff8080'
    """
    pairs = zip(channels(a), channels(b), strict=True)
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in pairs)


LIGHT = Palette(
    canvas="#ffffff",
    text="#1b1f24",
    muted="#57606a",
    edge="#57606a",
    scope="#f6f8fa",
    gradient="#a33e00",
    warning=mix(VERMILLION, "#000000", 0.8),
    fill_share=0.14,
    border_share=0.8,
)
DARK = Palette(
    canvas="#0d1117",
    text="#e6edf3",
    muted="#9da7b3",
    edge="#9da7b3",
    scope="#161b22",
    gradient="#ffb27a",
    warning=mix(VERMILLION, "#ffffff", 0.7),
    fill_share=0.24,
    border_share=0.9,
)

Theme: TypeAlias = str | Palette

THEMES: dict[str, tuple[Palette, ...]] = {
    "auto": (LIGHT, DARK),
    "light": (LIGHT,),
    "dark": (DARK,),
}
"""The palettes of each theme by its name: one, or a light and a dark one for the viewer to choose."""


def add_theme(name: str, palette: Palette, dark: Palette | None = None) -> None:
    """Give a palette a name, which `theme=` and the command line then take.

    Args:
        name: what the theme is called.
        palette: its colours.
        dark: a second palette for viewers who prefer dark; the first is then for all others.

    Raises:
        TypeError: the name is not a text, or what should be a palette is none.
        ValueError: the name stands for other colours already, or of two palettes the first is not a
            light one and the second not a dark one.

    >>> from dataclasses import replace
    >>> add_theme("sepia", replace(LIGHT, canvas="#f4ecd8"))
    >>> list(THEMES)
    ['auto', 'light', 'dark', 'sepia']
    >>> del THEMES["sepia"]
    """
    if not isinstance(name, str):
        raise TypeError(f"viz.add_theme: a theme's name is a text, got {name!r}")
    palettes = (palette,) if dark is None else (palette, dark)
    for given in palettes:
        if not isinstance(given, Palette):
            raise TypeError(f"viz.add_theme: {name!r} should be a viz.Palette, got {given!r:.80}")
    if dark is not None and (palette.scheme, dark.scheme) != ("light", "dark"):
        raise ValueError(
            f"viz.add_theme: of the two palettes of {name!r} the first should be light and the "
            f"second dark; they are {palette.scheme} and {dark.scheme}"
        )
    if THEMES.setdefault(name, palettes) != palettes:
        raise ValueError(
            f"viz.add_theme: {name!r} stands for other colours already\n"
            f"  fix: another name, or first del viz.THEMES[{name!r}]"
        )


def palettes_of(theme: Theme) -> tuple[Palette, ...]:
    """The palettes of a theme; the first is drawn, a second is for viewers who prefer dark.

    Raises:
        ValueError: there is no theme of that name.

    >>> [palette.scheme for palette in palettes_of("auto")]
    ['light', 'dark']
    """
    if isinstance(theme, Palette):
        return (theme,)
    if isinstance(theme, str) and theme in THEMES:
        return THEMES[theme]
    names = ", ".join(map(repr, THEMES))
    raise ValueError(f"viz: theme should be one of {names}, or a viz.Palette, got {theme!r}")


def schemes(palettes: Sequence[Palette]) -> str:
    """What CSS's `color-scheme` is for them: the browser's own colours, its ground above all, follow.

    >>> schemes(palettes_of("auto"))
    'light dark'
    """
    return " ".join(palette.scheme for palette in palettes)
