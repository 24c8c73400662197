"""What the text of a step is written with: names, memory, numbers, and the lines of set-up and step."""

from __future__ import annotations

import builtins
import keyword
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..programs.instructions import Instruction, Ref, as_tuple
from ..programs.nicknames import nickname
from .memory import Memory

WIDTH = 58  # where comments begin


@dataclass
class Writer:
    """Writes calls as lines that put their results where they belong.

    Attributes:
        table: the instructions by number. memory: where results lie.
        names: what results are called. bound: objects that the text refers to by name.
        setup, body: the lines of `make` and of `step`.
        noted, said: the formula, and the user's line, that were written last.
        select: whether a product with a mask may stand for a choice, because every gradient is checked.
        signs: whether the sign of a zero is seen.
    """

    table: dict[int, Instruction]
    memory: Memory
    select: bool
    signs: bool
    names: dict[int, str] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    known: dict[Any, str] = field(default_factory=dict)
    noted: str = ""
    said: str = ""

    # --- names --------------------------------------------------------------------------------------

    def unused(self, name: str) -> str:
        """The name, with a number if something else has it."""
        stem, count = name, 1
        while name in self.taken or name in RESERVED:
            count += 1
            name = f"{stem}{'_' * stem[-1].isdigit()}{count}"
        self.taken.add(name)
        return name

    def name(self, i: Instruction) -> str:
        """What a result is called; it gets its name here."""
        if i.id not in self.names:
            named = i.name or nickname(i, self.table, self.names)
            self.names[i.id] = self.unused(named)
        return self.names[i.id]

    def once(self, name: str, text: str, key: Any = None) -> str:
        """A variable of the set-up, made once."""
        key = text if key is None else key
        if key not in self.known:
            self.known[key] = self.unused(name)
            self.setup.append(f"{self.known[key]} = {text}")
        return self.known[key]

    def object(self, x: Any, name: str = "c") -> str:
        """A name for an object that has no text."""
        key = "object", id(x)
        if key not in self.known:
            self.known[key] = self.unused(name)
            self.bound[self.known[key]] = x
        return self.known[key]

    def ufunc(self, name: str) -> str:
        return self.once(name, f"np.{name}")

    # --- arguments ----------------------------------------------------------------------------------

    def value(self, x: Any) -> str:
        """An argument as text."""
        if isinstance(x, Ref):
            i = self.table[x.id]
            if i.call == "literal":
                return self.number(i.args[0])
            return self.name(i)
        if isinstance(x, tuple):
            inside = ", ".join(map(self.value, x))
            return f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, list):
            return f"[{', '.join(map(self.value, x))}]"
        if isinstance(x, dict):
            return f"{{{', '.join(f'{k!r}: {self.value(v)}' for k, v in x.items())}}}"
        if isinstance(x, slice):
            return f"slice({', '.join(self.value(p) for p in (x.start, x.stop, x.step))})"
        return self.number(x)

    def number(self, x: Any) -> str:
        """A plain number or word."""
        if isinstance(x, float) and not isinstance(x, np.floating):
            return repr(x) if math.isfinite(x) else f"float({str(x)!r})"
        if isinstance(x, (bool, int, str, type(None))) and not isinstance(x, np.generic):
            return repr(x)
        if x is ...:
            return "..."
        if isinstance(x, np.generic):
            return (
                self.once("c", f"np.{type(x).__name__}({x.item()!r})")
                if _plain(x)
                else self.object(x)
            )
        return self.object(x)

    def operand(self, x: Any, dtype: str) -> str:
        """An argument of a ufunc on arrays: a number as an array without axes, which is faster."""
        i = self.table[x.id] if isinstance(x, Ref) else None
        if i is not None and i.call == "literal":
            x = i.args[0]
        elif i is not None:
            return self.name(i)
        if isinstance(x, np.generic) and _plain(x):
            return self.once("c", f"np.array({x.item()!r}, {x.dtype.name!r})")
        floating = dtype.startswith("float") and isinstance(x, (int, float))
        if floating and not isinstance(x, bool) and math.isfinite(x):
            return self.once("c", f"np.array({x!r}, {dtype!r})")
        return self.value(x)

    def out(self, i: Instruction) -> str:
        """The name of the memory that a call writes to; it is made here."""
        if i.id not in self.names:
            name, block = self.name(i), self.memory.blocks[i.id]
            if block.first == i.id:
                text = f"room({i.shape}, {i.dtype!r})"
            else:
                old = self.table[block.first]
                same = old.shape == i.shape and old.dtype == i.dtype
                given = self.names[old.id]
                text = given if same else f"over({given}, {i.shape}, {i.dtype!r})"
            self.setup.append(f"{name} = {text}")
        return self.names[i.id]

    def reshaped(self, i: Instruction, shape: tuple[int, ...] | int) -> str:
        """Memory of the step in another shape."""
        name = self.name(i)
        if shape == i.shape:
            return name
        return self.once(f"{name}_flat", f"{name}.reshape({shape})")

    def line(self, text: str, i: Instruction | None = None) -> None:
        """A line of the step, with the formula that it belongs to."""
        note = f"  # {i.formula}" if i is not None and i.formula and i.formula != self.noted else ""
        self.noted = i.formula if i is not None else self.noted
        self.body.append(f"{text:<{WIDTH}}{note}" if note else text)

    def index(self, index: Any) -> str:
        """What stands between the brackets of x[index]."""
        inside = ", ".join(self._sliced(part) for part in as_tuple(index))
        one = isinstance(index, tuple) and len(index) == 1
        return f"{inside}," if one else inside or "()"

    def _sliced(self, part: Any) -> str:
        if not isinstance(part, slice):
            return self.value(part)
        ends = [part.start, part.stop, *([part.step] if part.step is not None else [])]
        return ":".join("" if p is None else self.value(p) for p in ends)


def _plain(x: Any) -> bool:
    """Whether a number of NumPy's is exact in decimals."""
    return bool(isinstance(x, np.floating) and x.dtype.itemsize <= 8 and np.isfinite(x))


RESERVED = {
    *(
        "np",
        "math",
        "room",
        "over",
        "beside",
        "step",
        "make",
        "late",
        "call",
        "partial",
        "setitem",
        "wrap",
        "touch",
    ),
    *(
        "finish",
        "complete",
        "changes",
        "Held",
        "RetryError",
        "UnlikeError",
        "ChangedError",
        "isfinite",
        "result",
        "labels",
    ),
    *(*keyword.kwlist, *dir(builtins)),
}
"""Names that the text of a step uses otherwise."""
