"""The numbers of a card as they are: the value, the gradient, and how the gradient came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from tinygrad_xent.tracing import Entry

from . import labels
from .cards import Line
from .operation_cards import Numbers, Writing

SUM = "     = "  # opens the line that says of what a gradient is the sum


@final
class Values(Numbers):
    """Writes the numbers of one trace."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing

    def of(self, entry: Entry) -> list[Line]:
        digits, lines = self.writing.precision, list[Line]()
        if "value" in self.writing.show:
            text = labels.lines_of(entry.value, digits)
            lines += [("value", line) for line in labels.headed("value", text)]
        if "grad" in self.writing.show and entry.requires_grad:
            if entry.gradient is None or not self.writing.computed:
                return [*lines, ("grad", "grad   not computed")]
            text = labels.lines_of(entry.gradient, digits)
            lines += [("grad", line) for line in labels.headed("grad ", text)]
            lines += self.sum(entry) + self.stored(entry)
        return lines

    def stored(self, entry: Entry) -> list[Line]:
        """A note where a leaf's `.grad` is another than this gradient: backward ran twice, say."""
        held, found = entry.accumulated, entry.gradient
        if held is None or found is None:
            return []
        tolerance = 100 * float(np.finfo(found.dtype).eps)
        if np.allclose(held, found, rtol=tolerance, atol=0, equal_nan=True):
            return []
        what = labels.lines_of(held, self.writing.precision)
        return [("note", line) for line in labels.headed(".grad holds", what)]

    def sum(self, entry: Entry) -> list[Line]:
        """Where several contributions met: their sum, written out where it is short."""
        parts = [c.value for c in entry.contributions if c.value is not None]
        if len(parts) < 2:
            return []
        if entry.value.ndim == 0 and len(parts) <= 6:
            terms = labels.numbers(parts, self.writing.precision)
            return [("grad", SUM + " + ".join(terms).replace("+ -", "- "))]
        return [("grad", f"{SUM}sum of {len(parts):,} contributions")]

    def border(self, entries: Sequence[Entry], usual: float) -> float:
        return usual

    def legend(self, shown: Iterable[Line]) -> list[Line]:
        if any(role == "grad" and text.startswith(SUM) for role, text in shown):
            return [("kind", "grad = sum: of the contributions, one for each use")]
        return []
