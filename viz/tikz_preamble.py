r"""What comes before a picture in TikZ: its font, its colours by name, a style for each kind of part.

All of it may be copied into a paper's preamble: it changes no font of the paper's, and is harmless there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import tex
from .pages import ADVANCE
from .theme import FONT, LOOKS, Palette

SIZE = 10.0  # of most texts
TIP = 7.0  # the length of an edge's tip
# Latin Modern's typewriter face has narrower characters than the font that the layout is made for
WIDENED = f"{ADVANCE / 0.525:.4f}"
INKS = {  # the palette's colour of each role of text; the others have that of the text
    "kind": "muted",
    "shape": "muted",
    "note": "muted",
    "grad": "gradient",
    "lint": "warning",
    "subtitle": "muted",
}
BOLD = {"head", "lint", "title"}

PACKAGES = rf"""
\usepackage{{tikz, iftex}}
\usetikzlibrary{{arrows.meta}}
\ifPDFTeX
  \DeclareFontFamily{{T1}}{{glyphs}}{{\hyphenchar\font=-1}}
  \DeclareFontShape{{T1}}{{glyphs}}{{m}}{{n}}{{<-> s * [{WIDENED}] ec-lmtt10}}{{}}
  \DeclareFontShape{{T1}}{{glyphs}}{{b}}{{n}}{{<-> s * [{WIDENED}] ec-lmtk10}}{{}}
  \DeclareFontShape{{T1}}{{glyphs}}{{bx}}{{n}}{{<-> ssub * glyphs/b/n}}{{}}
  \DeclareFontFamily{{TS1}}{{glyphs}}{{\hyphenchar\font=-1}}
  \DeclareFontShape{{TS1}}{{glyphs}}{{m}}{{n}}{{<-> s * [{WIDENED}] ts1-lmtt10}}{{}}
  \DeclareFontShape{{TS1}}{{glyphs}}{{b}}{{n}}{{<-> s * [{WIDENED}] ts1-lmtk10}}{{}}
  \DeclareFontShape{{TS1}}{{glyphs}}{{bx}}{{n}}{{<-> ssub * glyphs/b/n}}{{}}
  \providecommand\glyphfamily{{\fontencoding{{T1}}\fontfamily{{glyphs}}\selectfont}}
\else
  \usepackage{{fontspec}}
  \IfFontExistsTF{{{FONT}}}
    {{\providefontfamily\glyphfamily{{{FONT}}}}}
    {{\providefontfamily\glyphfamily{{lmmono10-regular.otf}}%
      [Scale={WIDENED}, BoldFont=lmmonolt10-bold.otf]}}
\fi
\providecommand\glyphs[1]{{\frenchspacing\glyphfamily\fontsize{{#1bp}}{{#1bp}}\selectfont}}
""".strip()
# the styles that stand for themselves; those of kinds, roles and lines are made from the palette
STYLES = rf"""
  picture text/.style={{anchor=base west, inner sep=0, text=textink, node font=\glyphs{{{SIZE:g}}}}},
  size/.style={{node font=\glyphs{{#1}}}},
  on edge/.style={{inner ysep=1bp, fill=canvas}},
  on scope/.style={{on edge, text=mutedink, fill=scopefill}},
  broken/.style={{dash pattern=on 5bp off 2bp}},
  edge line/.style={{draw=edgeink, line width=1bp}},
  edge tip/.style={{-{{Triangle[length=#1bp 2, width=0.7*#1bp 1.4]}}}}, edge tip/.default={TIP:g},
  scope line/.style={{draw=mutedink, line width=1bp}},
  scope box/.style={{scope line, fill=scopefill}},
""".strip("\n")


def preamble(
    palette: Palette, kinds: Iterable[str], roles: Iterable[str], texts: Iterable[str]
) -> list[str]:
    """The lines of the preamble for these kinds of node, roles of text, and texts."""
    return [
        PACKAGES,
        tex.MACROS,
        *tex.definitions(texts),
        *colours(palette, kinds),
        r"\tikzset{",
        STYLES,
        *styles(kinds, roles),
        "}",
    ]


def colours(palette: Palette, kinds: Iterable[str]) -> Iterator[str]:
    """The colours that the picture uses, by name."""
    named = {"canvas": palette.canvas, "scopefill": palette.scope}
    for ink in ("text", "edge", *dict.fromkeys(INKS.values())):
        named[f"{ink}ink"] = getattr(palette, ink)
    for kind in known(kinds):
        named |= {f"{kind}fill": palette.fill(kind), f"{kind}border": palette.border(kind)}
    for name, colour in named.items():
        yield rf"\definecolor{{{name}}}{{HTML}}{{{colour[1:].upper()}}}"


def styles(kinds: Iterable[str], roles: Iterable[str]) -> Iterator[str]:
    """The styles of the kinds of node and of the roles of text that occur."""
    for kind in known(kinds):
        width = number(LOOKS[kind].border)
        yield f"  {kind} line/.style={{draw={kind}border, line width={width}bp}},"
        yield f"  {kind} box/.style={{{kind} line, fill={kind}fill}},"
    for role in sorted(roles):
        ink = f", text={INKS[role]}ink" if role in INKS else ""
        bold = r", font=\bfseries" if role in BOLD else ""
        yield f"  {role} text/.style={{picture text{ink}{bold}}},"


def known(kinds: Iterable[str]) -> list[str]:
    """The kinds of node among these classes, in the order of their looks."""
    found = set(kinds)
    return [kind for kind in LOOKS if kind in found]


def number(x: float) -> str:
    """With at most two decimals.

    >>> number(1.5), number(-0.001), number(100.0)
    ('1.5', '0', '100')
    """
    return f"{round(x, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
