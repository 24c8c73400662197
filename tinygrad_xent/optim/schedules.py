"""Learning-rate schedules: the rate as a function of the number of steps taken.

Each rate is computed from that number alone, never from the previous rate, so a resumed run has the
same rates to the last bit.
"""

from __future__ import annotations

import gc
import math
import weakref
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ..arguments import Check, Checked, check_integer, check_number, number, whole
from ..engine import errors
from ..engine.symbols import Symbol, cosine, number_of
from .base import Optimizer

_in_use: weakref.WeakValueDictionary[int, Schedule] = weakref.WeakValueDictionary()
"""The schedule of each optimiser, by the optimiser's id: it lives at least as long as its schedule."""


class Schedule(Checked):
    """The base class of schedules: a subclass defines `rate(count)`. What that needs it sets before
    `super().__init__(optimizer)`, which asks for the first rate.

    Args:
        optimizer: the optimiser whose `lr` is set; its current rate becomes `base_lr`. It has one
            schedule at a time: to replace it, let go of the first (`del schedule`).

    Raises:
        ValueError: the optimiser has a schedule that is still in use: each of the two would undo what
            the other does. Or `rate(0)` is negative or not finite.

    Attributes:
        base_lr: the rate before the first step.
        count: how many times `step` was called.

    >>> class Warmup(Schedule):
    ...     def rate(self, count):
    ...         return self.base_lr * min(1.0, (count + 1) / 4)
    >>> optimizer = tx.optim.SGD([Tensor(1.0, requires_grad=True)], lr=0.8)
    >>> warmup = Warmup(optimizer)
    >>> rates = [optimizer.lr]
    >>> for _ in range(4):
    ...     warmup.step()
    ...     rates.append(optimizer.lr)
    >>> rates
    [0.2, 0.4, 0.6000000000000001, 0.8, 0.8]
    """

    checks: ClassVar[Mapping[str, Check]] = {"base_lr": number(0), "count": whole(0)}

    def __init__(self, optimizer: Optimizer) -> None:
        if not hasattr(optimizer, "lr"):
            what = f"{type(self).__name__}: takes an optimiser"
            raise errors.DtypeError(what, [optimizer])
        _check_free(type(self).__name__, optimizer)
        self.optimizer, self.base_lr, self.count = optimizer, optimizer.lr, 0
        self._move(optimizer.lr, 0)
        _in_use[id(optimizer)] = self

    @abstractmethod
    def rate(self, count: int) -> float:
        """The learning rate after `count` calls of `step`."""
        raise NotImplementedError(errors.message(f"{type(self).__name__} defines no rate(count)"))

    def step(self) -> None:
        """Advance by one: called once per optimiser step, or per epoch, as the schedule counts.

        Raises:
            ValueError: the new rate is negative or not finite; nothing has changed.
        """
        self._move(self.base_lr, self.count + 1)

    def _move(self, base_lr: float, count: int) -> None:
        """Take on a base rate and a count, and set the optimiser's rate; on an error, none of them."""
        before = self.base_lr, self.count
        self.base_lr, self.count = base_lr, count
        try:
            lr = self.rate(count)
            which = "rate(count)" if isinstance(count, Symbol) else f"rate({count})"
            check_number(type(self).__name__, which, lr, 0)
            self.optimizer.lr = lr
        except BaseException:
            self.base_lr, self.count = before
            raise

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to continue: the base rate and the count."""
        return {"kind": type(self).__name__, "base_lr": self.base_lr, "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state and set the optimiser's rate from it; on an error, change nothing.

        Raises:
            DtypeError: it is not the state of this kind of schedule.
            ValueError: `base_lr` or `count` is negative or not finite, or so is the rate.
        """
        kind = type(self).__name__
        known = isinstance(state, Mapping) and {"kind", "base_lr", "count"} <= state.keys()
        if not known or state["kind"] != kind:
            what = f"{kind}.load_state_dict: not the state of a {kind}"
            raise errors.DtypeError(what, [state], "pass what schedule.state_dict() returned")
        who = f"{kind}.load_state_dict"
        base_lr = check_number(who, "base_lr", state["base_lr"], 0)
        count = check_integer(who, "count", state["count"], 0)
        self._move(float(base_lr), count)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Copied or pickled, it is the schedule of the copied optimiser."""
        vars(self).update(state)
        if _schedule_of(self.optimizer) is None:
            _in_use[id(self.optimizer)] = self


def _schedule_of(optimizer: Any) -> Schedule | None:
    """The schedule that an optimiser has."""
    found = _in_use.get(id(optimizer))
    return found if found is not None and found.optimizer is optimizer else None


def _check_free(who: str, optimizer: Any) -> None:
    if _schedule_of(optimizer) is not None:
        gc.collect()  # it may have been let go of already, in a circle
    if (other := _schedule_of(optimizer)) is not None:
        what = (
            f"{who}: the optimiser has a schedule, a {type(other).__name__} at step {other.count}"
        )
        fix = "let go of that one first (del schedule), or write both as one Schedule with a rate"
        raise errors.BadValueError(what, [optimizer], fix)


class StepLR(Schedule):
    """Multiplies the rate by γ every `step_size` steps: base · γ ^ ⌊count / step_size⌋.

    Raises:
        ValueError: `step_size` is below 1, `gamma` below 0.

    >>> optimizer = tx.optim.SGD([Tensor(1.0, requires_grad=True)], lr=0.8)
    >>> [StepLR(optimizer, step_size=2, gamma=0.5).rate(count) for count in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """

    checks: ClassVar[Mapping[str, Check]] = {
        **Schedule.checks,
        "step_size": whole(1),
        "gamma": number(0),
    }
    step_size: int
    gamma: float

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, count: int) -> float:
        rate: float = number_of(self.base_lr * self.gamma ** (count // self.step_size))
        return rate


class CosineAnnealingLR(Schedule):
    """Lowers the rate to `eta_min` along half a cosine of `T_max` steps, then raises it again.

        eta_min + (base - eta_min) · (1 + cos(π · count / T_max)) / 2

    Loshchilov, Hutter: SGDR (2017), equation 5, without restarts.

    Raises:
        ValueError: `T_max` is below 1, `eta_min` below 0.

    >>> optimizer = tx.optim.SGD([Tensor(1.0, requires_grad=True)], lr=0.8)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=4)
    >>> [round(schedule.rate(count), 3) for count in range(5)]
    [0.8, 0.683, 0.4, 0.117, 0.0]
    """

    checks: ClassVar[Mapping[str, Check]] = {
        **Schedule.checks,
        "T_max": whole(1),
        "eta_min": number(0),
    }
    T_max: int
    eta_min: float

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, count: int) -> float:
        swing = (1 + cosine(math.pi * count / self.T_max)) / 2
        rate: float = self.eta_min + (self.base_lr - self.eta_min) * swing
        return rate
