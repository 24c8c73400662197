"""The update of all parameters at once.

What an optimiser does to each parameter is a lane: elementwise calls on arrays of one shape. Lanes of
equal calls run as one, on flat arrays in which the parameters, their buffers and gradients lie side by
side. An update changes memory in place, so it comes last, after every check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..programs.instructions import Instruction, Ref
from . import calls


class Operand(NamedTuple):
    """What a call of a lane is given: a state, an array from outside, the result of a call of the lane, by
    their numbers in it; a number, by the instruction that computes it, or as it is.
    """

    kind: Literal["state", "outside", "call", "scalar", "number"]
    which: Any


@dataclass(frozen=True)
class Call:
    """One ufunc of a lane."""

    ufunc: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Lane:
    """The update of one parameter.

    Attributes:
        states: the inputs that it reads or changes. outside: results that it reads, its gradient say.
        calls: in order. results: for each state that changes, by its place, the call with its new value.
    """

    members: tuple[Instruction, ...]
    states: tuple[int, ...]
    outside: tuple[int, ...]
    calls: tuple[Call, ...]
    results: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]
    dtype: str

    @property
    def kind(self) -> Any:
        """Equal for lanes that can run as one."""
        return self.calls, self.results, len(self.states), len(self.outside), self.dtype


def late_calls(
    instructions: list[Instruction], updates: dict[int, int], early: set[int]
) -> list[Instruction]:
    """The elementwise calls that nothing but updates needs.

    Args:
        updates: for the number of an input that of its new value.
        early: results that are needed otherwise: outputs and gradients.
    """
    users: dict[int, list[int]] = {i.id: [] for i in instructions}
    for i in instructions:
        for number in i.refs:
            users[number].append(i.id)
    late: set[int] = set()
    new = set(updates.values())
    for i in reversed(instructions):
        wanted = i.id in new or users[i.id]
        by_late = all(user in late for user in users[i.id])
        if wanted and by_late and i.id not in early and calls.elementwise(i):
            late.add(i.id)
    return [i for i in instructions if i.id in late]


def lanes(
    late: list[Instruction], table: dict[int, Instruction], updates: dict[int, int]
) -> Iterator[Lane]:
    """The late calls that form lanes: each group of calls that share a state or a result."""
    home = _joined(late, table)
    groups: dict[int, list[Instruction]] = {}
    for i in late:
        groups.setdefault(home(i.id), []).append(i)
    for members in groups.values():
        made = _lane(members, table, updates)
        if made is not None:
            yield made


def _joined(late: list[Instruction], table: dict[int, Instruction]) -> Callable[[int], int]:
    """Union-find over late calls and the states that they touch."""
    parent: dict[int, int] = {}

    def home(x: int) -> int:
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    mine = {i.id for i in late}
    for i in late:
        for number in i.refs:
            state = table[number].call == "input" and calls.is_array(table[number])
            if number in mine or state:
                parent[home(number)] = home(i.id)
    return home


def _lane(
    members: list[Instruction], table: dict[int, Instruction], updates: dict[int, int]
) -> Lane | None:
    shape, dtype = members[0].shape, members[0].dtype
    place = {i.id: k for k, i in enumerate(members)}
    states, outside, made = list[int](), list[int](), list[Call]()
    for i in members:
        found = calls.elementwise(i)
        if found is None or i.shape != shape or i.dtype != dtype:
            return None
        operands = []
        for x in found[1]:
            operand = _operand(x, place, states, outside, table)
            if operand is None:
                return None
            if operand.kind in ("state", "outside"):
                there = table[x.id]
                if there.shape != shape or there.dtype != dtype:
                    return None
            operands.append(operand)
        made.append(Call(found[0], tuple(operands)))
    for state, new in updates.items():
        if new in place and state not in states:  # it does not read what it overwrites
            if table[state].shape != shape or table[state].dtype != dtype:
                return None
            states.append(state)
    results = [(k, place[updates[s]]) for k, s in enumerate(states) if updates.get(s) in place]
    numbers = tuple(states), tuple(outside)
    return Lane(tuple(members), *numbers, tuple(made), tuple(results), shape or (), dtype)


def _operand(
    x: Any,
    place: dict[int, int],
    states: list[int],
    outside: list[int],
    table: dict[int, Instruction],
) -> Operand | None:
    if not isinstance(x, Ref):
        return Operand("number", x) if isinstance(x, (int, float)) else None
    if x.id in place:
        return Operand("call", place[x.id])
    i = table[x.id]
    if not i.shape:  # a Python number takes on the dtype of the lane, one of NumPy's need not
        return Operand("scalar", x.id) if i.dtype.startswith("Python") else None
    home = states if i.call == "input" else outside
    if x.id not in home:
        home.append(x.id)
    return Operand("state" if home is states else "outside", home.index(x.id))


def grouped(found: list[Lane]) -> list[list[Lane]]:
    """Lanes that can run as one, together."""
    groups: dict[Any, list[Lane]] = {}
    for lane in found:
        groups.setdefault(lane.kind, []).append(lane)
    return list(groups.values())
