"""gradcheck(): is the gradient of a function right? Compares it with differences, names mistakes.

The function's output is weighted by fixed random numbers and summed, so one scalar represents all
of it. Small inputs are checked entry by entry, large ones along random directions, and a wrong
direction is halved until one wrong entry is left. A kink is not a mistake: there the gradient has
to lie between the one-sided slopes, and a warning says so. Where differences can't tell right from
wrong, and where a value is not finite, the check is inconclusive, which never passes as right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ...arguments import check_integer, check_number
from ...engine import errors, lines
from ...textbook.diagnosis import Diagnosis, diagnose
from .deciding import Decider, Decision, Verdict, scales
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
        verdict: "right": everything compared agrees; "wrong": something does not; "inconclusive":
            nothing is wrong as far as can be seen, but somewhere differences can't tell: rounding
            hides the slope, or it is infinite, or the function has no finite value there.
        worst: the worst place; None where nothing could be compared.
        diagnoses: the kind of mistake for each input whose gradient is wrong.
        guilty: the operations of the tape whose rules are wrong, if any.
        notes: how it was checked: in which dtype, how many directions, which kinks; what could not
            be decided, and why.
    """

    verdict: Verdict
    worst: Worst | None
    diagnoses: dict[str, Diagnosis]
    guilty: tuple[RuleCheck, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the gradient is right: an inconclusive check has not shown that it is."""
        return self.verdict == "right"

    def __bool__(self) -> bool:
        return self.ok

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "ok" in state:  # a pickle from when there were two verdicts
            state = {"verdict": "right" if state["ok"] else "wrong"} | state
            del state["ok"]
        vars(self).update(state)

    def __str__(self) -> str:
        lines = [_HEADLINES[self.verdict]]
        if self.worst:
            lines.append(f"  worst: {self.worst}")
        lines += [f"  {name}: {diagnosis}" for name, diagnosis in self.diagnoses.items()]
        lines += [f"  {rule}" for rule in self.guilty]
        lines += [f"  note: {note}" for note in self.notes]
        if self.verdict == "inconclusive":
            lines.append(f"  fix: {_CURE}")
        return "\n".join(lines)

    __repr__ = __str__


_HEADLINES = {
    "right": "gradient right",
    "wrong": "gradient WRONG",
    "inconclusive": "gradient NOT DECIDED: differences can't tell whether it is right",
}
_CURE = (
    "check at a point away from the edge, or with values that rounding does not hide; "
    "check_tape(f(...)) judges each operation alone"
)
_SEVERITY: tuple[Verdict, ...] = ("right", "inconclusive", "wrong")


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
        rtol: relative tolerance, above 0 and below 1; None chooses it by the dtype of the output
            (float64: 1e-6).
        entries: inputs of up to this many elements in all are checked entry by entry.
        directions: the number of random directions along which larger ones are checked, at least 1.
        n: the number of samples, so that the diagnosis can name a missing 1/N.
        seed: of the random weights and directions.

    Returns:
        A `GradCheck`: true if right; false if wrong, or if differences can't tell (its `verdict` is
        then "inconclusive"). It holds the worst place, the diagnosis and the guilty rules.

    Warns:
        KinkWarning: at a kink (relu at 0, a tie in max), where one-sided slopes bound the gradient.

    Raises:
        DtypeError: no input has a floating dtype, or `f` does not return a tensor that has one; an
            argument has the wrong type. BadValueError: a value out of its range.
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
    _check_arguments(f, order, rtol, entries, directions, n, seed)
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
    verdict = max((r.verdict for r in reports), key=_SEVERITY.index)
    shown = max(reports, key=lambda r: (_SEVERITY.index(r.verdict), r.excess))
    guilty = () if verdict == "right" else _guilty(point)
    return GradCheck(verdict, shown.worst, shown.diagnoses, guilty, tuple(notes))


def _check_arguments(
    f: Any, order: Any, rtol: Any, entries: Any, directions: Any, n: Any, seed: Any
) -> None:
    who = "gradcheck"
    if not callable(f):
        raise errors.DtypeError(f"{who}: the first argument must be a function of tensors", [f])
    check_integer(who, "order", order, -math.inf)
    if order not in (1, 2):
        raise errors.BadValueError(f"{who}: order must be 1 or 2, got {order}")
    if rtol is not None:
        check_number(who, "rtol", rtol, 0, 1, open=True)
        if rtol == 0:
            what = f"{who}: rtol must be above 0: differences are never exact"
            raise errors.BadValueError(what, fix="rtol=None chooses it by the dtype")
    check_integer(who, "entries", entries, 0)
    check_integer(who, "directions", directions, 1)
    if n is not None:
        check_integer(who, "n", n, 1)
    check_integer(who, "seed", seed, 0)


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
        eps = float(np.finfo(point.dtype).eps)
        self.rtol = rtol if rtol is not None else max(1e-6, 100 * eps**0.75)
        self.kinks, self.excess = 0, -1.0
        self.verdict: Verdict = "right"
        self.worst: Worst | None = None
        self.diagnoses: dict[str, Diagnosis] = {}
        self.notes: list[str] = []
        self.undecided = dict.fromkeys(_REASONS, 0)

    def run(self) -> _Check:
        """Compare, and fill in the outcome."""
        self.gradient = self.point.gradient(self.order)
        if bad := int((~np.isfinite(self.gradient)).sum()):
            self.notes.append(f"{bad} of the gradient's elements are not finite")
        terms = partial(self.point.terms, self.order)
        value = float(np.sum(terms(self.point.x)))
        if not np.isfinite(value):
            return self.no_value(value)
        if self.point.dtype != np.float64:
            self.notes.append(
                f"the function computes in {self.point.dtype}: tolerance {self.rtol:.1g}"
            )
        self.decider = Decider(terms, self.point.x, self.point.dtype, self.rtol)
        self.scales = scales(self.point.x)
        if self.all_entries:
            self.check_entries()
        else:
            self.check_directions()
        for reason, count in self.undecided.items():
            if count:
                places = f"{count} place{'s' if count > 1 else ''}"
                self.notes.append(f"not decided at {places}: {reason}")
        return self

    def no_value(self, value: float) -> _Check:
        """The outcome where the function's value is nan or infinite: it has no slope there."""
        self.verdict, self.excess = "inconclusive", np.inf
        places = np.flatnonzero(~np.isfinite(self.gradient))
        if places.size:
            self.note_worst(int(places[0]), np.inf, np.nan)
        self.notes.append(f"the function's value is not finite: {value}")
        return self

    def note(self, found: Decision, claimed: float) -> None:
        """Count what was found at one place."""
        self.verdict = max(self.verdict, found.verdict, key=_SEVERITY.index)
        if found.verdict == "inconclusive":
            self.undecided[_reason(found, claimed)] += 1
        elif found.rung is not None and found.rung.kink:
            self.kinks += 1

    def entry(self, i: int) -> Decision:
        """The verdict on one element of the gradient."""
        along = np.zeros(self.point.x.size)
        along[i] = self.scales[i]
        claimed = float(self.gradient[i] / self.decider.unit * along[i])
        j, _ = self.point.locate(i)
        sizes = np.abs(self.gradient[self.mask(j) > 0]) / self.decider.unit
        largest = float(np.max(sizes, initial=0.0, where=np.isfinite(sizes))) * along[i]
        return self.decider.decide(along, claimed, abs(claimed), largest)

    def check_entries(self) -> None:
        """Compare element by element; diagnose each input whose gradient is wrong."""
        numeric = np.zeros(self.point.x.size)
        wrong = np.zeros(numeric.size, bool)
        ranks = []
        for i in range(numeric.size):
            found = self.entry(i)
            self.note(found, self.gradient[i])
            wrong[i] = found.verdict == "wrong"
            # Where there is no one slope to compare with, there is no mistake.
            compared = wrong[i] or not (found.rung is None or found.rung.kink)
            numeric[i] = self.slope(found, i) if compared else self.gradient[i]
            ranks.append((_SEVERITY.index(found.verdict), found.excess, i, self.slope(found, i)))
        *_, excess, i, numeric_i = max(ranks)
        self.note_worst(i, excess, numeric_i)
        if not wrong.any():
            return
        parts = [self.point.split(a) for a in (wrong, self.gradient, numeric)]
        for name, bad, g, d in zip(self.point.names, *parts, strict=True):
            if bad.any():
                with np.errstate(all="ignore"):
                    tolerance = max(self.rtol, 1e-6)
                    self.diagnoses[name] = diagnose(g, d, n=self.n, tolerance=tolerance)

    def check_directions(self) -> None:
        """Compare along random directions in each input; in a wrong one look for a wrong entry."""
        self.notes.append(
            f"{self.point.x.size} elements were checked along {self.directions} random directions"
        )
        for j, name in enumerate(self.point.names):
            ruled, measured, failed = [], [], None
            for _ in range(self.directions):
                along = self.rng.standard_normal(self.point.x.size) * self.scales * self.mask(j)
                found, claimed = self.direction(along)
                self.note(found, claimed)
                ruled.append(claimed)
                measured.append(found.value)
                if found.verdict == "wrong":
                    failed = along
            if failed is not None:
                self.find_wrong_entry(failed)
                found_out = diagnose(ruled, measured, n=self.n, tolerance=max(self.rtol, 1e-5))
                if found_out.wrong:  # along random directions only a common factor can be seen
                    found_out = Diagnosis((), (), note="no common factor")
                self.diagnoses[name] = found_out
            elif self.worst is None:
                self.note_entry(int(np.argmax(np.abs(self.gradient))))

    def direction(self, along: Array) -> tuple[Decision, float]:
        """The verdict on the gradient along a direction, and what the gradient claims."""
        terms = self.gradient / self.decider.unit * along
        claimed, size = float(terms.sum()), float(np.linalg.norm(terms))
        return self.decider.decide(along, claimed, size, size), claimed

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
        found, claimed = self.direction(part)
        return abs(found.value - claimed)

    def note_entry(self, i: int) -> None:
        found = self.entry(i)
        self.note_worst(i, found.excess, self.slope(found, i))

    def slope(self, found: Decision, i: int) -> float:
        """The measured slope along element i, in the gradient's units."""
        return float(found.value / self.scales[i] * self.decider.unit)

    def note_worst(self, i: int, excess: float, numeric: float) -> None:
        j, index = self.point.locate(i)
        self.excess = excess
        self.worst = Worst(
            self.order, self.point.names[j], index, float(self.gradient[i]), float(numeric)
        )


_HIDDEN = "rounding of the function's values hides the slope"
_STEEP = "the differences do not settle: too strongly curved there, or infinitely steep"
_EDGE = "the function has no finite values around it"
_REASONS = (_HIDDEN, _STEEP, _EDGE)


def _reason(found: Decision, claimed: float) -> str:
    if found.rung is None:
        return _EDGE
    return _HIDDEN if found.rung.spread < found.rung.rounding + found.rung.hidden else _STEEP
