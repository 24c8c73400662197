"""What the tests of steps in blocks share: a linear layer, its batches, and blocks of a few rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

import tinygrad_xent as tx
from tests.compiled.worlds import Pair
from tinygrad_xent.compiled import blocks, small

ROWS, LOOP = 12, "for start in range("


FEATURES, TABLE, PAIR = (
    tx.constant(a) for a in (np.arange(1.0, 5.0), np.full((3, 3), 0.3), np.ones((1, 1, 2)))
)


def small_blocks(monkeypatch):
    """Blocks of five rows or fewer, whether they pay or not."""
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "CACHED", 1)
    monkeypatch.setattr(blocks, "FEWEST", 5)
    monkeypatch.setattr(blocks, "_pays", lambda made: True)
    monkeypatch.setattr(small, "FEW_LOGITS", 0)  # what is for small arrays is not for blocks
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(small, "BLOCK", 0)


def batch(count=ROWS, dtype=np.float64, width=4, classes=3, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)).astype(dtype), rng.integers(0, classes, count)


def linear(dtype=np.float64, width=4, classes=3, kind="SGD", **options):
    """A world with a linear layer W, b and an optimiser."""

    def make():
        rng = np.random.default_rng(1)
        W = tx.Tensor(rng.normal(size=(width, classes)).astype(dtype), requires_grad=True)
        b = tx.Tensor(rng.normal(size=classes).astype(dtype), requires_grad=True)
        optimizer = getattr(tx.optim, kind)([W, b], **{"lr": 0.1} | options)
        return SimpleNamespace(W=W, b=b, optimizer=optimizer)

    return make


def stepping(loss_of):
    """A training step with the loss of a world and a batch, and whatever else that function returns."""

    def step(world, *args):
        world.optimizer.zero_grad()
        found = loss_of(world, *args)
        loss = found[0] if isinstance(found, tuple) else found
        loss.backward()
        world.optimizer.step()
        return found

    return step


def logits(world, x):
    return tx.linear(x, world.W, world.b)


def agree(make, step, *batches, blocked=True):
    """Run both worlds on the batches; assert that the step is, or is not, in blocks."""
    pair = Pair(make, step)
    for args in batches:
        pair.run(*args)
    assert pair.compiled.retried == 0
    assert (LOOP in pair.compiled.source) == blocked
    return pair.compiled.source


def twice(count=ROWS, **options):
    return batch(count, **options), batch(count, **options, seed=4)


LOSSES = {
    "cross_entropy": lambda w, x, y: tx.cross_entropy(logits(w, x), y),
    "sum": lambda w, x, y: tx.cross_entropy(logits(w, x), y, reduction="sum"),
    "label_smoothing": lambda w, x, y: tx.cross_entropy(logits(w, x), y, label_smoothing=0.1),
    "linear_cross_entropy": lambda w, x, y: tx.linear_cross_entropy(x, w.W, w.b, y),
    "no bias": lambda w, x, y: tx.cross_entropy(x @ w.W, y) + w.b.sum(),
    "weight decay": lambda w, x, y: (
        tx.cross_entropy(logits(w, x), y) + 0.1 * (w.W * w.W).sum() + (w.b**2).mean()
    ),
    "scaled": lambda w, x, y: 3 * tx.cross_entropy(logits(w, x) / 2, y),
    "two losses": lambda w, x, y: tx.cross_entropy(logits(w, x), y) + (logits(w, x) ** 2).mean(),
    "mean of squares": lambda w, x, y: (tx.tanh(logits(w, x)) ** 2).mean(),
    "softmax of rows": lambda w, x, y: (tx.softmax(logits(w, x), axis=1) ** 3).sum() / ROWS,
    "clipped": lambda w, x, y: tx.cross_entropy(tx.relu(logits(w, x)), y),
    "layer norm": lambda w, x, y: tx.cross_entropy(tx.layer_norm(logits(w, x), 3), y),
    "features scaled": lambda w, x, y: tx.cross_entropy(logits(w, x * FEATURES), y),
}


def train_linear(world, x, y):
    return stepping(LOSSES["cross_entropy"])(world, x, y)
