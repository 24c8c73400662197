"""The results as Markdown: targets first, then what is behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .cases import SECTIONS
from .growth import MEASURES, Growth
from .measure import Result, Row
from .peers import COMPILED, JAX, OURS, PEERS, REFERENCE, TORCH
from .targets import Verdict

HOW = """\
Each peer lives in a process of its own, with the same number of threads, and is stopped between its
turns. Before a case is timed, its results are compared with hand-written NumPy's; a wrong gradient
voids the row. Rounds are interleaved; a time is the median of the rounds, ± half their
interquartile range; a ratio is the median of the rounds' ratios. Memory is the peak above what stood
when parameters and data had been made, in a fresh process, after a tiny case of the same kind.
"""
ONE_THREAD = """\
Every peer has one thread, and what counts is the processor's time of the step as a training loop calls it: \
guards, checks of labels and of what is not finite, and notes of versions included."""
GROWTH = """\
The exponent is the slope of the larger half in logarithms: 1 is linear. The steepest step is the \
largest growth of what one more costs, from one pair of neighbouring sizes to the next."""


@dataclass
class Run:
    """All that one run measured, and the machine it ran on."""

    machine: Sequence[tuple[str, str]]
    results: dict[str, Result] = field(default_factory=dict)
    imports: Mapping[str, Row] = field(default_factory=dict)
    curves: Sequence[Growth] = ()
    pictures: str = ""  # their section
    first_call: float | None = None  # of a compiled step
    one_thread: Mapping[str, Result] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)


def render(run: Run) -> str:
    """The page."""
    parts = ["# Benchmarks", "Written by `make bench` (`python -m benchmarks`)."]
    parts.append("\n".join(f"- {label}: {value}" for label, value in run.machine))
    if run.verdicts:
        parts += ["## Targets", targets(run.verdicts)]
    for name, profile in run.profiles.items():
        parts += [f"### What the profile shows of a missed target: {name}", f"```\n{profile}\n```"]
    if run.one_thread:
        parts += ["## tx.compile on one thread", ONE_THREAD, compiled(run.one_thread.values())]
    for title, cases in SECTIONS.items():
        if found := [run.results[case.name] for case in cases if case.name in run.results]:
            parts += [f"## {title}", details(found)]
    if run.imports:
        parts += ["## Import", imports(run.imports)]
    if run.curves:
        parts += ["## Growth", GROWTH, growth(run.curves), *voids(run.curves)]
        parts.append("![growth curves](growth.svg)")
    parts += [run.pictures] if run.pictures else []
    return "\n\n".join([*parts, "## How it is measured", HOW])


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def targets(verdicts: Iterable[Verdict]) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    rows = [(v.text, number(v.measured), f"≤ {v.limit:.3g}", words[v.met]) for v in verdicts]
    return table(("target", "measured", "limit", "verdict"), rows)


def compiled(results: Iterable[Result]) -> str:
    """One line per case, with times relative to hand-written NumPy and to jax.jit."""
    header = ("training step", "by hand", "× by hand", "±", "× jax.jit", "eager × by hand")
    lines = []
    for result in results:
        ratios = [result.ratio(*pair) for pair in ((COMPILED, REFERENCE), (COMPILED, JAX))]
        step, hand = result.rows[COMPILED], result.rows[REFERENCE]
        spread = "–" if step.note else f"{step.spread:.0%}"
        eager = result.ratio(OURS, REFERENCE)
        times = [number(ratios[0]), spread, number(ratios[1]), number(eager)]
        lines.append([result.case.name, seconds(hand), *times])
    return table(header, lines)


def details(results: Iterable[Result]) -> str:
    """One line per case and peer."""
    header = ("case", "peer", "time", "±", "× by hand", "× PyTorch", "× jax.jit", "memory")
    return table(header, (line for result in results for line in case_lines(result)))


def case_lines(result: Result) -> Iterator[list[str]]:
    name = result.case.name
    for peer, row in result.rows.items():
        title = f"**{PEERS[peer].title}**" if peer in (OURS, COMPILED) else PEERS[peer].title
        if row.note:
            yield [name, title, f"void: {row.note}", *[""] * 5]
        else:
            ratios = [number(result.ratio(peer, other)) for other in (REFERENCE, TORCH, JAX)]
            memory = "–" if row.memory is None else f"{row.memory / 1e6:.1f} MB"
            yield [name, title, seconds(row), f"{row.spread:.0%}", *ratios, memory]
        name = ""
    if result.absent:
        yield ["", f"no such case: {', '.join(PEERS[p].title for p in result.absent)}", *[""] * 6]


def seconds(row: Row) -> str:
    """A time with its unit, three digits."""
    if row.seconds >= 0.9995:  # 1 s; less is rounded to 999 ms
        return f"{row.seconds:.3g} s"
    if row.seconds >= 0.9995e-3:
        return f"{row.seconds * 1e3:.3g} ms"
    return f"{row.seconds * 1e6:.3g} µs"


def imports(rows: Mapping[str, Row]) -> str:
    lines = []
    for title, row in rows.items():
        above = title if row.peer == "numpy" else f"{title}, above NumPy"
        time = f"missing: {row.note}" if row.note else f"{row.seconds * 1e3:.1f} ms"
        lines.append([above, time, "" if row.note else f"{row.spread:.0%}"])
    return table(("package", "import", "±"), lines)


def growth(curves: Iterable[Growth]) -> str:
    """How each measure grows: the exponent, the worst step between neighbouring sizes."""
    header = ["curve", "peer"]
    for measure in MEASURES:
        header += [f"{measure}: exponent", "steepest step"]
    lines = []
    for curve in curves:
        first, *_, last = curve.results
        for peer in (OURS, TORCH):
            line = [f"{curve.title} {first:,} to {last:,}", PEERS[peer].title]
            for measure in MEASURES:
                fits = curve.exponent(peer, measure), curve.steepest(peer, measure)
                line += map(number, fits)
            lines.append(line)
    return table(header, lines)


def voids(curves: Iterable[Growth]) -> list[str]:
    """The points that are missing from the curves, with the reasons, as one list."""
    lines = [
        f"- void: {curve.title} {size:,}, {PEERS[peer].title}: {row.note}"
        for curve in curves
        for size, result in curve.results.items()
        for peer, row in result.rows.items()
        if row.note
    ]
    return ["\n".join(lines)] if lines else []
