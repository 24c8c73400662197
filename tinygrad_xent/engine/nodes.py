"""What the tape is made of: a `Node` for each recorded operation, a `Leaf` for data the user made.

A node holds its row of the table, where its inputs come from, the arrays that the rules asked to keep,
a creation number, the scope and the user's line. Creation order is the order of the tape. Nothing here
computes: `tape.py` makes nodes, `walk.py` walks back over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from types import CodeType
from typing import Any
from weakref import WeakSet

from .arrays import Array
from .context import ScopeEntry, next_id
from .lines import Line, line_of, user_position
from .table import Op, Plan

_latest_change = -1  # of any leaf
_changing = Lock()
_ever_changed: WeakSet[Leaf] = WeakSet()


class Leaf:
    """Data the user made: a parameter, an input, a constant.

    `changed` is the creation number at which the data was last overwritten: an operation with a
    smaller number saw the old values. `grad` is a tensor, or None. `flaw` is what was found when
    that was looked at: "" if all its numbers are finite, else why not; None if nobody has looked.
    `borrowed`: it stands for an argument while a transform runs a function. `returned`: that transform
    has returned, and nobody else can ask for its gradient.
    """

    data: Array
    requires_grad: bool
    name: str | None
    shape: tuple[int, ...]
    dtype: Any
    grad: Any
    id: int
    changed: int
    flaw: str | None
    borrowed: bool
    returned: bool
    _changed_at: tuple[CodeType, int] | None
    __slots__ = (*__annotations__, "__weakref__")

    def __init__(self, data: Array, requires_grad: bool = False, name: str | None = None) -> None:
        self.data, self.requires_grad, self.name = data, requires_grad, name
        self.id, self.shape, self.dtype = next_id(), data.shape, data.dtype
        self.grad, self.flaw, self.borrowed, self.returned = None, None, False, False
        self._changed_at, self.changed = None, -1

    @property
    def changed_at(self) -> Line | None:
        """The user's line that last overwrote the data, None if none did."""
        return self._changed_at and line_of(*self._changed_at)


def touch(leaves: Iterable[Leaf], position: tuple[CodeType, int] | None = None) -> None:
    """Note that the data of these leaves was overwritten, and where: at the user's line if not said."""
    global _latest_change
    position = position or user_position()
    with _changing:
        now = _latest_change = next_id()
        for leaf in leaves:
            if leaf.changed < 0:
                _ever_changed.add(leaf)
            leaf.changed, leaf._changed_at = now, position


def changed_since(creation: int) -> bool:
    """Whether any leaf was overwritten after this creation number: if not, a walk need not check."""
    return _latest_change > creation


def changed_leaves(creation: int) -> list[Leaf]:
    """The leaves that were overwritten after this creation number."""
    with _changing:
        return [leaf for leaf in _ever_changed if leaf.changed > creation]


class Node:
    """One recorded operation; `tape.apply` makes it.

    Attributes:
        plan: the row of the table and its plan for these inputs.
        inputs: for each a node, a leaf, or a raw array or number that needs no gradient.
        settings: axis, shape and the like, in the row's order: plain values.
        state: objects that the operation needs besides the settings; nearly always empty.
        kept: what the rules need, in the order of `plan.names`; None once backward has freed it.
        id: the creation number.
    """

    plan: Plan
    inputs: tuple[Any, ...]
    settings: tuple[Any, ...]
    state: tuple[Any, ...]
    kept: tuple[Any, ...] | None
    shape: tuple[int, ...]
    dtype: Any
    scope: ScopeEntry | None
    name: str | None
    id: int
    _code: CodeType
    _instruction: int
    __slots__ = tuple(__annotations__)
    requires_grad = True

    @property
    def position(self) -> tuple[CodeType, int]:
        """Where the user's program ran the operation, see `lines.user_position`."""
        return self._code, self._instruction

    @property
    def line(self) -> Line:
        """The user's line that ran the operation."""
        return line_of(*self.position)

    @property
    def op(self) -> Op:
        """The row of the table."""
        return self.plan.op

    def run(self, inputs: Sequence[Array]) -> tuple[Array, tuple[Any, ...]]:
        """The output for other values of the inputs, and what would be kept for the rules."""
        arguments = self.settings + self.state
        y, saved = self.op.forward(*inputs, *arguments), ()
        if self.op.saves:
            y, *saved = y
        return y, self.plan.keep((*inputs, y, *arguments, *saved))

    def replaced(self, **changes: Any) -> Node:
        """A copy with some of its attributes changed."""
        node = object.__new__(Node)
        for name in Node.__slots__:
            setattr(node, name, changes[name] if name in changes else getattr(self, name))
        return node


def value_of(source: Any, values: Mapping[Node, Array]) -> Array:
    """The value of one of a node's inputs, where the values of the nodes that ran before are known."""
    if isinstance(source, Node):
        return values[source]
    return source.data if isinstance(source, Leaf) else source
