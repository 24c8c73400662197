"""Trace -> Graph: which boxes a picture has, what each stands for, and how they are joined.

A `View` says how coarse the picture is. Whatever the view, each entry of the trace belongs to exactly
one node (reference nodes only repeat a leaf) and each use of a value is either inside a node or on
exactly one edge: nothing goes missing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from tinygrad_xent.tracing import Scope, Trace

from .blocks import Block, Item, Runs, Structure, entries_of
from .labels import relative, spanned
from .layers import Layer
from .views import View

MAX_USES = 5  # a leaf of more nodes gets a reference at each; more uses by one node are one edge
MIN_BUNDLE = 5  # fewer leaves of the same boxes than this stay apart

Kind: TypeAlias = Literal[
    "parameter", "input", "constant", "operation", "layer", "group", "repeat", "part", "reference"
]


class Use(NamedTuple):
    """One argument of one operation."""

    source: int
    user: int
    argument: int


@dataclass(frozen=True)
class Node:
    """One box.

    Attributes:
        id: the DOT name, made by us.
        kind: "operation"; a leaf's, as in `kind_of`; "layer" one with parameters; "group" a folded scope; "repeat" a run of equal
            ones; "part" a stretch of a graph too large to show; "reference" a leaf again, near a use
            of it.
        entries: the operations it stands for, or the leaves.
        held: the leaves inside a box, which only it uses.
        within: ids of the open scopes around it, outermost first.
        name: of the folded scope; of a repeat of scopes, the one that spans all of theirs.
        formula: what the folded scope computes, where it or all of the repeated ones say so.
        count: how many equal things a repeat stands for.
        phrase: the names of what one repetition holds, in order.
        output: whether the trace's output is in it.
        layer: what an architecture knows of it.
    """

    id: str
    kind: Kind
    entries: tuple[int, ...]
    held: tuple[int, ...] = ()
    within: tuple[int, ...] = ()
    name: str = ""
    formula: str | None = None
    count: int = 1
    phrase: tuple[str, ...] = ()
    output: bool = False
    layer: Layer | None = None

    @property
    def is_box(self) -> bool:
        """Whether it stands for operations that are not drawn one by one."""
        return self.kind in ("layer", "group", "repeat", "part")

    @property
    def is_bundle(self) -> bool:
        """Whether it stands for several leaves."""
        return not self.is_box and len(self.entries) > 1


@dataclass(frozen=True)
class Edge:
    """From the node of a value to a node that uses it, with the uses it stands for.

    Between two nodes there is one edge; several, one for each use, if these are few and both nodes
    stand for one value.

    Attributes:
        uses: of what is drawn once for several repetitions, those of the first.
        repeated: those of the others.
    """

    tail: str
    head: str
    uses: tuple[Use, ...]
    repeated: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Graph:
    """What is drawn, in the order in which it is written: nodes by creation, edges by argument.

    Attributes:
        scopes: the open scopes by id.
        parents: the id of the scope around each of them, None of an outermost one.
        notes: what the reader should know of the picture: that it is folded, say.
        layers: what an architecture knows of each open scope.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    scopes: dict[int, Scope]
    parents: dict[int, int | None]
    notes: tuple[str, ...] = ()
    layers: dict[int, Layer] = field(default_factory=dict)

    def tree(self) -> Iterator[tuple[Scope | None, int, list[Node]]]:
        """The open scopes, each before those inside it, with how many are around it and the nodes that
        stand directly in it. The first is None: what is outside all.
        """
        nodes: dict[int | None, list[Node]] = {}
        inner: dict[int | None, list[int]] = {}
        for node in self.nodes:
            nodes.setdefault(node.within[-1] if node.within else None, []).append(node)
        for scope, parent in self.parents.items():
            inner.setdefault(parent, []).append(scope)
        yield None, 0, nodes.get(None, [])
        waiting = [(scope, 0) for scope in reversed(inner.get(None, []))]
        while waiting:  # not by recursion: scopes may nest a thousand deep
            scope, level = waiting.pop()
            yield self.scopes[scope], level, nodes.get(scope, [])
            waiting += [(i, level + 1) for i in reversed(inner.get(scope, []))]

    def without(self, kind: Kind) -> Graph:
        """This graph without the leaves of a kind, their references and their edges."""
        gone = {n.id for n in self.nodes if n.kind == kind and not n.output}
        origins = {n.entries for n in self.nodes if n.id in gone}
        gone |= {n.id for n in self.nodes if n.kind == "reference" and n.entries in origins}
        return replace(
            self,
            nodes=tuple(n for n in self.nodes if n.id not in gone),
            edges=tuple(e for e in self.edges if e.tail not in gone),
        )

    @property
    def largest(self) -> int:
        """How many operations are in the scope or part that has the most: a repeat hides less."""
        hiding = [node for node in self.nodes if node.kind in ("group", "part")]
        return max((len(node.entries) for node in hiding), default=0)


def build(trace: Trace, view: View, structure: Structure | None = None) -> Graph:
    """The graph of a trace in one view; `structure` is the trace's, for one who builds several."""
    graph = build_within(trace, structure or Structure(trace), math.inf, view)
    assert graph is not None
    return graph


def build_within(trace: Trace, structure: Structure, most: float, view: View) -> Graph | None:
    """The graph in one view, if it has at most so many nodes."""
    return _Builder(trace, view, structure, most).graph()


class _Builder:
    def __init__(self, trace: Trace, view: View, structure: Structure, most: float) -> None:
        self.trace, self.view, self.most = trace, view, most
        self.entries = trace.entries
        self.structure = structure
        self.boxes: list[Node] = []  # operations and what stands for several of them
        self.owner: dict[int, Node] = {}  # entry -> its node
        self.held: dict[str, list[int]] = {}  # box that may hold leaves -> those inside
        self.scopes: dict[int, Scope] = {}
        self.parents: dict[int, int | None] = {}
        self.open(structure.root)

    def graph(self) -> Graph | None:
        """The graph, unless it has more than `most` nodes."""
        leaves, references = self.leaves() if len(self.boxes) <= self.most else ([], {})
        if len(self.boxes) + len(leaves) + len(references) > self.most:
            return None
        held = {name: tuple(inside) for name, inside in self.held.items() if inside}
        boxes = [replace(n, held=held[n.id]) if n.id in held else n for n in self.boxes]
        nodes = [*boxes, *leaves, *references.values()]
        order = {n.id: (n.entries[0], n.kind == "reference", i) for i, n in enumerate(nodes)}
        nodes.sort(key=lambda n: order[n.id])
        return Graph(tuple(nodes), tuple(self.edges(references)), self.scopes, self.parents)

    # operations and scopes

    def open(self, root: Block) -> None:
        """Add the nodes of the operations, and the open scopes, each before those inside it; only until
        there are too many.
        """
        waiting: list[tuple[Block, tuple[int, ...]]] = [(root, ())]
        while waiting:  # not by recursion: scopes may nest a thousand deep
            block, path = waiting.pop()
            if block.scope is not None:
                self.scopes[block.scope.id] = block.scope
                self.parents[block.scope.id] = path[-1] if path else None
                path = (*path, block.scope.id)
            items = self.compress(block, len(path))
            if self.view.parts is not None and self.folds(len(path)):
                self.add_parts(items, path)
                continue
            opened = []
            for item in items:
                if len(self.boxes) > self.most:
                    return
                if isinstance(item, Block) and not self.folds(len(path)):
                    opened.append((item, path))
                else:
                    self.add(item, path)
            waiting += reversed(opened)

    def folds(self, level: int) -> bool:
        """Whether a scope inside `level` open ones is one box."""
        return self.view.fold is not None and level >= self.view.fold

    def compress(self, block: Block, level: int) -> list[Item | Runs]:
        """The items of a block with runs of equal ones made into one, where the view says so."""
        which = self.view.repeats
        if which == "none" or (which == "folded" and not self.folds(level)):
            return list(block.items)
        return self.structure.compress(block, every=which == "all")

    def add(self, item: Item | Runs, path: tuple[int, ...]) -> None:
        entries = tuple(entries_of(item))
        if isinstance(item, int):
            self.new_node("operation", entries, path)
        elif isinstance(item, Block):
            self.new_node("group", entries, path, heads=(item,), phrase=self.contents(item))
        else:
            heads = tuple(i for i in item.items if isinstance(i, Block))
            alone = len(item.phrase) == 1 and bool(heads)
            phrase = self.contents(heads[0]) if alone else self.each(item)
            heads = heads if alone else ()
            self.new_node("repeat", entries, path, item.count, heads, phrase)

    def add_parts(self, items: list[Item | Runs], path: tuple[int, ...]) -> None:
        """The items in at most `parts` stretches of about equal length; the output stays visible."""
        assert self.view.parts is not None
        if self.view.parts == 0:
            self.new_node("part", tuple(e for item in items for e in entries_of(item)), path)
            return
        size = -(-len(items) // self.view.parts)
        for start in range(0, len(items), size):
            part = items[start : start + size]
            alone = [part.pop()] if part[-1] == self.trace.output and len(part) > 1 else []
            if len(part) == 1:
                self.add(part[0], path)
            else:
                self.new_node("part", tuple(e for item in part for e in entries_of(item)), path)
            for item in alone:
                self.add(item, path)

    def new_node(
        self,
        kind: Kind,
        entries: tuple[int, ...],
        path: tuple[int, ...] = (),
        count: int = 1,
        heads: tuple[Block, ...] = (),
        phrase: tuple[str, ...] = (),
    ) -> Node:
        """Make the node that stands for these entries; the scopes `heads` give it name and formula."""
        output = self.trace.output in entries
        scopes = [block.scope for block in heads if block.scope is not None]
        name = spanned([scope.name for scope in scopes])
        formulas = {scope.formula for scope in scopes}
        formula = formulas.pop() if len(formulas) == 1 else None
        node = Node(f"n{entries[0]}", kind, entries, (), path, name, formula, count, phrase, output)
        self.owner.update(dict.fromkeys(entries, node))
        if node.kind not in ("parameter", "input", "constant"):
            self.boxes.append(node)
        scoped = any(len(self.entries[i].scopes) > len(path) for i in entries)
        if self.view.parts == 0 or scoped:
            self.held[node.id] = []
        return node

    def contents(self, block: Block) -> tuple[str, ...]:
        """The names of what stands in a scope, in order, those of inner scopes relative to its own."""
        outer = block.scope.name if block.scope else ""
        items = self.structure.compress(block)
        return tuple(relative(self.name(item), outer) for item in items)

    def each(self, run: Runs) -> tuple[str, ...]:
        """The names of what one repetition of a run holds, each for all repetitions."""
        size = len(run.phrase)
        return tuple(spanned([self.name(i) for i in run.items[k::size]]) for k in range(size))

    def name(self, item: Item | Runs) -> str:
        if isinstance(item, int):
            return self.entries[item].op
        if isinstance(item, Block):
            return item.scope.name if item.scope else "all"
        inner = ", ".join(self.each(item))
        return f"({inner}) ×{item.count:,}" if len(item.phrase) > 1 else f"{inner} ×{item.count:,}"

    # leaves

    def leaves(self) -> tuple[list[Node], dict[tuple[int, str], Node]]:
        """The nodes of leaves and constants, and the reference nodes by leaf and user; only until there
        are too many.
        """
        users: dict[int, dict[str, Node]] = {}
        for entry in self.entries:
            if entry.kind != "operation":
                users[entry.id] = {}
            for source in entry.inputs:
                if source in users:
                    node = self.owner[entry.id]
                    users[source].setdefault(node.id, node)
        shown = {leaf: found for leaf, found in users.items() if not self.hold(leaf, found)}
        nodes: list[Node] = []
        references: dict[tuple[int, str], Node] = {}
        for members in self.bundles(shown):
            if len(self.boxes) + len(nodes) + len(references) > self.most:
                break
            first = members[0]
            node = self.new_node(self.structure.kinds[first], tuple(members))
            nodes.append(node)
            if len(users[first]) > MAX_USES:
                for i, user in enumerate(users[first].values()):
                    references[first, user.id] = Node(
                        f"{node.id}r{i}", "reference", node.entries, within=user.within
                    )
        return nodes, references

    def hold(self, leaf: int, users: dict[str, Node]) -> bool:
        """Put a leaf inside the one box that uses it, where its place is there; whether it is."""
        if len(users) != 1:
            return False
        (box,) = users.values()
        belongs = self.view.inside and self.structure.kinds[leaf] != "input"
        if box.id not in self.held or not (belongs or self.view.parts == 0):
            return False
        self.held[box.id].append(leaf)
        self.owner[leaf] = box
        return True

    def bundles(self, users: dict[int, dict[str, Node]]) -> list[list[int]]:
        """The leaves that share a node: each alone, but many of one kind for the same nodes."""
        found: dict[Hashable, list[int]] = {}
        for leaf, nodes in users.items():
            many = self.view.inside or any(node.kind == "repeat" for node in nodes.values())
            joins = self.view.bundle or (many and all(node.is_box for node in nodes.values()))
            key = (self.structure.kinds[leaf], tuple(nodes)) if nodes and joins else leaf
            found.setdefault(key, []).append(leaf)
        least = 2 if self.view.parts is not None else MIN_BUNDLE
        bundles = [b for b in found.values() if len(b) >= least]
        return bundles + [[leaf] for b in found.values() if len(b) < least for leaf in b]

    # edges

    def edges(self, references: dict[tuple[int, str], Node]) -> list[Edge]:
        """The edges, in the order of their first uses."""
        pairs: dict[tuple[str, str], list[Use]] = {}
        together = set()
        for entry in self.entries:
            head = self.owner[entry.id]
            for argument, source in enumerate(entry.inputs):
                tail = self.owner[source]
                if tail is head:
                    continue
                start = references.get((tail.entries[0], head.id), tail)
                pair = start.id, head.id
                pairs.setdefault(pair, []).append(Use(source, entry.id, argument))
                if head.is_box or tail.is_bundle or len(pairs[pair]) > MAX_USES:
                    together.add(pair)
        edges = []
        for pair, uses in pairs.items():
            grouped = [uses] if pair in together else [[use] for use in uses]
            edges += [Edge(*pair, tuple(group)) for group in grouped]
        return sorted(edges, key=lambda edge: (edge.uses[0].user, edge.uses[0].argument))
