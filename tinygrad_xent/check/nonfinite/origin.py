"""The NaN and Inf autopsy: which operation made the first value that is not finite, and why.

A loss of nan does not say where it became nan. The trace has every value and every gradient, so the
operation can be found: its inputs are finite and its output is not. `backward()` checks the loss
and the gradients unasked; `autopsy` switches that on and off.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from ...engine import errors, lines
from ...engine.arrays import Array
from ...engine.context import AUTOPSY
from ...tracing import Entry, Trace
from ..reading import (
    Index,
    first_bad,
    has_nan,
    inputs,
    is_finite,
    label,
    rule_alone,
    source_index,
    traced,
)
from . import causes
from .causes import Case
from .report import Autopsy, Operand


class autopsy:  # noqa: N801 -- a switch is named like a function
    """Switch the autopsy in `backward()` on or off: from now on, or for a `with` block.

    Args:
        on: True, the default, looks at the loss and at every gradient ("gradients" means the same).
            False looks at nothing.

    It holds for the current thread or task, as `no_grad` does. `explain_nonfinite` always works.

    >>> import tinygrad_xent as tx
    >>> with tx.check.autopsy(False):
    ...     tx.Tensor(float("nan"), requires_grad=True).backward()      # no warning
    """

    def __init__(self, on: bool | Literal["gradients"]) -> None:
        if not (isinstance(on, bool) or (isinstance(on, str) and on == "gradients")):
            what = 'autopsy: the switch takes True, False or "gradients"'
            fix = "to examine a loss, call explain_nonfinite(loss)"
            raise errors.DtypeError(what, [on], fix)
        self._before = AUTOPSY.get()
        AUTOPSY.set(bool(on))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        AUTOPSY.set(self._before)


def explain_nonfinite(output: Any) -> Autopsy | None:
    """Find the operation that made the first nan or infinity of a loss or of its gradients.

    Args:
        output: a tensor, usually the loss, before or after `backward()`; or its `Trace`.

    Returns:
        The autopsy, or None if the output and every parameter's gradient are finite. Infinities
        that never reach them (a mask of -inf before a softmax) are not a mistake.

    Raises:
        GraphError: a leaf was overwritten after it was used, so the values can't be replayed.

    >>> import tinygrad_xent as tx
    >>> p = tx.Tensor([0.5, 0.0], requires_grad=True, name="p")
    >>> with np.errstate(divide="ignore"):
    ...     loss = -tx.log(p).sum()
    >>> report = tx.check.explain_nonfinite(loss)
    >>> report.op, report.index, report.cause
    ('log', (1,), 'log of 0')
    """
    trace = traced(output)
    root = trace[trace.output]
    with np.errstate(all="ignore"):
        if not is_finite(root.value):
            return _forward(trace, root)
        bad = [e for e in trace if e.kind == "parameter" and not is_finite(e.gradient)]
        return _backward(trace, bad) if bad else None


def warn(output: Any) -> str:
    """The autopsy as a warning at the user's line: what `backward()` calls when it has to.

    Returns:
        The cause and the cure in a sentence, "unknown" if there are none.
    """
    why = "unknown"
    try:
        report = explain_nonfinite(output)
    except errors.GraphError as error:
        text = f"the loss or a gradient is not finite, and can't be explained:\n{error}"
    else:
        text = "a gradient is not finite"
        if report is not None:
            text, why = str(report), f"{report.cause} ({report.op} at {report.line}); {report.cure}"
        text += "\n  (gradients were delivered; tx.check.autopsy(False) switches this off)"
    lines.warn(text, errors.NonFiniteWarning)
    return why


# --- forward -------------------------------------------------------------------------------------


def _forward(trace: Trace, root: Entry) -> Autopsy:
    births, spreads = _births(trace, root)
    rowwise = any("rowwise" in e.kinds for e in spreads)
    suspects = [e for e in births if not _is_mask(e, rowwise)]
    if len(suspects) < len(births):  # -inf was put there on purpose: what made nan of it?
        suspects = suspects + spreads or births
    entry = min(suspects, key=lambda e: e.id)
    later = [e for e in spreads if e.id > entry.id]
    index = first_bad(entry.value) or ()
    if entry.kind != "operation":
        return _report(
            trace, "data", entry, None, index, entry.value, (), causes.data(entry), later
        )
    operands = _operands(trace, entry, index)
    values = tuple(o.value for o in operands)
    case = Case(trace, entry, None, index, values, bad=entry.value[index])
    found = causes.forward(case)
    return _report(trace, "forward", entry, None, index, entry.value, operands, found, later)


def _births(trace: Trace, root: Entry) -> tuple[list[Entry], list[Entry]]:
    """The entries from which the root's nan or inf comes, and those that made nan out of inf."""
    births, spreads = [], []
    seen, stack = {root.id}, [root]
    while stack:
        entry = stack.pop()
        sources = inputs(trace, entry)
        bad = [e for e in sources if not is_finite(e.value)]
        if has_nan(entry.value):
            spoiled = [e for e in bad if has_nan(e.value)]
            if bad and not spoiled:
                spreads.append(entry)
            bad = spoiled or bad
        if not bad:
            births.append(entry)
        stack += [e for e in bad if e.id not in seen]
        seen.update(e.id for e in bad)
    return births, spreads


def _is_mask(entry: Entry, rowwise: bool) -> bool:
    """Data whose only infinities are -inf and that no training changes: a mask. Before a softmax a
    parameter is one too: logits that were masked.
    """
    value, kinds = entry.value, ("input", "constant", *(["parameter"] if rowwise else []))
    return entry.kind in kinds and not has_nan(value) and not (value == np.inf).any()


def _operands(trace: Trace, entry: Entry, index: Index) -> tuple[Operand, ...]:
    """What each input was at one element of the output."""
    places = [source_index(trace, entry, i, index) for i in range(len(entry.inputs))]
    return tuple(_operand(trace, entry, i, place) for i, place in enumerate(places))


def _operand(trace: Trace, entry: Entry, i: int, index: Index) -> Operand:
    source = trace[entry.inputs[i]]
    value = np.asarray(source.value[index])
    return Operand(entry.arguments[i], source.id, index, value, label(source))


# --- backward ------------------------------------------------------------------------------------


def _backward(trace: Trace, bad: list[Entry]) -> Autopsy:
    """The newest operation that made a gradient not finite: the walk goes from new to old."""
    births: list[tuple[int, int | None, Entry]] = []
    seen, stack = {e.id for e in bad}, list(bad)
    while stack:
        entry = stack.pop()
        spoilt = [c for c in entry.contributions if not is_finite(c.value)]
        if has_nan(entry.gradient):
            spoilt = [c for c in spoilt if has_nan(c.value)] or spoilt
        if not spoilt:  # the sum overflowed, or backward() was given it
            births.append((entry.id, None, entry))
        for c in spoilt:
            user = trace[c.entry]
            if is_finite(user.gradient):
                births.append((user.id, c.argument, user))
            elif user.id not in seen:
                seen.add(user.id)
                stack.append(user)
    _, argument, entry = max(births, key=lambda birth: birth[0])
    if argument is None:
        return _report_sum(trace, entry)
    for source in inputs(trace, entry):
        made = [] if is_finite(source.value) else _births(trace, source)[0]
        if operations := [e for e in made if e.kind == "operation"]:
            return _report_unused(trace, min(operations, key=lambda e: e.id), entry)
    return _report_rule(trace, entry, argument)


def _report_unused(trace: Trace, entry: Entry, spread: Entry) -> Autopsy:
    """An infinity of the forward pass that the loss does not use, but the backward pass meets."""
    index = first_bad(entry.value) or ()
    operands = _operands(trace, entry, index)
    values = tuple(o.value for o in operands)
    case = Case(trace, entry, 0, index, values, np.zeros(()))
    later = [] if spread is entry else [spread]
    found = causes.backward(case)
    return _report(trace, "forward", entry, None, index, entry.value, operands, found, later)


def _report_sum(trace: Trace, entry: Entry) -> Autopsy:
    index = first_bad(_array(entry.gradient)) or ()
    parts = tuple(
        Operand("part", c.entry, index, _array(c.value)[index], label(trace[c.entry]))
        for c in entry.contributions
    )
    found = causes.sum_of_gradients(len(parts))
    return _report(trace, "backward", entry, None, index, entry.gradient, parts, found, [])


def _report_rule(trace: Trace, entry: Entry, argument: int) -> Autopsy:
    source = trace[entry.inputs[argument]]
    (part,) = [
        c.value for c in source.contributions if (c.entry, c.argument) == (entry.id, argument)
    ]
    index = first_bad(_array(part)) or ()
    place = _output_place(trace, entry, argument, index)
    gradient = _array(entry.gradient)
    operands = [
        Operand(
            "g", entry.id, place or (...,), gradient[place or ...], "the gradient that reached it"
        )
    ]
    for i in range(len(entry.inputs)):
        where = source_index(trace, entry, i, place) if place is not None else (...,)
        operands.append(_operand(trace, entry, i, where))
    case = Case(
        trace,
        entry,
        argument,
        place,
        tuple(o.value for o in operands[1:]),
        operands[0].value,
        _array(part)[index],
    )
    found = causes.backward(case)
    return _report(trace, "backward", entry, argument, index, part, tuple(operands), found, [])


def _output_place(trace: Trace, entry: Entry, argument: int, index: Index) -> Index | None:
    """The output element through which the gradient of an input's element went wrong."""
    if "elementwise" not in entry.kinds:
        return None
    raw = rule_alone(trace, entry, argument, _array(entry.gradient))
    raw = np.broadcast_to(raw, entry.shape)
    here = np.zeros(trace[entry.inputs[argument]].shape, bool)
    here[index] = True
    return first_bad(np.where(np.broadcast_to(here, entry.shape), raw, 0))


def _array(value: Array | None) -> Array:
    return np.asarray(0.0 if value is None else value)


def _report(
    trace: Trace,
    phase: Literal["forward", "backward", "data"],
    entry: Entry,
    argument: int | None,
    index: Index,
    value: Array | None,
    operands: tuple[Operand, ...],
    found: causes.Cause,
    spreads: list[Entry],
) -> Autopsy:
    values = _array(value)
    bad = values[index]
    return Autopsy(
        phase=phase,
        entry=entry,
        argument=argument,
        index=index,
        value=float(bad),
        count=int((np.isnan(values) if np.isnan(bad) else np.isinf(values)).sum()),
        size=values.size,
        operands=operands,
        spread=min(spreads, key=lambda e: e.id) if spreads else None,
        cause=found.cause,
        cure=found.cure,
        trace=trace,
    )
