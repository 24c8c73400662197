"""What users pass to the engine: converted to arrays of numbers, or refused with a clear error.

`tape.apply` comes here only for operands that are neither a tensor, an array nor a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import errors
from .arrays import Array


def as_operand(name: str, x: Any, operands: Sequence[Any]) -> Array:
    """The array of an operand that is neither a tensor, an array nor a Python number: a list, say."""
    if isinstance(x, np.generic):
        return x
    try:
        array = np.asarray(x)
    except ValueError:
        raise _ragged(name, operands) from None
    if array.dtype.kind not in "fiub":
        text = " (text)" if array.dtype.kind in "US" else ""
        what = f"{name}: takes numbers, got {type(x).__name__}{text}"
        raise errors.DtypeError(what, operands)
    return array


def check_numbers(who: str, operands: Sequence[Any], array: Array, fix: str = "") -> None:
    """Raise unless the elements are real numbers or booleans."""
    if array.dtype.kind not in "fiub":
        what = f"{who}: takes numbers, got dtype {array.dtype}"
        if array.dtype.kind == "c":
            what = f"{who}: complex numbers are not supported"
            fix = "keep real and imaginary parts apart"
        raise errors.DtypeError(what, operands, fix)


def as_array(data: Any, dtype: Any) -> Array:
    """A fresh array of numbers from the data of a new tensor."""
    try:
        array = np.array(data)
    except ValueError:
        raise _ragged("Tensor", [data]) from None
    check_numbers("Tensor", [data], array, "convert to a float array first")
    if dtype is not None and np.dtype(dtype).kind not in "fiub":
        what = f"Tensor: dtype {np.dtype(dtype)} is not supported"
        raise errors.DtypeError(what, [data])
    return array if dtype is None else array.astype(dtype, copy=False)


def _ragged(who: str, operands: Sequence[Any]) -> errors.ShapeError:
    what = f"{who}: a ragged list (rows of different lengths) is not an array"
    return errors.ShapeError(what, operands, "pad the rows")


def check_differentiable(array: Array) -> None:
    """Raise unless the dtype is floating: integers and booleans have no gradient."""
    if array.dtype.kind != "f":
        what = f"requires_grad: only floating dtypes have a gradient, got {array.dtype}"
        fix = "pass floats, or dtype=np.float64"
        raise errors.DtypeError(what, [array], fix)


def as_gradient(gradient: Any, output: Any) -> Array:
    """The values of the gradient that starts a walk: numbers, in the output's shape."""
    try:
        array = np.asarray(getattr(gradient, "_data", gradient))
    except ValueError:
        raise _ragged("backward", [output]) from None
    if array.shape != output.shape:
        what = f"backward: the gradient has shape {array.shape}, the output {output.shape}"
        raise errors.ShapeError(what, [output], "pass one of the output's shape")
    check_numbers("backward: the gradient", [output], array)
    return array


def check_backward(output: Any, gradient: Any) -> None:
    """Raise unless a walk can start here: the output depends on something that requires grad, and has
    one element if no gradient is given.
    """
    if output._node is None or not output._node.requires_grad:
        fix = "make a leaf with Tensor(data, requires_grad=True), and do not run under no_grad()"
        what = "backward: the output depends on no tensor that requires grad"
        raise errors.GraphError(what, [output], fix)
    if gradient is None and output._data.size != 1:
        what = f"backward: without a gradient the output must have one element, its shape is {output.shape}"
        fix = "reduce it, for example with .sum() or .mean(), or pass backward(gradient=...)"
        raise errors.ShapeError(what, [output], fix)
