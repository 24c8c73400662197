"""The end of a step, where everything changes at once: parameters, buffers, gradients, counts.

Each change is a call that is ready to be made, and all are made by one loop in C, so that no interrupt
comes between two of them. Calls that are the same in each run are made ready by the set-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..programs.instructions import Instruction
from .emitting import called
from .lanes import Call, Lane, Operand
from .writer import Writer

PIECE = 1 << 17  # elements of an update that stay in the cache with their gradient and scratch


@dataclass
class Ending:
    """What is written for the end of a step.

    Attributes:
        setup: lines that put calls into the list `late`.
        before: lines of the step, after its checks, that nothing can stop.
        now: calls that differ from run to run, as text.
        flat: for each flat array of states its name, and the inputs whose memory is in it.
    """

    write: Writer
    setup: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    flat: list[tuple[str, list[int]]] = field(default_factory=list)

    def add(self, call: str, fixed: bool = True) -> None:
        """One more call; `fixed` if it is the same in each run."""
        if fixed:
            self.setup.append(f"late.append({call})")
        else:
            self.now.append(call)

    def lanes(self, group: list[Lane], outside: list[str]) -> None:
        """The calls of lanes that run as one, on flat arrays.

        Args:
            outside: the names of the flat arrays of what the lanes read besides states.
        """
        states = [self._states(k, group) for k in range(len(group[0].states))]
        size = sum(math.prod(lane.shape) for lane in group)
        names = ", ".join(self.write.names[lane.states[0]] for lane in group if lane.states)
        self.setup.append(f"# {names}: {'all at once' if len(group) > 1 else 'by itself'}")
        lines = list(_LaneWriter(self, group[0], states, outside, size).lines())
        if size <= PIECE:
            self.setup += [f"late.append({line})" for line in lines]
            return
        self.setup += [
            f"for start in range(0, {size}, {PIECE}):  # pieces that stay in the cache",
            f"    p = slice(start, min(start + {PIECE}, {size}))",
            "    n = p.stop - start",
            *(f"    late.append({line})" for line in lines),
        ]

    def _states(self, k: int, group: list[Lane]) -> str:
        """The name of the flat array of a state of each lane."""
        inputs = [lane.states[k] for lane in group]
        if len(inputs) == 1:
            return self.write.reshaped(self.write.table[inputs[0]], -1)
        name = self.write.unused("buffers" if k else "weights")
        self.flat.append((name, inputs))
        return name


@dataclass
class _LaneWriter:
    """Writes the calls of a lane as `partial(...)`, with scratch where a result has no state to go to."""

    ending: Ending
    lane: Lane
    states: list[str]
    outside: list[str]
    size: int

    def lines(self) -> Iterator[str]:
        lane, made = self.lane, list[str]()
        goals = {call: state for state, call in lane.results}
        last_read = {o.which: k for k, call in enumerate(lane.calls) for o in _of("state", call)}
        last_use = {o.which: k for k, call in enumerate(lane.calls) for o in _of("call", call)}
        free: list[str] = []
        copies = []
        for k, call in enumerate(lane.calls):
            given = [self.operand(o, made) for o in call.operands]
            ends = {made[o.which] for o in _of("call", call) if last_use[o.which] == k}
            free += sorted(ends - set(free) - set(map(self.part, self.states)))
            goal = goals.get(k)
            if goal is not None and last_read.get(goal, -1) <= k:
                out = self.part(self.states[goal])
            else:
                out = free.pop() if free else self.scratch(len({*made}))
                if goal is not None:
                    copies.append(f"partial(np.copyto, {self.part(self.states[goal])}, {out})")
                    last_use[k] = len(lane.calls)  # until it is copied
            made.append(out)
            function, _, arguments = called(self.ending.write, call.ufunc, given, out).partition(
                "("
            )
            yield f"partial({function}, {arguments}"
        yield from copies

    def part(self, name: str) -> str:
        return f"{name}[p]" if self.size > PIECE else name

    def scratch(self, number: int) -> str:
        write, length = self.ending.write, min(self.size, PIECE)
        text = f"room(({length},), {self.lane.dtype!r})"
        name = write.once("scratch", text, ("scratch", number, text))
        return f"{name}[:n]" if self.size > PIECE else name

    def operand(self, o: Operand, made: list[str]) -> str:
        if o.kind == "call":
            return made[int(o.which)]
        if o.kind in ("state", "outside"):
            return self.part((self.states if o.kind == "state" else self.outside)[o.which])
        write = self.ending.write
        if o.kind == "number":
            return write.operand(o.which, self.lane.dtype)
        name = write.name(write.table[o.which])
        key = "now", o.which, self.lane.dtype
        if key not in write.known:
            write.once(f"{name}_now", f"np.empty((), {self.lane.dtype!r})", key)
            self.ending.before.append(f"{write.known[key]}[()] = {name}")
        return write.known[key]


def _of(kind: str, call: Call) -> Iterator[Operand]:
    return (o for o in call.operands if o.kind == kind)


def slices(sizes: Iterable[int]) -> Iterator[slice]:
    """Where parts of these sizes lie, side by side."""
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size


def side_by_side(write: Writer, name: str, values: list[Instruction]) -> Iterator[slice]:
    """Memory for arrays side by side, in the set-up; where each lies."""
    sizes = [math.prod(i.shape or ()) for i in values]
    write.setup.append(f"{name} = room(({sum(sizes)},), {values[0].dtype!r})")
    return slices(sizes)
