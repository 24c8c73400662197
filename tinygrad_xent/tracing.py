"""trace(): the recorded computation as plain data, with every value and every gradient.

The tape keeps only what the derivative rules need. A trace replays the recorded operations from the
leaves, then walks back and notes each contribution before it is added. Pictures, the debugger and the
checks read traces; ordinary training never pays for them. The tape itself is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from . import catalogue as catalogue  # a trace that comes from a file names its rows
from .engine import errors
from .engine.arrays import Array, shape
from .engine.chosen import sweep_chosen
from .engine.context import ON_ARRAYS, Mode, ScopeEntry, during, next_id
from .engine.gradients import seed_gradient
from .engine.lines import Line
from .engine.memory import without_collection
from .engine.nodes import Leaf, Node
from .engine.tensors import Tensor, is_tensor, raw, wrap
from .engine.walk import collect, sweep_arrays
from .plain_data import Plain
from .showing import aligned, ends, html_table, size_of


@dataclass(frozen=True)
class Scope:
    """One entry into a scope: within the trace, `id` distinguishes two with the same name.

    Attributes:
        is_function: whether a function of this package, `mean` say, opened it, and not the user.
    """

    id: int
    name: str
    formula: str | None
    is_function: bool = False


@dataclass(frozen=True, eq=False)
class Contribution(Plain):
    """What one use of a value adds to its gradient, before it is summed with the others.

    Attributes:
        entry: id of the operation that used the value.
        argument: the position among its inputs, from 0.
        value: the contribution, in the shape of the value; None if no gradient reached the use.
    """

    entry: int
    argument: int
    value: Array | None

    def __repr__(self) -> str:
        """Where it comes from, and how large it is."""
        return (
            f"<Contribution of entry {self.entry}, argument {self.argument}: {size_of(self.value)}>"
        )


@dataclass(frozen=True, eq=False)
class Entry(Plain):
    """One operation, leaf or constant of a trace.

    Two are equal if all attributes are, except `line` and `accumulated`, which are not part of what was
    computed.

    Attributes:
        id: position in the trace, from 0, in creation order.
        op: name of the operation; "leaf" or "constant" for what no operation made.
        kind: "operation", "parameter" (a leaf that requires grad), "input" (a tensor that does not)
            or "constant" (a raw array or number).
        formula: what the operation computes, "" for leaves.
        derivatives: for each input the derivative's formula, None if it has none.
        inputs: ids of the inputs in argument order; `a + a` has the same id twice.
        settings: axis, shape, index and the like, by name.
        value: the output. shape, dtype: those of the output.
        name: the user's name, or None.
        scopes: the scopes around it, outermost first; `scope` gives their names.
        line: the user's line, None for leaves and constants.
        requires_grad: whether gradients reach it.
        gradient: of the trace's output with respect to this value, None if no gradient reaches it.
        contributions: the parts of the gradient, one per use, in the order in which the walk added them.
        arguments: for each input its name in the operation's formula.
        accumulated: a leaf's `.grad` when the trace was made: None before `backward()`.
        kinds: what the operation does with the numbers, in words of `table.KINDS`.
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
    line: Line | None = field(compare=False)
    requires_grad: bool
    gradient: Array | None = None
    contributions: tuple[Contribution, ...] = ()
    arguments: tuple[str, ...] = ()
    accumulated: Array | None = field(default=None, compare=False)
    kinds: frozenset[str] = frozenset()

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
        """The same as `gradient`, under the name that tensors use."""
        return self.gradient

    def cells(self) -> tuple[str, ...]:
        """Its row in the table that a trace prints; `COLUMNS` are the headings."""
        what = self.op if self.kind == "operation" else self.kind
        if self.name is not None:
            what = f"{self.name} = {what}" if self.kind == "operation" else f"{self.name}: {what}"
        inputs, size = ", ".join(map(str, self.inputs)), self.shape or "scalar"
        numbers = size_of(self.value), size_of(self.gradient)
        return str(self.id), what, inputs, f"{self.dtype} {size}", *numbers, " / ".join(self.scope)

    def __repr__(self) -> str:
        """What it is, without its numbers."""
        _, what, inputs, size, *_ = self.cells()
        return f"<Entry {self.id}: {what}{' of ' if inputs else ''}{inputs}, {size}>"


COLUMNS = ("id", "what", "inputs", "shape", "value", "gradient", "scope")


@dataclass(frozen=True, eq=False)
class Trace(Plain):
    """A computation as plain data: its entries in creation order.

    Print it for a table; iterate over it; index it by id, or by a tensor that took part:
    `trace(loss)[w].gradient`. It can be pickled (a loaded one can't be indexed by tensors). The traces
    of equal computations are equal.

    Attributes:
        entries: every leaf, constant and operation that the output depends on.
        output: id of the output's entry.
    """

    entries: tuple[Entry, ...]
    output: int
    _ids: dict[int, int] = field(repr=False, compare=False)  # creation numbers -> entries

    def __reduce__(self) -> tuple[Any, ...]:
        return Trace, (self.entries, self.output, {})

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, key: int | Tensor) -> Entry:
        if is_tensor(key):
            node = key._node
            if node is None or node.id not in self._ids:
                raise KeyError(
                    errors.message("trace: this tensor is not part of the computation", [key])
                )
            return self.entries[self._ids[node.id]]
        return self.entries[key]

    def __repr__(self) -> str:
        """How long it is, and what it ends in; printed, or in a notebook, it is a table."""
        return f"<Trace: {len(self):,} entries; output: {self.entries[self.output].cells()[1]}>"

    def _rows(self) -> list[tuple[str, ...]]:
        first, hidden, last = ends(self.entries)
        between = ("…", f"{hidden:,} more", *[""] * (len(COLUMNS) - 2))
        return [*(e.cells() for e in first), *[between] * bool(hidden), *(e.cells() for e in last)]

    def __str__(self) -> str:
        """A line for each entry, of a long trace for the first and the last ones."""
        return "\n".join(aligned([COLUMNS, *self._rows()]))

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{html_table(COLUMNS, self._rows())}"

    def __contains__(self, key: object) -> bool:
        if is_tensor(key):
            return key._node is not None and key._node.id in self._ids
        return any(entry is key for entry in self.entries)

    def users(self, entry: Entry) -> tuple[tuple[Entry, int], ...]:
        """Each use of an entry's value: the operation, and the position among its inputs."""
        return tuple(
            (other, i)
            for other in self.entries
            for i, source in enumerate(other.inputs)
            if source == entry.id
        )


def trace(output: Tensor, gradient: Any = None) -> Trace:
    """The computation of `output` as plain data, with every value, gradient and contribution.

    Args:
        output: any tensor; if it does not require grad, the trace has values but no gradients.
        gradient: the gradient to start from, in the output's shape; ones if None. So for a scalar
            the gradients are those of `backward()`.

    Works before and after `backward()` and leaves every `.grad` unchanged.

    Raises:
        GraphError: a leaf was changed after it was used, so the recorded values are lost.

    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> for entry in tx.trace(x * x):
    ...     print(entry.id, entry.op, entry.inputs, entry.value, entry.gradient)
    0 leaf () 3.0 6.0
    1 mul (0, 0) 9.0 1.0
    """
    root = output._source()
    nodes = collect(root)[::-1]
    check_unchanged(nodes)
    with np.errstate(all="ignore"), without_collection():  # the recorded run has already warned
        replay = _Replay(root)
        for node in nodes:
            replay.run(node, (node.id, 0))
        if output.requires_grad:
            if gradient is None:
                gradient = np.ones(output.shape, output.dtype)
            replay.walk(root, np.array(seed_gradient(output, gradient, False)))
        return replay.trace(root)


def check_unchanged(
    nodes: list[Node],
    who: str = "trace",
    fix: str = "draw or trace before optimizer.step(), or run the forward pass again",
) -> None:
    """Raise if a leaf was overwritten after an operation had read it."""
    for node in nodes:
        for i, leaf in enumerate(node.inputs):
            if type(leaf) is Leaf and leaf.changed > node.id:
                name = leaf.name or f"input {i} of {node.op.name}"
                what = (
                    f"{who}: {name} was read by {node.op.name} at {node.line} and "
                    f"changed at {leaf.changed_at}: the values that it read are lost"
                )
                raise errors.GraphError(what, fix=fix)


Age = tuple[float, ...]


class _Replay:
    """A recorded computation, run again as copies of its nodes, over which the walk then goes back.

    A fused operation is opened: its parts run in its place, and its copy is the copy of the last part.
    Copies, leaves and raw constants each have a key; `ages` gives the order of the entries.
    """

    def __init__(self, root: Node | Leaf) -> None:
        self.copies: dict[Any, Node] = {}  # for each recorded node
        self.values: dict[Any, Array] = {}
        self.ages: dict[Any, Age] = {}
        self.gradients: dict[Any, Array] = {}
        self.contributions: dict[Any, list[tuple[Node, int, Array]]] = {}
        if isinstance(root, Leaf):
            self.add_end(root, root.data, (root.id, 0))

    def add_end(self, key: Any, value: Any, age: Age) -> None:
        """Add a leaf or a raw constant, with a copy of its values, since they may change later."""
        if key not in self.values:
            self.values[key], self.ages[key] = np.array(value), age

    def run(self, node: Node, age: Age) -> None:
        """Compute a node again; its inputs are leaves or were run before. The parts of a fused operation
        are new nodes, so they get its age.
        """
        if node.op.parts is not None:
            self.open(node, node.op.parts)
            return
        inputs = tuple(self.copies[s] if isinstance(s, Node) else s for s in node.inputs)
        copy = node.replaced(inputs=inputs)
        for i, source in enumerate(inputs):
            if isinstance(source, Leaf):
                self.add_end(source, source.data, (source.id, 0))
            elif not isinstance(source, Node):  # a raw constant comes before its first use
                self.add_end(_key(copy, i), source, (age[0], age[1] - 0.5, i))
        self.values[copy], copy.kept = copy.run(self.inputs_of(copy))
        self.copies[node], self.ages[copy] = copy, age

    def open(self, fused: Node, parts: Callable[..., Tensor]) -> None:
        """Run a fused operation as its parts."""
        inputs = [
            wrap(s.data if isinstance(s, Leaf) else self.values[self.copies[s]], s)
            if isinstance(s, (Node, Leaf))
            else s
            for s in fused.inputs
        ]
        start, settings = next_id(), dict(zip(fused.op.settings, fused.settings, strict=True))
        mode = Mode(True, fused.scope, fused.position)  # at the line of the fused operation
        y = during(mode, parts, *inputs, **settings)
        last = y._source() if is_tensor(y) and y.shape == fused.shape else None
        if not isinstance(last, Node) or last.id < start:
            what = f"trace: the parts of {fused.op.name} gave {getattr(y, 'shape', y)}, the operation {fused.shape}"
            raise errors.GraphError(what, fix="parts= must compute the same from other operations")
        last.name = fused.name
        for part, node in enumerate(reversed(collect(last, since=start))):
            self.run(node, (fused.id, part))
        self.copies[fused] = self.copies[last]

    def inputs_of(self, copy: Node) -> list[Array]:
        """The values of a node's inputs; a Python number stays one, since it has no dtype."""
        return [
            self.values[_key(copy, i)] if hasattr(s, "shape") else s
            for i, s in enumerate(copy.inputs)
        ]

    def walk(self, root: Any, seed: Array) -> None:
        """Walk back on the values, noting each contribution before it is added; as in `backward()`
        again, if a gradient is not finite, with 0 for what was not chosen.
        """

        def note(node: Node, i: int, c: Array) -> None:
            self.contributions.setdefault(node.inputs[i], []).append((node, i, np.asarray(c)))

        nodes = sorted({*self.copies.values()}, key=self.ages.__getitem__, reverse=True)
        first = self.copies.get(root, root)
        self.gradients = sweep_arrays(nodes, {first: seed}, note=note)
        leaves = (g for source, g in self.gradients.items() if isinstance(source, Leaf))
        if not all(np.isfinite(g).all() for g in leaves):
            self.contributions.clear()
            self.gradients = during(
                ON_ARRAYS, sweep_chosen, nodes, first, seed, attrgetter("kept"), None, note
            )

    def trace(self, root: Node | Leaf) -> Trace:
        """The trace of all that was collected, with entries numbered by age."""
        order = sorted(self.values, key=self.ages.__getitem__)
        ids = {key: i for i, key in enumerate(order)}
        scopes: dict[int, tuple[Scope, ...]] = {}
        entries = tuple(self.entry(key, ids, scopes) for key in order)
        numbers = {key.id: ids[key] for key in order if isinstance(key, (Node, Leaf))}
        numbers |= {node.id: ids[copy] for node, copy in self.copies.items()}
        return Trace(entries, numbers[root.id], numbers)

    def entry(self, key: Any, ids: dict[Any, int], scopes: dict[int, tuple[Scope, ...]]) -> Entry:
        if not isinstance(key, Node):
            return self.end(key, ids)
        row = key.op
        rules = [row.rule_for(i) for i in range(len(key.inputs))]
        return Entry(
            id=ids[key],
            op=row.name,
            kind="operation",
            formula=row.formula,
            derivatives=tuple(rule.formula if rule else None for rule in rules),
            inputs=tuple(ids[_key(key, i)] for i in range(len(key.inputs))),
            settings=dict(zip(row.settings, map(raw, key.settings), strict=True)),
            value=self.values[key],
            name=key.name,
            scopes=_path(key.scope, scopes),
            line=key.line,
            requires_grad=True,
            gradient=self.gradients.get(key),
            contributions=self.contributed(key, ids),
            arguments=key.plan.input_names,
            kinds=row.kinds,
        )

    def end(self, key: Any, ids: dict[Any, int]) -> Entry:
        """The entry of a leaf or of a raw constant."""
        leaf = key if isinstance(key, Leaf) else None
        live = leaf is not None and leaf.requires_grad
        grad = leaf.grad if leaf is not None and live else None
        return Entry(
            id=ids[key],
            op="leaf" if leaf else "constant",
            kind="parameter" if live else "input" if leaf else "constant",
            formula="",
            derivatives=(),
            inputs=(),
            settings={},
            value=self.values[key],
            name=leaf.name if leaf else None,
            scopes=(),
            line=None,
            requires_grad=live,
            gradient=self.gradients.get(key),
            contributions=self.contributed(key, ids),
            accumulated=None if grad is None else np.array(grad.numpy()),
        )

    def contributed(self, key: Any, ids: dict[Any, int]) -> tuple[Contribution, ...]:
        """The contributions to a gradient, in order."""
        return tuple(Contribution(ids[n], i, c) for n, i, c in self.contributions.get(key, ()))


def _key(node: Node, i: int) -> Any:
    """The key of an input: the node or leaf itself, a raw array's identity, or a number's position."""
    source = node.inputs[i]
    if isinstance(source, (Node, Leaf)):
        return source
    return (id(source), None) if isinstance(source, np.ndarray) else (node, i)


def _path(entry: ScopeEntry | None, known: dict[int, tuple[Scope, ...]]) -> tuple[Scope, ...]:
    """The scopes around an operation, numbered within the trace: one tuple for all operations of a scope."""
    if entry is None:
        return ()
    path: tuple[Scope, ...] = ()
    for outer in entry.path() if entry.id not in known else ():
        if outer.id not in known:
            known[outer.id] = (
                *path,
                Scope(len(known), outer.name, outer.formula, outer.is_function),
            )
        path = known[outer.id]
    return known[entry.id]
