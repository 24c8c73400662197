"""A compiled step sees what anybody has changed of what it was built on: modes, settings, globals."""

import copy
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import (
    Pair,
    batch,
    check_near,
    check_same,
    numbers,
    state,
    train,
    trained,
)


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
        monkeypatch.setattr(sys.modules[__name__], "SCALE", scale)
        assert step(x, y).item() == pytest.approx(train(other, x, y).item() * scale, rel=1e-12)
    monkeypatch.setattr(sys.modules[__name__], "GLOBAL", fresh := trained())
    step(x, y)
    check_near(state(fresh)[:1], state(trained_once(x, y))[:1])


def trained_once(x, y):
    world = trained()
    train(world, x, y)
    return world


class Config:
    table: ClassVar = {"scale": 1.0}
    sizes = (1.0,)
    steps: ClassVar = [1.0]


class Layer:
    """An object that is called and reads a variable of a closure."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return x * self.scale()


def reads_class_members(compile):
    f = compile(lambda x: x * Config.table["scale"] * Config.sizes[0] * Config.steps[0])
    yield f(X)
    Config.table["scale"] = 3.0
    yield f(X)
    Config.sizes = (5.0,)
    yield f(X)
    Config.steps.insert(0, 7.0)
    yield f(X)
    Config.table, Config.sizes, Config.steps = {"scale": 1.0}, (1.0,), [1.0]


def reads_attributes_of_functions(compile):
    def g(x):
        return x * g.scale

    g.scale = 1.0
    f = compile(g)
    yield f(X)
    g.scale = 3.0
    yield f(X)


def calls_functions_in_containers_and_attributes(compile):
    k = 1.0
    held = {"a": [lambda x: x * k], "b": Layer(lambda: k)}
    settings = SimpleNamespace(rule=lambda x: x + k)
    f = compile(lambda x: held["a"][0](x) + held["b"](x) + settings.rule(x))
    yield f(X)
    k = 3.0
    yield f(X)
    settings.rule = lambda x: x - k
    yield f(X)


def calls_a_method_of_an_object_with_functions(compile):
    k = 1.0

    class Trainer:
        def __init__(self):
            self.rule = lambda x: x * k

        def step(self, x):
            return self.rule(x)

    f = compile(Trainer().step)
    yield f(X)
    k = 3.0
    yield f(X)


def reads_dicts_in_order(compile):
    settings = {"a": 2.0, "b": 3.0}

    def g(x):
        for key, value in settings.items():
            x = x * value if key == "a" else x + value
        return x

    f = compile(g)
    yield f(X)
    settings["a"] = settings.pop("a")
    yield f(X)


def shadows_a_builtin(compile):
    module = sys.modules[__name__]
    f = compile(lambda x: x * max(1.0, 2.0))
    yield f(X)
    module.max = lambda a, b: 7.0
    yield f(X)
    del module.max
    yield f(X)


def reads_what_is_defined_later(compile):
    module = sys.modules[__name__]

    def g(x):
        try:
            return x * LATER
        except NameError:
            return x

    f = compile(g)
    yield f(X)
    module.LATER = 3.0
    yield f(X)
    del module.LATER
    yield f(X)


def reads_a_module_that_is_passed_on(compile):
    module = sys.modules[__name__]
    f = compile(lambda x: scaled_by(x, THIS))
    yield f(X)
    module.SCALE, module.TABLE["a"] = 3.0, 5.0
    yield f(X)
    module.SCALE, module.TABLE["a"] = 1.0, 1.0


def scaled_by(x, module):
    return x * module.SCALE * module.TABLE["a"]


X = np.array([1.0, 2.0])
THIS = sys.modules[__name__]
TABLE = {"a": 1.0}


@pytest.mark.parametrize(
    "scenario",
    [
        reads_class_members,
        reads_attributes_of_functions,
        calls_functions_in_containers_and_attributes,
        calls_a_method_of_an_object_with_functions,
        reads_dicts_in_order,
        shadows_a_builtin,
        reads_what_is_defined_later,
        reads_a_module_that_is_passed_on,
    ],
    ids=lambda s: s.__name__,
)
def test_what_code_leads_to_is_looked_at(scenario):
    assert check_same(scenario) == [""]  # compiled, each time anew


def numbers_of_a_users_own_optimiser(compile):
    class Descent:
        def __init__(self, lr):
            self.lr, self.count, self._label = lr, 1.0, 1.0

    @dataclass
    class Settings:
        lr: float = 1.0
        count: float = 1.0

    own, settings = Descent(2.0), Settings()
    f = compile(lambda x: x * own.lr * own.count * own._label * settings.lr * settings.count)
    yield f(X)
    for holder, name in ((own, "lr"), (own, "count"), (own, "_label"), (settings, "lr")):
        setattr(holder, name, 3.0)
        yield f(X)


def reads_of_constructors_and_defaults(compile):
    scale = [2.0]

    class Scaled:
        def __init__(self, x):
            self.x = x * scale[0]

    f = compile(lambda x: Scaled(x).x)
    yield f(X)
    scale[0] = 3.0
    yield f(X)


def reads_what_pickle_leaves_out(compile):
    class Trainer:
        def __init__(self):
            self.scale = [2.0]

        def __getstate__(self):
            return {}

    trainer = Trainer()
    f = compile(lambda x: x * trainer.scale[0])
    yield f(X)
    trainer.scale[0] = 3.0
    yield f(X)


def reads_by_names_that_are_computed(compile):
    f = compile(lambda x: x * getattr(Config, "ste" + "ps")[0])
    yield f(X)
    Config.steps[0] = 3.0
    yield f(X)
    Config.steps[0] = 1.0


MEAN = np.array([0.5, 0.25])


class Normed(tx.nn.Module):
    def forward(self, x):
        return (x - MEAN) * 2.0


def methods_that_name_arrays(compile):
    net = Normed()
    f = compile(lambda x: net(x))
    yield f(X)
    MEAN[:] += 1.0
    yield f(X)
    MEAN[:] -= 1.0


@pytest.mark.parametrize(
    "scenario",
    [
        numbers_of_a_users_own_optimiser,
        reads_of_constructors_and_defaults,
        reads_what_pickle_leaves_out,
        reads_by_names_that_are_computed,
        methods_that_name_arrays,
    ],
    ids=lambda s: s.__name__,
)
def test_more_of_what_code_leads_to(scenario):
    assert check_same(scenario) == [""]


def test_a_program_sees_the_rate_of_a_users_own_optimiser():
    own = SimpleNamespace(lr=2.0, count=1.0)
    scaled = tx.program(lambda x: x * own.lr * own.count, X)
    np.testing.assert_array_equal(scaled(X), X * 2.0)
    own.lr, own.count = 3.0, 5.0
    np.testing.assert_array_equal(scaled(X), X * 15.0)
