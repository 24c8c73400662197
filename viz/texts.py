"""How wide a line of text in an SVG is, and what it covers."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from . import labels
from .grid import Box, around, boxes
from .pages import ADVANCE, width

ABOVE, BELOW = 0.8, 0.25  # how far its characters reach from their baseline, in em


def size(text: ET.Element) -> float:
    """The size of a text's characters."""
    return float(text.get("font-size", "10"))


def ink(texts: Sequence[ET.Element]) -> Box:
    """The box around lines of text, without the spaces around them."""
    lines = boxes([_ink(text) for text in texts])
    left, top, right, bottom = around(lines.reshape(-1, 2)).tolist()
    return left, top, right, bottom


def _ink(text: ET.Element) -> Box:
    words, em = text.text or "", size(text)
    x, y = float(text.get("x", "0")), float(text.get("y", "0"))
    blank = width(words) - width(words.lstrip())
    return x + blank * em, y - ABOVE * em, x + width(words.rstrip()) * em, y + BELOW * em


def fix_width(text: ET.Element, em: float) -> None:
    """Say how wide a line is, so that it fills its place in the viewer's font too."""
    words = text.text or ""
    plain = all(
        (ord(c) < 0x2300 and not unicodedata.combining(c)) or c in labels.BRACKETS for c in words
    )
    if plain and len(words) > 1:
        text.set("textLength", f"{len(words) * ADVANCE * em:.2f}")
        text.set("lengthAdjust", "spacingAndGlyphs")


def shift(texts: list[ET.Element], x: float, y: float) -> None:
    """Move lines of text to the right and down."""
    for text in texts:
        text.set("x", f"{float(text.get('x', '0')) + x:.2f}")
        text.set("y", f"{float(text.get('y', '0')) + y:.2f}")
