"""`python -m benchmarks`: every case in every peer, the table, and RESULTS.md with its curves.

--quick         tiny cases, gradients checked, nothing timed; fails if anything is wrong
--only NAME     the cases whose name contains NAME, several times for several; RESULTS.md is
                left as it is. "import", "first call", "growth" and "pictures" are names too
--peers A,B     these peers, beside hand-written NumPy and this engine
--save          write RESULTS.md although --only or --peers left something out
--threads N     threads of every peer (2, or 1 if there is no second core)
--rounds N      interleaved rounds
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from . import growth, imports, machine, pictures, targets
from .cases import ADAM_STEPS, CASES, CURVES, MANY_LAYERS, STEPS, Case, tiny
from .measure import Bench, Result
from .peers import COMPILED, JAX, OURS, PEERS, REFERENCE, TORCH
from .report import Run, render

HERE = Path(__file__).parent
ONE_THREAD_ROUNDS = 15
CURVE_ROUNDS = 5  # the curves have many points, of which the fastest round counts


def main() -> int:
    options = arguments()
    wanted = [name for name in PEERS if any(part in name for part in options.peers)]
    with Bench(dict.fromkeys([REFERENCE, OURS, *wanted]), options.threads, options.rounds) as bench:
        for peer in bench.missing:
            progress(f"missing: {peer}")
        if not bench.workers.keys() >= {REFERENCE, OURS}:
            return 1
        if options.quick:
            return quick(bench, options.only)
        run = measure(bench, options)
    drawn = pictures.curves() if chosen("pictures", options.only) else []
    run.pictures = pictures.section(drawn) if drawn else ""
    full = options.save or (not options.only and options.peers == [""])
    folder = HERE if full else Path("out")
    folder.mkdir(exist_ok=True)
    if run.curves:
        growth.plot(run.curves, folder / "growth.svg")
    if drawn:
        pictures.plot(drawn, folder / "pictures.svg")
    text = render(run)
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
    """Check every case in tiny form; 1 if anything is wrong, or nothing was checked."""
    wrong = checked = 0
    for case in CASES:
        if not chosen(case.name, only):
            continue
        for row in bench.check(tiny(case)).rows.values():
            checked += 1
            if row.note:
                wrong += 1
                print(f"WRONG {case.name}: {PEERS[row.peer].title}: {row.note}")
    if chosen("pictures", only):
        drawn = pictures.curves(sizes=pictures.QUICK)
        checked += len(drawn)
        wrong += len(faults := pictures.faults(drawn))
        print("\n".join(faults))
    print(f"{checked} rows checked, {wrong} wrong")
    return int(wrong > 0 or not checked)


def on_one_thread(peers: Iterable[str], only: list[str], rounds: int) -> dict[str, Result]:
    """The processor's time of compiled steps, and of what they are compared with."""
    found = {}
    with Bench(peers, 1, min(rounds, ONE_THREAD_ROUNDS), clock="process_time") as bench:
        for case in (*STEPS, *ADAM_STEPS):
            if chosen(case.name, only):
                progress(f"one thread: {case.name}")
                found[case.name] = bench.run(case, memory=False)
    return found


def measure(bench: Bench, options: argparse.Namespace) -> Run:
    only = options.only
    # Described first: the load shows whether the machine was free.
    packages = {k: v for worker in bench.workers.values() for k, v in worker.versions.items()}
    blas = bench.workers[REFERENCE].ask("blas")
    run = Run(machine.describe(bench.threads, packages, blas, bench.missing))
    if COMPILED in bench.workers:
        peers = [p for p in (REFERENCE, OURS, COMPILED, JAX) if p in bench.workers]
        run.one_thread = on_one_thread(peers, only, options.rounds)
    for case in CASES:
        if chosen(case.name, only):
            progress(case.name)
            run.results[case.name] = bench.run(case)
    if chosen("import", only):
        progress("import")
        run.imports = imports.import_times()
    if COMPILED in bench.workers and chosen("first call", only):
        progress("first call")
        run.first_call = bench.first_call(MANY_LAYERS)
    if chosen("growth", only):
        run.curves = [measure_curve(bench, title, cases) for title, cases in CURVES.items()]
    run.verdicts = targets.verdicts(
        run.results, run.imports, run.curves, run.first_call, run.one_thread
    )
    run.profiles = {
        title: explain(bench, verdict) for title, verdict in targets.misses(run.verdicts).items()
    }
    return run


def measure_curve(bench: Bench, title: str, cases: dict[int, Case]) -> growth.Growth:
    results = {}
    peers = [peer for peer in (REFERENCE, OURS, TORCH) if peer in bench.workers]
    for size, case in cases.items():
        progress(f"growth by {title}: {size:,}")
        results[size] = bench.run(case, peers, CURVE_ROUNDS)
    return growth.Growth(title, results)


def explain(bench: Bench, verdict: targets.Verdict) -> str:
    """What the profile of a missed target shows."""
    progress(f"profile: {verdict.text}")
    if verdict.case is None:
        return imports.import_profile("tinygrad_xent")
    case = verdict.case
    if case.kind == "chain":  # the shares of a shorter chain are the same
        case = case.with_settings(operations=10_000)
    return bench.profile(case, verdict.what, verdict.peer)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
