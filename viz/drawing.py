"""A drawing: a trace and how to show it; laid out when it is first looked at."""

from __future__ import annotations

import contextlib
import hashlib
import html
import itertools
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, final

from tinygrad_xent.engine import lines
from tinygrad_xent.files import replace_file
from tinygrad_xent.tracing import Trace

from . import labels, layout
from .blocks import Structure
from .cards import Cards, Options
from .changes import Changes
from .dot import Dot, looks_of, raster_dpi, to_dot
from .formats import file_of
from .graph import Graph, build, build_within
from .svg import finish
from .theme import Theme, palettes_of, schemes
from .values import Values
from .views import View, cut, views

_shown = itertools.count()  # outputs so far: two showings of one drawing share no id either


class DrawingWarning(UserWarning):
    """A picture shows less detail than was asked for; it says so itself too."""


@final
class Drawing:
    """A picture of a computation graph. In a notebook it shows itself.

    Attributes:
        trace: the computation.
        graph: the nodes and edges of the picture, as plain data.
        palettes: its colours; where there are two, the viewer's preference chooses.
        direction: as it was asked for.
        options: what stands in it.

    The layout runs when the picture is first needed, in a child process, in what the boxes and their
    texts have left of the time limit. Where it takes too long, scopes fold and repeats collapse until it
    does not; the picture says so, and a DrawingWarning is given.
    """

    def __init__(
        self,
        trace: Trace,
        options: Options,
        *,
        fold: int | None = None,
        parameters: str = "inside",
        direction: str = "TB",
        theme: Theme = "auto",
        max_nodes: int = 200,
        time_limit: float = 10.0,
        before: Trace | None = None,
    ) -> None:
        start = time.perf_counter()
        self.trace, self.options = trace, options
        self._numbers = Values(options) if before is None else Changes(before, options)
        self.direction, self.time_limit = direction, time_limit
        self.palettes = palettes_of(theme)
        self._structure, self._asked = Structure(trace), fold
        self._views = list(views(trace, fold, max_nodes, parameters == "inside"))
        self._rendered: dict[str, bytes] = {}
        self._cards: Cards | None = None
        self.graph = self._finest(max_nodes)
        self._took = time.perf_counter() - start

    def _finest(self, max_nodes: int) -> Graph:
        """The finest view within the budget."""
        full = len(self.trace)
        if self._views[0].fold is not None or full <= max_nodes:
            graph = build(self.trace, self._views[0], self._structure)
            full = len(graph.nodes)
            if full <= max_nodes:
                return graph
        # else each entry has a node of its own: no need to build that
        why = f"{full:,} nodes are over max_nodes={max_nodes}"
        return self._note(self._first(max_nodes), why)

    def _first(self, most: int) -> Graph:
        """The finest graph of at most so many nodes, among the views that are left: with bundles only if
        it must have them. The finer views are given up.

        The search goes in steps that double, then halves the last one: a coarser view has no more nodes.
        A scope that would be one box and hide most of the computation is cut into parts instead.
        """

        def built(view: View) -> Graph | None:
            apart, bundled = (replace(view, bundle=b) for b in (False, True))
            return within(apart) or within(bundled)

        within = partial(build_within, self.trace, self._structure, most)
        low = high = 0
        while (graph := built(self._views[high])) is None:
            low, high = high + 1, min(2 * high + 1, len(self._views) - 1)
        while low < high:
            middle = (low + high) // 2
            if tried := built(self._views[middle]):
                high, graph = middle, tried
            else:
                low = middle + 1
        del self._views[:high]
        most_hidden = max(most, self._structure.root.size // 2)
        if graph.largest > most_hidden:
            finer = (built(view) for view in cut(self._views[0], self._asked))
            return next((g for g in finer if g and g.largest <= most_hidden), graph)
        return graph

    def _note(self, graph: Graph, why: str, fix: str = "") -> Graph:
        """The graph with a note that it is coarser than asked for, and why; a warning too, with a fix."""
        count = len(graph.nodes)
        stand = f"These {count:,} nodes stand" if count > 1 else "This node stands"
        stand += f" for all {len(self.trace):,}"
        notes = f"Folded: {why}. {stand}.", f"Not drawn one by one: {graph.hidden}."
        lines.warn(" ".join(notes) + fix, DrawingWarning)
        return replace(graph, notes=notes)

    # what it is made of

    @property
    def cards(self) -> Cards:
        """The texts of the present graph, written once."""
        if self._cards is None or self._cards.graph is not self.graph:
            self._cards = Cards(self.trace, self.graph, self.options, self._numbers)
        return self._cards

    @property
    def dot(self) -> str:
        """The DOT text; needs no layout engine."""
        return self._dot().text

    def _dot(self, background: str = "transparent", dpi: str | None = None) -> Dot:
        palette = self.palettes[0]
        return to_dot(self.graph, self.cards, palette, self.direction, background, dpi)

    @property
    def svg(self) -> str:
        """The picture as SVG: background transparent, light and dark unless a theme was chosen."""
        return self._svg()

    def _svg(self, showing: int | None = None) -> str:
        """The SVG with ids of the drawing's own, or of one showing's."""
        raw = self.render("svg")  # which may fold the graph, so it comes first
        dot = self._dot()
        prefix = "tx-" + hashlib.sha256(dot.text.encode()).hexdigest()[:12]
        if showing is not None:
            prefix += f"-{showing}"
        return finish(raw, dot, self.palettes, prefix, *self._title_and_description())

    def render(self, format: str) -> bytes:
        """What Graphviz makes of it in a format, of a coarser view where the time is not enough.

        The first layout gets what is left of the time limit, a third of it at least, as each of coarser
        views does; so there is an end to it.
        """
        least, took = self.time_limit / 3, self._took
        while format not in self._rendered:
            start = time.perf_counter()
            background = "transparent" if format == "svg" else self.palettes[0].canvas
            dot = self._dot(background, raster_dpi(self.graph) if format == "png" else None)
            took += time.perf_counter() - start
            limit = max(self.time_limit - took, least)
            try:
                self._rendered[format] = layout.render(dot.text, format, limit)
            except layout.LayoutTimeoutError:
                self._coarsen(limit)
                took = self.time_limit
        return self._rendered[format]

    def _coarsen(self, limit: float) -> None:
        """Take the first view with a quarter of the nodes, after a layout that took longer; or give up."""
        count = len(self.graph.nodes)
        if count == 1:
            raise layout.LayoutTimeoutError(
                f"the picture took longer than {self.time_limit:g} s, even as a single node\n"
                "  fix: a larger time_limit; drawing.dot has the graph"
            )
        coarser = self._first(max(1, count // 4))
        long = " and ".join(f'"{what}"' for what in ("value", "grad") if what in self.options.show)
        fix = "\n  fix: a larger time_limit" + (f", or show= without {long}," if long else "")
        less = f"max_nodes={len(coarser.nodes)}{' or fold=0' if self.graph.scopes else ''}"
        fix += f" may keep the detail; {less} draws less at once"
        self.graph = self._note(coarser, f"the layout took over {float(f'{limit:.2g}'):g} s", fix)
        self._rendered.clear()

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
        try:
            svg = self._svg(next(_shown))
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
            bundle["image/svg+xml"] = self._svg(next(_shown))
        kept = {k: v for k, v in bundle.items() if not include or k in include}
        return {k: v for k, v in kept.items() if not exclude or k not in exclude}

    def __repr__(self) -> str:
        return f"<Drawing: {len(self.graph.nodes)} nodes, {len(self.graph.edges)} edges>"

    # what it says

    def _title_and_description(self) -> tuple[str, str]:
        """What the picture is, for those who do not see it."""
        cards = self.cards
        output = self.trace[self.trace.output]
        name = cards.name(output) or output.op
        counts = Counter(looks_of(n)[0] for n in self.graph.nodes)
        parts = ", ".join(f"{n} {k}{'s' if n > 1 else ''}" for k, n in counts.items())
        text = f"{len(self.graph.nodes)} nodes ({parts}) and {len(self.graph.edges)} edges."
        named = [cards.name(e) for e in self.trace if e.kind == "parameter" and cards.name(e)]
        if named:
            text += f" Parameters: {labels.clean(', '.join(named), 200)}."
        if output.value.ndim == 0:
            text += f" The output is {labels.number(output.value, self.options.precision)}."
        return f"Computation graph of {name}", " ".join([text, *self.graph.notes])
