"""An animation: the traces of a training run as the frames of one picture that plays by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

from tinygrad_xent.files import replace_file
from tinygrad_xent.tracing import Trace

from .drawing import Drawing, showings
from .film import Film, FilmCards
from .labels import counted
from .motion import animated
from .options import DrawOptions
from .subjects import Subject


@final
class Animation:
    """The frames of a training run in one picture. In a notebook it plays.

    Attributes:
        traces: one for each frame.
        seconds: how long each frame is shown.
        drawing: what is laid out, once for all frames: it has room for the texts of each.

    It plays over and over by CSS, without a script, so also as an image in a page. It pauses after the
    last frame, and under the pointer. Where the viewer's system asks for less motion, and on paper,
    the last frame stands still.
    """

    def __init__(
        self, last: Subject, traces: Sequence[Trace], seconds: float, options: DrawOptions
    ) -> None:
        self.traces, self.seconds = tuple(traces), seconds
        self.drawing = Drawing(Film(last, traces, seconds, options), options)

    @property
    def svg(self) -> str:
        """The animation as SVG: background transparent, light and dark unless a theme was chosen."""
        return self._svg()

    def _svg(self, showing: int | None = None) -> str:
        """The SVG with ids of the animation's own, or of one showing's."""
        drawing = self.drawing
        # this may fold the graph, so it comes first
        svg = drawing.svg_in(drawing.palettes, showing)
        cards = drawing.cards
        assert isinstance(cards, FilmCards)
        return animated(svg, cards, drawing.direction, drawing.palettes)

    def save(self, path: str | Path) -> Path:
        """Write the animation to an .svg file, whole or not at all; an existing one is replaced.

        Raises:
            ValueError: the file's name has another ending: no other format plays.
            EngineMissingError: no layout engine is installed.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ValueError(
                f"save: {path.name!r} should end in .svg, the format in which an animation plays\n"
                f"  fix: draw one frame: viz.draw(traces[-1]).save({path.name!r})"
            )
        replace_file(path, self.svg.encode())
        return path

    def _repr_html_(self) -> str:
        """The animation for a page, with ids of its own; the reason where there is none."""
        return self.drawing.in_a_page(lambda: self._svg(next(showings)))

    def __repr__(self) -> str:
        graph = self.drawing.graph
        frames = counted(len(self.traces), "frame")
        nodes, edges = counted(len(graph.nodes), "node"), counted(len(graph.edges), "edge")
        return f"<Animation: {frames} of {nodes}, {edges}>"
