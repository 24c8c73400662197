"""A program rewritten into one that does the same work in fewer and faster calls.

Here results may differ in the last digits. New calls, which only a compiled step has:

labels(y, classes, what, error)     labels are in range
finite(g, what)                     a gradient is finite
take_labels(x, y)                   x[row, y[row]] for each row
minus_labels(x, y, c)               x with c taken off there
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..programs.calls import function
from ..programs.instructions import Instruction, Ref, replaced
from ..programs.listing import Program
from ..programs.simplifying import merged
from .small import for_small_arrays

Table = dict[int, Instruction]


CHECKS = ("check", "labels", "finite")
"""Calls that raise if something does not hold."""


class Rewriting:
    """The instructions of a program by number, while they are rewritten.

    Attributes:
        uses: how often each result is used, by calls and from outside.
        labels: by the number of an array of labels, the number of classes it was checked for.
    """

    def __init__(self, program: Program, needed: list[int]) -> None:
        self.table: Table = {i.id: i for i in program.instructions}
        self.needed, self.labels = needed, dict[int, int]()
        self.last = len(program.instructions)

    def __call__(self, x: Any, call: str = "", once: bool = False) -> Instruction | None:
        """The instruction that x refers to, if it is this call, and, if asked, used only once."""
        i = self.table.get(x.id) if isinstance(x, Ref) else None
        if i is None or (call and i.call != call) or (once and self.uses[i.id] > 1):
            return None
        return i

    def new(self, like: Instruction, call: str, *args: Any, **changes: Any) -> Instruction:
        """An instruction with a number of its own."""
        self.last += 1
        changes |= {"call": call, "args": args, "kwargs": (), "name": ""}
        return replaced(like, id=self.last, **changes)

    def run(self) -> None:
        """Apply every rule to every instruction, in order, once."""
        for rule in RULES:
            self.uses = dict.fromkeys(self.table, 0)
            for number in (n for i in self.table.values() for n in i.refs):
                self.uses[number] += 1
            for number in self.needed:
                self.uses[number] += 1
            done: Table = {}
            for i in list(self.table.values()):
                for new in rule(i, self) or [i]:
                    done[new.id] = self.table[new.id] = new
            self.table = done


def rewritten(program: Program, needed: list[int]) -> tuple[list[Instruction], dict[int, int]]:
    """Fewer and faster instructions, and for each old number that is left the new one.

    Args:
        needed: the numbers of results that must stay.
    """
    rewriting = Rewriting(program, needed)
    rewriting.run()
    instructions, now = _cleared(_looked_up_early(list(rewriting.table.values())), needed)
    needed = [now[n] for n in needed]
    smaller = for_small_arrays(instructions, needed)
    if smaller == instructions:
        return instructions, now
    smaller, then = _cleared(smaller, needed)
    return smaller, {old: then[new] for old, new in now.items() if new in then}


def _cleared(
    instructions: list[Instruction], needed: list[int]
) -> tuple[list[Instruction], dict[int, int]]:
    """The instructions without those that nobody needs, and what stands for each that was there."""
    kept = [i.id for i in instructions if i.call in (*CHECKS, "input")]
    return merged(instructions, [*needed, *kept])


def _looked_up_early(instructions: list[Instruction]) -> list[Instruction]:
    """Labels are looked up as soon as there is a matrix to do it in, so that the next result may overwrite it;
    and checked before.
    """
    inputs = [i for i in instructions if i.call == "input"]
    done = [*inputs]
    for i in (i for i in instructions if i.call != "input"):
        at = len(done)
        if i.call in ("labels", "take_labels"):
            read = (k for k, earlier in enumerate(done) if earlier.id in i.refs)
            at = 1 + max(read, default=-1)
        done.insert(max(at, len(inputs)), i)
    return done


# --- rules: what stands in the place of an instruction, or None -------------------------------------
# The last of the new instructions has the number of the old one.


def _labels(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """0 <= y and y < classes, in one call."""
    both = known(i.args[0], "operator.and_") if i.call == "check" else None
    if both is None:
        return None
    low, high = known(both.args[0], "operator.ge"), known(both.args[1], "operator.lt")
    if low is None or high is None or low.args[0] != high.args[0] or low.args[1] != 0:
        return None
    y = known(low.args[0])
    if y is None or y.dtype != "int64" or not isinstance(high.args[1], int) or not y.shape:
        return None
    known.labels[y.id] = high.args[1]
    return [replaced(i, call="labels", args=(Ref(y.id), high.args[1], *i.args[1:]))]


def _finite(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """The check of a gradient before an update."""
    mask = known(i.args[0], "np.isfinite") if i.call == "check" else None
    if mask is None or i.args[2] != "FloatingPointError":
        return None
    return [replaced(i, call="finite", args=(mask.args[0], i.args[1]))]


def _quotient(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """exp(a - log Σ exp(a)) is exp(a) / Σ exp(a), and exp(a) is there already."""
    log_share = known(i.args[0], "operator.sub") if i.call == "np.exp" else None
    log = known(log_share.args[1], "np.log") if log_share else None
    total = known(log.args[0], "np.add.reduce") if log else None
    e = known(total.args[0], "np.exp") if total else None
    if not (log_share and total and e) or e.args[0] != log_share.args[0] or e.shape != i.shape:
        return None
    if not _is_share(e, total, known):
        return None
    return [replaced(i, call="operator.truediv", args=(Ref(e.id), Ref(total.id)))]


def _is_share(e: Instruction | None, total: Instruction | None, known: Rewriting) -> bool:
    """Whether e = exp(a - the largest of each row), and total is its sum along these rows, which is at least 1."""
    shifted = known(e.args[0], "operator.sub") if e and total and e.call == "np.exp" else None
    top = known(shifted.args[1], "np.maximum.reduce") if shifted else None
    if not (e and total and shifted and top) or total.call != "np.add.reduce":
        return False
    along = dict(top.kwargs).get("axis", 0) == dict(total.kwargs).get("axis", 0)
    return bool(along and top.args[0] == shifted.args[0] and total.args[0] == Ref(e.id))


def _scaled_quotient(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """(e / column) · c is e · (c / column), for shares of a softmax: the quotient is one of few numbers."""
    if i.call != "operator.mul" or not i.shape:
        return None
    share, c = known(i.args[0], "operator.truediv", once=True), known(i.args[1])
    column = known(share.args[1]) if share else None
    if not (share and c and column) or c.shape != () or column.shape == i.shape:
        return None
    if not _is_share(known(share.args[0]), column, known):
        return None
    factor = known.new(share, "operator.truediv", Ref(c.id), Ref(column.id), shape=column.shape)
    return [factor, replaced(i, args=(share.args[0], Ref(factor.id)))]


def _label_difference(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """(a - column)[row, y] is a[row, y] - column: fewer numbers."""
    minus = known(i.args[0], "operator.sub", once=True) if _picked(i, known) is not None else None
    a, column = (known(x) for x in minus.args) if minus else (None, None)
    if not (minus and a and column) or column.shape != (minus.shape[0], 1):  # type: ignore[index]
        return None
    if a.dtype != i.dtype or a.shape != minus.shape:
        return None
    picked = known.new(i, i.call, Ref(a.id), i.args[1])
    flat = known.new(column, "ndarray.reshape", Ref(column.id), i.shape, shape=i.shape)
    return [picked, flat, replaced(i, call="operator.sub", args=(Ref(picked.id), Ref(flat.id)))]


def _take_labels(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """x[row, y[row]] as a look-up in the flat array."""
    y = _picked(i, known)
    return None if y is None else [replaced(i, call="take_labels", args=(i.args[0], Ref(y)))]


def _picked(i: Instruction, known: Rewriting) -> int | None:
    """The number of the labels, if an instruction picks one element per row, in range for sure."""
    x = known(i.args[0]) if i.call == "operator.getitem" else None
    if x is None or not isinstance(i.args[1], tuple) or len(i.args[1]) != 2 or x.shape is None:
        return None
    rows, y = known(i.args[1][0], "np.arange"), known(i.args[1][1])
    if rows is None or y is None or len(x.shape) != 2 or rows.args != (x.shape[0],):
        return None
    return y.id if known.labels.get(y.id, 1 << 62) <= x.shape[1] else None


def _minus_labels(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """x[row, y] -= c, which is recorded as three calls."""
    if i.call != "set_item" or not isinstance(i.args[1], tuple) or len(i.args[1]) != 2:
        return None
    new, rows = known(i.args[2], "operator.sub", once=True), known(i.args[1][0], "np.arange")
    old = known(new.args[0], "take_labels", once=True) if new else None
    if not (new and rows and old) or old.args != (i.args[0], i.args[1][1]):
        return None
    x = known(i.args[0])
    if x is None or rows.args != x.shape[:1]:  # type: ignore[index]
        return None
    return [replaced(i, call="minus_labels", args=(*old.args, new.args[1]))]


def _columns(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """Sums of columns in float64 and then in float32 again: BLAS adds few at a time, as eager code does."""
    total = known(i.args[0], "np.add.reduce", once=True) if i.call == "ndarray.astype" else None
    x = known(total.args[0]) if total else None
    if not (total and x) or i.stage != "backward":
        return None
    if x.dtype != "float32" or i.dtype != "float32" or len(x.shape or ()) != 2:
        return None
    kwargs = dict(total.kwargs)
    if kwargs.pop("dtype", None) is None or kwargs != {"axis": 0, "keepdims": False}:
        return None
    return [replaced(i, call="np.add.reduce", args=(Ref(x.id),), kwargs=tuple(kwargs.items()))]


def _mean(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """The mean of all elements is their sum, by their count."""
    x = known(i.args[0]) if i.call == "ndarray.mean" and len(i.args) == 1 and not i.kwargs else None
    if x is None or not x.shape or 0 in x.shape or x.dtype not in _MEANS:
        return None
    total = known.new(i, "np.add.reduce", Ref(x.id))
    total = replaced(total, kwargs=(("axis", None), ("dtype", i.dtype), ("keepdims", False)))
    return [total, replaced(i, call="operator.truediv", args=(Ref(total.id), math.prod(x.shape)))]


_MEANS = ("bool", "int64", "float32", "float64")


def _power(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """A square, a root, a reciprocal, as NumPy takes them for arrays whose dtype the power keeps."""
    x = known(i.args[0]) if i.call == "operator.pow" and len(i.args) == 2 else None
    if x is None or not x.shape or x.dtype != i.dtype or not isinstance(i.args[1], (int, float)):
        return None
    name = _POWERS.get(i.args[1])
    return [replaced(i, call=f"np.{name}", args=i.args[:1])] if name else None


_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal", 1: "positive"}


def _number(i: Instruction, known: Rewriting) -> list[Instruction] | None:
    """What is computed of numbers alone."""
    if i.shape != () or not i.call.startswith("operator.") or i.call == "operator.getitem":
        return None
    of = [x if isinstance(x, (int, float)) else known(x, "literal") for x in i.args]
    if None in of:
        return None
    values = [x.args[0] if isinstance(x, Instruction) else x for x in of]
    return [replaced(i, call="literal", args=(function(i.call)(*values),), kwargs=())]


RULES: list[Callable[[Instruction, Rewriting], list[Instruction] | None]] = [
    *(_number, _labels, _finite, _quotient, _scaled_quotient, _label_difference, _take_labels),
    *(_minus_labels, _columns, _mean, _power),
]
