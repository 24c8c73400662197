"""What NumPy's functions and ufuncs do with symbols: a call is noted under its name. Where NumPy would write
the result into an array (`out=`, `copy=False`, `np.put`), the symbol of that takes it on.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.methods import Methods
from .calls import CHANGING, DATA_SHAPED, function, name_of
from .instructions import mapped, parts
from .views import Sharing, linked


class Dispatching(Sharing):
    """Answers NumPy's two protocols."""

    __slots__ = ()

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
        return self.out_of(name, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(t, Methods) for t in types):
            return NotImplemented
        if function in _KNOWN:
            return _KNOWN[function](*args, **kwargs)
        if function in _PERMUTING:
            return _permuted(function, args, kwargs)
        short = function.__name__
        name = name_of(function)
        shaped = short in DATA_SHAPED or (function is np.where and len(args) == 1)
        if shaped or (name or "").startswith("np.emath."):
            raise self.recorder.data_shaped(name or short)
        if name is None or short.startswith(("save", "array2string", "array_", "put_mask")):
            raise self.recorder.not_recordable(name or short)
        if short in CHANGING:
            if not args or not isinstance(args[0], Sharing):
                raise self.recorder.foreign(args[0] if args else None)
            new = self.recorder.call(f"changed:{name}", args, kwargs)
            if short == "put" and not isinstance(args[0].like, np.ndarray):
                return None  # NumPy puts into a copy of a number
            args[0].become(new)
            return None
        return self.out_of(name, args, kwargs)

    def out_of(self, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
        """The result of a call; where NumPy would write it into an array, that array's symbol."""
        args, kwargs = _by_name(name, args, kwargs)
        if kwargs.pop("overwrite_input", False):
            raise self.recorder.not_recordable(f"{name}(..., overwrite_input=True)")
        if name == "np.nan_to_num" and not kwargs.get("copy", True):
            kwargs |= {"copy": True, "out": args[0] if args else kwargs["x"]}
        out = kwargs.pop("out", None)
        out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        if out is not None:
            return self._into(out, name, args, kwargs)
        if isinstance(function(name), np.ufunc) and kwargs.get("where", True) is not True:
            raise self.recorder.not_recordable(f"{name}(..., where=) without out=")
        return linked(name, self.recorder.call(name, args, kwargs), (args, kwargs))

    def _into(self, out: Any, name: str, args: Any, kwargs: Any) -> Any:
        """A call that writes its result into `out`; where a mask holds, if it is a ufunc that is given one."""
        if not isinstance(out, Sharing):
            raise self.recorder.foreign(out)
        if not isinstance(out.like, np.ndarray):
            raise TypeError("return arrays must be of ArrayType")
        ufunc, where = isinstance(function(name), np.ufunc), True
        if ufunc:
            where = kwargs.pop("where", True)
        y = self.recorder.call(name, args, kwargs)
        alike = np.shape(y.like) == np.shape(out.like) and y.like.dtype == out.like.dtype
        if not ufunc and not alike:  # the rules are each function's own
            raise self.recorder.not_recordable(f"{name}(..., out=) of another shape or dtype")
        if where is not True:
            y = self.recorder.call("np.where", (where, y, out), {})
        out.become(y, kwargs.get("casting", "same_kind"))
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


_PERMUTING = {
    *(np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.matrix_transpose),
}
"""Functions that give the axes of one array in another order."""


def _permuted(function: Any, args: Any, kwargs: Any) -> Any:
    """The transpose that a function makes, which is seen on an array without elements."""
    given = [x for x in parts((args, kwargs)) if isinstance(x, Sharing)]
    axes = np.empty(tuple(range(np.ndim(given[0].like))))
    args, kwargs = mapped(lambda x: axes if x is given[0] else x, (args, kwargs))
    symbol: Any = given[0]
    return symbol.transpose(function(*args, **kwargs).shape)


def _array(x: Any) -> Any:
    """What NumPy's functions make of a Python number."""
    return x if isinstance(x.like, (np.ndarray, np.generic)) else x.as_array()


def _copy(x: Any, order: str) -> Any:
    """A copy, of a number as an array."""
    if isinstance(x.like, np.ndarray):
        return x.copy(order)
    return x.recorder.call("np.copy", (x,), {})


_KNOWN: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.may_share_memory: lambda a, b, *_: isinstance(a, Sharing) and a.shares(b),
    np.shares_memory: lambda a, b, *_: isinstance(a, Sharing) and a.shares(b),
    np.result_type: lambda *a: np.result_type(*(getattr(x, "like", x) for x in a)),
    np.iscomplexobj: lambda x: False,
    np.copy: lambda a, order="K", subok=False: _copy(a, order),
    np.reshape: lambda a, shape, order="C", **named: _array(a).reshape(shape, order=order, **named),
    np.ravel: lambda a, order="C": _array(a).ravel(order),
    np.squeeze: lambda a, axis=None: _array(a).squeeze(axis),
}
