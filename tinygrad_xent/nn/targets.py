"""Checks of a loss's arguments: scores of classes with their targets, or numbers with theirs.

A loss wraps its first argument in a `Classes` or an `Elements`, which checks the others. The checks
cost one pass over the labels. Everything here works on raw arrays and records nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, final

import numpy as np

from ..engine import arrays as xp
from ..engine import errors, lines
from ..engine.arrays import Array
from ..engine.operands import as_numbers, as_text
from ..engine.symbols import Symbol, check
from ..engine.tensors import is_tensor, raw

_SIGNED, _UNSIGNED = np.dtype(np.int64), np.dtype(np.uint64)
REDUCTIONS = ("mean", "sum", "none")


class Labels(NamedTuple):
    """Class numbers, and where they count.

    Attributes:
        places: the class numbers, with a class axis of length 1. An ignored label is 0, because it
            must name some class.
        counted: of the same shape; None if every label counts.
    """

    places: Array
    counted: Array | None


@final
class Classes:
    """Scores of classes, against which a loss checks its targets and weights.

    Args:
        loss: the name of the function, for error messages.
        scores: floats, (C,), (N, C) or (N, C, d1, ...).
        axis: the class axis; for a single sample (C,), the only axis.
        reduction: "mean", "sum" or "none".

    Attributes:
        scores, shape: a tensor or a raw array, and its shape.
        reduction: as passed, checked.
        axis: the class axis, counted from 0.

    Raises:
        DtypeError: the scores are not floats. ShapeError: there are no classes on that axis.
        ValueError: an unknown reduction.

    >>> classes = Classes("nll_loss", np.zeros((2, 3)), -1, "mean")
    >>> classes.axis, classes.labels([2, -100], ignore_index=-100)
    (1, Labels(places=array([[2],
           [0]]), counted=array([[ True],
           [False]])))
    """

    __slots__ = ("axis", "loss", "reduction", "scores", "shape")

    def __init__(self, loss: str, scores: Any, axis: int, reduction: str) -> None:
        check_reduction(loss, reduction)
        self.loss, self.reduction, self.scores = loss, reduction, check_floats(loss, scores)
        self.shape = shape = self.scores.shape
        ndim = len(shape)
        axis = 0 if ndim == 1 and axis == 1 else axis
        if not (-ndim <= axis < ndim and shape[axis]):
            raise _no_classes(loss, self.scores, axis)
        self.axis = axis % ndim

    def labels(self, target: Any, ignore_index: int) -> Labels:
        """The target as class numbers.

        Raises:
            DtypeError, ShapeError: these are not labels. OutOfRangeError: a label names no class.
        """
        places, shape, axis = values_of(self.loss, target), self.shape, self.axis
        if places.dtype.kind not in "iu" or places.shape != shape[:axis] + shape[axis + 1 :]:
            raise self._not_labels(places)
        if places.dtype is not _SIGNED:
            places = places.astype(_SIGNED)
        if isinstance(places, Symbol):
            return self._symbolic_labels(places, ignore_index)
        # As unsigned numbers, negative labels are huge: one maximum finds any label out of range.
        highest = int(xp.max(places.view(_UNSIGNED))) if places.size else 0
        places = places[..., None] if axis == places.ndim else np.expand_dims(places, axis)
        if highest < shape[axis] and not 0 <= ignore_index <= highest:
            return Labels(places, None)
        counted = places != ignore_index
        wrong = counted & ((places < 0) | (places >= shape[axis]))
        if wrong.any():
            raise self._out_of_range(places.squeeze(axis), wrong.squeeze(axis))
        return Labels(np.where(counted, places, 0), None if counted.all() else counted)

    def _symbolic_labels(self, places: Any, ignore_index: int) -> Labels:
        """The same while a program is recorded, in which the check is a line of its own. Labels to be
        ignored are looked for if the example has one.
        """
        classes, axis = self.shape[self.axis], self.axis
        ignored = (
            bool((places.recorder.numbers(places) == ignore_index).any())
            or 0 <= ignore_index < classes
        )
        right = (places >= 0) & (places < classes)
        what = f"{self.loss}: a label is out of range for {classes} classes"
        if not ignored:
            check(right, what, IndexError)  # so is one to be ignored: the example had none
            return Labels(xp.expand_dims(places, axis), None)
        counted = places != ignore_index
        check(right | ~counted, what, IndexError)
        places = xp.expand_dims(np.where(counted, places, 0), axis)
        return Labels(places, xp.expand_dims(counted, axis))

    def _not_labels(self, target: Array) -> errors.WordedError:
        shape = self.shape
        expected = shape[: self.axis] + shape[self.axis + 1 :]
        if target.dtype.kind not in "iu":
            what = f"{self.loss}: labels must be integers, got {target.dtype}"
            fix = f"labels.astype(int), of shape {expected}"
            return errors.DtypeError(what, [self.scores, target], fix)
        what = f"{self.loss}: scores of shape {shape} need labels of shape {expected}, got {target.shape}"
        fix = "pass one label per sample: labels.reshape(...) or squeeze the extra axis"
        if target.shape == shape:
            fix = "one-hot targets are probabilities: pass floats, target.astype(float)"
        return errors.ShapeError(what, [self.scores, target], fix)

    def _out_of_range(self, places: Array, wrong: Array) -> errors.OutOfRangeError:
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = "" if not first else f" of sample {first[0] if len(first) == 1 else first}"
        classes = self.shape[self.axis]
        what = f"{self.loss}: label {places[first]}{where} is out of range for {classes} classes"
        fix = f"labels run from 0 to {classes - 1}; mark samples to leave out with ignore_index"
        return errors.OutOfRangeError(what, [self.scores], fix)

    def probabilities(self, target: Any, ignore_index: int) -> Any:
        """The target as class probabilities in the scores' dtype; a tensor if it requires grad.

        Raises:
            ShapeError: not one per score. ValueError: one is negative.
            DtypeError: float labels; an `ignore_index`, which is for labels.

        Warns:
            RuntimeWarning: the probabilities of a sample do not sum to 1.
        """
        if ignore_index >= 0:
            what = f"{self.loss}: ignore_index={ignore_index} is for labels, but the target holds probabilities"
            fix = "pass labels; or set all probabilities of a sample to 0, its loss is then 0"
            raise errors.DtypeError(what, [target], fix)
        values = values_of(self.loss, target)
        if values.shape != self.shape:
            raise self._not_probabilities(target, values)
        if values.size:
            self._check_distribution(values)
        return target if _requires_grad(target) else values.astype(self.scores.dtype, copy=False)

    def _not_probabilities(self, target: Any, values: Array) -> errors.WordedError:
        shape = self.shape
        if len(values.shape) < len(shape):
            what = f"{self.loss}: labels must be integers, got {values.dtype}"
            fix = "labels.astype(int); probabilities have the shape of the scores"
            return errors.DtypeError(what, [self.scores, target], fix)
        what = f"{self.loss}: probabilities of shape {values.shape} for scores of shape {shape}"
        return errors.ShapeError(what, [self.scores, target], "pass one probability per score")

    def _check_distribution(self, values: Array) -> None:
        if isinstance(values, Symbol):
            check(~(values < 0), f"{self.loss}: a probability can't be negative", ValueError)
            check(
                abs(xp.sum(values, self.axis) - 1) <= _tolerance(values),
                f"{self.loss}: the probabilities of a sample do not sum to 1",
                RuntimeWarning,
            )
            return
        if xp.min(values) < 0:
            first = tuple(int(i) for i in np.argwhere(values < 0)[0])
            what = f"{self.loss}: the target at {first} is {values[first]}, but a probability can't be negative"
            fix = "softmax(scores) gives probabilities"
            raise errors.BadValueError(what, [self.scores, values], fix)
        sums = np.asarray(xp.sum(values, self.axis))
        right = np.abs(sums - 1) <= _tolerance(values)
        if not right.all():
            first = tuple(int(i) for i in np.argwhere(~right)[0])
            row = f"target row {first[0] if len(first) == 1 else first}" if first else "the target"
            total = f"{sums[first]:.6g}"
            what = (
                f"{self.loss}: {row} sums to {total}, not 1. Its gradient is "
                f"(sum(Y) · softmax - Y) / N, not (softmax - Y) / N: it counts {total} times"
            )
            fix = "divide each row by its sum; if a sample can have several classes, use "
            warn(what, (self.scores, values), fix + "binary_cross_entropy_with_logits")

    def weights(self, weight: Any) -> Array | None:
        """One weight per class, in the scores' dtype, shaped to multiply the scores; or None.

        Raises:
            ShapeError, DtypeError: not one number per class. GraphError: the weights require grad.
        """
        if weight is None:
            return None
        values = _constant(self.loss, self.scores, weight)
        classes = self.shape[self.axis]
        if values.shape != (classes,):
            what = f"{self.loss}: weights of shape {values.shape}, but {classes} classes need ({classes},)"
            raise errors.ShapeError(what, [self.scores, weight])
        shape = [1] * len(self.shape)
        shape[self.axis] = classes
        return values.reshape(shape)


@final
class Elements:
    """Numbers with one target each, against which a loss checks its targets and weights.

    Args:
        loss: the name of the function, for error messages.
        x: floats of any shape.
        reduction: "mean", "sum" or "none".

    Attributes:
        x: a tensor, or a raw array.

    Raises:
        DtypeError: x is not floats. ValueError: an unknown reduction.

    >>> Elements("mse_loss", np.zeros(2, np.float32), "sum").targets([1, 2])
    array([1., 2.], dtype=float32)
    """

    __slots__ = ("loss", "reduction", "x")

    def __init__(self, loss: str, x: Any, reduction: str) -> None:
        check_reduction(loss, reduction)
        self.loss, self.reduction, self.x = loss, reduction, check_floats(loss, x)

    def targets(self, target: Any) -> Any:
        """The target, of exactly x's shape and in x's dtype; a tensor if it requires grad.

        Broadcasting (N,) against (N, 1) would give N x N losses instead of N.

        Raises:
            ShapeError: the shapes differ. DtypeError: it does not hold numbers.
        """
        values = values_of(self.loss, target)
        if values.shape != self.x.shape:
            what = f"{self.loss}: input of shape {self.x.shape} but target of shape {values.shape}"
            fix = "reshape one to the shape of the other; nothing is broadcast"
            raise errors.ShapeError(what, [self.x, target], fix)
        if values.dtype.kind not in "fiub":
            what = f"{self.loss}: the target must be numbers, got {values.dtype}"
            raise errors.DtypeError(what, [self.x, target])
        return target if _requires_grad(target) else values.astype(self.x.dtype, copy=False)

    def probabilities(self, target: Any) -> Any:
        """Like `targets`, but a ValueError unless every element is in [0, 1]."""
        y = self.targets(target)
        values = values_of(self.loss, y)
        if isinstance(values, Symbol):
            within = (values >= 0) & (values <= 1)
            check(within, f"{self.loss}: a target is not in [0, 1]", ValueError)
        elif values.size and not (xp.min(values) >= 0 and xp.max(values) <= 1):
            first = tuple(int(i) for i in np.argwhere(~((values >= 0) & (values <= 1)))[0])
            what = f"{self.loss}: the target at {first} is {values[first]}, not in [0, 1]"
            fix = "labels of -1 and 1: (y + 1) / 2"
            raise errors.BadValueError(what, [self.x, target], fix)
        return y

    def weights(self, weight: Any) -> Array:
        """Factors in x's dtype, of a shape that broadcasts to x's.

        Raises:
            ShapeError, DtypeError: they do not fit x. GraphError: they require grad.
        """
        values = _constant(self.loss, self.x, weight)
        try:
            fits = np.broadcast_shapes(values.shape, self.x.shape) == self.x.shape
        except ValueError:
            fits = False
        if not fits:
            what = (
                f"{self.loss}: weights of shape {values.shape} do not broadcast to {self.x.shape}"
            )
            raise errors.ShapeError(what, [self.x, weight], errors.BROADCAST_FIX)
        return values


def values_of(loss: str, x: Any) -> Array:
    """The values of a tensor, or of anything that `plain_array` can convert."""
    return x if type(x) is np.ndarray else as_text(x, as_numbers(loss, raw(x), [x]))


def check_floats(loss: str, x: Any) -> Any:
    """A tensor, or a raw array, of a floating dtype; anything else raises."""
    checked = x if is_tensor(x) else values_of(loss, x)
    if checked.dtype.kind != "f":
        what = f"{loss}: takes floats, got {checked.dtype}"
        fix = "x.astype(np.float64); labels come second: are the arguments swapped?"
        raise errors.DtypeError(what, [x], fix)
    return checked


def check_reduction(loss: str, reduction: str) -> None:
    """Raise unless `reduction` is one of `REDUCTIONS`."""
    if reduction not in REDUCTIONS:
        what = f'{loss}: reduction is "mean", "sum" or "none", got {reduction!r}'
        raise errors.BadValueError(what)


def _no_classes(loss: str, scores: Any, axis: int) -> errors.ShapeError:
    shape = scores.shape
    if -len(shape) <= axis < len(shape):
        what = f"{loss}: no classes: axis {axis % len(shape)} of shape {shape} has length 0"
        return errors.ShapeError(what, [scores])
    what = f"{loss}: there is no class axis {axis} in shape {shape}"
    return errors.AxisError(what, [scores], "scores are (C,), (N, C, ...)")


def _constant(loss: str, x: Any, weight: Any) -> Array:
    """Numbers that no gradient reaches, in x's dtype."""
    values = values_of(loss, weight)
    if values.dtype.kind not in "fiu":
        what = f"{loss}: the weights must be numbers, got {values.dtype}"
        raise errors.DtypeError(what, [x, weight])
    if _requires_grad(weight):
        what = f"{loss}: no gradient reaches the weights, but these require grad"
        raise errors.GraphError(what, [weight], "pass weight.detach()")
    return values.astype(x.dtype, copy=False)


def _tolerance(values: Array) -> float:
    """How far a sum of probabilities may be from 1."""
    return max(1e-4, math.sqrt(float(np.finfo(values.dtype).eps)))


def _requires_grad(x: Any) -> bool:
    return is_tensor(x) and x.requires_grad


def warn(what: str, operands: tuple[Any, ...], fix: str) -> None:
    """A RuntimeWarning at the user's line."""
    lines.warn(errors.message(what, operands, fix), RuntimeWarning)
