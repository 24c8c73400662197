"""What a classification loss is given, checked: scores, class labels or probabilities, weights.

The checks cost one pass over the labels. Everything here works on raw arrays and records nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine import errors, lines
from ..engine.arrays import Array
from ..engine.tensors import is_tensor

_SIGNED, _UNSIGNED = np.dtype(np.int64), np.dtype(np.uint64)
REDUCTIONS = ("mean", "sum", "none")


def warn(what: str, operands: tuple[Any, ...], fix: str) -> None:
    """A RuntimeWarning at the user's line."""
    lines.warn(errors.message(what, operands, fix), RuntimeWarning)


def floats(name: str, x: Any) -> Any:
    """A tensor, or a raw array, of a floating dtype."""
    values = raw(name, x)
    if values.dtype.kind != "f":
        what = f"{name}: takes floats, got {values.dtype}"
        fix = "x.astype(np.float64); labels come second: are the arguments swapped?"
        raise errors.DtypeError(what, [x], fix)
    return x if is_tensor(x) else values


def raw(name: str, x: Any) -> Array:
    """The values of a tensor or of anything NumPy makes an array of."""
    try:
        return np.asarray(x._data if is_tensor(x) else x)
    except ValueError:
        what = f"{name}: a ragged list (rows of different lengths) is no array"
        raise errors.ShapeError(what, [x]) from None


def check_reduction(name: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise _unknown_reduction(name, reduction)


def _unknown_reduction(name: str, reduction: str) -> ValueError:
    what = f'{name}: reduction is "mean", "sum" or "none", got {reduction!r}'
    return errors.BadValueError(what)


def values_like(name: str, x: Any, target: Any) -> Any:
    """A target of exactly x's shape, in x's dtype; a tensor that requires grad stays one.

    Broadcasting (N,) against (N, 1) would make N x N losses of N.
    """
    values = raw(name, target)
    if values.shape != x.shape:
        what = f"{name}: input of shape {x.shape} but target of shape {values.shape}"
        fix = "reshape one to the shape of the other; nothing is broadcast"
        raise errors.ShapeError(what, [x, target], fix)
    if values.dtype.kind not in "fiub":
        what = f"{name}: the target must be numbers, got {values.dtype}"
        raise errors.DtypeError(what, [x, target])
    return target if _requires_grad(target) else values.astype(x.dtype, copy=False)


def fractions(name: str, x: Any, target: Any) -> Any:
    """As `values_like`, each in [0, 1]."""
    y = values_like(name, x, target)
    values = raw(name, y)
    if values.size and not (xp.min(values) >= 0 and xp.max(values) <= 1):
        first = tuple(int(i) for i in np.argwhere(~((values >= 0) & (values <= 1)))[0])
        what = f"{name}: the target at {first} is {values[first]}, not in [0, 1]"
        raise errors.BadValueError(what, [x, target], "labels of -1 and 1: (y + 1) / 2")
    return y


def factors(name: str, x: Any, weight: Any) -> Array:
    """Weights in x's dtype, of a shape that broadcasts to x's."""
    values = _constant(name, x, weight)
    try:
        fits = np.broadcast_shapes(values.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        what = f"{name}: weights of shape {values.shape} do not broadcast to {x.shape}"
        raise errors.ShapeError(what, [x, weight], errors.BROADCAST_FIX)
    return values


def _constant(name: str, x: Any, weight: Any) -> Array:
    """Numbers that no gradient reaches, in x's dtype."""
    values = raw(name, weight)
    if values.dtype.kind not in "fiu":
        what = f"{name}: the weights must be numbers, got {values.dtype}"
        raise errors.DtypeError(what, [x, weight])
    if _requires_grad(weight):
        what = f"{name}: no gradient reaches the weights, these require one"
        raise errors.GraphError(what, [weight], "pass weight.detach()")
    return values.astype(x.dtype, copy=False)


def _requires_grad(x: Any) -> bool:
    return is_tensor(x) and x._node is not None and x._node.requires_grad


def scores(name: str, x: Any, axis: int, reduction: str) -> tuple[Any, int]:
    """The scores of classes as floats, and the class axis counted from 0: the only one of a single
    sample (C,). The reduction is checked on the way.
    """
    if reduction not in REDUCTIONS:
        raise _unknown_reduction(name, reduction)
    x = floats(name, x)
    shape, ndim = x.shape, len(x.shape)
    axis = 0 if ndim == 1 and axis == 1 else axis
    if not (-ndim <= axis < ndim and shape[axis]):
        raise _no_classes(name, x, axis)
    return x, axis % ndim


def _no_classes(name: str, scores: Any, axis: int) -> errors.ShapeError:
    shape = scores.shape
    if -len(shape) <= axis < len(shape):
        what = f"{name}: no classes, axis {axis % len(shape)} of the shape {shape} has length 0"
        return errors.ShapeError(what, [scores])
    what = f"{name}: there is no class axis {axis} in the shape {shape}"
    return errors.ShapeError(what, [scores], "scores are (C,), (N, C, ...)")


def labels(
    name: str, scores: Any, target: Any, axis: int, ignore_index: int
) -> tuple[Array, Array | None]:
    """The labels, with a class axis of length 1, and where they count: None if everywhere.

    An ignored label becomes 0: it must name some class, its loss is dropped.
    """
    places, shape = raw(name, target), scores.shape
    if places.dtype.kind not in "iu" or places.shape != shape[:axis] + shape[axis + 1 :]:
        raise _not_labels(name, scores, places, axis)
    if places.dtype is not _SIGNED:
        places = places.astype(_SIGNED)
    # As unsigned numbers negative labels are huge: one maximum finds every label out of range.
    highest = int(xp.max(places.view(_UNSIGNED))) if places.size else 0
    places = places[..., None] if axis == places.ndim else np.expand_dims(places, axis)
    if highest < shape[axis] and not 0 <= ignore_index <= highest:
        return places, None
    counted = places != ignore_index
    wrong = counted & ((places < 0) | (places >= shape[axis]))
    if wrong.any():
        raise _label_out_of_range(name, scores, places.squeeze(axis), wrong.squeeze(axis), axis)
    return np.where(counted, places, 0), None if counted.all() else counted


def _not_labels(name: str, scores: Any, target: Array, axis: int) -> Exception:
    shape = scores.shape
    expected = shape[:axis] + shape[axis + 1 :]
    if target.dtype.kind not in "iu":
        what = f"{name}: labels must be integers, got {target.dtype}"
        fix = f"labels.astype(int), of shape {expected}"
        return errors.DtypeError(what, [scores, target], fix)
    what = f"{name}: scores of shape {shape} need labels of shape {expected}, got {target.shape}"
    fix = "one label for each sample: labels.reshape(...) or squeeze the extra axis"
    if target.shape == shape:
        fix = "one-hot targets are probabilities: pass floats, target.astype(float)"
    return errors.ShapeError(what, [scores, target], fix)


def _label_out_of_range(
    name: str, scores: Any, places: Array, wrong: Array, axis: int
) -> errors.OutOfRangeError:
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = "" if not first else f" of sample {first[0] if len(first) == 1 else first}"
    classes = scores.shape[axis]
    what = f"{name}: label {places[first]}{where} is out of range for {classes} classes"
    fix = f"labels run from 0 to {classes - 1}; mark samples to leave out with ignore_index"
    return errors.OutOfRangeError(what, [scores], fix)


def probabilities(name: str, scores: Any, target: Any, axis: int, ignore_index: int) -> Any:
    """Class probabilities in the scores' dtype; a tensor that requires grad stays one.

    Raises if one is negative, warns if those of a sample do not sum to 1.
    """
    if ignore_index >= 0:
        what = f"{name}: ignore_index={ignore_index} is for labels, the target is probabilities"
        fix = "a sample whose probabilities are all 0 has no loss; or pass labels"
        raise errors.DtypeError(what, [target], fix)
    values = raw(name, target)
    if values.shape != scores.shape:
        what = f"{name}: probabilities of shape {values.shape} for scores of shape {scores.shape}"
        fix = "one probability for each score"
        if len(values.shape) < len(scores.shape):
            what = f"{name}: labels must be integers, got {values.dtype}"
            fix = "labels.astype(int); probabilities have the shape of the scores"
            raise errors.DtypeError(what, [scores, target], fix)
        raise errors.ShapeError(what, [scores, target], fix)
    if values.size:
        _check_distribution(name, scores, values, axis)
    return target if _requires_grad(target) else values.astype(scores.dtype, copy=False)


def _check_distribution(name: str, scores: Any, values: Array, axis: int) -> None:
    if xp.min(values) < 0:
        first = tuple(int(i) for i in np.argwhere(values < 0)[0])
        what = f"{name}: the target at {first} is {values[first]}, a probability is not negative"
        raise errors.BadValueError(what, [scores, values], "softmax(scores) makes them so")
    sums = np.asarray(xp.sum(values, axis))
    tolerance = max(1e-4, float(np.finfo(values.dtype).eps) ** 0.5)
    right = np.abs(sums - 1) <= tolerance
    if not right.all():
        first = tuple(int(i) for i in np.argwhere(~right)[0])
        row = "the target" if not first else f"row {first[0] if len(first) == 1 else first}"
        what = (
            f"{name}: {row} of the probabilities sums to {sums[first]:.6g}, not 1. Its gradient is "
            f"(sum(Y) · softmax - Y) / N, not (softmax - Y) / N: it counts {sums[first]:.6g} times"
        )
        fix = "divide each row by its sum; for several classes a sample use "
        warn(what, (scores, values), fix + "binary_cross_entropy_with_logits")


def class_weights(name: str, scores: Any, weight: Any, axis: int) -> Array | None:
    """One weight a class, in the scores' dtype, shaped to multiply the scores; None if None."""
    if weight is None:
        return None
    values = _constant(name, scores, weight)
    classes = scores.shape[axis]
    if values.shape != (classes,):
        what = f"{name}: the weights have shape {values.shape}, {classes} classes need ({classes},)"
        raise errors.ShapeError(what, [scores, weight])
    shape = [1] * len(scores.shape)
    shape[axis] = classes
    return values.reshape(shape)
