"""What a program is made of: instructions, each one call of an array function, as plain data.

An instruction names its call in words (`calls.py` knows what they mean) and its arguments: results of
earlier instructions by `Ref`, everything else as it is. Every result is assigned once; what the
user's program changed in place is a new result here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.lines import Line
from ..plain_data import Plain

FIXED = ("constant", "table", "literal")
"""Calls that are no calls: arrays that are the same in each run, those that follow from shapes, numbers."""


@dataclass(frozen=True, order=True)
class Ref:
    """The result of the instruction with this number."""

    id: int

    def __repr__(self) -> str:
        """A dataclass's own takes three times as long, and instructions are compared by it."""
        return f"Ref(id={self.id})"


class _Refs:
    """The numbers of the instructions whose results an instruction takes, in order: found once, and without the
    lock of Python 3.11's `cached_property`.
    """

    def __get__(self, i: Any, kind: Any = None) -> list[int]:
        found = [ref.id for ref in refs_in((i.args, i.kwargs))]
        vars(i)["refs"] = found
        return found


@dataclass(frozen=True, eq=False)
class Instruction(Plain):
    """One array call. Two are equal if all attributes but `line` are.

    Attributes:
        id: its number in the program, from 0.
        call: what is called, "np.exp" or "operator.add", say; "input" or one of `FIXED` for what the
            program starts from.
        args, kwargs: plain values; results of earlier instructions as `Ref`.
        shape: of the result; None if that is a tuple of arrays.
        dtype: its name, "float64", say; "Python float" for a number that never widens an array.
        name: what the user calls the result, or "".
        formula: of the operation, or of its derivative, that this call is a part of; or "".
        gradient_of: the number of the instruction whose gradient this is, or None.
        stage: "forward", "backward" or "update".
        line: the user's line that this comes from.
    """

    id: int
    call: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    shape: tuple[int, ...] | None = ()
    dtype: str = ""
    name: str = ""
    formula: str = ""
    stage: str = "forward"
    gradient_of: int | None = None
    line: Line | None = field(default=None, compare=False)

    refs = _Refs()


def instruction(**attributes: Any) -> Instruction:
    """A new instruction: what the class gives, in a fifth of the time."""
    return replaced(_PLAIN, **attributes)


def replaced(i: Instruction, **changes: Any) -> Instruction:
    """A copy with some attributes changed: what `dataclasses.replace` gives, in a fifth of the time."""
    new: Instruction = object.__new__(Instruction)
    vars(new).update(vars(i) | changes)
    vars(new).pop("refs", None)  # of the old arguments
    return new


_PLAIN = Instruction(0, "")


def parts(x: Any) -> list[Any]:
    """What is in nested tuples, lists, dicts and slices."""
    if not isinstance(x, _CONTAINERS):
        return [x]
    if isinstance(x, dict):
        x = x.values()
    elif isinstance(x, slice):
        x = x.start, x.stop, x.step
    found: list[Any] = []
    for part in x:
        if isinstance(part, _CONTAINERS):
            found += parts(part)
        else:
            found.append(part)
    return found


_CONTAINERS = (tuple, list, dict, slice)


def refs_in(x: Any) -> list[Ref]:
    """The results that nested tuples, lists, dicts and slices refer to, in order."""
    found: list[Ref] = []
    for part in x if isinstance(x, tuple) else parts(x):  # most often a tuple of plain values
        if type(part) is Ref:
            found.append(part)
        elif isinstance(part, _CONTAINERS):
            found += refs_in(part)
    return found


def renumbered(x: Any, now: Mapping[int, int]) -> Any:
    """x, with references to the new numbers of results."""
    return mapped(lambda part: Ref(now[part.id]) if isinstance(part, Ref) else part, x)


def as_tuple(index: Any) -> tuple[Any, ...]:
    """The parts of an index, one for an axis or a few."""
    return index if isinstance(index, tuple) else (index,)


def mapped(function: Callable[[Any], Any], x: Any) -> Any:
    """x with each part of its nested tuples, lists, dicts and slices replaced by the function's."""
    if isinstance(x, (tuple, list)):
        done = [mapped(function, p) if isinstance(p, _CONTAINERS) else function(p) for p in x]
        if isinstance(x, list):
            return done
        return type(x)(*done) if hasattr(x, "_fields") else tuple(done)
    if isinstance(x, dict):
        return {key: mapped(function, part) for key, part in x.items()}
    if isinstance(x, slice):
        return slice(*(mapped(function, part) for part in (x.start, x.stop, x.step)))
    return function(x)
