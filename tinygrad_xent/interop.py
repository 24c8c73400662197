"""NumPy on either side: `array @ tensor`, `np.exp(tensor)` and `np.sum(tensor, axis=0)` are recorded.

Two tables say which NumPy function is which of ours. What is in neither runs on the raw values where
no tensor needs a gradient; where one does it would cut the tape silently, so it raises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors, functions, ops
from .tape import Node, TensorBase, wrap

if TYPE_CHECKING:
    import numpy.typing as npt

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


def _reduction(ours: Callable[..., Any]) -> Callable[..., Any]:
    """np.sum and np.mean; one in another dtype or into an array is none of ours."""

    def call(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
    ) -> Any:
        return ours(a, axis, bool(keepdims)) if dtype is out is None else NotImplemented

    return call


def _extremum(ours: Callable[..., Any]) -> Callable[..., Any]:
    """np.max and np.min."""

    def call(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        return ours(a, axis, bool(keepdims)) if out is None else NotImplemented

    return call


def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: Any = False,
) -> Any:
    return functions.var(a, axis, bool(keepdims), ddof) if dtype is out is None else NotImplemented


def _clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    low, high = a_min if min is None else min, a_max if max is None else max
    return ops.clip(a, low, high) if out is None else NotImplemented


def _dot(a: Any, b: Any) -> Any:
    """np.dot is a product for scalars, and for two stacks something that matmul is not."""
    if 0 in (np.ndim(a), np.ndim(b)):
        return ops.mul(a, b)
    return ops.matmul(a, b) if np.ndim(a) == 1 or np.ndim(b) <= 2 else NotImplemented


# Each takes NumPy's arguments, by place and by name, as far as we have them. A call that does not
# fit, or is answered by NotImplemented, runs on the raw values or is refused.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(ops.sum),
    np.mean: _reduction(functions.mean),
    np.var: _var,
    np.max: _extremum(ops.max),
    np.min: _extremum(ops.min),
    np.amax: _extremum(ops.max),
    np.amin: _extremum(ops.min),
    np.reshape: lambda a, shape: ops.reshape(a, shape),
    np.transpose: lambda a, axes=None: ops.transpose(a, axes),
    np.squeeze: lambda a, axis=None: ops.squeeze(a, axis),
    np.expand_dims: lambda a, axis: ops.expand_dims(a, axis),
    np.broadcast_to: lambda array, shape: ops.broadcast_to(array, shape),
    np.concatenate: functions.concatenate,
    np.stack: functions.stack,
    np.take_along_axis: lambda arr, indices, axis=-1: ops.take_along_axis(arr, indices, axis),
    np.where: lambda condition, x, y: ops.where(condition, x, y),
    np.clip: _clip,
    np.dot: _dot,
    np.argmax: lambda a, axis=None: functions.argmax(a, axis),
}

# They read shapes, or answer with booleans and places: no gradient, so nothing is cut.
ON_VALUES = frozenset(
    {np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like}
    | {np.isclose, np.allclose, np.array_equal, np.argmin, np.argsort}
)


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What NumPy calls for `np.exp(tensor)` and `array + tensor`."""
    if method == "at" and isinstance(inputs[0], TensorBase):  # it would write to a read-only array
        what = f"np.{ufunc.__name__}.at: tensors are not assigned in place"
        raise errors.GraphError(errors.message(what, [inputs[0]], "pass a copy: np.array(t)"))
    if ufunc in WITHOUT_GRADIENT and method == "__call__" and not kwargs:
        return wrap(ufunc(*_raw(inputs)), None)
    if method == "__call__" and ufunc in UFUNCS and not kwargs:
        return UFUNCS[ufunc](*inputs)
    if method == "reduce" and ufunc in REDUCTIONS and kwargs.keys() <= {"axis", "keepdims"}:
        # ufunc.reduce defaults to axis 0, the functions of the table to all axes
        return REDUCTIONS[ufunc](
            inputs[0], kwargs.get("axis", 0), bool(kwargs.get("keepdims", False))
        )
    return _on_values(f"np.{ufunc.__name__}", getattr(ufunc, method), inputs, kwargs)


def array_function(
    self: Tensor, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What NumPy calls for `np.sum(tensor, axis=0)`."""
    if function in FUNCTIONS and _fits(function, args, kwargs):
        result = FUNCTIONS[function](*args, **kwargs)
        if result is not NotImplemented:
            return result
    if function in ON_VALUES:
        return function(*_raw(args), **_raw(kwargs))
    return _on_values(f"np.{function.__name__}", function, args, kwargs)


def _fits(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether our function has the arguments of this call."""
    try:
        _signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


@cache  # made when asked for: few programs call more than a few of these
def _signature(function: Any) -> Signature:
    return signature(FUNCTIONS[function])


def _on_values(name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run a NumPy function on plain values, unless that would lose a gradient."""
    if _needs_grad((args, kwargs)):
        what = f"{name}: called so it is no operation of the table, its gradient would be lost"
        fix = "use a tinygrad_xent function, or call .detach() if no gradient is wanted"
        raise errors.DtypeError(errors.message(what, _tensors((args, kwargs)), fix))
    return function(*_raw(args), **_raw(kwargs))


def _raw(x: Any) -> Any:
    """The same nesting with the tensors' values, read-only: what NumPy wrote to them, through `out=`
    or `np.copyto`, the tape would not notice.
    """
    if isinstance(x, TensorBase):
        view = np.asarray(x._data).view()
        view.flags.writeable = False
        return view
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
