"""What users pass to the engine: converted to plain arrays of numbers, or refused with a clear error.

`plain_array` is the one conversion: nothing of another library reaches the engine but through it.
`tape.apply` comes here only for operands that are neither a tensor, an array nor a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import errors
from .arrays import Array
from .methods import Methods
from .symbols import Symbol, copied, from_shapes


def plain_array(who: str, x: Any, operands: Sequence[Any] = ()) -> Array:
    """The array of anything that NumPy can convert whole: lists, ranges, buffers, and the arrays of
    other libraries. Its class is `numpy.ndarray` itself, so a matrix multiplies like any array.

    Args:
        who: the operation, for error messages.
        operands: its inputs, if x is not the only one.

    Raises:
        DtypeError: a conversion would lose something (a mask, a gradient) or is not possible.
        ShapeError: a ragged list.

    >>> plain_array("add", range(3))
    array([0, 1, 2])
    """
    if type(x) is np.ndarray or isinstance(x, Symbol):
        return x
    operands = operands or [x]
    for part in _parts(x):
        _check_whole(who, part, operands)
    try:
        return np.asarray(x)
    except errors.WordedError:
        raise
    except Exception as error:  # whatever another library raises
        if "inhomogeneous" in str(error):
            what = f"{who}: a ragged list (rows of different lengths) is not an array"
            raise errors.ShapeError(what, operands, "pad the rows") from None
        what = f"{who}: {_class(x)} can't be converted to an array: {error}"
        raise errors.DtypeError(what, operands, "pass a NumPy array of numbers") from error


def as_numbers(who: str, x: Any, operands: Sequence[Any] = ()) -> Array:
    """The same, and a DtypeError unless the elements are real numbers or booleans."""
    array = plain_array(who, x, operands)
    if array.dtype.kind not in "fiubc":  # complex numbers have an error of their own
        text = "text" if array.dtype.kind in "US" else f"dtype {array.dtype}"
        got = text if type(x) is np.ndarray else f"{_class(x)} ({text})"
        raise errors.DtypeError(f"{who}: takes numbers, got {got}", operands or [x], _cure(x))
    check_numbers(who, operands or [x], array)
    return array


def as_operand(name: str, x: Any, operands: Sequence[Any]) -> Array:
    """The array of an operand that is no tensor: a list, say. Numbers stay what they are."""
    if type(x) in _NUMBERS or (isinstance(x, np.generic) and x.dtype.kind in "fiub"):
        return x
    return as_text(x, as_numbers(name, x, operands))


def as_text(x: Any, array: Array) -> Array:
    """The array of x, which a program may keep if x is a plain number, or lists of these: no data, but
    part of what the function says.
    """
    lists = isinstance(x, (list, tuple, range)) and not any(True for _ in _parts(x))
    return from_shapes(array) if lists or type(x) in _NUMBERS else array


def as_index(x: Any) -> Any:
    """One part of an index. A list stays a list: of an empty one NumPy would make an array of floats."""
    if isinstance(x, (np.generic, int, slice, type(None), type(...))):
        return x
    array = plain_array("index", x)
    return x if isinstance(x, list) else array


def _parts(x: Any, depth: int = 64) -> Iterator[Any]:
    """What is in nested lists, apart from plain numbers; x itself if it is no list. Arrays have no more
    than 64 axes.
    """
    if isinstance(x, (str, bytes, memoryview)) or not isinstance(x, Sequence):
        yield x
    elif depth and not _NUMBERS.issuperset(map(type, x)):
        for part in x:
            yield from _parts(part, depth - 1)


_NUMBERS = {bool, int, float}


def _check_whole(who: str, x: Any, operands: Sequence[Any]) -> None:
    """Raise if the array of x would silently lack something that x has."""
    if hasattr(x, "mask") and hasattr(x, "filled"):
        what = f"{who}: a masked array's mask would be lost"
        fix = "fill it first: x.filled(value); or tx.where(mask, value, x.data)"
        raise errors.DtypeError(what, operands, fix)
    if getattr(x, "requires_grad", False) is True:
        what = (
            f"{who}: to make an array of {_class(x)} that requires grad would cut the tape silently"
        )
        fix = "tx.stack([a, b]) makes one tensor of several; or call .detach() if no gradient is wanted"
        raise errors.DtypeError(what, operands, fix)


def _class(x: Any) -> str:
    """The name of x's class as in a sentence, with its library: `a torch.Tensor`."""
    module = type(x).__module__.partition(".")[0]
    name = type(x).__qualname__
    name = name if module in ("builtins", "tinygrad_xent") else f"{module}.{name}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _cure(x: Any) -> str:
    """How to make numbers of what holds them in another way."""
    if hasattr(x, "toarray"):
        return "x.toarray()"
    if hasattr(x, "values") and callable(x.values):
        return "list(x.values())"
    if hasattr(x, "__iter__") and not hasattr(x, "__array__") and not isinstance(x, Sequence):
        return "list(x)"
    return "convert to floats first: np.asarray(x, dtype=float)"


def check_numbers(who: str, operands: Sequence[Any], *arrays: Any) -> None:
    """Raise unless these arrays, or Python's numbers, are real numbers or booleans."""
    for array in arrays:
        dtype = getattr(array, "dtype", _FLOAT)
        if dtype.kind not in "fiub":
            if dtype.kind == "c":
                raise errors.no_complex(who, operands)
            raise errors.DtypeError(f"{who}: takes numbers, got dtype {dtype}", operands)


_FLOAT = np.dtype(float)


def as_array(data: Any, dtype: Any) -> Array:
    """A fresh array of numbers from the data of a new tensor."""
    array = as_text(data, as_numbers("Tensor", data))
    if dtype is not None:
        return array.astype(_real(dtype, data))
    return copied(array)


def _real(dtype: Any, data: Any) -> np.dtype[Any]:
    """A dtype of real numbers or booleans."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError as error:  # another library's, or a misspelt one
        raise errors.DtypeError(f"Tensor: {error}", [data], "dtype=np.float32, say") from None
    if found.kind not in "fiub":
        raise errors.DtypeError(f"Tensor: dtype {found} is not supported", [data])
    return found


def check_differentiable(array: Array) -> None:
    """Raise unless the dtype is floating: integers and booleans have no gradient."""
    if array.dtype.kind != "f":
        what = f"requires_grad: only floating dtypes have a gradient, got {array.dtype}"
        fix = "pass floats, or dtype=np.float64"
        raise errors.DtypeError(what, [array], fix)


def as_gradient(gradient: Any, output: Any) -> Array:
    """The values of the gradient that starts a walk: numbers, in the output's shape."""
    ours = isinstance(gradient, Methods)
    values = gradient._data if ours else gradient
    array = as_numbers("backward: the gradient", values, [output])
    if array.shape != output.shape:
        what = f"backward: the gradient has shape {array.shape}, the output {output.shape}"
        raise errors.ShapeError(what, [output], "pass one of the output's shape")
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
