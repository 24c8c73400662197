"""Questions that several checks ask about a trace: where a value comes from, what an element reads.

Everything here reads a `Trace`, plain data; nothing touches the tape.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.arrays import Array
from ..engine.context import Mode, recording
from ..engine.nodes import Leaf, Node
from ..engine.table import TABLE, Op
from ..engine.tape import apply
from ..engine.tensors import is_tensor, wrap
from ..engine.walk import kept_tensors, sweep, sweep_arrays
from ..tracing import Entry, Trace
from .unchanged import check_unchanged

Index = tuple[Any, ...]


def traced(output: Any) -> Trace:
    """The trace of a tensor, made without floating-point warnings; a trace is returned as it is.

    Raises:
        GraphError: the replay does not give the values that were recorded.
    """
    if isinstance(output, Trace):
        return output
    if not is_tensor(output):
        raise TypeError(f"takes a Tensor or a Trace, got {type(output).__name__}")
    return check_unchanged(output)


def label(entry: Entry) -> str:
    """What to call a value: the user's name, the number itself, or how it was made."""
    if entry.name is not None:
        return entry.name
    if entry.kind == "operation":
        return f"{entry.op} at {entry.line}"
    if entry.value.size == 1:
        return f"{entry.value.item():.6g}"
    return f"{'an' if entry.kind == 'input' else 'a'} {entry.kind} of shape {entry.shape}"


def inputs(trace: Trace, entry: Entry) -> list[Entry]:
    """The entries that an operation reads, in argument order."""
    return [trace[i] for i in entry.inputs]


def upstream(
    trace: Trace, entry: Entry, passes: Callable[[Entry], bool] | None = None
) -> Iterator[Entry]:
    """The entry, then what it was computed from, nearest first, through entries that `passes`."""
    seen, queue = {entry.id}, [entry]
    while queue:
        here = queue.pop(0)
        yield here
        if here is entry or passes is None or passes(here):
            for source in inputs(trace, here):
                if source.id not in seen:
                    seen.add(source.id)
                    queue.append(source)


def origin(
    trace: Trace, entry: Entry, wanted: Callable[[Entry], bool], through: Collection[str] = ()
) -> Entry | None:
    """The nearest wanted entry that the entry's value comes from, itself included, or None.

    Between them may lie operations that only move numbers, and those named in `through` if at most
    one of their inputs requires grad.
    """

    def passes(e: Entry) -> bool:
        if "moves" in e.kinds:
            return True
        return e.op in through and sum(s.requires_grad for s in inputs(trace, e)) < 2

    queue, seen = [entry], {entry.id}
    while queue:
        here = queue.pop(0)
        if wanted(here):
            return here
        if passes(here):
            queue += [s for s in inputs(trace, here) if s.id not in seen]
            seen.update(here.inputs)
    return None


def is_softmax(trace: Trace, entry: Entry) -> bool:
    """Whether an entry is a softmax: the operation, or `exp(x) / sum(exp(x))` written by hand."""
    if entry.op == "softmax":
        return True
    if entry.op != "div":
        return False
    top, bottom = inputs(trace, entry)
    total = origin(trace, bottom, lambda e: e.op == "sum", {"add"})
    return top.op == "exp" and total is not None and total.inputs == (top.id,)


def source_index(trace: Trace, entry: Entry, argument: int, index: Index) -> Index:
    """The part of an input that one element of an operation's output was computed from."""
    shapes = [e.shape for e in inputs(trace, entry)]
    shape = shapes[argument]
    if "elementwise" in entry.kinds:
        return _broadcast_index(index, shape)
    if entry.kinds & {"reduction", "rowwise"}:
        return _line_index(entry, shape, index)
    if entry.op == "matmul":
        return _matmul_index(argument, shapes, index)
    return (...,)


def _broadcast_index(index: Index, shape: tuple[int, ...]) -> Index:
    """The element that broadcasting puts at `index`."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(tail, shape, strict=True))


def _line_index(entry: Entry, shape: tuple[int, ...], index: Index) -> Index:
    """The line along the axis of a reduction or a softmax."""
    axis = entry.settings.get("axis")
    if axis is None:
        return (...,)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    if len(index) == len(shape):  # a softmax, or keepdims
        return tuple(slice(None) if k in axes else i for k, i in enumerate(index))
    rest = iter(index)
    return tuple(slice(None) if k in axes else next(rest) for k in range(len(shape)))


def _matmul_index(argument: int, shapes: list[tuple[int, ...]], index: Index) -> Index:
    """The row of the first or the column of the second matrix; a vector as a whole."""
    a, b = shapes
    if len(shapes[argument]) == 1:
        return (slice(None),)
    if argument == 0:
        row = index if len(b) == 1 else index[:-1]
        return (*_broadcast_index(row[:-1], a[:-2]), row[-1], slice(None))
    stack = index[:-1] if len(a) == 1 else index[:-2]
    return (*_broadcast_index(stack, b[:-2]), slice(None), index[-1])


def alone(
    op: Op,
    values: Sequence[Any],
    settings: tuple[Any, ...],
    live: Collection[int],
    state: tuple[Any, ...] = (),
) -> Node:
    """One operation recorded alone on fresh leaves, so that a check can try its rules.

    Args:
        values: of its inputs. live: the positions of the inputs that get a gradient.
    """
    operands = [wrap(x, Leaf(x, True)) if i in live else x for i, x in enumerate(values)]
    node = apply(op, operands, settings, Mode(recording=True, scope=None), state)._node
    assert isinstance(node, Node)
    return node


def rule_alone(trace: Trace, entry: Entry, argument: int, g: Any) -> Any:
    """The vector-Jacobian product of an operation for one input, in the input's shape and dtype.

    `g`, the gradient of the output, is a raw array or a tensor.
    """
    values = [e.value for e in inputs(trace, entry)]
    node = alone(TABLE[entry.op], values, tuple(entry.settings.values()), {argument})
    if not is_tensor(g):
        return sweep_arrays([node], {node: g})[node.inputs[argument]]
    with recording():
        return sweep([node], {node: g}, kept_tensors)[node.inputs[argument]]


def first_bad(value: Array) -> Index | None:
    """The index of the first NaN, or else of the first infinity; None if all is finite."""
    value = np.asarray(value)
    if value.dtype.kind != "f" or np.isfinite(value).all():
        return None
    bad = np.isnan(value) if np.isnan(value).any() else np.isinf(value)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), value.shape))


def has_nan(value: Array | None) -> bool:
    """Whether any element is nan; False if there is no value."""
    return value is not None and bool(np.isnan(value).any())


def is_finite(value: Array | None) -> bool:
    """Whether every element is finite; True if there is no value."""
    return value is None or bool(np.isfinite(value).all())


def at(index: Index) -> str:
    """An index as it is written: `[0, :]`; empty for a scalar or the whole array."""
    parts = [":" if isinstance(i, slice) else str(i) for i in index if i is not ...]
    return f"[{', '.join(['...'] * (... in index and bool(parts)) + parts)}]" if parts else ""


def number(value: Any) -> str:
    """A number or an array as short, readable text."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.6g}"
    return np.array2string(array, precision=4, threshold=6, edgeitems=2, separator=", ").replace(
        "\n", ""
    )


def paragraph(heading: str, text: str, indent: str = "  ") -> str:
    """Text after a heading, wrapped at 96 columns."""
    return textwrap.fill(
        text, 96, initial_indent=f"{indent}{heading}: ", subsequent_indent=f"{indent}    "
    )
