"""PDF of the SVG, on the palette's canvas: legible on any page."""

from __future__ import annotations

from .. import typeset
from ..drawing import Drawing
from ..formats import writer


@writer(".pdf")
def pdf(drawing: Drawing) -> bytes:
    """The picture as PDF, in the colours of the theme's first palette."""
    return typeset.pdf(drawing.plain_svg, drawing.palettes[0].canvas)
