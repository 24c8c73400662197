"""A trace's layers -> Graph: the boxes of an architecture and how they are joined.

What repeats is drawn once: the entries of all repetitions belong to the boxes of the first. An edge
from one repetition to another is not drawn; the heading says that they stand one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, final

from tinygrad_xent.tracing import Scope

from .blocks import Block, Item, Runs, Structure, entries_of, order
from .graph import Edge, Graph, Kind, Node, Use
from .labels import counted, relative, spanned
from .layers import Layer, Parameter
from .repeats import Run
from .views import View

Path: TypeAlias = tuple[int, ...]  # ids of the open scopes around, from the outermost in


@dataclass(eq=False)
class Box:
    """A node or an open scope in the making.

    Attributes:
        name: in full, as the first layer that it stands for has it.
        title: in full, for all of these; `outer` is the first name of the scope around it.
        path: the open scopes around it.
        first: the entries of the first of all layers that it stands for.
        entries: those of all of them.
        is_operation: whether it is one operation, or one function of the package.
        held: ids of the parameters inside.
        shared: ids of parameters that it uses and another box holds.
    """

    name: str
    title: str
    outer: str
    path: Path
    count: int = 1
    order: str = ""
    first: tuple[int, ...] = ()
    entries: list[int] = field(default_factory=list)
    contents: tuple[str, ...] = ()
    is_operation: bool = False
    held: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Copies:
    """What is left to do of a run once its first repetition has its boxes."""

    run: Run[int | Block]
    scope: int


Task: TypeAlias = "Item | Runs | Copies"


@final
class Plan:
    """Places the layers of a trace, scopes deeper than the view's `fold` as one box each.

    Args:
        names: of entries, "" of those that have none.
        moved: the operations that belong to what made their numbers, with that.
        most: how many boxes it may have; with more it is of no use, and not finished.
    """

    def __init__(
        self,
        structure: Structure,
        output: int,
        names: Mapping[int, str],
        moved: Mapping[int, int],
        view: View,
        most: float,
    ) -> None:
        self.structure, self.entries, self.output = structure, structure.entries, output
        self.names, self.moved, self.view, self.most = names, moved, view, most
        self.boxes: list[Box] = []
        self.owner: dict[int, Box] = {}
        self.turns: dict[int, dict[int, int]] = {}  # entry -> which repetition, of runs around it
        self.scopes: dict[int, tuple[Scope, Box]] = {}
        if view.parts is not None:
            self.cut(view.parts)
        else:
            self.place(structure.root)
        for entry, origin in moved.items() if len(self.boxes) <= most else ():
            self.owner[entry], self.turns[entry] = self.owner[origin], self.turns[origin]
            self.owner[entry].entries.append(entry)

    # boxes and open scopes

    def place(self, root: Block) -> None:
        """Add the boxes of all operations."""
        waiting: list[tuple[Task, Path, str]] = self.inside(root, (), "")
        while waiting and len(self.boxes) <= self.most:  # no recursion: scopes may nest deep
            task, path, outer = waiting.pop()
            if isinstance(task, Copies):
                self.copy(task)
            elif isinstance(task, Run):
                waiting += self.put_run(task, path, outer)
            elif isinstance(task, Block) and not self.closes(task):
                box = Box(self.name(task), self.name(task), outer, path)
                waiting += self.inside(task, self.open(box, task.scope), box.name)
            else:
                self.put(task, path, outer)

    def inside(self, block: Block, path: Path, outer: str) -> list[tuple[Task, Path, str]]:
        """What there is to do for a block: the last first."""
        items = pairs(self.structure.compress(block, self.view.repeats == "all"), self.structure)
        return [(item, path, outer) for item in reversed(items)]

    def closes(self, block: Block) -> bool:
        """Whether a scope is one box: it is a layer, or stands too deep."""
        assert self.view.fold is not None
        return block.level >= self.view.fold or is_layer(block)

    def cut(self, parts: int) -> None:
        """Add at most so many boxes, for stretches of about equal length."""
        items = self.structure.compress(self.structure.root)
        size = -(-len(items) // max(1, parts))
        for start in range(0, len(items), size):
            stretch = items[start : start + size]
            entries = [entry for item in stretch for entry in entries_of(item)]
            box = self.add(f"part {len(self.boxes) + 1}" if parts else "everything", entries)
            counts = Counter(self.entries[entry].op for entry in entries)
            box.contents = tuple(f"{n:,} {op}" for op, n in counts.most_common())

    def add(self, name: str, entries: Iterable[int], path: Path = (), outer: str = "") -> Box:
        """Add a box that stands for these operations."""
        first = tuple(entries)
        box = Box(name, name, outer, path, first=first, entries=list(first))
        self.boxes.append(box)
        for entry in first:
            self.owner[entry], self.turns[entry] = box, {}
        return box

    def put(self, item: int | Block, path: Path, outer: str) -> Box:
        """Add the box of an operation or a closed scope."""
        box = self.add(self.name(item), entries_of(item), path, outer)
        scope = item.scope if isinstance(item, Block) else None
        box.is_operation = len(box.first) == 1 or (scope is not None and scope.is_function)
        if isinstance(item, Block) and not is_layer(item):
            box.contents = self.contents(item)
        return box

    def put_run(
        self, run: Run[int | Block], path: Path, outer: str
    ) -> list[tuple[Task, Path, str]]:
        """Add the box of a run of closed scopes; or open a scope for the first repetition."""
        phrase, everything = run.phrase, list(entries_of(run))
        (alone,) = phrase if len(phrase) == 1 else (None,)
        block = alone if isinstance(alone, Block) else None
        title = "repeated" if alone is None else spanned([self.name(item) for item in run.items])
        feeding = order(everything, run.count, lambda entry: self.entries[entry].inputs, self.moved)
        closed = alone if isinstance(alone, int) else block
        if closed is not None and (block is None or self.closes(block)):
            box = self.put(closed, path, outer)
            box.entries = everything
            for entry in everything:
                self.owner[entry], self.turns[entry] = box, {}
            box.title, box.count, box.order = title, run.count, feeding
            return []
        name = self.name(block) if block else outer
        box = Box(name, title, outer, path, run.count, feeding)
        within = self.open(box, block.scope if block else None)
        copies: list[tuple[Task, Path, str]] = [(Copies(run, within[-1]), within, "")]
        if block is not None:
            return copies + self.inside(block, within, name)
        return copies + [(item, within, outer) for item in reversed(phrase)]

    def open(self, box: Box, scope: Scope | None) -> Path:
        """Add an open scope; the path of what is inside."""
        own = -1 - len(self.scopes) if scope is None else scope.id
        known = scope or Scope(own, box.title, None)
        self.scopes[own] = known, box
        return (*box.path, own)

    def copy(self, task: Copies) -> None:
        """Have the boxes of a run's first repetition stand for the others too."""
        run, size = task.run, len(task.run.phrase)
        first = [e for item in run.phrase for e in entries_of(item)]
        for turn in range(1, run.count):
            items = run.items[turn * size : (turn + 1) * size]
            copies = (e for item in items for e in entries_of(item))
            for entry, copied in zip(first, copies, strict=True):
                self.owner[copied] = self.owner[entry]
                self.owner[entry].entries.append(copied)
                self.turns[copied] = {**self.turns[entry], task.scope: turn}
        for entry in first:
            self.turns[entry] = {**self.turns[entry], task.scope: 0}

    def contents(self, block: Block) -> tuple[str, ...]:
        """The names of the scopes in a closed one."""
        found = []
        for item in self.structure.compress(block, every=False):
            if isinstance(item, Run):
                parts = [i for i in item.phrase if isinstance(i, Block)]
                size = len(item.phrase)
                spans = [
                    spanned([self.name(b) for b in item.items[item.items.index(part) :: size]])
                    for part in parts
                ]
                found.append(f"{' + '.join(spans)} ×{item.count:,}")
            elif isinstance(item, Block):
                found.append(self.name(item))
        return tuple(relative(name, self.name(block)) for name in found)

    def name(self, item: Item | Runs) -> str:
        if isinstance(item, int):
            named = self.names.get(item, "")
            return f"{named} = {self.entries[item].op}" if named else self.entries[item].op
        if isinstance(item, Block):
            assert item.scope is not None, "all but the root"
            return item.scope.name
        return "repeated"

    # leaves

    def leaves(self) -> list[tuple[Box, Kind]]:
        """Give each parameter to the first box that uses it, and make boxes for what comes from outside."""
        users: dict[int, dict[Box, None]] = {
            e.id: {} for e in self.entries if e.kind != "operation"
        }
        for entry in self.entries:
            for source in entry.inputs:
                if source in users:
                    users[source][self.owner[entry.id]] = None
        bundles: dict[Hashable, list[int]] = {}
        for leaf, found in users.items():
            kind = self.structure.kinds[leaf]
            if kind == "parameter" and found:
                holder, *others = found
                holder.held.append(leaf)
                for other in others:
                    other.shared.append(leaf)
            elif kind == "input" or leaf == self.output:
                bundles.setdefault((kind, *map(id, found)), []).append(leaf)
        made: list[tuple[Box, Kind]] = []
        for leaves in bundles.values():
            title = self.title(leaves)
            box = Box(title, title, "", (), first=tuple(leaves), entries=leaves)
            self.owner.update(dict.fromkeys(leaves, box))
            self.turns.update({leaf: {} for leaf in leaves})
            made.append((box, self.structure.kinds[leaves[0]]))
        return made

    def title(self, leaves: list[int]) -> str:
        """What one leaf, or many that go to the same boxes, are called."""
        words = {self.structure.words[leaf] for leaf in leaves}
        word = words.pop() if len(words) == 1 else "input"
        if len(leaves) > 1:
            return counted(len(leaves), word)
        name = self.names.get(leaves[0], "")
        return f"{name}: {word}" if name else word

    # the graph

    def graph(self) -> Graph | None:
        """The graph, unless it has more than `most` nodes."""
        leaves = self.leaves() if len(self.boxes) <= self.most else []
        if len(self.boxes) + len(leaves) > self.most:
            return None
        nodes = [self.node(box, kind) for box, kind in leaves]
        nodes += [self.node(box, self.kind(box)) for box in self.boxes]
        nodes.sort(key=lambda node: node.entries[0])
        parents = {own: box.path[-1] if box.path else None for own, (_, box) in self.scopes.items()}
        scopes = {own: scope for own, (scope, _) in self.scopes.items()}
        layers = {
            own: self.layer(box, self.held_in(own, box)) for own, (_, box) in self.scopes.items()
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
            output=self.output in box.entries,
            layer=self.layer(
                box, (box.held, [leaf for leaf in box.held if self.is_first(box, leaf)])
            ),
        )

    def is_first(self, box: Box, leaf: int) -> bool:
        """Whether the first layer that a box stands for uses a parameter."""
        return any(leaf in self.entries[entry].inputs for entry in box.first)

    def held_in(self, own: int, scope: Box) -> tuple[list[int], list[int]]:
        """The parameters inside an open scope, and of the first one that it stands for."""
        around = (*scope.path, own)
        inside = [box for box in self.boxes if box.path[: len(around)] == around]
        held = [leaf for box in inside for leaf in box.held]
        used = {
            source
            for box in inside
            for entry in box.entries
            if not any(self.turns[entry].get(run, 0) for run in around)
            for source in self.entries[entry].inputs
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
            tuple(self.names.get(leaf) or "a parameter" for leaf in box.shared),
            box.contents,
        )

    def parameter(self, leaf: int, box: Box) -> Parameter:
        """A parameter, its name relative to that of its layer."""
        entry, name = self.entries[leaf], self.names.get(leaf, "")
        own = relative(name, box.name)
        name = own if own != name else relative(name, box.outer)
        return Parameter(name or "parameter", entry.shape, entry.value.nbytes)

    def edges(self) -> Iterable[Edge]:
        """The edges, in the order of their first uses: of what repeats, those of the first repetition."""
        found: dict[tuple[Box, Box], list[Use]] = {}
        for entry in self.entries:
            for argument, source in enumerate(entry.inputs):
                tail, head = self.owner.get(source), self.owner.get(entry.id)
                if tail is None or head is None or tail is head:
                    continue
                there, here = self.turns[source], self.turns[entry.id]
                if all(there[run] == here[run] == 0 for run in there.keys() & here.keys()):
                    found.setdefault((tail, head), []).append(Use(source, entry.id, argument))
        return [
            Edge(node_id(tail), node_id(head), tuple(uses)) for (tail, head), uses in found.items()
        ]


def node_id(box: Box) -> str:
    """The DOT name of a box."""
    return f"n{box.entries[0]}"


def is_layer(block: Block) -> bool:
    """Whether there is no other scope of the user's in a scope."""
    return not any(
        isinstance(item, Block) and item.scope is not None and not item.scope.is_function
        for item in block.items
    )


def pairs(items: list[Item | Runs], structure: Structure) -> list[Item | Runs]:
    """The items with two equal branches as one: neighbours that go to the same operations."""
    made: list[Item | Runs] = []
    for item in items:
        last = made[-1] if made else None
        if isinstance(item, Block) and isinstance(last, Block) and structure.alike(last, item):
            made[-1] = Run((last, item), 2)
        else:
            made.append(item)
    return made
