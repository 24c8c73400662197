"""Where each result of a step lies: in memory that is there from the first call on, and which of it is
used again when a result is no longer needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..programs.instructions import Instruction, Ref
from . import calls

LINE = 64  # bytes of a line of the cache


def room(shape: tuple[int, ...], dtype: Any) -> Any:
    """Memory that begins where a line of the cache does: NumPy's loops and BLAS then take less time."""
    size, item = math.prod(shape), np.dtype(dtype).itemsize
    spare = np.empty(size + LINE // item, dtype)
    first = -spare.ctypes.data % LINE // item
    return spare[first : first + size].reshape(shape)


@dataclass
class Block:
    """A piece of memory, made for the result with the number `first`."""

    first: int
    nbytes: int


@dataclass
class Memory:
    """The memory of a step.

    Attributes:
        blocks: by its number, the block of a result that the step writes.
        in_place: results that overwrite the argument with this number, which nobody needs any more.
        roots: for each result the numbers of those whose memory it may share.
        fixed: results that lie at the same place in every run, each with an array of its strides.
    """

    blocks: dict[int, Block] = field(default_factory=dict)
    in_place: dict[int, int] = field(default_factory=dict)
    roots: dict[int, set[int]] = field(default_factory=dict)
    fixed: dict[int, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The bytes of all blocks."""
        return sum({id(block): block.nbytes for block in self.blocks.values()}.values())


def plan(
    instructions: list[Instruction], states: dict[int, Any], pinned: set[int], alive: set[int]
) -> Memory:
    """The memory of these calls, in order.

    Args:
        states: the inputs that are the same arrays in every run.
        pinned: results that have memory of their own, given elsewhere.
        alive: results that are needed after the last call.
    """
    memory = Memory(fixed=dict(states))
    for i in instructions:
        _locate(i, memory)
    ends: dict[int, list[int]] = {}
    for root, last in _last_uses(instructions, memory, alive | pinned).items():
        ends.setdefault(last, []).append(root)
    free: list[Block] = []
    for now, i in enumerate(instructions):
        ending = [root for root in ends.get(now, ()) if root in memory.blocks]
        if calls.writes(i) and i.id not in pinned:
            reused = _overwritten(i, ending, memory)
            if reused is None:
                memory.blocks[i.id] = _taken(free, i)
            else:
                memory.in_place[i.id] = reused
                memory.blocks[i.id] = memory.blocks[reused]
        gone = [memory.blocks[root] for root in ending if memory.in_place.get(i.id) != root]
        free += [b for b in gone if not any(b is other for other in free)]
    return memory


def _locate(i: Instruction, memory: Memory) -> None:
    """Note what a result may be a view of, and whether it lies at the same place in every run."""
    if calls.writes(i):
        memory.roots[i.id], memory.fixed[i.id] = {i.id}, np.empty(i.shape or (), i.dtype)
        return
    if i.call == "input":
        memory.roots[i.id] = {i.id}
        return
    memory.roots[i.id] = set().union(*(memory.roots[number] for number in i.refs))
    if calls.may_be_view(i) and (base := memory.fixed.get(i.args[0].id)) is not None:
        view = calls.view_of(i, base)
        if view is not None:
            memory.fixed[i.id] = view


def _last_uses(instructions: list[Instruction], memory: Memory, alive: set[int]) -> dict[int, int]:
    """For each root the place of the last call that may read it; those that are never read end at once."""
    last: dict[int, int] = {}
    for now, i in enumerate(instructions):
        for root in (root for number in (i.id, *i.refs) for root in memory.roots[number]):
            last[root] = now
    for number in alive:
        for root in memory.roots.get(number, ()):
            last[root] = len(instructions)
    return last


def _overwritten(i: Instruction, ending: list[int], memory: Memory) -> int | None:
    """An argument that the result may overwrite: it ends here, and has its shape and dtype."""
    if calls.changes_a_copy(i):
        candidates = i.args[:1]
    elif calls.elementwise(i):
        candidates = i.args
    elif calls.masked(i):
        candidates = i.args[1:2]
    else:
        return None
    for x in candidates:
        if isinstance(x, Ref) and x.id in ending and x.id in memory.fixed:
            same = memory.fixed[x.id]
            if same.shape == i.shape and same.dtype.name == i.dtype:
                return x.id
    return None


def _taken(free: list[Block], i: Instruction) -> Block:
    """A free block of enough bytes, the smallest; or a new one."""
    size = calls.bytes_of(i)
    fitting = [b for b in free if b.nbytes >= size]
    if not fitting:
        return Block(i.id, size)
    best = min(fitting, key=lambda b: b.nbytes)
    free[:] = [b for b in free if b is not best]
    return best
