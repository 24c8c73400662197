"""Graph -> DOT, through the `graphviz` package.

Node names are ours (`n0`, `n1`, ...). All text goes into plain labels, escaped here: no HTML-like
labels, no records, no URLs, because each of those passes a user's text on as markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

import graphviz

from tinygrad_xent.tracing import Scope

from . import labels
from .cards import Cards, Line, Role
from .graph import Edge, Graph, Node
from .pages import broken
from .theme import FONT, LOOKS, Palette

INDENT = "  "  # in front of a line of the legend
WIDEST = 96  # characters in a line of a note
MARKED = 3.5  # the width of what stands out, more than any other
ROOM = " " * 14  # after a scope's title: arrows from above pass between its words


@final
@dataclass(frozen=True)
class Part:
    """What a node, an edge, a cluster or the graph is: its classes, tooltip and the roles of its lines."""

    kind: str
    tooltip: str
    roles: tuple[Role, ...]


@final
@dataclass(frozen=True)
class Dot:
    """The DOT text of a graph, and what stands in it.

    Attributes:
        text: the DOT.
        parts: by the DOT name of a node or cluster, or by the id of an edge; "" is the graph.
    """

    text: str
    parts: Mapping[str, Part]


def escape(text: str) -> str:
    r"""Text as a DOT label shows it: no escape sequence, no entity, no line break is left in it.

    >>> print(escape(r"\N & &lt;"))
    \\N &amp; &amp;lt;
    """
    return text.replace("\\", "\\\\").replace("&", "&amp;")


def label(lines: list[Line]) -> str:
    r"""Lines set flush left, each ended by `\l`, so a label is never taken for HTML.

    A label may not be empty: DOT would print the node's name.
    """
    return "".join(f"{escape(text) or ' '}\\l" for _, text in lines) or " "


def looks_of(node: Node) -> tuple[str, ...]:
    """Which looks a node has: of a box or a leaf with the output, its shape's and the output's."""
    if not node.output:
        return (node.kind,)
    return ("output",) if node.kind == "operation" else (node.kind, "output")


def legend(graph: Graph, cards: Cards, wanted: bool = True) -> list[Line]:
    """The looks that occur, in words, how to read an edge, and the notes; only these if that is all
    that is wanted.

    Each line leaves room in front: in the SVG, the kinds have a square of their colour there.
    """
    found = {look for node in graph.nodes for look in looks_of(node)}
    lines: list[Line] = []
    if wanted:
        lines = [("kind", look.legend) for k, look in LOOKS.items() if k in found - cards.evident]
        lines += cards.legend()
        if any(map(cards.is_marked, graph.nodes)) or any(map(cards.is_marked, graph.edges)):
            lines.append(("kind", "heavy border, heavy line: highlighted"))
    lines += [("note", text) for note in graph.notes for text in broken(note, WIDEST)]
    return [(role, f"{'' if role == 'lint' else INDENT}{text}") for role, text in lines]


def to_dot(
    graph: Graph,
    cards: Cards,
    palette: Palette,
    direction: str = "TB",
    with_legend: bool = True,
) -> Dot:
    """The DOT of a graph. `direction` is a rankdir, or "backward" for the gradient's flow."""
    walk = _Walk(graph, cards, palette, direction)
    walk.write_defaults(legend(graph, cards, with_legend))
    walk.write_scopes()
    walk.write_edges()
    return Dot(str(walk.dot.source), walk.parts)


@final
class _Walk:
    """Goes once over a graph: writes each part and notes what it is."""

    def __init__(self, graph: Graph, cards: Cards, palette: Palette, direction: str) -> None:
        self.graph, self.cards, self.palette, self.direction = graph, cards, palette, direction
        self.backward = direction == "backward"
        self.dot = graphviz.Digraph("g")
        self.parts: dict[str, Part] = {}

    def label(self, name: str, kind: str, lines: list[Line], tooltip: str = "") -> str:
        """The label of a part, which is noted under its name."""
        self.parts[name] = Part(kind, tooltip, tuple(role for role, _ in lines))
        return label(lines)

    def write_defaults(self, below: list[Line]) -> None:
        """What holds for the graph, all nodes and all edges."""
        text = self.label("", "graph", below)
        self.dot.attr(
            "graph",
            rankdir="TB" if self.backward else self.direction,
            bgcolor="transparent",
            fontname=FONT,
            fontsize="10",
            fontcolor=self.palette.muted,
            color=self.palette.muted,
            nodesep="0.3",
            ranksep=str(self.cards.gap),
            pad="0.15",
            labelloc="b",
            labeljust="l",
            label=text if below else "",
        )
        self.dot.attr(
            "node",
            fontname=FONT,
            fontsize="10",
            fontcolor=self.palette.text,
            margin="0.13,0.08",
            height="0.3",
            width="0.3",
        )
        self.dot.attr(
            "edge",
            fontname=FONT,
            fontsize=f"{self.cards.letters:g}",
            fontcolor=self.palette.muted,
            color=self.palette.edge,
            arrowsize="0.7",
        )

    def write_scopes(self) -> None:
        """The nodes of each scope, then the scopes inside it as clusters."""
        written: dict[int | None, graphviz.Digraph] = {None: self.dot}
        inside: dict[int | None, list[int]] = {None: []}
        for scope, _, nodes in self.graph.tree():
            here = None if scope is None else scope.id
            if scope is not None:
                written[scope.id], inside[scope.id] = self.cluster(scope), []
                inside[self.graph.parents[scope.id]].append(scope.id)
            for node in nodes:
                self.write_node(written[here], node)
        for outer in reversed(inside):  # from the innermost out: its text is copied
            for inner in inside[outer]:
                written[outer].subgraph(written[inner])

    def cluster(self, scope: Scope) -> graphviz.Digraph:
        name = f"cluster{scope.id}"
        tooltip = labels.clean(scope.name, 500)
        room = "" if self.direction in ("LR", "RL") else ROOM
        lines: list[Line] = [(role, text + room) for role, text in self.cards.scope(scope)]
        cluster = graphviz.Digraph(name)
        cluster.attr(
            label=self.label(name, "cluster", lines, tooltip),
            style="rounded,filled",
            fillcolor=self.palette.scope,
            labelloc="t",
            labeljust="l",
            margin="10",
        )
        return cluster

    def write_node(self, dot: graphviz.Digraph, node: Node) -> None:
        looks, lines = looks_of(node), self.cards.node(node)
        form, paint = looks[0], looks[-1]
        marked = self.cards.is_marked(node)
        classes = ["node", *looks, *["marked"] * marked]
        attributes = {
            "label": self.label(node.id, " ".join(classes), lines, self.cards.tooltip(node)),
            "shape": LOOKS[form].shape,
            "style": LOOKS[form].style,
            "penwidth": f"{MARKED if marked else self.cards.border(node, LOOKS[paint].border):.2f}",
            "fillcolor": self.palette.fill(paint),
            "color": self.palette.text if marked else self.palette.border(paint),
        }
        if node.kind == "parameter":
            attributes["peripheries"] = "2"
        if node.kind == "reference":
            attributes["margin"] = "0.04,0.02"
        if node.kind == "operation":
            attributes["ordering"] = "out" if self.backward else "in"
        dot.node(node.id, **attributes)

    def write_edges(self) -> None:
        """The edges in argument order, as wide as what they carry back is large."""
        nodes = {node.id: node for node in self.graph.nodes}
        counts = ported(self.graph)
        most = largest(map(self.cards.magnitude, self.graph.edges))
        for i, edge in enumerate(self.graph.edges):
            lines = clear_of_edge(self.cards.edge(edge, nodes[edge.head]), self.direction)
            attributes = {"id": f"e{i}"}
            marked = self.cards.is_marked(edge)
            text = self.label(f"e{i}", "edge marked" if marked else "edge", lines)
            if lines:
                attributes["label"] = text
            if not self.cards.is_live(edge):
                attributes["style"] = "dashed"
            attributes["penwidth"] = f"{edge_width(self.cards, edge, most):.2f}"
            if marked:
                attributes["color"] = self.palette.text
            if edge.head in counts:
                end = "tailport" if self.backward else "headport"
                attributes[end] = port(edge, counts[edge.head], self.direction)
            ends = (edge.head, edge.tail) if self.backward else (edge.tail, edge.head)
            self.dot.edge(*ends, **attributes)


def clear_of_edge(lines: list[Line], direction: str) -> list[Line]:
    """An edge's label with room on the side where Graphviz lets it touch the edge."""
    if lines and direction in ("LR", "RL"):
        return [*lines, ("note", " ")]
    return [(role, f"  {text} ") for role, text in lines]


PORTS = {  # where first, middle and last argument meet their operation, by direction
    "TB": ("nw", "n", "ne"),
    "BT": ("sw", "s", "se"),
    "LR": ("nw", "w", "sw"),
    "RL": ("ne", "e", "se"),
    "backward": ("sw", "s", "se"),
}


def port(edge: Edge, count: int, direction: str) -> str:
    """Where the edge of one of `count` arguments meets its operation."""
    first, middle, last = PORTS[direction]
    argument = edge.uses[0].argument
    return first if argument == 0 else last if argument == count - 1 else middle


def ported(graph: Graph) -> dict[str, int]:
    """The operations whose arguments need ports to be seen in order, with their count.

    dot keeps the order that `ordering` asks for, but not of edges that cross a cluster's border.
    Where one argument stands inside and one outside, ports would make the edges cross: there the
    arguments' names on the edges have to do.
    """
    nodes = {node.id: node for node in graph.nodes}
    tails: dict[str, list[Node]] = {}
    for edge in graph.edges:
        tails.setdefault(edge.head, []).append(nodes[edge.tail])

    def is_outside(tail: Node, head: Node) -> bool:
        return head.within[-1] not in tail.within

    return {
        name: len(found)
        for name, found in tails.items()
        if len(found) > 1 and nodes[name].kind == "operation" and nodes[name].within
        if all(is_outside(tail, nodes[name]) for tail in found)
    }


def largest(sizes: Iterable[float | None]) -> float:
    """The largest finite one, 0 where there is none."""
    return max((s for s in sizes if s is not None and math.isfinite(s)), default=0.0)


def edge_width(cards: Cards, edge: Edge, most: float) -> float:
    """The width of an edge, where `most` is the largest that any edge carries."""
    if cards.is_marked(edge):
        return MARKED
    return width(cards.magnitude(edge), most) if cards.is_live(edge) else 0.8


def width(size: float | None, largest: float) -> float:
    """A line's width: 1 where nothing is known, else 0.6 to 3 over four decades below the largest.

    >>> [round(width(size, 1.0), 2) for size in (1.0, 0.01, 0.0, None)]
    [3.0, 1.8, 0.6, 1.0]
    """
    if size is None:
        return 1.0
    if not math.isfinite(size):
        return 3.0
    if size == 0 or largest == 0:
        return 0.6
    return 0.6 + 2.4 * max(0.0, 1 + math.log10(size / largest) / 4)
