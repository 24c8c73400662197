"""The targets, and whether a run met them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .cases import STEPS, Case
from .growth import Growth
from .measure import Result, Row
from .peers import AUTOGRAD, OURS, REFERENCE, TORCH
from .suite import CHAIN, LINEAR


@dataclass(frozen=True)
class Target:
    """Ours divided by a peer's is to be no more than `limit`; `what` is "time" or "memory"."""

    case: Case
    what: str
    peer: str
    limit: float


TARGETS = (
    Target(STEPS[0], "time", TORCH, 0.50),
    Target(STEPS[0], "time", REFERENCE, 2.2),
    Target(STEPS[1], "time", TORCH, 0.70),
    Target(STEPS[1], "time", REFERENCE, 1.3),
    Target(STEPS[2], "time", TORCH, 0.98),
    Target(STEPS[3], "time", TORCH, 1.03),
    Target(STEPS[3], "memory", TORCH, 0.6),
    Target(STEPS[4], "time", TORCH, 1.0),
    Target(STEPS[5], "time", TORCH, 0.70),
    Target(STEPS[5], "memory", TORCH, 1 / 8),
    Target(CHAIN, "time", TORCH, 0.9),
    Target(CHAIN, "memory", TORCH, 0.7),
    Target(STEPS[0], "time", AUTOGRAD, 0.20),
    Target(STEPS[1], "time", AUTOGRAD, 0.20),
)
IMPORT_LIMIT_MS = 15.0
STEP_LIMIT = 1.5  # of what one more costs, a tenfold size later: n log n would be 1.3, n² 10


@dataclass
class Verdict:
    """A target and what was measured. `case` is what a profile of the miss has to run."""

    text: str
    measured: str
    limit: str
    met: bool | None  # None: not measured
    case: Case | None = None
    what: str = "time"


def verdicts(
    results: Mapping[str, Result], imports: Mapping[str, Row], curves: Iterable[Growth] = ()
) -> list[Verdict]:
    """One for each target of which the case was run, and those over all cases."""
    rows = [judge(t, results[t.case.name]) for t in TARGETS if t.case.name in results]
    if slowest := against_autograd(results):
        rows.append(slowest)
    if imports:
        rows.append(import_verdict(imports))
    rows += [v for curve in curves if curve.title == LINEAR for v in linear_verdicts(curve)]
    return rows


def misses(rows: Iterable[Verdict]) -> dict[str, Verdict]:
    """The missed targets by case and measure: one profile serves them all."""
    missed = [row for row in rows if row.met is False]
    return {f"{row.what} of {row.case.name if row.case else 'import'}": row for row in missed}


def judge(target: Target, result: Result) -> Verdict:
    ratio = compare(result, target.what, target.peer)
    return Verdict(
        f"{target.case.name}: {target.what} against {target.peer.rpartition('.')[2]}",
        "not measured" if ratio is None else f"{ratio:.2f}",
        f"≤ {target.limit:.3g}",
        None if ratio is None else ratio <= target.limit,
        target.case,
        target.what,
    )


def compare(result: Result, what: str, peer: str) -> float | None:
    """Ours to the peer's, or None where one of them was not measured."""
    ours, theirs = result.rows.get(OURS), result.rows.get(peer)
    if not ours or not theirs:
        return None
    if what == "memory":
        return ours.memory / theirs.memory if ours.memory and theirs.memory else None
    return ours.ratio(theirs) if ours.rounds and theirs.rounds else None


def against_autograd(results: Mapping[str, Result]) -> Verdict | None:
    """The case where this engine comes nearest to autograd, or behind it."""
    ratios = {
        name: ratio
        for name, result in results.items()
        if (ratio := compare(result, "time", AUTOGRAD)) is not None
    }
    if not ratios:
        return None
    worst = max(ratios, key=lambda name: ratios[name])
    slower = sum(ratio >= 1 for ratio in ratios.values())
    return Verdict(
        f"faster than autograd in every case (slower in {slower} of {len(ratios)}; worst: {worst})",
        f"{ratios[worst]:.2f}",
        "< 1",
        not slower,
        results[worst].case,
    )


def is_close(result: Result) -> bool:
    """Whether noise could turn the comparison with autograd: more rounds must decide."""
    ratio = compare(result, "time", AUTOGRAD)
    return ratio is not None and 0.8 <= ratio <= 1.25


def linear_verdicts(curve: Growth) -> list[Verdict]:
    """No superlinear step between two neighbouring sizes, in time or memory."""
    sizes = list(curve.results)
    found = []
    for what in ("time", "memory"):
        step = curve.steepest(OURS, what)
        found.append(
            Verdict(
                f"growth from {sizes[0]:,} to {sizes[-1]:,} {curve.title}: steepest step in {what}",
                "not measured" if step is None else f"{step:.2f}",
                f"≤ {STEP_LIMIT}",
                None if step is None else step <= STEP_LIMIT,
                curve.results[sizes[-1]].case,
                what,
            )
        )
    return found


def import_verdict(imports: Mapping[str, Row]) -> Verdict:
    extra = imports["tinygrad_xent"].seconds * 1e3
    text = "import, above NumPy's own"
    limit = f"≤ {IMPORT_LIMIT_MS:g} ms"
    return Verdict(text, f"{extra:.1f} ms", limit, extra <= IMPORT_LIMIT_MS)
