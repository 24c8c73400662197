"""The learning rate as a factor of the loss's gradient, where nobody sees the gradients of parameters.

Then w - lr · g is w - g, a pass less over all parameters: every gradient is a sum of products that have the
same small number as a factor, 1 / N say, and lr is multiplied into that number. One new call:

rate(c, lr)     c · lr, as an array without axes
"""

from __future__ import annotations

from dataclasses import replace

from ..programs.instructions import Instruction, Ref, refs_in, replaced
from . import calls
from .lanes import Call, Lane, Operand

SMALLEST = 1e-12
"""Rate: so much of what overflows is a number whose square overflows, which is checked."""
_OF_ONE = (
    "np.add.reduce",
    "ndarray.astype",
    "ndarray.reshape",
    "ndarray.transpose",
    "np.transpose",
)
_MULTIPLY = Call("multiply", (Operand("outside", 0), Operand("scalar", None)))
_SUBTRACT = Call("subtract", (Operand("state", 0), Operand("call", 0)))


def folded(
    early: list[Instruction], groups: list[list[Lane]], visible: set[int]
) -> tuple[list[Instruction], list[list[Lane]]]:
    """The early calls and the lanes with the learning rate in the gradients, or as they were.

    Args:
        visible: results that are seen besides.
    """
    lanes = [lane for group in groups for lane in group]
    rates = {_rate_of(lane) for lane in lanes}
    gradients = [number for lane in lanes for number in lane.outside]
    if len(rates) != 1 or (rate := rates.pop()) is None or len({*gradients}) < len(gradients):
        return early, groups
    scaling = _Scaling(early, rate)
    squared = all(lane.dtype in calls.BLAS for lane in lanes)
    written = all(n in scaling.table and calls.writes(scaling.table[n]) for n in gradients)
    if not (squared and written and all(map(scaling.of, gradients))) or not scaling.is_apart(
        visible
    ):
        return early, groups
    only = Call("subtract", (Operand("state", 0), Operand("outside", 0)))
    plain = [[replace(x, calls=(only,), results=((0, 0),)) for x in group] for group in groups]
    return scaling.done(), plain


def _rate_of(lane: Lane) -> int | None:
    """The number of the rate, if the lane is w - rate · g."""
    if len(lane.calls) != 2 or lane.calls[1] != _SUBTRACT or lane.results != ((0, 1),):
        return None
    product = lane.calls[0]
    rate = next((o.which for o in product.operands if o.kind == "scalar"), None)
    expected = {_MULTIPLY.operands[0], Operand("scalar", rate)}
    right = product.ufunc == "multiply" and {*product.operands} == expected
    return rate if right and len(lane.states) == len(lane.outside) == 1 else None


class _Scaling:
    """Results that are to be multiplied by the rate, by a number that each has as a factor.

    Attributes:
        changed: these calls, by number, with references to the new factor where the number is.
    """

    def __init__(self, early: list[Instruction], rate: int) -> None:
        self.early, self.rate = early, rate
        self.table = {i.id: i for i in early}
        self.changed: dict[int, Instruction] = {}
        self.through: dict[int, list[int]] = {}  # for each, the arguments that are multiplied
        self.factors: dict[int, Instruction] = {}
        self.next = max(self.table) + 1

    def of(self, number: int) -> bool:
        """Whether a result can be multiplied: it is linear in one argument, which can be; or in a number."""
        i = self.table.get(number)
        if i is None or i.stage != "backward":
            return False
        if number not in self.changed:
            self.changed[number] = i
            if not self._by_arguments(i):
                del self.changed[number]
                return False
        return True

    def _by_arguments(self, i: Instruction) -> bool:
        if i.call in ("operator.add", "operator.sub"):
            return self._argument(i, 0) and self._argument(i, 1)
        if i.call in _OF_ONE:
            return self._argument(i, 0)
        if calls.masked(i):
            return self._argument(i, 1)
        if i.call == "minus_labels":
            return self._argument(i, 0) and self._argument(i, 2)
        if i.call == "operator.truediv":
            return self._argument(i, 0)
        if i.call == "operator.mul" or calls.is_product(i):
            return self._argument(i, 1) or self._argument(i, 0)
        return False

    def _argument(self, i: Instruction, place: int) -> bool:
        x = i.args[place]
        literal = self.table.get(x.id) if isinstance(x, Ref) else None
        if literal is None or literal.call != "literal":
            if not (isinstance(x, Ref) and self.of(x.id)):
                return False
            self.through.setdefault(i.id, []).append(x.id)
            return True
        if literal.dtype != i.dtype:
            return False
        if literal.id not in self.factors:
            product = literal.args[0], Ref(self.rate)
            new = {"id": self.next, "call": "rate", "args": product, "name": "rate", "line": None}
            self.factors[literal.id] = replaced(literal, **new)
            self.next += 1
        args = [*self.changed[i.id].args]
        args[place] = Ref(self.factors[literal.id].id)
        self.changed[i.id] = replaced(i, args=tuple(args))
        return True

    def is_apart(self, visible: set[int]) -> bool:
        """Whether nothing but the changed calls, and checks, reads what is multiplied."""
        others = [i for i in self.early if i.id not in self.changed and i.call != "finite"]
        read = visible | {x.id for i in others for x in refs_in((i.args, i.kwargs))}
        if read & {*self.changed}:
            return False
        # Each is linear in some arguments: no other may be multiplied as well.
        for i in self.changed.values():
            multiplied = [number for number in i.refs if number in self.changed]
            if sorted(multiplied) != sorted(self.through.get(i.id, [])):
                return False
        return True

    def done(self) -> list[Instruction]:
        """All calls, each factor before the first call."""
        first = next(k for k, i in enumerate(self.early) if i.call != "input")
        new = [self.changed.get(i.id, i) for i in self.early]
        return [*new[:first], *self.factors.values(), *new[first:]]
