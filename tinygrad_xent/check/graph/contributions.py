"""why(): one number of a gradient, split into what each use of the value adds to it.

The multivariate chain rule says that the gradient of a value is a sum, with one term for each way
the loss depends on it. The trace has the terms before they were added; `why` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ...engine import errors
from ...engine.gradients import gradients
from ...engine.lines import Line
from ...engine.table import TABLE
from ...engine.tensors import Tensor, is_tensor
from ...showing import html_table
from ...tracing import Contribution, Entry, Trace
from ..reading import Index, at, label, rule_alone, traced


@dataclass(frozen=True)
class Term:
    """What one element of an operation's output adds to a part: `slope · gradient`.

    Attributes:
        index: the output's element.
        gradient: of the loss with respect to that element.
        value: what it adds to the part.
    """

    index: Index
    gradient: float
    value: float


@dataclass(frozen=True, eq=False)
class Part:
    """What one use of the value adds to its gradient.

    Attributes:
        entry: id of the operation that used it; `op` and `line` are that operation's, `formula` is
            its derivative's.
        argument: which of that operation's inputs it was, from 0.
        value: the contribution.
        order: its position in the order of the additions, from 0.
        terms: the contribution split by element of the operation's output, largest first; they add
            up to `value` except for rounding.
    """

    entry: int
    argument: int
    op: str
    line: Line | None
    formula: str
    value: float
    order: int
    terms: tuple[Term, ...]

    def ways(self) -> list[tuple[float, str]]:
        """The largest of several terms and the rest of them, each with its words."""
        if len(self.terms) < 2:
            return []
        found = [(t.value, f"{self.op}{at(t.index)}") for t in self.terms[:SHOWN]]
        if len(self.terms) > SHOWN:
            rest = sum(t.value for t in self.terms[SHOWN:])
            found.append((rest, f"{len(self.terms) - SHOWN} smaller ones"))
        return found

    def __str__(self) -> str:
        return f"{self.value:+.6g}  {self.op} at {self.line}, {self.formula}"

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Why:
    """The gradient of one element as a sum. Printable; every part is plain data, ready to be drawn.

    Attributes:
        label: what the tensor is called. index: the element. gradient: its gradient.
        parts: the contributions, largest first.
        entry: the tensor's entry in `trace`, the whole computation.
    """

    label: str
    index: Index
    gradient: float
    parts: tuple[Part, ...]
    entry: Entry
    trace: Trace

    @property
    def total(self) -> float:
        """The parts added in the order and dtype of `backward()`: `gradient`, to the last bit."""
        total: Any = None
        for part in sorted(self.parts, key=lambda p: p.order):
            value = self.entry.dtype.type(part.value)
            total = value if total is None else total + value
        return 0.0 if total is None else float(total)

    def __str__(self) -> str:
        lines = [self._head()]
        if not self.parts:
            lines.append("  nothing that the loss depends on uses it")
        for part in self.parts[:SHOWN]:
            lines.append(f"  {part}")
            if part.line is not None and part.line.text:
                lines.append(f"      {part.line.text}")
            lines += [f"      {value:+.6g}  by way of {text}" for value, text in part.ways()]
        if len(self.parts) > SHOWN:
            rest = sum(part.value for part in self.parts[SHOWN:])
            lines.append(f"  {rest:+.6g}  in {len(self.parts) - SHOWN:,} smaller parts")
        return "\n".join(lines)

    __repr__ = __str__

    def _head(self) -> str:
        return f"gradient of {self.label}{at(self.index)} = {self.gradient:.6g}"

    def _repr_html_(self) -> str:
        """The sum as a table with a bar for each part, and for each way that it takes."""
        rows: list[tuple[str, str, str]] = []
        bars: list[float] = []
        for part in self.parts[:SHOWN]:
            rows.append((f"{part.value:+.6g}", f"{part.op}, {part.formula}", str(part.line or "")))
            rows += [(f"  {value:+.6g}", f"  {text}", "") for value, text in part.ways()]
            bars += [part.value, *(value for value, _ in part.ways())]
        if len(self.parts) > SHOWN:
            bars.append(sum(part.value for part in self.parts[SHOWN:]))
            rows.append((f"{bars[-1]:+.6g}", f"{len(self.parts) - SHOWN:,} smaller parts", ""))
        table = html_table(("contribution", "by way of", "line"), rows, bars)
        return f"<p>{escape(self._head())}</p>{table}"


SHOWN = 6  # parts, and terms of a part, that are printed one by one


def why(tensor: Any, index: Index | int = (), *, of: Any) -> Why:
    """The gradient of one element of a tensor as a sum of contributions, largest first.

    Args:
        tensor: a leaf or an intermediate result; or its entry in the trace.
        index: the element, of the tensor's shape; () for a scalar.
        of: what the gradient is of: the loss, or its `Trace`.

    Returns:
        A `Why`: one part per use of the tensor, and in it one term for each element of the
        operation's output that depends on the element: in a batch, for example, one per sample.

    Raises:
        OutOfRangeError: no such element. GraphError: the loss does not depend on the tensor, or no
            gradient reaches it.

    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> answer = tx.check.why(x, of=x * x + 2 * x)
    >>> answer.gradient, [(part.op, part.value) for part in answer.parts]
    (8.0, [('mul', 3.0), ('mul', 3.0), ('mul', 2.0)])
    """
    trace = traced(of)
    entry = _entry_of(trace, tensor)
    index = _checked(entry, index)
    if entry.gradient is None and entry.kind != "parameter":
        what = f"why: no gradient reaches {label(entry)}"
        raise errors.GraphError(what, fix="ask about a tensor that requires grad")
    parts = [_part(trace, entry, c, index, k) for k, c in enumerate(entry.contributions)]
    gradient = 0.0 if entry.gradient is None else float(np.asarray(entry.gradient)[index])
    ordered = tuple(sorted(parts, key=lambda p: (-abs(p.value), p.order)))
    return Why(label(entry), index, gradient, ordered, entry, trace)


def _entry_of(trace: Trace, tensor: Any) -> Entry:
    if isinstance(tensor, Entry):
        return tensor
    if not is_tensor(tensor):
        raise TypeError(f"why: takes a Tensor or an Entry, got {type(tensor).__name__}")
    if tensor not in trace:
        what = "why: the loss does not depend on this tensor, so its gradient is 0"
        fix = "look for a detach(), or for another tensor with the same values"
        raise errors.GraphError(what, [tensor], fix)
    return trace[tensor]


def _checked(entry: Entry, index: Index | int) -> Index:
    """The index as a tuple of places counted from 0, one per axis."""
    index = index if isinstance(index, tuple) else (index,)
    fits = len(index) == len(entry.shape) and all(
        -n <= i < n for i, n in zip(index, entry.shape, strict=True)
    )
    if not fits:
        what = f"why: {list(index)} is not an element of {label(entry)}, of shape {entry.shape}"
        raise errors.OutOfRangeError(what, fix="give one place per axis, within the shape")
    return tuple(int(i) % n for i, n in zip(index, entry.shape, strict=True))


def _part(trace: Trace, entry: Entry, contribution: Contribution, index: Index, order: int) -> Part:
    user = trace[contribution.entry]
    return Part(
        entry=user.id,
        argument=contribution.argument,
        op=user.op,
        line=user.line,
        formula=user.derivatives[contribution.argument] or "",
        value=float(np.asarray(contribution.value)[index]),
        order=order,
        terms=_terms(trace, user, contribution.argument, index),
    )


def _terms(trace: Trace, user: Entry, argument: int, index: Index) -> tuple[Term, ...]:
    """A contribution split by element of the output, largest first.

    A rule is linear in the output's gradient, so its own derivative with respect to that gradient
    is the slope of every output element with respect to the one input element: one backward pass
    finds them all.
    """
    if user.op not in TABLE:  # a checkpoint: what is inside was not traced
        return ()
    g = Tensor(user.gradient, requires_grad=True)
    with np.errstate(all="ignore"):
        try:
            c = rule_alone(trace, user, argument, g)[index]
        except errors.DtypeError:  # a custom rule, written with plain NumPy functions
            return ()
        slopes = gradients(c._node, np.ones((), c.dtype), [g._source()])[g._source()]
        shares = slopes * g.numpy()
    terms = [
        Term(
            tuple(int(i) for i in place),
            float(g.numpy()[tuple(place)]),
            float(shares[tuple(place)]),
        )
        for place in np.argwhere(shares)
    ]
    return tuple(sorted(terms, key=lambda t: -abs(t.value)))
