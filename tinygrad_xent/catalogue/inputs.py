"""What the catalogue's functions are given: operands made arrays, settings checked, axes counted from 0.

Everything here raises errors that name the function, and records nothing but conversions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..engine import errors
from ..engine.operands import as_numbers, as_text
from ..engine.ops import moves
from ..engine.public import plain
from ..engine.tensors import is_tensor


def numbers(name: str, x: Any) -> Any:
    """What has a shape and numbers: a tensor as it is, anything else as an array."""
    return x if is_tensor(x) else as_text(x, as_numbers(name, x))


def in_floats(name: str, x: Any) -> Any:
    """The same; integers and booleans as float64, since their squares, sums and negatives wrap around."""
    t = numbers(name, x)
    return moves.astype(t, np.float64) if t.dtype.kind in "iub" else t


def setting(name: str, value: Any) -> Any:
    """A setting as `plain` gives it, with lists as tuples.

    Raises:
        DtypeError: a tensor that requires grad, which would get no gradient.
    """
    found = plain(value, "axis")
    if is_tensor(found):
        what = f"{name}: a setting gets no gradient, and this one requires grad"
        raise errors.DtypeError(what, [found], "pass .detach()")
    return found


def whole(name: str, what: str, value: Any) -> int:
    """A setting that is a whole number.

    Raises:
        DtypeError: it is none.
    """
    found = setting(name, value)
    if not isinstance(found, int):
        raise errors.DtypeError(f"{name}: {what} must be an integer, got {value!r}")
    return found


def places(name: str, x: Any, axis: Any) -> tuple[int, ...]:
    """One axis of x or several, counted from 0; all if None.

    Raises:
        AxisError: x has no such axis.
        ShapeError: one is named twice.
    """
    axis = setting(name, axis)
    if axis is None:
        return tuple(range(x.ndim))
    try:
        return normalize_axis_tuple(axis, x.ndim)
    except (TypeError, ValueError) as error:
        raise errors.explain(name, [x], (), error) from None


def place(name: str, x: Any, axis: Any) -> int:
    """The same for a function that takes one axis."""
    (found,) = places(name, x, (setting(name, axis),))
    return found


def along(axis: int, index: Any) -> Any:
    """The index that picks along one axis and leaves the others whole."""
    return index if axis == 0 else (*(slice(None),) * axis, index)


def check_ndim(name: str, x: Any, least: int) -> None:
    """Raise unless x has so many axes.

    Raises:
        ShapeError: it has fewer.
    """
    if x.ndim < least:
        what = f"{name}: needs at least {least} {'axis' if least == 1 else 'axes'}, the shape is {x.shape}"
        raise errors.ShapeError(what, [x], "use expand_dims(x, axis)")
