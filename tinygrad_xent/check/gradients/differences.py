"""Slopes measured by differences, with an estimate of their error.

A central difference at two steps gives the slope (Richardson's extrapolation), an estimate of its
error, and the two one-sided slopes. Where these disagree, or the estimates at the two steps do,
there is a kink (relu at 0, a tie in max) and no slope to compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any

EPS = float(np.finfo(np.float64).eps)
ROUGH = 1e-3  # an error above this share of the largest slope: not a measurement


@dataclass(frozen=True)
class Slope:
    """The measured slope of each output along one direction.

    Attributes:
        value: the slopes, of the shape of the output.
        error: how far off they may be. rounding: the part of that error due to rounding.
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
    """The relative step: a compromise between the formula's error, h⁴, and rounding, eps / h."""
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
        f: takes an array like x and returns an array, always the same one for the same x.
        x: the point.
        along: the direction, of x's shape.
        step: how far to go along it.
        eps: the relative rounding of f's values.
        noise: the rounding in f's values where it is larger than that; see `noise_of`.
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
        # Halving the step halves a gap that curvature makes between the sides, but not one that a
        # kink makes: what is left of the gap comes from a kink, and the slope lies between the
        # sides.
        gap, wide_gap = np.abs(sides[0] - sides[1]), np.abs(ahead - 2 * here + behind) / step
        kink = np.maximum(2 * gap - wide_gap, 0)
        error = np.abs(narrow - wide) + kink / 2 + rounding
        scale = np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        sharp = error <= np.maximum(ROUGH * scale, 4 * rounding)
        measured = np.isfinite(value) & sharp
    return Slope(value, error, rounding, np.minimum(*sides), np.maximum(*sides), measured)


def noise_of(f: Callable[[Array], Array], x: Array, along: Array, eps: float = EPS) -> Array:
    """The standard deviation of the rounding in each of f's values near x; 0 where f has none.

    Intermediate values may be far larger than the result. The third differences of seven values on
    a line, so close together that the function is straight there, come from rounding alone (Moré
    and Wild, "Estimating computational noise", 2011). Curvature only adds to it, so the smallest of
    several spacings' is taken, but not of one so close that the values are all equal.
    """
    found = []
    with np.errstate(all="ignore"):
        for spacing in (eps**0.5, eps**0.65, eps**0.8):
            values = np.stack([np.float64(f(x + k * spacing * along)) for k in range(7)])
            differences = np.diff(values, n=3, axis=0) / np.sqrt(20)  # 1² + 3² + 3² + 1²: variance
            found.append(np.sqrt(np.mean(differences**2, axis=0)))
    seen = np.stack([np.where(np.isfinite(noise) & (noise > 0), noise, np.inf) for noise in found])
    smallest = seen.min(axis=0)
    return np.where(np.isfinite(smallest), smallest, 0.0)
