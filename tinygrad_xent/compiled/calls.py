"""What a compiled step must know of each call: whether NumPy can write its result into memory that is
there, and whether the result is a view.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..programs.calls import function
from ..programs.instructions import Instruction, Ref, mapped, refs_in

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "neg": "negative",
    "pos": "positive",
    "abs": "absolute",
    "invert": "invert",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and_": "bitwise_and",
    "or_": "bitwise_or",
    "xor": "bitwise_xor",
}
_VIEWS = {
    *("ndarray.reshape", "ndarray.transpose", "ndarray.swapaxes", "operator.getitem"),
    *("np.reshape", "np.transpose", "np.swapaxes", "np.moveaxis", "np.expand_dims", "np.squeeze"),
    *("np.broadcast_to", "np.lib.stride_tricks.sliding_window_view", "np.rollaxis"),
    *("np.atleast_1d", "np.atleast_2d", "np.atleast_3d", "np.matrix_transpose", "np.flip"),
}
BLAS = ("float32", "float64")
"""The dtypes that BLAS computes with."""
PRODUCTS = ("operator.matmul", "np.matmul", "np.dot")
WRITING = ("set_item", "minus_labels", "shift_rows")
"""Calls whose result is their first argument with a few numbers changed."""
LOOKING_UP = ("take_labels", "log_share")
"""Calls whose result is a number for each row's label."""
_NEW = (*LOOKING_UP, "with_ones")


def elementwise(i: Instruction) -> tuple[str, tuple[Any, ...]] | None:
    """The name of the ufunc of one result that a call is, with its arguments; None if it is none."""
    if i.kwargs or not i.shape:
        return None
    name, count = _ufunc(i.call)
    return (name, i.args) if len(i.args) == count else None


@lru_cache(maxsize=512)
def _ufunc(call: str) -> tuple[str, int]:
    """The name of the ufunc of one result that a call is, and of how many arguments: -1 if it is none."""
    home, _, name = call.partition(".")
    name = _OPERATORS.get(name, "") if home == "operator" else name if home == "np" else ""
    ufunc = getattr(np, name, None)
    if not isinstance(ufunc, np.ufunc) or ufunc.nout > 1 or ufunc.signature:
        return name, -1
    return name, ufunc.nin


def is_product(i: Instruction) -> bool:
    """A matrix product with an array as its result."""
    return i.call in PRODUCTS and bool(i.shape) and not i.kwargs


def reduction(i: Instruction) -> tuple[str, Any, bool] | None:
    """The ufunc, the axis and keepdims of a reduction whose result is an array."""
    home, _, rest = i.call.partition(".")
    name, _, way = rest.partition(".")
    kwargs = dict(i.kwargs)
    if home != "np" or way != "reduce" or not i.shape or kwargs.keys() - {"axis", "keepdims"}:
        return None
    return name, kwargs.get("axis", 0), kwargs.get("keepdims", False)


def changes_a_copy(i: Instruction) -> bool:
    """Whether the result is the first argument, with some of its numbers changed."""
    return i.call in WRITING or i.call.startswith("changed:")


def writes(i: Instruction) -> bool:
    """Whether the result is written into memory that the step has."""
    if not i.shape or 0 in i.shape or not isinstance(i.dtype, str):
        return False
    made = elementwise(i) or is_product(i) or reduction(i) or i.call in _NEW
    return bool(made or masked(i) or changes_a_copy(i))


def masked(i: Instruction) -> bool:
    """where(mask, x, 0), with a mask of the shape of x."""
    return i.call == "np.where" and bool(i.shape) and str(i.args[2:]) in ("(0,)", "(0.0,)")


def may_be_view(i: Instruction) -> bool:
    """Whether the result may share memory with the first argument, and follows from shapes alone."""
    others = refs_in((i.args[1:], i.kwargs))
    return i.call in _VIEWS and isinstance(i.args[0], Ref) and not others


def view_of(i: Instruction, base: Any) -> Any:
    """The call's result for a base of the right strides, or None if NumPy has to copy."""
    args = mapped(lambda x: base if isinstance(x, Ref) else x, i.args)
    view = function(i.call)(*args, **dict(i.kwargs))
    return view if np.may_share_memory(view, base) else None


def bytes_of(i: Instruction) -> int:
    return math.prod(i.shape or ()) * np.dtype(i.dtype).itemsize


def is_array(i: Instruction) -> bool:
    """Whether the result is an array, and no number."""
    return bool(i.shape) and not i.dtype.startswith("Python")
