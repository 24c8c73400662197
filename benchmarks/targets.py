"""The targets, and whether a run met them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .cases import ADAM_STEPS, CHAIN, LINEAR, MANY_LAYERS, STEPS, Case
from .growth import MEASURES, Growth
from .measure import Result, Row
from .peers import AUTOGRAD, COMPILED, JAX, OURS, REFERENCE, TORCH, known

# Ours is to be no more than the limit times the peer's.
TARGETS: tuple[tuple[Case, str, str, float], ...] = (
    (STEPS[0], "time", TORCH, 0.50),
    (STEPS[0], "time", REFERENCE, 2.2),
    (STEPS[2], "time", TORCH, 0.70),
    (STEPS[2], "time", REFERENCE, 1.3),
    (STEPS[3], "time", TORCH, 0.98),
    (STEPS[4], "time", TORCH, 1.03),
    (STEPS[4], "memory", TORCH, 0.6),
    (STEPS[5], "time", TORCH, 1.0),
    (STEPS[6], "time", TORCH, 0.70),
    (STEPS[6], "memory", TORCH, 1 / 8),
    (CHAIN, "time", TORCH, 0.9),
    (CHAIN, "memory", TORCH, 0.7),
    (STEPS[0], "time", AUTOGRAD, 0.20),
    (STEPS[2], "time", AUTOGRAD, 0.20),
)
# The same for the processor's time of tx.compile on one thread: beside hand-written NumPy and jax.jit.
COMPILED_TIMES: tuple[tuple[Case, float, float], ...] = (
    (STEPS[0], 0.65, 1.0),
    (STEPS[1], 0.55, 0.70),
    (STEPS[2], 0.75, 0.85),
    (STEPS[3], 0.97, 1.0),
    (STEPS[4], 1.0, 1.0),
    (STEPS[5], 0.85, 0.40),
    (STEPS[6], 0.90, 0.70),
    (ADAM_STEPS[0], 0.55, 0.70),
    (ADAM_STEPS[1], 0.75, 0.85),
    (ADAM_STEPS[2], 0.97, 1.0),
)
COMPILED_TARGETS: tuple[tuple[Case, str, str, float], ...] = (
    (STEPS[6], "time", REFERENCE, 0.65),  # on two threads
    # Of smaller cases the process's own pages are more than the case's.
    *((case, "memory", OURS, 1.0) for case in (*STEPS[3:], ADAM_STEPS[2])),
    (STEPS[6], "memory", TORCH, 1 / 8),
)
FIRST_CALL_LIMIT_MS = 50.0
IMPORT_LIMIT_MS = 15.0
STEP_LIMIT = 1.5  # of what one more costs, a tenfold size later: n log n would be 1.3, n² 10


@dataclass
class Verdict:
    """A target and what was measured. `case` and `peer` are what a profile of the miss has to run."""

    text: str
    measured: float | None
    limit: float
    case: Case | None = None
    what: str = "time"
    peer: str = OURS

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        return None if self.measured is None else self.measured <= self.limit


def verdicts(
    results: Mapping[str, Result],
    imports: Mapping[str, Row],
    curves: Iterable[Growth] = (),
    first_call: float | None = None,
    one_thread: Mapping[str, Result] = MappingProxyType({}),
) -> list[Verdict]:
    """One for each target of which the case was run, and those over all cases."""
    found = []
    for case, what, peer, limit in TARGETS:
        if result := results.get(case.name):
            text = f"{case.name}: {what} against {peer.rpartition('.')[2]}"
            found.append(Verdict(text, result.ratio(OURS, peer, what), limit, case, what))
    found += of_compiled(results, first_call)
    found += on_one_thread(one_thread)
    found += against_autograd(results.values())
    if imports:
        extra = imports["tinygrad_xent"].seconds * 1e3
        found.append(Verdict("import, above NumPy's own, in ms", extra, IMPORT_LIMIT_MS))
    return found + [v for curve in curves if curve.title == LINEAR for v in straight(curve)]


def of_compiled(results: Mapping[str, Result], first_call: float | None) -> Iterator[Verdict]:
    """Those of tx.compile, of the cases in which it was run."""
    for case, what, peer, limit in COMPILED_TARGETS:
        if (result := results.get(case.name)) and COMPILED in result.rows:
            text = f"{case.name}: {what} of tx.compile against {known(peer).title}"
            ratio = result.ratio(COMPILED, peer, what)
            yield Verdict(text, ratio, limit, case, what, COMPILED)
    if first_call is not None:
        text = f"first call of tx.compile, {len(MANY_LAYERS.settings['layers']) - 1} layers, in ms"
        found = first_call * 1e3
        yield Verdict(text, found, FIRST_CALL_LIMIT_MS, MANY_LAYERS, "first call", COMPILED)


def on_one_thread(results: Mapping[str, Result]) -> Iterator[Verdict]:
    """Those of the processor's time of tx.compile."""
    for case, *limits in COMPILED_TIMES:
        if result := results.get(case.name):
            for peer, limit in zip((REFERENCE, JAX), limits, strict=True):
                text = f"{case.name}: tx.compile on one thread against {known(peer).title}"
                ratio = result.ratio(COMPILED, peer)
                yield Verdict(text, ratio, limit, case, "time", COMPILED)


def against_autograd(results: Iterable[Result]) -> Iterator[Verdict]:
    """The case where this engine comes nearest to autograd, or behind it."""
    pairs = [(result.ratio(OURS, AUTOGRAD), result.case) for result in results]
    pairs = [(ratio, case) for ratio, case in pairs if ratio is not None]
    if pairs:
        worst, case = max(pairs, key=lambda pair: pair[0])
        slower = sum(ratio > 1 for ratio, _ in pairs)
        many = f"slower in {slower} of {len(pairs)}; worst: {case.name}"
        yield Verdict(f"faster than autograd in every case ({many})", worst, 1, case)


def straight(curve: Growth) -> Iterator[Verdict]:
    """No superlinear step between two neighbouring sizes, in time or memory."""
    first, *_, last = curve.results
    for what in MEASURES:
        text = f"growth from {first:,} to {last:,} {curve.title}: steepest step in {what}"
        case = curve.results[last].case
        yield Verdict(text, curve.steepest(OURS, what), STEP_LIMIT, case, what)


def misses(rows: Iterable[Verdict]) -> dict[str, Verdict]:
    """The missed targets by case and measure: one profile serves them all."""
    missed = [row for row in rows if row.met is False]
    return {title_of(row): row for row in missed}


def title_of(row: Verdict) -> str:
    """What was measured: its measure, its case, and whose."""
    whose = "" if row.peer == OURS else f", {known(row.peer).title}"
    return f"{row.what} of {row.case.name if row.case else 'import'}{whose}"
