"""linear_cross_entropy: in blocks, with the values and derivatives of the composed form."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent import Tensor
from tinygrad_xent.nn import chunked


def linear_problem() -> tuple[list[Tensor], Any]:
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(7, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)
    return [leaf(a) for a in arrays], rng.integers(0, 5, 7)


def composed(x: Any, w: Any, b: Any, y: Any, **options: Any) -> Tensor:
    return tx.cross_entropy(x @ w + b, y, **options)


def gradients_of(loss: Tensor, leaves: list[Tensor], seed: Any, **how: Any) -> list[Any]:
    for t in leaves:
        t.grad = None
    loss.backward(seed, **how)
    return [t.grad for t in leaves]


@pytest.mark.parametrize("chunk_rows", [1, 3, 7, 100, None])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_blocks_of_any_size(monkeypatch, chunk_rows, reduction):
    """With a small cache too: elementwise by a few rows at a time, sums by a few columns."""
    monkeypatch.setattr(chunked, "CACHED", 8)
    leaves, y = linear_problem()
    seed = np.linspace(1, 2, 7) if reduction == "none" else 3.0
    expected_loss = composed(*leaves, y, reduction=reduction)
    expected = gradients_of(expected_loss, leaves, seed)
    loss = tx.linear_cross_entropy(*leaves, y, reduction=reduction, chunk_rows=chunk_rows)
    np.testing.assert_allclose(loss.numpy(), expected_loss.numpy(), rtol=1e-13)
    for _ in range(3):  # the gradients kept by the forward pass, then those computed anew
        for a, b in zip(gradients_of(loss, leaves, seed, retain_graph=True), expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)
            a.data *= 0  # a gradient is its owner's: the next walk must not see this


@pytest.mark.parametrize("live", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_only_the_gradients_asked_for(live):
    leaves, y = linear_problem()
    expected = gradients_of(composed(*leaves, y), leaves, 1.0)
    for i, t in enumerate(leaves):
        t.requires_grad = i in live
    found = gradients_of(tx.linear_cross_entropy(*leaves, y), leaves, 1.0)
    for i in range(3):
        if i in live:
            np.testing.assert_allclose(found[i].numpy(), expected[i].numpy(), atol=1e-14)
        else:
            assert found[i] is None


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_second_derivatives_through_the_blocks(reduction):
    leaves, y = linear_problem()
    seed = np.linspace(1, 2, 7) if reduction == "none" else 3.0
    options = {"reduction": reduction, "label_smoothing": 0.1}
    found = []
    for f in (tx.linear_cross_entropy, composed):
        first = gradients_of(f(*leaves, y, **options), leaves, seed, create_graph=True)
        squares = (first[0] ** 2).sum() + (first[1] ** 2).sum() + (first[2] ** 2).sum()
        found.append([g.numpy() for g in gradients_of(squares, leaves, 1.0)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_an_input_made_from_another():
    """weight is computed from x: the composed form of the second order must not walk past them."""
    found = []
    for f in (tx.linear_cross_entropy, composed):
        x = leaf(np.random.default_rng(0).normal(size=(3, 3)))
        hidden = tx.tanh(x)
        loss = f(hidden, hidden @ x, x[0], [0, 1, 2])
        loss.backward(create_graph=True)
        first = x.grad
        x.grad = None
        (first * first).sum().backward()
        found.append((first.numpy(), x.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-14)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-13)


def test_large_logits_in_blocks():
    scores = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]])
    x = leaf(scores)
    loss = tx.linear_cross_entropy(x, np.eye(2), None, [0, 0, 1], reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0, 2e4, np.log(2)])
    loss.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0], [-1, 1], [0.5, -0.5]])


def test_tracing_the_blocks_leaves_backward_alone():
    leaves, y = linear_problem()
    expected = gradients_of(composed(*leaves, y), leaves, 1.0)
    loss = tx.linear_cross_entropy(*leaves, y)
    entry = tx.trace(loss)[leaves[1]]
    np.testing.assert_allclose(entry.gradient, expected[1].numpy(), atol=1e-14)
    for a, b in zip(gradients_of(loss, leaves, 1.0), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)


def test_the_logits_are_never_whole():
    rng = np.random.default_rng(0)
    x, w = leaf(rng.normal(size=(512, 8))), leaf(rng.normal(size=(8, 2000)))
    y = rng.integers(0, 2000, 512)
    tracemalloc.start()
    tx.linear_cross_entropy(x, w, None, y, chunk_rows=16).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    logits, gradients, block = 512 * 2000 * 8, (512 + 2000) * 8 * 8, 16 * 2000 * 8
    assert peak < gradients + 3 * block < logits / 3


def test_with_few_classes_x_is_not_copied_whole(monkeypatch):
    monkeypatch.setattr(chunked, "CACHED", 1 << 12)
    rng = np.random.default_rng(0)
    x, w = leaf(rng.normal(size=(2048, 256))), leaf(rng.normal(size=(256, 3)))
    tracemalloc.start()
    tx.linear_cross_entropy(x, w, None, rng.integers(0, 3, 2048)).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * x.data.nbytes  # its gradient, and no second array of that size


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_row_that_counts_nothing_has_no_gradient(smoothing):
    """Class weights of 0: no gradient, and nothing divided by 0."""
    leaves, y = linear_problem()
    options = {"class_weight": np.zeros(5), "label_smoothing": smoothing, "reduction": "sum"}
    for g in gradients_of(tx.linear_cross_entropy(*leaves, y, **options), leaves, 1.0):
        np.testing.assert_array_equal(g.numpy(), np.zeros(g.shape))


def test_a_row_whose_factors_cancel_has_its_gradient_all_the_same():
    """A negative class weight makes label and smoothed part of row 0 count 0.5 and -0.5."""
    rng = np.random.default_rng(0)
    leaves, y = [leaf(rng.normal(size=s)) for s in ((2, 4), (4, 2), 2)], [0, 1]
    options = {"label_smoothing": 0.5, "reduction": "sum"}
    expected = gradients_of(composed(*leaves, y, weight=[1.0, -3.0], **options), leaves, 1.0)
    loss = tx.linear_cross_entropy(*leaves, y, class_weight=[1.0, -3.0], **options)
    for a, b in zip(gradients_of(loss, leaves, 1.0), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)


def test_a_mean_over_nothing_in_blocks():
    leaves, _ = linear_problem()
    with pytest.warns(RuntimeWarning, match="linear_cross_entropy: a mean over no samples"):
        loss = tx.linear_cross_entropy(*leaves, np.full(7, -100))
    assert loss.item() == 0
    for g in gradients_of(loss, leaves, 1.0):
        np.testing.assert_array_equal(g.numpy(), np.zeros(g.shape))


# --- other targets, other shapes -------------------------------------------------------------------


def probabilities(rows: int, classes: int = 5) -> Any:
    y = np.random.default_rng(1).uniform(0.1, 1, (rows, classes))
    return y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("chunk_rows", [1, 3, None])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_probabilities_in_blocks(monkeypatch, chunk_rows, reduction):
    monkeypatch.setattr(chunked, "CACHED", 8)
    leaves, _ = linear_problem()
    y = probabilities(7)
    options = {"reduction": reduction, "label_smoothing": 0.1}
    seed = np.linspace(1, 2, 7) if reduction == "none" else 3.0
    expected_loss = composed(*leaves, y, **options)
    expected = gradients_of(expected_loss, leaves, seed)
    loss = tx.linear_cross_entropy(*leaves, y, chunk_rows=chunk_rows, **options)
    np.testing.assert_allclose(loss.numpy(), expected_loss.numpy(), rtol=1e-13)
    for _ in range(2):
        for a, b in zip(gradients_of(loss, leaves, seed, retain_graph=True), expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("lead", [(), (2, 3), (1, 2, 2), (0,), (2, 0)])
def test_leading_axes_are_those_of_the_loss(lead, kind):
    rng = np.random.default_rng(0)
    rows = int(np.prod(lead, dtype=int))
    x, w = leaf(rng.normal(size=(*lead, 4))), leaf(rng.normal(size=(4, 5)))
    y = rng.integers(0, 5, rows) if kind == "labels" else probabilities(rows)
    flat = leaf(x.numpy().reshape(rows, 4))
    expected = tx.cross_entropy(flat @ w, y, reduction="none")
    loss = tx.linear_cross_entropy(x, w, None, y.reshape((*lead, *y.shape[1:])), reduction="none")
    assert loss.shape == lead
    np.testing.assert_allclose(loss.numpy().ravel(), expected.numpy(), rtol=1e-13)
    seed = np.linspace(1, 2, rows)
    (slope, slope_w) = gradients_of(expected, [flat, w], seed)
    (found, found_w) = gradients_of(loss, [x, w], seed.reshape(lead))
    assert found.shape == x.shape
    np.testing.assert_allclose(found.numpy().reshape(rows, 4), slope.numpy(), atol=1e-14)
    np.testing.assert_allclose(found_w.numpy(), slope_w.numpy(), atol=1e-14)


def test_probabilities_that_are_learned():
    leaves, _ = linear_problem()
    y = leaf(probabilities(7))
    expected = gradients_of(composed(*leaves, y), [*leaves, y], 1.0)
    found = gradients_of(tx.linear_cross_entropy(*leaves, y), [*leaves, y], 1.0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)


def test_probabilities_that_are_learned_without_a_bias():
    (x, w, _), _ = linear_problem()
    y = leaf(probabilities(7))
    expected = gradients_of(tx.cross_entropy(x @ w, y), [x, w, y], 1.0)
    found = gradients_of(tx.linear_cross_entropy(x, w, None, y), [x, w, y], 1.0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-14)


def test_second_derivatives_of_probabilities():
    rng = np.random.default_rng(0)
    x, w, y = rng.normal(size=(3, 2)), rng.normal(size=(2, 5)), probabilities(3)
    assert tx.check.gradcheck(
        lambda x, w: tx.linear_cross_entropy(x, w, None, y, chunk_rows=2), x, w, order=2
    )


def test_targets_that_fit_no_row():
    x, w = np.ones((2, 3, 4)), np.ones((4, 5))
    for y in (np.zeros(2, int), np.zeros((2, 3, 5), int)[..., :4], np.ones((2, 5))):
        with pytest.raises(tx.ShapeError, match=r"labels of shape \(2, 3\) or probabilities"):
            tx.linear_cross_entropy(x, w, None, y)
    with pytest.raises(ValueError, match="can't be negative"):
        tx.linear_cross_entropy(x, w, None, np.full((2, 3, 5), -1.0))
    with pytest.raises(tx.DtypeError, match="ignore_index=2 is for labels"):
        tx.linear_cross_entropy(x, w, None, np.full((2, 3, 5), 0.2), ignore_index=2)


@pytest.mark.parametrize("narrow", ["float16", "float32"])
def test_the_scores_have_numpys_promotion(narrow):
    x, weight = np.ones((2, 3), narrow), np.ones((3, 2))
    for wide in (weight.astype(np.float32), weight):
        assert tx.linear_cross_entropy(x, wide, None, [0, 1]).dtype == (x @ wide).dtype
