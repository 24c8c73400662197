"""PDF, laid out and written by Graphviz, on the palette's canvas: legible on any page."""

from __future__ import annotations

from ..drawing import Drawing
from ..formats import writer


@writer(".pdf")
def pdf(drawing: Drawing) -> bytes:
    """The picture as PDF."""
    return drawing.render("pdf")
