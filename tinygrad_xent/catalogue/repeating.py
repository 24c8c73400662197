"""Arrays repeated, moved round and padded."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from ..engine import errors
from ..engine.arrays import Array
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import moves, selection
from ..engine.public import op, public
from ..engine.symbols import from_shapes
from ..engine.tensors import Tensor
from .axes import ravel
from .inputs import along, numbers, place, setting

Mode: TypeAlias = Literal["constant", "edge", "reflect", "symmetric", "wrap"]

# --- repeated -------------------------------------------------------------------------------------


@public(numpy=np.tile, method=True)
def tile(x: Operand, reps: int | tuple[int, ...]) -> Tensor:
    """x laid side by side so many times along each axis. One number is for the last axis; x gets leading
    axes if it has fewer than there are numbers.

    >>> tile(Tensor([1.0, 2.0]), (2, 2)).numpy()
    array([[1., 2., 1., 2.],
           [1., 2., 1., 2.]])
    """
    t, times = numbers("tile", x), np.atleast_1d(setting("tile", reps)).tolist()
    missing = len(times) - t.ndim
    shape, times = (1,) * missing + t.shape, [1] * -missing + times
    if any(not isinstance(n, int) or n < 0 for n in times):
        what = f"tile: the counts must be integers from 0, got {reps}"
        raise errors.BadValueError(what, [t])
    return _several_times("tile", t, list(zip(times, shape, strict=True)), 0)


@public(numpy=np.repeat, method=True)
def repeat(x: Operand, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element of x several times in a row, along an axis; of x flattened if `axis` is None. As in
    NumPy; what PyTorch calls `repeat` is `tile`.

    Args:
        repeats: a number, or one for each place along the axis.

    >>> repeat(Tensor([1.0, 2.0]), 2).numpy()
    array([1., 1., 2., 2.])
    >>> repeat(Tensor([1.0, 2.0]), [2, 1]).numpy()
    array([1., 1., 2.])
    """
    t, counts = numbers("repeat", x), setting("repeat", repeats)
    if setting("repeat", axis) is None:
        t, axis = ravel(t), 0
    axis = place("repeat", t, axis)
    if isinstance(counts, int) and counts >= 0:
        pairs = [(n, counts if i == axis else 1) for i, n in enumerate(t.shape)]
        return _several_times("repeat", t, pairs, 1)
    if np.asarray(counts).dtype.kind not in "iu" and counts != ():
        raise errors.DtypeError(f"repeat: the repeats must be integers, got {repeats}", [t])
    try:
        chosen = from_shapes(np.repeat(np.arange(t.shape[axis]), np.asarray(counts, int)))
    except ValueError as error:
        raise errors.explain("repeat", [t, repeats], (), error) from None
    return moves.getitem(t, along(axis, chosen))


def _several_times(name: str, x: Any, pairs: list[tuple[int, int]], new: int) -> Tensor:
    """x with each axis made of a pair of axes, of which the one at the place `new` in the pair is new: along
    the first of a pair whole parts are repeated, along the second single elements.
    """
    thin = [tuple(1 if i == new else n for i, n in enumerate(pair)) for pair in pairs]
    with composite(name):
        t = moves.reshape(x, sum(thin, ()))
        t = moves.broadcast_to(t, sum(pairs, ()))
        return moves.reshape(t, tuple(n * k for n, k in pairs))


# --- moved round and padded -----------------------------------------------------------------------

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def _back(shift: Any) -> Any:
    return np.negative(setting("roll", shift))  # not of an unsigned array


@op("roll(x, shift, axis)",
    ("roll(g, -shift, axis)", lambda g, shift, axis: roll(g, _back(shift), axis)),
    kind="moves", numpy=np.roll, method=True)
def roll(x: Operand, /, shift: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None) -> Array:
    """x moved along an axis, or several; what leaves at the end comes in at the start. Of x flattened, and
    then given its shape again, if `axis` is None.

    >>> roll(Tensor([1.0, 2.0, 3.0]), 1).numpy()
    array([3., 1., 2.])
    """
    return np.roll(x, setting("roll", shift), axis)


# fmt: on


@public(numpy=np.pad)
def pad(x: Operand, /, pad_width: Any, mode: Mode = "constant", constant_values: Any = 0) -> Tensor:
    """x with a margin on both sides of each axis.

    Args:
        pad_width: the margin's width: a number, a pair (before, after), or a pair for each axis.
        mode: what stands in it: `constant` values; `edge`, the nearest element; `reflect` and
            `symmetric`, the array mirrored without and with its edge; `wrap`, the other end's elements.
            The gradient of what is repeated is summed.
        constant_values: for `constant`, in the same forms; they get no gradient.

    Raises:
        BadValueError: another mode (NumPy has some), or a width that is negative or no integer.
        ShapeError: nothing to repeat along an empty axis.

    >>> pad(Tensor([1.0, 2.0, 3.0]), (1, 2)).numpy()
    array([0., 1., 2., 3., 0., 0.])
    >>> pad(Tensor([1.0, 2.0, 3.0]), 1, mode="reflect").numpy()
    array([2., 1., 2., 3., 2.])
    """
    t = numbers("pad", x)
    width, values = _widths(t, setting("pad", pad_width)), setting("pad", constant_values)
    if mode == "constant":
        return _framed(t, width, values)
    if mode not in _REPEATING:
        fix = f"one of constant, {', '.join(_REPEATING)}"
        raise errors.BadValueError(f"pad: mode {mode!r} is not supported", [t], fix)
    if np.any(values):
        raise errors.BadValueError(f"pad: mode {mode!r} has no constant values", [t])
    try:
        places = from_shapes(np.pad(np.arange(t.size).reshape(t.shape), width, mode))
    except ValueError as error:
        raise errors.explain("pad", [t], (), error) from None
    with composite("pad"):
        return moves.getitem(ravel(t), places)


_REPEATING = ("edge", "reflect", "symmetric", "wrap")


def _widths(x: Any, width: Any) -> list[tuple[int, int]]:
    """A pair of widths for each axis."""
    widths = np.asarray(width)
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        what = f"pad: the width must be integers from 0, got {width}"
        raise errors.BadValueError(
            what, [x], "pad_width=((before, after), ...), a pair for each axis"
        )
    try:
        return np.broadcast_to(widths, (x.ndim, 2)).tolist()  # type: ignore[no-any-return]
    except ValueError:
        what = f"pad: {x.ndim} axes have no widths of shape {widths.shape}"
        fix = "pad_width=((before, after), ...), a pair for each axis"
        raise errors.ShapeError(what, [x], fix) from None


def _framed(x: Any, width: list[tuple[int, int]], values: Any) -> Tensor:
    """x within constant values."""
    sides = list(zip(width, x.shape, strict=True))
    index = tuple(slice(before, before + n) for (before, _), n in sides)
    shape = tuple(before + n + after for (before, after), n in sides)
    with composite("pad"):
        framed = moves.scatter(x, shape, index)
        if np.any(values):
            try:
                frame = np.pad(np.zeros(x.shape, x.dtype), width, constant_values=values)
            except (TypeError, ValueError):
                what = f"pad: constant_values={values!r} are not numbers for {x.ndim} axes"
                fix = "a number, a pair (before, after), or a pair for each axis"
                raise errors.BadValueError(what, [x], fix) from None
            inside = np.zeros(shape, bool)
            inside[index] = True
            framed = selection.where(from_shapes(inside), framed, from_shapes(frame))
        return framed
