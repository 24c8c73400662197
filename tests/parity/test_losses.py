"""The losses compared with PyTorch: every combination of options, in value and in gradient."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import DtypeError, Tensor

torch = pytest.importorskip("torch")
functional = torch.nn.functional
torch.set_num_threads(1)  # the arrays are tiny

CLASSES = 5
SHAPES = {"1-D": (CLASSES,), "2-D": (7, CLASSES), "4-D": (3, CLASSES, 2, 4)}
TOLERANCE = {"float64": {"rtol": 0, "atol": 1e-12}, "float32": {"rtol": 1e-6, "atol": 1e-5}}
EXACT = TOLERANCE["float64"]


def class_axis(shape: tuple[int, ...]) -> int:
    return min(1, len(shape) - 1)


def some_target(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...], ignore_index: int | None
) -> Any:
    """Labels, a third of them ignored but never all; or rows of probabilities."""
    axis = class_axis(shape)
    if kind == "probabilities":
        positive = rng.uniform(0.1, 1.0, shape)
        return positive / positive.sum(axis, keepdims=True)
    labels = np.asarray(rng.integers(0, CLASSES - 1, shape[:axis] + shape[axis + 1 :]))
    if ignore_index is not None and labels.ndim:
        labels.flat[::3] = ignore_index
    return labels


def assert_equal(ours: Any, theirs: Any, inputs: Any, tolerance: dict[str, float]) -> None:
    """Check that two losses agree, and their gradients; `inputs` is [(our tensor, torch's)]."""
    assert ours.shape == tuple(theirs.shape)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), **tolerance)
    gradient = np.random.default_rng(1).normal(size=ours.shape).astype(ours.dtype)
    ours.backward(gradient)
    theirs.backward(torch.tensor(gradient))
    for a, b in inputs:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **tolerance)


def both(array: Any, dtype: str) -> tuple[Tensor, Any]:
    array = array.astype(dtype)
    return Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def as_torch(array: Any, dtype: str) -> Any:
    if array is None:
        return None
    return torch.tensor(array if array.dtype.kind == "i" else array.astype(dtype))


OPTIONS = list(
    product(
        ["labels", "probabilities"],
        [False, True],
        [0.0, 0.1],
        [None, -1, CLASSES - 1],
        ["mean", "sum", "none"],
        SHAPES,
        TOLERANCE,
    )
)


@pytest.mark.parametrize(
    ("kind", "weighted", "smoothing", "ignore_index", "reduction", "shape", "dtype"), OPTIONS
)
def test_cross_entropy(kind, weighted, smoothing, ignore_index, reduction, shape, dtype):
    rng = np.random.default_rng(0)
    z, z_torch = both(2 * rng.normal(size=SHAPES[shape]), dtype)
    target = some_target(rng, kind, SHAPES[shape], ignore_index)
    weight = rng.uniform(0.5, 2.0, CLASSES) if weighted else None
    options = {"label_smoothing": smoothing, "reduction": reduction}
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
    if kind == "probabilities" and ignore_index == CLASSES - 1:  # both refuse it
        with pytest.raises(RuntimeError, match="ignore_index"):
            functional.cross_entropy(z_torch, as_torch(target, dtype), **options)
        with pytest.raises(DtypeError, match="ignore_index"):
            tx.cross_entropy(z, target, **options)
        return
    theirs = functional.cross_entropy(
        z_torch, as_torch(target, dtype), weight=as_torch(weight, dtype), **options
    )
    ours = tx.cross_entropy(z, target, weight=weight, **options)
    assert_equal(ours, theirs, [(z, z_torch)], TOLERANCE[dtype])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_class_axis(axis):
    rng = np.random.default_rng(0)
    array, labels = rng.normal(size=(4, 4, 4)), rng.integers(0, 4, (4, 4))
    z, z_torch = both(array, "float64")
    ours = tx.cross_entropy(z, labels, axis=axis)
    theirs = functional.cross_entropy(z_torch.movedim(axis, 1), torch.tensor(labels))
    assert_equal(ours, theirs, [(z, z_torch)], EXACT)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_of_the_probabilities(smoothing):
    """A target that is itself computed, as in distillation, gets its gradient."""
    rng = np.random.default_rng(0)
    z, z_torch = both(rng.normal(size=(6, 3)), "float64")
    s, s_torch = both(rng.normal(size=(6, 3)), "float64")
    ours = tx.cross_entropy(z, tx.softmax(s, axis=1), label_smoothing=smoothing)
    theirs = functional.cross_entropy(z_torch, s_torch.softmax(1), label_smoothing=smoothing)
    assert_equal(ours, theirs, [(z, z_torch), (s, s_torch)], EXACT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [None, -1, CLASSES - 1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_nll_loss(weighted, ignore_index, reduction, shape, dtype):
    rng = np.random.default_rng(0)
    z, z_torch = both(rng.normal(size=SHAPES[shape]), dtype)
    target = some_target(rng, "labels", SHAPES[shape], ignore_index)
    weight = rng.uniform(0.5, 2.0, CLASSES) if weighted else None
    options = {"reduction": reduction}
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
    theirs = functional.nll_loss(
        z_torch, torch.tensor(target), weight=as_torch(weight, dtype), **options
    )
    assert_equal(
        tx.nll_loss(z, target, weight=weight, **options), theirs, [(z, z_torch)], TOLERANCE[dtype]
    )


@pytest.mark.parametrize("weight", [None, (6, 3), (3,), (6, 1)])
@pytest.mark.parametrize("pos_weight", [None, (3,), ()])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_binary_cross_entropy_with_logits(weight, pos_weight, reduction, dtype):
    rng = np.random.default_rng(0)
    z, z_torch = both(2 * rng.normal(size=(6, 3)), dtype)
    y, y_torch = both(rng.uniform(size=(6, 3)), dtype)
    w = None if weight is None else rng.uniform(0.5, 2, weight)
    p = None if pos_weight is None else np.asarray(rng.uniform(0.5, 2, pos_weight))
    theirs = functional.binary_cross_entropy_with_logits(
        z_torch, y_torch, as_torch(w, dtype), reduction=reduction, pos_weight=as_torch(p, dtype)
    )
    ours = tx.binary_cross_entropy_with_logits(z, y, weight=w, pos_weight=p, reduction=reduction)
    assert_equal(ours, theirs, [(z, z_torch), (y, y_torch)], TOLERANCE[dtype])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(), (5,), (4, 3)])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_mse_loss(reduction, shape, dtype):
    rng = np.random.default_rng(0)
    a, a_torch = both(np.asarray(rng.normal(size=shape)), dtype)
    b, b_torch = both(np.asarray(rng.normal(size=shape)), dtype)
    theirs = functional.mse_loss(a_torch, b_torch, reduction=reduction)
    ours = tx.mse_loss(a, b, reduction=reduction)
    assert_equal(ours, theirs, [(a, a_torch), (b, b_torch)], TOLERANCE[dtype])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_focal_loss(gamma, weighted, reduction, shape):
    """PyTorch has no such function, so the reference is its definition, written with PyTorch."""
    rng = np.random.default_rng(0)
    z, z_torch = both(rng.normal(size=SHAPES[shape]), "float64")
    target = some_target(rng, "labels", SHAPES[shape], None)
    weight = rng.uniform(0.5, 2.0, CLASSES) if weighted else np.ones(CLASSES)
    axis = class_axis(SHAPES[shape])
    places = torch.tensor(target).unsqueeze(axis)
    log_p = z_torch.log_softmax(axis).gather(axis, places).squeeze(axis)
    each = -torch.tensor(weight)[target] * (1 - log_p.exp()) ** gamma * log_p
    total = weight[target].sum()
    theirs = {"mean": each.sum() / total, "sum": each.sum(), "none": each}[reduction]
    ours = tx.softmax_focal_loss(z, target, gamma=gamma, weight=weight, reduction=reduction)
    assert_equal(ours, theirs, [(z, z_torch)], EXACT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignore_index", [-100, CLASSES - 1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("lead", [(7,), (), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_linear_cross_entropy(
    weighted, smoothing, ignore_index, reduction, bias, kind, lead, dtype
):
    if kind == "probabilities" and ignore_index >= 0:
        return  # refused
    rng = np.random.default_rng(0)
    x, x_torch = both(rng.normal(size=(*lead, 4)), dtype)
    w, w_torch = both(rng.normal(size=(4, CLASSES)), dtype)
    b, b_torch = both(rng.normal(size=CLASSES), dtype)
    rows = math.prod(lead)
    target = some_target(rng, kind, (rows, CLASSES), ignore_index if rows > 1 else None)
    class_weight = rng.uniform(0.5, 2.0, CLASSES) if weighted else None
    options = {
        "label_smoothing": smoothing,
        "ignore_index": ignore_index,
        "reduction": reduction,
    }
    logits = x_torch.reshape(rows, 4) @ w_torch + (b_torch if bias else 0)
    expected = torch.tensor(target if kind == "labels" else target.astype(dtype))
    theirs = functional.cross_entropy(
        logits, expected, weight=as_torch(class_weight, dtype), **options
    )
    if reduction == "none":
        theirs = theirs.reshape(lead)
    target = target.reshape((*lead, *target.shape[1:]))
    ours = tx.linear_cross_entropy(
        x, w, b if bias else None, target, class_weight=class_weight, chunk_rows=3, **options
    )
    inputs = [(x, x_torch), (w, w_torch), (b, b_torch)]
    assert_equal(ours, theirs, inputs if bias else inputs[:2], TOLERANCE[dtype])
