"""Checks of arguments, shared by layers, optimisers and data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from .engine import errors

Seed: TypeAlias = "np.random.Generator | int | None"  # quoted: NumPy imports its random part late


def check_sizes(who: str, sizes: Any) -> None:
    """Raise unless every size is an integer of at least 1."""
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, (Sequence, np.ndarray)):
        what = f"{who}: the sizes must be a list of integers"
        raise errors.DtypeError(what, [sizes])
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise errors.DtypeError(f"{who}: a size must be an integer", [size])
        if size < 1:
            raise errors.BadValueError(f"{who}: a size must be at least 1, got {size}")


def generator(who: str, rng: Any) -> np.random.Generator:
    """The generator itself, or a new one from a seed (None: from the system's entropy)."""
    if rng is not None and not isinstance(rng, (np.random.Generator, int, np.integer)):
        what = f"{who}: rng must be a numpy.random.Generator or an integer seed"
        raise errors.DtypeError(what, [rng], "rng=np.random.default_rng(0)")
    return np.random.default_rng(rng)


def check_number(
    who: str, name: str, value: Any, low: float, high: float = math.inf, open: bool = False
) -> None:
    """Raise unless `low <= value <= high`; with `open`, unless `low <= value < high`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise errors.DtypeError(f"{who}: {name} must be a number", [value])
    if not low <= value <= high or not math.isfinite(value) or (open and value == high):
        limits = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        excluded = f", {high:g} excluded" if open else ""
        what = f"{who}: {name} must be {limits}{excluded}, got {value}"
        raise errors.BadValueError(what)


def check_integer(who: str, name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Raise unless the value is an integer and `low <= value <= high`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise errors.DtypeError(f"{who}: {name} must be an integer", [value])
    check_number(who, name, value, low, high)
