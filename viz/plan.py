"""A trace -> the boxes of an architecture: which layers there are, and what repeats.

What repeats has boxes once: the entries of all repetitions belong to those of the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, final

from tinygrad_xent.tracing import Scope

from .blocks import Block, Item, Runs, Structure, entries_of, order
from .labels import relative, spanned
from .repeats import Run
from .views import View

Path: TypeAlias = tuple[int, ...]  # ids of the open scopes around, from the outermost in


@dataclass(eq=False)
class Box:
    """A node or an open scope in the making.

    Attributes:
        name: in full, as the first layer that it stands for has it.
        title: in full, for all of these.
        outer: the name of the scope around it, as the first of these has it.
        path: the open scopes around it.
        count: how many equal layers it stands for itself, and `order` how these feed one another.
        first: the entries of the first of all layers that it stands for.
        entries: those of all of them.
        contents: the names of the layers inside, if they have no boxes.
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
        most: how many boxes it may have; with more it is of no use, and not finished.
    """

    def __init__(
        self,
        structure: Structure,
        output: int,
        names: Mapping[int, str],
        view: View,
        most: float,
    ) -> None:
        self.structure, self.entries, self.output = structure, structure.entries, output
        self.names, self.view, self.most = names, view, most
        self.boxes: list[Box] = []
        self.owner: dict[int, Box] = {}
        self.turns: dict[int, dict[int, int]] = {}  # entry -> which repetition, of runs around it
        self.scopes: dict[int, tuple[Scope, Box]] = {}
        if view.parts is not None:
            self.cut(view.parts)
        else:
            self.place(structure.root)
        for entry, origin in structure.moved.items() if len(self.boxes) <= most else ():
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
        feeding = order(everything, run.count, self.structure.inputs)
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
            return self.entries[item].op
        if isinstance(item, Block):
            assert item.scope is not None, "all but the root"
            return item.scope.name
        return "repeated"


def is_layer(block: Block) -> bool:
    """Whether there is no other scope of the user's in a scope."""
    return not any(
        isinstance(item, Block) and item.scope is not None and not item.scope.is_function
        for item in block.items
    )


def pairs(items: list[Item | Runs], structure: Structure) -> list[Item | Runs]:
    """The items, each pair of equal neighbouring branches made one run."""
    made: list[Item | Runs] = []
    for item in items:
        last = made[-1] if made else None
        if isinstance(item, Block) and isinstance(last, Block) and structure.alike(last, item):
            made[-1] = Run((last, item), 2)
        else:
            made.append(item)
    return made
