"""The operations of a trace as a tree of its scopes, and which parts of the tree are equal.

Equal is what has the same structure: operations, shapes, settings, nesting and wiring. Names do not
count: the twelve layers of a model are equal, though each is called by its own path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, final

from tinygrad_xent.tracing import Entry, Scope, Trace

from .labels import settings_text
from .leaves import kind_of, words_of
from .repeats import Run, runs

MIN_REPEATS = 3  # fewer equal neighbours than this stay as they are


@dataclass
class Block:
    """A scope, or the whole computation, with its operations and inner scopes in order.

    Attributes:
        level: how many scopes are around it.
        items: what stands directly in it.
        size: how many operations are in it, at any depth.
    """

    scope: Scope | None
    level: int = 0
    items: list[int | Block] = field(default_factory=list)
    size: int = 0

    @property
    def entries(self) -> list[int]:
        """All operations in it, at any depth. They are looked for each time: were each scope to keep its
        own, deep ones would take the square of their depth.
        """
        found, waiting = list[int](), [self]
        while waiting:
            for item in waiting.pop().items:
                if isinstance(item, Block):
                    waiting.append(item)
                else:
                    found.append(item)
        return sorted(found)


Item: TypeAlias = int | Block
Runs: TypeAlias = Run[int | Block]


def blocks(
    trace: Trace,
    scopes: Callable[[Entry], Sequence[Scope]] = lambda entry: entry.scopes,
    without: Collection[int] = (),
) -> Block:
    """The operations of a trace as a tree of their scopes.

    Args:
        scopes: those around an entry that count.
        without: operations that are left out.
    """
    root = Block(None)
    known: dict[int, Block] = {}
    around: list[tuple[Block, Block]] = []  # each block and the one around it, outer ones first
    for entry in trace:
        if entry.kind != "operation" or entry.id in without:
            continue
        path = scopes(entry)
        block = known.get(path[-1].id) if path else root
        if block is None:
            block = root
            for level, scope in enumerate(path):
                if scope.id not in known:
                    known[scope.id] = Block(scope, level)
                    block.items.append(known[scope.id])
                    around.append((known[scope.id], block))
                block = known[scope.id]
        block.items.append(entry.id)
        block.size += 1
    for inner, outer in reversed(around):
        outer.size += inner.size
    return root


def depth(trace: Trace) -> int:
    """How deep the scopes nest."""
    return max((len(entry.scopes) for entry in trace), default=0)


def entries_of(item: Item | Runs) -> Iterator[int]:
    """The operations of an item, in creation order."""
    if isinstance(item, int):
        yield item
    elif isinstance(item, Block):
        yield from item.entries
    else:
        for inner in item.items:
            yield from entries_of(inner)


@final
class Structure:
    """What all views of a trace share: the tree of its scopes, where they repeat, the kinds of leaves.
    What was found once is kept.

    Args:
        root: the tree, if not all operations and scopes count.
        moved: the operations that only moved numbers and are not in the tree, each with what made them.
    """

    def __init__(
        self, trace: Trace, root: Block | None = None, moved: Mapping[int, int] | None = None
    ) -> None:
        self.entries, self.moved = trace.entries, moved or {}
        self.root = root or blocks(trace)
        self.words = words_of(trace)
        self.kinds = {leaf: kind_of(word) for leaf, word in self.words.items()}
        self.numbers: dict[Hashable, int] = {}  # what is equal has the same
        self.keyed: dict[int, list[int]] = {}
        self.compressed: dict[tuple[int, bool], list[Item | Runs]] = {}

    def compress(self, block: Block, every: bool = True) -> list[Item | Runs]:
        """The items of a block with each run of equal ones made into one: every run, or only those that
        have a scope in the phrase.
        """
        key = id(block), every
        if key not in self.compressed:
            self.compressed[key] = runs(
                block.items,
                self.keys(block),
                MIN_REPEATS,
                lambda phrase: every or any(not isinstance(item, int) for item in phrase),
                self.wiring,
            )
        return self.compressed[key]

    def keys(self, block: Block) -> list[int]:
        """A key for each item of a block, the same for equal items.

        What has too few neighbours of its size to repeat needs no signature; without that, deep scopes
        would take the cube of their depth.
        """
        if id(block) not in self.keyed:
            sizes = Counter(item.size for item in block.items if isinstance(item, Block))
            self.keyed[id(block)] = [
                -1 - i  # like no other
                if isinstance(item, Block) and sizes[item.size] < MIN_REPEATS
                else self.signature(item)
                for i, item in enumerate(block.items)
            ]
        return self.keyed[id(block)]

    def origin(self, source: int) -> int:
        """Where a value comes from: of one that was only moved, what it was before."""
        return self.moved.get(source, source)

    def inputs(self, entry: int) -> list[int]:
        """Where the inputs of an operation come from."""
        return [self.origin(source) for source in self.entries[entry].inputs]

    def wiring(self, phrase: Sequence[Item | Runs]) -> Hashable:
        """Which operation of each item of a phrase uses what of which other item."""
        places = {
            entry: (i, j)
            for i, item in enumerate(phrase)
            for j, entry in enumerate(entries_of(item))
        }
        return frozenset(
            (place, argument, places[origin])
            for entry, place in places.items()
            for argument, origin in enumerate(self.inputs(entry))
            if origin in places and places[origin][0] != place[0]
        )

    def alike(self, one: Block, other: Block) -> bool:
        """Whether two scopes are equal branches: nothing else than the same operations use them."""
        if one.size != other.size or self.readers(one) != self.readers(other):
            return False
        return self.signature(one) == self.signature(other)

    def readers(self, block: Block) -> set[int]:
        """The operations outside a scope that use what it computed."""
        inside = block.entries
        return {user for entry in inside for user in self.users[entry]}.difference(inside)

    @cached_property
    def users(self) -> list[list[int]]:
        """For each entry the operations that use it, or what was only moved of it."""
        found: list[list[int]] = [[] for _ in self.entries]
        for entry in self.entries:
            for source in entry.inputs if entry.id not in self.moved else ():
                found[self.origin(source)].append(entry.id)
        return found

    def signature(self, item: Item) -> int:
        """A number that structurally identical items share.

        That is: the same operations with the same settings, shapes and nesting, wired alike inside; of
        what comes from outside the shapes, and which uses are of the same value.
        """
        if isinstance(item, int):
            return self.operation(item)
        inside = item.entries
        values = {entry: i for i, entry in enumerate(inside)}
        scopes: dict[int, int] = {}
        rows = []
        for i in inside:
            entry = self.entries[i]
            nesting = tuple(
                [scopes.setdefault(s.id, len(scopes)) for s in entry.scopes[item.level :]]
            )
            wires = tuple([values.setdefault(source, len(values)) for source in self.inputs(i)])
            rows.append((self.operation(i), nesting, wires))
        return self.numbers.setdefault(tuple(rows), len(self.numbers))

    def operation(self, i: int) -> int:
        """The signature of one operation."""
        entry, values = self.entries[i], dict[int, int]()
        wires = tuple(
            [
                (values.setdefault(source, len(values)), self.entries[source].shape)
                for source in entry.inputs
            ]
        )
        key = entry.op, entry.shape, settings_text(entry.settings), wires
        return self.numbers.setdefault(key, len(self.numbers))


def order(entries: Sequence[int], count: int, inputs: Callable[[int], Iterable[int]]) -> str:
    """How `count` equal things, of these entries in order, feed one another, in words.

    Args:
        inputs: of an entry.

    >>> order([0, 1, 2], 3, lambda entry: [entry - 1]), order([0, 1, 2], 3, lambda entry: [9])
    ('one after another', 'side by side')
    """
    size = len(entries) // count
    place = {entry: i // size for i, entry in enumerate(entries)}
    steps = {
        (place[source], place[entry])
        for entry in entries
        for source in inputs(entry)
        if source in place
    }
    if all((k, k + 1) in steps for k in range(count - 1)):
        return "one after another"
    return "side by side" if all(a == b for a, b in steps) else "in part one after another"
