"""SVG -> PDF and PNG, by Typst: its wheel draws SVG, embeds the fonts and needs nothing else.

The SVG is the truth; what is made here is the same picture in the colours of one palette, on its
canvas. DejaVu Sans Mono, in which pictures are measured, is inside the wheel; characters that it lacks
(Chinese, emoji) come from the system's fonts.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Literal

import typst

from .pages import SVG, size_of

DENSITY = 144.0  # pixels per inch: sharp on any screen
MOST_PIXELS = 2e7  # a large picture gets fewer per inch, so that it does not take minutes
PAGE = """
#set document(title: sys.inputs.title, date: none)
#set page(width: {width}pt, height: {height}pt, margin: 0pt, fill: rgb("{canvas}"))
#image("picture.svg", width: 100%, alt: sys.inputs.desc)
"""


def pdf(svg: str, canvas: str) -> bytes:
    """The picture as a PDF of one page, the canvas a colour like "#ffffff".

    >>> pdf('<svg xmlns="http://www.w3.org/2000/svg" width="30pt" height="20pt"/>', "#ffffff")[:5]
    b'%PDF-'
    """
    return _compiled(svg, canvas, "pdf")


def png(svg: str, canvas: str) -> bytes:
    """The picture as a PNG of `DENSITY`, or of `MOST_PIXELS`.

    >>> png('<svg xmlns="http://www.w3.org/2000/svg" width="30pt" height="20pt"/>', "#ffffff")[1:4]
    b'PNG'
    """
    return _compiled(svg, canvas, "png")


def _compiled(svg: str, canvas: str, format: Literal["pdf", "png"]) -> bytes:
    root = ET.fromstring(svg)
    width, height = size_of(root)
    ppi = min(DENSITY, 72 * (MOST_PIXELS / (width * height)) ** 0.5)
    about = {tag: root.findtext(f"{{{SVG}}}{tag}", "") for tag in ("title", "desc")}
    page = PAGE.format(width=width, height=height, canvas=canvas)
    files = {"main.typ": page.encode(), "picture.svg": svg.encode()}
    made: bytes = typst.compile(  # type: ignore[call-overload]  # its stubs know no files by name
        files, format=format, ppi=ppi, sys_inputs=about
    )
    return made
