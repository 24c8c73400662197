"""The bias as a row of its weights: where it is done, where not, and that nothing else changes."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.blocked import linear, stepping
from tests.compiled.worlds import Pair, batch, train, trained
from tinygrad_xent.compiled import biases
from tinygrad_xent.engine.sums import BLOCK

KINDS = ["SGD", "Adam", "AdamW"]


def rows_in(pair):
    """How many layers of a step have their bias as a row."""
    return pair.compiled.source.count("beside(")


def agree(make, step=train, data=batch, steps=3):
    pair = Pair(make, step)
    for seed in range(steps):
        pair.run(*data(seed=seed))
    assert pair.compiled.reason == ""
    assert pair.compiled.retried == 0
    return pair


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_of_a_small_network(kind, dtype):
    pair = agree(
        lambda: trained((4, 8, 8, 3), kind, dtype), data=lambda seed: batch(6, dtype, seed)
    )
    assert rows_in(pair) == 3


@pytest.mark.parametrize(("width", "done"), [(300, True), (16, True), (15, False), (2, False)])
def test_a_wide_result_of_many_rows(width, done):
    """Of 300 rows only a result that is much wider than the inputs is worth a copy of these."""

    def loss(world, x, y):
        world.optimizer.zero_grad()
        value = (world.model(x) ** 2).mean()
        value.backward()
        world.optimizer.step()
        return value

    pair = agree(lambda: trained((4, width), "SGD"), loss, lambda seed: batch(300, seed=seed))
    assert bool(rows_in(pair)) == done


@pytest.mark.parametrize("rows", [BLOCK, BLOCK + 1])
def test_a_sum_of_more_rows_would_lose_digits(rows):
    pair = agree(lambda: trained((4, 16), "SGD"), data=lambda seed: batch(rows, seed=seed))
    assert rows_in(pair) == (rows <= BLOCK)


def test_in_blocks_of_rows_each_block_has_its_sum():
    step = stepping(lambda w, x, y: tx.cross_entropy(x @ w.W + w.b, y))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 8)).astype(np.float32), rng.integers(0, 900, 3000)
    pair = Pair(linear(np.float32, 8, 900), step)
    for _ in range(3):
        pair.run(x, y, factor=10.0)
    assert rows_in(pair) == 1
    assert "for start in range(0, 3000" in pair.compiled.source


# --- what keeps its bias ---------------------------------------------------------------------------------


def world_of(shape=(4, 3), **options):
    rng = np.random.default_rng(1)
    W = tx.Tensor(rng.normal(size=shape), requires_grad=True)
    b = tx.Tensor(rng.normal(size=shape[1]), requires_grad=True)
    return SimpleNamespace(W=W, b=b, **{name: make(W, b) for name, make in options.items()})


def descending(loss):
    def step(world, x, y):
        world.optimizer.zero_grad()
        value = loss(world, x, y)
        value.backward()
        world.optimizer.step()
        return value

    return step


def plain(world, x, y):
    return tx.cross_entropy(x @ world.W + world.b, y)


def sgd(*order):
    return lambda: world_of(optimizer=lambda W, b: tx.optim.SGD([(W, b)[k] for k in order], 0.1))


CASES = {
    "as it is": (sgd(0, 1), plain, 1),
    "bias on the left": (sgd(0, 1), lambda w, x, y: tx.cross_entropy(w.b + x @ w.W, y), 0),
    "bias before its weights": (sgd(1, 0), plain, 0),
    "weights alone are trained": (sgd(0), plain, 0),
    "bias alone is trained": (sgd(1), plain, 0),
    "used twice": (
        sgd(0, 1),
        lambda w, x, y: plain(w, x, y) + tx.cross_entropy((x * 2.0) @ w.W + w.b, y),
        0,
    ),
    "a penalty on the bias": (sgd(0, 1), lambda w, x, y: plain(w, x, y) + (w.b**2).sum(), 0),
    "a penalty on the weights": (sgd(0, 1), lambda w, x, y: plain(w, x, y) + (w.W**2).sum(), 0),
    "the product is seen, too": (
        sgd(0, 1),
        lambda w, x, y: (lambda z: tx.cross_entropy(z + w.b, y) + (z**2).mean())(x @ w.W),
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_where_it_is_done(name):
    make, loss, layers = CASES[name]
    pair = agree(make, descending(loss), lambda seed: batch(6, seed=seed))
    assert rows_in(pair) == layers


def test_weights_that_somebody_holds_stay_where_they_are():
    def make():
        world = world_of(optimizer=lambda W, b: tx.optim.SGD([W, b], 0.1))
        world.held = world.W.data
        return world

    assert rows_in(agree(make, descending(plain), lambda seed: batch(6, seed=seed))) == 0


def test_different_settings_for_weights_and_biases():
    def make():
        return world_of(
            first=lambda W, b: tx.optim.SGD([W], 0.1, weight_decay=0.1),
            second=lambda W, b: tx.optim.SGD([b], 0.1),
        )

    def step(world, x, y):
        world.W.zero_grad(), world.b.zero_grad()
        loss = plain(world, x, y)
        loss.backward()
        world.first.step(), world.second.step()
        return loss

    assert rows_in(agree(make, step, lambda seed: batch(6, seed=seed))) == 0


def test_gradients_and_parameters_are_what_they_were_to_others():
    pair = agree(lambda: trained((4, 8, 3), "SGD"))
    assert rows_in(pair) == 2
    for layer in ("0", "2"):
        ours, theirs = (dict(w.model.named_parameters()) for w in (pair.world, pair.other))
        for name in (f"{layer}.weight", f"{layer}.bias"):
            assert ours[name].grad.shape == ours[name].shape
            np.testing.assert_allclose(
                ours[name].grad.numpy(), theirs[name].grad.numpy(), rtol=1e-9
            )
    pair.both(
        lambda w: w.model.load_state_dict({k: v * 0.5 for k, v in w.model.state_dict().items()})
    )
    pair.run(*batch(seed=9))


def test_a_clipped_gradient():
    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = tx.cross_entropy(world.model(x), y)
        loss.backward()
        tx.optim.clip_grad_norm(world.model.parameters(), 0.1)
        world.optimizer.step()
        return loss

    agree(lambda: trained((4, 8, 3), "SGD"), step)


def product_too(world, x, y):
    h = x @ world.W
    return tx.cross_entropy(h + world.b, y), h.detach()


def transpose_too(world, x, y):
    z = x * 2.0
    return tx.cross_entropy(z @ world.W + world.b, y), z.T


@pytest.mark.parametrize("loss", [product_too, transpose_too])
def test_what_is_returned_stays(loss):
    def step(world, x, y):
        world.optimizer.zero_grad()
        value, other = loss(world, x, y)
        value.backward()
        world.optimizer.step()
        return value, other

    assert rows_in(agree(sgd(0, 1), step, lambda seed: batch(6, seed=seed))) == 0


# --- the checks are needed --------------------------------------------------------------------------------


def test_gradients_that_are_no_sum_of_the_same_are_told_apart(monkeypatch):
    make, loss, _ = CASES["a penalty on the bias"]
    monkeypatch.setattr(biases, "_is_slope", lambda layer, table: True)
    with pytest.raises((AssertionError, UserWarning)):
        agree(make, descending(loss), lambda seed: batch(6, seed=seed))


def test_weights_that_are_not_beside_their_bias_are_told_apart(monkeypatch):
    def pairs(groups):
        for group in groups:
            a, b = group[1], group[0]
            yield (a.states[0], b.states[0]), [(a.outside[0], b.outside[0])]

    monkeypatch.setattr(biases, "_neighbours", pairs)
    with pytest.raises((AssertionError, UserWarning)):
        agree(sgd(1, 0), descending(plain), lambda seed: batch(6, seed=seed))
