"""Finds what repeats in a sequence: twelve layers, twenty steps, a thousand additions.

A run of at least `least` equal neighbours (or equal neighbouring phrases: `mul add mul add ...`)
becomes one item; then runs of those, until nothing repeats. The items of a run are neighbours in
creation order, so drawing a run as one box never makes a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")
LONGEST_PHRASE = 64


@dataclass(frozen=True)
class Run(Generic[T]):
    """`count` times the same phrase. `items` holds all of them, `phrase` is how many make one."""

    items: tuple[T | Run[T], ...]
    count: int

    @property
    def phrase(self) -> tuple[T | Run[T], ...]:
        """The first repetition."""
        return self.items[: len(self.items) // self.count]


def runs(
    items: Sequence[T],
    keys: Sequence[Hashable],
    least: int = 3,
    worth: Callable[[tuple[T | Run[T], ...]], bool] = lambda phrase: True,
    wiring: Callable[[Sequence[T | Run[T]]], Hashable] = lambda phrase: None,
) -> list[T | Run[T]]:
    """The items with each run of equal phrases as one `Run`.

    Args:
        keys: one per item, equal for equal items.
        least: how many neighbours make a run.
        worth: whether a run of this phrase is wanted.
        wiring: how the items of a phrase are joined: those of one run are joined alike.

    >>> [x.count if isinstance(x, Run) else x for x in runs("abababc", "abababc")]
    [3, 'c']
    """
    known: dict[Hashable, int] = {}
    sequence: list[T | Run[T]] = list(items)
    numbers = [known.setdefault(key, len(known)) for key in keys]
    changed = True
    while changed:
        changed = False
        for length in range(1, min(LONGEST_PHRASE, len(sequence) // least) + 1):
            found = [
                part
                for start, count in _runs_of(numbers, length, least)
                if worth(tuple(sequence[start : start + length]))
                for part in _joined_alike(sequence, start, count, length, least, wiring)
            ]
            if found:
                sequence, numbers = _fold(sequence, numbers, found, length, known)
                changed = True
                break
    return sequence


def _runs_of(numbers: list[int], length: int, least: int) -> list[tuple[int, int]]:
    """Start and count of each run of phrases of this length, from left to right.

    A run is a stretch over which the sequence equals itself shifted by one phrase.
    """
    array = np.array(numbers)
    equal = np.zeros(len(array) - length + 2, np.int8)
    equal[1:-1] = array[length:] == array[:-length]
    steps = np.diff(equal)
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    long = stops - starts >= length * (least - 1)
    found, free = [], 0
    for start, stop in zip(starts[long].tolist(), stops[long].tolist(), strict=True):
        start = max(start, free)  # what the run before has taken is not free
        count = (stop - start) // length + 1
        if count >= least:
            found.append((start, count))
            free = start + count * length
    return found


def _joined_alike(
    sequence: list[T | Run[T]],
    start: int,
    count: int,
    length: int,
    least: int,
    wiring: Callable[[Sequence[T | Run[T]]], Hashable],
) -> list[tuple[int, int]]:
    """The parts of a run, of `least` phrases at least, whose phrases are joined alike."""
    if length == 1:
        return [(start, count)]
    places = range(start, start + count * length, length)
    groups = groupby(places, key=lambda i: wiring(sequence[i : i + length]))
    parts = [list(group) for _, group in groups]
    return [(part[0], len(part)) for part in parts if len(part) >= least]


def _fold(
    sequence: list[T | Run[T]],
    numbers: list[int],
    found: list[tuple[int, int]],
    length: int,
    known: dict[Hashable, int],
) -> tuple[list[T | Run[T]], list[int]]:
    folded: list[T | Run[T]] = []
    folded_numbers: list[int] = []
    at = 0
    for start, count in found:
        stop = start + count * length
        key = ("run", count, tuple(numbers[start : start + length]))
        folded += [*sequence[at:start], Run(tuple(sequence[start:stop]), count)]
        folded_numbers += [*numbers[at:start], known.setdefault(key, len(known))]
        at = stop
    return folded + sequence[at:], folded_numbers + numbers[at:]
