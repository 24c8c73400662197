"""The architecture of a model, read off a trace: a box per layer, and what repeats drawn once.

A layer is an innermost scope of the user's (a module, or `with tx.scope(...)`), or an operation that
stands in none. Functions of the package, `layer_norm` say, are never opened. Operations that only move
numbers, such as `reshape`, belong to what made the numbers: the edge has the new shape.
"""

from __future__ import annotations

from typing import final

from tinygrad_xent.tracing import Entry, Scope, Trace

from .blocks import Structure, blocks
from .graph import Graph
from .layer_cards import LayerCards
from .layer_graph import LayerGraph
from .layers import Parameter
from .marks import marks_of
from .options import DrawOptions, names_by_entry, shown
from .plan import Plan
from .subjects import Layered
from .views import MAX_PARTS, View


@final
class Architecture(Layered):
    """The layers that a computation went through."""

    trace: Trace

    def __init__(self, trace: Trace, options: DrawOptions) -> None:
        self.trace, self.options = trace, options
        belonging = moved(trace)
        self.structure = Structure(trace, blocks(trace, layers_around, belonging), belonging)
        deepest = max((len(layers_around(e)) for e in trace if e.kind == "operation"), default=0)
        self.views = [
            *self.levels(deepest, options["fold"]),
            View(fold=0, repeats="all"),
            *(View(fold=0, parts=parts) for parts in (MAX_PARTS, 5, 0)),
        ]
        called = names_by_entry(trace, options)
        self.names = {e.id: called.get(e.id) or e.name or "" for e in trace}
        self.marks = marks_of(trace, options["highlight"], called)
        self.size, self.least = len(trace), 1

    def within(self, view: View, most: float) -> Graph | None:
        plan = Plan(self.structure, self.trace.output, self.names, view, most)
        return LayerGraph(plan).graph()

    def hidden(self, graph: Graph) -> str:
        """The layers inside boxes of others, as "Linear query, Linear out in Attention"."""
        known = [node.layer for node in graph.nodes if node.layer and node.layer.contents]
        return "; ".join(f"{', '.join(layer.contents)} in {layer.name}" for layer in known)

    def cards(self, graph: Graph) -> LayerCards:
        return LayerCards(
            graph,
            self.trace,
            parameters_of(self.trace, self.names),
            self.title(),
            self.marks,
            self.names,
            shown(self.options["show"]),
            self.options["precision"],
        )

    def title(self) -> str:
        """What the computation is called: by the outermost scope, if there is one."""
        outer = (scope for entry in self.trace for scope in entry.scopes[:1])
        scopes = [scope.name for scope in outer if not scope.is_function]
        return scopes[0] if scopes else self.trace[self.trace.output].op


def parameters_of(trace: Trace, names: dict[int, str]) -> list[Parameter]:
    """All parameters of a trace."""
    return [
        Parameter(names[e.id] or f"#{e.id}", e.shape, e.value.nbytes)
        for e in trace
        if e.kind == "parameter"
    ]


def layers_around(entry: Entry) -> tuple[Scope, ...]:
    """The scopes around an entry that may be layers: the user's, and a function called right in them."""
    for depth, scope in enumerate(entry.scopes, 1):
        if scope.is_function:
            return entry.scopes[:depth]
    return entry.scopes


def moved(trace: Trace) -> dict[int, int]:
    """The operations between layers that only move numbers, each with what made the numbers.

    Between layers are those in scopes that have layers in them, or in none.
    """
    own = [[s.id for s in entry.scopes if not s.is_function] for entry in trace]
    outer = {scope for scopes in own for scope in scopes[:-1]}
    found: dict[int, int] = {}
    for entry in trace:
        scopes = layers_around(entry)
        between = not scopes or scopes[-1].id in outer
        if between and entry.kinds == {"moves"} and len(entry.inputs) == 1:
            (source,) = entry.inputs
            same = trace[source].value.size == entry.value.size
            if same and trace[source].kind == "operation" and entry.id != trace.output:
                found[entry.id] = found.get(source, source)
    return found
