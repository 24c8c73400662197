"""The boxes of an architecture -> Graph: their parameters, and how they are joined.

An edge from one repetition of a run to another is not drawn; the heading of the run says that they
stand one after another.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import final

import numpy as np

from .graph import Edge, Graph, Kind, Node, Use
from .labels import counted, dtype_and_shape, number, relative
from .layers import Layer, Parameter
from .plan import Box, Plan


@final
class LayerGraph:
    """Makes the graph of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def leaves(self) -> list[tuple[Box, Kind]]:
        """Give each parameter to the first box that uses it, and make boxes for what comes from outside."""
        users: dict[int, dict[Box, None]] = {
            e.id: {} for e in self.plan.entries if e.kind != "operation"
        }
        for entry in self.plan.entries:
            for source in entry.inputs:
                if source in users:
                    users[source][self.plan.owner[entry.id]] = None
        bundles: dict[Hashable, list[int]] = {}
        for leaf, found in users.items():
            kind = self.plan.structure.kinds[leaf]
            if kind == "parameter" and found:
                holder, *others = found
                holder.held.append(leaf)
                for other in others:
                    other.shared.append(leaf)
            elif self.plan.view.parts == 0 and found:
                next(iter(found)).entries.append(leaf)
            elif kind == "input" or leaf == self.plan.output:
                bundles.setdefault((kind, *map(id, found)), []).append(leaf)
        made: list[tuple[Box, Kind]] = []
        for leaves in bundles.values():
            title = self.title(leaves)
            box = Box(title, title, "", (), first=tuple(leaves), entries=leaves)
            self.plan.owner.update(dict.fromkeys(leaves, box))
            self.plan.turns.update({leaf: {} for leaf in leaves})
            made.append((box, self.plan.structure.kinds[leaves[0]]))
        return made

    def title(self, leaves: list[int]) -> str:
        """What one leaf, or many that go to the same boxes, are called."""
        words = {self.plan.structure.words[leaf] for leaf in leaves}
        word = words.pop() if len(words) == 1 else "input"
        if len(leaves) > 1:
            return counted(len(leaves), word)
        name = self.plan.names.get(leaves[0], "")
        return f"{name}: {word}" if name else word

    def graph(self) -> Graph | None:
        """The graph, unless it has more than `most` nodes."""
        leaves = self.leaves() if len(self.plan.boxes) <= self.plan.most else []
        if len(self.plan.boxes) + len(leaves) > self.plan.most:
            return None
        nodes = [self.node(box, kind) for box, kind in leaves]
        nodes += [self.node(box, self.kind(box)) for box in self.plan.boxes]
        nodes.sort(key=lambda node: node.entries[0])
        parents = {
            own: box.path[-1] if box.path else None for own, (_, box) in self.plan.scopes.items()
        }
        scopes = {own: scope for own, (scope, _) in self.plan.scopes.items()}
        layers = {
            own: self.layer(box, self.held_in(own, box))
            for own, (_, box) in self.plan.scopes.items()
        }
        return Graph(tuple(nodes), tuple(self.edges()), scopes, parents, layers=layers)

    def kind(self, box: Box) -> Kind:
        if box.count > 1:
            return "repeat"
        if box.held or box.shared:
            return "layer"
        return "operation" if box.is_operation else "group"

    def node(self, box: Box, kind: Kind) -> Node:
        return Node(
            node_id(box),
            kind,
            tuple(box.entries),
            tuple(box.held),
            box.path,
            box.title,
            count=box.count,
            output=self.plan.output in box.entries,
            layer=self.layer(
                box, (box.held, [leaf for leaf in box.held if self.is_first(box, leaf)])
            ),
        )

    def is_first(self, box: Box, leaf: int) -> bool:
        """Whether the first layer that a box stands for uses a parameter."""
        return any(leaf in self.plan.entries[entry].inputs for entry in box.first)

    def held_in(self, own: int, scope: Box) -> tuple[list[int], list[int]]:
        """The parameters inside an open scope, and of the first one that it stands for."""
        around = (*scope.path, own)
        inside = [box for box in self.plan.boxes if box.path[: len(around)] == around]
        held = [leaf for box in inside for leaf in box.held]
        used = {
            source
            for box in inside
            for entry in box.entries
            if not any(self.plan.turns[entry].get(run, 0) for run in around)
            for source in self.plan.entries[entry].inputs
        }
        return held, [leaf for leaf in held if leaf in used]

    def layer(self, box: Box, held: tuple[list[int], list[int]]) -> Layer:
        everything, first = held
        return Layer(
            relative(box.title, box.outer),
            box.title,
            box.count,
            box.order,
            tuple(self.parameter(leaf, box) for leaf in first),
            tuple(self.parameter(leaf, box) for leaf in everything),
            tuple(self.plan.names.get(leaf) or "a parameter" for leaf in box.shared),
            box.contents,
            self.facts(box),
        )

    def facts(self, box: Box) -> tuple[str, ...]:
        """The arrays among the settings of an operation, and the numbers among its arguments."""
        if not box.is_operation:
            return ()
        entries = [self.plan.entries[entry] for entry in box.first]
        found = [
            f"{name} {dtype_and_shape(array)}"
            for entry in entries
            for name, setting in entry.settings.items()
            for array in (setting if isinstance(setting, tuple) else (setting,))
            if isinstance(array, np.ndarray) and array.ndim
        ]
        if len(entries) == 1:
            words = zip(entries[0].arguments, entries[0].inputs, strict=True)
            found += [
                f"{argument} = {number(self.plan.entries[source].value)}"
                for argument, source in words
                if self.plan.structure.words.get(source) == "constant"
            ]
        return tuple(found)

    def parameter(self, leaf: int, box: Box) -> Parameter:
        """A parameter, its name relative to that of its layer."""
        entry, name = self.plan.entries[leaf], self.plan.names.get(leaf, "")
        own = relative(name, box.name)
        name = own if own != name else relative(name, box.outer)
        return Parameter(name or "parameter", entry.shape, entry.value.nbytes)

    def edges(self) -> Iterable[Edge]:
        """The edges, in the order of their first uses: of what repeats, those of the first repetition."""
        found: dict[tuple[Box, Box], list[Use]] = {}
        others: dict[tuple[Box, Box], list[Use]] = {}
        for entry in self.plan.entries:
            for argument, source in enumerate(entry.inputs):
                tail, head = self.plan.owner.get(source), self.plan.owner.get(entry.id)
                if tail is None or head is None or tail is head:
                    continue
                there, here = self.plan.turns[source], self.plan.turns[entry.id]
                common = there.keys() & here.keys()
                if all(there[run] == here[run] for run in common):
                    first = all(here[run] == 0 for run in common)
                    uses = (found if first else others).setdefault((tail, head), [])
                    uses.append(Use(source, entry.id, argument))
        return [
            Edge(node_id(tail), node_id(head), tuple(uses), tuple(others.get((tail, head), ())))
            for (tail, head), uses in found.items()
        ]


def node_id(box: Box) -> str:
    """The DOT name of a box."""
    return f"n{box.entries[0]}"
