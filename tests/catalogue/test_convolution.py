"""Convolution and pooling at their edges: ties, nan, empty batches, parts of a batch, and what is refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.tensors import equal, leaf, slope
from tinygrad_xent.catalogue import windows
from tinygrad_xent.engine.errors import BadValueError

RNG = np.random.default_rng(0)


def test_a_case_known_by_hand():
    x, weight = leaf([[[1.0, 2.0, 3.0, 4.0]]]), leaf([[[10.0, 1.0]]])
    y = tx.conv1d(x, weight, stride=2, padding=1)
    equal(y, [[[1.0, 23.0, 40.0]]])
    y.sum().backward()
    equal(x.grad, [[[1.0, 10.0, 1.0, 10.0]]])
    equal(weight.grad, [[[6.0, 4.0]]])


def test_same_pads_one_more_at_the_end():
    x = [[[1.0, 2.0, 3.0]]]
    equal(tx.conv1d(x, [[[1.0, 10.0]]], padding="same"), [[[21.0, 32.0, 3.0]]])
    equal(tx.conv1d(x, [[[1.0, 10.0]]], padding="valid"), [[[21.0, 32.0]]])


@pytest.mark.parametrize("groups", [1, 3])
def test_a_batch_in_parts_is_the_whole_batch(groups, monkeypatch):
    x, weight = RNG.normal(size=(7, 3, 5, 4)), RNG.normal(size=(6, 3 // groups, 3, 2))

    def all_three():
        a, b = leaf(x), leaf(weight)
        y = tx.conv2d(a, b, padding=1, groups=groups)
        y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
        return y.numpy(), a.grad.numpy(), b.grad.numpy()

    whole = all_three()
    monkeypatch.setattr(windows, "BLOCK", 1000)
    for one, other in zip(all_three(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_only_a_part_of_the_windows_is_in_memory(monkeypatch):
    seen = []
    columns = windows.Windows.columns
    monkeypatch.setattr(windows, "BLOCK", 100)
    monkeypatch.setattr(
        windows.Windows, "columns", lambda self, x: seen.append(len(x)) or columns(self, x)
    )
    tx.conv1d(np.ones((10, 2, 9)), np.ones((4, 2, 2)))
    assert seen == [3, 3, 3, 1]


@pytest.mark.parametrize("padding", [0, 1, 5, (0, 7)])
@pytest.mark.parametrize("stride", [1, 3])
def test_an_image_in_parts_is_the_whole_image(stride, padding, monkeypatch):
    x, weight = RNG.normal(size=(2, 2, 5, 11)), RNG.normal(size=(3, 2, 2, 3))

    def all_three():
        a, b = leaf(x), leaf(weight)
        y = tx.conv2d(a, b, stride=stride, padding=padding, dilation=2 if stride == 1 else 1)
        y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
        return y.numpy(), a.grad.numpy(), b.grad.numpy()

    whole = all_three()
    monkeypatch.setattr(windows, "BLOCK", 40)
    for one, other in zip(all_three(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_a_long_signal_takes_no_more_memory_than_some_blocks():
    x, weight = leaf(np.ones((1, 1, 1_000_000))), leaf(np.ones((1, 1, 100)))
    _, peak = measured(lambda: tx.conv1d(x, weight).sum().backward())
    equal(weight.grad, np.full((1, 1, 100), 999_901.0))
    assert x.grad[0, 0, 99:-99].numpy().min() == 100
    assert peak < 10 * x.data.nbytes  # the columns of all windows would be a hundred times as much


def measured(f):
    """What a function gives, and the most memory that it held."""
    tracemalloc.start()
    try:
        return f(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_picture_names_the_settings():
    x, weight = leaf(np.ones((1, 1, 3))), np.ones((1, 1, 2))
    dot = viz.draw(tx.conv1d(x, weight).sum()).dot
    assert "kernel=(2,), stride=(1,)" in dot.replace("\n", " ")


def test_an_empty_batch():
    x, weight = leaf(np.zeros((0, 2, 5))), leaf(np.ones((4, 2, 3)))
    y = tx.conv1d(x, weight)
    assert y.shape == (0, 4, 3)
    y.sum().backward()
    equal(weight.grad, np.zeros((4, 2, 3)))
    assert tx.max_pool1d(np.zeros((0, 2, 5)), 2).shape == (0, 2, 2)
    assert tx.avg_pool1d(np.zeros((0, 2, 5)), 2).shape == (0, 2, 2)


def test_the_first_of_equal_numbers_gets_the_gradient():
    right = [[[[0.0, 1.0], [0.0, 0.0]]]]
    equal(slope(lambda x: tx.max_pool2d(x, 2), [[[[0.0, 3.0], [3.0, 3.0]]]]), right)


def test_nan_is_the_largest():
    x = [[[1.0, np.nan, 5.0, 2.0]]]
    equal(tx.max_pool1d(x, 2), [[[np.nan, 5.0]]])
    equal(slope(lambda x: tx.max_pool1d(x, 2), x), [[[0.0, 1.0, 1.0, 0.0]]])


def test_what_a_pool_or_a_window_does_not_see_has_slope_0():
    x = [[[0.0, 4.0, 4.0]]]
    equal(slope(lambda x: tx.max_pool1d(tx.sqrt(x), 2)[..., :1], x), [[[0.0, 0.25, 0.0]]])
    weight = np.ones((1, 1, 1))
    with np.errstate(all="ignore"):
        equal(slope(lambda x: tx.conv1d(tx.sqrt(x), weight)[..., 1:], x), [[[0, 0.25, 0.25]]])
        equal(slope(lambda x: tx.avg_pool1d(tx.sqrt(x), 1)[..., 1:], x), [[[0, 0.25, 0.25]]])


def test_dtypes():
    x = np.arange(8).reshape(1, 2, 4)
    assert tx.max_pool1d(x, 2).dtype == x.dtype
    assert tx.avg_pool1d(x, 2).dtype == tx.conv1d(x, np.ones((1, 2, 2), int)).dtype == np.float64
    big = np.full((1, 1, 2), 60000, np.float16)
    equal(tx.avg_pool1d(big, 2), [[[np.float16(60000)]]])
    many = np.ones((1, 1, 4096), np.float16)
    equal(tx.conv1d(many, many), [[[np.float16(4096)]]])


X, W = np.zeros((1, 4, 5, 5)), np.zeros((6, 2, 3, 3))
REFUSED = {
    "no weight of an image": (tx.ShapeError, "takes 4 axes", lambda: tx.conv2d(X, W[0], groups=2)),
    "a single image": (tx.ShapeError, r"\(N, C, H, W\)", lambda: tx.conv2d(X[0], W, groups=2)),
    "a signal with no channel": (tx.ShapeError, "takes 3", lambda: tx.max_pool1d([1.0, 2.0], 2)),
    "no channels": (tx.ShapeError, "none but the first", lambda: tx.conv2d(X[:, :0], W)),
    "other channels": (tx.ShapeError, "4 channels", lambda: tx.conv2d(X, W)),
    "channels that do not divide": (tx.ShapeError, "groups=2", lambda: tx.conv2d(X, W[:5], groups=2)),
    "groups of 0": (BadValueError, "groups=0", lambda: tx.conv2d(X, W, groups=0)),
    "a bias of another length": (
        tx.ShapeError, r"bias has the shape \(2,\)", lambda: tx.conv2d(X, W, [1.0, 2.0], groups=2)),
    "a large kernel": (
        tx.ShapeError, r"\(5, 5\) is larger .* \(4, 5\)",
        lambda: tx.conv2d(X[:, :, 1:], W, dilation=2, groups=2)),
    "a large window": (tx.ShapeError, "larger than", lambda: tx.avg_pool2d(X, 6)),
    "a negative padding": (
        BadValueError, "padding=-1", lambda: tx.conv2d(X, W, padding=-1, groups=2)),
    "a misspelt padding": (
        BadValueError, "padding='full'", lambda: tx.conv2d(X, W, padding="full", groups=2)),
    "same with a stride": (
        BadValueError, "stride=1", lambda: tx.conv2d(X, W, stride=2, padding="same", groups=2)),
    "a stride of 0": (BadValueError, "stride=0", lambda: tx.conv2d(X, W, stride=0, groups=2)),
    "a broken stride": (BadValueError, "stride=1.5", lambda: tx.max_pool2d(X, 2, 1.5)),
    "three strides": (BadValueError, "stride=", lambda: tx.max_pool2d(X, 2, (1, 2, 3))),
    "a wide padding": (BadValueError, "half of", lambda: tx.max_pool2d(X, 3, padding=2)),
    "text": (tx.DtypeError, "takes numbers", lambda: tx.conv1d([[["a"]]], [[[1.0]]])),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_words(case):
    error, words, wrong = REFUSED[case]
    with pytest.raises(error, match=words) as caught:
        wrong()
    assert "fix: " in str(caught.value)


def test_a_transposed_convolution_is_the_adjoint():
    x, weight = RNG.normal(size=(2, 4, 7, 6)), RNG.normal(size=(6, 2, 3, 2))
    how = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    y = tx.conv2d(x, weight, **how)
    u = RNG.normal(size=y.shape)
    back = tx.conv_transpose2d(u, weight, output_padding=0, **how)
    assert back.shape == x.shape
    np.testing.assert_allclose((back.numpy() * x).sum(), (y.numpy() * u).sum())


def test_windows_with_gaps_see_what_pytorchs_see():
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(1, 2, 7, 6))
    for dilation in (1, 2, (3, 1)):
        right = torch.nn.functional.max_pool2d(torch.as_tensor(x), 2, 1, 1, dilation)
        equal(tx.max_pool2d(x, 2, 1, 1, dilation), right.numpy())


TRANSPOSED = np.zeros((1, 4, 3)), np.zeros((4, 2, 3))
REFUSED_TOO = {
    "other channels": (tx.ShapeError, "4 channels", lambda x, w: tx.conv_transpose1d(x, w[:3])),
    "groups": (tx.ShapeError, "groups=3", lambda x, w: tx.conv_transpose1d(x, w, groups=3)),
    "a bias": (
        tx.ShapeError, r"needs \(4,\)",
        lambda x, w: tx.conv_transpose1d(x, w, [1.0, 2.0], groups=2)),
    "nothing left": (tx.ShapeError, "nothing is left", lambda x, w: tx.conv_transpose1d(x, w, padding=3)),
    "much more": (
        BadValueError, "not less than the stride",
        lambda x, w: tx.conv_transpose1d(x, w, output_padding=1)),
    "an image": (tx.ShapeError, "takes 4 axes", lambda x, w: tx.conv_transpose2d(x, w)),
    "a window beyond": (
        tx.ShapeError, "beyond the edges only", lambda x, w: tx.max_pool1d(x[..., :1], 2, 1, 1, 2)),
    "a dilation of 0": (BadValueError, "dilation=0", lambda x, w: tx.max_pool1d(x, 2, dilation=0)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_TOO)
def test_what_else_can_not_be_is_refused_in_words(case):
    error, words, wrong = REFUSED_TOO[case]
    with pytest.raises(error, match=words):
        wrong(*TRANSPOSED)
