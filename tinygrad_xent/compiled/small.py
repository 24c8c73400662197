"""What pays on small arrays only, where a call of NumPy costs more than its work: other calls, and fewer.

shift_rows(a)               a - the maximum of each row, or just a where no exp of it can overflow
log_share(e, total, a, y)   log(e / total) at each row's label, where e = exp(shift_rows(a))
weighted_sum(x, c)          Σ c · x
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..engine.sums import BLOCK
from ..programs.instructions import Instruction, Ref, replaced

FEW = 1024  # numbers, up to which one call more costs more than the work of several
FEW_LOGITS = 1 << 14
"""Of which a look at the largest and the smallest costs less than a shift of each row."""
LARGEST = {"float32": 40.0, "float64": 300.0}
"""Of numbers no larger, neither exp nor a quotient of two of them overflows or vanishes."""
SHIFTING = ("shift_rows", "log_share")


class Program:
    """Instructions in order, with who uses their results.

    Args:
        needed: the numbers of results that are needed besides.
    """

    def __init__(self, instructions: Iterable[Instruction], needed: Iterable[int]) -> None:
        self.table = {i.id: i for i in instructions}
        self.needed = set(needed)
        self.users: dict[int, list[Instruction]] = {number: [] for number in self.table}
        for i in self.table.values():
            for number in {*i.refs}:
                self.users[number].append(i)

    def __call__(self, x: Any, call: str = "") -> Instruction | None:
        """The instruction that x refers to, if it is this call."""
        i = self.table.get(x.id) if isinstance(x, Ref) else None
        return i if i is not None and call in ("", i.call) else None

    def only_for(self, i: Instruction, *users: Instruction) -> bool:
        """Whether nothing but these needs a result."""
        return i.id not in self.needed and {x.id for x in self.users[i.id]} <= {x.id for x in users}

    def put(self, i: Instruction, **changes: Any) -> None:
        """Another call in the place of one."""
        self.table[i.id] = replaced(i, **{"kwargs": (), **changes})


def for_small_arrays(instructions: list[Instruction], needed: list[int]) -> list[Instruction]:
    """The instructions, with those of small arrays replaced. Others may be left over."""
    program = Program(instructions, needed)
    for i in instructions:
        if (found := _Softmax.of(i, program)) is not None:
            found.unshifted(program)
        elif (averaged := _averaged(i, program)) is not None:
            program.put(i, call="weighted_sum", args=averaged)
    return list(program.table.values())


class _Softmax(NamedTuple):
    """The calls of log softmax(a)[row, y]: picked - log total, where total = Σ exp(shifted)."""

    shifted: Instruction
    picked: Instruction
    e: Instruction
    total: Instruction
    log: Instruction
    flat: Instruction
    last: Instruction

    @staticmethod
    def of(i: Instruction, known: Program) -> _Softmax | None:
        """That whose last call this is, if it is small, and no result of it is used but for shares e / total."""
        if i.call != "operator.sub" or i.dtype not in LARGEST:
            return None
        picked, flat = known(i.args[0], "take_labels"), known(i.args[1], "ndarray.reshape")
        log = known(flat.args[0], "np.log") if flat else None
        total = known(log.args[0], "np.add.reduce") if log else None
        e = known(total.args[0], "np.exp") if total else None
        shifted = known(e.args[0], "operator.sub") if e else None
        top = known(shifted.args[1], "np.maximum.reduce") if shifted else None
        if not (picked and flat and log and total and e and shifted and top):
            return None
        found = _Softmax(shifted, picked, e, total, log, flat, i)
        shape, same = shifted.shape or (), shifted.args[0] == top.args[0]
        by_row = all(dict(x.kwargs).get("axis") in (1, -1) for x in (top, total))
        right = same and picked.args[0] == Ref(shifted.id) and by_row and len(shape) == 2
        if not right or math.prod(shape) > FEW_LOGITS or not found.is_apart(known):
            return None
        return found

    def is_apart(self, known: Program) -> bool:
        """Whether it makes no difference to others by how much the rows are shifted."""
        shares = [*self.shares(known)]
        return (
            known.only_for(self.shifted, self.e, self.picked)
            and known.only_for(self.picked, self.last)
            and known.only_for(self.e, self.total, *shares)
            and known.only_for(self.total, self.log, *shares)
            and known.only_for(self.log, self.flat)
            and known.only_for(self.flat, self.last)
        )

    def shares(self, known: Program) -> Iterator[Instruction]:
        """The calls that compute e / total, or c / total first and then e · (c / total)."""
        e, total = Ref(self.e.id), Ref(self.total.id)
        for i in known.users[self.total.id]:
            if i.call == "operator.truediv" and i.args[1] == total and i.args[0] != total:
                products = known.users[i.id]
                multiplied = (
                    x.call == "operator.mul" and x.args == (e, Ref(i.id)) for x in products
                )
                if i.args[0] == e:
                    yield i
                elif e.id not in i.refs and i.id not in known.needed and all(multiplied):
                    yield from (i, *products)

    def unshifted(self, known: Program) -> None:
        """Shift rows only where it must be."""
        known.put(self.shifted, call="shift_rows", args=self.shifted.args[:1], name="shifted")
        e, total, shifted = Ref(self.e.id), Ref(self.total.id), Ref(self.shifted.id)
        given = e, total, shifted, self.picked.args[1]
        known.put(self.last, call="log_share", args=given, name="log_shares")


def _averaged(i: Instruction, known: Program) -> tuple[Ref, float] | None:
    """A short vector of logarithms and 1 / n, if a call divides the vector's sum by n. (Of any numbers: their sum
    might overflow, and that of the quotients not.)
    """
    if i.call != "operator.truediv" or i.shape != () or i.dtype not in LARGEST:
        return None
    total, n = known(i.args[0], "np.add.reduce"), _number(i.args[1], known)
    x = known(total.args[0]) if total else None
    if not (total and x and n) or not known.only_for(total, i) or total.dtype != i.dtype:
        return None
    short = x.call == "log_share" and len(x.shape or ()) == 1 and x.shape[0] <= BLOCK  # type: ignore[index]
    return (Ref(x.id), 1 / n) if short and x.dtype == i.dtype and abs(n) >= 1 else None


def _number(x: Any, known: Program) -> float | None:
    literal = known(x, "literal")
    x = literal.args[0] if literal else x
    return x if isinstance(x, (int, float)) and not isinstance(x, bool) else None


def by_sign(instructions: list[Instruction], needed: Iterable[int]) -> list[Instruction]:
    """where(h != 0, g, 0) as g · sign(h), where h = max(x, 0): a product of floats takes half the time of
    one with a mask. Only for gradients that are checked: it is NaN where g is not finite, or h is NaN.
    """
    program = Program(instructions, needed)
    for mask in instructions:
        h = program(mask.args[0], "np.maximum") if mask.call in _DIFFERS else None
        if h is None or mask.args[1:] != (0,) or h.args[1:] != (0,) or mask.shape != h.shape:
            continue
        users = program.users[mask.id]
        chosen = (
            x.call == "np.where"
            and x.args[0] == Ref(mask.id)
            and x.args[2:] == (0,)
            and isinstance(x.args[1], Ref)
            and x.shape == h.shape
            and x.dtype == h.dtype
            and program.table[x.args[1].id].shape == h.shape
            for x in users
        )
        small = h.dtype in LARGEST and math.prod(h.shape or ()) <= FEW
        if small and program.only_for(mask, *users) and all(chosen):
            program.put(mask, call="np.sign", args=mask.args[:1], dtype=h.dtype, name="on")
            for x in users:
                program.put(x, call="operator.mul", args=(x.args[1], x.args[0]))
    return list(program.table.values())


_DIFFERS = ("operator.ne", "np.not_equal")
