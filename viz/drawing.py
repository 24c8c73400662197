"""A drawing: a trace and how to show it; laid out when it is first looked at."""

from __future__ import annotations

import contextlib
import hashlib
import html
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, final

from tinygrad_xent.engine import lines
from tinygrad_xent.files import replace_file

from . import layout
from .cards import Cards
from .choosing import Chooser
from .dot import Dot, to_dot
from .formats import file_of
from .graph import Graph
from .labels import clean
from .options import DrawOptions, shown
from .pages import LONGEST, PAGES, Frame
from .subjects import Subject
from .svg import finish
from .theme import Palette, palettes_of, schemes

showings = itertools.count()  # outputs so far: two showings of one drawing share no id either


class Manner(NamedTuple):
    """How a graph is laid out: which way it goes, and whether a legend explains it."""

    direction: str
    legend: bool


def manners(options: DrawOptions) -> list[Manner]:
    """The ways to lay a graph out, the best first: without a page there is one. On a page, what does not
    fit is tried the other way, then without its legend, before it is drawn coarser.
    """
    page, direction = options["page"], options["direction"]
    if page is None:
        return [Manner(direction or "TB", options["legend"])]
    directions = [direction] if direction else PAGES[page].directions
    legends = (True, False) if options["legend"] else (False,)
    return [Manner(way, legend) for legend in legends for way in directions]


class DrawingWarning(UserWarning):
    """A picture shows less detail than was asked for; it says so itself too."""


@final
class Drawing:
    """A picture of a computation graph. In a notebook it shows itself.

    Attributes:
        trace: the computation; None where a model was drawn that has computed nothing.
        graph: the nodes and edges of the picture, as plain data.
        palettes: its colours; where there are two, the viewer's preference chooses.
        options: all options of `draw`, as they are in force.

    The layout runs when the picture is first needed, in a child process, in what the boxes and their
    texts have left of the time limit. Where it takes too long, or is too large for the page, scopes fold
    and repeats collapse until it is not; the picture says so, and a DrawingWarning is given.
    """

    def __init__(self, subject: Subject, options: DrawOptions) -> None:
        self.trace, self.options = subject.trace, options
        self.palettes = palettes_of(options["theme"])
        self._manners = manners(options)
        self._manner = self._manners[0]
        start = time.perf_counter()
        self._subject, self._chooser = subject, Chooser(subject)
        self._raw: bytes | None = None
        self._was_slow = False
        self._cards: Cards | None = None
        self.graph, why = self._chooser.finest(options["max_nodes"])
        if why:
            self.graph = self._noted(self.graph, why)
            self._warn()
        self._took = time.perf_counter() - start
        self._frame().scale(1, 1)  # which says if there is no room on the page

    def _noted(self, graph: Graph, why: str) -> Graph:
        """The graph with a note that it is coarser than asked for, and why."""
        count = len(graph.nodes)
        stand = f"These {count:,} nodes stand" if count > 1 else "This node stands"
        stand += f" for all {self._subject.size:,}"
        hidden = self._subject.hidden(graph)
        notes = [
            f"Folded: {why}. {stand}.",
            *([f"Not drawn one by one: {hidden}."] if hidden else []),
        ]
        return replace(graph, notes=tuple(notes))

    def _warn(self, fix: str = "") -> None:
        """Say that the picture is coarser than asked for, and what would help."""
        lines.warn(" ".join(self.graph.notes) + fix, DrawingWarning)

    # what it is made of

    @property
    def direction(self) -> str:
        """Which way the forward pass goes; "backward" where the gradient's is drawn."""
        return self._manner.direction

    @property
    def cards(self) -> Cards:
        """The texts of the present graph, written once."""
        if self._cards is None or self._cards.graph is not self.graph:
            self._cards = self._subject.cards(self.graph)
        return self._cards

    @property
    def dot(self) -> str:
        """The DOT text; needs no layout engine."""
        return self._dot().text

    def _dot(self) -> Dot:
        return to_dot(self.graph, self.cards, self.palettes[0], *self._manner)

    @property
    def svg(self) -> str:
        """The picture as SVG: background transparent, light and dark unless a theme was chosen."""
        return self.svg_in(self.palettes)

    @property
    def plain_svg(self) -> str:
        """The picture as SVG in the colours of the first palette, whatever a viewer prefers."""
        return self.svg_in(self.palettes[:1])

    def svg_in(self, palettes: Sequence[Palette], showing: int | None = None) -> str:
        """The SVG in these colours, with ids of the drawing's own, or of one showing's."""
        raw = self._laid_out()  # which may fold the graph, so it comes first
        dot = self._dot()
        told = dot.text + self.cards.identity
        prefix = "tx-" + hashlib.sha256(told.encode()).hexdigest()[:12]
        if showing is not None:
            prefix += f"-{showing}"
        return finish(
            raw, dot, palettes, prefix, self._about(), self._frame(), self.options["font"]
        )

    def _about(self) -> tuple[str, str]:
        """What the picture is, for those who do not see it."""
        title, description = self.cards.about()
        told = self.options["alt"] or " ".join([description, *self.graph.notes])
        return clean(self.options["title"] or title, LONGEST), clean(told, len(told))

    def _frame(self) -> Frame:
        """What stands around the graph."""
        title, caption, page = (self.options[part] for part in ("title", "caption", "page"))
        return Frame(title, tuple(self.cards.heading()), caption, PAGES[page] if page else None)

    def _laid_out(self) -> bytes:
        """Graphviz's SVG, of a coarser view where the time is not enough or the page."""
        if self._raw is None:
            asked = self.graph
            try:
                self._raw = self._legible()
            finally:
                if self.graph is not asked:
                    self._warn(self._fix(asked) if self._was_slow else "")
        return self._raw

    def _legible(self) -> bytes:
        """Graphviz's SVG of the first view that is ready in time and legible on the page.

        The first layout gets what is left of the time limit, a third of it at least, as each of coarser
        views does; so there is an end to it.
        """
        whole, took = self.options["time_limit"], self._took
        while True:
            for manner in self._manners:
                self._manner, start = manner, time.perf_counter()
                frame, dot, count = self._frame(), self._dot(), len(self.graph.nodes)
                took += time.perf_counter() - start
                limit = max(whole - took, whole / 3)
                try:
                    raw = layout.render(dot.text, "svg", limit)
                except layout.LayoutTimeoutError:
                    self._was_slow = True
                    self._coarsen(count // 4, f"the layout took over {float(f'{limit:.2g}'):g} s")
                    took = whole
                    break
                page = frame.page
                if count == 1 or frame.is_legible(raw, self.cards.letters):
                    return raw
            else:
                assert page is not None
                least = f"on {page.name} letters would be under {page.least:g} pt"
                self._coarsen(count - 1, least)

    def _coarsen(self, most: int, why: str) -> None:
        """Take the first view with at most so many nodes; or give up."""
        if len(self.graph.nodes) == 1:
            raise layout.LayoutTimeoutError(
                f"the picture took longer than {self.options['time_limit']:g} s, even as a single node\n"
                "  fix: a larger time_limit; drawing.dot has the graph"
            )
        self.graph = self._noted(self._chooser.first(max(1, most)), why)

    def _fix(self, asked: Graph) -> str:
        """What helps where the layout of what was asked for took too long."""
        numbers = [f'"{what}"' for what in ("value", "grad") if what in shown(self.options["show"])]
        fewer = f", or show= without {' and '.join(numbers)}," if numbers else ""
        less = f"max_nodes={len(self.graph.nodes)}{' or fold=0' if asked.scopes else ''}"
        return f"\n  fix: a larger time_limit{fewer} may keep the detail; {less} draws less at once"

    # where it goes

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file in the format of its ending, of those in `viz.WRITERS`.

        The file is written whole or not at all, as by `tx.save`; an existing one is replaced and keeps
        its permissions.

        Raises:
            ValueError: no format has this ending; the error lists those that have one. Or there is
                something else than a regular file at this path: a directory, a named pipe.
            EngineMissingError: no layout engine is installed (.dot and .mmd need none).
        """
        path = Path(path)
        replace_file(path, file_of(self, path))
        return path

    def _repr_html_(self) -> str:
        """The picture for a page, with ids of its own; the DOT and the reason where there is none."""
        return self.in_a_page(lambda: self.svg_in(self.palettes, next(showings)))

    def in_a_page(self, picture: Callable[[], str]) -> str:
        """A picture made from this drawing, for a page; the DOT and the reason where there is none."""
        try:
            svg = picture()
        except Exception as error:
            reason, dot = html.escape(str(error)), html.escape(self._dot_or_reason())
            return f"<pre>{reason}</pre><details><summary>DOT</summary><pre>{dot}</pre></details>"
        # a page may be light where the system is dark: the drawing brings the ground it is made for
        canvas = self.palettes[0].canvas if len(self.palettes) == 1 else "Canvas"
        ground = f"color-scheme:{schemes(self.palettes)};background:{canvas}"
        return f'<div style="max-width:100%;overflow:auto;{ground}">{svg}</div>'

    def _dot_or_reason(self) -> str:
        try:
            return self.dot
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """All that a notebook may choose from."""
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        with contextlib.suppress(Exception):  # the HTML says why
            bundle["image/svg+xml"] = self.svg_in(self.palettes, next(showings))
        kept = {k: v for k, v in bundle.items() if not include or k in include}
        return {k: v for k, v in kept.items() if not exclude or k not in exclude}

    def __repr__(self) -> str:
        return f"<Drawing: {len(self.graph.nodes)} nodes, {len(self.graph.edges)} edges>"
