"""PNG of the SVG, on the palette's canvas: legible on any page."""

from __future__ import annotations

from .. import typeset
from ..drawing import Drawing
from ..formats import writer


@writer(".png")
def png(drawing: Drawing) -> bytes:
    """The picture as PNG, in the colours of the theme's first palette."""
    return typeset.png(drawing.plain_svg, drawing.palettes[0].canvas)
