"""Check every peer's results against hand-written NumPy's, then time them in interleaved rounds.

A round asks each peer in turn, so a slow moment of the machine meets all of them alike, and ratios
are taken within a round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cases import Array, Case, tiny
from .peers import COMPILED, OURS, REFERENCE, known
from .worker import PeerError, Worker

SECONDS = 0.12  # for one peer in one round
# Where a round takes longer than so many seconds, there are at most so many: noise is short.
MOST_ROUNDS = ((5.0, 7), (20.0, 3), (60.0, 1))
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest element of each array


@dataclass
class Row:
    """One peer in one case: seconds per run in each round, or why there are none."""

    peer: str
    rounds: list[float] = field(default_factory=list)
    note: str = ""
    memory: int | None = None

    @property
    def seconds(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles of the rounds, as a part of the median."""
        if len(self.rounds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.seconds

    def ratio(self, other: Row) -> float:
        """The median over the rounds of this peer's time to the other's."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(mine / its for mine, its in pairs)


@dataclass
class Result:
    """A case with the rows of the peers that take part; `absent` have no such case."""

    case: Case
    rows: dict[str, Row] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def ratio(self, peer: str, other: str, what: str = "time") -> float | None:
        """One peer's time or memory to another's, or None where one of them was not measured."""
        mine, its = self.rows.get(peer), self.rows.get(other)
        if not mine or not its:
            return None
        if what == "memory":
            return mine.memory / its.memory if mine.memory and its.memory else None
        return mine.ratio(its) if mine.rounds and its.rounds else None


class Bench(AbstractContextManager):
    """The peers' living processes, and how they are asked. `missing`: what was not there, and why.

    Args:
        clock: that of the module `time` which counts: "perf_counter", or "process_time" for the processor's.
    """

    def __init__(
        self,
        peers: Iterable[str],
        threads: int = 1,
        rounds: int = 25,
        seconds: float = SECONDS,
        clock: str = "perf_counter",
    ) -> None:
        self.threads, self.rounds, self.seconds, self.clock = threads, rounds, seconds, clock
        self.workers: dict[str, Worker] = {}
        self.missing: list[str] = []
        for peer in peers:
            try:
                self.workers[peer] = Worker(peer, threads)
            except PeerError as error:
                self.missing.append(f"{known(peer).title}: {error}")

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close()

    def check(self, case: Case, peers: Iterable[str] = ()) -> Result:
        """The case with a row for every peer that has it; what is wrong is in the row's note.

        Raises:
            PeerError: hand-written NumPy failed; there is nothing to compare with.
        """
        case_of_rate_1 = case.with_settings(rate=1.0)  # shows a gradient to the last digit
        result, reference = Result(case), None
        for peer in dict.fromkeys([REFERENCE, *(peers or self.workers)]):
            row = Row(peer)
            if self.attempt(row, "build", case_of_rate_1) is False:
                result.absent.append(peer)
                continue
            result.rows[peer] = row
            found = self.attempt(row, "results")
            if peer == REFERENCE:
                if row.note:
                    raise PeerError(f"{case.name}: hand-written NumPy failed: {row.note}")
                reference = found
            row.note = row.note or difference(found, reference)
        return result

    def run(
        self, case: Case, peers: Iterable[str] = (), rounds: int | None = None, memory: bool = True
    ) -> Result:
        """Check the case; time the peers that are right, and measure their memory."""
        result = self.check(case, peers)
        rows = [row for row in result.rows.values() if not row.note]
        self.time(case, rows, rounds or self.rounds)
        for row in rows if memory else ():
            self.memory(case, row)
        return result

    def time(self, case: Case, rows: Sequence[Row], rounds: int) -> None:
        """Interleaved rounds: fewer where one takes long. A peer that fails is out."""
        for row in rows:
            self.attempt(row, "build", case)
            self.attempt(row, "warm_up")
        done = 0
        while done < rounds:
            for row in rows:
                seconds = self.attempt(row, "time", self.seconds, self.clock)
                row.rounds += [] if seconds is None else [seconds]
            done += 1
            took = sum(row.rounds[-1] for row in rows if row.rounds)
            rounds = min([rounds, *(most for long, most in MOST_ROUNDS if took > long)])
        for row in rows:
            self.workers[row.peer].ask("forget")

    def attempt(self, row: Row, request: str, *arguments: Any) -> Any:
        """The answer of the row's peer; where it fails, None, and the row is void from then on."""
        if row.note:
            return None
        try:
            return self.workers[row.peer].ask(request, *arguments)
        except PeerError as error:
            row.note, row.rounds = str(error), []
            # A fresh process in place of one that may hold what it failed on, or be gone.
            self.workers[row.peer].close()
            self.workers[row.peer] = Worker(row.peer, self.threads)
            return None

    def memory(self, case: Case, row: Row) -> None:
        """Give the row its peak memory above the start, of a fresh process."""
        if row.note:
            return
        try:
            with Worker(row.peer, self.threads) as worker:
                row.memory = worker.ask("memory", case, tiny(case))
        except PeerError as error:
            print(f"{case.name}: memory of {row.peer}: {error}", file=sys.stderr)

    def first_call(self, case: Case, times: int = 7) -> float | None:
        """The processor's seconds of the first call of a compiled step, each in a fresh process."""
        found = []
        for _ in range(times):
            try:
                with Worker(COMPILED, self.threads) as worker:
                    found.append(worker.ask("first_call", case, tiny(case)))
            except PeerError as error:
                print(f"{case.name}: first call: {error}", file=sys.stderr)
                return None
        return statistics.median(found)

    def profile(self, case: Case, what: str, peer: str = OURS) -> str:
        """What a profile of a peer of ours shows in a case: of "time", "memory" or "first call"."""
        try:
            with Worker(peer, self.threads) as worker:
                worker.ask("build", case)
                return worker.ask("profile", what)
        except PeerError as error:
            return f"no profile: {error}"


def difference(results: Sequence[Array], reference: Sequence[Array]) -> str:
    """What is wrong with the results, or "" where they agree."""
    if len(results) != len(reference):
        return f"{len(results)} results instead of {len(reference)}"
    for i, (mine, right) in enumerate(zip(results, reference, strict=True)):
        if mine.shape != right.shape:
            return f"result {i} has shape {mine.shape}, not {right.shape}"
        if mine.dtype.kind != "f":
            return f"no gradient: result {i} is of {mine.dtype}"
        scale = float(np.max(np.abs(right), initial=0)) or 1.0
        error = float(np.max(np.abs(mine - right), initial=0)) / scale
        if not error <= TOLERANCE[str(right.dtype)]:
            return f"wrong gradient: result {i} is off by {error:.1e} of its size"
    return ""
