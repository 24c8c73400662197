"""Writes a step in blocks of rows as a loop: slices of the data, the calls of a block, and its sums added to
those of the others.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..programs.instructions import Instruction, Ref, replaced
from . import calls
from .blocks import Block, Blocks, in_blocks
from .emitting import called, emit_all
from .pieces import Pieces
from .scaling import scaled_late
from .writer import Writer

LARGE_SUM = 1 << 23  # bytes
COLUMNS = 1 << 23  # bytes of those of a large sum that are added to it at a time


def looped(
    early: list[Instruction], data: set[int], kept: set[int], table: dict[int, Instruction]
) -> Loop | None:
    """The early calls in blocks, see `in_blocks`; their instructions are added to the table."""
    blocks = in_blocks(early, data, kept & {i.id for i in early})
    return None if blocks is None else Loop(scaled_late(blocks), table)


class Loop:
    """The calls of a step in blocks, in the order in which they run.

    Args:
        blocks: the step's calls. table: its instructions by number; those of the blocks are added.

    Attributes:
        totals: for each sum its number and an array as it will be, or None if it is a number.
        order: all calls, for the plan of their memory.
        kept: results from before the blocks, which each block needs again.
    """

    def __init__(self, blocks: Blocks, table: dict[int, Instruction]) -> None:
        self.blocks, self.table = blocks, table
        self.large = {i.id for i in blocks.sums if _is_large(i, blocks)}
        self.parts = [self._with_columns(block) for block in blocks.numbered(1 + max(table))]
        bodies = [i for block in self.parts for i in block.body]
        table.update((i.id, i) for i in bodies)
        self.totals = {i.id: np.empty(i.shape, i.dtype) for i in blocks.sums if i.shape}
        summed = [replaced(i, call="input", args=(), kwargs=()) for i in blocks.sums]
        self.order = [*blocks.before, *bodies, *summed, *blocks.after]
        outside = {i.id for i in blocks.before}
        self.kept = {number for i in bodies for number in i.refs if number in outside}

    def _with_columns(self, block: Block) -> Block:
        """A block whose products that are large sums need no memory of their own."""
        large = {n for n, total in block.sums.items() if total in self.large}
        body = [replaced(i, call="add_product") if i.id in large else i for i in block.body]
        return replace(block, body=body)

    def make_totals(self, write: Writer, pinned: dict[int, str]) -> None:
        """Memory for the sums that have none elsewhere."""
        for i in self.blocks.sums:
            if i.shape and i.id not in pinned:
                write.setup.append(f"{write.name(i)} = room({i.shape}, {i.dtype!r})")
                pinned[i.id] = ""

    def emit(self, write: Writer) -> None:
        """Write all calls."""
        self.start = write.unused("start")
        emit_all(write, self.blocks.before)
        write.body.append("")
        for i in self.blocks.sums:
            if i.id in self.large:  # the first block's product is written there
                continue
            write.line(f"{write.name(i)}.fill(0)" if i.shape else f"{write.name(i)} = 0")
        for block in self.parts:
            self._block(write, block)
        emit_all(write, self.blocks.after)

    def _block(self, write: Writer, block: Block) -> None:
        outer, write.body, start = write.body, [], self.start
        for number, whole in block.inputs.items():
            stem = write.name(self.table[whole])
            write.names[number] = write.unused(f"{stem}_rows")
            write.line(f"{write.names[number]} = {stem}[{start} : {start} + {block.size}]")
        pieces = Pieces(write, block.body)
        for run in pieces.runs():
            if run[0].call == "add_product":
                self._add_product(write, run[0], self.table[block.sums[run[0].id]])
            elif len(run) > 1:
                pieces.emit(run)
            else:
                emit_all(write, run)
            for i in run:
                if i.id in block.sums and i.call != "add_product":
                    self._add(write, i, self.table[block.sums[i.id]])
        inner, write.body = write.body, outer
        write.body += ["", *self._head(block), *(f"    {line}".rstrip() for line in inner)]

    def _head(self, block: Block) -> list[str]:
        first = f"for {self.start} in range({block.start}, {block.stop}, {block.size}):"
        if block.start:
            return [f"{first}  # the rest"]
        many, mb = (block.stop - block.start) // block.size, self.blocks.nbytes / 1e6
        return [
            f"# {self.blocks.rows} rows, each computed by itself: in {many} blocks, so that no result of theirs",
            f"# has more than {mb:.1f} MB. Sums over rows are added up.",
            first,
        ]

    def _add(self, write: Writer, part: Instruction, total: Instruction) -> None:
        name, value = write.name(total), write.value(Ref(part.id))
        if total.shape:
            write.line(called(write, "add", [name, value], name))
        else:
            write.line(f"{name} += {value}")

    def _add_product(self, write: Writer, i: Instruction, total: Instruction) -> None:
        """Add a product to a large sum, some columns at a time: as a whole it would not stay in the cache."""
        a, b = (self.table[x.id] for x in i.args)
        rows, width = total.shape  # type: ignore[misc]
        size = math.ceil(width / math.ceil(calls.bytes_of(total) / COLUMNS))
        name, given, k = write.name(total), write.name(b), write.unused("k")
        part = write.once("part", f"room(({rows * size},), {total.dtype!r})")
        columns, *views = map(
            write.unused, (f"{name}_columns", f"{given}_part", f"{name}_part", part)
        )
        here = f"{part}[: {rows} * min({size}, {width} - {k})].reshape({rows}, -1)"
        slices = [*(f"{x}[:, {k} : {k} + {size}]" for x in (given, name)), here]
        write.setup.append(f"{columns} = [")
        write.setup.append(f"    ({', '.join(slices)}) for {k} in range(0, {width}, {size})")
        write.setup.append("]")
        write.line(f"if {self.start} == 0:")
        write.line(f"    {write.name(a)}.dot({given}, {name})", i)
        write.line("else:")
        write.line(f"    for {', '.join(views)} in {columns}:  # {size} at a time")
        write.line(f"        {write.name(a)}.dot({views[0]}, {views[2]})")
        write.line(f"        {called(write, 'add', views[1:], views[1])}")


def _is_large(i: Instruction, blocks: Blocks) -> bool:
    """Whether a sum is a large product, of a matrix that is in the step's memory."""
    if not calls.is_product(i) or len(i.shape or ()) != 2 or calls.bytes_of(i) <= LARGE_SUM:
        return False
    return any(calls.writes(b) for b in blocks.body if b.id == i.args[1].id)
