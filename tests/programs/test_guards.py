"""What a function reads besides its arguments is guarded by value, wherever it stands: if it changes, the
next call of the program is one of a new recording.
"""

import functools
import types
from dataclasses import dataclass

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.programs import settings
from tinygrad_xent.programs import RecordingError

X = np.array([1.0, -2.0, 3.0])
SCALE = 2.0
CONFIG = types.SimpleNamespace(scale=2.0, inner={"scale": [2.0]})
max = 2.0  # a name of Python's


class Holder:
    scale = 2.0

    def __init__(self):
        self.own = 2.0

    def __call__(self, x):
        return x * self.own

    def method(self, x):
        return x * self.own

    @staticmethod
    def by_class(x):
        return x * Holder.scale


class Net(tx.nn.Module):
    def __init__(self):
        self.w = tx.Tensor(np.ones(3), requires_grad=True)
        self._private = 2.0

    def forward(self, x):
        return x * self.w * SCALE * self._private


@dataclass(slots=True)
class Slots:
    array: np.ndarray
    scale: float


def of_default(x, scale=2.0):
    return x * scale


def with_helper(x):
    return helper(x)


def helper(x):
    return x * SCALE


@functools.cache
def cached():
    return SCALE


def with_import(x):
    from tests.programs.settings import FACTOR

    return x * FACTOR


def closure(scale):
    def f(x):
        return x * scale

    def change(new):
        nonlocal scale
        scale = new

    return f, change


def two_closures():
    (f, change_f), (g, change_g) = closure(1.0), closure(2.0)
    return lambda x: f(x) + g(x), change_f, change_g


HOLDER, NET, SLOTS = Holder(), Net(), Slots(np.ones(3), 2.0)
LIST = [2.0]


def set_attribute(owner, name):
    return lambda patch, value: patch.setattr(owner, name, value)


def set_global(name):
    return lambda patch, value: patch.setitem(globals(), name, value)


def set_default(patch, value):
    patch.setattr(of_default, "__defaults__", (value,))


GUARDED = {
    "a global": (lambda x: x * SCALE, (X,), set_global("SCALE")),
    "a global of a helper": (with_helper, (X,), set_global("SCALE")),
    "a global of a forward": (lambda net, x: net(x), (NET, X), set_global("SCALE")),
    "an attribute of a namespace": (
        lambda x: x * CONFIG.scale,
        (X,),
        set_attribute(CONFIG, "scale"),
    ),
    "an item of an item": (
        lambda x: x * CONFIG.inner["scale"][0],
        (X,),
        lambda patch, value: patch.setitem(CONFIG.inner, "scale", [value]),
    ),
    "an item of a list": (
        lambda x: x * LIST[0],
        (X,),
        lambda patch, value: LIST.__setitem__(0, value),
    ),
    "a default": (of_default, (X,), set_default),
    "an attribute of a class": (lambda x: x * Holder.scale, (X,), set_attribute(Holder, "scale")),
    "a static method": (lambda x: Holder.by_class(x), (X,), set_attribute(Holder, "scale")),
    "an object that is called": (HOLDER, (X,), set_attribute(HOLDER, "own")),
    "a bound method": (HOLDER.method, (X,), set_attribute(HOLDER, "own")),
    "a method of a global": (lambda x: HOLDER.method(x), (X,), set_attribute(HOLDER, "own")),
    "a function that is passed": (lambda f, x: f(x), (helper, X), set_global("SCALE")),
    "a name of Python's": (lambda x: x * max, (X,), set_global("max")),
    "a module that is imported inside": (with_import, (X,), set_attribute(settings, "FACTOR")),
    "a private number of a module": (
        lambda net, x: net(x),
        (NET, X),
        set_attribute(NET, "_private"),
    ),
    "a field of a dataclass with slots": (
        lambda s, x: s.array * x * s.scale,
        (SLOTS, X),
        lambda patch, value: setattr(SLOTS, "scale", value),
    ),
    "a partial": (functools.partial(of_default), (X,), set_default),
    "a cached helper": (
        lambda x: x * cached(),
        (X,),
        lambda patch, value: (cached.cache_clear(), patch.setitem(globals(), "SCALE", value)),
    ),
}


@pytest.mark.parametrize("name", GUARDED)
def test_a_change_is_recorded_again(name, monkeypatch):
    f, args, change = GUARDED[name]
    program = tx.program(f, *args)
    values = list(arrays_of(args))
    before = program(*values)
    change(monkeypatch, 7.0)
    after = program(*values)
    change(monkeypatch, 2.0)
    np.testing.assert_array_equal(after, 3.5 * before)
    np.testing.assert_array_equal(program(*values), before)


def arrays_of(args):
    """The arrays among arguments, in the order of a program's inputs."""
    for x in args:
        if isinstance(x, np.ndarray):
            yield x
        elif isinstance(x, Net):
            yield x.w.numpy()
        elif isinstance(x, Slots):
            yield x.array


@pytest.mark.parametrize("kind", [np.dtype(np.float32), np.float32, "float32"])
def test_a_dtype_is_guarded(kind, monkeypatch):
    monkeypatch.setattr(CONFIG, "scale", kind)
    program = tx.program(lambda x: x.astype(CONFIG.scale), X)
    assert program(X).dtype == np.float32
    monkeypatch.setattr(CONFIG, "scale", np.dtype(np.float64))
    assert program(X).dtype == np.float64


def doubled(x):
    return x * 2


def tripled(x):
    return x * 3


ACT = tx.exp


class Activated(tx.nn.Module):
    def __init__(self):
        self.act = tx.exp

    def forward(self, x):
        return self.act(x)


ACTIVATED, ACTS, ACT_DICT = Activated(), types.SimpleNamespace(act=tx.exp), {"act": tx.exp}


def set_method(patch, value):
    patch.setattr(Holder, "method", lambda self, x: value(x))


def set_item(patch, value):
    patch.setitem(ACT_DICT, "act", value)


REBOUND = {
    "of a global": (lambda x: ACT(x), (X,), set_global("ACT")),
    "a helper": (lambda x: doubled(x), (X,), set_global("doubled")),
    "of a namespace": (lambda x: ACTS.act(x), (X,), set_attribute(ACTS, "act")),
    "of a module": (lambda net, x: net(x), (ACTIVATED, X), set_attribute(ACTIVATED, "act")),
    "a method": (lambda x: HOLDER.method(x), (X,), set_method),
    "in a dict": (lambda x: ACT_DICT["act"](x), (X,), set_item),
}


@pytest.mark.parametrize("name", REBOUND)
@pytest.mark.parametrize("new", [tx.tanh, np.sin, tripled, lambda x: x * 5])
def test_another_function_is_recorded_again(name, new, monkeypatch):
    f, args, change = REBOUND[name]
    program = tx.program(f, *args)
    change(monkeypatch, new)
    np.testing.assert_array_equal(program(X), new(tx.Tensor(X)).numpy())


class Drawn(tx.nn.Module):
    def __init__(self, seed):
        self.w = tx.Tensor(np.random.default_rng(seed).normal(size=3), requires_grad=True)

    def again(self):
        self.w.data = np.random.default_rng().normal(size=3)

    def forward(self, x):
        return x * self.w


def test_what_does_not_run_may_draw():
    model = Drawn(0)
    np.testing.assert_array_equal(tx.program(lambda m, x: m(x), model, X)(np.ones(3), X), X)
    with pytest.raises(RecordingError, match="default_rng"):
        tx.program(lambda m, x: m.again() or m(x), model, X)


def test_two_closures_of_one_code_are_two():
    f, change_f, change_g = two_closures()
    program = tx.program(f, X)
    np.testing.assert_array_equal(program(X), 3 * X)
    change_g(5.0)
    np.testing.assert_array_equal(program(X), 6 * X)
    change_f(2.0)
    np.testing.assert_array_equal(program(X), 7 * X)


def test_a_layer_that_is_unfrozen_is_recorded_again():
    def step(w, x):
        loss = (w * w * x).sum()
        if w.requires_grad:
            loss.backward()
        return loss

    w = tx.Tensor(np.ones(3), name="w")
    program = tx.program(step, w, X)
    assert not program.updates
    w.requires_grad = True
    assert program(w.numpy(), X)[1]["dw"].tolist() == (2 * X).tolist()


def test_a_local_name_is_not_the_global_of_the_same_name():
    def f(a):
        X = a * 2
        return (lambda: X + 1)()

    np.testing.assert_array_equal(tx.program(f, np.ones(3))(np.ones(3)), [3.0, 3.0, 3.0])


def count(x):
    global SCALE
    SCALE += 1.0
    return x * SCALE


def test_a_function_that_changes_what_it_reads_is_refused(monkeypatch):
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    with pytest.raises(RecordingError, match="changes SCALE, which it reads"):
        tx.program(count, X)


def tried(x):
    try:
        return x * 2 if x.sum() > 0 else x
    except Exception:
        return x * 3


def or_one(x):
    try:
        return float(x.sum())
    except Exception:
        return 1.0


@pytest.mark.parametrize("f", [tried, or_one])
def test_what_the_function_catches_is_refused_all_the_same(f):
    with pytest.raises(RecordingError, match="needs the numbers"):
        tx.program(f, X)
