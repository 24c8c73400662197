"""NumPy on either side: `array @ tensor`, `np.exp(tensor)` and `np.sum(tensor, axis=0)` are recorded.

Two tables say which NumPy function is which of ours. What is in neither runs on the raw values where
no tensor needs a gradient; where one does it would cut the tape silently, so it raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import errors, functions, ops
from .tape import Node, TensorBase, wrap

if TYPE_CHECKING:
    from .tensor import Tensor

UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: ops.add,
    np.subtract: ops.sub,
    np.multiply: ops.mul,
    np.true_divide: ops.div,
    np.negative: ops.neg,
    np.power: ops.pow,
    np.matmul: ops.matmul,
    np.exp: ops.exp,
    np.log: ops.log,
    np.log1p: ops.log1p,
    np.expm1: ops.expm1,
    np.sqrt: ops.sqrt,
    np.absolute: ops.abs,
    np.tanh: ops.tanh,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.square: lambda x: ops.mul(x, x),
    np.positive: lambda x: x,
}

# Booleans and integers: no gradient, so nothing is cut.
WITHOUT_GRADIENT = frozenset(
    {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
    | {np.isfinite, np.isnan, np.isinf, np.sign, np.signbit, np.floor, np.ceil, np.rint}
)

REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: ops.sum,
    np.maximum: ops.max,
    np.minimum: ops.min,
}


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: ops.sum,
    np.mean: functions.mean,
    np.var: lambda x, axis=None, ddof=0, keepdims=False: functions.var(x, axis, keepdims, ddof),
    np.max: ops.max,
    np.min: ops.min,
    np.reshape: lambda x, shape: ops.reshape(x, shape),
    np.transpose: ops.transpose,
    np.squeeze: ops.squeeze,
    np.expand_dims: ops.expand_dims,
    np.broadcast_to: ops.broadcast_to,
    np.concatenate: functions.concatenate,
    np.stack: functions.stack,
    np.take_along_axis: ops.take_along_axis,
    np.where: ops.where,
    np.clip: lambda x, a_min=None, a_max=None, min=None, max=None: ops.clip(
        x, a_min if min is None else min, a_max if max is None else max
    ),
    np.dot: ops.matmul,
    np.argmax: functions.argmax,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
}


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What NumPy calls for `np.exp(tensor)` and `array + tensor`."""
    if ufunc in WITHOUT_GRADIENT and method == "__call__" and not kwargs:
        return wrap(ufunc(*_raw(inputs)), None)
    if method == "__call__" and ufunc in UFUNCS and not kwargs:
        return UFUNCS[ufunc](*inputs)
    if method == "reduce" and ufunc in REDUCTIONS and "out" not in kwargs:
        # ufunc.reduce defaults to axis 0, the functions of the table to all axes
        return REDUCTIONS[ufunc](
            inputs[0], kwargs.get("axis", 0), bool(kwargs.get("keepdims", False))
        )
    return _on_values(f"np.{ufunc.__name__}", getattr(ufunc, method), inputs, kwargs)


def array_function(
    self: Tensor, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What NumPy calls for `np.sum(tensor, axis=0)`."""
    if function in FUNCTIONS and "out" not in kwargs:
        return FUNCTIONS[function](*args, **kwargs)
    return _on_values(f"np.{function.__name__}", function, args, kwargs)


def _on_values(name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run a NumPy function on plain values, unless that would lose a gradient."""
    if _needs_grad((args, kwargs)):
        what = f"{name}: not an operation of the table, so its gradient would be lost"
        fix = "use a tinygrad_xent function, or call .detach() if no gradient is wanted"
        raise errors.DtypeError(errors.message(what, _tensors(args), fix))
    return function(*_raw(args), **_raw(kwargs))


def _raw(x: Any) -> Any:
    """The same nesting with the tensors' raw values."""
    if isinstance(x, TensorBase):
        return x._data
    if isinstance(x, (tuple, list)):
        return type(x)(map(_raw, x))
    if isinstance(x, dict):
        return {key: _raw(value) for key, value in x.items()}
    return x


def _tensors(x: Any) -> list[Any]:
    if isinstance(x, TensorBase):
        return [x]
    if isinstance(x, dict):
        x = tuple(x.values())
    return [t for part in x for t in _tensors(part)] if isinstance(x, (tuple, list)) else []


def _needs_grad(x: Any) -> bool:
    return any(t.requires_grad for t in _tensors(x))


def as_numpy(tensor: Tensor, dtype: Any, copy: bool | None) -> npt.NDArray[Any]:
    """`np.asarray(tensor)`: refused where it would cut the tape without a word."""
    if tensor.requires_grad:
        what = "np.asarray: the tensor requires grad, and an array would cut the tape silently"
        fix = "call .detach() first if no gradient is wanted, or .numpy() to read the values"
        raise errors.DtypeError(errors.message(what, [tensor], fix))
    if copy:
        return np.array(tensor._data, dtype=dtype)
    array = np.asarray(tensor._data, dtype=dtype)
    if np.shares_memory(array, tensor._data):
        array = array.view()
        array.flags.writeable = False
    return array


def representation(tensor: Tensor) -> str:
    """Values, shape, dtype, name and how it was made."""
    values = np.array2string(np.asarray(tensor._data), separator=", ", prefix="Tensor(")
    parts = [values, f"shape={tensor.shape}", f"dtype={tensor.dtype}"]
    if tensor.name is not None:
        parts.append(f"name={tensor.name!r}")
    if isinstance(tensor._node, Node):
        parts.append(f"op={tensor._node.op.name}")
    elif tensor.requires_grad:
        parts.append("requires_grad=True")
    return f"Tensor({', '.join(parts)})"
