"""The array that stands for an array: it notes what is done with it, and knows its shape, dtype and memory
order.

It is no ndarray, so nothing can take its numbers without asking, and asking is an error that says
what to do instead. How it shares memory: views.py; what NumPy's functions do with it: protocol.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..engine.methods import Methods
from .instructions import as_tuple
from .protocol import Dispatching


class ArraySymbol(Dispatching):
    """Stands for the result of an instruction.

    Attributes:
        given: whether it is an argument that is an array, and so is changed by `x += 1`.
    """

    __slots__ = ("given",)

    def __init__(self, recorder: Any, id: int, like: Any, known: bool = False) -> None:
        super().__init__(recorder, id, like, known)
        self.given = False

    # --- what is known without running anything ----------------------------------------------------

    shape = property(lambda self: np.shape(self.like))
    ndim = property(lambda self: np.ndim(self.like))
    size = property(lambda self: math.prod(np.shape(self.like)))
    dtype = property(lambda self: np.asarray(self.like).dtype)
    flags = property(lambda self: np.asarray(self.like).flags)
    itemsize = property(lambda self: np.asarray(self.like).itemsize)
    nbytes = property(lambda self: np.asarray(self.like).nbytes)

    def __hash__(self) -> int:
        if not isinstance(self.like, np.ndarray):
            self._asked("hash(), a key of a dict or a member of a set", "a branch by tx.where")
        return id(self)

    def __len__(self) -> int:
        return len(self.like)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # --- what asks for numbers ----------------------------------------------------------------------

    def _asked(
        self, how: str, instead: str = "tx.where in place of a branch, tx.exp in place of math.exp"
    ) -> NoReturn:
        raise self.recorder.asked_for_a_value(self, how, instead)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._asked("printing, np.array() or np.asarray()", "tx.stack([a, b]) joins tensors")

    def __getattr__(self, name: str) -> NoReturn:
        if hasattr(np.ndarray, name) and not name.startswith("_"):  # not even hasattr shall miss it
            raise self.recorder.not_recordable(f"array.{name}")
        raise AttributeError(f"an array has no attribute {name!r}")

    def __bool__(self) -> NoReturn:
        self._asked("a branch (if, while, and, or, not)", "tx.where(condition, a, b) in its place")

    # --- operators, attributes and methods ----------------------------------------------------------

    @property
    def T(self) -> Any:  # noqa: N802 -- NumPy's name
        return self.transpose()

    @property
    def mT(self) -> Any:  # noqa: N802 -- NumPy's name
        axes = tuple(range(self.ndim))
        return self.transpose((*axes[:-2], axes[-1], axes[-2]))

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> Any:
        order = self._settled(order)
        shape = (
            tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        )
        if not all(x.known for x in shape if isinstance(x, ArraySymbol)):
            raise self.recorder.data_shaped("a shape that is computed")
        source = self.copy() if copy else self
        way = {} if order == "C" else {"order": order}
        view = source._call("ndarray.reshape", shape, **way)
        source.viewed(view, lambda changed: changed.reshape(self.shape, order=order), by_order=True)
        if copy is False and not source.shares(view):
            raise ValueError(
                "Unable to avoid creating a copy while creating an array as requested."
            )
        return view

    def ravel(self, order: Any = "C") -> Any:
        order = self._settled(order)
        flags = self.flags
        in_order = flags.c_contiguous if order == "C" else flags.f_contiguous
        flat = (self if in_order else self.copy()).reshape(-1, order=order)
        self.root_of().asked = flat.asked = True
        return flat

    def _settled(self, order: Any) -> str:
        """In which order elements are read: an order that memory decides is guarded."""
        if order in ("C", "F"):
            return str(order)
        self.recorder.ordered = True
        flags = self.flags
        if order == "K" and not (flags.c_contiguous or flags.f_contiguous):
            raise self.recorder.not_recordable(f"the order {order!r} of an array with gaps")
        return "F" if flags.fnc else "C"

    def transpose(self, *axes: Any) -> Any:
        as_they_are = tuple(range(self.ndim))
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        order = tuple(a % self.ndim for a in order) if order else as_they_are[::-1]
        if order == as_they_are:
            return self.view()
        given = () if order == as_they_are[::-1] else (order,)
        view = self._call("ndarray.transpose", *given)
        back = tuple(np.argsort(order).tolist())
        return self.viewed(view, lambda changed: changed.transpose(back))

    def view(self, *dtype: Any) -> Any:
        if dtype:
            self._asked("a view of other bits")
        return self.viewed(
            ArraySymbol(self.recorder, self.id, self.like, self.known), lambda changed: changed
        )

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        dtype = np.dtype(dtype)
        if dtype == self.dtype and isinstance(self.like, (np.ndarray, np.generic)):
            return self.copy("K") if copy else self
        return self._call("ndarray.astype", dtype)

    def copy(self, order: Any = "C") -> Any:
        like = self.like
        if isinstance(like, np.ndarray):
            order = order if order == "K" else self._settled(order)
            like = self.recorder.result("ndarray.copy", (self, order), {})
        return ArraySymbol(self.recorder, self.recorder.current(self), like, self.known)

    def as_array(self) -> Any:
        """A copy; of a Python number an array, which widens others."""
        if isinstance(self.like, (np.ndarray, np.generic)):
            return self.copy("K")
        return self._call("np.array")

    def __copy__(self) -> Any:
        return self.copy("K")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy("K")

    def squeeze(self, axis: Any = None) -> Any:
        shape = np.squeeze(np.empty(self.shape, bool), axis).shape
        return self if shape == self.shape else self.reshape(shape)

    def flatten(self, order: Any = "C") -> Any:
        return self.copy().reshape(-1, order=self._settled(order))

    def swapaxes(self, axis1: int, axis2: int, /) -> Any:
        return np.swapaxes(self, axis1, axis2)

    def dot(self, other: Any) -> Any:
        return self._call("np.dot", other)

    def number(self) -> Any:
        """A Python number that stays one."""
        return self._call("python:float")

    def or_one(self) -> Any:
        """1 in place of 0, of a Python number."""
        return self._call("python:or", 1)

    def at_most(self, limit: float) -> Any:
        """The smaller of two Python numbers."""
        return self.recorder.call("python:min", (limit, self), {})

    def root(self) -> Any:
        """The square root, of a Python number."""
        return self._call("python:sqrt")

    def cosine(self) -> Any:
        """The cosine, of a Python number."""
        return self._call("python:cos")

    def __getitem__(self, index: Any) -> Any:
        for part in as_tuple(index):
            ends = (part.start, part.stop, part.step) if isinstance(part, slice) else ()
            if not all(x.known for x in ends if isinstance(x, ArraySymbol)):
                raise self.recorder.data_shaped("a slice whose bound is computed")
        masks = [part for part in as_tuple(index) if getattr(part, "dtype", None) == np.bool_]
        if not all(getattr(mask, "known", False) for mask in masks):
            raise self.recorder.data_shaped("a boolean mask as index")
        view = self._call("operator.getitem", index)
        return self.viewed(
            view, lambda changed: self.recorder.call("set_item", (self, index, changed), {})
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        self.become(self._call("set_item", index, value))

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.recorder.call(name, (self, *args), kwargs)


_REFLECTED = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
)
_OPERATORS = (*_REFLECTED, "lt", "le", "gt", "ge", "eq", "ne")


def _operators() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Python's operators, from both sides and in place."""
    for name in _OPERATORS:

        def forward(self: ArraySymbol, other: Any, name: str = name) -> Any:
            if isinstance(other, Methods):
                return NotImplemented
            return self.recorder.call(f"operator.{name}", (self, other), {})

        yield f"__{name.rstrip('_')}__", forward
    for name in _REFLECTED:

        def backward(self: ArraySymbol, other: Any, name: str = name) -> Any:
            return self.recorder.call(f"operator.{name}", (other, self), {})

        def in_place(self: ArraySymbol, other: Any, name: str = name) -> Any:
            if not isinstance(self.like, np.ndarray) or isinstance(other, Methods):
                return NotImplemented
            self.become(self.recorder.call(f"operator.{name}", (self, other), {}))
            return self

        yield f"__r{name.rstrip('_')}__", backward
        yield f"__i{name.rstrip('_')}__", in_place
    for name in ("neg", "pos", "abs", "invert"):
        yield f"__{name}__", lambda self, name=name: self._call(f"operator.{name}")


def _methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of an array that give a new one; and those that ask for numbers."""
    names = "sum prod max min mean std var any all argmax argmin cumsum cumprod argsort clip round"
    for name in (*names.split(), "trace", "repeat", "take", "diagonal"):

        def method(self: ArraySymbol, *args: Any, name: str = name, **kwargs: Any) -> Any:
            return self.out_of(f"ndarray.{name}", (self, *args), kwargs)

        yield name, method
    for name in ("fill", "sort", "put"):

        def change(self: ArraySymbol, *args: Any, name: str = name, **kwargs: Any) -> None:
            new = self._call(f"changed:ndarray.{name}", *args, **kwargs)
            if isinstance(self.like, np.ndarray):  # a change of a number is one of a copy of it
                self.become(new)

        yield name, change
    asking = {
        "float": "float()",
        "int": "int()",
        "index": "an index or a range()",
        "complex": "complex()",
    }
    asking |= {
        "round": "round()",
        "trunc": "math.trunc()",
        "format": "printing it",
        "repr": "printing it",
        "reduce": "pickle",
    }
    for name, how in asking.items():
        yield f"__{name}__", lambda self, *_, how=how: self._asked(how)
    for name in ("item", "tolist", "tobytes", "dump", "tofile", "nonzero", "compress"):
        called = "float(), int() or .item()" if name == "item" else f".{name}()"
        yield name, lambda self, *_, called=called, **__: self._asked(called)


for _name, _method in (*_operators(), *_methods()):
    setattr(ArraySymbol, _name, _method)
