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
        error: what they may be off by; rounding: the part of it that rounding may make.
        low, high: the smaller and the larger of the one-sided slopes.
        measured: where the value may be relied on.
    """

    value: Array
    error: Array
    rounding: Array
    low: Array
    high: Array
    measured: Array


def step_for(dtype: Any) -> float:
    """The relative step: a compromise of the rule's error, h⁴, and of rounding, eps / h."""
    return float(np.finfo(dtype).eps ** 0.25)


def slope(
    f: Callable[[Array], Array],
    x: Array,
    along: Array,
    step: float,
    eps: float = EPS,
    noise: float = 0.0,
) -> Slope:
    """The slope of f at x along a direction, from f at x, x ± step · along and x ± half of it.

    Args:
        f: takes an array like x, gives an array; always the same for the same x.
        x: the point.
        along: the direction, of x's shape.
        step: how far to go along it.
        eps: the relative rounding of f's values.
        noise: the rounding in f's values where it is more than that; see `noise_of`.
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
        size = np.maximum(np.abs(here), np.abs(ahead - behind))
        rounding = 8 * np.maximum(eps * size, noise) / step
        sides = (near - here) / half, (here - back) / half
        # Curvature halves the gap between the sides with the step, a kink leaves it as it is: what
        # of the gap is left belongs to a kink, and the slope there is anything between the sides.
        gap, wide_gap = np.abs(sides[0] - sides[1]), np.abs(ahead - 2 * here + behind) / step
        kink = np.maximum(2 * gap - wide_gap, 0)
        error = np.abs(narrow - wide) + kink / 2 + rounding
        scale = np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        sharp = error <= np.maximum(ROUGH * scale, 4 * rounding)
        measured = np.isfinite(value) & sharp
    return Slope(value, error, rounding, np.minimum(*sides), np.maximum(*sides), measured)


def noise_of(f: Callable[[Array], Array], x: Array, along: Array, eps: float = EPS) -> float:
    """How much rounding shakes the values of a scalar f near x: a standard deviation.

    Intermediate values may be far larger than the result. Seven values on a line, so close that the
    function is straight there, have third differences of rounding alone (Moré and Wild, "Estimating
    computational noise", 2011).
    """
    spacing = eps**0.5
    with np.errstate(all="ignore"):
        values = [float(f(x + k * spacing * along)) for k in range(7)]
        differences = np.diff(values, n=3) / np.sqrt(20)  # 1² + 3² + 3² + 1² times the variance
        found = float(np.sqrt(np.mean(differences**2)))
    return found if np.isfinite(found) else 0.0
