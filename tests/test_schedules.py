"""A schedule moves whole or not at all, and an optimiser has one."""

import copy
import gc
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.test_optimisers import parameter
from tinygrad_xent.engine.errors import BadValueError, WordedError
from tinygrad_xent.optim import SGD, Adam, CosineAnnealingLR, Schedule, StepLR


class Warmup(Schedule):
    """A schedule of a user's."""

    def rate(self, count):
        return self.base_lr * min(1.0, (count + 1) / 4)


class Told(Schedule):
    """Gives what it is told to, or raises it."""

    def __init__(self, optimizer):
        self.told = 0.5
        super().__init__(optimizer)

    def rate(self, count):
        if isinstance(self.told, BaseException):
            raise self.told
        return self.told


MAKE = {
    "StepLR": lambda o: StepLR(o, 2),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 10),
    "Warmup": Warmup,
    "Told": Told,
}
make_each = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def optimiser(lr=0.8):
    return SGD([parameter()], lr=lr)


def test_no_schedule_is_left_out():
    named = {x.__name__ for x in vars(tx.optim).values() if isinstance(x, type)}
    assert {n for n in named if issubclass(getattr(tx.optim, n), Schedule)} - {"Schedule"} <= {
        *MAKE
    }


# --- whole or not at all -------------------------------------------------------------------------

WRONG_STATES = {
    "a negative base": {"base_lr": -0.1},
    "a base that is nan": {"base_lr": math.nan},
    "an infinite base": {"base_lr": math.inf},
    "a base in quotes": {"base_lr": "0.1"},
    "a complex base": {"base_lr": 1j},
    "a true base": {"base_lr": True},
    "no base": {"base_lr": None},
    "an array as base": {"base_lr": np.ones(2)},
    "a negative count": {"count": -1},
    "a half count": {"count": 1.5},
    "a float count": {"count": 2.0},
    "a count in quotes": {"count": "2"},
    "a true count": {"count": True},
    "no count": {"count": None},
    "a count that is nan": {"count": math.nan},
    "a list as count": {"count": [1]},
    "another kind": {"kind": "Schedule"},
    "no kind": {"kind": None},
}


def held(schedule):
    return schedule.state_dict(), schedule.optimizer.lr


@pytest.mark.parametrize("wrong", WRONG_STATES.values(), ids=WRONG_STATES)
@make_each
def test_a_wrong_state_changes_nothing(make, wrong):
    schedule = make(optimiser())
    schedule.step()
    before = held(schedule)
    with pytest.raises(WordedError, match="load_state_dict: "):
        schedule.load_state_dict(schedule.state_dict() | {"base_lr": 0.3, "count": 7} | wrong)
    assert held(schedule) == before


@pytest.mark.parametrize("missing", ["kind", "base_lr", "count", None])
@make_each
def test_half_a_state_changes_nothing(make, missing):
    schedule = make(optimiser())
    before = held(schedule)
    state = {k: v for k, v in schedule.state_dict().items() if k != missing}
    with pytest.raises(tx.DtypeError, match="not the state of a"):
        schedule.load_state_dict(state if missing else [state])
    assert held(schedule) == before


@make_each
def test_a_state_of_numpys_numbers_becomes_pythons(make):
    schedule = make(optimiser())
    state = schedule.state_dict() | {"base_lr": np.float32(0.5), "count": np.int64(3)}
    schedule.load_state_dict(state)
    assert schedule.state_dict() == {**state, "base_lr": 0.5, "count": 3}
    assert (type(schedule.base_lr), type(schedule.count)) == (float, int)
    assert schedule.optimizer.lr == schedule.rate(3)


NO_RATES = [math.nan, math.inf, -math.inf, -0.1, "0.1", None, 1j, [0.1], RuntimeError("cut off"), KeyboardInterrupt("cut off")]  # fmt: skip


@pytest.mark.parametrize("told", NO_RATES, ids=repr)
@pytest.mark.parametrize(
    "move",
    [
        lambda s: s.step(),
        lambda s: s.load_state_dict(s.state_dict() | {"base_lr": 0.3, "count": 7}),
    ],
    ids=["step", "load_state_dict"],
)
def test_without_a_new_rate_all_stays(move, told):
    schedule = Told(optimiser())
    schedule.step()
    before = held(schedule)
    schedule.told = told
    expected = type(told) if isinstance(told, BaseException) else WordedError
    with pytest.raises(expected, match=r"Told: rate\(\d\) |cut off"):
        move(schedule)
    assert held(schedule) == before
    schedule.told = 0.25
    move(schedule)
    assert schedule.optimizer.lr == 0.25


def test_without_a_first_rate_the_optimiser_stays_and_is_free():
    class Never(Schedule):
        def rate(self, count):
            return math.nan

    optimizer = optimiser()
    with pytest.raises(BadValueError, match=r"Never: rate\(0\) must be at least 0, got nan"):
        Never(optimizer)
    assert optimizer.lr == 0.8
    Warmup(optimizer)


# --- one for one optimiser -----------------------------------------------------------------------


@pytest.mark.parametrize("second", MAKE.values(), ids=MAKE)
@make_each
def test_a_second_schedule_is_refused_until_the_first_is_gone(make, second):
    optimizer = optimiser()
    schedule = make(optimizer)
    schedule.step()
    before = held(schedule)
    words = f"the optimiser has a schedule, a {type(schedule).__name__} at step 1"
    with pytest.raises(
        BadValueError, match=rf"{words}\n(.|\n)*SGD\(1 par(.|\n)*fix: .*del schedule"
    ):
        second(optimizer)
    assert held(schedule) == before
    make(optimiser())  # another optimiser is free
    del schedule
    later = second(optimizer)
    with pytest.raises(BadValueError):
        make(optimizer)
    assert later.optimizer is optimizer


@make_each
def test_a_schedule_in_a_circle_does_not_block(make):
    optimizer = optimiser()
    schedule = make(optimizer)
    schedule.itself = schedule
    gc.disable()
    try:
        del schedule
        make(optimizer)
    finally:
        gc.enable()


DUPLICATES = {"copy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
@make_each
def test_a_copied_pair_is_a_pair(make, duplicate):
    schedule = make(Adam([parameter()], lr=0.8))
    schedule.step()
    optimizer, other = duplicate((schedule.optimizer, schedule))
    assert other.optimizer is optimizer
    with pytest.raises(BadValueError, match="has a schedule"):
        make(optimizer)
    for each in (schedule, other):
        each.step()
    assert held(other) == held(schedule)


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
@make_each
def test_a_copied_optimiser_has_no_schedule_yet(make, duplicate):
    schedule = make(optimiser())
    optimizer = duplicate(schedule.optimizer)
    later = make(optimizer)
    assert later.optimizer is optimizer is not schedule.optimizer


def test_any_object_with_a_rate_is_scheduled():
    optimizer = SimpleNamespace(lr=0.8)  # equal to others, and can't be a key
    schedule = StepLR(optimizer, 1)
    StepLR(SimpleNamespace(lr=0.8), 1)
    with pytest.raises(BadValueError, match="has a schedule"):
        StepLR(optimizer, 1)
    schedule.step()
    assert optimizer.lr == pytest.approx(0.08)
