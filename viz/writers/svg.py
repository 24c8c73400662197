"""SVG that is safe to show, for screen readers too, in the viewer's light or dark."""

from __future__ import annotations

from ..drawing import Drawing
from ..formats import writer


@writer(".svg")
def svg(drawing: Drawing) -> str:
    """The picture as SVG."""
    return drawing.svg
