"""Steps in blocks of rows: they agree with eager code."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.blocked import (
    LOOP,
    LOSSES,
    PAIR,
    ROWS,
    TABLE,
    agree,
    batch,
    linear,
    logits,
    small_blocks,
    stepping,
    train_linear,
    twice,
)
from tests.compiled.worlds import Pair, check_near, quietly, state, train, trained
from tinygrad_xent.compiled import looping, pieces


@pytest.fixture(autouse=True)
def blocks_of_few_rows(monkeypatch):
    small_blocks(monkeypatch)


# --- what is done in blocks -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [6, 12, 13, 16, 17, 23])
def test_mean_loss_of_a_linear_layer(count, dtype):
    step = stepping(lambda w, x, y: tx.cross_entropy(logits(w, x), y))
    source = agree(linear(dtype, classes=7), step, *twice(count, dtype=dtype, classes=7))
    assert f"/ -{count}" in source  # the mean of all rows, not of a block's


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_a_network_before_the_loss(kind):
    for count in (12, 13):
        agree(lambda: trained((4, 6, 5, 3), kind, np.float64), train, *twice(count))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [12, 13])
def test_losses_in_blocks(name, count):
    agree(linear(), stepping(LOSSES[name]), *twice(count))


def test_class_probabilities_as_targets():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), ROWS)
    step = stepping(lambda w, x, p: tx.cross_entropy(logits(w, x), p))
    agree(linear(), step, (batch()[0], probabilities), (batch(seed=9)[0], probabilities[::-1]))


def test_several_inputs_with_as_many_rows():
    def loss(w, x, y, more, factor):
        return (tx.tanh(logits(w, x + more)) * factor[:, None]).mean() + tx.cross_entropy(
            logits(w, more), y
        )

    x, y = batch()
    agree(linear(), stepping(loss), (x, y, x[::-1] * 0.5, np.arange(12.0)), (x, y, x, x[:, 0]))


def test_a_table_beside_the_rows_is_fixed():
    step = stepping(lambda w, x, y, s: tx.cross_entropy(logits(w, x) @ s, y))
    table = np.random.default_rng(0).normal(size=(3, 3))
    agree(linear(), step, (*batch(), table), (*batch(13), table), (*batch(13, seed=8), table * 2))


def test_accuracy_is_a_sum():
    def loss(w, x, y):
        z = logits(w, x)
        return tx.cross_entropy(z, y), (z.numpy().argmax(1) == y).mean()

    agree(linear(), stepping(loss), *twice(), *twice(13))


def test_gradients_that_are_handed_out():
    def step(world, x, y):
        tx.cross_entropy(logits(world, x), y).backward()
        return world.W.grad.numpy() * 2

    agree(linear(), step, *twice())


def test_gradients_clipped_by_their_norm():
    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = tx.cross_entropy(logits(world, x), y)
        loss.backward()
        norm = tx.optim.clip_grad_norm([world.W, world.b], 0.1)
        world.optimizer.step()
        return loss, norm

    agree(linear(), step, *twice())


@pytest.mark.parametrize(
    "convert", [tx.Tensor, np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2]]
)
def test_inputs_that_lie_otherwise(convert):
    agree(linear(), train_linear, *((convert(x), y) for x, y in (*twice(), *twice(13))))


def test_labels_of_other_kinds():
    agree(linear(), train_linear, *((x, y.astype(np.int32)) for x, y in twice()))
    agree(linear(), train_linear, *((x, np.repeat(y, 2)[::2]) for x, y in twice()))


def test_without_an_update():
    agree(linear(), lambda w, x, y: tx.cross_entropy(logits(w, x), y), *twice())


def test_wide_rows():
    """The scale of a gradient goes to the inputs, where these are narrower."""
    agree(linear(classes=9), train_linear, *twice(13, classes=9))
    source = agree(linear(classes=9), train_linear, *twice(classes=9))
    assert "-= total" in source
    narrow = agree(linear(width=6), train_linear, *twice(width=6))
    assert "-= c" in narrow


@pytest.mark.parametrize("count", [12, 13])
def test_very_wide_rows_go_through_in_pieces(count, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 2 * 8 * 5000)  # two rows
    source = agree(linear(classes=5000), train_linear, *twice(count, classes=5000))
    assert "_part" in source
    losses = (LOSSES["softmax of rows"], LOSSES["label_smoothing"], LOSSES["mean of squares"])
    for loss in losses:
        agree(linear(classes=5000), stepping(loss), *twice(count, classes=5000))


@pytest.mark.parametrize("count", [12, 13])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_are_added_to_large_sums_by_columns(count, dtype, monkeypatch):
    monkeypatch.setattr(looping, "LARGE_SUM", 1)
    monkeypatch.setattr(looping, "COLUMNS", 100)
    source = agree(linear(dtype, classes=11), train_linear, *twice(count, dtype=dtype, classes=11))
    assert "if start == 0:" in source
    agree(
        linear(dtype, classes=11), stepping(LOSSES["label_smoothing"]), *twice(count, dtype=dtype)
    )
    agree(lambda: trained((4, 6, 5, 3), "Adam", dtype), train, *twice(count, dtype=dtype))


def test_a_large_sum_of_the_data_itself(monkeypatch):
    """The matrix on the right of the product is an argument, not a result."""
    monkeypatch.setattr(looping, "LARGE_SUM", 1)
    monkeypatch.setattr(looping, "COLUMNS", 100)
    step = stepping(lambda w, x, y: (tx.tanh(logits(w, x)).T @ x).sum() / ROWS)
    agree(linear(), step, *twice(), *twice(13))


def test_names_of_the_text_are_no_argument():
    W = linear(classes=5000)()
    step = tx.compile(lambda start, k: tx.cross_entropy(tx.linear(start, W.W, W.b), k), strict=True)
    for start, k in twice(classes=5000):
        expected = tx.cross_entropy(tx.linear(start, W.W, W.b), k).item()
        assert np.isclose(step(start, k).item(), expected)
    assert "for start2 in range(" in step.source


def test_the_scale_goes_through_a_layer_before():
    def make():
        return trained((3, 4, 11), "SGD")

    source = agree(make, train, *twice(width=3, classes=11), *twice(14, width=3, classes=11))
    assert "-= total" in source


# --- checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 4, 11, 12])
def test_a_label_out_of_range_in_any_block(place):
    pair = Pair(linear(), train_linear)
    x, y = batch(13)
    pair.run(x, y)
    assert LOOP in pair.compiled.source
    y[place] = 3
    for world, run in (
        (pair.world, pair.compiled),
        (pair.other, lambda *a: train_linear(pair.other, *a)),
    ):
        before = world.W.numpy().copy()
        with pytest.raises(IndexError, match="label"):
            run(x, y)
        assert np.array_equal(before, world.W.numpy())
    y[place] = 1
    pair.run(x, y)


@pytest.mark.parametrize("place", [0, 12])
def test_a_number_that_is_not_finite_in_any_block(place):
    pair = Pair(linear(), train_linear)
    x, y = batch(13)
    pair.run(x, y)
    x = x.copy()
    x[place, 0] = np.inf
    quietly(pair.run, x, y)  # no step
    assert pair.compiled.retried == 1
    pair.run(*batch(13))


# --- random programs --------------------------------------------------------------------------------

BY_ROW = [
    lambda z, y, rng: tx.tanh(z),
    lambda z, y, rng: z * 0.5 + 1,
    lambda z, y, rng: z - z.mean(axis=1, keepdims=True),
    lambda z, y, rng: tx.softmax(z, axis=-1),
    lambda z, y, rng: z * y[:, None],
    lambda z, y, rng: z @ TABLE,
    lambda z, y, rng: tx.where(z > 0, z, 0.1 * z),
    lambda z, y, rng: tx.relu(z)[:, ::-1],
    lambda z, y, rng: z * z[:, :1],
    lambda z, y, rng: tx.reshape(tx.reshape(z, (-1, 3, 1)) * PAIR, (-1, 6))[:, 1:4],
]
ACROSS = [
    lambda z, y, rng: z - z.mean(axis=0),
    lambda z, y, rng: tx.softmax(z, axis=0),
    lambda z, y, rng: tx.cumsum(z, axis=0),
    lambda z, y, rng: z[::-1],
    lambda z, y, rng: z[tx.arange(len(z)) // 2],
    lambda z, y, rng: z / (1 + z.sum() ** 2),
]


def near(pair):
    """Assert that the worlds are equal but for rounding of the largest number: some gradients are zero."""
    ours, theirs = (
        np.concatenate([a.ravel() for a in state(world) if a.dtype.kind == "f"])
        for world in (pair.world, pair.other)
    )
    check_near([ours], [theirs], 10)


@pytest.mark.parametrize("seed", range(30))
def test_random_losses(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(6, 20))
    chosen = [BY_ROW[k] for k in rng.integers(0, len(BY_ROW), 5)]
    across = seed % 3 == 0
    if across:
        chosen.insert(int(rng.integers(0, 5)), ACROSS[int(rng.integers(len(ACROSS)))])
    last = [
        lambda z, y: (z**2).mean(),
        lambda z, y: tx.cross_entropy(z, y),
        lambda z, y: (z.sum(axis=0) ** 2).sum(),
    ][seed % 3 if seed % 2 else 1]

    def loss(world, x, y):
        z = logits(world, x)
        for change in chosen:
            z = change(z, y, rng)
        return last(z, y)

    pair = Pair(linear(), stepping(loss))
    for args in twice(count):
        ours, theirs = pair.compiled(*args), pair.step(pair.other, *args)
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-11)
        near(pair)
    if across:
        assert LOOP not in pair.compiled.source
