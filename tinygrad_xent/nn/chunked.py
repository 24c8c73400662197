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

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arguments import check_number, check_sizes
from ..engine import errors
from ..engine.arrays import Array
from ..engine.breadth.composites import in_float32_beside
from ..engine.context import MODE
from ..engine.gradients import gradients
from ..engine.methods import Operand
from ..engine.ops import moves, products
from ..engine.symbols import noting
from ..engine.table import Op
from ..engine.tape import apply
from ..engine.tensors import Tensor, is_tensor
from .block_targets import OfLabels, OfProbabilities
from .losses import Reduction, cross_entropy
from .targets import Classes, check_floats, check_reduction, values_of

NAME = "linear_cross_entropy"
BLOCK = 1 << 23  # most elements in one block of logits: 32 MB of float32
CACHED = 1 << 18  # elements per elementwise step: 1 MB of float32 stays in the cache


@in_float32_beside("weight", "bias")
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
        x: (..., D), floats: (D,) for one sample, (N, D), or (N, d1, ..., D).
        weight: (D, C), of the linear layer.
        bias: (C,) or None.
        target: (...) class labels, or (..., C) class probabilities. If the probabilities require
            grad, all logits are held, as by `cross_entropy`.
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
    label_smoothing = check_number(NAME, "label_smoothing", label_smoothing, 0, 1)
    check_reduction(NAME, reduction)
    if chunk_rows is not None:
        check_sizes(NAME, [chunk_rows])
    options: dict[str, Any] = {
        "weight": class_weight,
        "ignore_index": ignore_index,
        "label_smoothing": label_smoothing,
        "reduction": reduction,
    }
    layer = [check_floats(NAME, x), check_floats(NAME, weight), 0.0]
    if bias is not None:
        layer[2] = check_floats(NAME, bias)
    return _of_layer(layer, target, options, chunk_rows)


def _of_layer(
    layer: list[Any], target: Any, options: dict[str, Any], chunk_rows: int | None
) -> Tensor:
    """The loss of a layer's x, weight and bias: their leading axes become one."""
    (x, weight, bias), values = layer, values_of(NAME, target)
    _check_shapes(x, weight, bias, values)
    if noting() or (is_tensor(target) and target.requires_grad):
        return cross_entropy(products.linear(x, weight, bias), target, **options, axis=-1)
    lead = x.shape[:-1]
    if len(lead) != 1:
        rows = math.prod(lead)
        x = moves.reshape(x, (rows, x.shape[-1]))
        values = values.reshape(rows, *values.shape[len(lead) :])
    blocks = _Blocks(x, weight, bias, values, options, chunk_rows)
    row = _OF_PROBABILITIES if values.dtype.kind == "f" else _OF_LABELS
    loss = apply(row, (x, weight, bias, blocks.target.values), (), MODE.get(), (blocks,))
    if options["reduction"] == "none" and len(lead) != 1:
        return moves.reshape(loss, lead)
    return loss


def _check_shapes(x: Any, weight: Any, bias: Any, target: Array) -> None:
    """x (..., D), weight (D, C), bias (C,) or a number, target (...) or (..., C)."""
    if not x.shape or len(weight.shape) != 2 or x.shape[-1] != weight.shape[0]:
        what = f"{NAME}: needs x (..., D) and weight (D, C), got {x.shape} and {weight.shape}"
        fix = "the weight is that of x @ weight: PyTorch's, transposed"
        raise errors.ShapeError(what, [x, weight], fix)
    lead, classes = x.shape[:-1], weight.shape[1]
    if not isinstance(bias, float) and bias.shape != (classes,):
        what = f"{NAME}: {classes} classes need a bias of shape ({classes},), got {bias.shape}"
        raise errors.ShapeError(what, [weight, bias])
    if target.shape not in (lead, (*lead, classes)):
        what = (
            f"{NAME}: x of shape {x.shape} needs labels of shape {lead} or probabilities of shape "
        )
        what += f"{(*lead, classes)}, got {target.shape}"
        raise errors.ShapeError(
            what, [x, target], "one label, or one row of probabilities, per row"
        )


class _Blocks:
    """One loss: its targets and options, and the gradients that the forward pass left."""

    def __init__(
        self,
        x: Any,
        weight: Any,
        bias: Any,
        target: Array,
        options: dict[str, Any],
        chunk_rows: int | None,
    ) -> None:
        count, classes = len(x), weight.shape[1]
        self.options = options
        recording = MODE.get().in_force().recording
        self.live = tuple(
            i
            for i, operand in enumerate((x, weight, bias))
            if recording and getattr(operand, "requires_grad", False)
        )
        self.dtype = np.result_type(*(t.dtype for t in (x, weight, bias) if hasattr(t, "dtype")))
        logits = np.broadcast_to(self.dtype.type(0), (count, classes))  # takes no memory
        known = Classes(NAME, logits, 1, options["reduction"])
        kind = OfProbabilities if target.dtype.kind == "f" else OfLabels
        rest = {name: value for name, value in options.items() if name != "reduction"}
        self.target: Any = kind(known, target, **rest)
        self.divisor = self.target.divisor
        fewest = max(1, min(256, BLOCK // classes))
        self.rows = chunk_rows or max(fewest, 4 * CACHED // max(weight.shape))
        self.ready: dict[int, Any] = {}  # gradients not yet handed out, by input
        self.ready_for: Any = None  # the gradient already multiplied in; None: not yet

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
        counted = self.target.counted
        chosen = unit != 0 if counted is None else counted & (unit != 0)
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
                rows[these], scale[these] = self.target.finish(few, these, unit[these], bool(live))
                if 2 in grads:
                    grads[2] += scale[these].dot(few)
            column = scale[here, None]
            if 0 in grads:
                slopes = np.matmul(z, weight.T, out=grads[0][here])
                slopes *= column
            if 1 in grads:
                _add_product(grads[1], (part * column).T, z)
        return rows, grads

    def recorded(self, x: Any, weight: Any, bias: Any, target: Any) -> Tensor:
        """The loss as its operations compute it, without blocks: for a program, or second derivatives."""
        bare = isinstance(bias, float)
        logits = products.matmul(x, weight) if bare else products.linear(x, weight, bias)
        return cross_entropy(logits, target, **self.options)

    def _composed(self, g: Any, operands: tuple[Any, Any, Any]) -> dict[int, Any]:
        """The gradients as tensors, from the composed form recorded on fresh nodes."""
        fresh = [moves.identity(t) if i in self.live else t for i, t in enumerate(operands)]
        x, weight, bias = fresh
        loss = self.recorded(x, weight, bias, self.target.values)
        sources = [fresh[i]._source() for i in self.live]
        found = gradients(loss._source(), g, sources, create_graph=True)
        return {i: found[s] for i, s in zip(self.live, sources, strict=True)}


def _add_product(total: Array, a: Array, b: Array) -> None:
    """total += a @ b, some columns at a time: the product stays in the cache until it is added."""
    columns = max(1, 4 * CACHED // max(1, len(a)))
    for start in range(0, b.shape[1], columns):
        part = total[:, start : start + columns]
        part += a @ b[:, start : start + columns]


def _row(formula: str, slope: str, forward: Callable[..., Array]) -> Op:
    """The row of one kind of target; the slope is the loss's by the logits."""

    def rule(i: int) -> Any:
        return lambda g, x, weight, bias, blocks: blocks.gradient(g, (x, weight, bias), i)

    rules = [
        (f"g · {slope} @ weightᵀ / N", rule(0)),
        (f"g · xᵀ @ {slope} / N", rule(1)),
        (f"g · {slope} / N", rule(2)),
        None,
    ]
    return Op(forward, formula, rules, name=NAME, kind="product reduction", state=("blocks",))


def _of_labels(x: Array, weight: Array, bias: Any, labels: Array, /, blocks: _Blocks) -> Array:
    return blocks.value(x, weight, bias)


def _of_probabilities(x: Array, weight: Array, bias: Any, Y: Array, /, blocks: _Blocks) -> Array:
    return blocks.value(x, weight, bias)


_OF_LABELS = _row(
    "-Σ log softmax(x @ weight + bias)[labels] / N", "(softmax(x @ weight + bias) - Y)", _of_labels
)
_OF_PROBABILITIES = _row(
    "-Σ Y · log softmax(x @ weight + bias) / N",
    "(softmax(x @ weight + bias) - Y)",
    _of_probabilities,
)
