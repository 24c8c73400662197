"""A compiled step sees what anybody has changed of what it was built on: modes, settings, globals."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, check_near, numbers, state, train, trained


def test_train_and_eval_are_noticed():
    def make():
        model = tx.nn.Sequential(
            tx.nn.Linear(4, 5, rng=0), tx.nn.Dropout(0.5, rng=1), tx.nn.Linear(5, 3, rng=2)
        )
        return SimpleNamespace(model=model, optimizer=tx.optim.SGD(model.parameters(), lr=0.1))

    pair = Pair(make, train)
    for change in ("train", "eval", "train"):
        pair.both(lambda world, change=change: getattr(world.model, change)())
        pair.run(*batch())
        pair.run(*batch())
    assert len(pair.compiled.signatures) == 2


def test_the_learning_rate_and_a_schedule():
    pair = Pair(lambda: trained(kind="SGD"), train)
    for lr in (0.1, 0.01):
        pair.both(lambda world, lr=lr: setattr(world.optimizer, "lr", lr))
        pair.run(*batch())
    schedules = pair.both(lambda world: tx.optim.StepLR(world.optimizer, 1, gamma=0.5))
    for _ in range(3):
        pair.run(*batch())
        for schedule in schedules:
            schedule.step()
    assert len(pair.compiled.signatures) == 1


def test_a_setting_of_the_optimiser_is_noticed():
    pair = Pair(lambda: trained(kind="SGD", momentum=0.9), train)
    for momentum in (0.9, 0.5):
        pair.both(lambda world, momentum=momentum: setattr(world.optimizer, "momentum", momentum))
        pair.run(*batch())
    assert len(pair.compiled.signatures) == 2


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


@pytest.mark.parametrize(
    ("make", "read", "change"),
    [
        (Slotted, lambda c: c.scale, lambda c: setattr(c, "scale", 3.0)),
        (lambda: {"1": 1.0, 1: 2.0}, lambda c: c[1], lambda c: c.update({1: 5.0})),
        (lambda: {"a": [1.0]}, lambda c: c["a"][0], lambda c: c["a"].insert(0, 4.0)),
        (lambda: {"on"}, lambda c: 2.0 if "on" in c else 3.0, lambda c: c.clear()),
        (lambda: [1.0], len, lambda c: c.append(1.0)),
        (
            lambda: SimpleNamespace(a=1.0),
            lambda c: getattr(c, "b", 7.0),
            lambda c: setattr(c, "b", 1.0),
        ),
    ],
)
def test_settings_of_every_kind_are_looked_at(make, read, change):
    config = make()
    step = tx.compile(lambda x: x * read(config), strict=True)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(numbers(step(x))[0], x * read(config))
    change(config)
    np.testing.assert_array_equal(numbers(step(x))[0], x * read(config))


GLOBAL = trained()
SCALE = 1.0


def train_the_global(x, y):
    return train(GLOBAL, x, y) * SCALE


def test_globals_are_reached_and_looked_at(monkeypatch):
    step, other = tx.compile(train_the_global, strict=True), copy.deepcopy(GLOBAL)
    x, y = batch()
    for scale in (1.0, 2.0, 2.0):
        monkeypatch.setattr(__import__("sys").modules[__name__], "SCALE", scale)
        assert step(x, y).item() == pytest.approx(train(other, x, y).item() * scale, rel=1e-12)
    monkeypatch.setattr(__import__("sys").modules[__name__], "GLOBAL", fresh := trained())
    step(x, y)
    check_near(state(fresh)[:1], state(trained_once(x, y))[:1])


def trained_once(x, y):
    world = trained()
    train(world, x, y)
    return world
