"""Losses: what training minimises. Each is a named scope around operations of the table.

The semantics, and every combination of options, are those of torch.nn.functional, with one
exception: a mean over nothing (an empty batch, every target ignored) is 0 with zero gradients and a
RuntimeWarning, not NaN. A float16 loss is computed in float32.

The gradient at the heart of it: for logits z of N samples and targets Y (one-hot rows, or rows of
probabilities), the mean cross-entropy is L = -(1/N) Σ Y · log softmax(z), and

    dL/dz = (softmax(z) - Y) / N.

With log softmax(z) = z - log Σ eᶻ it takes one line: Y · z gives -Y, and sum(Y) · log Σ eᶻ gives
sum(Y) · softmax(z). So the formula needs sum(Y) = 1 in each row. The gradient of a row that sums to
s is s · softmax(z) - Y: its softmax counts s times, and it does not vanish at softmax(z) = Y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from ..arguments import check_number
from ..engine import arrays as xp
from ..engine.arrays import Array
from ..engine.breadth.composites import in_float32
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import arithmetic, elementwise, moves, reductions, rowwise, selection
from ..engine.symbols import Symbol, check, number_of, ones
from ..engine.tensors import Tensor
from .targets import Classes, Elements, Labels, values_of, warn

Reduction: TypeAlias = Literal["mean", "sum", "none"]


@in_float32
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
    """The cross-entropy of softmax(logits): -log of the probability it gives to the target.

    Args:
        logits: scores, floats of shape (N, C), (C,) for one sample, or (N, C, d1, ...).
        target: class labels, integers of the logits' shape without the class axis; or class
            probabilities, floats of the logits' shape.
        weight: (C,), a factor for each class.
        ignore_index: samples with this label have loss 0 and are not counted by "mean".
        label_smoothing: the share of each target, in [0, 1], spread evenly over all classes.
        reduction: "mean" (weighted by `weight` for labels, over all samples for probabilities),
            "sum", or "none" (one loss per sample).
        axis: the class axis.

    The mean's gradient is (softmax - Y) / N, provided that each row of Y sums to 1 (derived at the
    top of this module). Where a logit of -inf masks a class, pass labels: a probability of 0 there
    would give 0 · log 0, which is NaN.

    Raises:
        OutOfRangeError: a label is not in 0 ... C - 1.
        DtypeError: float labels; integer logits; ignore_index >= 0 with probabilities.
        ShapeError: shapes that do not fit.
        ValueError: a negative probability; an unknown reduction; label_smoothing outside [0, 1].

    Warns:
        RuntimeWarning: probabilities that do not sum to 1; a mean over no samples.

    >>> z = Tensor([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = cross_entropy(z, [0, 2])
    >>> round(loss.item(), 6)
    0.723812
    >>> loss.backward()
    >>> z.grad.numpy().round(4)         # (softmax - Y) / 2
    array([[-0.1473,  0.1297,  0.0176],
           [ 0.1667,  0.1667, -0.3333]])
    """
    classes = Classes("cross_entropy", logits, axis, reduction)
    if label_smoothing != 0:
        label_smoothing = check_number(classes.loss, "label_smoothing", label_smoothing, 0, 1)
    weights, values = classes.weights(weight), values_of(classes.loss, target)
    if values.dtype.kind == "f":
        y = classes.probabilities(target, ignore_index)
        with composite(classes.loss, rowwise.CROSS_ENTROPY):
            log_p = rowwise.log_softmax(classes.scores, classes.axis)
            return _from_probabilities(classes, log_p, y, weights, label_smoothing)
    labels = places, counted = classes.labels(values, ignore_index)
    if reduction == "mean" and places.size and weights is counted is None and not label_smoothing:
        return rowwise.softmax_cross_entropy(classes.scores, places, classes.axis)  # the usual case
    with composite(classes.loss, rowwise.CROSS_ENTROPY):
        log_p = rowwise.log_softmax(classes.scores, classes.axis)
        return _from_labels(classes, log_p, labels, weights, label_smoothing)


@in_float32
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
    classes = Classes("nll_loss", log_probabilities, axis, reduction)
    weights, labels = classes.weights(weight), classes.labels(target, ignore_index)
    with composite(classes.loss, "-Σ log p[y] / N"):
        return _from_labels(classes, classes.scores, labels, weights)


@in_float32
def softmax_focal_loss(
    logits: Operand,
    target: Operand,
    *,
    gamma: float = 2.0,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int = 1,
) -> Tensor:
    """The focal loss, in which easy samples count less: -(1 - p)^gamma · log p of the target class.

    Lin et al., "Focal loss for dense object detection" (2017), equation 5, over a softmax; with
    gamma = 0 it is `cross_entropy`.

    Args:
        logits: floats of shape (N, C), (C,) or (N, C, d1, ...).
        target: class labels, integers of that shape without the class axis.
        gamma: how strongly easy samples are discounted, at least 0.
        weight, ignore_index, reduction, axis: as for `cross_entropy`; `weight` is the paper's α.

    Raises:
        OutOfRangeError, DtypeError, ShapeError, ValueError: as `cross_entropy`.

    >>> z = Tensor(np.log([[0.9, 0.1], [0.5, 0.5]]))
    >>> softmax_focal_loss(z, [0, 0], reduction="none").numpy().round(4)
    array([0.0011, 0.1733])
    """
    classes = Classes("softmax_focal_loss", logits, axis, reduction)
    gamma = check_number(classes.loss, "gamma", gamma, 0)
    weights, labels = classes.weights(weight), classes.labels(target, ignore_index)

    def focus(log_p: Tensor) -> Tensor:
        # 1 - p exactly, and never 0: there the power's slope is infinite for gamma < 1, and its
        # product with log p = 0 would be NaN instead of 0.
        tiny = float(np.finfo(log_p.dtype).tiny)
        wrong_p = selection.maximum(arithmetic.neg(elementwise.expm1(log_p)), tiny)
        return arithmetic.mul(elementwise.pow(wrong_p, gamma), log_p)

    with composite(classes.loss, "-Σ ((1 - p[y])ᵞ · log p[y]) / N"):
        log_p = rowwise.log_softmax(classes.scores, classes.axis)
        return _from_labels(classes, log_p, labels, weights, focus=focus)


@in_float32
def binary_cross_entropy_with_logits(
    logits: Operand,
    target: Operand,
    *,
    weight: Operand | None = None,
    pos_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """-y · log σ(z) - (1 - y) · log(1 - σ(z)) for each logit z: a sample may have several classes.

    Args:
        logits: floats of any shape, for example (N, K) for K independent classes.
        target: of the same shape, each 0 or 1 or a probability.
        weight: a factor for each loss, of a shape that broadcasts to the logits'.
        pos_weight: a factor for the first term, likewise: above 1 for rare positives.
        reduction: "mean" divides by the number of logits, N · K, whatever the weights; "sum";
            "none". For the mean over N of the sums over K, take "sum" and divide by N.

    The gradient of one loss is σ(z) - y.

    Raises:
        ShapeError: target and logits differ in shape; weights do not broadcast.
        DtypeError: integer logits.
        ValueError: a target outside [0, 1]; an unknown reduction.

    Warns:
        RuntimeWarning: a mean over nothing.

    >>> z = Tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    >>> binary_cross_entropy_with_logits(z, [[1, 0, 1]], reduction="sum").item()
    0.6931471805599453
    """
    elements = Elements("binary_cross_entropy_with_logits", logits, reduction)
    z, y = elements.x, elements.probabilities(target)
    with composite(elements.loss, "Σ ((1 - y) · z + softplus(-z)) / n"):
        positive = elementwise.softplus(arithmetic.neg(z))  # -log σ(z)
        if pos_weight is not None:
            share = 1 + (elements.weights(pos_weight) - 1) * y
            positive = arithmetic.mul(positive, share)
        each = arithmetic.add(arithmetic.mul(z, 1 - y), positive)
        if weight is not None:
            each = arithmetic.mul(each, elements.weights(weight))
        return _of_elements(elements, each)


@in_float32
def mse_loss(prediction: Operand, target: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """The squared error (prediction - target)², averaged unless `reduction` says otherwise.

    Args:
        prediction: floats of any shape.
        target: numbers of the same shape.
        reduction: "mean" over all elements, "sum", or "none".

    Raises:
        ShapeError: the shapes differ: (N,) against (N, 1) would broadcast to N x N errors.
        DtypeError: an integer prediction.

    Warns:
        RuntimeWarning: a mean over nothing.

    >>> mse_loss(Tensor([1.0, 2.0]), [1.0, 4.0]).item()
    2.0
    """
    elements = Elements("mse_loss", prediction, reduction)
    y = elements.targets(target)
    with composite(elements.loss, "Σ (x - y)² / n"):
        error = arithmetic.sub(elements.x, y)
        return _of_elements(elements, arithmetic.mul(error, error))


def _from_labels(
    classes: Classes,
    log_p: Any,
    labels: Labels,
    weight: Array | None,
    smoothing: float = 0,
    focus: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The loss of labels: (1 - ε) · w[y] · -log p[y] + ε/C · Σ w · -log p, reduced.

    `focus`, if given, is applied to each log p[y] first.
    """
    (places, counted), axis = labels, classes.axis
    scores = moves.take_along_axis(log_p, places, axis)
    if focus is not None:
        scores = focus(scores)
    if weight is None and counted is None and smoothing == 0:
        return _of_samples(classes, scores, places.size)
    factor: Any = ones(places.shape, log_p.dtype)
    if weight is not None:
        factor = xp.take_along_axis(weight, places, axis)
        scores = arithmetic.mul(scores, factor)
    if smoothing:
        every = log_p if weight is None else arithmetic.mul(log_p, weight)
        spread = arithmetic.mul(
            reductions.sum(every, axis, keepdims=True), smoothing / log_p.shape[axis]
        )
        scores = arithmetic.add(arithmetic.mul(scores, 1 - smoothing), spread)
    if counted is not None:
        scores = selection.where(counted, scores, 0)
        factor = np.where(counted, factor, 0)
    alike = weight is None and counted is None
    total = places.size if alike else number_of(factor.sum(dtype=np.float64))
    return _of_samples(classes, scores, total)


def _from_probabilities(
    classes: Classes, log_p: Any, y: Any, weight: Array | None, smoothing: float
) -> Tensor:
    """The loss of probabilities: -Σ w · ((1 - ε) · Y + ε/C) · log p, reduced."""
    if smoothing:
        y = y * (1 - smoothing) + smoothing / log_p.shape[classes.axis]
    if weight is not None:
        y = y * weight
    scores = reductions.sum(arithmetic.mul(y, log_p), classes.axis, keepdims=True)
    return _of_samples(classes, scores, math.prod(scores.shape))


def _of_samples(classes: Classes, scores: Any, count: Any) -> Tensor:
    """Minus the scores: their sum over the count, their sum, or one per sample."""
    if classes.reduction == "none":
        return arithmetic.neg(moves.squeeze(scores, classes.axis))
    total = reductions.sum(scores)
    if classes.reduction == "mean":
        total = arithmetic.div(total, _count(count, classes.loss, scores))
    return arithmetic.neg(total)


def _count(count: Any, loss: str, scores: Any) -> Any:
    """What a sum is divided by for its mean."""
    if isinstance(count, Symbol):
        check(count != 0, f"{loss}: a mean over no samples", RuntimeWarning)
        return count.or_one()
    return count or mean_over_nothing(loss, scores)


def _of_elements(elements: Elements, each: Any) -> Tensor:
    """The losses, one per element: their mean, their sum, or themselves."""
    if elements.reduction == "none":
        return each  # type: ignore[no-any-return]
    total = reductions.sum(each)
    if elements.reduction == "sum":
        return total
    return arithmetic.div(total, math.prod(each.shape) or mean_over_nothing(elements.loss, each))


def mean_over_nothing(loss: str, x: Any) -> int:
    """Warn and divide by 1: the sum is 0, and so are its gradients."""
    what = f"{loss}: a mean over no samples (an empty batch, or all targets ignored or of weight 0)"
    warn(what + ": the loss is 0, its gradients are zero", (x,), "skip such a batch")
    return 1
