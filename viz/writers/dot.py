"""DOT, the text that Graphviz lays out; writing it needs no layout engine."""

from __future__ import annotations

from ..drawing import Drawing
from ..formats import writer


@writer(".dot")
def dot(drawing: Drawing) -> str:
    """The graph as DOT."""
    return drawing.dot
