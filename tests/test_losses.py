"""The losses compared with a slow reference written in loops, and for large logits."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent import Tensor

# --- the reference: one sample at a time, no array operation, no tape ----------------------------


def target_row(target: Any, classes: int, smoothing: float) -> list[float]:
    """The target of a sample as one number per class: one-hot or given, then smoothed."""
    row = list(target) if np.ndim(target) else [float(k == target) for k in range(classes)]
    return [t * (1 - smoothing) + smoothing / classes for t in row]


def reference(z, target, weight, ignore_index, smoothing, reduction):
    """Loss and gradient of rows of logits (N, C), by the definition."""
    classes = len(z[0])
    weight = [1.0] * classes if weight is None else weight
    losses, gradient, total = [], [], 0.0
    for row, t in zip(z, target, strict=True):
        if not np.ndim(t) and t == ignore_index:
            losses.append(0.0)
            gradient.append([0.0] * classes)
            continue
        top = max(row)
        norm = math.fsum(math.exp(v - top) for v in row)
        log_p = [v - top - math.log(norm) for v in row]
        pull = [w * y for w, y in zip(weight, target_row(t, classes, smoothing), strict=True)]
        losses.append(-math.fsum(a * b for a, b in zip(pull, log_p, strict=True)))
        mass = math.fsum(pull)
        gradient.append([mass * math.exp(b) - a for a, b in zip(pull, log_p, strict=True)])
        total += 1.0 if np.ndim(t) else weight[t]
    if reduction == "none":
        return losses, gradient
    scale = 1 / total if reduction == "mean" else 1.0
    return math.fsum(losses) * scale, [[v * scale for v in row] for row in gradient]


COMBINATIONS = list(
    product(
        ["labels", "probabilities"],
        [None, [0.5, 2.0, 1.0, 0.7]],
        [0.0, 0.1],
        [-100, 2],
        ["mean", "sum", "none"],
    )
)


@pytest.mark.parametrize(("kind", "weight", "smoothing", "ignore_index", "reduction"), COMBINATIONS)
def test_cross_entropy_is_its_definition(kind, weight, smoothing, ignore_index, reduction):
    rng = np.random.default_rng(0)
    z = 3 * rng.normal(size=(6, 4))
    target: Any = np.array([0, 2, 1, 3, 2, 0])
    if kind == "probabilities":
        target, ignore_index = tx.softmax(rng.normal(size=(6, 4))), -100
    value, gradient = reference(z, target, weight, ignore_index, smoothing, reduction)
    options = {"ignore_index": ignore_index, "label_smoothing": smoothing, "reduction": reduction}
    x = leaf(z)
    loss = tx.cross_entropy(x, target, weight=weight, **options)
    loss.backward(np.ones(loss.shape))
    np.testing.assert_allclose(loss.numpy(), value, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-13, atol=1e-13)
    if kind == "labels":
        x = leaf(z)
        loss = tx.linear_cross_entropy(
            np.eye(6), x, None, target, class_weight=weight, chunk_rows=4, **options
        )
        loss.backward(np.ones(loss.shape))
        np.testing.assert_allclose(loss.numpy(), value, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_elementwise_losses_are_their_definitions(reduction):
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    positive, weight = rng.uniform(1, 3, 3), rng.uniform(1, 3, (4, 1))
    binary = np.zeros((4, 3))
    squared = np.zeros((4, 3))
    for i, k in product(range(4), range(3)):
        p = 1 / (1 + math.exp(-z[i, k]))
        each = -positive[k] * y[i, k] * math.log(p) - (1 - y[i, k]) * math.log(1 - p)
        binary[i, k] = weight[i, 0] * each
        squared[i, k] = (z[i, k] - y[i, k]) ** 2
    reduce = {"mean": np.mean, "sum": np.sum, "none": np.array}[reduction]
    np.testing.assert_allclose(
        tx.binary_cross_entropy_with_logits(
            Tensor(z), y, weight=weight, pos_weight=positive, reduction=reduction
        ).numpy(),
        reduce(binary),
        rtol=1e-13,
    )
    mse = tx.mse_loss(Tensor(z), y, reduction=reduction).numpy()
    np.testing.assert_allclose(mse, reduce(squared), rtol=1e-13)


def test_gradient_is_softmax_less_target_over_n():
    rng = np.random.default_rng(0)
    z, y = leaf(rng.normal(size=(5, 3))), np.array([0, 1, 0, 1, 2])
    tx.cross_entropy(z, y).backward()
    expected = (tx.softmax(z.numpy(), axis=1) - np.eye(3)[y]) / 5
    np.testing.assert_allclose(z.grad.numpy(), expected, atol=1e-15)


def test_probabilities_that_are_computed_get_their_gradient():
    """dL/dY = -log softmax(z) / N: a teacher can be trained with its student."""
    rng = np.random.default_rng(0)
    z, y = leaf(rng.normal(size=(5, 3))), leaf(tx.softmax(rng.normal(size=(5, 3))))
    tx.cross_entropy(z, y).backward()
    np.testing.assert_allclose(y.grad.numpy(), -tx.log_softmax(z.numpy()) / 5, atol=1e-15)


def test_focal_loss_without_focus_is_cross_entropy():
    z, y = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 0, 1, 2])
    focal = tx.softmax_focal_loss(Tensor(z), y, gamma=0).item()
    assert focal == tx.cross_entropy(Tensor(z), y).item()


# --- large logits --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_large_logits(dtype, smoothing):
    """Gaps of 2e4 overflow exp; equal logits of 1e4 lose log 2 where log-sum-exp is subtracted."""
    z = Tensor([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]], requires_grad=True, dtype=dtype)
    loss = tx.cross_entropy(z, [0, 0, 1], label_smoothing=smoothing, reduction="none")
    smooth = 1e4 * smoothing  # half the smoothing is on the class 2e4 below
    expected = [smooth, 2e4 - smooth, math.log(2)]
    np.testing.assert_allclose(loss.numpy(), expected, rtol=4 * np.finfo(dtype).eps)
    loss.sum().backward()
    half = smoothing / 2
    expected = [[half, -half], [half - 1, 1 - half], [0.5 - half, half - 0.5]]
    np.testing.assert_allclose(z.grad.numpy(), expected, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_loss_of_large_logits(gamma):
    z = leaf([[1e4, -1e4], [-1e4, 1e4]])
    loss = tx.softmax_focal_loss(z, [0, 0], gamma=gamma, reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0, 2e4])
    loss.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [[0, 0], [-1, 1]], atol=1e-12)


@pytest.mark.parametrize("pos_weight", [None, 0.1])
def test_binary_cross_entropy_of_large_logits(pos_weight):
    z = leaf([1e4, -1e4, 1e4, -1e4])
    loss = tx.binary_cross_entropy_with_logits(
        z, [1, 1, 0, 0], pos_weight=pos_weight, reduction="none"
    )
    p = pos_weight or 1
    np.testing.assert_allclose(loss.numpy(), [0, p * 1e4, 1e4, 0])
    loss.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [0, -p, 1, 0])


def test_a_masked_class_has_no_part_in_the_loss_of_labels():
    z = leaf([[-np.inf, 0.0, 0.0]])
    loss = tx.cross_entropy(z, [1])
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    np.testing.assert_allclose(z.grad.numpy(), [[0, -0.5, 0.5]])


def test_an_ignored_sample_may_hold_anything():
    z = leaf([[-np.inf, 0.0], [0.0, 0.0]])
    loss = tx.cross_entropy(z, [-100, 1])  # the ignored row's stand-in label 0 has -log p = inf
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    np.testing.assert_allclose(z.grad.numpy(), [[0, 0], [0.5, -0.5]])


# --- what is drawn, kept and given back ----------------------------------------------------------


def test_losses_are_scopes_of_table_operations():
    z = leaf(np.eye(3))
    trace = tx.trace(tx.cross_entropy(z, [0, 1, 2]))
    operations = [(e.op, e.scope) for e in trace if e.kind == "operation"]
    names = ["log_softmax", "take_along_axis", "sum", "div", "neg"]
    assert operations == [(name, ("cross_entropy",)) for name in names]


def test_raw_arrays_give_a_tensor_that_needs_no_gradient():
    loss = tx.cross_entropy(np.zeros((2, 4)), [1, 2])
    assert isinstance(loss, Tensor)
    assert not loss.requires_grad
    assert loss == pytest.approx(math.log(4))


def test_the_loss_has_the_dtype_of_the_logits():
    z = Tensor(np.zeros((2, 4)), dtype=np.float32)
    probabilities, weight = np.full((2, 4), 0.25), np.ones(4)  # float64
    assert tx.cross_entropy(z, probabilities).dtype == np.float32
    assert tx.cross_entropy(z, [0, 1], weight=weight, label_smoothing=0.1).dtype == np.float32
    assert tx.binary_cross_entropy_with_logits(z, probabilities).dtype == np.float32
    assert tx.mse_loss(z, probabilities).dtype == np.float32
    loss = tx.linear_cross_entropy(z, np.eye(4, dtype=np.float32), None, [0, 1])
    assert loss.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_labels_of_any_integer_dtype(dtype):
    z = Tensor([[0.0, 1.0], [2.0, 3.0]])
    labels = np.array([1, 0], dtype)
    assert tx.cross_entropy(z, labels).item() == tx.cross_entropy(z, [1, 0]).item()
    assert tx.cross_entropy(z, Tensor(labels)).item() == tx.cross_entropy(z, [1, 0]).item()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_logits_in_any_memory_order(axis):
    """The fused gradient is computed in place, also if the logits are a transposed array."""
    z = np.random.default_rng(0).standard_normal((4, 4))
    labels = [0, 3, 1, 1]
    one_hot = np.eye(4)[labels] if axis != 0 else np.eye(4)[labels].T
    turned = leaf(z.T)
    loss = tx.cross_entropy(turned.T, labels, axis=axis)
    loss.backward()
    expected = (tx.softmax(z, axis=axis).numpy() - one_hot) / 4
    np.testing.assert_allclose(turned.grad.numpy().T, expected, atol=1e-15)
    assert loss.item() == pytest.approx(tx.cross_entropy(z, labels, axis=axis).item(), rel=1e-15)
