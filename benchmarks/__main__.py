"""`python -m benchmarks`: every case in every peer, and the table of the results.

--only NAME     the cases whose name contains NAME (may be given several times)
--peers A,B     these peers only, beside hand-written NumPy
--threads N     threads of every peer (default: 2, or all if there are fewer)
--rounds N      interleaved rounds
"""

from __future__ import annotations

import argparse
import os

from .measure import Bench
from .peers import PEERS, REFERENCE
from .suite import GRAPHS, LINEAR_LOSSES, QUICK, STEPS, TINY


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    peers = [
        REFERENCE,
        *(p for p in PEERS if any(o in p for o in options.peers.split(",")) and p != REFERENCE),
    ]
    with Bench(options.threads, options.rounds, 0.15, peers) as bench:
        for peer, reason in bench.missing.items():
            print(f"missing: {PEERS[peer].title}: {reason}")
        for case in QUICK if options.quick else (*STEPS, *GRAPHS, *LINEAR_LOSSES):
            if options.only and not any(part in case.name for part in options.only):
                continue
            result = bench.run(case, timed=not options.quick)
            if options.quick:
                for row in result.rows.values():
                    if row.note:
                        print(case.name, row.peer, row.note)
                continue
            bench.memory(result, TINY[case.kind])
            reference = result.rows[REFERENCE]
            print(f"\n{case.name}")
            for row in result.rows.values():
                text = row.note
                if not text:
                    text = f"{row.seconds * 1e6:10.1f} us ±{row.spread:4.0%}"
                    text += f"  {row.ratio(reference):5.2f} x by hand  {row.memory / 1e6:7.1f} MB"
                print(f"  {PEERS[row.peer].title:16} {text}", flush=True)


if __name__ == "__main__":
    main()
