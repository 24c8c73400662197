"""The learning rate as a factor of the gradient: only where nobody sees gradients, and nothing is overlooked."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, quietly, train, trained
from tinygrad_xent.compiled import folding

FOLDED = "rate[()] = "


def sgd(**options):
    return trained((4, 6, 3), "SGD", **options)


def unseen(world, x, y):
    """A step after which no gradient is left."""
    loss = train(world, x, y)
    world.optimizer.zero_grad()
    return loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [6, 100])
def test_it_is_folded_and_follows_a_schedule(dtype, rows):
    pair = Pair(lambda: sgd(dtype=np.dtype(dtype)), unseen)
    for seed in range(4):
        pair.run(*batch(rows, dtype, seed))
        pair.both(lambda world: setattr(world.optimizer, "lr", world.optimizer.lr / 2))
    assert FOLDED in pair.compiled.source
    assert pair.compiled.retried == 0


def keeping():
    world = sgd()
    world.kept = tx.Tensor(np.zeros(6))
    return world


def kept(world, x, y):
    """A gradient is copied elsewhere."""
    loss = train(world, x, y)
    world.kept.data[...] = list(world.model.parameters())[1].grad.data
    world.optimizer.zero_grad()
    return loss


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (sgd, train),  # gradients stay
        (keeping, kept),
        (lambda: sgd(momentum=0.9), unseen),
        (lambda: sgd(weight_decay=0.1), unseen),
        (lambda: trained(), unseen),
        (lambda: sgd(dtype=np.float16), unseen),
    ],
    ids=["visible", "kept", "momentum", "decay", "Adam", "float16"],
)
def test_it_is_not_folded(make, step):
    pair = Pair(make, step)
    dtype = next(iter(pair.world.model.parameters())).dtype
    for seed in range(3):
        pair.run(*batch(dtype=dtype, seed=seed))
    assert FOLDED not in pair.compiled.source


def other_losses():
    """Losses whose gradients are linear in other ways."""
    yield lambda z, y: tx.mean((z - 1.0) ** 2)
    yield lambda z, y: tx.sum(tx.tanh(z) * z)
    yield lambda z, y: tx.cross_entropy(z, y) + 0.1 * tx.mean(z * z)
    yield lambda z, y: tx.cross_entropy(z, y, label_smoothing=0.1)
    yield lambda z, y: tx.cross_entropy(tx.concatenate([z, z]), np.concatenate([y, y]))
    yield lambda z, y: -tx.mean(tx.log_softmax(z, axis=1))


@pytest.mark.parametrize("loss_of", [*other_losses()])
def test_other_losses_agree(loss_of):
    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = loss_of(world.model(x), y)
        loss.backward()
        world.optimizer.step()
        world.optimizer.zero_grad()
        return loss

    pair = Pair(sgd, step)
    for seed in range(3):
        pair.run(*batch(seed=seed))
    assert pair.compiled.retried == 0


@pytest.mark.parametrize("rate", [0.0, 1e-13])
def test_a_rate_that_could_hide_an_overflow_runs_eagerly(rate):
    pair = Pair(lambda: sgd(lr=0.1), unseen)
    pair.run(*batch())
    pair.both(lambda world: setattr(world.optimizer, "lr", rate))
    pair.run(*batch())
    assert pair.compiled.retried == 1
    pair.both(lambda world: setattr(world.optimizer, "lr", 0.1))
    pair.run(*batch())
    assert pair.compiled.retried == 1


def huge():
    """Gradients of W that overflow in float32; times the rate they would not."""
    W = tx.Tensor(np.full((2, 2), 0.5, np.float32), requires_grad=True)
    return SimpleNamespace(W=W, optimizer=tx.optim.SGD([W], lr=1e-3))


def overflowing(world, x):
    loss = tx.mean((x @ world.W) * np.float32(1e-20))
    for_slopes = tx.sum((x @ world.W) * np.float32(1e15))
    world.optimizer.zero_grad()
    for_slopes.backward()
    world.optimizer.step()
    world.optimizer.zero_grad()
    return loss


def test_an_overflow_is_noticed_though_the_rate_is_small():
    pair = Pair(huge, overflowing)
    pair.run(np.ones((2, 2), np.float32))
    for _ in range(2):
        quietly(pair.run, np.full((2, 2), 1e25, np.float32))  # skipped by both


def test_a_gradient_multiplied_twice_is_found(monkeypatch):
    """Without the look at who else reads what is multiplied, a wrong step is the result."""
    monkeypatch.setattr(folding._Scaling, "is_apart", lambda *_: True)
    pair = Pair(keeping, kept)
    with pytest.raises(AssertionError):
        pair.run(*batch())
