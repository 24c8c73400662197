"""The report of an autopsy: plain data about the first value that is not finite, and its text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal

from ...engine.arrays import Array
from ...engine.lines import Line
from ...tracing import Entry, Trace
from ..reading import Index, at, label, number, paragraph


@dataclass(frozen=True, eq=False)
class Operand:
    """What the guilty operation read at the element in question.

    Attributes:
        argument: its name in the table; "g" for the gradient that reached the operation.
        entry: id of the entry in the trace; index: the part that was read; value: what was there.
        label: the user's name for it, or how it was made.
    """

    argument: str
    entry: int
    index: Index
    value: Array
    label: str

    def __str__(self) -> str:
        value = number(self.value)
        whose = "" if self.label == value else f"   ({self.label})"
        return f"{self.argument}{at(self.index)} = {value}{whose}"

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Autopsy:
    """Where the first value that is not finite came from. Printable; every part is plain data.

    Attributes:
        phase: "forward" (an operation's output), "backward" (an input's gradient by its rule) or
            "data" (a parameter, an input or a constant that was not finite to begin with).
        entry: the guilty entry of the trace; `op` and `line` are its own.
        argument: in "backward" the position of the input whose gradient it is, else None.
        index: the element. value: what was there. count, size: how many elements are like it, out
            of how many.
        operands: what the operation read at that element.
        spread: the operation that made nan out of the first infinity, where there is one.
        cause, cure: what kind of mistake it is, and what is usually done about it.
        trace: the whole computation.
    """

    phase: Literal["forward", "backward", "data"]
    entry: Entry
    argument: int | None
    index: Index
    value: float
    count: int
    size: int
    operands: tuple[Operand, ...]
    spread: Entry | None
    cause: str
    cure: str
    trace: Trace

    @property
    def op(self) -> str:
        """The operation's name; "leaf" or "constant" for data."""
        return self.entry.op

    @property
    def line(self) -> Line | None:
        """The user's line; for data, that of the first operation that read them."""
        reader = self.reader()
        return reader.line if reader is not None else None

    def reader(self) -> Entry | None:
        """The guilty operation; for data, the first operation that read them, or None."""
        if self.phase != "data":
            return self.entry
        return next((user for user, _ in self.trace.users(self.entry)), None)

    def __str__(self) -> str:
        lines = [textwrap.fill(self.headline(), 96, subsequent_indent="  ")]
        if self.line is not None and self.line.text:
            lines.append(f"    {self.line.text}")
        if self.size > 1:
            of = f"{self.count} of {self.size} are {self.value}"
            lines.append(f"  element {at(self.index)}; {of}")
        lines += [f"    {operand}" for operand in self.operands]
        if self.spread is not None:
            lines.append(f"  then: {label(self.spread)} made nan of it")
        return "\n".join([*lines, paragraph("cause", self.cause), paragraph("cure", self.cure)])

    __repr__ = __str__

    def headline(self) -> str:
        """The first line of the report: what, where."""
        name = label(self.entry)
        if self.phase == "data":
            reader = self.reader()
            where = f"; first read by {reader.op} at {reader.line}" if reader else ""
            return f"{name} holds {self.value} before any operation{where}"
        here = f"{self.op} at {self.line}"
        if self.phase == "forward":
            return f"{here} made the first value that is not finite: {self.value}"
        if self.argument is None:
            return f"the gradient of {name} is the first that is not finite: {self.value}"
        of = label(self.trace[self.entry.inputs[self.argument]])
        return (
            f"the derivative of {here} made the first gradient that is not finite: "
            f"{self.value}, for {self.entry.arguments[self.argument]} ({of})"
        )
