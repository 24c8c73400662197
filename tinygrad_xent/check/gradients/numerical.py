"""gradcheck(): is the gradient of a function right? Compares it with differences, names mistakes.

The function's output is weighted by fixed random numbers and summed, so one scalar represents all
of it. Small inputs are checked entry by entry, large ones along random directions, and a wrong
direction is halved until one wrong entry is left. A kink is not a mistake: there the gradient has
to lie between the one-sided slopes, and a warning says so. A value that is not finite never passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ...engine import lines
from ...textbook.diagnosis import Diagnosis, diagnose
from .differences import Slope, noise_of, slope, step_for
from .point import Function, Point
from .tape_check import RuleCheck, check_tape

Array: TypeAlias = Any

ENTRIES = 512  # inputs of up to this many elements in all are checked entry by entry
DIRECTIONS = 12  # random directions for larger ones


class KinkWarning(UserWarning):
    """The function has a kink at the point of the check, so there is no slope to compare with."""


@dataclass(frozen=True)
class Worst:
    """Where gradient and differences lie furthest apart, in units of the tolerance."""

    order: int
    input: str
    index: tuple[int, ...]
    gradient: float
    difference: float

    def __str__(self) -> str:
        kind = "gradient" if self.order == 1 else "second derivative"
        where = f"{self.input}{list(self.index)}"
        return f"{where}: {kind} {self.gradient:.9g}, by differences {self.difference:.9g}"


@dataclass(frozen=True)
class GradCheck:
    """The outcome of a gradcheck: true if the gradient is right. Printed, it says what was found.

    Attributes:
        ok: whether everything compared agrees and is finite.
        worst: the worst place; None where nothing could be compared.
        diagnoses: the kind of mistake for each input whose gradient is wrong.
        guilty: the operations of the tape whose rules are wrong, if any.
        notes: how it was checked: in which dtype, how many directions, which kinks.
    """

    ok: bool
    worst: Worst | None
    diagnoses: dict[str, Diagnosis]
    guilty: tuple[RuleCheck, ...]
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = ["gradient right" if self.ok else "gradient WRONG"]
        if self.worst:
            lines.append(f"  worst: {self.worst}")
        lines += [f"  {name}: {diagnosis}" for name, diagnosis in self.diagnoses.items()]
        lines += [f"  {rule}" for rule in self.guilty]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__


def gradcheck(
    f: Function,
    *inputs: Any,
    order: int = 1,
    rtol: float | None = None,
    entries: int = ENTRIES,
    directions: int = DIRECTIONS,
    n: int | None = None,
    seed: int = 0,
) -> GradCheck:
    """Compare the gradient of `f` with central differences, at the given inputs.

    Args:
        f: takes tensors and returns one of any shape, always the same one for the same inputs.
        inputs: tensors or arrays. Those of a floating dtype are differentiated; they are copied, so
            no `.grad` is touched. float32 and float16 are checked in float64, at their own values.
        order: 1 for the gradient, 2 for the second derivatives too.
        rtol: relative tolerance; None chooses it by the dtype of the output (float64: 1e-6).
        entries: inputs of up to this many elements in all are checked entry by entry.
        directions: the number of random directions along which larger ones are checked.
        n: the number of samples, so that the diagnosis can name a missing 1/N.
        seed: of the random weights and directions.

    Returns:
        A `GradCheck`: true if right. It holds the worst place, the diagnosis and the guilty rules.

    Warns:
        KinkWarning: at a kink (relu at 0, a tie in max), where one-sided slopes bound the gradient.

    Raises:
        DtypeError: no input has a floating dtype, or `f` does not return a tensor that has one.
        ShapeError: the inputs have no element.
        GraphError: `f` gives a different result when called again.

    >>> import tinygrad_xent as tx
    >>> bool(tx.check.gradcheck(tx.log_softmax, [[1.0, 2.0, -1.0], [0.5, 0.1, 3.0]], order=2))
    True
    >>> wrong = lambda x: x.detach() * x        # a factor that detach cut off
    >>> print(tx.check.gradcheck(wrong, tx.Tensor(3.0, name="x")))
    gradient WRONG
      worst: x[]: gradient 3, by differences 6
      x: missing factor 2
      missing factor 2: every component is half as large
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")
    point = Point(f, inputs, seed)
    reports = [
        _Check(point, level, rtol, entries, directions, n, seed).run()
        for level in range(1, order + 1)
    ]
    kinks = sum(r.kinks for r in reports)
    notes = list(point.notes)
    notes += dict.fromkeys(note for r in reports for note in r.notes)
    if kinks:
        note = f"a kink at {kinks} place{'s' if kinks > 1 else ''}: one-sided slopes bound the gradient"
        notes.append(note)
        lines.warn(f"gradcheck: {note}", KinkWarning)
    bad = next((r for r in reports if not r.ok), None)
    guilty = () if bad is None else _guilty(point)
    shown = bad or max(reports, key=lambda r: r.excess)
    return GradCheck(bad is None, shown.worst, bad.diagnoses if bad else {}, guilty, tuple(notes))


def _guilty(point: Point) -> tuple[RuleCheck, ...]:
    output = point.recorded()
    return check_tape(output).guilty if output.requires_grad else ()


class _Check:
    """One order of derivative at one point: what was compared, and what came out."""

    def __init__(
        self,
        point: Point,
        order: int,
        rtol: float | None,
        entries: int,
        directions: int,
        n: int | None,
        seed: int,
    ) -> None:
        self.point, self.order, self.n = point, order, n
        self.all_entries = point.x.size <= entries
        self.directions, self.rng = directions, np.random.default_rng(seed + order)
        self.eps = float(np.finfo(point.dtype).eps)
        self.rtol = rtol if rtol is not None else max(1e-6, 100 * self.eps**0.75)
        self.step = step_for(point.dtype)
        self.kinks, self.coarse, self.excess, self.ok = 0, 0, -1.0, True
        self.worst: Worst | None = None
        self.diagnoses: dict[str, Diagnosis] = {}
        self.notes: list[str] = []

    def run(self) -> _Check:
        """Compare, and fill in the outcome."""
        self.gradient = self.point.gradient(self.order)
        self.largest = float(np.max(np.abs(self.gradient), initial=0.0))
        value = self.point.value(self.order, self.point.x)
        if not (np.isfinite(self.gradient).all() and np.isfinite(value)):
            return self.not_finite(value)
        self.function = partial(self.point.value, self.order)
        ahead = self.point.along * np.maximum(1.0, np.abs(self.point.x))
        self.noise = noise_of(self.function, self.point.x, ahead, self.eps)
        if self.point.dtype != np.float64:
            self.notes.append(
                f"the function computes in {self.point.dtype}: tolerance {self.rtol:.1g}"
            )
        if self.all_entries:
            self.check_entries()
        else:
            self.check_directions()
        if self.coarse:
            self.notes.append(
                f"rounding hides more than a tenth of the slope at {self.coarse} places"
            )
        return self

    def not_finite(self, value: Array) -> _Check:
        """The outcome where value or gradient is nan or infinite: there is nothing to compare."""
        self.ok, self.excess = False, np.inf
        places = np.flatnonzero(~np.isfinite(self.gradient))
        if places.size:
            j, index = self.point.locate(int(places[0]))
            bad = float(self.gradient[places[0]])
            self.worst = Worst(self.order, self.point.names[j], index, bad, np.nan)
            self.notes.append(f"{places.size} of the gradient's elements are not finite")
        if not np.isfinite(value):
            self.notes.append(f"the function's value is not finite: {float(value)}")
        return self

    def measure(self, along: Array) -> Slope:
        """The slope along a direction; with smaller steps where a kink or an edge is near."""
        best = None
        for shrink in (1.0, 1e-2, 1e-4):
            step = self.step * shrink
            found = slope(self.function, self.point.x, along, step, self.eps, self.noise)
            if found.measured and (best is None or found.error < best.error):
                best = found
            if best and best.error <= max(self.rtol * abs(best.value), 4 * best.rounding):
                break
        return best or found

    def compare(self, claimed: float, found: Slope, size: float) -> float:
        """How far apart the two are, in units of the tolerance; kinks are counted."""
        # A slope near 0 is judged by the size of the others.
        slack = self.rtol * max(abs(claimed), 1e-2 * size)
        if not found.measured:
            low, high = float(found.low), float(found.high)
            if not np.isfinite([low, high]).all():
                return np.inf
            self.kinks += 1
            # One-sided slopes are not extrapolated: they err by the step times the curvature.
            slack += 1e-3 * max(abs(low), abs(high)) + 2 * float(found.rounding)
            off = max(low - claimed, claimed - high, 0.0)
        else:
            slack += float(found.error)
            self.coarse += bool(slack > 0.1 * size > 0)
            off = abs(claimed - float(found.value))
        return off / slack if off else 0.0

    def check_entries(self) -> None:
        """Compare element by element; diagnose each input whose gradient is wrong."""
        x, numeric = self.point.x, np.zeros(self.point.x.size)
        wrong = np.zeros(x.size, bool)
        for i in range(x.size):
            along = np.zeros(x.size)
            along[i] = max(1.0, abs(x[i]))
            found = self.measure(along)
            excess = self.compare(self.gradient[i] * along[i], found, self.largest * along[i])
            numeric[i] = found.value / along[i]
            wrong[i] = not excess <= 1
            if not excess <= self.excess:
                self.note_worst(i, excess, numeric[i])
            if not found.measured and not wrong[i]:
                numeric[i] = self.gradient[i]  # no slope to compare with: not a mistake
        self.ok = not wrong.any()
        parts = [self.point.split(a) for a in (wrong, self.gradient, numeric)]
        for name, bad, g, d in zip(self.point.names, *parts, strict=True):
            if bad.any():
                self.diagnoses[name] = diagnose(g, d, n=self.n, tolerance=max(self.rtol, 1e-6))

    def check_directions(self) -> None:
        """Compare along random directions in each input; in a wrong one look for a wrong entry."""
        self.notes.append(
            f"{self.point.x.size} elements were checked along {self.directions} random directions"
        )
        for j, name in enumerate(self.point.names):
            ruled, measured, failed = [], [], None
            for _ in range(self.directions):
                along = self.rng.standard_normal(self.point.x.size) * self.mask(j)
                found = self.measure(along)
                terms = self.gradient * along
                claimed = float(terms.sum())
                excess = self.compare(claimed, found, float(np.linalg.norm(terms)))
                ruled.append(claimed)
                measured.append(float(found.value))
                if not excess <= 1:
                    failed = along
            if failed is not None:
                self.ok = False
                self.find_wrong_entry(failed)
                found_out = diagnose(ruled, measured, n=self.n, tolerance=max(self.rtol, 1e-5))
                if found_out.wrong:  # along random directions only a common factor can be seen
                    found_out = Diagnosis((), (), note="no common factor")
                self.diagnoses[name] = found_out
            elif self.worst is None:
                i = int(np.argmax(np.abs(self.gradient)))
                self.note_entry(i)

    def mask(self, j: int) -> Array:
        """1 on the elements of variable j of the flat array."""
        parts = [np.full(s, float(i == j)) for i, s in enumerate(self.point.shapes)]
        return np.concatenate([p.ravel() for p in parts])

    def find_wrong_entry(self, along: Array) -> None:
        """Halve a direction that disagrees, following the worse half, down to one entry."""
        places = np.flatnonzero(along)
        while len(places) > 1:
            halves = np.array_split(places, 2)
            places = halves[int(np.argmax([self.disagreement(along, half) for half in halves]))]
        self.note_entry(int(places[0]))

    def disagreement(self, along: Array, places: Array) -> float:
        """How far gradient and differences lie apart along these places of a direction alone."""
        part = np.zeros_like(along)
        part[places] = along[places]
        return abs(float(self.measure(part).value) - float((self.gradient * part).sum()))

    def note_entry(self, i: int) -> None:
        along = np.zeros(self.point.x.size)
        along[i] = max(1.0, abs(self.point.x[i]))
        found = self.measure(along)
        excess = self.compare(self.gradient[i] * along[i], found, self.largest * along[i])
        self.note_worst(i, excess, float(found.value) / along[i])

    def note_worst(self, i: int, excess: float, numeric: float) -> None:
        j, index = self.point.locate(i)
        self.excess = excess
        self.worst = Worst(
            self.order, self.point.names[j], index, float(self.gradient[i]), float(numeric)
        )
