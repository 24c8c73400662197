"""Attention under masks, tables with rows named twice or never trained, and what is refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent.catalogue import attention as module
from tinygrad_xent.engine.errors import BadValueError

RNG = np.random.default_rng(0)
Q, K, V = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 6))
attention = tx.scaled_dot_product_attention


def test_causal_and_a_mask_together():
    mask = RNG.random((3, 5)) < 0.6
    both = np.tri(3, 5, dtype=bool) & mask
    equal(attention(Q, K, V, mask, is_causal=True), attention(Q, K, V, both).numpy())


def test_what_a_mask_hides_has_no_say():
    key = leaf(np.where(np.arange(5)[:, None] < 2, K, np.inf))
    with np.errstate(all="ignore"):
        y = attention(Q, key, V, np.arange(5) < 2)
        (y * y).sum().backward()
    assert np.abs(key.grad.numpy()[:, :2]).min() > 0
    equal(key.grad.numpy()[:, 2:], np.zeros((2, 3, 4)))


def test_no_keys_at_all():
    equal(attention(Q, K[:, :0], V[:, :0]), np.zeros((2, 3, 6)))


def test_leading_axes_broadcast():
    y = attention(Q[:, None], K[0], np.stack([V[0]] * 3))
    assert y.shape == (2, 3, 3, 6)
    np.testing.assert_allclose(y[1, 2].numpy(), attention(Q[1], K[0], V[0]).numpy(), rtol=1e-12)


def test_dtypes_of_attention():
    for dtype in (np.float16, np.float32):
        q, k, v = (x.astype(dtype) for x in (Q, K, V))
        for settings in ({}, {"scale": np.float64(0.5)}, {"is_causal": True}):
            assert attention(q, k, v, **settings).dtype == dtype
    large = np.full((1, 4), 200, np.float16)  # the products overflow
    equal(attention(large, large, large, scale=1e-3), large)


def test_a_row_that_is_named_twice_gets_both_gradients():
    weight = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = tx.embedding([[0, 2], [2, 2]], weight)
    y.backward(np.arange(8.0).reshape(2, 2, 2))
    equal(weight.grad, [[0, 1], [0, 0], [2 + 4 + 6, 3 + 5 + 7]])


@pytest.mark.parametrize("padding", [2, np.int64(2), tx.Tensor(2)])
def test_the_row_of_the_padding_gets_no_gradient(padding):
    weight = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = tx.embedding([[0, 2], [2, 2]], weight, padding_idx=padding)
    equal(y, weight.numpy()[[[0, 2], [2, 2]]])
    y.sum().backward()
    equal(weight.grad, [[1, 1], [0, 0], [0, 0]])


def test_single_and_no_indices():
    weight = leaf([[1.0, 2.0], [3.0, 4.0]])
    equal(tx.embedding(1, weight), [3.0, 4.0])
    assert tx.embedding([], weight).shape == (0, 2)
    equal(tx.embedding([1, 0], [5.0, 6.0]), [6.0, 5.0])


def test_one_hot():
    y = tx.one_hot(tx.Tensor([1, 0]), 3, dtype=np.float32)
    equal(y, np.array([[0, 1, 0], [1, 0, 0]]))
    assert (y.dtype, y.requires_grad) == (np.float32, False)
    assert tx.one_hot([], 3).shape == (0, 3)


TABLE = np.ones((3, 2))
REFUSED = {
    "other widths": (tx.ShapeError, "do not fit", lambda: attention(Q, K[..., 1:], V)),
    "fewer values": (tx.ShapeError, "do not fit", lambda: attention(Q, K, V[:, 1:])),
    "other batches": (tx.ShapeError, "do not fit", lambda: attention(Q, K[[0, 0, 0]], V)),
    "queries of no numbers": (tx.ShapeError, "do not fit", lambda: attention(Q[..., :0], K[..., :0], V)),
    "a vector": (tx.ShapeError, "do not fit", lambda: attention(Q[0, 0], K, V)),
    "a mask of integers": (
        tx.DtypeError, "astype(bool)", lambda: attention(Q, K, V, np.ones((3, 5), int))),
    "a mask of another shape": (
        tx.ShapeError, "attn_mask (5, 3)", lambda: attention(Q, K, V, np.ones((5, 3), bool))),
    "a mask with more axes": (
        tx.ShapeError, "attn_mask (1, 1, 3, 5)", lambda: attention(Q, K, V, np.ones((1, 1, 3, 5)))),
    "an index below 0": (tx.OutOfRangeError, "-1 is out", lambda: tx.embedding([0, -1], TABLE)),
    "an index too high": (tx.OutOfRangeError, "3 is out", lambda: tx.embedding([[3]], TABLE)),
    "indices that are floats": (
        tx.DtypeError, "takes integers", lambda: tx.embedding([0.0], TABLE)),
    "a mask for indices": (
        tx.DtypeError, "takes integers", lambda: tx.embedding([True], TABLE)),
    "a padding that is not there": (
        tx.OutOfRangeError, "padding_idx: 3", lambda: tx.embedding([0], TABLE, padding_idx=3)),
    "no table": (tx.ShapeError, "no rows", lambda: tx.embedding(0, 3.0)),
    "no classes": (BadValueError, "num_classes=0", lambda: tx.one_hot([], 0)),
    "half a class": (BadValueError, "num_classes=1.5", lambda: tx.one_hot([0], 1.5)),
    "a label too high": (tx.OutOfRangeError, "3 is out of range for 3", lambda: tx.one_hot([3], 3)),
    "a label below 0": (tx.OutOfRangeError, "0 to 2", lambda: tx.one_hot(-1, 3)),
    "a label that is a float": (tx.DtypeError, "takes integers", lambda: tx.one_hot([1.0], 3)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_words(case):
    error, words, wrong = REFUSED[case]
    with pytest.raises(error) as caught:
        wrong()
    assert words in str(caught.value)
    assert "fix: " in str(caught.value)


def test_the_padding_is_one_row():
    for row in ([0, 1], 0.5):
        with pytest.raises(tx.DtypeError, match="embedding: padding_idx must be an integer, got"):
            tx.embedding([0], np.ones((3, 2)), row)


@pytest.mark.parametrize("masked", ["nothing", "booleans", "numbers", "one row"])
@pytest.mark.parametrize("is_causal", [False, True])
def test_some_queries_at_a_time_are_all_queries(masked, is_causal, monkeypatch):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, n, 4)) for n in (7, 5, 5))
    mask = {
        "nothing": None,
        "booleans": rng.integers(2, size=(7, 5)) == 1,
        "numbers": rng.normal(size=(3, 7, 5)),
        "one row": rng.normal(size=5),
    }[masked]

    def all_four():
        leaves = [leaf(x) for x in (q, k, v)]
        y = tx.scaled_dot_product_attention(*leaves, mask, is_causal)
        (y * y).sum().backward()
        return [y.numpy(), *(x.grad.numpy() for x in leaves)]

    whole = all_four()
    monkeypatch.setattr(module, "BLOCK", 50)
    for one, other in zip(all_four(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    if not is_causal and masked == "nothing":
        small = [x[0, :1, :, :2] for x in (q, k, v)]
        assert tx.check.gradcheck(tx.scaled_dot_product_attention, *small, order=2)


def test_memory_does_not_grow_with_queries_times_keys(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 1 << 14)
    leaves = [leaf(np.ones((1024, 2))) for _ in range(3)]
    tracemalloc.start()
    try:
        tx.scaled_dot_product_attention(*leaves).sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024 * 8 / 4  # all weights at once are 8 MiB
