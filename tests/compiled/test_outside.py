"""What a function asks of the outside: asked in each call, as without compiling, or refused by name.

Each scenario is run twice, with functions as they are and compiled, and must observe the same.
"""

import array
import contextvars
import decimal
import functools
import itertools
import random
import sys
import threading
import time
import types
import weakref

import numpy as np
import pytest
from numpy.random import RandomState

import tinygrad_xent as tx
from tests.compiled.worlds import check_same, numbers

X = np.array([[1.0, 2.0]])
THIS = sys.modules[__name__]
CALLS = 0


def asks_iterator(compile):
    ticks = itertools.count(1)
    f = compile(lambda x: x * next(ticks))
    yield from (f(X), f(X), f(X))


def asks_generator(compile):
    ticks = (n * 2.0 for n in range(9))
    f = compile(lambda x: x * next(ticks))
    yield from (f(X), f(X), f(X))


def asks_bound_iterator(compile):
    tick = itertools.count(1).__next__
    f = compile(lambda x: x * tick())
    yield from (f(X), f(X), f(X))


def asks_settings_of_numpy(compile):
    f = compile(lambda x: x * np.get_printoptions()["precision"])
    for precision in (8, 3):
        with np.printoptions(precision=precision):
            yield f(X)


def asks_the_decimal_context(compile):
    f = compile(lambda x: x * float(decimal.Decimal(1) / decimal.Decimal(3)))
    for digits in (28, 3):
        with decimal.localcontext() as context:
            context.prec = digits
            yield f(X)


def asks_clock(compile):
    start = time.perf_counter_ns()
    f = compile(lambda x: x * 0.0 + (time.perf_counter_ns() - start))
    first, second = numbers([f(X), f(X)])
    yield bool((second > first).all())


def asks_clock_that_it_imports(compile):
    def whole(x):
        import time as clock

        return x * 0.0 + clock.perf_counter_ns()

    def part(x):
        from time import perf_counter_ns

        return x * 0.0 + perf_counter_ns()

    for f in (compile(whole), compile(part)):
        first, second = numbers([f(X), f(X)])
        yield bool((second > first).all())


def asks_globals(compile):
    THIS.CALLS = 2
    f = compile(lambda x: x * globals()["CALLS"])
    yield f(X)
    THIS.CALLS = 3
    yield f(X)


def asks_context_variable(compile):
    scale = contextvars.ContextVar("scale", default=1.0)
    f = compile(lambda x: x * scale.get())
    yield f(X)
    scale.set(3.0)
    yield f(X)


def asks_thread_local(compile):
    local = threading.local()
    local.scale = 1.0
    f = compile(lambda x: x * local.scale)
    yield f(X)
    local.scale = 3.0
    yield f(X)


def asks_weak_reference(compile):
    class Config:
        scale = 1.0

    config = Config()
    there = weakref.ref(config)
    f = compile(lambda x: x * there().scale)
    yield f(X)
    config.scale = 3.0
    yield f(X)


def asks_bytes(compile):
    scale, other = bytearray([2]), array.array("d", [3.0])
    f = compile(lambda x: x * scale[0] * other[0])
    yield f(X)
    scale[0], other[0] = 5, 7.0
    yield f(X)


def asks_read_only_dict(compile):
    settings = {"scale": 1.0}
    view = types.MappingProxyType(settings)
    f = compile(lambda x: x * view["scale"])
    yield f(X)
    settings["scale"] = 3.0
    yield f(X)


def asks_type_of_argument(compile):
    yield compile(lambda x, lr: x * (1.0 if isinstance(lr, float) else 9.0))(X, 0.5)
    yield compile(lambda x: x * (1.0 if isinstance(x, np.ndarray) else 9.0))(X)
    yield compile(lambda x: x * (1.0 if type(x) is np.ndarray else 9.0))(X)
    yield compile(lambda x: x * (1.0 if x.__class__ is np.ndarray else 9.0))(X)

    def match(x):
        match x:
            case np.ndarray():
                return x * 3.0
        return x

    yield compile(match)(X)


def asks_text_of_argument(compile):
    yield compile(lambda x, s: x * len(str(s)))(X, 0.5)
    yield compile(lambda x, s: x * len(f"{s}"))(X, 0.5)
    yield compile(lambda x, s: x * {0.5: 2.0}.get(s, 7.0))(X, 0.5)
    yield compile(lambda x, s: x * (hash(s) % 7))(X, 0.5)
    yield compile(lambda x, s: x * (2.0 if s.is_integer() else 3.0))(X, 0.5)


def asks_memory(compile):
    x = np.asfortranarray(np.ones((3, 2)))
    f = compile(lambda x: x * (2.0 if np.isfortran(x) else 3.0))
    yield from (f(x), f(np.ones((3, 2))))
    g = compile(lambda x: x * float(x.strides[0]))
    yield from (g(x), g(np.ones((3, 2))))


def asks_class_by_another_name(compile):
    kinds, number = (np.ndarray, list), float
    yield compile(lambda x: x * (2.0 if isinstance(x, kinds) else 3.0))(X)
    yield compile(lambda x, lr: x * (2.0 if isinstance(lr, number) else 3.0))(X, 0.5)
    yield compile(lambda x, lr: x * (2.0 if np.isscalar(lr) else 3.0))(X, 0.5)
    yield compile(lambda x: x * (2.0 if x.base is None else 3.0))(X)


def asks_for_an_attribute_of_arrays(compile):
    for name in ("strides", "real", "byteswap"):
        yield compile(lambda x, name=name: x * (2.0 if hasattr(x, name) else 3.0))(X)
        yield compile(lambda x, name=name: x * (3.0 if getattr(x, name, None) is None else 2.0))(X)


def asks_for_floating_point_errors(compile):
    def g(x):
        with np.errstate(divide="raise"):
            try:
                return 1.0 / x
            except FloatingPointError:
                return x

    yield compile(g)(np.zeros(2))


SCENARIOS = [s for name, s in vars(THIS).items() if name.startswith("asks_")]


MAKING = {
    "RandomState": lambda x: x * np.random.RandomState().rand(),
    "Generator": lambda x: x * np.random.Generator(np.random.PCG64()).normal(),
    "SeedSequence": lambda x: x * float(np.random.SeedSequence().entropy % 7),
    "MT19937": lambda x: x * float(np.random.MT19937().random_raw()),
    "imported": lambda x: x * RandomState().rand(),
    "default_rng": lambda x: x * np.random.default_rng().random(),
}


@pytest.mark.parametrize("name", MAKING)
def test_generators_that_are_made_inside_are_refused(name):
    with pytest.raises(tx.GraphError, match="would be the same in each run"):
        tx.compile(MAKING[name], strict=True)(X)
    with pytest.raises(tx.GraphError, match="would be the same in each run"):
        tx.program(MAKING[name], X)


def test_code_may_ask_whether_something_is_a_generator():
    def noisy(x, rng):
        return x + rng.normal(size=2) if isinstance(rng, np.random.Generator) else x

    step = tx.compile(noisy, strict=True)
    first, second = (step(X, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(first, noisy(X, np.random.default_rng(0)))
    np.testing.assert_array_equal(second, noisy(X, np.random.default_rng(1)))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_the_outside_is_asked_each_time(scenario):
    reasons = check_same(scenario)
    assert all(reasons), "compiled, though a step can't know this"
    assert all(r.startswith(("compile: ", "program: ")) for r in reasons)


def test_libraries_that_are_not_known_to_compute_only_are_refused_by_name():
    with pytest.raises(tx.GraphError, match="uses print, which does or asks more than to compute"):
        tx.compile(lambda x: (print("step"), x)[1], strict=True)(X)
    with pytest.raises(tx.GraphError, match=r"uses time\.time"):
        tx.compile(lambda x: x * time.time(), strict=True)(X)
    rng = random.Random(0)
    with pytest.raises(tx.GraphError, match="calls rng, whose numbers would be the same"):
        tx.compile(lambda x: x * rng.random(), strict=True)(X)


class Logged:
    """A user's object with things that no step could know, which the step does not use."""

    def __init__(self):
        self.lock, self.file, self.scale = threading.Lock(), sys.stdout, 2.0

    def step(self, x):
        return x * self.scale


def test_attributes_that_the_code_does_not_name_are_nobodys_business():
    step = tx.compile(Logged().step, strict=True)
    np.testing.assert_array_equal(numbers(step(X))[0], X * 2.0)


def test_memoised_helpers_and_constants_of_every_harmless_kind_compile():
    @functools.lru_cache
    def half(n):
        return n / 2

    table = {"a": (1, 2.0), "b": [slice(0, 1), range(3), frozenset({1}), 1j, ...]}
    step = tx.compile(lambda x: x * half(4) * table["a"][1] * len(table["b"]), strict=True)
    np.testing.assert_array_equal(numbers(step(X))[0], X * 2.0 * 2.0 * 5)
