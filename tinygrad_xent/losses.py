"""Losses: what training makes small. Each is a named scope of the table's operations.

The semantics, and every combination of options, are those of torch.nn.functional, with one
exception: a mean over nothing (an empty batch, every target ignored) is 0 with zero gradients and a
RuntimeWarning, not NaN.

The gradient that all of it comes down to: for logits z of N samples and targets Y (one-hot rows, or
rows of probabilities), the mean cross-entropy is L = -(1/N) Σ Y · log softmax(z), and

    dL/dz = (softmax(z) - Y) / N.

With log softmax(z) = z - log Σ eᶻ it is one line: Y · z gives -Y, and sum(Y) · log Σ eᶻ gives
sum(Y) · softmax(z). So the formula needs sum(Y) = 1 in each row. A row that sums to s has the
gradient s · softmax(z) - Y: it counts s times, and does not vanish at softmax(z) = Y.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from . import backend as xp
from . import errors, ops, targets
from .modes import scope

if TYPE_CHECKING:
    from .ops import Operand
    from .tensor import Tensor

Reduction: TypeAlias = Literal["mean", "sum", "none"]


def cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    weight: Operand | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    axis: int = 1,
) -> Tensor:
    """-log of the probability that softmax(logits) gives to the target.

    Args:
        logits: scores, floats of shape (N, C), (C,) for one sample, or (N, C, d1, ...).
        target: class labels, integers of the logits' shape without the class axis; or class
            probabilities, floats of the logits' shape.
        weight: (C,), a factor for each class.
        ignore_index: samples with this label have loss 0 and are not counted by "mean".
        label_smoothing: the part of each target, in [0, 1], spread evenly over all classes.
        reduction: "mean" (for labels weighted by `weight`, for probabilities over all samples),
            "sum", or "none" (one loss a sample).
        axis: the class axis.

    The mean's gradient is (softmax - Y) / N, provided that each row of Y sums to 1; see the module.
    A class masked with a logit of -inf needs labels: 0 · log 0 of a probability is NaN.

    Raises:
        OutOfRangeError: a label is not in 0 ... C - 1.
        DtypeError: float labels; integer logits; ignore_index >= 0 with probabilities.
        ShapeError: shapes that do not fit.
        ValueError: a negative probability; an unknown reduction; label_smoothing outside [0, 1].

    Warns:
        RuntimeWarning: probabilities that do not sum to 1; a mean over no sample.

    >>> z = Tensor([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = cross_entropy(z, [0, 2])
    >>> round(loss.item(), 6)
    0.723812
    >>> loss.backward()
    >>> z.grad.numpy().round(4)         # (softmax - Y) / 2
    array([[-0.1473,  0.1297,  0.0176],
           [ 0.1667,  0.1667, -0.3333]])
    """
    logits = targets.floats("cross_entropy", logits)
    if not hasattr(target, "dtype"):
        target = targets.raw("cross_entropy", target)
    axis = targets.class_axis("cross_entropy", logits, axis)
    targets.check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        what = f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}"
        raise ValueError(errors.message(what))
    with scope("cross_entropy", "-Σ Y · log softmax(z) / N"):
        log_p = ops.log_softmax(logits, axis)
        if target.dtype.kind == "f":  # type: ignore[union-attr]  # it has a dtype by now
            return _from_probabilities(
                log_p, target, weight, ignore_index, label_smoothing, reduction, axis
            )
        return _from_labels(
            "cross_entropy", log_p, target, weight, ignore_index, label_smoothing, reduction, axis
        )


def nll_loss(
    log_probabilities: Operand,
    target: Operand,
    *,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int = 1,
) -> Tensor:
    """Minus the log-probability of the target class: what `cross_entropy` does after log_softmax.

    Args:
        log_probabilities: (N, C), (C,) or (N, C, d1, ...), as `log_softmax` gives them.
        target: class labels, integers of that shape without the class axis.
        weight, ignore_index, reduction, axis: as for `cross_entropy`.

    Raises:
        OutOfRangeError, DtypeError, ShapeError, ValueError: as `cross_entropy`.

    >>> round(nll_loss(Tensor(np.log([[0.5, 0.25, 0.25]])), [1]).item(), 6)
    1.386294
    """
    log_p = targets.floats("nll_loss", log_probabilities)
    axis = targets.class_axis("nll_loss", log_p, axis)
    targets.check_reduction("nll_loss", reduction)
    with scope("nll_loss", "-Σ log p[y] / N"):
        return _from_labels("nll_loss", log_p, target, weight, ignore_index, 0, reduction, axis)


def _from_labels(
    name: str,
    log_p: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    smoothing: float,
    reduction: str,
    axis: int,
) -> Tensor:
    """The loss of labels: (1 - ε) · w[y] · -log p[y] + ε/C · Σ w · -log p, reduced."""
    places, counted = targets.labels(name, log_p, target, axis, ignore_index)
    scores = ops.take_along_axis(log_p, places, axis)
    count: Any = places.size
    factor: Any = 1.0
    if weight is not None:
        weight = targets.class_weights(name, log_p, weight, axis)
        factor = xp.take_along_axis(weight, places, axis)
    if smoothing:
        every = log_p if weight is None else ops.mul(log_p, weight)
        share = smoothing / log_p.shape[axis]
        scores = ops.add(
            ops.mul(scores, factor * (1 - smoothing)),
            ops.mul(ops.sum(every, axis, keepdims=True), share),
        )
    elif weight is not None:
        scores = ops.mul(scores, factor)
    if counted is not None:
        scores = ops.where(counted, scores, 0)
        factor = np.where(counted, factor, 0)
    if weight is not None or counted is not None:
        count = factor.sum(dtype=np.float64) if np.any(factor) else 0
    return _reduced(name, scores, count, reduction, axis)


def _from_probabilities(
    log_p: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    smoothing: float,
    reduction: str,
    axis: int,
) -> Tensor:
    """The loss of probabilities: -Σ w · ((1 - ε) · Y + ε/C) · log p, reduced."""
    name = "cross_entropy"
    if ignore_index >= 0:
        what = f"{name}: ignore_index={ignore_index} is for labels, the target is probabilities"
        fix = "leave samples out by a row of zeros in the weights of reduction='none'"
        raise errors.DtypeError(errors.message(what, [target], fix))
    y = targets.probabilities(name, log_p, target, axis)
    if smoothing:
        y = y * (1 - smoothing) + smoothing / log_p.shape[axis]
    if weight is not None:
        y = y * targets.class_weights(name, log_p, weight, axis)
    scores = ops.sum(ops.mul(y, log_p), axis, keepdims=True)
    return _reduced(name, scores, math.prod(scores.shape), reduction, axis)


def _reduced(name: str, scores: Any, count: Any, reduction: str, axis: int) -> Tensor:
    """Minus the scores: their sum over the count, their sum, or one a sample."""
    if reduction == "none":
        return ops.neg(ops.squeeze(scores, axis))
    total = ops.sum(scores)
    if reduction == "sum":
        return ops.neg(total)
    return ops.div(total, -(count or _mean_over_nothing(name, scores)))


def _mean_over_nothing(name: str, x: Any) -> int:
    """Warn and divide by 1: the sum is 0, and so are its gradients."""
    what = f"{name}: a mean over no sample (an empty batch, or every target ignored or of weight 0)"
    targets.warn(what + ": the loss is 0, its gradients are zero", (x,), "skip such a batch")
    return 1
