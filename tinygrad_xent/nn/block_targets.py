"""What the targets ask of a few rows of logits: their losses, and the gradients of these.

`chunked.py` computes a block of logits at a time and gives it to a target, which changes it in place:

    OfLabels           class numbers, with weights, ignored ones and smoothing
    OfProbabilities    a probability for each class

Both have `labels` or probabilities as they were checked, the number `divisor` by which a mean divides, and
`counted`: the rows that have a say, None if all have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays
from ..engine.arrays import Array
from .losses import mean_over_nothing
from .targets import Classes


class OfLabels:
    """With L = log Σ eᶻ the loss of row i is a_i · (L - z_y) + b_i · Σ_c w_c · (L - z_c): `factor` a is the
    label's class weight less the smoothed part, `share` b the smoothed part of each class.
    """

    def __init__(
        self, known: Classes, target: Array, weight: Any, ignore_index: int, label_smoothing: float
    ) -> None:
        self.values = target
        places, counted = known.labels(target, ignore_index)
        self.places = places[:, 0]
        self.counted = None if counted is None else counted[:, 0]
        count, classes = known.shape
        dtype = known.scores.dtype
        smoothing = dtype.type(label_smoothing)
        counts = np.ones(count, dtype)
        self.class_weight: Any = None
        self.class_total: Any = dtype.type(classes)
        if weight is not None:
            self.class_weight = known.weights(weight)[0]  # type: ignore[index]  # there are weights
            self.class_total = self.class_weight.sum()
            counts = self.class_weight[self.places]
        self.share = np.full(count, smoothing / classes) if smoothing else None
        if self.counted is not None:
            counts = np.where(self.counted, counts, 0)
            if self.share is not None:
                self.share = np.where(self.counted, self.share, 0)
        self.factor = (1 - smoothing) * counts
        self.divisor = 1.0
        if known.reduction == "mean":
            total = counts.sum(dtype=np.float64) if counts.any() else 0
            self.divisor = float(total or mean_over_nothing(known.loss, known.scores))

    def finish(self, z: Array, here: slice, unit: Array, differentiate: bool) -> tuple[Array, Any]:
        """The losses of a few rows of logits, and s; s · z is then the gradient of Σ unit · loss.

        z changes in place. Multiplying x and its gradient by s is less work than multiplying z.
        """
        a, b, w = self.factor[here], self.share, self.class_weight
        at_label = (np.arange(len(z)), self.places[here])
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        z_label = z[at_label]
        z_sum = None if b is None else arrays.sum(z, axis=1) if w is None else _weighted(z, w)
        np.exp(z, out=z)
        total = arrays.sum(z, axis=1)
        level = np.log(total)
        loss = a * (level - z_label)
        if b is not None:
            b = b[here]
            loss += b * (self.class_total * level - z_sum)
        if differentiate and b is None:
            z[at_label] -= total
        elif differentiate:
            z *= (a + b * self.class_total)[:, None]
            z[at_label] -= total * a
            z -= (total * b)[:, None] * (1 if w is None else w)
        loss = loss if self.counted is None else np.where(self.counted[here], loss, 0)
        return loss, unit * (a if b is None else 1) / total


class OfProbabilities:
    """The loss of row i is Σ_c q_c · (L - z_c), with q = w · ((1 - ε) · Y + ε / C)."""

    counted = None

    def __init__(
        self, known: Classes, target: Array, weight: Any, ignore_index: int, label_smoothing: float
    ) -> None:
        self.values: Array = known.probabilities(target, ignore_index)
        count, classes = known.shape
        dtype = known.scores.dtype
        self.keep = dtype.type(1 - label_smoothing)
        self.share = dtype.type(label_smoothing / classes)
        self.class_weight: Any = 1 if weight is None else known.weights(weight)
        self.divisor = 1.0
        if known.reduction == "mean":
            self.divisor = float(count or mean_over_nothing(known.loss, known.scores))

    def finish(self, z: Array, here: slice, unit: Array, differentiate: bool) -> tuple[Array, Any]:
        """As `OfLabels.finish`."""
        q = (self.values[here] * self.keep + self.share) * self.class_weight
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        at_targets = np.einsum("ij,ij->i", q, z)
        np.exp(z, out=z)
        total, sum_q = arrays.sum(z, axis=1), arrays.sum(q, axis=1)
        loss = sum_q * np.log(total) - at_targets
        if differentiate:
            z *= sum_q[:, None]
            q *= total[:, None]
            z -= q
        return loss, unit / total


def _weighted(z: Array, w: Array) -> Array:
    with np.errstate(invalid="ignore"):  # BLAS may raise this flag for finite numbers
        return z @ w
