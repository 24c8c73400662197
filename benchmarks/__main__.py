"""`python -m benchmarks`: every case in every peer, the table, and RESULTS.md with growth.svg.

--quick         tiny cases, gradients checked, nothing timed; fails if anything is wrong
--only NAME     the cases whose name contains NAME, several times for several; RESULTS.md is
                left as it is. "import" and "growth" are names too
--peers A,B     these peers, beside hand-written NumPy and this engine
--save          write RESULTS.md although --only or --peers left something out
--threads N     threads of every peer (2, or 1 if there is no second core)
--rounds N      interleaved rounds
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import growth, imports, machine, suite, targets
from .cases import Case
from .measure import Bench
from .peers import OURS, PEERS, REFERENCE, TORCH
from .report import Run, render

HERE = Path(__file__).parent
SECONDS, IMPORT_ROUNDS, FEW_ROUNDS = 0.12, 15, 5


def main() -> int:
    options = arguments()
    wanted = [name for name in PEERS if any(part in name for part in options.peers)]
    peers = [REFERENCE, OURS, *(p for p in wanted if p not in (REFERENCE, OURS))]
    with Bench(options.threads, options.rounds, SECONDS, peers) as bench:
        if lost := [name for name in (REFERENCE, OURS) if name in bench.missing]:
            print(*(f"{name}: {bench.missing[name]}" for name in lost), sep="\n", file=sys.stderr)
            return 1
        if options.quick:
            return quick(bench, options.only)
        run = measure(bench, options.only)
    full = options.save or (not options.only and options.peers == [""])
    if run.curves:
        path = HERE / "growth.svg" if full else Path("out", "growth.svg")
        path.parent.mkdir(exist_ok=True)
        growth.plot(run.curves, path)
    text = render(run, "growth.svg")
    print(text)
    if full:
        (HERE / "RESULTS.md").write_text(text + "\n")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="check that it runs; time nothing")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=[""], metavar="A,B")
    parser.add_argument("--save", action="store_true", help="write RESULTS.md in any case")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=25)
    return parser.parse_args()


def chosen(name: str, only: list[str]) -> bool:
    return not only or any(part in name for part in only)


def quick(bench: Bench, only: list[str]) -> int:
    """Check every case in tiny form; the number of rows that are wrong."""
    wrong = checked = 0
    for line in machine.missing(bench.missing):
        print(f"missing: {line}")
    for case in suite.QUICK:
        if not chosen(case.name, only):
            continue
        for row in bench.run(case, timed=False).rows.values():
            checked += 1
            if row.note:
                wrong += 1
                print(f"WRONG {case.name}: {PEERS[row.peer].title}: {row.note}")
    print(f"{checked} rows checked, {wrong} wrong")
    return int(wrong > 0 or not checked)


def measure(bench: Bench, only: list[str]) -> Run:
    # Described first: the load shows whether the machine was free.
    run = Run(machine.describe(bench.threads, bench.versions), machine.missing(bench.missing))
    sections: list[tuple[tuple[Case, ...], bool, tuple[str, ...]]] = [
        (suite.STEPS, True, ()),
        (suite.GRAPHS, True, ()),
        (suite.LINEAR_LOSSES, True, ()),
        (suite.PICTURES, False, (OURS,)),
        *((cases, False, ()) for cases in suite.OPERATIONS.values()),
    ]
    for cases, memory, peers in sections:
        for case in cases:
            if chosen(case.name, only):
                progress(case.name)
                # Single operations are many, pictures slow: few rounds of each, unless it is close.
                rounds = FEW_ROUNDS if case.kind in ("operation", "trace", "draw") else None
                result = bench.run(case, peers, rounds=rounds)
                if rounds and targets.is_close(result):
                    result = bench.run(case, peers)
                run.results[case.name] = result
                if memory:
                    bench.memory(result, suite.tiny(case))
    if chosen("import", only):
        progress("import")
        run.imports = imports.import_times(IMPORT_ROUNDS)
    if chosen("growth", only):
        run.curves = [measure_curve(bench, curve) for curve in suite.CURVES]
    run.verdicts = targets.verdicts(run.results, run.imports, run.curves)
    run.profiles = {
        title: explain(bench, verdict) for title, verdict in targets.misses(run.verdicts).items()
    }
    return run


def measure_curve(bench: Bench, curve: suite.Curve) -> growth.Growth:
    results = {}
    for size, case in curve.cases.items():
        progress(f"growth by {curve.title}: {size:,}")
        peers = [peer for peer in (REFERENCE, OURS, TORCH) if peer in bench.workers]
        results[size] = bench.run(case, peers, rounds=FEW_ROUNDS)
        bench.memory(results[size], suite.tiny(case))
    return growth.Growth(curve.title, results)


def explain(bench: Bench, verdict: targets.Verdict) -> str:
    """What the profile of a missed target shows."""
    progress(f"profile: {verdict.text}")
    if verdict.case is None:
        return imports.import_profile("tinygrad_xent")
    case = verdict.case
    if case.kind == "chain":  # a share an operation is the same in a shorter chain
        case = case.with_settings(operations=10_000)
    return bench.profile(case, verdict.what)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
