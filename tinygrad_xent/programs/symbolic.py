"""The array that stands for an array: it notes what is done with it, and knows its shape, dtype and memory
order.

It is no ndarray, so nothing can take its numbers without asking, and asking is an error that says
what to do instead. What NumPy changes in place gets a new result, here and in what it is a view of;
other views of that are stale, and to use one is an error.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, cast
from weakref import ref

import numpy as np

from ..engine.methods import Methods
from ..engine.symbols import SymbolBase
from .calls import CHANGING, DATA_SHAPED, function, name_of
from .instructions import as_tuple


class ArraySymbol(SymbolBase):
    """Stands for the result of an instruction.

    Attributes:
        recorder: what notes the calls. id: the instruction whose result it is.
        like: an array of its shape, dtype and memory order, or a number; never changed, and never shown to
            the user. Its numbers are others, but for what is known.
        known: whether it is the same in each run: it follows from numbers, shapes and constants alone.
        given: whether it is an argument that is an array, and so is changed by `x += 1`.
        base: what it is a view of, with a function that writes a changed view back; or None.
    """

    __slots__ = ("back", "base", "given", "id", "known", "like", "recorder", "stale", "views")

    def __init__(self, recorder: Any, id: int, like: Any, known: bool = False) -> None:
        self.recorder, self.id, self.like, self.known = recorder, id, like, known
        self.base: ArraySymbol | None = None
        self.back: Callable[[ArraySymbol], Any] | None = None
        self.views: list[ref[ArraySymbol]] = []
        self.stale = self.given = False

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

    def shares(self, other: Any) -> bool:
        """Whether a change of one changes the other."""
        return isinstance(other, ArraySymbol) and self.root_of() is other.root_of()

    def root_of(self) -> ArraySymbol:
        """The array that this is a view of, or itself."""
        root = self
        while root.base is not None:
            root = root.base
        return root

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

    def reshape(self, *shape: Any) -> Any:
        one = len(shape) == 1 and isinstance(shape[0], (tuple, list))
        view = self._call("ndarray.reshape", tuple(shape[0]) if one else shape)
        return self._viewed(view, lambda changed: changed.reshape(self.shape))

    def transpose(self, *axes: Any) -> Any:
        as_they_are = tuple(range(self.ndim))
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        order = tuple(a % self.ndim for a in order) if order else as_they_are[::-1]
        if order == as_they_are:
            return self.view()
        given = () if order == as_they_are[::-1] else (order,)
        view = self._call("ndarray.transpose", *given)
        return self._viewed(
            view, lambda changed: changed.transpose(tuple(np.argsort(order).tolist()))
        )

    def view(self, *dtype: Any) -> Any:
        if dtype:
            self._asked("a view of other bits")
        return self._viewed(
            ArraySymbol(self.recorder, self.id, self.like, self.known), lambda changed: changed
        )

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        dtype = np.dtype(dtype)
        if dtype == self.dtype and isinstance(self.like, (np.ndarray, np.generic)):
            return self.copy() if copy else self
        return self._call("ndarray.astype", dtype.name)

    def copy(self, order: str = "C") -> Any:
        return ArraySymbol(self.recorder, self.recorder.current(self), self.like, self.known)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def squeeze(self, axis: Any = None) -> Any:
        return self.reshape(np.squeeze(np.empty(self.shape, bool), axis).shape)

    def ravel(self) -> Any:
        return self.reshape(-1)

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
        return self._viewed(
            view, lambda changed: self.recorder.call("set_item", (self, index, changed), {})
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        self.become(self._call("set_item", index, value))

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.recorder.call(name, (self, *args), kwargs)

    def _viewed(self, view: Any, back: Callable[[ArraySymbol], Any]) -> Any:
        """A result that may share memory with this array, and how a change of it changes this one."""
        both = isinstance(view.like, np.ndarray) and isinstance(self.like, np.ndarray)
        if both and np.may_share_memory(view.like, self.like):
            view.base, view.back = self, back
            self.views = [r for r in self.views if r() is not None] + [ref(view)]
        return view

    def become(self, new: ArraySymbol) -> None:
        """Take on a new value, as a change in place does; so does what this is a view of."""
        self._spoil_views()
        new = self.recorder.fitted(new, self)
        self.id, self.like, self.known = new.id, new.like, new.known
        if self.base is not None and self.back is not None:
            base, back = self.base, self.back
            base.become(back(self))
            self.stale = False

    def grow_stale(self) -> None:
        """What this is a view of has changed."""
        self.stale = True
        self._spoil_views()

    def _spoil_views(self) -> None:
        for found in self.views:
            if (view := found()) is not None:
                view.grow_stale()

    # --- NumPy's functions --------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, way: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Methods) for x in inputs):
            return NotImplemented
        name = name_of(ufunc)
        if name is None:
            raise self.recorder.not_recordable(f"the ufunc {ufunc.__name__}")
        name += "" if way == "__call__" else f".{way}"
        if way == "at":
            inputs[0].become(self.recorder.call(f"changed:{name}", inputs, kwargs))
            return None
        return self._out_of(name, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(t, Methods) for t in types):
            return NotImplemented
        if function in _KNOWN:
            return _KNOWN[function](*args, **kwargs)
        short = function.__name__
        name = name_of(function)
        shaped = short in DATA_SHAPED or (function is np.where and len(args) == 1)
        if shaped or (name or "").startswith("np.emath."):
            raise self.recorder.data_shaped(name or short)
        if name is None or short.startswith(("save", "array2string", "array_", "put_mask")):
            raise self.recorder.not_recordable(name or short)
        if short in CHANGING:
            if not isinstance(args[0], ArraySymbol):
                raise self.recorder.foreign(args[0])
            args[0].become(self.recorder.call(f"changed:{name}", args, kwargs))
            return None
        return self._out_of(name, args, kwargs)

    def _out_of(self, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
        """The result of a call; where NumPy would write it into `out`, that takes it on."""
        args, kwargs = _by_name(name, args, kwargs)
        if kwargs.pop("overwrite_input", False):
            raise self.recorder.not_recordable(f"{name}(..., overwrite_input=True)")
        if kwargs.get("copy") is False:  # nan_to_num
            kwargs |= {"copy": True, "out": args[0]}
        out, where = kwargs.pop("out", None), kwargs.pop("where", True)
        out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        if out is not None and not isinstance(out, ArraySymbol):
            raise self.recorder.foreign(out)
        y = self.recorder.call(name, args, kwargs)
        if where is not True:
            if out is None:
                raise self.recorder.not_recordable(f"{name}(..., where=) without out=")
            y = self.recorder.call("np.where", (where, y, out), {})
        if out is None:
            for part in y if isinstance(y, (tuple, list)) else (y,):
                if _both_symbols(part, args):
                    args[0]._viewed(part, _back(name, args))
            return y
        out.become(y)
        return out


def _by_name(name: str, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Arguments of a call, with one that NumPy would write to by name."""
    parameters, writing = _places(name)
    first = min([i for i in writing if i < len(args)], default=len(args))
    rest = dict(zip(parameters[first:], args[first:], strict=False))
    return args[:first], {**kwargs, **rest}


@functools.cache
def _places(name: str) -> tuple[list[str], list[int]]:
    """The names of a function's parameters, and the places of those that NumPy would write to."""
    try:
        signature = inspect.signature(function(name.replace("ndarray.", "np.")))
    except (TypeError, ValueError, AttributeError):
        return [], []
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        return [], []
    names = list(signature.parameters)
    return names, [i for i, n in enumerate(names) if n in ("out", "overwrite_input", "copy")]


def _both_symbols(y: Any, args: Any) -> bool:
    return isinstance(y, ArraySymbol) and bool(args) and isinstance(args[0], ArraySymbol)


def _back(name: str, args: Any) -> Callable[[ArraySymbol], Any]:
    """How a changed view is written back, where anybody knows."""
    if name in ("np.swapaxes", "ndarray.swapaxes") and len(args) == 3:
        return lambda changed: np.swapaxes(changed, *args[1:])
    if name == "np.moveaxis" and len(args) == 3:
        return lambda changed: np.moveaxis(cast("Any", changed), args[2], args[1])

    def back(changed: Any) -> Any:
        raise changed.recorder.not_recordable(f"a change in place of what {name} returned")

    return back


_KNOWN: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.may_share_memory: lambda a, b, *_: isinstance(a, ArraySymbol) and a.shares(b),
    np.shares_memory: lambda a, b, *_: isinstance(a, ArraySymbol) and a.shares(b),
    np.result_type: lambda *a: np.result_type(*(getattr(x, "like", x) for x in a)),
    np.iscomplexobj: lambda x: False,
    np.copy: lambda a, *_, **__: a.copy(),
}

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
    for name in (*names.split(), "trace", "swapaxes", "repeat", "take", "diagonal", "flatten"):

        def method(self: ArraySymbol, *args: Any, name: str = name, **kwargs: Any) -> Any:
            return self._out_of(f"ndarray.{name}", (self, *args), kwargs)

        yield name, method
    for name in ("fill", "sort", "put"):

        def change(self: ArraySymbol, *args: Any, name: str = name, **kwargs: Any) -> None:
            self.become(self._call(f"changed:ndarray.{name}", *args, **kwargs))

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
