"""The results as Markdown: targets first, then what is behind them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .growth import Growth
from .measure import Result, Row
from .peers import OURS, PEERS, REFERENCE, TORCH
from .suite import GRAPHS, LINEAR_LOSSES, OPERATIONS, PICTURES, STEPS
from .targets import Verdict

HOW = """\
Each peer lives in a process of its own, with the same number of threads, and is stopped between its
turns. Before a case is timed, its results are compared with hand-written NumPy's; a wrong gradient
voids the row. Rounds are interleaved; a time is the median of the rounds, ± half their
interquartile range; a ratio is the median of the rounds' ratios. Memory is the peak above what stood
when parameters and data had been made, in a fresh process, after a tiny case of the same kind.
"""


@dataclass
class Run:
    """All that one run measured."""

    machine: Sequence[tuple[str, str]]
    missing: Sequence[str] = ()
    results: dict[str, Result] = field(default_factory=dict)
    imports: Mapping[str, Row] = field(default_factory=dict)
    curves: Sequence[Growth] = ()
    verdicts: Sequence[Verdict] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)


def render(run: Run, plot: str | None = None) -> str:
    """The page; `plot` is the address of the growth curves' picture."""
    parts = ["# Benchmarks", "Written by `make bench` (`python -m benchmarks`).", machine(run)]
    if run.verdicts:
        parts += ["## Targets", targets(run.verdicts)]
    for name, profile in run.profiles.items():
        parts += [f"### What the profile shows of a missed target: {name}", f"```\n{profile}\n```"]
    for title, cases in (
        ("Training steps: forward, backward, SGD update", STEPS),
        ("Graphs of many operations, forward and backward", GRAPHS),
        ("Cross-entropy of a linear layer, forward and backward", LINEAR_LOSSES),
    ):
        if found := [run.results[c.name] for c in cases if c.name in run.results]:
            parts += [f"## {title}", details(found)]
    if found := [run.results[c.name] for c in PICTURES if c.name in run.results]:
        parts += ["## Traces and drawings by graph size", pictures(found)]
    if run.imports:
        parts += ["## Import", imports(run.imports)]
    if run.curves:
        parts += ["## Growth", growth(run.curves)]
        if plot:
            parts.append(f"![growth curves]({plot})")
    for size, cases in OPERATIONS.items():
        if found := [run.results[c.name] for c in cases if c.name in run.results]:
            parts += [f"## One operation forward and backward, {size:,} elements", grid(found)]
    return "\n\n".join([*parts, "## How it is measured", HOW])


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    header = list(header)
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine(run: Run) -> str:
    rows = [*run.machine, *(("missing", text) for text in run.missing)]
    return "\n".join(f"- {label}: {value}" for label, value in rows)


def targets(verdicts: Iterable[Verdict]) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    return table(
        ("target", "measured", "limit", "verdict"),
        ((v.text, v.measured, v.limit, words[v.met]) for v in verdicts),
    )


def details(results: Iterable[Result]) -> str:
    """One line a case and peer."""
    header = ("case", "peer", "time", "±", "× by hand", "× PyTorch", "memory", "a unit")
    return table(header, (line for result in results for line in case_lines(result)))


def case_lines(result: Result) -> Iterable[list[str]]:
    units = result.case.settings.get("operations")
    for place, (peer, row) in enumerate(result.rows.items()):
        title = f"**{PEERS[peer].title}**" if peer == OURS else PEERS[peer].title
        name = result.case.name if place == 0 else ""
        if row.note:
            yield [name, title, f"void: {row.note}", "", "", "", "", ""]
            continue
        ratios = [ratio(result, peer, other) for other in (REFERENCE, TORCH)]
        spread = f"{row.spread:.0%}"
        yield [name, title, seconds(row), spread, *ratios, megabytes(row), a_unit(row, units)]
    if result.absent:
        yield ["", f"no such case: {', '.join(PEERS[p].title for p in result.absent)}", *[""] * 6]


def ratio(result: Result, peer: str, other: str) -> str:
    row, base = result.rows[peer], result.rows.get(other)
    if not row.rounds or base is None or not base.rounds:
        return "–"
    return f"{row.ratio(base):.2f}"


def seconds(row: Row) -> str:
    """A time with its unit, three digits."""
    if not row.rounds:
        return "–"
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if row.seconds * scale >= 1:
            return (
                f"{row.seconds * scale:.3g} {unit}"
                if row.seconds * scale < 1000
                else f"{row.seconds * scale:.0f} {unit}"
            )
    return f"{row.seconds * 1e6:.3g} µs" if row.seconds < 1e-3 else f"{row.seconds * 1e6:.0f} µs"


def megabytes(row: Row) -> str:
    return "–" if row.memory is None else f"{row.memory / 1e6:.1f} MB"


def a_unit(row: Row, operations: int | None) -> str:
    """Time and bytes an operation, where the case counts its operations."""
    if not operations or not row.rounds:
        return ""
    size = "" if row.memory is None else f", {row.memory / operations:.0f} B"
    return f"{row.seconds / operations * 1e6:.2f} µs{size}"


def grid(results: Sequence[Result]) -> str:
    """One line an operation, one column a peer, in microseconds; our ratios at the end."""
    peers = [peer for peer in PEERS if any(peer in r.rows for r in results)]
    header = [
        "operation",
        *(f"{PEERS[p].title} µs" for p in peers),
        "ours × by hand",
        "ours × PyTorch",
    ]
    lines = []
    for result in results:
        cells = [cell(result.rows.get(peer)) for peer in peers]
        ratios = [
            ratio(result, OURS, p) if OURS in result.rows else "–" for p in (REFERENCE, TORCH)
        ]
        lines.append([result.case.settings["operation"], *cells, *ratios])
    lines.append(
        [
            "geometric mean",
            *[""] * len(peers),
            *(mean_ratio(results, p) for p in (REFERENCE, TORCH)),
        ]
    )
    return table(header, lines)


def cell(row: Row | None) -> str:
    if row is None:
        return "–"
    return f"{row.seconds * 1e6:.4g}" if row.rounds else f"void: {row.note}"


def mean_ratio(results: Iterable[Result], other: str) -> str:
    pairs = [(r.rows.get(OURS), r.rows.get(other)) for r in results]
    ratios = [a.ratio(b) for a, b in pairs if a and b and a.rounds and b.rounds]
    return f"{statistics.geometric_mean(ratios):.2f}" if ratios else "–"


def pictures(results: Iterable[Result]) -> str:
    lines = []
    for result in results:
        operations = result.case.settings["operations"]
        row = result.rows[OURS]
        time = f"void: {row.note}" if row.note else seconds(row)
        lines.append([result.case.kind, f"{operations:,}", time, a_unit(row, operations)])
    return table(("what", "operations", "time", "an operation"), lines)


def imports(rows: Mapping[str, Row]) -> str:
    lines = []
    for title, row in rows.items():
        above = title if row.peer == "numpy" else f"{title}, above NumPy"
        if row.note:
            lines.append([above, f"missing: {row.note}", ""])
        else:
            lines.append([above, f"{row.seconds * 1e3:.1f} ms", f"{row.spread:.0%}"])
    return table(("package", "import", "±"), lines)


def growth(curves: Sequence[Growth]) -> str:
    """How each measure grows: the exponent, the worst step between neighbouring sizes; what is void."""
    lines = []
    for curve in curves:
        for peer in (OURS, TORCH):
            cells = []
            for measure in ("time", "memory"):
                exponent, step = curve.exponent(peer, measure), curve.steepest(peer, measure)
                cells += ["–" if v is None else f"{v:.2f}" for v in (exponent, step)]
            sizes = list(curve.results)
            lines.append(
                [f"{curve.title} {sizes[0]:,} to {sizes[-1]:,}", PEERS[peer].title, *cells]
            )
    text = (
        "The exponent is the slope of the larger half in logarithms: 1 is linear. The steepest step is "
        "the largest growth of what one more costs, from one pair of neighbouring sizes to the next."
    )
    header = (
        "curve",
        "peer",
        "time: exponent",
        "steepest step",
        "memory: exponent",
        "steepest step",
    )
    void = [
        f"- void: {curve.title} {size:,}, {PEERS[peer].title}: {row.note}"
        for curve in curves
        for size, result in curve.results.items()
        for peer, row in result.rows.items()
        if row.note
    ]
    return "\n\n".join([text, table(header, lines), *(["\n".join(void)] if void else [])])
