"""Checks of arguments, shared by layers, optimisers and data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .engine import errors
from .engine.symbols import Symbol, check

Check: TypeAlias = Callable[[Any, str, Any], Any]  # of an object's setting: its name, its value
Seed: TypeAlias = "np.random.Generator | int | None"  # quoted: NumPy imports its random part late


def check_sizes(who: str, sizes: Any) -> None:
    """Raise unless every size is an integer of at least 1."""
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, (Sequence, np.ndarray)):
        what = f"{who}: the sizes must be a list of integers"
        raise errors.DtypeError(what, [sizes])
    for size in sizes:
        check_integer(who, "a size", size, 1)


def generator(who: str, rng: Any) -> np.random.Generator:
    """The generator itself, or a new one from a seed (None: from the system's entropy)."""
    if rng is not None and not isinstance(rng, (np.random.Generator, int, np.integer)):
        what = f"{who}: rng must be a numpy.random.Generator or an integer seed"
        raise errors.DtypeError(what, [rng], "rng=np.random.default_rng(0)")
    return np.random.default_rng(rng)


def check_number(
    who: str, name: str, value: Any, low: float, high: float = math.inf, open: bool = False
) -> float:
    """The value as a Python number, so that no NumPy type widens a float32 result; an error unless
    `low <= value <= high`, or `low <= value < high` with `open`.
    """
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Symbol):
        within = (value >= low) & (value <= high)
        check(within, f"{who}: {name} must be from {low:g} to {high:g}", ValueError)
        number: float = value
        return number
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise errors.DtypeError(f"{who}: {name} must be a number", [value])
    if not low <= value <= high or not math.isfinite(value) or (open and value == high):
        limits = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        excluded = f", {high:g} excluded" if open else ""
        what = f"{who}: {name} must be {limits}{excluded}, got {value}"
        raise errors.BadValueError(what)
    return value


def check_integer(who: str, name: str, value: Any, low: float, high: float = math.inf) -> int:
    """The value as a Python integer; an error unless it is one and `low <= value <= high`."""
    if isinstance(value, Symbol) and value.dtype.kind in "iu":
        return check_number(who, name, value, low, high)  # type: ignore[return-value]
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise errors.DtypeError(f"{who}: {name} must be an integer", [value])
    return int(check_number(who, name, value, low, high))


def number(low: float, high: float = math.inf, open: bool = False) -> Check:
    """The check of a setting that is a number within these limits; see `check_number`."""
    return lambda owner, name, value: check_number(
        type(owner).__name__, name, value, low, high, open
    )


def whole(low: int) -> Check:
    """The check of a setting that is an integer of at least `low`."""
    return lambda owner, name, value: check_integer(type(owner).__name__, name, value, low)


def flag(owner: Any, name: str, value: Any) -> bool:
    """The check of a setting that is true or false."""
    if not isinstance(value, (bool, np.bool_)):
        raise errors.DtypeError(f"{type(owner).__name__}: {name} must be True or False", [value])
    return bool(value)


def one_of(*options: str) -> Check:
    """The check of a setting that is one of a few words."""

    def check(owner: Any, name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            what = (
                f"{type(owner).__name__}: {name} must be one of {', '.join(options)}, got {value!r}"
            )
            raise errors.BadValueError(what)
        return str(value)

    return check


class Checked:
    """An object whose settings are checked whenever they are set: at construction, when loaded, when
    assigned. A class lists its checks by name in `checks`; each gives the value to keep.
    """

    checks: ClassVar[Mapping[str, Check]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        check = self.checks.get(name)
        object.__setattr__(self, name, check(self, name, value) if check else value)

    def set_all(self, values: Mapping[str, Any]) -> None:
        """Set several attributes: all of them or, if one is refused, none. Those that depend on each
        other are checked as they will be.
        """
        before = dict(vars(self))
        try:
            vars(self).update(values)
            for name, value in values.items():
                setattr(self, name, value)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
