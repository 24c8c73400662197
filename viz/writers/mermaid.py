"""Mermaid's flowchart: text that many viewers of Markdown draw; writing it needs no layout engine.

All text of a picture stands in quotes there. A character that Mermaid, Markdown or HTML might take for
its own is written as its code, `#35;` for `#`, so that a name shows as it is, whatever it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from ..dot import MARKED, looks_of
from ..drawing import Drawing
from ..formats import writer
from ..graph import Node
from ..labels import clean
from ..pages import LONGEST
from ..theme import LOOKS, Palette

# one width for all characters, so that tables stay aligned, and no line broken because it is long
SETTINGS = (
    '%%{init: {"fontFamily": "monospace", "themeVariables": {"fontFamily": "monospace"}, '
    '"flowchart": {"wrappingWidth": 2000}}}%%'
)
# what no notation has a use for, with the points and signs of numbers
PLAIN = r"[A-Za-z0-9 ,()]|[^\x00-\x7f\u2060]|(?<=\d)\.(?=\d)|-(?=\d)|:(?= )"
# Some words Mermaid reads after the codes: those of icons, of mathematics, of a new line, and its own
# marks of a code. A joiner, which is not seen, takes such a word apart.
APART = r":(?=fa-)|\$(?=\$)|\\(?=n)|ﬂ(?=°)|¶(?=ß)"
JOINER = "\u2060"
MARGIN = "    "


@writer(".mmd")
def mermaid(drawing: Drawing) -> str:
    """The graph as a flowchart, in the colours of the theme's first palette."""
    graph = drawing.graph
    title, caption = drawing.options["title"] or "", drawing.options["caption"] or ""
    title, caption = clean(title, LONGEST), clean(caption, len(caption))
    notes = [*drawing.cards.heading(), *graph.notes, *([caption] if caption else [])]
    direction = "TB" if drawing.direction == "backward" else drawing.direction
    lines = [
        *(["---", f"title: {json.dumps(title)}", "---"] if title else []),
        SETTINGS,
        f"flowchart {direction}",
        *nodes_and_scopes(drawing, direction),
        *edges(drawing),
        *(f"note{i}[{quoted([note])}]:::note" for i, note in enumerate(notes)),
        *colours(drawing.palettes[0], {painted(node) for node in graph.nodes}),
        *marks(drawing),
    ]
    return "\n".join(lines) + "\n"


def nodes_and_scopes(drawing: Drawing, direction: str) -> Iterator[str]:
    """The nodes of each scope, then the scopes inside it as subgraphs."""
    opened: list[int] = []

    def closed(level: int) -> Iterator[str]:
        """The ends of the scopes that are not around what comes next."""
        while len(opened) > level:
            scope, margin = opened[-1], MARGIN * (len(opened) - 1)
            opened.pop()
            yield f"{margin}end"
            yield f"{margin}class scope{scope} scope"

    for scope, level, nodes in drawing.graph.tree():
        yield from closed(level)
        if scope is not None:
            margin = MARGIN * level
            heading = quoted(text for _, text in drawing.cards.scope(scope))
            yield f"{margin}subgraph scope{scope.id}[{heading}]"
            yield f"{margin}{MARGIN}direction {direction}"
            opened.append(scope.id)
        for node in nodes:
            text = quoted(text for _, text in drawing.cards.node(node))
            box = f"({text})" if "rounded" in LOOKS[node.kind].style else f"[{text}]"
            yield f"{MARGIN * len(opened)}{node.id}{box}:::{painted(node)}"
    yield from closed(0)


def painted(node: Node) -> str:
    """The look whose colours a node has."""
    return looks_of(node)[-1]


def edges(drawing: Drawing) -> Iterator[str]:
    """The edges in argument order; dotted where no gradient flows back."""
    nodes = {node.id: node for node in drawing.graph.nodes}
    for edge in drawing.graph.edges:
        text = [text for _, text in drawing.cards.edge(edge, nodes[edge.head])]
        arrow = "-->" if drawing.cards.is_live(edge) else "-.->"
        label = f"|{quoted(text)}|" if text else ""
        ends = [edge.tail, edge.head]
        start, end = reversed(ends) if drawing.direction == "backward" else ends
        yield f"{start} {arrow}{label} {end}"


def colours(palette: Palette, looks: Iterable[str]) -> Iterator[str]:
    """The classes of the looks that occur, and of scopes, notes and edges."""
    for kind in sorted(looks):
        look = LOOKS[kind]
        dashes = ",stroke-dasharray:4 3" if "dashed" in look.style else ""
        yield (
            f"classDef {kind} fill:{palette.fill(kind)},stroke:{palette.border(kind)},"
            f"stroke-width:{look.border}px{dashes},color:{palette.text},text-align:left"
        )
    yield f"classDef scope fill:{palette.scope},stroke:{palette.muted},color:{palette.muted}"
    yield f"classDef note fill:none,stroke:none,color:{palette.muted}"
    yield f"linkStyle default stroke:{palette.edge}"


def marks(drawing: Drawing) -> Iterator[str]:
    """The heavy borders and lines of what is highlighted."""
    graph, strong = drawing.graph, f"stroke:{drawing.palettes[0].text},stroke-width:{MARKED}px"
    if nodes := [node.id for node in graph.nodes if drawing.cards.is_marked(node)]:
        yield f"classDef marked {strong}"
        yield f"class {','.join(nodes)} marked"
    if edges := [i for i, edge in enumerate(graph.edges) if drawing.cards.is_marked(edge)]:
        yield f"linkStyle {','.join(map(str, edges))} {strong}"


def quoted(lines: Iterable[str]) -> str:
    """Lines as one text of Mermaid's.

    >>> quoted(["W[0] <b>", "-1.5"])
    '"W#91;0#93; #60;b#62;<br/>-1.5"'
    """
    return f'"{"<br/>".join(map(escape, lines))}"'


def escape(text: str) -> str:
    """A line without anything that has a meaning; several spaces stay as many.

    >>> escape('say "hi" #1: 0.5')
    'say #34;hi#34; #35;1: 0.5'
    """
    apart = re.sub(APART, rf"\g<0>{JOINER}", text)
    plain = re.sub(f"({PLAIN})|(.)", lambda m: m[1] or f"#{ord(m[2])};", apart, flags=re.DOTALL)
    return plain.replace("  ", "\u00a0\u00a0")
