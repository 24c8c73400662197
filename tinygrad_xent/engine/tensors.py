"""Tensor: an array that remembers how it was made.

This file has only a tensor's values, its place on the tape and its gradient. Operators and most
methods come from the files that define them: each attaches its own to `Methods` (`methods.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from . import errors, lines
from .arrays import Array
from .context import MODE
from .methods import Methods
from .nodes import Leaf, Node, touch
from .operands import as_array, check_differentiable
from .symbols import Symbol, asarray, viewed

if TYPE_CHECKING:
    import numpy.typing as npt


class Tensor(Methods):
    """An array with a gradient.

    Args:
        data: numbers: a nested list, an array, a scalar. Always copied: later changes to the
            original do not reach the tensor.
        requires_grad: whether `backward()` computes `.grad`. Floating dtypes only.
        dtype: a NumPy dtype; that of the data if None (Python floats: float64).
        name: shown in errors, traces and pictures.

    Raises:
        DtypeError: text, objects, complex numbers; `requires_grad` with integers or booleans.
        ShapeError: a ragged list.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> w.grad.numpy()
    array([2., 4., 6.])
    """

    __slots__ = ("_data", "_node")
    _data: Array
    _node: Node | Leaf | None  # None: the unrecorded result of an operation

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        array = as_array(_values(data) if isinstance(data, Tensor) else data, dtype)
        if requires_grad:
            check_differentiable(array)
        self._data, self._node = array, Leaf(array, bool(requires_grad), name)

    # --- values ----------------------------------------------------------------------------------

    @property
    def data(self) -> npt.NDArray[Any]:
        """The values. A leaf's may be changed: `w.data -= 0.1 * w.grad`, `w.data = new` (of the same
        shape; copied into place). The recorded result of an operation is read-only.

        If you change what a recorded operation kept, `backward()` raises. It notices changes by
        `t.data = ...`, `t.data += ...` and the optimisers, but not by `t.data[0] = ...`, nor to a raw
        NumPy array that you used in an operation and changed afterwards: `check.check_unchanged(loss)`
        finds those that changed a result.
        """
        node = self._node or self._source()
        return node.data if type(node) is Leaf else self.numpy()

    @data.setter
    def data(self, value: Any) -> None:
        leaf = self._node or self._source()
        if type(leaf) is not Leaf:
            what = "data: the result of an operation can't be assigned"
            raise errors.GraphError(what, [self], "make a leaf: t.detach()")
        if value is not leaf.data:
            new = as_array(_values(value) if isinstance(value, Tensor) else value, leaf.dtype)
            if new.shape != leaf.shape:
                what = f"data: can't put shape {new.shape} into a tensor of shape {leaf.shape}"
                raise errors.ShapeError(what, [self, value], "make a new Tensor")
            if leaf.data.flags.writeable:
                leaf.data[...] = new
            else:  # detached from an operation's result
                leaf.data = self._data = new
        touch((leaf,))

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` added up, in the leaf's shape and dtype; None before."""
        node = self._node
        if type(node) is Leaf:
            if isinstance(node.grad, Lent):
                node.grad = node.grad.own()
            return node.grad  # type: ignore[no-any-return]  # nodes know no tensors
        if type(node) is Node:
            text = f"{node.op.name} made this tensor at {node.line}: only leaves keep .grad; "
            lines.warn(text + "trace(loss)[t].grad has every gradient", UserWarning)
        return None

    @grad.setter
    def grad(self, value: Any) -> None:
        leaf = self._source()
        if type(leaf) is not Leaf:
            raise errors.GraphError("grad: only leaves keep .grad", [self])
        if value is None:
            leaf.grad = leaf.flaw = None
            return
        grad = value if isinstance(value, Tensor) else Tensor(value, dtype=leaf.dtype)
        if grad.shape != leaf.shape:
            what = f"grad: the gradient has shape {grad.shape}, but the tensor {leaf.shape}"
            raise errors.ShapeError(what, [self])
        leaf.grad = grad if grad.dtype == leaf.dtype else grad.astype(leaf.dtype)
        leaf.flaw = None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients reach this tensor. May be set on a leaf."""
        return self._node is not None and self._node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        leaf = self._source()
        if type(leaf) is not Leaf:
            what = "requires_grad: can be set on leaves only, this is the result of an operation"
            raise errors.GraphError(what, [self], "use t.detach()")
        if value:
            check_differentiable(leaf.data)
            if not leaf.data.flags.writeable:  # a detached result becomes a parameter
                leaf.data = self._data = np.array(leaf.data)
        leaf.requires_grad = bool(value)

    @property
    def name(self) -> str | None:
        """What errors, traces and pictures call it."""
        return None if self._node is None else self._node.name

    @name.setter
    def name(self, value: str | None) -> None:
        self._source().name = value

    @property
    def is_leaf(self) -> bool:
        """True unless it is the recorded result of an operation."""
        return type(self._node) is not Node

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    def numpy(self) -> npt.NDArray[Any]:
        """The values as a read-only NumPy array that shares the tensor's memory; copy it to change it."""
        if isinstance(self._data, Symbol):
            return viewed(self._data)  # type: ignore[no-any-return]
        view = np.asarray(self._data).view()
        view.setflags(write=False)
        return view

    def item(self) -> float | int | bool:
        """The single element as a Python number.

        Raises:
            ShapeError: there is not exactly one.
        """
        if self.size != 1:
            what = f"item: needs exactly one element, the shape is {self.shape}"
            raise errors.ShapeError(what, [self])
        return self._data.item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """A tensor with the same values, cut off from the tape. A leaf's values are copied when first
        used, so its next update does not reach what was computed from them; the values of a result
        never change, so they are shared.
        """
        values = self.numpy()
        source = Leaf(values) if type(self._node) is Node else None
        return wrap(values, source)

    def zero_grad(self) -> None:
        """Reset the gradient: `.grad` is None again."""
        self.grad = None

    def _source(self) -> Node | Leaf:
        """The node or leaf. An unrecorded result becomes a leaf. If it shares memory (a detached tensor,
        a slice) it is copied, since an update of the original would change it unnoticed.
        """
        if self._node is None:
            data = asarray(self._data)
            if data.base is not None:
                data = data.copy(order="K")
            self._data, self._node = data, Leaf(data)
        return self._node

    # --- Python -----------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __setitem__(self, index: Any, value: Any) -> None:
        what = "tensors are not assigned in place: the tape would keep the old values"
        fix = "t = t.at[index].set(value) makes a changed copy; so does where(mask, new, old); on a leaf, "
        fix += "outside a recording, t.data[...] = new"
        raise errors.GraphError(what, [self], fix)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise errors.DtypeError("len: a tensor of shape () has no length", [self])
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self))) if len(self) <= 16 else self._halved()

    def _halved(self) -> Iterator[Tensor]:
        """Many parts are cut from halves: the gradient of each is as long as what it was cut from."""
        middle = len(self) // 2
        yield from self[:middle]
        yield from self[middle:]

    def __bool__(self) -> bool:
        if self.size != 1:
            what = f"the truth value of {self.size} elements is ambiguous"
            fix = "use .numpy().any() or .all(), or compare one element"
            raise errors.BadValueError(what, [self], fix)
        return bool(self._data)

    def __float__(self) -> float:
        self._warn_of_a_number("float")
        return float(self.item())

    def __int__(self) -> int:
        self._warn_of_a_number("int")
        return int(self.item())

    def _warn_of_a_number(self, kind: str) -> None:
        """Warn if a plain number is taken from the tape: `math.exp(t)` has no gradient."""
        mode = MODE.get().in_force()
        if self.requires_grad and mode.recording and not mode.on_arrays:
            what = f"{kind}(): the tensor requires grad, and a plain number leaves the tape"
            fix = "t.item() if a number is meant; t.detach() for a tensor without gradient; tx.exp(t) "
            fix += "and the like, not math.exp(t), where the gradient is needed"
            lines.warn(errors.message(what, [self], fix), UserWarning)

    def _updated(self, symbol: str, function: Callable[[Any, Any], Tensor], other: Any) -> Tensor:
        """What `t -= other` gives: a leaf that requires grad is changed in place, under `no_grad()`; any
        other tensor is not changed, and its name is given to a new one.
        """
        if isinstance(self._data, Symbol) and self._data.given:
            self._data.become(raw(function(self, other)))
            return self
        if type(self._node) is Leaf and self.requires_grad:
            if MODE.get().in_force().recording:
                what = f"{symbol}=: a leaf that requires grad, whose change can't be recorded"
                fix = f"under no_grad() it is changed in place; so does w.data {symbol}= ..., at any time; "
                fix += f"w = w {symbol} ... makes a new tensor, through which gradients flow to w"
                raise errors.GraphError(what, [self, other], fix)
            self.data = function(self, other)
            return self
        if type(self._node) is Node:
            what = f"h {symbol}= ... makes a new tensor: other names of the old one keep the old values"
            fix = f"write h = h {symbol} ..., which says so"
            lines.warn(errors.message(what, [self, other], fix), UserWarning)
        return function(self, other)

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        """Values, shape, dtype, name and how it was made."""
        values = np.array2string(np.asarray(self._data), separator=", ", prefix="Tensor(")
        parts = [values, f"shape={self.shape}", f"dtype={self.dtype}"]
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        if isinstance(self._node, Node):
            parts.append(f"op={self._node.op.name}")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        return f"Tensor({', '.join(parts)})"

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
        """Leaves can be copied and pickled; the tape can't, nor the variables of a running transform."""
        leaf = self._source()
        if type(leaf) is not Leaf or leaf.borrowed:
            what = "copy: the tensor belongs to a tape, and gradients would not reach the copy"
            raise errors.GraphError(what, [self], "copy t.detach()")
        return Tensor, (np.array(self._data), self.requires_grad, None, self.name)


def _values(data: Tensor) -> Any:
    """A tensor's values; an error if copying them would cut the tape."""
    if data.requires_grad:
        what = "Tensor: the data requires grad, and a copy would cut the tape silently"
        raise errors.GraphError(what, [data], "pass t.detach() if you mean it")
    return data._data


def is_tensor(x: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor."""
    return isinstance(x, Tensor)


def raw(x: Any) -> Any:
    """The raw array of a tensor; anything else as it is."""
    return x._data if isinstance(x, Tensor) else x


def wrap(data: Array, node: Node | Leaf | None) -> Tensor:
    """A tensor over a raw array without copying."""
    tensor = object.__new__(Tensor)
    tensor._data, tensor._node = data, node
    return tensor


class Lent(Tensor):
    """A gradient that changes hands: whoever asks a tensor for it gets `own()`."""

    __slots__ = ()

    @abstractmethod
    def own(self) -> Tensor:
        """The gradient, as somebody's own."""
        raise NotImplementedError


class Held(Lent):
    """A gradient in memory that will be overwritten: whoever asks for it gets a copy."""

    __slots__ = ()

    def __init__(self, array: Array) -> None:
        self._data, self._node = array, None

    def own(self) -> Tensor:
        return wrap(np.array(self._data), None)
