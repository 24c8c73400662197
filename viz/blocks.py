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
        entries: all operations in it, at any depth.
    """

    scope: Scope | None
    level: int = 0
    items: list[int | Block] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)


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
    for entry in trace:
        if entry.kind != "operation" or entry.id in without:
            continue
        block = root
        block.entries.append(entry.id)
        for level, scope in enumerate(scopes(entry)):
            if scope.id not in known:
                known[scope.id] = Block(scope, level)
                block.items.append(known[scope.id])
            block = known[scope.id]
            block.entries.append(entry.id)
        block.items.append(entry.id)
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
    """

    def __init__(self, trace: Trace, root: Block | None = None) -> None:
        self.entries = trace.entries
        self.root = root or blocks(trace)
        self.words = words_of(trace)
        self.kinds = {leaf: kind_of(word) for leaf, word in self.words.items()}
        self.signatures: dict[Hashable, int] = {}
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
            )
        return self.compressed[key]

    def keys(self, block: Block) -> list[Hashable]:
        """A key for each item of a block, the same for equal items.

        What has too few neighbours of its size to repeat needs no signature; without that, deep scopes
        would take the cube of their depth.
        """
        sizes = Counter(len(item.entries) for item in block.items if isinstance(item, Block))
        return [
            ("alone", i)
            if isinstance(item, Block) and sizes[len(item.entries)] < MIN_REPEATS
            else self.signature(item)
            for i, item in enumerate(block.items)
        ]

    def alike(self, one: Block, other: Block) -> bool:
        """Whether two scopes are equal branches: nothing else than the same operations use them."""
        if len(one.entries) != len(other.entries) or self.readers(one) != self.readers(other):
            return False
        return self.signature(one) == self.signature(other)

    def readers(self, block: Block) -> set[int]:
        """The operations outside a scope that use what it computed."""
        inside = set(block.entries)
        return {
            e.id for e in self.entries if e.id not in inside and not inside.isdisjoint(e.inputs)
        }

    def signature(self, item: Item) -> int:
        """A number that structurally identical items share.

        That is: the same operations with the same settings, shapes and nesting, wired alike inside; of
        what comes from outside the shapes, and which uses are of the same value.
        """
        inside = list(entries_of(item))
        places = {entry: i for i, entry in enumerate(inside)}
        outside: dict[int, int] = {}
        scopes: dict[int, int] = {}

        def wire(source: int) -> Hashable:
            if source in places:
                return places[source]
            return outside.setdefault(source, len(outside)), self.entries[source].shape

        rows = []
        for e in (self.entries[i] for i in inside):
            within = e.scopes[item.level :] if isinstance(item, Block) else ()
            nesting = tuple(scopes.setdefault(s.id, len(scopes)) for s in within)
            wires = tuple(map(wire, e.inputs))
            rows.append((e.op, e.shape, settings_text(e.settings), nesting, wires))
        return self.signatures.setdefault(tuple(rows), len(self.signatures))


def order(
    entries: Sequence[int],
    count: int,
    inputs: Callable[[int], Iterable[int]],
    origins: Mapping[int, int] | None = None,
) -> str:
    """How `count` equal things, of these entries in order, feed one another, in words.

    Args:
        inputs: of an entry.
        origins: entries that stand for others.

    >>> order([0, 1, 2], 3, lambda entry: [entry - 1]), order([0, 1, 2], 3, lambda entry: [9])
    ('one after another', 'side by side')
    """
    size, known = len(entries) // count, origins or {}
    place = {entry: i // size for i, entry in enumerate(entries)}
    steps = {
        (place[source], place[entry])
        for entry in entries
        for source in (known.get(i, i) for i in inputs(entry))
        if source in place
    }
    if all((k, k + 1) in steps for k in range(count - 1)):
        return "one after another"
    return "side by side" if all(a == b for a, b in steps) else "in part one after another"
