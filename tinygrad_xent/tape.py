"""The tape: what is noted when an operation runs.

Applying an operation (a row of the table, see `table.py`) to tensors of which one needs a gradient
makes one `Node`: the row, the inputs, the arrays that the rules asked to keep, a creation number, the
scope and the user's line. The end of the tape is a `Leaf`: data the user made. Nothing here walks
back; that is `walk.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from .backend import Array
from .lines import Line, line_of, user_frame, user_position
from .modes import MODE, ScopeEntry, next_id

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

    __slots__ = (
        "_changed_at",
        "changed",
        "data",
        "dtype",
        "grad",
        "id",
        "name",
        "requires_grad",
        "shape",
    )

    def __init__(self, data: Array, requires_grad: bool = False, name: str | None = None) -> None:
        self.data, self.requires_grad, self.name = data, requires_grad, name
        self.shape: tuple[int, ...] = data.shape
        self.dtype: Any = data.dtype
        self.grad: Tensor | None = None
        self.id = next_id()
        self.changed = -1
        self._changed_at: tuple[CodeType, int] | None = None

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
        settings: axis, shape and the like, in the row's order.
        kept: what the rules need, in the order of `plan.names`; None once backward has spent it.
        id: the creation number.
    """

    __slots__ = (
        "_code",
        "_instruction",
        "dtype",
        "id",
        "inputs",
        "kept",
        "name",
        "plan",
        "scope",
        "settings",
        "shape",
    )
    requires_grad = True
    plan: Plan
    inputs: tuple[Any, ...]
    settings: tuple[Any, ...]
    kept: tuple[Any, ...] | None
    shape: tuple[int, ...]
    dtype: Any
    scope: ScopeEntry | None
    name: str | None
    id: int
    _code: CodeType
    _instruction: int

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

    def recompute(self, inputs: list[Array]) -> Array:
        """The output again, from the inputs' values."""
        return self.plan.op.value(inputs, self.settings)


class TensorBase:
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


def raw(x: Any) -> Any:
    """The raw array of a tensor; anything else as it is."""
    return x._data if isinstance(x, TensorBase) else x


_tensor_class: type[TensorBase] = TensorBase
_new: Any = object.__new__
_mode = MODE.get


def set_tensor_class(cls: type[TensorBase]) -> None:
    """Name the class of results. `tensor.py` calls this: it imports the tape, not the reverse."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: Array, node: Node | Leaf | None) -> Any:
    """A tensor over a raw array without copying."""
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = data, node
    return tensor


def apply(op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...]) -> Any:
    """Run an operation and, where a gradient will be needed, note it on the tape.

    Raw arrays alone give a raw array back: that is how the rules run at full speed in `backward()`.
    The node and the tensor are made in place, without constructors: this is the hottest function.
    """
    raws, inputs, live, bit, tensors = [], [], 0, 1, False
    for x in operands:
        if isinstance(x, TensorBase):
            tensors = True
            source = x._node or x._source()
            if source.requires_grad:
                live |= bit
            raws.append(x._data)
            inputs.append(source)
        else:
            if type(x) not in _PLAIN:
                x = as_operand(op, x, operands)
            raws.append(x)
            inputs.append(x)
        bit += bit
    if not tensors and not any(hasattr(x, "dtype") for x in raws):
        raws = [np.asarray(x) for x in raws]  # numbers alone: NumPy's arithmetic, not Python's
    try:
        y, saved = op.forward(*raws, *settings), ()
        if op.saves:
            y, *saved = y
        dtype = y.dtype
    except Exception as error:
        raise errors.explain(op.name, operands, settings, error) from None
    if not tensors:
        return y
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = y, None
    if dtype.kind != "f":
        check_result(op, operands, y)
    elif live:
        recording, scope, position = _mode()
        if recording:
            plan = op.plans.get(live) or op.plan(live, len(raws))
            tensor._node = node = _new(Node)
            node.plan, node.inputs, node.settings = plan, tuple(inputs), settings
            node.kept = plan.keep((*raws, y, *settings, *saved))
            node.shape, node.dtype, node.scope, node.name = y.shape, dtype, scope, None
            node.id = next_id()
            if position is None:
                frame = user_frame(3)  # from the caller of the table's function
                node._code, node._instruction = frame.f_code, frame.f_lasti
            else:
                node._code, node._instruction = position
    return tensor


def saved_node(fused: Node, row: Op, y: Array) -> Node:
    """What a fused operation saved, as a place of the tape of its own: the result `y` of `row`, which
    was computed from the first input, so that its rule (and a second derivative) can be walked.
    """
    settings = dict(zip(fused.op.settings, fused.settings, strict=True))
    node: Node = _new(Node)
    node.plan, node.inputs = row.plans.get(1) or row.plan(1, 1), fused.inputs[:1]
    node.settings = tuple(settings[name] for name in row.settings)
    node.kept = node.plan.keep((None, y, *node.settings))  # its rule needs y alone
    node.shape, node.dtype, node.scope, node.name = y.shape, y.dtype, fused.scope, None
    node.id, node._code, node._instruction = next_id(), fused._code, fused._instruction
    return node


_PLAIN = frozenset({np.ndarray, float, int, bool})


def as_operand(op: Op, x: Any, operands: tuple[Any, ...]) -> Array:
    """An operand that is neither a tensor, an array nor a number: a list, say."""
    if isinstance(x, np.generic):
        return x
    try:
        array = np.asarray(x)
    except ValueError:
        what = f"{op.name}: a ragged list (rows of different lengths) is no array"
        raise errors.ShapeError(errors.message(what, operands, "pad the rows")) from None
    if array.dtype.kind not in "fiub":
        what = f"{op.name}: takes numbers, got {type(x).__name__}"
        raise errors.DtypeError(errors.message(what, operands))
    return array


def check_result(op: Op, operands: tuple[Any, ...], y: Array) -> None:
    """Raise unless a result that is not floating is of integers or booleans."""
    if y.dtype.kind == "c":
        what = f"{op.name}: complex numbers are not supported"
        raise errors.DtypeError(
            errors.message(what, operands, "take real and imaginary parts apart")
        )
    if y.dtype.kind not in "iub":
        raise errors.DtypeError(
            errors.message(f"{op.name}: takes numbers, got {y.dtype}", operands)
        )
