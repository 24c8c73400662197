"""A step in blocks of rows: its large results never exist as a whole, and stay in the cache.

`rows.py` proves that it can. The blocks' sums are added up, and what is computed of them comes after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..programs.instructions import Instruction, renumbered, replaced
from . import calls
from .rows import Kind, kinds_of

LARGE = 1 << 23  # bytes of a result from which on blocks pay
CACHED = 1 << 20  # bytes of a block's largest result, which stay in the cache
MOST = 1 << 8  # blocks: so many sums of float32 are added up without losing digits
FEWEST = 512  # rows of a block, at least: with fewer, products are slower


@dataclass(frozen=True)
class Block:
    """What is computed of some rows.

    Attributes:
        start, stop: the first row, and the one after the last, of all blocks of this size.
        size: rows of one. body: its calls.
        inputs: by its number, the whole array whose rows an input of the body is.
        sums: by its number, the sum over all rows that a sum of the body is a part of.
    """

    start: int
    stop: int
    size: int
    body: list[Instruction]
    inputs: dict[int, int]
    sums: dict[int, int]


@dataclass(frozen=True)
class Blocks:
    """A step's calls: those before the blocks, those of each block, and those after.

    Attributes:
        rows: of the data. size: of a block. nbytes: of a block's largest result.
        kinds: of the body's results.
    """

    before: list[Instruction]
    body: list[Instruction]
    after: list[Instruction]
    rows: int
    size: int
    nbytes: int
    kinds: dict[int, Kind]

    @property
    def sums(self) -> list[Instruction]:
        return [i for i in self.body if self.kinds[i.id] == "sum"]

    def numbered(self, first: int) -> Iterator[Block]:
        """The blocks of one size, and the smaller one at the end, with numbers of their own from `first`."""
        whole = self.rows // self.size * self.size
        spans = [(0, whole, self.size), (whole, self.rows, self.rows - whole)]
        for start, stop, size in spans[: 2 if whole < self.rows else 1]:
            block = self._block(start, stop, size, first)
            first += len(block.body)
            yield block

    def _block(self, start: int, stop: int, size: int, first: int) -> Block:
        now = {i.id: first + k for k, i in enumerate(self.body)}
        body = [self._narrowed(i, size, now) for i in self.body]
        inputs = {now[i.id]: i.id for i in self.body if i.call == "input"}
        return Block(start, stop, size, body, inputs, {now[i.id]: i.id for i in self.sums})

    def _narrowed(self, i: Instruction, size: int, now: dict[int, int]) -> Instruction:
        """A call of the body for fewer rows."""
        kind, shape = self.kinds[i.id], i.shape or ()
        args = renumbered(i.args, {number: now.get(number, number) for number in i.refs})
        if kind in ("rows", "places") and shape:
            shape = (size, *shape[1:])
        elif kind == "turned":
            shape = (*shape[:-1], size)
        if i.call in ("ndarray.reshape", "np.broadcast_to"):
            args = (args[0], shape)
        elif i.call in ("np.zeros", "np.ones"):
            args = (shape, *args[1:])
        elif i.call == "np.arange":
            args = (size,)
        of = now.get(i.gradient_of, i.gradient_of) if i.gradient_of is not None else None
        return replaced(i, id=now[i.id], args=args, shape=shape, gradient_of=of)


def in_blocks(instructions: list[Instruction], data: set[int], kept: set[int]) -> Blocks | None:
    """The calls in blocks of rows; None if that is not proved, or does not pay.

    Args:
        data: the inputs that may be taken apart.
        kept: results that must be whole in the end.
    """
    counts = {i.shape[0] for i in instructions if i.id in data and i.shape}
    of_rows = [i for i in instructions if i.shape and i.shape[0] in counts]
    largest = max(of_rows, key=_bytes, default=None)
    if largest is None or not largest.shape or _bytes(largest) < LARGE:
        return None
    rows = largest.shape[0]
    data = {i.id for i in instructions if i.id in data and (i.shape or ())[:1] == (rows,)}
    kinds = kinds_of(instructions, data, rows)
    if kinds is None or any(kinds[n] in ("rows", "turned", "places") for n in kept - data):
        return None
    by_row = [i for i in instructions if kinds[i.id] in ("rows", "turned", "places", "sum")]
    widest = max((_bytes(i) // rows for i in by_row if kinds[i.id] == "rows"), default=0)
    size = _size(rows, max(FEWEST, CACHED // max(1, widest), rows // MOST))
    before = [i for i in instructions if kinds[i.id] == "fixed" or i.id in data]
    after = [i for i in instructions if kinds[i.id] == "after"]
    blocks = Blocks(before, by_row, after, rows, size, size * widest, kinds)
    return blocks if size < rows and _pays(blocks) else None


def _bytes(i: Instruction) -> int:
    """Of a result that is an array."""
    return calls.bytes_of(i) if i.shape else 0


def _size(rows: int, wanted: int) -> int:
    """Rows of a block: about as many as wanted, and the same in each if possible."""
    near = range(wanted, wanted // 2, -1)
    return next((n for n in near if rows % n == 0), wanted)


def _pays(blocks: Blocks) -> bool:
    """Whether the bytes of large results that stay in the cache are more than those of the sums, each of
    which is read and written once more in every block.
    """
    rows = [i for i in blocks.body if blocks.kinds[i.id] == "rows" and not calls.is_product(i)]
    saved = sum(2 * _bytes(i) for i in rows if _bytes(i) > CACHED)
    added = sum(3 * _bytes(i) for i in blocks.sums)
    return saved > math.ceil(blocks.rows / blocks.size) * added
