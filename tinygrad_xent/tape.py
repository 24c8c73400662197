"""The tape: what is noted when an operation runs.

Applying an operation (a row of the table, see `table.py`) to tensors of which one needs a gradient
makes one `Node`: the row, the inputs, the arrays that the rules asked to keep, a creation number, the
scope and the user's line. The end of the tape is a `Leaf`: data the user made. Nothing here walks
back; that is `walk.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sys import _getframe
from threading import Lock
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from . import errors
from .backend import Array
from .lines import NOT_USERS, Line, line_of, user_frame, user_position
from .methods import Methods
from .modes import Mode, ScopeEntry, next_id
from .operands import as_operand, check_numbers

if TYPE_CHECKING:
    from .table import Op, Plan
    from .tensor import Tensor


latest_change = -1  # of any leaf, so that a walk knows at once that nothing it read was overwritten
_changing = Lock()


class Leaf:
    """Data the user made: a parameter, an input, a constant.

    `changed` is the creation number at which the data was last overwritten: an operation with a
    smaller number saw other values.
    """

    data: Array
    requires_grad: bool
    name: str | None
    shape: tuple[int, ...]
    dtype: Any
    grad: Tensor | None
    id: int
    changed: int
    _changed_at: tuple[CodeType, int] | None
    __slots__ = tuple(__annotations__)

    def __init__(self, data: Array, requires_grad: bool = False, name: str | None = None) -> None:
        self.data, self.requires_grad, self.name = data, requires_grad, name
        self.id, self.shape, self.dtype = next_id(), data.shape, data.dtype
        self.grad, self._changed_at, self.changed = None, None, -1

    @property
    def changed_at(self) -> Line | None:
        """The user's line that last overwrote the data, None if none did."""
        return self._changed_at and line_of(*self._changed_at)


def touch(leaves: Iterable[Leaf]) -> None:
    """Note that the data of these leaves was overwritten, and where."""
    global latest_change
    position = user_position()
    with _changing:
        now = latest_change = next_id()
    for leaf in leaves:
        leaf.changed, leaf._changed_at = now, position


class Node:
    """One recorded operation; `apply` makes it.

    Attributes:
        plan: the row of the table and what was arranged for these inputs.
        inputs: for each a node, a leaf, or a raw array or number that needs no gradient.
        settings: axis, shape and the like, in the row's order: plain values.
        state: what a closed operation needs beside them; empty for all others.
        kept: what the rules need, in the order of `plan.names`; None once backward has spent it.
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
        """The output for other values of the inputs, and what the rules would keep of it."""
        arguments = self.settings + self.state
        y, saved = self.op.forward(*inputs, *arguments), ()
        if self.op.saves:
            y, *saved = y
        return y, self.plan.keep((*inputs, y, *arguments, *saved))

    def replaced(self, **changes: Any) -> Node:
        """A copy with some of its attributes changed."""
        node: Node = _new(Node)
        for name in Node.__slots__:
            setattr(node, name, changes[name] if name in changes else getattr(self, name))
        return node


class TensorBase(Methods):
    """What the tape knows of a tensor: its values, and where they come from."""

    __slots__ = ("_data", "_node")
    _data: Array
    _node: Node | Leaf | None  # None: the unrecorded result of an operation

    def _source(self) -> Node | Leaf:
        """The node or leaf. An unrecorded result becomes a leaf of its own: what shares memory (a
        detached tensor, a slice) is copied, or an update of the original would change it unnoticed.
        """
        if self._node is None:
            data = np.asarray(self._data)
            if data.base is not None:
                data = data.copy()
            self._data, self._node = data, Leaf(data)
        return self._node


def is_tensor(x: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor: `Tensor` is the only class of them."""
    return isinstance(x, TensorBase)


def raw(x: Any) -> Any:
    """The raw array of a tensor; anything else as it is."""
    return x._data if isinstance(x, TensorBase) else x


_tensor_class: type[TensorBase] = TensorBase
_new: Any = object.__new__


def set_tensor_class(cls: type[TensorBase]) -> None:
    """Name the class of results. `tensor.py` calls this: it imports the tape, not the reverse."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: Array, node: Node | Leaf | None) -> Any:
    """A tensor over a raw array without copying."""
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = data, node
    return tensor


def apply(
    op: Op,
    operands: Sequence[Any],
    settings: tuple[Any, ...],
    mode: Mode,
    state: tuple[Any, ...] = (),
) -> Any:
    """Run an operation and, where a gradient will be needed, note it on the tape.

    The node and the tensor are made in place, without constructors: this is the hottest function.
    """
    raws, inputs, live, bit, tensors = [], [], 0, 1, False
    for x in operands:
        if isinstance(x, TensorBase):
            tensors, source, data = True, x._node or x._source(), x._data
            if source.requires_grad:
                live |= bit
        else:
            source = data = x if type(x) in _PLAIN else as_operand(op.spoken, x, operands)
        raws.append(data)
        inputs.append(source)
        bit += bit
    if not tensors and not any(hasattr(x, "dtype") for x in raws):
        raws = [np.asarray(x) for x in raws]  # numbers alone: NumPy's arithmetic, not Python's
    arguments = settings + state if state else settings
    try:
        y = op.forward(*raws, *arguments)
        if op.saves:
            y, arguments = y[0], (*arguments, *y[1:])
        dtype = y.dtype
    except Exception as error:
        raise errors.explain(op.spoken, operands, settings, error) from None
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = y, None
    if dtype.kind != "f":
        check_numbers(op.spoken, operands, y)
    elif live and mode.recording and (plan := op.plans.get(live) or op.plan(live, len(raws))).rules:
        tensor._node = node = _new(Node)
        node.plan, node.inputs, node.settings, node.state = plan, tuple(inputs), settings, state
        node.id, node.kept = next_id(), plan.keep((*raws, y, *arguments))
        node.shape, node.dtype, node.scope, node.name = y.shape, dtype, mode.scope, None
        if mode.position is None:  # the line of the caller of the row's function, if a user
            try:
                frame = _getframe(2)
            except ValueError:  # C code called it, in a thread of its own
                frame = _getframe()
            if NOT_USERS[frame.f_code.co_filename]:
                frame = user_frame(3)
            node._code, node._instruction = frame.f_code, frame.f_lasti
        else:
            node._code, node._instruction = mode.position
    return tensor


_PLAIN = frozenset({np.ndarray, float, int, bool})
