"""Very wide rows: a block of enough of them for fast products is too large for the cache, so what is computed
row by row between two products goes through it in pieces of a few rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..programs.instructions import Instruction
from . import calls
from .emitting import LONG_ROW, emit_all
from .memory import Block as Place
from .writer import Writer

PIECE = 1 << 20  # bytes of a piece's largest array


class Pieces:
    """The calls of a block, those in pieces together.

    Args:
        write: writes them; it has the plan of their memory. body: the calls.
    """

    def __init__(self, write: Writer, body: list[Instruction]) -> None:
        self.write, self.body = write, body
        self.table = {i.id: i for i in body}

    def runs(self) -> Iterator[list[Instruction]]:
        """The calls in order: those that go through the block in pieces as one, others one by one."""
        run: list[Instruction] = []
        for i in self.body:
            if self.is_wide(i) and self.fit([*run, i]):
                run.append(i)
                continue
            if run:
                yield run
            run = []
            yield [i]
        if run:
            yield run

    def is_wide(self, i: Instruction) -> bool:
        """Whether a call computes each row of the same row of very wide arrays, all in the step's memory."""
        found = calls.reduction(i)
        along = found is not None and found[1] in (1, -1)
        arrays = self.arrays([i])
        if not (along or calls.elementwise(i)) or any(x.id not in self.places for x in arrays):
            return False
        widest = max(arrays, key=calls.bytes_of)
        shape = widest.shape or ()
        return len(shape) == 2 and shape[1] > LONG_ROW and calls.bytes_of(widest) > PIECE

    def fit(self, run: list[Instruction]) -> bool:
        """Whether arrays in the same place have rows of the same size: then a piece overwrites no other."""
        sizes: dict[int, int] = {}
        for i in self.arrays(run):
            size = calls.bytes_of(i) // i.shape[0]  # type: ignore[index]
            if sizes.setdefault(id(self.places[i.id]), size) != size:
                return False
        return True

    @property
    def places(self) -> dict[int, Place]:
        return self.write.memory.blocks

    def arrays(self, run: list[Instruction]) -> list[Instruction]:
        """The arrays of rows that these calls read and write."""
        numbers = dict.fromkeys(n for i in run for n in (*i.refs, i.id))
        return [self.table[n] for n in numbers if n in self.table]

    def emit(self, run: list[Instruction]) -> None:
        """Write a run as a loop over pieces, which are views that the set-up makes."""
        write, arrays = self.write, self.arrays(run)
        names = {i.id: write.out(i) for i in arrays}
        views = {n: write.unused(f"{name}_part") for n, name in names.items()}
        parts, rows = write.unused("parts"), arrays[0].shape[0]  # type: ignore[index]
        size = max(1, PIECE * rows // max(map(calls.bytes_of, arrays)))
        k = write.unused("k")
        inside = ", ".join(f"{name}[{k} : {k} + {size}]" for name in names.values())
        write.setup.append(f"{parts} = [({inside}) for {k} in range(0, {rows}, {size})]")
        outer, write.body = write.body, []
        write.names |= views
        emit_all(write, run)
        write.names |= names
        lines, write.body = write.body, outer
        write.body.append(f"for {', '.join(views.values())} in {parts}:  # {size} rows at a time")
        write.body += [f"    {line}".rstrip() for line in lines]
