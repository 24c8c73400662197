"""What a picture asks of its subject: the texts of each node and edge, and how strong they are drawn.

`OperationCards` answer for single operations, `LayerCards` for the layers of a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

from tinygrad_xent.tracing import Scope

from . import labels
from .graph import Edge, Graph, Node

Role: TypeAlias = Literal["head", "kind", "formula", "shape", "value", "grad", "lint", "note"]
Line: TypeAlias = tuple[Role, str]


class Cards(ABC):
    """The texts of one graph, each as lines with a role, safe to print.

    Attributes:
        graph: what the texts are of.
        letters: the size of those at edges, in points.
        gap: between the ranks of nodes, in inches.
        evident: looks that the legend need not explain, since the nodes do.
        identity: what tells the picture from others that are laid out alike.
    """

    graph: Graph
    letters: float = 9
    gap: float = 0.45
    evident: frozenset[str] = frozenset()
    identity: str = ""

    @abstractmethod
    def node(self, node: Node) -> list[Line]:
        """What stands in a node."""

    @abstractmethod
    def edge(self, edge: Edge, head: Node) -> list[Line]:
        """What stands at an edge."""

    @abstractmethod
    def scope(self, scope: Scope) -> list[Line]:
        """The heading of an open scope."""

    @abstractmethod
    def tooltip(self, node: Node) -> str:
        """A node's text and what has no room in it."""

    @abstractmethod
    def border(self, node: Node, usual: float) -> float:
        """The width of a node's border, given the usual one of its kind."""

    @abstractmethod
    def magnitude(self, edge: Edge) -> float | None:
        """How much an edge carries back; None where it carries nothing."""

    @abstractmethod
    def is_live(self, edge: Edge) -> bool:
        """Whether a gradient may flow back along an edge."""

    @abstractmethod
    def is_marked(self, part: Node | Edge) -> bool:
        """Whether a node or an edge is to stand out."""

    @abstractmethod
    def heading(self) -> list[str]:
        """What stands above the picture, below its title: totals, say."""

    @abstractmethod
    def legend(self) -> list[Line]:
        """How to read what the legend's list of looks does not say."""

    @abstractmethod
    def about(self) -> tuple[str, str]:
        """A title and a description of the picture for those who do not see it."""


def cleaned(lines: list[Line]) -> list[Line]:
    """The lines without control characters: formulas and operations may be a user's too."""
    return [(role, labels.clean(text, len(text))) for role, text in lines]


def wrap(head: str, words: list[str], separator: str, most: int, width: int = 36) -> list[str]:
    """Words over at most so many lines; what does not fit is counted.

    >>> wrap("", ["matmul", "add", "relu"], ", ", most=1, width=14)
    ['matmul, add, and 1 more']
    """
    lines, at = [""], 0
    for at, word in enumerate(words):
        if lines[-1] and len(lines[-1]) + len(word) + 2 > width:
            if len(lines) == most:
                lines[-1] += f"and {len(words) - at:,} more"
                break
            lines.append("")
        lines[-1] += word + separator
    lines[-1] = lines[-1].removesuffix(separator)
    text = [line.rstrip() for line in lines if line]
    return labels.headed(head.strip(), text) if head and text else text
