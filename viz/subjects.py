"""What a drawing is of: something that can be drawn in ever coarser views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from tinygrad_xent.tracing import Trace

from .cards import Cards
from .graph import Graph
from .views import View


class Subject(ABC):
    """What a drawing is of: the operations of a trace, or the layers of a model.

    Attributes:
        trace: the computation, if there was one.
        size: how many things there are in all: the entries of a trace, the modules of a model.
        least: how many nodes the finest view has at least, without building it.
        views: ever coarser views; the last is a single box.
        bundles: whether views differ in whether leaves are bundled.
    """

    trace: Trace | None
    size: int
    least: int
    views: list[View]
    bundles: bool = False

    @abstractmethod
    def within(self, view: View, most: float) -> Graph | None:
        """The graph in one view, if it has at most so many nodes."""

    @abstractmethod
    def hides_most(self, graph: Graph, most: int) -> bool:
        """Whether one box of a graph that may have so many nodes hides most of what there is."""

    @abstractmethod
    def cut(self, view: View) -> Iterator[View]:
        """Ever coarser views that hide less in one box than this one does."""

    @abstractmethod
    def hidden(self, graph: Graph) -> str:
        """What of it is not drawn by itself, in words."""

    @abstractmethod
    def cards(self, graph: Graph) -> Cards:
        """The texts of a graph."""


class Layered(Subject, ABC):
    """A subject of layers: a view of it is how deep they nest, and a box names what it hides."""

    def hides_most(self, graph: Graph, most: int) -> bool:
        return False

    def cut(self, view: View) -> Iterator[View]:
        return iter(())

    @staticmethod
    def levels(deepest: int, fold: int | None) -> list[View]:
        """The views from this depth, or what was asked for, to a single box."""
        finest = deepest if fold is None else min(fold, deepest)
        return [View(fold=level) for level in range(finest, -1, -1)]
