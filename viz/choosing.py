"""Which view of a subject a picture shows: the finest one within a budget of nodes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import final

from .graph import Graph
from .subjects import Subject
from .views import View


@final
class Chooser:
    """Chooses ever coarser views of a subject; those that were too fine are given up."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.views = subject, list(subject.views)

    def finest(self, most: int) -> tuple[Graph, str]:
        """The finest graph of at most so many nodes; and why, if it is not what was asked for."""
        full = self.subject.size
        if self.subject.least <= most:
            graph = self.subject.within(self.views[0], math.inf)
            assert graph is not None
            full = len(graph.nodes)
            if full <= most:
                return graph, ""
        # else each entry has a node of its own: no need to build that
        return self.first(most), f"{full:,} nodes are over max_nodes={most}"

    def first(self, most: int) -> Graph:
        """The finest graph of at most so many nodes, among the views that are left: with bundles only if
        it must have them.

        The search goes in steps that double, then halves the last one: a coarser view has no more nodes.
        A scope that would be one box and hide most of the computation is cut into parts instead.
        """

        def built(view: View) -> Graph | None:
            graph = self.subject.within(replace(view, bundle=False), most)
            if graph is None and self.subject.bundles:
                return self.subject.within(replace(view, bundle=True), most)
            return graph

        low, high, last = 0, 0, len(self.views) - 1
        while (graph := built(self.views[high])) is None:
            assert high < last, "the last view is a single box"
            low, high = high + 1, min(2 * high + 1, last)
        while low < high:
            middle = (low + high) // 2
            if tried := built(self.views[middle]):
                high, graph = middle, tried
            else:
                low = middle + 1
        del self.views[:high]
        if self.subject.hides_most(graph, most):
            finer = (built(view) for view in self.subject.cut(self.views[0]))
            return next((g for g in finer if g and not self.subject.hides_most(g, most)), graph)
        return graph
