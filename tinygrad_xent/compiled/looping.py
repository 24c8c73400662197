"""Writes a step in blocks of rows as a loop: slices of the data, the calls of a block, and its sums added to
those of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..programs.instructions import Instruction, Ref, replaced
from .blocks import Block, Blocks
from .emitting import called
from .pieces import Pieces
from .writer import Writer


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
        self.parts = list(blocks.numbered(len(table)))
        bodies = [i for block in self.parts for i in block.body]
        table.update((i.id, i) for i in bodies)
        self.totals = {i.id: np.empty(i.shape, i.dtype) for i in blocks.sums if i.shape}
        summed = [replaced(i, call="input", args=(), kwargs=()) for i in blocks.sums]
        self.order = [*blocks.before, *bodies, *summed, *blocks.after]
        outside = {i.id for i in blocks.before}
        self.kept = {number for i in bodies for number in i.refs if number in outside}

    def make_totals(self, write: Writer, pinned: dict[int, str]) -> None:
        """Memory for the sums that have none elsewhere."""
        for i in self.blocks.sums:
            if i.shape and i.id not in pinned:
                write.setup.append(f"{write.name(i)} = np.empty({i.shape}, {i.dtype!r})")
                pinned[i.id] = ""

    def emit(self, write: Writer, emit: Callable[[Iterable[Instruction]], None]) -> None:
        """Write all calls.

        Args:
            emit: writes calls in order.
        """
        emit(self.blocks.before)
        write.body.append("")
        for i in self.blocks.sums:
            write.line(f"{write.name(i)}.fill(0)" if i.shape else f"{write.name(i)} = 0")
        for block in self.parts:
            self._block(write, block, emit)
        emit(self.blocks.after)

    def _block(
        self, write: Writer, block: Block, emit: Callable[[Iterable[Instruction]], None]
    ) -> None:
        outer, write.body = write.body, []
        for number, whole in block.inputs.items():
            stem = write.name(self.table[whole])
            write.names[number] = write.unused(f"{stem}_rows")
            write.line(f"{write.names[number]} = {stem}[start : start + {block.size}]")
        pieces = Pieces(write, block.body)
        for run in pieces.runs():
            if len(run) > 1:
                pieces.emit(run, emit)
            else:
                emit(run)
            for i in run:
                if i.id in block.sums:
                    self._add(write, i, self.table[block.sums[i.id]])
        inner, write.body = write.body, outer
        write.body += ["", *self._head(block), *(f"    {line}".rstrip() for line in inner)]

    def _head(self, block: Block) -> list[str]:
        first = f"for start in range({block.start}, {block.stop}, {block.size}):"
        if block.start:
            return [f"{first}  # the rest"]
        many, mb = (block.stop - block.start) // block.size, self.blocks.nbytes / 1e6
        return [
            f"# {self.blocks.rows} rows, each computed by itself: in {many} blocks, so that no result has more",
            f"# than {mb:.1f} MB, and the next call finds it in the cache. Sums over rows are added up.",
            first,
        ]

    def _add(self, write: Writer, part: Instruction, total: Instruction) -> None:
        name, value = write.name(total), write.value(Ref(part.id))
        if total.shape:
            write.line(called(write, "add", [name, value], name))
        else:
            write.line(f"{name} += {value}")
