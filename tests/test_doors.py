"""To add something from outside takes one place: a loss is a function, an optimiser a class.

Operations are tested in test_extend.py, themes and formats of pictures in viz/.
"""

import pickle

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.tensors import leaf


@tx.scope("hinge_loss", "Σ max(0, 1 + s - s[y]) / N")
def hinge_loss(scores, labels):
    """The multi-class hinge loss of Crammer and Singer (2001), the mean over the samples."""
    own = tx.take_along_axis(scores, np.expand_dims(labels, 1), axis=1)
    others = np.arange(scores.shape[1]) != np.expand_dims(labels, 1)
    margins = tx.where(others, tx.relu(1 + scores - own), 0.0)
    return margins.sum() / len(labels)


class RMSprop(tx.optim.Optimizer):
    """w -= lr · g / (√v + ε), with v the running mean of g²."""

    elementwise = True

    def __init__(self, params, lr=1e-2, decay=0.9, eps=1e-8):
        super().__init__(params, {"lr": lr, "decay": decay, "eps": eps}, ("square",))

    def update(self, w, g, t, buffers, scratch):
        (square,), (s, _) = buffers, scratch
        square *= self.decay
        square += (1 - self.decay) * g * g
        np.sqrt(square, s)
        s += self.eps
        w -= self.lr * g / s


LABELS = np.array([0, 2, 1])


def test_a_loss_is_one_function():
    scores = leaf(np.random.default_rng(0).normal(size=(3, 3)), name="scores")
    loss = hinge_loss(scores, LABELS)
    by_hand = sum(
        max(0, 1 + row[j] - row[y])
        for row, y in zip(scores.numpy(), LABELS, strict=True)
        for j in range(3)
        if j != y
    )
    assert loss.item() == pytest.approx(by_hand / 3)
    loss.backward()
    assert tx.check.gradcheck(lambda s: hinge_loss(s, LABELS), scores)
    assert tx.check.check_tape(hinge_loss(scores, LABELS))
    (value, slope) = tx.value_and_grad(lambda s: hinge_loss(s, LABELS))(scores)
    assert value.item() == loss.item()
    np.testing.assert_array_equal(slope.numpy(), scores.grad.numpy())
    folded = viz.draw(loss, fold=0)
    (box,) = [node for node in folded.graph.nodes if node.kind == "group"]
    assert "hinge_loss" in folded.dot
    assert "max(0, 1 + s - s[y])" in folded.dot
    assert len(box.entries) > 5


def trained(optimizer, model, schedule, steps):
    rng = np.random.default_rng(1)
    for _ in range(steps):
        X = rng.normal(size=(20, 4))
        optimizer.zero_grad()
        tx.cross_entropy(model(X), (X[:, 0] > 0).astype(int)).backward()
        tx.optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return [p.numpy().copy() for p in model.parameters()]


def test_an_optimiser_is_one_class():
    model = tx.nn.MLP([4, 8, 2], rng=0)
    optimizer = RMSprop(model.parameters(), lr=0.05)
    schedule = tx.optim.StepLR(optimizer, 10)
    X = np.random.default_rng(2).normal(size=(200, 4))
    labels = (X[:, 0] > 0).astype(int)
    before = tx.cross_entropy(model(X), labels).item()
    trained(optimizer, model, schedule, 15)
    assert tx.cross_entropy(model(X), labels).item() < before / 2
    assert optimizer.lr == pytest.approx(0.005)
    assert str(optimizer).startswith("RMSprop(4 parameters, lr=0.005")

    again = tx.nn.MLP([4, 8, 2], rng=5)
    again.load_state_dict(model.state_dict())
    resumed = RMSprop(again.parameters())
    later = tx.optim.StepLR(resumed, 10)
    resumed.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
    later.load_state_dict(schedule.state_dict())
    for one, other in zip(
        trained(optimizer, model, schedule, 5), trained(resumed, again, later, 5), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_an_optimiser_without_an_update_says_so():
    class Bare(tx.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    w = leaf([1.0])
    w.grad = [1.0]
    with pytest.raises(NotImplementedError, match="Bare defines no update"):
        Bare([w]).step()
