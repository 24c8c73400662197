"""What a function does besides computing: done as often as without compiling, or refused by name.

Each scenario is run twice, with functions as they are and compiled, and must observe the same.
"""

import functools
import sys
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import check_same

X = np.array([[1.0, 2.0]])
THIS = sys.modules[__name__]


def effect_list(compile):
    log = []
    f = compile(lambda x: (log.append(1), x * 2.0)[1])
    for _ in range(3):
        yield f(X)
        yield list(log)


def effect_dict(compile):
    counter = {"n": 0}

    def g(x):
        counter["n"] += 1
        return x * counter["n"]

    f = compile(g)
    for _ in range(3):
        yield f(X)
        yield dict(counter)


def effect_then_refused(compile):
    counter = {"n": 0}

    def g(x):
        counter["n"] += 1
        return float(tx.exp(x).sum())

    f = compile(g)
    for _ in range(2):
        yield f(X)
        yield dict(counter)


def effect_then_error(compile):
    counter = {"n": 0}

    def g(x, y):
        counter["n"] += 1
        return tx.cross_entropy(x, y)

    f = compile(g)
    for y in ([5], [0]):
        try:
            yield f(X, np.array(y))
        except tx.OutOfRangeError as error:
            yield str(error).partition("\n")[0]
        yield dict(counter)


def effect_default(compile):
    def g(x, seen=[]):  # noqa: B006 -- that is what is tried
        seen.append(1)
        return x * len(seen)

    f = compile(g)
    yield from (f(X), f(X), f(X))


def effect_attribute_of_function(compile):
    def g(x):
        g.count += 1
        return x * g.count

    g.count = 0
    f = compile(g)
    yield from (f(X), f(X), g.count)


def effect_object(compile):
    class Counter:
        total = 0

        def __init__(self):
            self.n = 0

        def up(self):
            self.n += 1
            Counter.total += 1
            return self.n

    counter = Counter()
    f = compile(lambda x: x * counter.up())
    yield from (f(X), f(X), counter.n, Counter.total)


def effect_slots(compile):
    class Counter:
        __slots__ = ("n",)

    counter = Counter()
    counter.n = 0

    def g(x):
        counter.n += 1
        return x * counter.n

    f = compile(g)
    yield from (f(X), f(X), counter.n)


def effect_deque_and_set(compile):
    last, seen = deque(maxlen=2), set()
    f = compile(lambda x: (last.append(len(seen)), seen.add(len(last)), x * len(last))[2])
    yield from (f(X), f(X), list(last), sorted(seen))


def effect_bound_method(compile):
    log = []
    note = log.append
    f = compile(lambda x: (note(3), x * 2.0)[1])
    yield from (f(X), f(X), list(log))


def effect_module(compile):
    THIS.CALLS = 0
    f = compile(count_calls)
    yield from (f(X), f(X), THIS.CALLS)


CALLS = 0


def count_calls(x):
    THIS.CALLS += 1
    return x * 2.0


def effect_global(compile):
    THIS.CALLS = 0
    f = compile(count_calls_by_name)
    yield from (f(X), f(X), CALLS)


def count_calls_by_name(x):
    global CALLS
    CALLS += 1
    return x * CALLS


def effect_append_to_argument(compile):
    f = compile(lambda p: (p.append(p[0] * 2.0), p[0] + 1.0)[1])
    p = [X.copy()]
    yield from (f(p), f(p), len(p))


def replaces_an_item(compile):
    f = compile(lambda p: p.__setitem__(0, p[0] * 2.0))
    x = X.copy()
    p = [x]
    f(p), f(p)
    yield from (p[0], x)


def replaces_an_attribute(compile):
    running = SimpleNamespace(mean=np.zeros(2))
    old = running.mean

    def g(x):
        running.mean = 0.9 * running.mean + 0.1 * x[0]
        return x - running.mean

    f = compile(g)
    yield from (f(X), f(X), running.mean, old)


def swaps(compile):
    pair = {"a": np.ones(2), "b": np.zeros(2)}

    def g(x):
        pair["a"], pair["b"] = pair["b"], pair["a"]
        return x + pair["a"]

    f = compile(g)
    yield from (f(X), f(X), f(X), pair["a"])


# --- what is asked of the outside ---------------------------------------------------------------------


class Weights:
    w = np.ones(2)

    @staticmethod
    def grow(x):
        HELD[0][...] += 1.0
        return x * HELD[0]


HELD = [np.ones(2)]


def effect_on_array_of_a_class(compile):
    def g(x):
        Weights.w[...] += 1.0
        return x * Weights.w

    f = compile(g)
    yield from (f(X), f(X), Weights.w.copy())
    Weights.w[...] = 1.0


def effect_on_array_that_a_static_method_names(compile):
    f = compile(lambda x: Weights.grow(x))
    yield from (f(X), f(X), HELD[0].copy())
    HELD[0][...] = 1.0


def effect_on_default_array(compile):
    w = np.ones(2)

    def g(x, *, w=w):
        w[...] += 1.0
        return x * w

    f = compile(g)
    yield from (f(X), f(X), w)


def effect_of_a_constructor(compile):
    made = []

    class Scaled:
        def __init__(self, x):
            made.append(1)
            self.x = x * 2.0

    f = compile(lambda x: Scaled(x).x)
    yield from (f(X), f(X), list(made))


def effect_of_a_setter(compile):
    seen = []

    class Config:
        @property
        def scale(self):
            return 2.0

        @scale.setter
        def scale(self, value):
            seen.append(value)

    config = Config()

    def g(x):
        config.scale = 3.0
        return x * config.scale

    f = compile(g)
    yield from (f(X), f(X), list(seen))


def effect_new_attribute_of_a_class(compile):
    class Config:
        pass

    def g(x):
        Config.calls = getattr(Config, "calls", 0) + 1
        return x * Config.calls

    f = compile(g)
    yield from (f(X), f(X), Config.calls)


def effect_of_a_wrapper(compile):
    class Counting:
        def __init__(self, f):
            self.f, self.n = f, 0
            functools.update_wrapper(self, f)

        def __call__(self, x):
            self.n += 1
            return self.f(x) * self.n

    counting = Counting(lambda x: x * 2.0)
    f = compile(lambda x: counting(x))
    yield from (f(X), f(X), counting.n)


def effect_attributes_of_a_dict(compile):
    class Config(dict):
        pass

    config = Config()
    config.n = 0

    def g(x):
        config.n += 1
        return x * config.n

    f = compile(g)
    yield from (f(X), f(X), config.n)


def returns_containers_it_was_given(compile):
    given = [X]
    yield compile(lambda xs: xs)(given) is given
    state = {"w": np.ones(2)}
    yield compile(lambda x: (x * 2.0, state))(X)[1] is state

    def twice(x):
        found = [x * 2.0]
        return found, found

    one, two = compile(twice)(X)
    yield one is two


SCENARIOS = [
    s
    for name, s in vars(THIS).items()
    if name.startswith(("effect_", "replaces_", "swaps", "returns_"))
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_effects_happen_as_often(scenario):
    reasons = check_same(scenario)
    assert all(reasons), "compiled, though a step can't know this"
    assert all(r.startswith(("compile: ", "program: ")) for r in reasons)


def test_strict_refuses_before_anything_happens():
    log = []
    step = tx.compile(lambda x: (log.append(1), x * 2.0)[1], strict=True)
    with pytest.raises(tx.GraphError, match=r"changes log(.|\n)*return the new value"):
        step(X)
    assert log == []
