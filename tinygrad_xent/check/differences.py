"""Slopes measured by differences, with what they are worth.

A central difference at two steps gives the slope (Richardson's extrapolation), an estimate of its
error, and the two one-sided slopes: where these part, or the estimates of the two steps do, there is
a kink (relu at 0, a tie in max) and no slope to compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any

EPS = float(np.finfo(np.float64).eps)
ROUGH = 1e-3  # an error of more than this share of the largest slope: not a measurement


@dataclass(frozen=True)
class Slope:
    """The measured slope of each output along one direction.

    Attributes:
        value: the slopes, of the shape of the output.
        error: what they may be off by, rounding included.
        low, high: the smaller and the larger of the one-sided slopes.
        measured: where the value may be relied on.
    """

    value: Array
    error: Array
    low: Array
    high: Array
    measured: Array


def step_for(dtype: Any) -> float:
    """The relative step: a compromise of the rule's error, h⁴, and of rounding, eps / h."""
    return float(np.finfo(dtype).eps ** 0.25)


def slope(
    f: Callable[[Array], Array], x: Array, along: Array, step: float, eps: float = EPS
) -> Slope:
    """The slope of f at x along a direction, from f at x, x ± step · along and x ± half of it.

    Args:
        f: takes an array like x, gives an array; always the same for the same x.
        x: the point.
        along: the direction, of x's shape.
        step: how far to go along it.
        eps: the relative rounding of f's values.
    """
    with np.errstate(all="ignore"):
        here = np.asarray(f(x))
        ahead, behind = np.asarray(f(x + step * along)), np.asarray(f(x - step * along))
        half = step / 2
        near, back = np.asarray(f(x + half * along)), np.asarray(f(x - half * along))
        here, ahead, behind, near, back = (
            v.astype(np.float64) for v in (here, ahead, behind, near, back)
        )
        wide, narrow = (ahead - behind) / (2 * step), (near - back) / (2 * half)
        value = (4 * narrow - wide) / 3
        rounding = 8 * eps * np.maximum(np.abs(here), np.abs(ahead - behind)) / step
        error = np.abs(narrow - wide) + rounding
        sides = (near - here) / half, (here - back) / half
        # Curvature halves the gap between the sides with the step; a kink leaves it.
        gap = np.abs(sides[0] - sides[1])
        wide_gap = np.abs(ahead - 2 * here + behind) / step
        scale = np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        kink = (gap > 0.75 * wide_gap) & (gap > 100 * rounding + 1e-9 * scale)
        sharp = error <= np.maximum(ROUGH * scale, 2 * rounding)
        measured = np.isfinite(value) & sharp & ~kink
    return Slope(value, error, np.minimum(*sides), np.maximum(*sides), measured)
