"""Builds the text of a step from a recording: first what may fail, then its checks, then all changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.sums import BLOCK
from ..engine.tensors import is_tensor, raw
from ..programs.instructions import Instruction, Ref, refs_in, renumbered
from ..programs.structures import Origin
from . import calls
from .biases import ANY, host_of, with_bias_rows
from .emitting import emit_all, emit_finite
from .folding import folded
from .homes import beside
from .lanes import Lane, grouped, lanes, late_calls
from .looping import Loop, looped
from .memory import Memory, plan
from .recordings import Recording
from .returning import Returned, is_data
from .rewriting import rewritten
from .signs import sees_signs
from .small import by_sign
from .threads import on_few
from .updating import Ending, side_by_side
from .writer import Writer


@dataclass(frozen=True)
class Step:
    """A step that is built, and not yet bound to memory.

    Attributes:
        source: defines `make`, which is given `bound` and the flat arrays, and returns the step.
        bound: objects by the names that the source has for them.
        flat: for each flat array of states its name and where the states were found.
        nbytes: of the memory for results that are no gradients.
        generators: from which it draws. alone: whether it is faster with BLAS on one thread.
    """

    source: str
    bound: dict[str, Any]
    flat: list[tuple[str, list[Any]]]
    nbytes: int
    generators: list[Any]
    alone: bool


class Builder:
    """What is known while a step is built.

    Args:
        recording: the recorded call.
        data: the names of the arguments that each run is given; all others are the same objects.
        held: inputs whose memory must stay where it is.
    """

    def __init__(self, recording: Recording, data: list[str], held: frozenset[int]) -> None:
        self.recording, self.data = recording, data
        r = recording
        needed = [x.id for x in refs_in((r.outputs, r.updates, [ref for _, ref in r.gradients]))]
        self.instructions, now = rewritten(r.program, needed)
        self.table = {i.id: i for i in self.instructions}
        self.outputs = renumbered(r.outputs, now)
        self.results = [ref.id for ref in refs_in(self.outputs)]
        self.gradients = [(tensor, self.table[now[ref.id]]) for tensor, ref in r.gradients]
        self.origins = {now[n]: origin for n, origin in r.origins.items()}
        self.updates = {now[n]: now[ref.id] for n, ref in r.updates.items()}
        self.held = {now[n] for n in held}
        self.states = dict(self._states())
        self.pinned: dict[int, str] = {}  # results with memory of their own, by the flat array

    def _states(self) -> Iterator[tuple[int, Any]]:
        """The inputs that are the same arrays in every run."""
        for number, origin in self.origins.items():
            if not origin.key and not self.is_data(origin):
                array = raw(origin.holder)
                if isinstance(array, np.ndarray):
                    yield number, array

    def is_data(self, origin: Origin) -> bool:
        """Whether each run is given another value."""
        return is_data(origin, self.data)

    def build(self) -> Step:
        early, groups = self.split()
        signs = sees_signs(self.instructions)
        multiplies = not signs and self.may_multiply(early)
        if multiplies:
            early, groups = folded(by_sign(early, self.kept), groups, self.seen)
            self.table.update((i.id, i) for i in early)
        early, loop = self.with_biases(early, groups)
        self.alone = on_few(early)
        write = self.write = Writer(self.table, Memory(), multiplies, signs)
        self.given = {name: write.unused(name) for name in self.data}
        self.returned = Returned(write, self.given)
        for number, state in self.states.items():
            write.bound[write.name(self.table[number])] = state
        self.pin(groups)
        if loop is not None:
            loop.make_totals(write, self.pinned)
        write.memory = self.memory(early, groups, loop)
        self.fetch()
        if loop is None:
            emit_all(write, early)
        else:
            loop.emit(write)
        self.check_finite(early)
        ending = self.ending = Ending(write)
        for group in groups:
            outside = [[lane.outside[k] for lane in group] for k in range(len(group[0].outside))]
            ending.lanes(group, [self.together(values) for values in outside])
        self.copy_updates({lane.states[k] for g in groups for lane in g for k, _ in lane.results})
        self.install()
        return self.step()

    # --- what comes first, and what last ------------------------------------------------------------

    def split(self) -> tuple[list[Instruction], list[list[Lane]]]:
        """The early calls, and the lanes of the update, in groups that run as one."""
        of_states = {n: new for n, new in self.updates.items() if n in self.states}
        outside = {*self.results, *(i.id for _, i in self.gradients)}
        outside |= {new for n, new in self.updates.items() if n not in self.states}
        late = late_calls(self.instructions, of_states, outside)
        found = [lane for lane in lanes(late, self.table, of_states) if self.in_order(lane)]
        members = {i.id for lane in found for i in lane.members}
        early = [i for i in self.instructions if i.id not in members]
        return early, [part for group in grouped(found) for part in self.that_may_move(group)]

    def that_may_move(self, group: list[Lane]) -> list[list[Lane]]:
        """Lanes that can run as one, in groups whose states lie side by side or may be moved there."""
        fixed = [lane for lane in group if self.held.intersection(lane.states)]
        free = [lane for lane in group if self.held.isdisjoint(lane.states)]
        if all(map(self.may_be_beside, zip(*(lane.states for lane in group), strict=True))):
            return [group]
        if free:
            return [free, *self.that_may_move(fixed)]
        return [[lane] for lane in fixed]

    def may_be_beside(self, states: tuple[int, ...]) -> bool:
        """Whether arrays are the parts of one in this order, or can become it."""
        return self.held.isdisjoint(states) or beside(*(self.states[n] for n in states)) is not None

    @property
    def seen(self) -> set[int]:
        """The results that are there after a step."""
        return {*self.results, *self.updates.values(), *(i.id for _, i in self.gradients)}

    @property
    def kept(self) -> set[int]:
        """The results that are needed after the early calls."""
        return self.seen | {n for i in self.instructions if i.stage == "update" for n in i.refs}

    def in_order(self, lane: Lane) -> bool:
        """Whether every state of a lane is there in each run, its numbers side by side."""
        arrays = [self.states.get(s) for s in lane.states]
        return all(a is not None and a.flags.c_contiguous and a.flags.writeable for a in arrays)

    def with_biases(
        self, early: list[Instruction], groups: list[list[Lane]]
    ) -> tuple[list[Instruction], Loop | None]:
        """The early calls with biases as rows of their weights, and in blocks; both where it pays."""
        free = 1 + max(self.table, default=0)
        kept = self.kept | self.read_late(groups)
        whole, in_blocks = (with_bias_rows(early, groups, kept, free, n) for n in (BLOCK, ANY))
        self.table.update((i.id, i) for i in in_blocks)
        loop = self.in_blocks(in_blocks, groups)
        if loop is not None and loop.blocks.size <= BLOCK:
            return in_blocks, loop
        self.table.update((i.id, i) for i in (*early, *whole))
        loop = self.in_blocks(early, groups)
        return (whole, None) if loop is None else (early, loop)

    def in_blocks(self, early: list[Instruction], groups: list[list[Lane]]) -> Loop | None:
        """The early calls in blocks of rows of the data, if they can be and it pays."""
        given = {n for n, origin in self.origins.items() if self.is_data(origin)}
        kept = self.kept | self.read_late(groups)
        return looped(early, given - {*self.updates}, kept, self.table)

    def read_late(self, groups: list[list[Lane]]) -> set[int]:
        """The results that the update reads."""
        return {n for group in groups for lane in group for i in lane.members for n in i.refs}

    def may_multiply(self, early: list[Instruction]) -> bool:
        """Whether a gradient may be multiplied by a mask where eager code chooses. If it is not finite
        where it is not chosen, some gradient isn't either, which is checked before anything changes.
        """
        checked = {i.args[0].id for i in early if i.call == "finite"}
        graded = {i.id for _, i in self.gradients}
        forward = all(self.table[n].stage == "forward" for n in self.results)
        return bool(checked) and checked >= graded and forward

    # --- memory -------------------------------------------------------------------------------------

    def pin(self, groups: list[list[Lane]]) -> None:
        """Give the arrays that lanes read places side by side; and gradients memory of their own."""
        write = self.write
        for group in groups:
            for k in range(len(group[0].outside)):
                values = [self.table[lane.outside[k]] for lane in group]
                numbers = {i.id for i in values}
                free = len(numbers) == len(values) and not numbers & {*self.pinned}
                hosts = {i.id: i for i in (host_of(i, self.table) for i in values)}
                if free and all(map(calls.writes, hosts.values())):
                    self.pinned |= dict.fromkeys(
                        numbers, self.place("gradients", [*hosts.values()])
                    )
        for _, i in self.gradients:
            if i.id not in self.pinned and calls.writes(i):
                write.setup.append(f"{write.name(i)} = room({i.shape}, {i.dtype!r})")
                self.pinned[i.id] = ""

    def place(self, name: str, values: list[Instruction]) -> str:
        write = self.write
        name = write.unused(name)
        for i, part in zip(values, side_by_side(write, name, values), strict=True):
            text = f"{name}[{part.start}:{part.stop}].reshape({i.shape})"
            write.setup.append(f"{write.name(i)} = {text}")
            self.pinned[i.id] = name
        return name

    def memory(
        self, early: list[Instruction], groups: list[list[Lane]], loop: Loop | None
    ) -> Memory:
        read_late = {number for group in groups for lane in group for number in lane.outside}
        read_late |= {*self.results, *self.updates.values(), *(i.id for _, i in self.gradients)}
        if loop is not None:
            early, read_late = loop.order, read_late | loop.kept
        totals = loop.totals if loop is not None else {}
        self.pinned |= {i.id: "" for i in early if i.call == "with_ones"}
        return plan(early, self.states | totals, {*self.pinned}, read_late)

    def fetch(self) -> None:
        """The lines for inputs that are looked up in each run."""
        write = self.write
        for number, origin in self.origins.items():
            if number in self.states:
                continue
            if self.is_data(origin):
                text = self.returned.input(origin) + "._data" * is_tensor(origin.holder)
                if text in self.given.values() and number not in write.names:
                    write.names[number] = text
                    continue
            elif origin.key == ".grad":
                text = f"{write.object(origin.holder._node, 'leaf')}.grad._data.copy()"
            elif origin.key:
                text = self.count(origin)
            else:
                write.names[number] = write.object(origin.holder, "rng")
                continue
            write.line(f"{write.name(self.table[number])} = {text}")

    def count(self, origin: Origin) -> str:
        """A number of an optimiser or a schedule, or one of its numbers, all equal if they have no index."""
        write, home = self.write, vars(origin.holder)
        text = f"{write.object(home, 'optimizer')}[{origin.key!r}]"
        if not isinstance(home[origin.key], list):
            return text
        counts = write.once("counts", text)
        return f"{counts}[{origin.place or 0}]"

    def together(self, values: list[int]) -> str:
        """The name of the flat array of results: where they are pinned, or a copy."""
        write = self.write
        homes = {self.pinned.get(n, "") for n in values}
        if len(homes) == 1 and (home := homes.pop()):
            return home
        given = [self.table[n] for n in values]
        if len(values) == 1 and (values[0] in write.memory.blocks or values[0] in self.pinned):
            return write.reshaped(given[0], -1)
        name = write.unused("together")
        for i, part in zip(given, side_by_side(write, name, given), strict=True):
            self.ending.before.append(
                f"{name}[{part.start}:{part.stop}] = {write.name(i)}.reshape(-1)"
            )
        return name

    # --- checks and changes -------------------------------------------------------------------------

    def check_finite(self, early: list[Instruction]) -> None:
        """Gradients before an update, and a loss of which `backward()` was called."""
        write = self.write
        arrays: dict[str, str] = {}
        for number in (i.args[0].id for i in early if i.call == "finite"):
            i = self.table[number]
            fixed = number in self.pinned or number in write.memory.blocks
            flat = self.pinned.get(number) or (
                write.reshaped(i, -1) if fixed else f"({write.name(i)})"
            )
            arrays[flat] = i.dtype
        kinds = zip(self.results, self.recording.kinds, strict=True)
        on_tape = [self.table[n] for n, r in kinds if r.kind == "on the tape" and not r.given]
        losses = [i for i in on_tape if i.shape == () and i.dtype.startswith("float")]
        emit_finite(write, [*arrays], [*arrays.values()], [write.value(Ref(i.id)) for i in losses])

    def copy_updates(self, done: set[int]) -> None:
        """New values that are computed first, and copied at the end."""
        write, ending = self.write, self.ending
        for number, new in self.updates.items():
            origin, i = self.origins[number], self.table[new]
            if number in done or origin.key == "_counts":
                continue
            if origin.key == ".grad":
                ending.add(self.gradient(origin.holder, i), fixed=False)
            elif origin.key:
                home = write.object(vars(origin.holder), "optimizer")
                ending.add(
                    f"partial(setitem, {home}, {origin.key!r}, {write.value(Ref(new))})", False
                )
            else:
                fixed = number in self.states and (new in write.memory.blocks or new in self.pinned)
                name, text = write.name(self.table[number]), write.value(Ref(new))
                if write.memory.roots.get(new, set()) & {*self.updates}:  # an old value, kept
                    text = f"np.array({text})"
                ending.add(f"partial(np.copyto, {name}, {text})", fixed)

    def gradient(self, tensor: Any, i: Instruction) -> str:
        leaf = self.write.object(tensor._node, "leaf")
        return (
            f"partial(setattr, {leaf}, 'grad', wrap(np.array({self.write.value(Ref(i.id))}), None))"
        )

    def install(self) -> None:
        """Gradients, counts of updates, and the note that tensors were changed."""
        write, ending = self.write, self.ending
        for tensor, i in self.gradients:
            leaf = write.object(tensor._node, "leaf")
            if i.id in self.pinned:
                ending.add(f"partial(setattr, {leaf}, 'grad', Held({write.name(i)}))")
            else:
                ending.add(self.gradient(tensor, i), fixed=False)
            ending.add(f"partial(setattr, {leaf}, 'flaw', None)")
        for tensor in self.recording.cleared:
            ending.add(f"partial(setattr, {write.object(tensor._node, 'leaf')}, 'grad', None)")
        for optimizer, added in self.recording.counted:
            home = write.object(vars(optimizer), "optimizer")
            counts = write.once("counts", f"{home}['_counts']")
            new = write.once("new_counts", f"list({counts})", ("new", counts))
            if added == [1] * len(added):
                ending.before.append(
                    f"{new}[:] = map({write.object((1).__add__, 'plus_one')}, {counts})"
                )
            else:
                ending.before.append(f"{new}[:] = [n + k for n, k in zip({counts}, {added!r})]")
            ending.add(f"partial(setitem, {counts}, slice(None), {new})")
            ending.add(f"partial({home}.pop, '_skipped', None)")
        origins = [o for n, o in self.origins.items() if n in self.updates and not o.key]
        if leaves := tuple(
            o.holder._node for o in origins if is_tensor(o.holder) and o.holder._node
        ):
            line = write.object(self.recording.changed_at, "line")
            ending.before.append(f"touch({write.object(leaves, 'leaves')}, {line})")

    # --- the text -----------------------------------------------------------------------------------

    def step(self) -> Step:
        write, ending = self.write, self.ending
        flat = [(name, [self.origins[n].holder for n in numbers]) for name, numbers in ending.flat]
        lines, result = self.returned.lines(self.results, self.recording.kinds, self.outputs)
        body = [*write.body, "", *ending.before, *lines, f"result = {result}"]
        if ending.setup or ending.now:
            every = f"[*late, {', '.join(ending.now)}]" if ending.now else "late"
            body += [
                f"changes = map(call, {every})",
                "try:",
                "    finish(changes)  # all at once: no interrupt comes between them",
                "except BaseException as error:",
                "    raise ChangedError(complete(changes)) from error",
            ]
        names = [*write.bound, *(name for name, _ in flat)]
        setup = [*write.setup]
        if ending.setup or ending.now:
            setup += ["", "late = []", *ending.setup]
        lines = [f"def make({', '.join(names)}):", *_indented(setup, 1)]
        lines += [
            "",
            f"    def step({', '.join(self.given.values())}):",
            *_indented([*body, "return result"], 2),
        ]
        text = "\n".join(["import numpy as np", "", "", *lines, "", "    return step", ""])
        rngs = [
            o.holder for o in self.origins.values() if isinstance(o.holder, np.random.Generator)
        ]
        return Step(text, write.bound, flat, write.memory.nbytes, rngs, self.alone)


def _indented(lines: list[str], depth: int) -> list[str]:
    return [f"{'    ' * depth}{line}".rstrip() for line in lines]
