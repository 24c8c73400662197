"""A program with fewer instructions that computes the same, bit for bit: what is computed twice is
computed once, what nobody needs not at all, and a few calls that change nothing go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from .calls import function, may_fail
from .instructions import Instruction, Ref, as_tuple, renumbered, replaced

VIEWS = {"ndarray.reshape", "np.expand_dims", "np.squeeze", "np.reshape"}
"""Calls that give the same numbers, in the same order, in another shape."""

_BINARY = {f"operator.{name}" for name in ("add", "sub", "mul", "truediv")}
_BINARY |= {f"np.{name}" for name in ("add", "subtract", "multiply", "divide")}


def simplified(
    instructions: list[Instruction], needed: list[int], optional: Collection[int] = ()
) -> tuple[list[Instruction], dict[int, int]]:
    """Fewer instructions, numbered anew, and for each old number the new one. See `merged`."""
    kept, now = merged(instructions, needed, optional)
    numbers = {i.id: number for number, i in enumerate(kept)}
    done = [_renumbered(i, numbers, id=numbers[i.id]) for i in kept]
    return done, {old: numbers[new] for old, new in now.items()}


def merged(
    instructions: list[Instruction], needed: list[int], optional: Collection[int] = ()
) -> tuple[list[Instruction], dict[int, int]]:
    """Fewer instructions, and for each old number the number of the one that is left of equal ones.

    Args:
        needed: the results that must stay. Checks, draws and what may fail stay as well, and inputs but
            for the optional ones that nothing reads.
    """
    known: dict[Any, int] = {}
    now: dict[int, int] = {}
    rewritten: dict[int, Instruction] = {}
    for old in instructions:
        i = _renumbered(old, now)
        rules = _RULES_OF.get(i.call, ())
        same = next((found for rule in rules if (found := rule(i, rewritten)) is not None), None)
        if isinstance(same, Instruction):
            i, same = same, None
        if same is None:
            same = known.setdefault(_key(i), i.id)
        now[old.id] = same
        rewritten.setdefault(same, i)
    wanted = {now[number] for number in needed}
    for i in reversed(list(rewritten.values())):
        given = i.call == "input" and i.id not in optional
        stays = i.call == "check" or i.call.startswith("draw.") or may_fail(i, rewritten)
        if given or stays or i.id in wanted:
            wanted.update((i.id, *i.refs))
    kept = [i for i in rewritten.values() if i.id in wanted]
    return kept, {old: new for old, new in now.items() if new in wanted}


def _renumbered(i: Instruction, now: dict[int, int], **changes: Any) -> Instruction:
    """An instruction whose references have the new numbers, and with other changes."""
    refs = [now[number] for number in i.refs]
    if refs != i.refs:
        changes |= {"args": renumbered(i.args, now)}
        changes |= {"kwargs": renumbered(i.kwargs, now)} if i.kwargs else {}
    return replaced(i, **changes) if changes else i


def _key(i: Instruction) -> Any:
    """Equal for instructions with equal results."""
    if i.call == "table":
        return i.args[0].tobytes(), i.shape, i.dtype
    if i.call in ("input", "constant", "np.empty", "np.zeros") or i.call.startswith(
        ("draw.", "changed:")
    ):
        return i.id
    return repr((i.call, i.args, i.kwargs))


# --- calls that change nothing ----------------------------------------------------------------------
# Each rule gives the number of an equal result, another instruction, or None.

Known = dict[int, Instruction]


def _argument(i: Instruction, known: Known, place: int = 0) -> Instruction | None:
    x = i.args[place] if len(i.args) > place else None
    return known[x.id] if isinstance(x, Ref) else None


def _reshaped(i: Instruction, known: Known) -> int | Instruction | None:
    """A shape that is the same; a shape given to an array that was just given another."""
    if i.call not in VIEWS or _has_order(i) or (x := _argument(i, known)) is None:
        return None
    while x.call in VIEWS and not _has_order(x) and isinstance(x.args[0], Ref):
        x = known[x.args[0].id]
    if x.dtype != i.dtype:  # a Python number that becomes an array
        return None
    if x.shape == i.shape:
        return x.id
    return replaced(i, call="ndarray.reshape", args=(Ref(x.id), i.shape), kwargs=())


def _has_order(i: Instruction) -> bool:
    """Whether a reshape says in which order it reads."""
    return bool(i.kwargs) or (i.call.endswith("reshape") and len(i.args) > 2)


def _transposed(i: Instruction, known: Known) -> int | Instruction | None:
    """A transpose of a transpose."""
    x = _argument(i, known)
    if i.call == x_call(x) == "ndarray.transpose" and len(i.args) == len(x.args) == 1:  # type: ignore[union-attr]
        return x.args[0].id  # type: ignore[no-any-return, union-attr]
    return None


def _whole(i: Instruction, known: Known) -> int | Instruction | None:
    """A slice of everything."""
    x = _argument(i, known)
    if i.call != "operator.getitem" or x is None or x.shape != i.shape:
        return None
    slices = (isinstance(p, slice) and p.step in (None, 1) for p in as_tuple(i.args[1]))
    return x.id if all(slices) else None


def _overwritten(i: Instruction, known: Known) -> int | Instruction | None:
    """An array all of whose elements are set."""
    if i.call != "set_item" or not isinstance(i.args[2], Ref):
        return None
    base = _argument(i, known)
    if x_call(base) == "set_item" and base.args[1:] == i.args[1:]:  # type: ignore[union-attr]
        return base.id  # type: ignore[union-attr]
    if i.args[1] is not ...:
        return None
    new = known[i.args[2].id]
    if new.shape != i.shape:
        return None
    cast = ("ndarray.astype", (Ref(new.id), i.dtype))
    return new.id if new.dtype == i.dtype else replaced(i, call=cast[0], args=cast[1])


def x_call(x: Instruction | None) -> str:
    return x.call if x is not None else ""


def _times_one(i: Instruction, known: Known) -> int | Instruction | None:
    """A product with 1 or -1, a quotient by 1."""
    if i.call in ("operator.mul", "np.multiply"):
        for place in (0, 1):
            other = _argument(i, known, 1 - place)
            if _is_minus_one(i.args[place], known) and other is not None and _alike(other, i):
                return replaced(i, call="operator.neg", args=(Ref(other.id),))
            if not _is_one(i.args[place], known):
                continue
            if other is not None and _alike(other, i):
                return other.id
            number = i.args[1 - place]
            if isinstance(number, (int, float)) and i.shape == () and i.dtype.startswith("float"):
                literal = np.dtype(i.dtype).type(number)
                return replaced(i, call="literal", args=(literal,), kwargs=())
    if i.call in ("operator.truediv", "np.divide") and _is_one(i.args[1], known):
        x = _argument(i, known)
        return x.id if x is not None and _alike(x, i) else None
    return None


def _is_one(x: Any, known: Known) -> bool:
    if isinstance(x, Ref):
        i = known[x.id]
        return i.call == "literal" and bool(i.args[0] == 1)
    return isinstance(x, (int, float, np.floating)) and not isinstance(x, bool) and bool(x == 1)


def _is_minus_one(x: Any, known: Known) -> bool:
    i = known[x.id] if isinstance(x, Ref) else None
    return i is not None and i.call == "operator.neg" and _is_one(i.args[0], known)


def _alike(a: Instruction, b: Instruction) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _stretched(i: Instruction, known: Known) -> int | Instruction | None:
    """Something stretched to a shape that the other side has anyway."""
    if i.call not in _BINARY:
        return None
    for place in (0, 1):
        x, other = _argument(i, known, place), _argument(i, known, 1 - place)
        if x_call(x) == "np.broadcast_to" and other is not None and other.shape == i.shape:
            small = _argument(x, known)  # type: ignore[arg-type]
            if small is not None:
                args = tuple(Ref(small.id) if p == place else a for p, a in enumerate(i.args))
                i = replaced(i, args=args)
                simpler = _times_one(i, known)
                return i if simpler is None else simpler
    return None


def _signs(i: Instruction, known: Known) -> int | Instruction | None:
    """A sum with what is negative, as a difference; a sum of two that are equal, as a product; what is
    negative twice.
    """
    if i.call == x_call(_argument(i, known)) == "operator.neg":
        return known[i.args[0].id].args[0].id  # type: ignore[no-any-return]
    if i.call not in ("operator.add", "np.add") or i.kwargs or not i.dtype.startswith("float"):
        return None
    a, b = _argument(i, known), _argument(i, known, 1)
    if a is None or b is None or not _alike(a, i) or not _alike(b, i):
        return None
    if a.id == b.id:
        return replaced(i, call="operator.mul", args=(2, Ref(a.id)))
    if b.call == "operator.neg":
        return replaced(i, call="operator.sub", args=(Ref(a.id), b.args[0]))
    if a.call == "operator.neg":
        return replaced(i, call="operator.sub", args=(Ref(b.id), a.args[0]))
    return None


def _number(x: Any, known: Known) -> Any:
    """The number that x is, or is full of; None if it is none."""
    if not isinstance(x, Ref):
        return x if isinstance(x, (bool, int, float, np.generic)) else None
    i = known[x.id]
    if i.call in ("np.broadcast_to", "literal"):
        return _number(i.args[0], known)
    return None


def _broadcast_again(i: Instruction, known: Known) -> int | Instruction | None:
    """Something stretched that was stretched before."""
    x = _argument(i, known)
    if i.call == x_call(x) == "np.broadcast_to":
        return replaced(i, args=(x.args[0], i.shape))  # type: ignore[union-attr]
    return None


def _of_numbers(i: Instruction, known: Known) -> int | Instruction | None:
    """A comparison of numbers; a number in another dtype."""
    if i.shape == () and i.call in _COMPARISONS:
        a, b = (_number(x, known) for x in i.args)
        if a is not None and b is not None:
            return replaced(i, call="literal", args=(np.bool_(function(i.call)(a, b)),), kwargs=())
    if (
        i.call in _ALL_OR_ANY
        and i.shape == ()
        and (number := _number(i.args[0], known)) is not None
    ):
        return replaced(i, call="literal", args=(np.bool_(number),), kwargs=())
    if i.call == "ndarray.astype" and (x := _argument(i, known)) is not None:
        number = _number(i.args[0], known)
        if number is not None and x.call == "np.broadcast_to":
            cast = np.dtype(i.dtype).type(number)
            return replaced(i, call="np.broadcast_to", args=(cast, i.shape), kwargs=())
    return None


_ALL_OR_ANY = ("ndarray.all", "ndarray.any", "np.all", "np.any", "np.logical_or.reduce")
_COMPARISONS = ("operator.ne", "operator.eq", "operator.lt", "operator.gt")


def _chosen(i: Instruction, known: Known) -> int | Instruction | None:
    """A choice that is always the same, that was made before, or that is asked for again."""
    if i.call == "operator.ne" and i.args[1] == 0 and x_call(_argument(i, known)) == "np.where":
        choice = known[i.args[0].id]
        ones = _number(choice.args[1], known) == 1 and _number(choice.args[2], known) == 0
        mask = _argument(choice, known)
        return mask.id if ones and mask is not None and mask.shape == i.shape else None
    if i.call != "np.where":
        return None
    taken = _argument(i, known, 1)
    if taken is None or not _alike(taken, i):
        return None
    if _number(i.args[0], known) == np.True_:
        return taken.id
    mask = _argument(i, known)
    full = taken.call == "np.broadcast_to" and _number(i.args[1], known) is not None
    if full and mask is not None and mask.shape == i.shape:
        return replaced(i, args=(i.args[0], taken.args[0], i.args[2]))
    again = taken.call == "np.where" and taken.args[0] == i.args[0]
    if not again or isinstance(i.args[2], Ref):
        return None
    return taken.id if repr(taken.args[2]) == repr(i.args[2]) else None  # -0.0 == 0.0


_RULES: list[tuple[Callable[[Instruction, Known], int | Instruction | None], set[str]]] = [
    (_reshaped, VIEWS),
    (_transposed, {"ndarray.transpose"}),
    (_whole, {"operator.getitem"}),
    (_overwritten, {"set_item"}),
    (_times_one, {"operator.mul", "np.multiply", "operator.truediv", "np.divide"}),
    (_broadcast_again, {"np.broadcast_to"}),
    (_stretched, _BINARY),
    (_signs, {"operator.add", "np.add", "operator.neg"}),
    (_of_numbers, {*_COMPARISONS, *_ALL_OR_ANY, "ndarray.astype"}),
    (_chosen, {"operator.ne", "np.where"}),
]
"""Rules, and the calls that each is for."""

_RULES_OF = {
    call: [rule for rule, calls in _RULES if call in calls]
    for call in set().union(*(calls for _, calls in _RULES))
}
