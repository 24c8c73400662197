"""How long a picture of a large computation takes, and how much memory: `python -m benchmarks.pictures`.

Each is drawn in a process of its own, from a trace that is there, to the SVG. `--quick` draws small ones
only; `--only NAME` the kinds whose name contains NAME.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .cases import Case
from .graphs import GRAPHS
from .growth import MEASURES, Growth
from .measure import Result, Row
from .peers import OURS
from .report import number, seconds, table
from .worker import environment

SIZES = (1_000, 10_000, 100_000)
LARGEST = 1_000_000
LARGEST_OF = ("chain", "irregular graph")  # their traces can be made in minutes
QUICK = (300,)
LIMITS = {10_000: 2.0, 100_000: 10.0, LARGEST: 90.0}  # seconds
MEMORY_LIMIT = 1.5e9  # of the largest
STEP_LIMIT = 1.5  # of the cost per operation, a tenfold size later: n log n would be 1.3, n² 10
PROGRAM = "from benchmarks.pictures import answer; answer({!r}, {})"
HOW = """\
Time from a trace that is there to the SVG with default options, by number of operations; memory is what Python \
and NumPy allocated at most, above the trace. The steepest step is the largest growth of the cost per operation from \
one size to the next: 1 is linear, less is a fixed cost, the layout's say."""


def answer(kind: str, size: int) -> None:
    """Draw one, and print what it took: seconds, bytes, nodes. The memory is that of a second drawing."""
    import tinygrad_xent as tx
    import viz

    trace = tx.trace(GRAPHS[kind](size))
    warnings.simplefilter("ignore", viz.DrawingWarning)
    start = time.perf_counter()
    drawing = viz.draw(trace)
    assert drawing.svg
    took, nodes = time.perf_counter() - start, len(drawing.graph.nodes)
    del drawing
    tracemalloc.start()
    assert viz.draw(trace).svg
    print(json.dumps([took, tracemalloc.get_traced_memory()[1], nodes]))


def picture(kind: str, size: int) -> Row:
    """What one picture took, in a fresh process; the row's note says why there is none."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", PROGRAM.format(kind, size)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env=environment(1), check=False
    )
    if done.returncode:
        return Row(OURS, note=(done.stderr.strip() or f"exit status {done.returncode}")[-200:])
    took, memory, nodes = json.loads(done.stdout)
    if not 1 < nodes <= 200:
        return Row(OURS, note=f"a picture of {nodes} nodes")
    return Row(OURS, [took], memory=memory)


def curves(only: Sequence[str] = (), sizes: Iterable[int] = (*SIZES, LARGEST)) -> list[Growth]:
    """The pictures of each kind, by size."""
    found = []
    for kind in GRAPHS:
        if only and not any(part in kind for part in only):
            continue
        results = {}
        for size in sizes:
            if size < LARGEST or kind in LARGEST_OF:
                print(f"picture: {kind}, {size:,}", file=sys.stderr, flush=True)
                case = Case("picture", f"{kind} {size:,}", {})
                results[size] = Result(case, {OURS: picture(kind, size)})
        found.append(Growth(kind, results))
    return found


def section(curves: Sequence[Growth]) -> str:
    """The results as a part of the page."""
    parts = ["## Pictures of large computations", HOW, targets(curves), times(curves)]
    parts += ["\n".join(faults(curves))] if faults(curves) else []
    return "\n\n".join([*parts, "![pictures by size](pictures.svg)"])


def faults(curves: Iterable[Growth]) -> list[str]:
    """The pictures that there are not, with the reasons."""
    return [
        f"- void: {result.case.name}: {row.note}"
        for curve in curves
        for result in curve.results.values()
        for row in result.rows.values()
        if row.note
    ]


def targets(curves: Sequence[Growth]) -> str:
    """What was wanted of the slowest, the largest and the steepest, and whether it was met."""
    rows = []
    for size, limit in LIMITS.items():
        rows.append(target(f"{size:,} operations, in s", values(curves, size, "time"), limit))
    memory = values(curves, LARGEST, "memory")
    rows.append(target(f"{LARGEST:,} operations, in bytes", memory, MEMORY_LIMIT))
    for measure in MEASURES:
        steps = {curve.title: steepest(curve, measure) for curve in curves}
        known = {title: step for title, step in steps.items() if step is not None}
        rows.append(target(f"steepest step in {measure}", known, STEP_LIMIT))
    return table(("target", "worst of", "measured", "limit", "verdict"), rows)


def values(curves: Iterable[Growth], size: int, measure: str) -> dict[str, float]:
    """What the pictures of one size took, by kind."""
    points = {curve.title: dict(zip(*curve.points(OURS, measure), strict=True)) for curve in curves}
    return {title: found[size] for title, found in points.items() if size in found}


def steepest(curve: Growth, measure: str) -> float | None:
    """The largest growth of the cost per operation from one size to the next."""
    costs = [found / size for size, found in zip(*curve.points(OURS, measure), strict=True)]
    return max((b / a for a, b in itertools.pairwise(costs)), default=None)


def target(text: str, found: Mapping[str, float], limit: float) -> list[str]:
    if not found:
        return [text, "–", "–", f"≤ {limit:.3g}", "not measured"]
    worst = max(found, key=lambda title: found[title])
    verdict = "met" if found[worst] <= limit else "**missed**"
    return [text, worst, f"{found[worst]:.3g}", f"≤ {limit:.3g}", verdict]


def times(curves: Sequence[Growth]) -> str:
    """One line per kind: its times, the memory of its largest picture, and how both grow."""
    sizes = sorted({size for curve in curves for size in curve.results})
    header = ["computation", *(f"{size:,}" for size in sizes), "memory of the largest"]
    lines = []
    for curve in curves:
        rows = [curve.results[size].rows[OURS] if size in curve.results else None for size in sizes]
        took = [seconds(row) if row and row.rounds else "–" for row in rows]
        _, memory = curve.points(OURS, "memory")
        largest = f"{memory[-1] / 1e6:.1f} MB" if memory else "–"
        steps = [number(steepest(curve, measure)) for measure in MEASURES]
        lines.append([curve.title, *took, largest, *steps])
    return table([*header, *(f"steepest step, {measure}" for measure in MEASURES)], lines)


def plot(curves: Sequence[Growth], path: Path) -> None:
    """Time and memory by size, both axes logarithmic, a line for each kind; dotted what is linear."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pictures"})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(MEASURES), figsize=(10, 4.5))
    for axis, (measure, (unit, scale)) in zip(axes, MEASURES.items(), strict=True):
        steepest, top = np.array([], int), 0.0
        for curve in curves:
            sizes, found = curve.points(OURS, measure)
            axis.plot(sizes, np.multiply(found, scale), marker="o", ms=3, label=curve.title)
            if found and found[-1] / sizes[-1] > top:
                steepest, top = np.array(sizes), found[-1] / sizes[-1]
        axis.plot(steepest, steepest * top * scale, ":", color="0.6", zorder=0)
        axis.set(xlabel="operations", ylabel=f"{measure} ({unit})", xscale="log", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures")
    parser.add_argument("--quick", action="store_true", help="small pictures only, no curve")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    found = curves(options.only, QUICK if options.quick else (*SIZES, LARGEST))
    print(section(found))
    if not options.quick:
        folder = Path("out")
        folder.mkdir(exist_ok=True)
        plot(found, folder / "pictures.svg")
    return int(bool(faults(found)) or not found)


if __name__ == "__main__":
    sys.exit(main())
