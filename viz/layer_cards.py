"""What stands in an architecture: each layer with its parameters, their sizes and their share of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import final, get_args

from tinygrad_xent.tracing import Scope, Trace

from . import labels
from .cards import Cards, Line, cleaned, wrap
from .graph import Edge, Graph, Node
from .labels import clean, counted
from .layers import Layer, Parameter, frozen, storage
from .leaves import Leaf
from .marks import Marks

LEAVES = get_args(Leaf)


@final
class LayerCards(Cards):
    """Writes the texts of an architecture.

    Args:
        trace: the computation, of which edges have their shapes; None where there was none.
        total: all parameters of the model.
        title: what the picture is of.
        names: of values, by the id of their entry.
        show: "value" for that of the output, "shape" for the shapes at edges and of parameters.
        precision: significant digits of the output's value.
    """

    letters = 10
    gap = 0.3
    evident = frozenset({"input", "output"})

    def __init__(
        self,
        graph: Graph,
        trace: Trace | None,
        total: Sequence[Parameter],
        title: str,
        marks: Marks,
        names: Mapping[int, str],
        show: frozenset[str],
        precision: labels.Digits,
    ) -> None:
        self.graph, self.trace, self.total, self.title = graph, trace, total, title
        self.marks, self.names, self.show, self.precision = marks, names, show, precision
        self.leaving: dict[str, set[int]] = {node.id: set() for node in graph.nodes}
        for edge in graph.edges:
            self.leaving[edge.tail].update(use.source for use in edge.uses)

    def node(self, node: Node) -> list[Line]:
        layer = layer_of(node)
        output = ["output"] if node.output else []
        words = [self.named(node, layer), *([layer.order] if layer.order else []), *output]
        lines: list[Line] = [("head", ", ".join(words))]
        lines += [("note", text) for text in wrap("", list(map(clean, layer.contents)), ", ", 2)]
        inside = () if layer.contents or "shape" not in self.show else layer.parameters
        shapes = [f"{clean(p.name)} {shape_text(p.shape)}".strip() for p in inside]
        lines += [("shape", text) for text in wrap("", shapes, ", ", 2)]
        if layer.held:
            lines.append(("kind", self.amount(layer)))
        lines += [
            ("note", text) for text in wrap("shares", list(map(clean, layer.shared)), ", ", 2)
        ]
        lines += [("note", fact) for fact in layer.facts]
        return cleaned(lines + self.value(node))

    def named(self, node: Node, layer: Layer) -> str:
        """The name of a layer, and that of what it computes."""
        values = self.leaving[node.id]
        if node.output and self.trace is not None:
            values = values | {self.trace.output}
        names = [self.names.get(value, "") for value in values]
        known = len(names) == 1 and names[0] and node.kind not in LEAVES
        return f"{clean(names[0])} = {counted_name(layer)}" if known else counted_name(layer)

    def value(self, node: Node) -> list[Line]:
        """What there is to say of data, and of the output."""
        if self.trace is None or not (node.output or node.kind == "input"):
            return []
        if node.output:
            entry = self.trace[self.trace.output]
            if entry.value.ndim == 0 and "value" in self.show:
                return [("value", f"value  {labels.number(entry.value, self.precision)}")]
            return [("shape", labels.dtype_and_shape(entry.value))]
        kinds = Counter(labels.dtype_and_shape(self.trace[i].value) for i in node.entries)
        words = [f"{n:,} × {kind}" if n > 1 else kind for kind, n in kinds.most_common(2)]
        more = [f"and {counted(len(kinds) - 2, 'more kind')}"] if len(kinds) > 2 else []
        return [("shape", word) for word in (*words, *more)]

    def amount(self, layer: Layer) -> str:
        """How large the parameters of a layer are, and which share of all."""
        held, whole = (sum(p.size for p in found) for found in (layer.held, self.total))
        return f"{layer.amount()}, {percent(held, whole)}"

    def edge(self, edge: Edge, head: Node) -> list[Line]:
        if self.trace is None or "shape" not in self.show:
            return []
        sources = dict.fromkeys(use.source for use in edge.uses)
        counts = Counter(self.trace[source].shape for source in sources)
        words = [
            f"{times:,} × {shape_text(shape)}" if times > 1 else shape_text(shape)
            for shape, times in counts.most_common(2)
        ]
        more = [f"and {counted(len(counts) - 2, 'more shape')}"] if len(counts) > 2 else []
        return [("shape", word) for word in (*words, *more)]

    def scope(self, scope: Scope) -> list[Line]:
        layer = self.graph.layers[scope.id]
        name = counted_name(layer)
        counts = 0 < len(layer.held) < len(self.total)  # the heading tells those of all
        facts = [layer.order, self.amount(layer) if counts else ""]
        told = ", ".join(filter(None, facts))
        return cleaned([("head", f"{name}: {told}" if told else name)])

    def tooltip(self, node: Node) -> str:
        full = clean(layer_of(node).full_name, 500)
        return "\n".join([*([full] if full else []), *(text for _, text in self.node(node))])

    def border(self, node: Node, usual: float) -> float:
        return usual

    def magnitude(self, edge: Edge) -> float | None:
        return None

    def is_live(self, edge: Edge) -> bool:
        return bool(edge.uses)

    def is_marked(self, part: Node | Edge) -> bool:
        return self.marks.has(part)

    def heading(self) -> list[str]:
        if not self.total:
            return ["no parameters"]
        amount = counted(sum(p.size for p in self.total), "parameter")
        tensors = counted(len(self.total), "tensor")
        return [f"{amount}{frozen(self.total)} in {tensors}, {storage(self.total)}"]

    def legend(self) -> list[Line]:
        told = ["%: share of all parameters"] if self.total else []
        if self.trace is not None and self.graph.edges and "shape" in self.show:
            told.append("at an edge: the shape of what it carries")
        if any(not edge.uses for edge in self.graph.edges):
            told.append("dashed: how these are joined is not known")
        return [("kind", "; ".join(told))] if told else []

    def about(self) -> tuple[str, str]:
        boxes = counted(len(self.graph.nodes), "box")
        names = ", ".join(layer_of(node).name for node in self.graph.nodes)
        return f"Architecture of {self.title}", (
            f"{boxes}: {clean(names, 500)}. {'; '.join(self.heading())}."
        )


def counted_name(layer: Layer) -> str:
    """The name, with how many equal layers have it."""
    return f"{clean(layer.name)} ×{layer.count:,}" if layer.count > 1 else clean(layer.name)


def layer_of(node: Node) -> Layer:
    """What is known of the layer that a node is."""
    assert node.layer is not None, "each node of an architecture is a layer"
    return node.layer


def percent(part: int, whole: int) -> str:
    """A share to two digits.

    >>> percent(1, 3), percent(1, 1000), percent(1, 10**7), percent(5, 5)
    ('33 %', '0.1 %', '< 0.01 %', '100 %')
    """
    share = 100 * part / whole if whole else 0.0
    if share and share < 0.01:
        return "< 0.01 %"
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape, as NumPy writes it; that of a single number in a word."""
    return str(shape) if shape else "scalar"
