"""Mermaid's flowchart: text that many viewers of Markdown draw; writing it needs no layout engine.

All text of a picture stands in quotes there. A character that Mermaid, Markdown or HTML might take for
its own is written as its code, `#35;` for `#`, so that a name shows as it is, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..dot import looks_of
from ..drawing import Drawing
from ..formats import writer
from ..graph import Edge, Node
from ..theme import LOOKS, Palette

# One font width, so that tables stay aligned, and no line broken where it is long.
SETTINGS = (
    '%%{init: {"fontFamily": "monospace", "themeVariables": {"fontFamily": "monospace"}, '
    '"flowchart": {"wrappingWidth": 2000}}}%%'
)
# Letters, digits, the points and signs of numbers, and what no notation has a use for. The letters
# that are left out are those by which Mermaid itself marks a code.
PLAIN = r"[^\W_ﬂß]|[^\x00-\x7f¶°]|[ ,()]|(?<=\d)\.(?=\d)|-(?=\d)|:(?= )"


@writer(".mmd")
def mermaid(drawing: Drawing) -> str:
    """The graph as a flowchart, in the colours of the theme's first palette."""
    direction = "TB" if drawing.direction == "backward" else drawing.direction
    lines = [
        SETTINGS,
        f"flowchart {direction}",
        *written_scope(drawing, None, direction),
        *(written_edge(drawing, edge) for edge in drawing.graph.edges),
        *(f"note{i}[{quoted([note])}]:::note" for i, note in enumerate(drawing.graph.notes)),
        *class_definitions(drawing.palettes[0], map(look_of, drawing.graph.nodes)),
    ]
    return "\n".join(lines) + "\n"


def written_scope(drawing: Drawing, parent: int | None, direction: str) -> Iterator[str]:
    """The nodes that stand directly in a scope, then the scopes inside it as subgraphs."""
    nodes, scopes = drawing.graph.inside(parent)
    for node in nodes:
        yield written_node(drawing, node)
    for scope in scopes:
        heading = quoted(text for _, text in drawing.cards.scope(scope))
        yield f"subgraph scope{scope.id}[{heading}]"
        yield f"direction {direction}"
        yield from (f"    {line}" for line in written_scope(drawing, scope.id, direction))
        yield "end"
        yield f"class scope{scope.id} scope"


def look_of(node: Node) -> str:
    """The look whose colours a node has."""
    return looks_of(node)[-1]


def written_node(drawing: Drawing, node: Node) -> str:
    text = quoted(text for _, text in drawing.cards.node(node))
    box = f"({text})" if "rounded" in LOOKS[node.kind].style else f"[{text}]"
    return f"{node.id}{box}:::{look_of(node)}"


def written_edge(drawing: Drawing, edge: Edge) -> str:
    cards, heads = drawing.cards, {node.id: node for node in drawing.graph.nodes}
    text = [text for _, text in cards.edge(edge, heads[edge.head])]
    arrow = "-->" if cards.is_live(edge) else "-.->"
    label = f"|{quoted(text)}|" if text else ""
    ends = (edge.head, edge.tail) if drawing.direction == "backward" else (edge.tail, edge.head)
    return f"{ends[0]} {arrow}{label} {ends[1]}"


def class_definitions(palette: Palette, looks: Iterable[str]) -> Iterator[str]:
    """The colours of the looks that occur, of scopes, notes and edges."""
    for kind in sorted(set(looks)):
        look = LOOKS[kind]
        dashes = ",stroke-dasharray:4 3" if "dashed" in look.style else ""
        yield (
            f"classDef {kind} fill:{palette.fill(kind)},stroke:{palette.border(kind)},"
            f"stroke-width:{look.border}px{dashes},color:{palette.text}"
        )
    yield f"classDef scope fill:{palette.scope},stroke:{palette.muted},color:{palette.muted}"
    yield f"classDef note fill:none,stroke:none,color:{palette.muted}"
    yield f"linkStyle default stroke:{palette.edge}"


def quoted(lines: Iterable[str]) -> str:
    """Lines of text as one text of Mermaid's.

    >>> quoted(["W[0] <b>", "-1.5"])
    '"W#91;0#93; #60;b#62;<br/>-1.5"'
    """
    return f'"{"<br/>".join(map(escape, lines))}"'


def escape(text: str) -> str:
    """A line of text without anything that has a meaning; several spaces stay as many.

    >>> escape('say "hi" #1: 0.5')
    'say #34;hi#34; #35;1: 0.5'
    """
    plain = re.sub(f"({PLAIN})|(.)", lambda m: m[1] or f"#{ord(m[2])};", text, flags=re.DOTALL)
    return plain.replace("  ", "\u00a0" * 2)
