"""trace(): the recorded computation as plain data, with every value and every gradient.

The tape keeps only what the derivative rules need. A trace replays the recorded operations from the
leaves, then walks back noting each contribution before it is added. Pictures, the debugger and the
checks read traces; ordinary training never pays for them. Nothing of the tape is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import errors
from .backend import Array, shape
from .lines import Line
from .modes import ScopeEntry, next_id, recording_as
from .tape import Leaf, Node, TensorBase, wrap
from .walk import collect, fit, seed_gradient

if TYPE_CHECKING:
    from .tensor import Tensor


@dataclass(frozen=True)
class Scope:
    """One entering of a scope: `id` tells two calls of the same name apart within the trace."""

    id: int
    name: str
    formula: str | None


@dataclass(frozen=True)
class Contribution:
    """What one use of a value adds to its gradient, before it is summed with the others.

    Attributes:
        entry: id of the operation that used the value.
        argument: which of its inputs, from 0.
        value: the contribution, of the shape of the value; None where no gradient reached the use.
    """

    entry: int
    argument: int
    value: Array | None


@dataclass(frozen=True, eq=False)
class Entry:
    """One operation, leaf or constant of a trace.

    Attributes:
        id: place in the trace, from 0, in creation order.
        op: name of the operation; "leaf" or "constant" for what no operation made.
        kind: "operation", "parameter" (a leaf that requires grad), "input" (a named or shaped tensor
            that does not) or "constant" (a raw array or number).
        formula: what the operation computes, "" for leaves.
        derivatives: for each input the derivative's formula, None where it has none.
        inputs: ids of the inputs in argument order; `a + a` has the same id twice.
        settings: axis, shape, index and the like, by name.
        value: the output. shape, dtype: its own.
        name: the user's name, or None.
        scopes: the scopes around it, outermost first; `scope` gives their names.
        line: the user's line, None for leaves and constants.
        requires_grad: whether gradients reach it.
        gradient: of the output with respect to this value, None where none reaches.
        contributions: its parts, one a use, in the order in which the walk added them.
        arguments: for each input the operation's name for it, as its formula writes it.
        accumulated: what a leaf's `.grad` held when the trace was made: None before `backward()`.
    """

    id: int
    op: str
    kind: Literal["operation", "parameter", "input", "constant"]
    formula: str
    derivatives: tuple[str | None, ...]
    inputs: tuple[int, ...]
    settings: dict[str, Any]
    value: Array
    name: str | None
    scopes: tuple[Scope, ...]
    line: Line | None
    requires_grad: bool
    gradient: Array | None = None
    contributions: tuple[Contribution, ...] = ()
    arguments: tuple[str, ...] = ()
    accumulated: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return shape(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.asarray(self.value).dtype

    @property
    def scope(self) -> tuple[str, ...]:
        """The names of the scopes around it, outermost first."""
        return tuple(s.name for s in self.scopes)

    @property
    def grad(self) -> Array | None:
        """`gradient` under the tensors' name for it."""
        return self.gradient


@dataclass(frozen=True, eq=False)
class Trace:
    """A computation as plain data: its entries in creation order.

    Iterate over it, index it by id, or by a tensor that took part: `trace(loss)[w].gradient`.

    Attributes:
        entries: every leaf, constant and operation that the output depends on.
        output: id of the output's entry.
    """

    entries: tuple[Entry, ...]
    output: int
    _ids: dict[Any, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, key: int | Tensor) -> Entry:
        if isinstance(key, TensorBase):
            node = key._node
            if node is None or node.id not in self._ids:
                raise KeyError(errors.message("trace: this tensor took no part", [key]))
            return self.entries[self._ids[node.id]]
        return self.entries[key]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, TensorBase):
            return key._node is not None and key._node.id in self._ids
        return any(entry is key for entry in self.entries)

    def users(self, entry: Entry) -> tuple[tuple[Entry, int], ...]:
        """Each use of an entry's value: the operation and the argument's place."""
        return tuple(
            (other, i)
            for other in self.entries
            for i, source in enumerate(other.inputs)
            if source == entry.id
        )


def trace(output: Tensor, gradient: Any = None) -> Trace:
    """The computation of `output`, with every value, gradient and contribution.

    Args:
        output: any tensor; one that requires no grad gives a trace of values without gradients.
        gradient: the gradient to start from, of the output's shape; ones if None. So for a scalar
            the gradients are those of `backward()`.

    Works before and after `backward()` and leaves every `.grad` alone.

    Raises:
        GraphError: a leaf was changed since it was used: the values would not be those recorded.

    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> for entry in tx.trace(x * x):
    ...     print(entry.id, entry.op, entry.inputs, entry.value, entry.gradient)
    0 leaf () 3.0 6.0
    1 mul (0, 0) 9.0 1.0
    """
    root = output._source()
    nodes = collect(root)[::-1] if isinstance(root, Node) else []
    check_unchanged(nodes)
    builder = _Builder(root)
    for node in nodes:
        builder.replay(node)
    if output.requires_grad:
        if gradient is None:
            gradient = np.ones(output.shape, output.dtype)
        builder.walk(root, np.array(seed_gradient(output, gradient, False)))
    return builder.trace(root)


def check_unchanged(nodes: list[Node]) -> None:
    """Raise if a leaf was overwritten after an operation had read it."""
    for node in nodes:
        for i, leaf in enumerate(node.inputs):
            if type(leaf) is Leaf and leaf.changed > node.id:
                name = leaf.name or f"input {i} of {node.op.name}"
                what = (
                    f"trace: {name} was read by {node.op.name} at {node.line} and "
                    f"changed at {leaf.changed_at}: its values then are gone"
                )
                fix = "draw or trace before optimizer.step(), or run the forward pass again"
                raise errors.GraphError(errors.message(what, fix=fix))


class _Builder:
    """Collects values and gradients by source, then numbers them as entries.

    A fused operation is opened: its parts are replayed in its place, and its key is the last one.
    """

    def __init__(self, root: Node | Leaf) -> None:
        self.sources: dict[Any, Any] = {}  # key -> node, leaf or raw constant
        self.ages: dict[Any, tuple[float, float, int]] = {}
        self.values: dict[Any, Array] = {}
        self.gradients: dict[Any, Array] = {}
        self.contributions: dict[Any, list[tuple[Node, int, Array]]] = {}
        self.opened: dict[Any, Node] = {}  # a fused operation -> the last of its parts
        self.replayed: list[Node] = []
        if isinstance(root, Leaf):
            self.add_end(root, root, (root.id, 0, 0))

    def key(self, source: Any, node: Node, i: int) -> Any:
        """What identifies an input: a node or leaf itself, a raw array by identity, a number by
        place.
        """
        if isinstance(source, (Node, Leaf)):
            return self.opened.get(source, source)
        return (id(source), None) if isinstance(source, np.ndarray) else (node, i)

    def add_end(self, key: Any, source: Any, age: tuple[float, float, int]) -> None:
        """Note a leaf or a raw constant, with a copy of its values: they may change later."""
        if key not in self.sources:
            value = source.data if isinstance(source, Leaf) else source
            self.sources[key], self.values[key] = source, np.array(value)
            self.ages[key] = age

    def replay(self, node: Node, fused: Node | None = None, part: int = 0) -> None:
        """Compute a node's output again; its inputs are leaves or were replayed before.

        Parts of a fused operation have its age: they were made only now.
        """
        if node.op.parts is not None:
            self.open(node, node.op.parts)
            return
        age = (fused or node).id
        for i, source in enumerate(node.inputs):
            key = self.key(source, node, i)
            if isinstance(source, Leaf) and source.id < age:
                self.add_end(key, source, (source.id, 0, 0))
            elif not isinstance(source, Node):  # a raw constant stands before its first use
                self.add_end(key, source, (age, part - 0.5, i))
        self.replayed.append(node)
        self.sources[node], self.ages[node] = node, (age, part, 0)
        self.values[node] = node.recompute(self.inputs_of(node))

    def open(self, fused: Node, parts: Callable[..., Tensor]) -> None:
        """Replay a fused operation as the operations it stands for."""
        inputs = [
            wrap(s.data if isinstance(s, Leaf) else self.values[self.key(s, fused, i)], s)
            if isinstance(s, (Node, Leaf))
            else s
            for i, s in enumerate(fused.inputs)
        ]
        with recording_as(fused.scope, fused.position):
            start = next_id()
            last = parts(*inputs, *fused.settings)._source()
        assert isinstance(last, Node)  # the fused operation was recorded, so its last part is
        last.name, self.opened[fused] = fused.name, last
        for part, node in enumerate(reversed(collect(last, since=start))):
            self.replay(node, fused, part)

    def inputs_of(self, node: Node) -> list[Array]:
        """The values of a node's inputs; a Python number stays one, it has no dtype of its own."""
        return [
            self.values[self.key(s, node, i)] if hasattr(s, "shape") else s
            for i, s in enumerate(node.inputs)
        ]

    def walk(self, root: Any, seed: Array) -> None:
        """Walk back on the replayed values, noting each contribution before it is added."""
        self.gradients[self.opened.get(root, root)] = seed
        for node in reversed(self.replayed):
            g = self.gradients.get(node)
            if g is None:
                continue
            inputs = self.inputs_of(node)
            kept = node.plan.values(inputs, self.values[node], node.settings)
            for i, rule, pick in node.plan.rules:
                target = self.key(node.inputs[i], node, i)
                c = fit(rule(g, *(pick(kept) if pick else kept)), target.shape)
                c = np.asarray(c).astype(target.dtype, copy=False)
                self.contributions.setdefault(target, []).append((node, i, c))
                held = self.gradients.get(target)
                self.gradients[target] = c if held is None else held + c

    def trace(self, root: Node | Leaf) -> Trace:
        """All that was collected as entries, numbered by age."""
        order = sorted(self.sources, key=self.ages.__getitem__)
        ids = {key: i for i, key in enumerate(order)}
        scopes: dict[int, Scope] = {}
        entries = tuple(self.entry(key, ids, scopes) for key in order)
        numbers = {s.id: ids[k] for k, s in self.sources.items() if isinstance(s, (Node, Leaf))}
        numbers |= {fused.id: ids[last] for fused, last in self.opened.items()}
        return Trace(entries, numbers[root.id], numbers)

    def entry(self, key: Any, ids: dict[Any, int], scopes: dict[int, Scope]) -> Entry:
        source, value = self.sources[key], self.values[key]
        if not isinstance(source, Node):
            return self.leaf_entry(key, ids)
        row = source.op
        rules = [row.rule_for(i) for i in range(len(source.inputs))]
        return Entry(
            id=ids[key],
            op=row.name,
            kind="operation",
            formula=row.formula,
            derivatives=tuple(rule.formula if rule else None for rule in rules),
            inputs=tuple(ids[self.key(s, source, i)] for i, s in enumerate(source.inputs)),
            settings=dict(zip(row.settings, source.settings, strict=False)),
            value=value,
            name=source.name,
            scopes=_path(source.scope, scopes),
            line=source.line,
            requires_grad=True,
            gradient=self.gradients.get(source),
            contributions=self.parts(source, ids),
            arguments=source.plan.input_names,
        )

    def leaf_entry(self, key: Any, ids: dict[Any, int]) -> Entry:
        source, value = self.sources[key], self.values[key]
        is_leaf = isinstance(source, Leaf)
        live = is_leaf and source.requires_grad
        return Entry(
            id=ids[key],
            op="leaf" if is_leaf else "constant",
            kind="parameter" if live else "input" if is_leaf else "constant",
            formula="",
            derivatives=(),
            inputs=(),
            settings={},
            value=value,
            name=source.name if is_leaf else None,
            scopes=(),
            line=None,
            requires_grad=live,
            gradient=self.gradients.get(source) if is_leaf else None,
            contributions=self.parts(source, ids) if is_leaf else (),
            accumulated=np.array(source.grad.numpy()) if live and source.grad is not None else None,
        )

    def parts(self, source: Node | Leaf, ids: dict[Any, int]) -> tuple[Contribution, ...]:
        """What was added up to the gradient of a source."""
        return tuple(
            Contribution(ids[node], i, c) for node, i, c in self.contributions.get(source, ())
        )


def _path(entry: ScopeEntry | None, known: dict[int, Scope]) -> tuple[Scope, ...]:
    """The scopes around an operation, numbered within the trace."""
    if entry is None:
        return ()
    return tuple(known.setdefault(e.id, Scope(len(known), e.name, e.formula)) for e in entry.path())
