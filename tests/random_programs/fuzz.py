"""Check random programs until one breaks a law:

    python -m tests.random_programs.fuzz 0:1000000 --jobs 8

The first program that does is shrunk and printed as Python that runs by itself; the exit status is
then 1. A warning of NumPy's counts as an error.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .generator import random_program
from .laws import broken_law, check
from .programs import Program
from .shrinking import Verdict, shrunk

BLOCK = 250  # programs between two looks at the clock
PERIOD = 5.0  # seconds between two lines of progress


def first_broken(seeds: Iterable[int], verdict: Verdict = broken_law) -> int | None:
    """The first seed whose program breaks a law."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return next((seed for seed in seeds if verdict(random_program(seed))), None)


def report(
    seed: int, verdict: Verdict = broken_law, judge: Callable[[Program], Any] = check
) -> str:
    """What there is to say about a seed whose program breaks a law."""
    program = shrunk(random_program(seed), verdict)
    try:
        judge(program)
        what = "nothing when run once more"
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
    return f"The program of seed {seed}, shrunk:\n\n{program}\n\n{what}"


@contextmanager
def workers(jobs: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` over several processes, or over this one."""
    if jobs == 1:
        yield map
        return
    with multiprocessing.Pool(jobs) as pool:
        yield pool.imap


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="?", default="0:1000000", help="from:to")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    start, stop = map(int, options.seeds.split(":"))
    blocks = [range(i, min(i + BLOCK, stop)) for i in range(start, stop, BLOCK)]
    begun = told = time.monotonic()
    done = 0
    with workers(options.jobs) as each:
        for block, seed in zip(blocks, each(first_broken, blocks), strict=True):
            if seed is not None:
                print(report(seed))
                return 1
            done += len(block)
            now = time.monotonic()
            if now - told > PERIOD or done == stop - start:
                told = now
                print(f"{done:,} programs, {done / (now - begun):.0f} per second", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
