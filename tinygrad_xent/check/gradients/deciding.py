"""Is a claimed slope the slope of a function along a direction? Right, wrong or inconclusive.

Central and one-sided differences at a step say what the slope is and how far off that may be. If the
claim agrees with a sharp measurement, it is right. Otherwise other steps are tried: smaller ones where
the error is the formula's (curvature, a kink, an edge of the domain), larger ones where it is
rounding. A claim is wrong only if measurements at several steps agree with each other and not with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from .differences import EPS, noise_of

Array: TypeAlias = Any
Verdict: TypeAlias = Literal["right", "wrong", "inconclusive"]

SHARP = 1e-3  # a measurement's largest error, as a share of the slope, that can confirm a claim
SETTLED = 0.01  # the formula's largest error that can refute one
FACTOR = 30.0  # from one step to the next
LEAP = 1e3  # the same where f does not move, or at a kink, which may only lie near
KINKS, RUNGS = 4, 40  # steps at which a kink has to be seen; steps tried at most
FLAT = 1e36  # a function that does not move up to here is constant
TINY = float(np.finfo(np.float64).smallest_subnormal)


@dataclass(frozen=True)
class Rung:
    """What the differences at one step say: the slope lies between `low` and `high`, up to `error`.

    Attributes:
        secant: how far the function moved, divided by the step.
        spread: the error of the formula. rounding: that of the values that moved.
        hidden: the slope that rounding may hide in values that did not move at all.
        kink: low and high are the one-sided slopes, which differ.
    """

    step: float
    low: float
    high: float
    secant: float
    spread: float
    rounding: float
    hidden: float
    kink: bool

    @property
    def value(self) -> float:
        return self.low if self.low == self.high else (self.low + self.high) / 2

    @property
    def error(self) -> float:
        return self.spread + self.rounding

    @property
    def size(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def moves(self) -> bool:
        """Whether the function changes by more than rounding."""
        return self.secant > self.rounding + self.hidden

    def off(self, claimed: float) -> float:
        """How far a claim lies outside; infinite for one that is not finite."""
        if not np.isfinite(claimed):
            return np.inf
        return max(self.low - claimed, claimed - self.high, 0.0)


@dataclass(frozen=True)
class Decision:
    """The verdict on one claim, the measurement it rests on, and the distance in tolerances."""

    verdict: Verdict
    rung: Rung | None
    excess: float

    @property
    def value(self) -> float:
        return self.rung.value if self.rung else np.nan


@dataclass
class Claim:
    """A claimed slope, and what it is compared with.

    Attributes:
        magnitude: the size of what it is a sum of. largest: the largest slope of the kind.
        peak: how steep f is seen to be near the point: a slope of 0 has no size of its own.
    """

    value: float
    magnitude: float
    largest: float
    peak: float = 0.0

    @property
    def important(self) -> float:
        return self.largest or self.peak

    def excess(self, rung: Rung, rtol: float, hidden: float = 0.0) -> float:
        """How far a measurement lies away from it, in units of the tolerance."""
        off = rung.off(self.value)
        slack = rtol * (self.magnitude or self.peak) + rung.error + hidden
        return float(off / slack if off and slack else off and np.inf)


class Decider:
    """A function at a point, and the claims about its slopes there.

    Args:
        f: takes an array like x and returns an array of terms, whose sum is differentiated.
        x: the point, a flat array.
        dtype: of f's values, which says how they are rounded. rtol: relative tolerance of claims.

    Attributes:
        unit: what slopes are measured in, so that they don't overflow where values are huge.
        floor: the rounding in f's values; that in a gradient times its point is like it.
    """

    def __init__(
        self, f: Callable[[Array], Array], x: Array, dtype: Any = np.float64, rtol: float = 1e-6
    ) -> None:
        self.f, self.x, self.rtol, self.unit = f, x, rtol, 1.0
        info = np.finfo(dtype)
        self.eps, self.start = float(info.eps), float(info.eps) ** 0.25
        largest = float(np.abs(self.at(x)).max(initial=0.0))
        self.unit = float(2.0 ** np.clip(np.frexp(largest)[1], -1000, 1000)) if largest else 1.0
        self.least = float(info.smallest_subnormal) / self.unit
        self.here = self.at(x)
        self.noise = noise_of(self.at, x, scales(x), self.eps)
        rounding = np.maximum(self.eps * np.abs(self.here), self.noise)
        self.floor = 16 * float(rounding.sum())

    def at(self, x: Array) -> Array:
        """The terms there, as a flat array."""
        with np.errstate(all="ignore"):
            return np.asarray(self.f(x), np.float64).reshape(-1) / self.unit

    def decide(self, along: Array, claimed: float, magnitude: float, largest: float) -> Decision:
        """Judge the claimed slope along a direction. All slopes are in units of `unit`.

        Args:
            magnitude: the size of what the claim is a sum of; |claimed| along one axis.
            largest: the largest slope along any such direction: errors far below do not matter.
        """
        claim = Claim(claimed, magnitude if np.isfinite(magnitude) else 0.0, largest)
        ladder: list[Rung] = []
        verdict: Verdict
        for rung in self.ladder(along):
            ladder.append(rung)
            if rung.moves:
                claim.peak = claim.peak or rung.secant
            if rung.kink or not np.isfinite(rung.error):
                continue
            excess, verdict = claim.excess(rung, self.rtol), "inconclusive"
            if excess <= 1:
                scale = claim.magnitude or claim.important
                error = rung.error + (0.0 if claim.magnitude else rung.hidden)
                verdict = "right" if error <= self.sharp * scale else verdict
            elif rung.error + rung.hidden <= self.sharp * max(rung.size, claim.magnitude):
                verdict = self.disputed(rung, claim, along, whole=False)
            if verdict != "inconclusive":
                return Decision(verdict, rung, excess)
        best = self.best(ladder, claim.magnitude)
        if best is None:
            return Decision("inconclusive", None, np.inf)
        excess, verdict = claim.excess(best, self.rtol), "inconclusive"
        if excess <= 1:
            constant = not claim.magnitude and not claim.peak
            if best.kink or constant or best.error + best.hidden <= self.sharp * claim.important:
                verdict = "right"
        else:
            verdict = self.disputed(best, claim, along, whole=True)
        return Decision(verdict, best, excess)

    def disputed(self, rung: Rung, claim: Claim, along: Array, whole: bool) -> Verdict:
        """The verdict on a claim that a measurement does not agree with. It is wrong if others at
        smaller steps agree with the measurement, and not with the claim. With `whole`, all steps
        have been tried: if f has not moved at any, it is constant up to rounding.
        """
        off = rung.off(claim.value)
        if off <= self.floor:  # the rounding of the gradient itself may be as large
            dust = (whole and not claim.peak) or off <= self.rtol * claim.largest
            return "right" if dust else "inconclusive"
        again = [self.rung(along, rung.step * share) for share in (0.37, 0.61, 0.83)]
        refuted = all(
            self.is_settled(r)
            and claim.excess(r, self.rtol, r.hidden) > 1
            and abs(r.value - rung.value) <= SETTLED * off + rung.error + r.error
            for r in (rung, *again)
        )
        return "wrong" if refuted else "inconclusive"

    def ladder(self, along: Array) -> Iterator[Rung]:
        """Measurements at one step after another, as far as each asks for another."""
        step, last, kinks = self.start, 0.0, 0
        reach = float(np.abs(along).max())
        for _ in range(RUNGS):
            if not 1e2 * self.shake(along) <= step <= 1e150 / reach:
                return
            rung = self.rung(along, step)
            yield rung
            kinks += rung.kink
            flat = rung.secant == 0
            way = -1.0 if rung.kink or not rung.spread <= rung.rounding + rung.hidden else 1.0
            if (last and way != last) or kinks == KINKS or (flat and step * reach > FLAT):
                return
            last = way
            step *= (LEAP if rung.kink or flat else FACTOR) ** way

    def shake(self, along: Array) -> float:
        """The step that the rounding of x itself amounts to."""
        x, reach = self.x[along != 0], np.abs(along).max()
        size = EPS * np.linalg.norm(x / reach) + TINY / reach
        return float(size / np.linalg.norm(along / reach))

    @property
    def sharp(self) -> float:
        return max(SHARP, self.rtol)

    def best(self, ladder: list[Rung], magnitude: float) -> Rung | None:
        """The measurement to rely on: a sharp one, or the nearest look at a kink, or any at all."""
        finite = [r for r in ladder if np.isfinite(r.error)]
        plain = [r for r in finite if not r.kink]
        sharp = [r for r in plain if r.error + r.hidden <= self.sharp * max(magnitude, r.size)]
        kinks = [r for r in finite if r.kink and r.error <= SETTLED * r.size]
        if kinks and not sharp:
            return min(kinks, key=lambda r: r.step)
        settled = [r for r in plain if self.is_settled(r)]
        pool = sharp or settled or plain or finite
        return min(pool, key=lambda r: r.error + r.hidden, default=None)

    def is_settled(self, rung: Rung) -> bool:
        """Whether the function looks smooth at this step, so that its slope can refute a claim."""
        rounding = 16 / rung.step * self.eps * float(np.abs(self.here).sum())
        return bool(rung.spread <= SETTLED * rung.size + rounding)

    def rung(self, along: Array, step: float) -> Rung:
        """The differences at the steps h, h/2 and h/4, to both sides, extrapolated to 0.

        Where only one side of the point has values, the slope is that side's.
        """
        steps = step / np.array([1.0, 2.0, 4.0])
        ahead = np.stack([self.at(self.x + h * along) for h in steps])
        behind = np.stack([self.at(self.x - h * along) for h in steps])
        here, h = self.here, steps[:, None]
        with np.errstate(all="ignore"):
            forward = _extrapolated((ahead - here) / h, (2, 4))
            backward = _extrapolated((here - behind) / h, (2, 4))
            value, spread = _extrapolated((ahead - behind) / (2 * h), (4, 16))
            changes = np.abs(np.concatenate([ahead, behind]) - here)
            changes = np.where(np.isfinite(changes), changes, 0).max(axis=0)
            sizes = np.maximum(self.eps * np.maximum(np.abs(here), changes), self.least)
            moved = changes > 0
            rounding = 16 / step * float(np.maximum(sizes, self.noise)[moved].sum())
            hidden = 16 / step * float(sizes[~moved].sum())
        low, high = sorted((forward[0], backward[0]))
        sides = forward[1] + backward[1]
        secant = float(changes.sum()) / step
        if high - low > 2 * (sides + 2 * rounding) + self.sharp * max(abs(low), abs(high)):
            return Rung(step, low, high, secant, sides, 2 * rounding, hidden, True)
        if not np.isfinite(spread):  # an edge: one side alone, or none
            value, spread = min(forward, backward, key=lambda side: side[1])
            rounding *= 2
        rounding += 4 * self.shake(along) / step * abs(value) if np.isfinite(spread) else 0.0
        return Rung(step, value, value, secant, spread, rounding, hidden, False)


def _extrapolated(quotients: Array, orders: tuple[int, int]) -> tuple[float, float]:
    """The limit of the quotients at h, h/2 and h/4, twice extrapolated, and its error."""
    first, second = orders
    once = (first * quotients[1:] - quotients[:-1]) / (first - 1)
    value = (second * once[1] - once[0]) / (second - 1)
    total, error = float(value.sum()), float(np.abs(once[1] - once[0]).sum())
    return (total, error) if np.isfinite(total + error) else (np.nan, np.inf)


def scales(x: Array) -> Array:
    """How far each element can be moved in proportion: its own size; for a 0 that of the largest."""
    size = np.abs(x)
    return np.where(size > 0, size, float(size.max(initial=0.0)) or 1.0)
