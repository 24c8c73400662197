"""PNG, laid out and written by Graphviz, on the palette's canvas: legible on any page."""

from __future__ import annotations

from ..drawing import Drawing
from ..formats import writer


@writer(".png")
def png(drawing: Drawing) -> bytes:
    """The picture as PNG."""
    return drawing.render("png")
