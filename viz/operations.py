"""The operations of a trace as the subject of a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import final

from tinygrad_xent.tracing import Trace

from .blocks import Structure
from .changes import Changes
from .graph import Graph, build_within
from .labels import counted
from .marks import marks_of
from .operation_cards import OperationCards, Writing
from .options import DrawOptions, names_by_entry, shown
from .subjects import Subject
from .values import Values
from .views import View, cut, views


@final
class Operations(Subject):
    """Each operation, leaf and constant of a trace, or what stands for several of them.

    Args:
        computed: whether gradients exist: before `backward()` they do not.
        before: an earlier trace of the same graph; the numbers are then those that changed.
    """

    trace: Trace
    bundles = True

    def __init__(
        self, trace: Trace, options: DrawOptions, computed: bool, before: Trace | None = None
    ) -> None:
        self.trace, self.size = trace, len(trace)
        self.writing = writing(trace, options, computed)
        self.numbers = Values(self.writing) if before is None else Changes(before, self.writing)
        self.structure = Structure(trace)
        self.constants, self.asked = options["constants"], options["fold"]
        inside = options["parameters"] == "inside"
        self.views = list(views(trace, self.asked, options["max_nodes"], inside))
        if self.views[0].fold is None:
            self.least = sum(self.constants or entry.kind != "constant" for entry in trace)
        else:
            self.least = 1

    def within(self, view: View, most: float) -> Graph | None:
        graph = build_within(self.trace, self.structure, most, view)
        if graph is None or self.constants:
            return graph
        return graph.without("constant")

    def hides_most(self, graph: Graph, most: int) -> bool:
        return graph.largest > max(most, self.structure.root.size // 2)

    def cut(self, view: View) -> Iterator[View]:
        return cut(view, self.asked)

    def hidden(self, graph: Graph) -> str:
        """As "40 operations and 2 leaves in 2 boxes"."""
        boxes = [node for node in graph.nodes if node.is_box]
        bundles = [node for node in graph.nodes if node.is_bundle and node.kind != "reference"]
        held = sum(len(box.held) for box in boxes)
        found = []
        if boxes:
            amount = counted(sum(len(box.entries) for box in boxes), "operation")
            also = f" and {counted(held, 'leaf')}" if held else ""
            found.append(f"{amount}{also} in {counted(len(boxes), 'box')}")
        if bundles:
            amount = counted(sum(len(bundle.entries) for bundle in bundles), "leaf")
            found.append(f"{amount} in {counted(len(bundles), 'bundle')}")
        return ", ".join(found)

    def cards(self, graph: Graph) -> OperationCards:
        return OperationCards(self.trace, graph, self.writing, self.numbers)


def writing(trace: Trace, options: DrawOptions, computed: bool) -> Writing:
    """How the operations of this trace are written."""
    called = names_by_entry(trace, options)
    return Writing(
        shown(options["show"]),
        options["precision"],
        called,
        computed,
        badges(options),
        marks_of(trace, options["highlight"], called),
    )


def badges(options: DrawOptions) -> Mapping[int, tuple[str, ...]]:
    """The rules that lint found broken, by entry."""
    found: dict[int, tuple[str, ...]] = {}
    for finding in options["findings"]:
        if finding.entry is not None:
            found[finding.entry] = (*found.get(finding.entry, ()), finding.rule)
    return found
