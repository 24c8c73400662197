"""What each node and edge says, as lines with a role: heading, formula, shape, value, gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tinygrad_xent.tracing import Entry, Scope, Trace

from . import labels
from .blocks import order
from .cards import Cards, Line, cleaned, wrap
from .dot import looks_of
from .graph import Edge, Graph, Node
from .leaves import kind_of, words_of
from .marks import Marks


@final
@dataclass(frozen=True)
class Writing:
    """How the operations of a trace are written.

    Attributes:
        show: what stands in the picture, of `options.SHOWABLE`.
        precision: significant digits of numbers, or their format.
        names: the caller's names by entry.
        computed: whether gradients exist: before `backward()` they do not.
        badges: what lint found, by entry.
        marks: what stands out.
    """

    show: frozenset[str]
    precision: labels.Digits
    names: Mapping[int, str]
    computed: bool
    badges: Mapping[int, tuple[str, ...]]
    marks: Marks


class Numbers(ABC):
    """How the numbers of a picture are written: as they are (`Values`), or as `Changes`."""

    @abstractmethod
    def of(self, entry: Entry) -> list[Line]:
        """The lines of a value and its gradient."""

    @abstractmethod
    def border(self, entries: Sequence[Entry], usual: float) -> float:
        """The width of the border around these values, given the usual one of its kind."""

    @abstractmethod
    def legend(self, shown: Iterable[Line]) -> list[Line]:
        """How to read the numbers among these lines."""


@final
class OperationCards(Cards):
    """Writes the text of a graph's nodes and edges."""

    def __init__(self, trace: Trace, graph: Graph, writing: Writing, numbers: Numbers) -> None:
        self.trace, self.graph, self.writing, self.numbers = trace, graph, writing, numbers
        self.drawn: dict[str, Counter[int]] = {node.id: Counter() for node in graph.nodes}
        for edge in graph.edges:  # which values leave each node, and how often
            self.drawn[edge.tail].update(use.source for use in edge.uses)
        self.words = words_of(trace)
        self.shown = {entry for node in graph.nodes for entry in (*node.entries, *node.held)}
        self.written: dict[str, list[Line]] = {}
        self.magnitudes: dict[Edge, float | None] = {}
        self.uses = Counter[int]()  # of the leaves that have references
        for node in graph.nodes:
            if node.kind == "reference":
                self.uses.update(self.drawn[node.id])

    def name(self, entry: Entry) -> str:
        """The user's name of a value, "" if it has none."""
        return labels.clean(str(self.writing.names.get(entry.id) or entry.name or ""))

    # nodes

    def node(self, node: Node) -> list[Line]:
        """The lines of a node, safe to print."""
        if node.id not in self.written:
            self.written[node.id] = cleaned(self.write(node) + self.badges(node))
        return self.written[node.id]

    def badges(self, node: Node) -> list[Line]:
        """What lint found in a node, and so in a folded one too; a reference only points to it."""
        if node.kind == "reference":
            return []
        inside = (*node.entries, *node.held)
        found = [text for i in inside for text in self.writing.badges.get(i, ())]
        return [("lint", f"! {text}") for text in dict.fromkeys(found)]

    def write(self, node: Node) -> list[Line]:
        if node.kind == "reference":
            return self.reference(node)
        if node.is_box:
            return self.box(node)
        if node.is_bundle:
            return self.bundle(node)
        entry = self.trace[node.entries[0]]
        if node.kind == "operation":
            return self.operation(entry, node.output)
        return self.leaf(entry, node.output)

    def operation(self, entry: Entry, output: bool) -> list[Line]:
        name = self.name(entry)
        lines: list[Line] = [("head", f"{name} = {entry.op}" if name else entry.op)]
        if output:
            lines = [("head", f"{lines[0][1]}, output")]
        if "formula" in self.writing.show:
            told = ", ".join(
                filter(None, [labels.settings_text(entry.settings), self.unseen(entry)])
            )
            lines.append(("formula", f"{entry.formula}   {told}".rstrip()))
        return lines + self.shape(entry) + self.numbers.of(entry)

    def unseen(self, entry: Entry) -> str:
        """The numbers among the arguments of an operation that have no box."""
        return ", ".join(
            f"{argument}={labels.number(self.trace[source].value, self.writing.precision)}"
            for source, argument in zip(entry.inputs, entry.arguments, strict=True)
            if self.words.get(source) == "constant" and source not in self.shown
        )

    def leaf(self, entry: Entry, output: bool) -> list[Line]:
        name, word = self.name(entry), self.words[entry.id]
        if not name and word == "constant":
            lines: list[Line] = [("head", labels.number(entry.value, self.writing.precision))]
            return [*lines, ("kind", word)]
        kind = f"{word}, output" if output else word
        head = f"{name}: {kind}" if name else kind
        lines = [("head", head)]
        if entry.id in self.uses:
            mark = name or self.anonymous(entry)
            lines = [("head", head if name else mark)]
            lines.append(("note", f"used {self.uses[entry.id]:,} times, at each ↑ {mark}"))
        return lines + self.shape(entry) + self.numbers.of(entry)

    def box(self, node: Node) -> list[Line]:
        """A folded scope, a repeat or a part: what it stands for and what comes out of it."""
        count = len(node.entries)
        amount = labels.counted(count, "operation")
        lines: list[Line] = []
        out = self.leaving(node)
        if node.name:
            name = labels.clean(node.name)
            if len(out) == 1 and self.name(out[0]):
                name = f"{self.name(out[0])} = {name}"
            lines.append(("head", f"{name} ×{node.count:,}" if node.count > 1 else name))
            if node.formula and "formula" in self.writing.show:
                lines.append(("formula", labels.clean(node.formula)))
        elif node.kind == "repeat":
            lines.append(("head", f"repeated ×{node.count:,}"))
        else:
            lines.append(("head", "part"))
        if node.output:
            lines[0] = ("head", f"{lines[0][1]}, output")
        if node.count > 1:
            feeding = order(node.entries, node.count, lambda entry: self.trace[entry].inputs)
            amount = f"{node.count:,} × {count // node.count:,} = {amount}, {feeding}"
        lines.append(("kind", amount))
        lines += [("note", text) for text in self.contents(node)]
        lines += self.inside(node)
        if len(out) == 1:
            if node.count > 1:
                lines.append(("note", "of the last:"))
            return lines + self.shape(out[0]) + self.numbers.of(out[0])
        words = Counter(f"{self.name(e) or e.op} {labels.dtype_and_shape(e.value)}" for e in out)
        for what, times in words.most_common(4):
            lines.append(("shape", f"out: {times:,} × {what}" if times > 1 else f"out: {what}"))
        if len(words) > 4:
            lines.append(("note", f"and {labels.counted(len(words) - 4, 'more kind')} of value"))
        return lines

    def inside(self, node: Node) -> list[Line]:
        """The leaves inside a box: how many of each kind, with how many numbers, and their names."""
        found: dict[str, list[Entry]] = {}
        for leaf in map(self.trace.__getitem__, node.held):
            found.setdefault(self.words[leaf.id], []).append(leaf)
        lines: list[Line] = []
        for word, members in found.items():
            size = sum(leaf.value.size for leaf in members)
            numbers = f", {size:,} numbers" if size != len(members) else ""
            lines.append(("kind", labels.counted(len(members), word) + numbers))
            names = [labels.relative(self.name(leaf), node.name) for leaf in members]
            lines += [("note", text) for text in wrap("", list(filter(None, names)), ", ", 1)]
        return lines

    def leaving(self, node: Node) -> list[Entry]:
        """The values of a box that are used outside it, or are the output."""
        used = {self.trace.output, *self.drawn[node.id]}
        return [self.trace[i] for i in node.entries if i in used]

    def contents(self, node: Node) -> list[str]:
        """The operations inside, in order or counted, over a few lines."""
        words = [labels.clean(word) for word in node.phrase]
        if node.count > 1:
            return wrap("each: ", words, ", ", 3)
        if node.kind == "part":
            counted = Counter(self.trace[i].op for i in node.entries)
            return wrap("", [f"{n:,} {op}" for op, n in counted.most_common()], ", ", 3)
        return wrap("", words, ", ", 2)

    def bundle(self, node: Node) -> list[Line]:
        """Many leaves in one node: their names, shapes, and their numbers taken together."""
        members = [self.trace[i] for i in node.entries]
        lines: list[Line] = [("head", self.several(node))]
        names = [name for name in map(self.name, members) if name]
        lines += [("note", text) for text in wrap("", names, ", ", 2)]
        kinds = Counter(labels.dtype_and_shape(e.value) for e in members)
        if "shape" in self.writing.show:
            lines += [("shape", f"{n:,} × {kind}") for kind, n in kinds.most_common(3)]
            if len(kinds) > 3:
                lines.append(("shape", f"and {labels.counted(len(kinds) - 3, 'more shape')}"))
        return lines + self.totals(members)

    def several(self, node: Node) -> str:
        """How many leaves a bundle stands for."""
        words = {self.words[i] for i in node.entries}
        kind = kind_of(self.words[node.entries[0]])
        return labels.counted(len(node.entries), words.pop() if len(words) == 1 else kind)

    def totals(self, members: list[Entry]) -> list[Line]:
        """The values and gradients of several entries as those of one long array."""
        lines, digits = list[Line](), self.writing.precision
        if "value" in self.writing.show:
            every = np.concatenate([e.value.ravel() for e in members])
            values = np.unique(every)
            few = len(values) <= 4
            text = (
                [", ".join(labels.numbers(values, digits))]
                if few
                else labels.summary(every, digits)
            )
            lines += [("value", line) for line in labels.headed("values" if few else "value", text)]
        gradients = [e.gradient.ravel() for e in members if e.gradient is not None]
        if "grad" in self.writing.show and members[0].requires_grad:
            known = self.writing.computed and len(gradients) == len(members)
            text = labels.summary(np.concatenate(gradients), digits) if known else ["not computed"]
            lines += [("grad", line) for line in labels.headed("grad ", text)]
        return lines

    def reference(self, node: Node) -> list[Line]:
        entry = self.trace[node.entries[0]]
        if len(node.entries) > 1:
            return [("head", f"↑ {self.several(node)}")]
        return [("head", f"↑ {self.name(entry) or self.anonymous(entry)}")]

    def anonymous(self, entry: Entry) -> str:
        if self.words[entry.id] == "constant":
            return labels.number(entry.value, self.writing.precision)
        return f"{self.words[entry.id]} #{entry.id}"

    def shape(self, entry: Entry) -> list[Line]:
        shown = "shape" in self.writing.show
        return [("shape", labels.dtype_and_shape(entry.value))] if shown else []

    def border(self, node: Node, usual: float) -> float:
        """The width of a node's border, given the usual one of its kind."""
        entries = self.leaving(node) if node.is_box else [self.trace[i] for i in node.entries]
        return self.numbers.border(entries, usual)

    def legend(self) -> list[Line]:
        """How to read what the legend's list of looks does not say."""
        heads = {node.id for node in self.graph.nodes if not node.is_box}
        shown = [line for node in self.graph.nodes for line in self.node(node)]
        lines: list[Line] = []
        if "formula" in self.writing.show and any(edge.head in heads for edge in self.graph.edges):
            text = "a ← f: argument a gets the gradient f, g being that of the result"
            lines.append(("kind", text))
        if self.graph.edges and self.writing.computed:
            lines.append(("kind", "wide edge: a large gradient flows back; dashed: none"))
        lines += self.numbers.legend(shown)
        if any(role == "lint" for role, _ in shown):
            lines.append(("lint", "! what lint found"))
        return lines

    def heading(self) -> list[str]:
        return []

    def about(self) -> tuple[str, str]:
        output = self.trace[self.trace.output]
        counts = Counter(looks_of(n)[0] for n in self.graph.nodes)
        parts = ", ".join(f"{n} {k}{'s' if n > 1 else ''}" for k, n in counts.items())
        nodes = labels.counted(len(self.graph.nodes), "node")
        text = f"{nodes} ({parts}) and {labels.counted(len(self.graph.edges), 'edge')}."
        named = [self.name(e) for e in self.trace if e.kind == "parameter" and self.name(e)]
        if named:
            text += f" Parameters: {labels.clean(', '.join(named), 200)}."
        if output.value.ndim == 0:
            text += f" The output is {labels.number(output.value, self.writing.precision)}."
        return f"Computation graph of {self.name(output) or output.op}", text

    def scope(self, scope: Scope) -> list[Line]:
        """The heading of an open scope."""
        name = labels.clean(scope.name)
        formula = labels.clean(scope.formula or "") if "formula" in self.writing.show else ""
        return [("head", f"{name}: {formula}" if formula else name)]

    def tooltip(self, node: Node) -> str:
        """The node's text with its name in full, and the user's line."""
        entry = self.trace[node.entries[0]]
        name = self.writing.names.get(entry.id) or entry.name
        lines = [labels.clean(str(name), 500)] if name else []
        lines += [text for _, text in self.node(node)]
        if entry.line is not None and len(node.entries) == 1:
            lines.append(labels.clean(f"{entry.line}: {entry.line.text}", 200))
        return "\n".join(lines)

    # edges

    def edge(self, edge: Edge, head: Node) -> list[Line]:
        """The lines of an edge: which argument, what flows back, and the contribution it carries."""
        lines: list[Line] = []
        if head.is_box or len(edge.uses) > 1:
            if len(edge.uses) > 1:
                lines.append(("note", f"×{len(edge.uses):,}"))
        elif "formula" in self.writing.show:
            (use,) = edge.uses
            lines += self.derivative(self.trace[use.user], use.argument)
        if "contribution" in self.writing.show and self.writing.computed:
            parts = self.contributions(edge)
            if len(parts) == 1:
                text = labels.lines_of(parts[0], self.writing.precision)
                lines += [("grad", line) for line in labels.headed("+=", text)]
            elif parts:
                norm = labels.number(self.magnitude(edge), self.writing.precision)
                lines.append(("grad", f"{len(parts):,} parts, norm {norm}"))
        return cleaned(lines)

    def derivative(self, user: Entry, argument: int) -> list[Line]:
        name = user.arguments[argument] if len(user.inputs) > 1 else ""
        formula = user.derivatives[argument]
        source = self.trace[user.inputs[argument]]
        if formula is None or not source.requires_grad:
            return [("note", name)] if name else []
        return [("formula", f"{name} ← {formula}".strip())]

    def contributions(self, edge: Edge) -> list[Any]:
        """What the uses of an edge add to the gradient, where gradients reach them."""
        wanted = {(use.source, use.user, use.argument) for use in edge.uses}
        return [
            c.value
            for source in dict.fromkeys(use.source for use in edge.uses)
            for c in self.trace[source].contributions
            if (source, c.entry, c.argument) in wanted and c.value is not None
        ]

    def is_marked(self, part: Node | Edge) -> bool:
        return self.writing.marks.has(part)

    def is_live(self, edge: Edge) -> bool:
        return any(self.trace[use.source].requires_grad for use in edge.uses)

    def magnitude(self, edge: Edge) -> float | None:
        """The norm of what an edge carries back; None where it carries nothing."""
        if edge not in self.magnitudes:
            parts = self.contributions(edge) if self.writing.computed else []
            norms = [labels.norm(c) for c in parts]
            self.magnitudes[edge] = labels.norm(norms) if norms else None
        return self.magnitudes[edge]
