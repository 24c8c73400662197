"""The cross-entropy of a linear layer without ever holding all its logits.

With tens of thousands of classes the logits are far larger than anything else: 2048 samples of
32,000 classes take 262 MB; softmax, its gradient and their temporaries take as much again, and
each is moved through memory several times. Here the logits are computed one block of rows at a
time. Each block gives its losses and, at once, its part of every gradient; then the next block
takes its place. The gradients are those of the loss itself, so `backward()` only has to multiply
them by the incoming gradient. The rules can also recompute them (for a second `backward()`, or
`reduction="none"`) and, given tensors, use the composed form, so higher derivatives work as
everywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import check_number, check_sizes
from ..engine import arrays, errors
from ..engine.arrays import Array
from ..engine.breadth.composites import in_float32
from ..engine.context import MODE
from ..engine.gradients import gradients
from ..engine.methods import Operand
from ..engine.ops import arithmetic, moves, products
from ..engine.table import Op
from ..engine.tape import apply
from ..engine.tensors import Tensor, is_tensor
from . import losses
from .losses import Reduction
from .targets import Classes, check_floats, check_reduction, values_of

BLOCK = 1 << 23  # most elements in one block of logits: 32 MB of float32
CACHED = 1 << 18  # elements per elementwise step: 1 MB of float32 stays in the cache


@in_float32
def linear_cross_entropy(
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    target: Operand,
    *,
    class_weight: Operand | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    chunk_rows: int | None = None,
) -> Tensor:
    """`cross_entropy(x @ weight + bias, target)` by blocks of rows, never holding all logits.

    Args:
        x: (N, D), floats.
        weight: (D, C), of the linear layer.
        bias: (C,) or None.
        target: (N,) class labels. For probabilities, which are as large as the logits, use
            `cross_entropy`.
        class_weight: (C,), a factor for each class.
        ignore_index, label_smoothing, reduction: as for `cross_entropy`.
        chunk_rows: rows of logits held at a time; None for 256, or fewer beyond 32,000 classes, or
            more where both C and D are below 4,000.

    Values and gradients equal the composed form to rounding. Besides the gradients themselves it
    needs one block of logits and a small buffer. Gradients, where needed, are computed in the
    forward pass (three matrix products in all, one fewer than computing the logits again).

    Raises:
        As `cross_entropy`; also ShapeError: shapes that do not fit; ValueError: chunk_rows < 1.

    >>> rng = np.random.default_rng(0)
    >>> x, W = rng.normal(size=(6, 4)), Tensor(rng.normal(size=(4, 3)), requires_grad=True)
    >>> y = [0, 1, 2, 0, 1, 2]
    >>> loss = linear_cross_entropy(x, W, None, y, chunk_rows=2)
    >>> np.isclose(loss.item(), tx.cross_entropy(x @ W, y).item())
    np.True_
    """
    name = "linear_cross_entropy"
    x, weight = check_floats(name, x), check_floats(name, weight)
    bias = 0.0 if bias is None else check_floats(name, bias)
    _check_shapes(x, weight, bias)
    check_reduction(name, reduction)
    label_smoothing = check_number(name, "label_smoothing", label_smoothing, 0, 1)
    if chunk_rows is not None:
        check_sizes(name, [chunk_rows])
    options = {
        "weight": class_weight,
        "ignore_index": ignore_index,
        "label_smoothing": label_smoothing,
        "reduction": reduction,
    }
    blocks = _Blocks(x, weight, bias, values_of(name, target), options, chunk_rows)
    operands = (x, weight, bias, blocks.labels)
    loss: Tensor = apply(_LINEAR_CROSS_ENTROPY, operands, (), MODE.get(), (blocks,))
    return loss


def _check_shapes(x: Any, weight: Any, bias: Any) -> None:
    """x (N, D), weight (D, C), bias (C,) or a number."""
    name = "linear_cross_entropy"
    if len(x.shape) != 2 or len(weight.shape) != 2 or x.shape[1] != weight.shape[0]:
        what = f"{name}: needs x (N, D) and weight (D, C), got {x.shape} and {weight.shape}"
        fix = "flatten leading axes: x.reshape(-1, D), target.reshape(-1)"
        raise errors.ShapeError(what, [x, weight], fix)
    classes = weight.shape[1]
    if not isinstance(bias, float) and bias.shape != (classes,):
        what = f"{name}: {classes} classes need a bias of shape ({classes},), got {bias.shape}"
        raise errors.ShapeError(what, [weight, bias])


class _Blocks:
    """One loss: its targets and options, and the gradients that the forward pass left.

    With L = log Σ eᶻ the loss of row i is a_i · (L - z_y) + b_i · Σ_c w_c · (L - z_c): `factor` a
    is the label's class weight less the smoothed part, `share` b the smoothed part of each class.
    """

    def __init__(
        self,
        x: Any,
        weight: Any,
        bias: Any,
        labels: Array,
        options: dict[str, Any],
        chunk_rows: int | None,
    ) -> None:
        name, count, classes = "linear_cross_entropy", len(x), weight.shape[1]
        self.labels, self.options = labels, options
        recording = MODE.get().in_force().recording
        self.live = tuple(
            i
            for i, operand in enumerate((x, weight, bias))
            if recording and getattr(operand, "requires_grad", False)
        )
        self.dtype = np.result_type(*(t.dtype for t in (x, weight, bias) if hasattr(t, "dtype")))
        logits = np.broadcast_to(self.dtype.type(0), (count, classes))  # takes no memory
        known = Classes(name, logits, 1, options["reduction"])
        places, counted = known.labels(labels, options["ignore_index"])
        self.places = places[:, 0]
        self.counted = None if counted is None else counted[:, 0]
        fewest = max(1, min(256, BLOCK // classes))
        self.rows = chunk_rows or max(fewest, 4 * CACHED // max(weight.shape))
        self._weigh(known.weights(options["weight"]), logits)
        self.ready: dict[int, Any] = {}  # gradients not yet handed out, by input
        self.ready_for: Any = None  # the gradient already multiplied in; None: not yet

    def _weigh(self, weight: Array | None, logits: Array) -> None:
        """Set how much each row counts, a_i, b_i and w, and what the mean divides by."""
        smoothing = self.dtype.type(self.options["label_smoothing"])
        count, classes = logits.shape
        counts = np.ones(count, self.dtype)
        self.class_weight: Any = None
        self.class_total: Any = self.dtype.type(classes)
        if weight is not None:
            self.class_weight = weight[0]
            self.class_total = self.class_weight.sum()
            counts = self.class_weight[self.places]
        self.share = np.full(count, smoothing / classes) if smoothing else None
        if self.counted is not None:
            counts = np.where(self.counted, counts, 0)
            if self.share is not None:
                self.share = np.where(self.counted, self.share, 0)
        self.factor = (1 - smoothing) * counts
        self.divisor = 1.0
        if self.options["reduction"] == "mean":
            total = counts.sum(dtype=np.float64) if counts.any() else 0
            self.divisor = float(total or losses.mean_over_nothing("linear_cross_entropy", logits))

    def value(self, x: Array, weight: Array, bias: Any) -> Array:
        """The loss; gradients that will be needed are computed along the way."""
        each = self.options["reduction"] == "none"  # each row's gradient arrives only later
        live = () if each else self.live
        rows, self.ready = self._sweep(x, weight, bias, 1 / self.divisor, live)
        self.ready_for = None
        return rows if each else rows.sum() / self.dtype.type(self.divisor)

    def gradient(self, g: Any, operands: tuple[Any, Any, Any], i: int) -> Any:
        """The gradient of input `i`. All are computed together, and each is handed out once."""
        recorded = is_tensor(g)
        left = self.ready_for is g or (self.ready_for is None and not recorded)
        if i not in self.ready or not left:
            self.ready_for = g
            if recorded:
                self.ready = self._composed(g, operands)
            elif self.options["reduction"] == "none":
                self.ready = self._sweep(*operands, g, self.live)[1]
            else:
                self.ready = self._sweep(*operands, 1 / self.divisor, self.live)[1]
                self.ready_for = None
        found = self.ready.pop(i)
        if self.ready_for is None:
            found *= g
        return found

    def _sweep(
        self, x: Array, weight: Array, bias: Any, unit: Any, live: Sequence[int]
    ) -> tuple[Array, dict[int, Array]]:
        """The loss of each row, and the gradients of Σ unit · loss, block after block."""
        count, classes = len(x), weight.shape[1]
        unit = np.broadcast_to(np.asarray(unit, self.dtype), (count,))
        rows, scale = np.empty((2, count), self.dtype)
        chosen = unit != 0 if self.counted is None else self.counted & (unit != 0)
        if not chosen.all():  # rows without a say: even an infinity in them has none
            x = np.where(chosen[:, None], x, 0)
        shapes = (x.shape, weight.shape, (classes,))
        grads = {i: np.zeros(shapes[i], self.dtype) for i in live}
        block = np.empty((min(self.rows, count), classes), self.dtype)
        step = max(1, CACHED // classes)
        for start in range(0, count, self.rows):
            here = slice(start, start + self.rows)
            part = x[here]
            z = np.matmul(part, weight, out=block[: len(part)])
            for i in range(0, len(z), step):
                few = z[i : i + step]
                these = slice(start + i, start + i + len(few))
                few += bias
                rows[these], scale[these] = self._finish(few, these, unit[these], bool(live))
                if 2 in grads:
                    grads[2] += scale[these].dot(few)
            column = scale[here, None]
            if 0 in grads:
                slopes = np.matmul(z, weight.T, out=grads[0][here])
                slopes *= column
            if 1 in grads:
                _add_product(grads[1], (part * column).T, z)
        return rows, grads

    def _finish(self, z: Array, here: slice, unit: Array, differentiate: bool) -> tuple[Array, Any]:
        """The losses of a few rows of logits, and s; s · z is then the gradient of Σ unit · loss.

        z changes in place. Multiplying x and its gradient by s is less work than multiplying z.
        """
        a, b, w = self.factor[here], self.share, self.class_weight
        at_label = (np.arange(len(z)), self.places[here])
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        z_label = z[at_label]
        z_sum = None if b is None else arrays.sum(z, axis=1) if w is None else z @ w
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

    def _composed(self, g: Any, operands: tuple[Any, Any, Any]) -> dict[int, Any]:
        """The gradients as tensors, from the composed form recorded on fresh nodes."""
        fresh = [moves.identity(t) if i in self.live else t for i, t in enumerate(operands)]
        x, weight, bias = fresh
        logits = products.matmul(x, weight)
        if not isinstance(bias, float):
            logits = arithmetic.add(logits, bias)
        loss = losses.cross_entropy(logits, self.labels, **self.options)
        sources = [fresh[i]._source() for i in self.live]
        found = gradients(loss._source(), g, sources, create_graph=True)
        return {i: found[s] for i, s in zip(self.live, sources, strict=True)}


def _add_product(total: Array, a: Array, b: Array) -> None:
    """total += a @ b, some columns at a time: the product stays in the cache until it is added."""
    columns = max(1, 4 * CACHED // max(1, len(a)))
    for start in range(0, b.shape[1], columns):
        part = total[:, start : start + columns]
        part += a @ b[:, start : start + columns]


def _forward(x: Array, weight: Array, bias: Any, labels: Array, /, blocks: _Blocks) -> Array:
    return blocks.value(x, weight, bias)


def _rule(i: int) -> Any:
    return lambda g, x, weight, bias, blocks: blocks.gradient(g, (x, weight, bias), i)


_LINEAR_CROSS_ENTROPY = Op(
    _forward,
    "-Σ log softmax(x @ weight + bias)[labels] / N",
    [
        ("g · (softmax(x @ weight + bias) - Y) @ weightᵀ / N", _rule(0)),
        ("g · xᵀ @ (softmax(x @ weight + bias) - Y) / N", _rule(1)),
        ("g · (softmax(x @ weight + bias) - Y) / N", _rule(2)),
        None,
    ],
    name="linear_cross_entropy",
    kind="product reduction",
    state=("blocks",),
)
