"""What each result of a step has to do with the rows of its data: the proof that it can run in blocks.

A step can go through its data in blocks of rows if each row is computed by itself, up to sums over all
rows. Every result must be one of these; a call that is not known to give one is refused.

fixed   depends on no row
rows    the first axis is that of the rows, and each is computed of the same row of others alone
turned  a matrix of rows, transposed
places  the numbers of the rows, which only say that each row looks into itself
sum     of something over all rows
after   computed of sums that are complete
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from ..programs.instructions import Instruction, Ref, as_tuple, refs_in
from . import calls
from .rewriting import CHECKS

Kind = Literal["fixed", "rows", "turned", "places", "sum", "after"]

_OF_A_SHAPE = ("np.zeros", "np.ones")
_ALONG = ("ndarray.argmax", "ndarray.argmin")
_REDUCING = {"axis", "keepdims", "dtype"}


def kinds_of(
    instructions: Iterable[Instruction], data: set[int], rows: int
) -> dict[int, Kind] | None:
    """The kind of each result by its number; None if one is of no kind.

    Args:
        data: the inputs whose first axis is that of the rows. rows: how many.
    """
    known = _Kinds(rows)
    for i in instructions:
        kind = "rows" if i.id in data else known.kind(i)
        if kind is None:
            return None
        known.add(i, kind)
    return known.kinds


class _Kinds:
    """The kinds of the results so far, and the rules for the next one: each gives its kind or None."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.kinds: dict[int, Kind] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}

    def add(self, i: Instruction, kind: Kind) -> None:
        self.kinds[i.id], self.shapes[i.id] = kind, i.shape or ()

    def kind(self, i: Instruction) -> Kind | None:
        given = {self.kinds[number] for number in i.refs}
        if i.call.startswith("draw."):  # one of all rows is not those of the blocks, one by one
            return None
        if given & {"sum", "after"}:
            return "after" if given <= {"sum", "after", "fixed"} else None
        if not given & {"rows", "turned", "places"}:
            return self.made(i)
        if i.shape is None:
            return None
        if i.call in CHECKS:
            return "rows" if given == {"rows"} else None
        if calls.is_product(i) or i.call.endswith(".reduce"):
            kind = self.product(i) if calls.is_product(i) else self.reduction(i)
            return None if kind == "sum" and i.dtype == "float16" else kind  # it would lose digits
        if i.call == "ndarray.transpose":
            return self.transposed(i)
        if i.call == "ndarray.reshape" and self.of(i.args[0]) == "places":
            return "places" if i.shape == (self.rows, *[1] * (len(i.shape) - 1)) else None
        return "rows" if i.shape[:1] == (self.rows,) and self.row_by_row(i) else None

    def of(self, x: Any) -> Kind | None:
        """The kind of an argument; None for a plain one."""
        return self.kinds[x.id] if isinstance(x, Ref) else None

    def ndim(self, x: Ref) -> int:
        return len(self.shapes[x.id])

    # --- calls that leave the rows' axis, or bring it in --------------------------------------------

    def made(self, i: Instruction) -> Kind:
        """What no row goes into: arrays of equal rows need not be whole."""
        shape = i.args[1] if i.call == "np.broadcast_to" else i.args[:1] and i.args[0]
        many = isinstance(shape, tuple) and shape[:1] == (self.rows,)
        if i.call == "np.arange" and i.args in ((self.rows,), (0, self.rows, 1)):
            return "places" if i.dtype == "int64" else "fixed"
        if many and i.call in _OF_A_SHAPE:
            return "rows"
        if many and i.call == "np.broadcast_to" and self.is_aligned(i.args[0], i):
            return "rows"
        return "fixed"

    def product(self, i: Instruction) -> Kind | None:
        """Rows times a fixed matrix; or a transpose times rows, which adds up over them."""
        if not all(isinstance(x, Ref) and self.ndim(x) == 2 for x in i.args):
            return None
        kinds: dict[Any, Kind] = {("rows", "fixed"): "rows", ("fixed", "turned"): "turned"}
        kinds["turned", "rows"] = "sum"
        return kinds.get((self.of(i.args[0]), self.of(i.args[1])))

    def reduction(self, i: Instruction) -> Kind | None:
        """Along each row; or over all rows, if it adds."""
        kwargs = dict(i.kwargs)
        if len(i.args) != 1 or self.of(i.args[0]) != "rows" or kwargs.keys() - _REDUCING:
            return None
        axis, ndim = kwargs.get("axis", 0), self.ndim(i.args[0])
        axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if all(a % ndim for a in axes):
            return "rows"
        return "sum" if i.call == "np.add.reduce" else None

    def transposed(self, i: Instruction) -> Kind | None:
        if len(i.args) != 1 or i.kwargs or self.ndim(i.args[0]) != 2:
            return None
        turns: dict[Any, Kind] = {"rows": "turned", "turned": "rows"}
        return turns.get(self.of(i.args[0]))

    # --- calls that compute each row of the same row of others --------------------------------------

    def row_by_row(self, i: Instruction) -> bool:
        """Whether a result with as many rows is computed row by row."""
        first, *rest = i.args
        if calls.elementwise(i) or (i.call == "np.where" and len(i.args) == 3 and not i.kwargs):
            return all(self.is_aligned(x, i) for x in i.args)
        if self.of(first) != "rows":
            return False
        same = self.shapes[first.id][:1] == (self.rows,)
        if i.call == "with_ones":
            return same
        if i.call in ("ndarray.reshape", "ndarray.astype"):
            return same and not i.kwargs and not refs_in(rest)
        if i.call == "np.broadcast_to":
            return self.is_aligned(first, i) and not i.kwargs
        if i.call in _ALONG and len(rest) == 1 and isinstance(rest[0], int) and not i.kwargs:
            return rest[0] % self.ndim(first) != 0
        if i.call == "operator.getitem":
            return self.is_in_rows(rest[0]) or self.looks_into_itself(rest[0])
        if i.call == "set_item":
            return self.looks_into_itself(rest[0]) and self.is_for_each(rest[1], rest[0][0])
        if i.call in ("take_labels", "minus_labels"):
            y, *c = rest
            return self.of(y) == "rows" and all(self.is_for_each(x, y) for x in c)
        return False

    def is_aligned(self, x: Any, i: Instruction) -> bool:
        """Whether an operand that is broadcast has its rows on the first axis of the result, if it has any."""
        if not isinstance(x, Ref):
            return isinstance(x, (bool, int, float, np.generic))
        shape, ndim = self.shapes[x.id], len(i.shape or ())
        if self.of(x) == "rows":
            return len(shape) == ndim and shape[0] == self.rows
        return self.of(x) == "fixed" and (len(shape) < ndim or shape[0] == 1)

    def is_in_rows(self, index: Any) -> bool:
        """Whether an index takes all rows, and of each the same fixed part."""
        whole, *rest = as_tuple(index)
        plain = (slice, int, type(None), type(...))
        if whole != slice(None) or refs_in(index):
            return False
        return all(isinstance(part, plain) for part in rest)

    def looks_into_itself(self, index: Any) -> bool:
        """Whether an index takes from each row a place that this row knows."""
        if not isinstance(index, tuple) or len(index) != 2 or len(refs_in(index)) != 2:
            return False
        rows, at = index
        if not isinstance(rows, Ref) or not isinstance(at, Ref):
            return False
        same = self.shapes[rows.id] == self.shapes[at.id]
        return same and (self.of(rows), self.of(at)) == ("places", "rows")

    def is_for_each(self, x: Any, like: Ref) -> bool:
        """Whether x is one number for all rows, or one for each, in the shape of `like`."""
        if not isinstance(x, Ref):
            return isinstance(x, (bool, int, float, np.generic))
        if self.of(x) == "fixed":
            return self.shapes[x.id] == ()
        return self.of(x) == "rows" and self.shapes[x.id] == self.shapes[like.id]
