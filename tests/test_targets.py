"""What the losses do with targets that are missing, wrong or out of range."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent import DtypeError, GraphError, OutOfRangeError, ShapeError, Tensor

HERE = "test_targets.py"


# --- nothing to average --------------------------------------------------------------------------

NOTHING = {
    "all ignored": (np.zeros((2, 3)), [-100, -100], {}),
    "all ignored and smoothed": (np.zeros((2, 3)), [-100, -100], {"label_smoothing": 0.1}),
    "all ignored and weighted": (
        np.zeros((2, 3)),
        [1, 1],
        {"ignore_index": 1, "weight": [1, 2, 3]},
    ),
    "all of weight 0": (np.zeros((2, 3)), [1, 1], {"weight": [1, 0, 1]}),
    "one sample, ignored": (np.zeros(3), -100, {}),
    "empty labels": (np.zeros((0, 3)), np.zeros(0, int), {}),
    "empty probabilities": (np.zeros((0, 3)), np.zeros((0, 3)), {}),
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_mean_over_nothing_is_zero(case):
    z, target, options = NOTHING[case]
    z = leaf(z, "z")
    with pytest.warns(RuntimeWarning, match="a mean over no samples") as caught:
        loss = tx.cross_entropy(z, target, **options)
    assert HERE in caught[0].filename
    assert "the loss is 0" in str(caught[0].message)
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(z.grad.numpy(), np.zeros(z.shape))


@pytest.mark.parametrize("loss", [tx.mse_loss, tx.binary_cross_entropy_with_logits])
def test_an_elementwise_mean_over_nothing(loss):
    z = leaf(np.zeros((0, 2)))
    with pytest.warns(RuntimeWarning, match="a mean over no samples"):
        y = loss(z, np.zeros((0, 2)))
    y.backward()
    assert y.item() == 0
    assert z.grad.shape == (0, 2)


def test_sums_over_nothing_need_no_warning():
    z = Tensor(np.zeros((0, 3)))
    assert tx.cross_entropy(z, np.zeros(0, int), reduction="sum").item() == 0
    assert tx.cross_entropy(z, np.zeros(0, int), reduction="none").shape == (0,)
    assert tx.cross_entropy(Tensor(np.zeros((1, 3))), [-100], reduction="sum").item() == 0


# --- targets that are not probabilities ----------------------------------------------------------


def test_rows_that_do_not_sum_to_one():
    z, y = leaf(np.zeros((3, 2)), "z"), np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 0.2]])
    with pytest.warns(RuntimeWarning) as caught:
        loss = tx.cross_entropy(z, y)
    text = str(caught[0].message)
    for words in ("row 1", "sums to 2, not 1", "(sum(Y) · softmax - Y) / N", "counts 2 times"):
        assert words in text
    assert HERE in caught[0].filename
    loss.backward()  # its gradient is the one that the warning names
    expected = (y.sum(axis=1, keepdims=True) * 0.5 - y) / 3
    np.testing.assert_allclose(z.grad.numpy(), expected)


def test_one_sample_that_does_not_sum_to_one():
    with pytest.warns(RuntimeWarning, match="the target sums to 0.5, not 1"):
        tx.cross_entropy(Tensor([0.0, 0.0]), [0.5, 0.0])


def test_rounded_probabilities_are_fine():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float16):
        y = tx.softmax(rng.normal(size=(50, 10)).astype(dtype))
        tx.cross_entropy(Tensor(np.zeros((50, 10))), y)


def test_a_training_loop_is_warned_once():
    z, y = Tensor([[0.0, 0.0]]), [[0.5, 0.0]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            tx.cross_entropy(z, y)
    assert len(caught) == 1


# --- bad input -----------------------------------------------------------------------------------

Z = leaf(np.zeros((4, 3)), "scores")
X, W = leaf(np.zeros((4, 2)), "x"), leaf(np.zeros((2, 3)), "W")
ROW = np.full((4, 3), 1 / 3)

BAD = {
    "label too large": (
        OutOfRangeError,
        lambda: tx.cross_entropy(Z, [0, 1, 3, 5]),
        ("cross_entropy: label 3 of sample 2 is out of range for 3 classes", "scores: float64"),
    ),
    "negative label": (
        OutOfRangeError,
        lambda: tx.cross_entropy(Z, [0, -1, 2, 0]),
        ("label -1 of sample 1", "ignore_index"),
    ),
    "label beside ignored ones": (
        OutOfRangeError,
        lambda: tx.cross_entropy(Z, [-100, 0, 7, -100]),
        ("label 7 of sample 2",),
    ),
    "label of a pixel": (
        OutOfRangeError,
        lambda: tx.cross_entropy(np.zeros((2, 3, 2)), [[0, 1], [2, 9]]),
        ("label 9 of sample (1, 1)",),
    ),
    "label of one sample": (
        OutOfRangeError,
        lambda: tx.cross_entropy(np.zeros(3), 4),
        ("label 4 is out of range",),
    ),
    "label of nll_loss": (
        OutOfRangeError,
        lambda: tx.nll_loss(Z, [0, 1, 2, 3]),
        ("nll_loss: label 3",),
    ),
    "label of focal loss": (
        OutOfRangeError,
        lambda: tx.softmax_focal_loss(Z, [0, 1, 2, 3]),
        ("softmax_focal_loss: label 3",),
    ),
    "label in blocks": (
        OutOfRangeError,
        lambda: tx.linear_cross_entropy(X, W, None, [0, 1, 2, 3]),
        ("linear_cross_entropy: label 3 of sample 3",),
    ),
    "float labels": (
        DtypeError,
        lambda: tx.cross_entropy(Z, [0.0, 1.0, 2.0, 1.0]),
        ("labels must be integers, got float64", "labels.astype(int)"),
    ),
    "float labels of nll_loss": (
        DtypeError,
        lambda: tx.nll_loss(Z, [0.0, 1.0, 2.0, 1.0]),
        ("nll_loss: labels must be integers, got float64",),
    ),
    "boolean labels": (
        DtypeError,
        lambda: tx.cross_entropy(Z, [True, False, True, False]),
        ("labels must be integers, got bool",),
    ),
    "text labels": (
        DtypeError,
        lambda: tx.cross_entropy(Z, ["a", "b", "a", "c"]),
        ("takes numbers, got a list (text)",),
    ),
    "ragged labels": (
        ShapeError,
        lambda: tx.cross_entropy(Z, [[1], [2, 3]]),
        ("ragged list",),
    ),
    "labels in a column": (
        ShapeError,
        lambda: tx.cross_entropy(Z, [[0], [1], [2], [0]]),
        ("need labels of shape (4,), got (4, 1)",),
    ),
    "too few labels": (ShapeError, lambda: tx.cross_entropy(Z, [0, 1]), ("(4,), got (2,)",)),
    "integer one-hot": (
        ShapeError,
        lambda: tx.cross_entropy(Z, np.ones((4, 3), int)),
        ("one-hot targets are probabilities", "target.astype(float)"),
    ),
    "probabilities of another shape": (
        ShapeError,
        lambda: tx.cross_entropy(Z, np.ones((4, 2))),
        ("probabilities of shape (4, 2)", "(4, 3)"),
    ),
    "negative probability": (
        ValueError,
        lambda: tx.cross_entropy(Z, ROW - 0.5),
        ("the target at (0, 0)", "a probability can't be negative"),
    ),
    "ignore_index with probabilities": (
        DtypeError,
        lambda: tx.cross_entropy(Z, ROW, ignore_index=1),
        ("ignore_index=1 is for labels",),
    ),
    "integer logits": (
        DtypeError,
        lambda: tx.cross_entropy([[1, 2]], [0]),
        ("cross_entropy: takes floats, got int64", "astype"),
    ),
    "no classes": (
        ShapeError,
        lambda: tx.cross_entropy(np.zeros((2, 0)), [0, 0]),
        ("no classes",),
    ),
    "a number for logits": (
        ShapeError,
        lambda: tx.cross_entropy(Tensor(1.0), 0),
        ("no class axis 1", "()"),
    ),
    "an axis too many": (
        ShapeError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], axis=2),
        ("no class axis 2 in shape (4, 3)",),
    ),
    "weights of another length": (
        ShapeError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], weight=[1.0, 2.0]),
        ("weights of shape (2,), but 3 classes need (3,)", "scores: float64"),
    ),
    "weights of text": (
        DtypeError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], weight=["a", "b", "c"]),
        ("takes numbers, got a list (text)",),
    ),
    "weights that require grad": (
        GraphError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], weight=leaf([1.0, 2.0, 3.0], "balance")),
        ("no gradient reaches the weights", "balance", "detach"),
    ),
    "smoothing above 1": (
        ValueError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], label_smoothing=1.5),
        ("label_smoothing must be from 0 to 1",),
    ),
    "unknown reduction": (
        ValueError,
        lambda: tx.cross_entropy(Z, [0, 1, 2, 0], reduction="avg"),
        ('"mean", "sum" or "none", got \'avg\'',),
    ),
    "negative gamma": (
        ValueError,
        lambda: tx.softmax_focal_loss(Z, [0, 1, 2, 0], gamma=-1),
        ("gamma must be at least 0",),
    ),
    "(N,) against (N, 1)": (
        ShapeError,
        lambda: tx.mse_loss(leaf(np.zeros((4, 1)), "fit"), np.zeros(4)),
        ("mse_loss: input of shape (4, 1) but target of shape (4,)", "fit", "reshape"),
    ),
    "(N, 1) against (N,)": (
        ShapeError,
        lambda: tx.binary_cross_entropy_with_logits(leaf(np.zeros(4)), np.zeros((4, 1))),
        ("binary_cross_entropy_with_logits", "(4,)", "(4, 1)"),
    ),
    "labels of -1 and 1": (
        ValueError,
        lambda: tx.binary_cross_entropy_with_logits(Z, np.sign(ROW - 0.5)),
        ("the target at (0, 0) is -1.0, not in [0, 1]", "(y + 1) / 2"),
    ),
    "a NaN target": (
        ValueError,
        lambda: tx.binary_cross_entropy_with_logits(np.zeros(2), [0.0, np.nan]),
        ("the target at (1,) is nan",),
    ),
    "pos_weight of another length": (
        ShapeError,
        lambda: tx.binary_cross_entropy_with_logits(Z, ROW, pos_weight=[1.0, 2.0]),
        ("weights of shape (2,) do not broadcast to (4, 3)",),
    ),
    "weights that would stretch the loss": (
        ShapeError,
        lambda: tx.binary_cross_entropy_with_logits(Z, ROW, weight=np.ones((2, 4, 3))),
        ("weights of shape (2, 4, 3) do not broadcast to (4, 3)",),
    ),
    "a target of text": (
        DtypeError,
        lambda: tx.mse_loss(np.zeros(2), ["a", "b"]),
        ("mse_loss: takes numbers, got a list (text)",),
    ),
    "x of other width": (
        ShapeError,
        lambda: tx.linear_cross_entropy(X, leaf(np.zeros((3, 3)), "W"), None, [0, 1, 2, 0]),
        ("got (4, 2) and (3, 3)", "x: float64", "W: float64"),
    ),
    "a bias of other length": (
        ShapeError,
        lambda: tx.linear_cross_entropy(X, W, np.zeros(2), [0, 1, 2, 0]),
        ("3 classes need a bias of shape (3,), got (2,)",),
    ),
    "scores of another shape in blocks": (
        ShapeError,
        lambda: tx.linear_cross_entropy(X, W, None, ROW[..., :1]),
        ("needs labels of shape", "or probabilities of shape"),
    ),
    "no rows in a block": (
        ValueError,
        lambda: tx.linear_cross_entropy(X, W, None, [0, 1, 2, 0], chunk_rows=0),
        ("linear_cross_entropy", "at least 1"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    error, call, words = BAD[case]
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value)
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"
    assert re.search(rf"at {HERE}:\d+: .*tx\.", text)
