"""What changed between two traces of one graph: before and after a training step, say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np

from tinygrad_xent.tracing import Entry, Trace

from . import labels
from .cards import Line, Role
from .operation_cards import Numbers, Writing


def check_same_graph(before: Trace, after: Trace, what: str) -> None:
    """Raise unless the two traces have the same operations on the same shapes, joined alike.

    Args:
        what: the two of them, for the error.

    Raises:
        ValueError: naming the first entry that differs.
    """
    for a, b in zip(before, after, strict=False):
        if _structure(a) != _structure(b):
            raise ValueError(f"{what} differ from entry {a.id} on: {_words(a)} and {_words(b)}")
    if len(before) != len(after) or before.output != after.output:
        raise ValueError(
            f"{what} have {len(before)} and {len(after)} entries; they should be of one graph"
        )


def _structure(entry: Entry) -> tuple[object, ...]:
    settings = labels.settings_text(entry.settings)
    return entry.op, entry.kind, entry.shape, entry.inputs, settings


def _words(entry: Entry) -> str:
    """What `_structure` tells apart, for people."""
    settings = labels.settings_text(entry.settings)
    return f"{entry.op} {entry.shape} of {entry.inputs} {settings}".rstrip()


@final
class Changes(Numbers):
    """Writes how the numbers of a trace differ from those of one before it."""

    def __init__(self, before: Trace, writing: Writing) -> None:
        self.before, self.writing = before, writing

    def of(self, entry: Entry) -> list[Line]:
        old, lines = self.before[entry.id], list[Line]()
        if "value" in self.writing.show:
            lines += self.change("value", "value", old.value, entry.value)
        if "grad" in self.writing.show and entry.requires_grad:
            if old.gradient is None or entry.gradient is None:
                return [*lines, ("grad", "grad   not computed")]
            lines += self.change("grad", "grad ", old.gradient, entry.gradient)
        return lines

    def change(self, role: Role, head: str, old: Any, new: Any) -> list[Line]:
        """The lines that say how an array changed."""
        digits = self.writing.precision
        old, new = np.asarray(old), np.asarray(new)
        if np.array_equal(old, new, equal_nan=True):
            return [(role, f"{head}  unchanged")]
        with np.errstate(all="ignore"):
            change = new.astype(np.float64) - old.astype(np.float64)
        if new.ndim == 0:
            text = " → ".join(labels.numbers([old, new], digits))
            return [(role, f"{head}  {text}"), (role, f"       Δ {labels.number(change, digits)}")]
        lines = labels.headed(f"Δ {head.strip()}".ljust(7), labels.lines_of(change, digits))
        norms = " of ".join(labels.number(labels.norm(x), digits) for x in (change, old))
        return [(role, line) for line in [*lines, f"         norm {norms}"]]

    def border(self, entries: Sequence[Entry], usual: float) -> float:
        pairs = [(self.before[entry.id].value, entry.value) for entry in entries]
        return max((relative_width(old, new) for old, new in pairs), default=1.0)

    def legend(self, shown: Iterable[Line]) -> list[Line]:
        return [("kind", "Δ: after - before; thick border: a large relative change")]


def relative_width(old: Any, new: Any) -> float:
    """A border: 0.8 for no change, 1.2 for a change of 0.01 %, 3.2 for one as large as the value.

    >>> [round(relative_width(1.0, x), 2) for x in (1.0, 1.01, 2.0, float("nan"))]
    [0.8, 2.2, 3.2, 3.2]
    """
    if np.array_equal(old, new, equal_nan=True):
        return 0.8
    before, change = labels.norm(old), labels.norm(np.subtract(new, old, dtype=np.float64))
    ratio = change / before if before else math.inf
    if not 0 < ratio < 1:
        return 1.2 if ratio == 0 else 3.2
    return 1.2 + 2 * max(0.0, 1 + math.log10(ratio) / 4)
