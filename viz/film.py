"""Traces of one graph as the frames of one picture, in which each box has room for the texts of all."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeAlias, final

from tinygrad_xent.tracing import Scope, Trace

from . import labels
from .cards import Cards, Line
from .dot import edge_width, largest
from .graph import Edge, Graph, Node
from .options import DrawOptions, names_by_entry
from .subjects import Subject
from .views import View

Row: TypeAlias = tuple[Line | None, ...]
"""A line of a card as it is in each frame; None where the card has fewer."""


def rows(frames: Iterable[list[Line]]) -> list[Row]:
    """The lines of a card, one below the other, each as it is in each frame.

    >>> rows([[("head", "x")], [("head", "x"), ("value", "1")]])
    [(('head', 'x'), ('head', 'x')), (None, ('value', '1'))]
    """
    return list(zip_longest(*frames))


def is_steady(row: Row) -> bool:
    """Whether a line is the same in all frames."""
    return len(set(row)) == 1


def roomiest(frames: Iterable[list[Line]]) -> list[Line]:
    """A card as high and wide as in all frames together: of each line the longest.

    >>> roomiest([[("value", "1")], [("value", "10.5"), ("note", "late")], [("value", "2")]])
    [('value', '10.5'), ('note', 'late')]
    """
    return [
        max((line for line in row if line), key=lambda line: labels.advance(line[1]))
        for row in rows(frames)
    ]


@final
class Film(Subject):
    """Each frame's numbers on the views of the last.

    Args:
        last: the last frame; its names are those of all.
        traces: of all frames.
        seconds: how long each frame is shown.
    """

    trace: Trace

    def __init__(
        self, last: Subject, traces: Sequence[Trace], seconds: float, options: DrawOptions
    ) -> None:
        self.last, self.seconds = last, seconds
        self.frames = [with_numbers_of(trace, last) for trace in traces]
        self.trace, self.views = traces[-1], last.views
        self.size, self.least, self.bundles = last.size, last.least, last.bundles
        name = name_of_output(self.trace, options)
        self.outputs = [f"{name}{told(trace, options['precision'])}" for trace in traces]

    def within(self, view: View, most: float) -> Graph | None:
        return self.last.within(view, most)

    def hides_most(self, graph: Graph, most: int) -> bool:
        return self.last.hides_most(graph, most)

    def cut(self, view: View) -> Iterator[View]:
        return self.last.cut(view)

    def hidden(self, graph: Graph) -> str:
        return self.last.hidden(graph)

    def cards(self, graph: Graph) -> FilmCards:
        return FilmCards(
            graph, [frame.cards(graph) for frame in self.frames], self.outputs, self.seconds
        )


def with_numbers_of(trace: Trace, subject: Subject) -> Subject:
    """A subject as it is in another trace of its graph."""
    made = copy.copy(subject)
    made.trace = trace
    return made


def name_of_output(trace: Trace, options: DrawOptions) -> str:
    """What the output is called: by the caller, by its name, or by its operation."""
    names = names_by_entry(trace, options)
    output = trace[trace.output]
    return labels.clean(names.get(output.id) or output.name or output.op)


def told(trace: Trace, digits: labels.Digits) -> str:
    """The output in a few letters: its value, the norm of an array."""
    value = trace[trace.output].value
    if value.ndim:
        return f": norm {labels.number(labels.norm(value), digits)}"
    return f" = {labels.number(value, digits)}"


@final
class FilmCards(Cards):
    """Cards with room for the texts of all frames; marks, names and headings are those of the last.

    Attributes:
        frames: the cards of each frame.
        seconds: how long each frame is shown.
        steps: the line that says which frame it is, of each.
        still: this line of the last frame where nothing moves.
    """

    def __init__(
        self, graph: Graph, frames: Sequence[Cards], outputs: Sequence[str], seconds: float
    ) -> None:
        self.seconds = seconds
        self.graph, self.frames, self.last = graph, frames, frames[-1]
        self.letters, self.gap, self.evident = self.last.letters, self.last.gap, self.last.evident
        count = len(frames)
        self.steps = [f"step {i:,} of {count:,}: {text}" for i, text in enumerate(outputs, 1)]
        self.still = f"step {count:,} of {count:,}, the last, stands still: {outputs[-1]}"
        every = self.seconds, self.steps, self.nodes(), self.edges(), self.widths()
        self.identity = repr(every)

    def node(self, node: Node) -> list[Line]:
        return roomiest(frame.node(node) for frame in self.frames)

    def edge(self, edge: Edge, head: Node) -> list[Line]:
        return roomiest(frame.edge(edge, head) for frame in self.frames)

    def scope(self, scope: Scope) -> list[Line]:
        return self.last.scope(scope)

    def tooltip(self, node: Node) -> str:
        """What is true in every frame."""
        first, *others = (frame.tooltip(node).split("\n") for frame in self.frames)
        return "\n".join(line for line in first if all(line in other for other in others))

    def border(self, node: Node, usual: float) -> float:
        return self.last.border(node, usual)

    def magnitude(self, edge: Edge) -> float | None:
        """The largest of all frames."""
        sizes = [size for frame in self.frames if (size := frame.magnitude(edge)) is not None]
        return max((size if math.isfinite(size) else math.inf for size in sizes), default=None)

    def is_live(self, edge: Edge) -> bool:
        return self.last.is_live(edge)

    def is_marked(self, part: Node | Edge) -> bool:
        return self.last.is_marked(part)

    def heading(self) -> list[str]:
        """That of the last frame; and room for the line that says which frame it is."""
        return [*self.last.heading(), max([*self.steps, self.still], key=labels.advance)]

    def legend(self) -> list[Line]:
        """What explains any frame."""
        return list(dict.fromkeys(line for frame in self.frames for line in frame.legend()))

    def about(self) -> tuple[str, str]:
        title, text = self.last.about()
        return title, f"{labels.counted(len(self.frames), 'step')} one after another. {text}"

    def nodes(self) -> dict[str, list[list[Line]]]:
        """The lines of each node in each frame."""
        return {n.id: [frame.node(n) for frame in self.frames] for n in self.graph.nodes}

    def edges(self) -> dict[str, list[list[Line]]]:
        """The lines of each edge in each frame, by its name in DOT."""
        heads = {node.id: node for node in self.graph.nodes}
        return {
            f"e{i}": [frame.edge(edge, heads[edge.head]) for frame in self.frames]
            for i, edge in enumerate(self.graph.edges)
        }

    def widths(self) -> dict[str, list[float]]:
        """The width of each edge in each frame. One scale holds for all, so that one sees a
        gradient vanish.
        """
        edges = self.graph.edges
        most = largest(frame.magnitude(edge) for frame in self.frames for edge in edges)
        return {
            f"e{i}": [edge_width(frame, edge, most) for frame in self.frames]
            for i, edge in enumerate(edges)
        }
