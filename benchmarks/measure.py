"""Check every peer's results against hand-written NumPy's, then time them in interleaved rounds.

A round asks each peer in turn, so a slow moment of the machine meets all of them alike, and ratios
are taken within a round.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .cases import Array, Case
from .peers import OURS, REFERENCE
from .workers import PeerError, Worker

# Where a round takes longer than so many seconds, there are at most so many: noise is short.
MOST_ROUNDS = ((5.0, 11), (20.0, 3), (60.0, 1))
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest element of each array


@dataclass
class Row:
    """One peer in one case: seconds a run in each round, or why there are none."""

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
    """A case with its rows, one a peer that takes part; `absent` have no such case."""

    case: Case
    rows: dict[str, Row]
    absent: list[str] = field(default_factory=list)


class Bench:
    """The peers' living processes, and how they are asked."""

    def __init__(self, threads: int, rounds: int, seconds: float, peers: Iterable[str]) -> None:
        self.threads, self.rounds, self.seconds = threads, rounds, seconds
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.missing: dict[str, str] = {}
        self.scratch = tempfile.TemporaryDirectory()
        for peer in peers:
            try:
                self.workers[peer] = Worker(peer, threads)
                self.versions[peer] = self.workers[peer].versions
            except PeerError as error:
                self.missing[peer] = str(error)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close()
        self.scratch.cleanup()

    def run(
        self,
        case: Case,
        peers: Sequence[str] = (),
        timed: bool = True,
        rounds: int | None = None,
    ) -> Result:
        """Check the case in every peer that has it; time those that are right."""
        rows: dict[str, Row] = {}
        absent = []
        reference = self.results(REFERENCE, case)
        if not isinstance(reference, list):
            raise PeerError(f"{case.name}: hand-written NumPy failed: {reference}")
        for peer in peers or self.workers:
            results = reference if peer == REFERENCE else self.results(peer, case)
            if results is None:
                absent.append(peer)
                continue
            wrong = results if isinstance(results, str) else difference(results, reference)
            rows[peer] = Row(peer, note=wrong)
        if timed:
            self.time(case, [row for row in rows.values() if not row.note], rounds or self.rounds)
        return Result(case, rows, absent)

    def results(self, peer: str, case: Case) -> list[Array] | str | None:
        """The peer's numbers; what failed; or None if it has no such case."""
        # With a rate of 1 an update shows its gradient to the last digit.
        case = case.with_settings(rate=1.0)
        path = Path(self.scratch.name, f"{peer}.npz")
        try:
            if not self.workers[peer].build(case):
                return None
            self.workers[peer].ask("results", path=str(path))
        except PeerError as error:
            self.revive(peer)
            return str(error)
        with np.load(path) as file:
            return [file[name] for name in sorted(file)]

    def time(self, case: Case, rows: list[Row], rounds: int) -> None:
        """Interleaved rounds: fewer where one takes long. A peer that fails is out."""
        for row in rows:
            self.attempt(row, "build", case=asdict(case))
        number = 0
        while number < rounds:
            for row in rows:
                answer = self.attempt(row, "time", seconds=self.seconds)
                row.rounds += [answer["median"]] if answer else []
            number += 1
            took = sum(row.rounds[-1] for row in rows if row.rounds)
            rounds = min([rounds, *(most for long, most in MOST_ROUNDS if took > long)])
        for row in rows:
            self.workers[row.peer].ask("forget")

    def attempt(self, row: Row, request: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer of the row's peer; where it fails, None, and the row is void from then on."""
        if row.note:
            return None
        try:
            return self.workers[row.peer].ask(request, **arguments)
        except PeerError as error:
            row.note, row.rounds = str(error), []
            self.revive(row.peer)
            return None

    def memory(self, result: Result, tiny: Case) -> None:
        """Add to each row its peak memory above the start, each in a fresh process."""
        for row in result.rows.values():
            if row.note:
                continue
            try:
                with Worker(row.peer, self.threads) as worker:
                    answer = worker.ask("memory", case=asdict(result.case), tiny=asdict(tiny))
                row.memory = answer["bytes"]
            except PeerError as error:
                print(f"{result.case.name}: memory of {row.peer}: {error}", file=sys.stderr)

    def profile(self, case: Case, what: str) -> str:
        """What a profile of ours shows in a case: of "time" or "memory"."""
        try:
            with Worker(OURS, self.threads) as worker:
                worker.build(case)
                if what == "memory":
                    return str(worker.ask("heap")["text"])
                return str(worker.ask("profile", seconds=1.0)["text"])
        except PeerError as error:
            return f"no profile: {error}"

    def revive(self, peer: str) -> None:
        """A fresh process in place of one that failed: it may hold what it failed on, or be gone."""
        self.workers[peer].close()
        self.workers[peer] = Worker(peer, self.threads)


def difference(results: Sequence[Array], reference: Sequence[Array]) -> str:
    """What is wrong with the results, or "" where they agree."""
    if len(results) != len(reference):
        return f"{len(results)} results instead of {len(reference)}"
    for i, (mine, right) in enumerate(zip(results, reference, strict=True)):
        if mine.shape != right.shape:
            return f"result {i} has shape {mine.shape}, not {right.shape}"
        scale = float(np.max(np.abs(right), initial=0)) or 1.0
        error = float(np.max(np.abs(mine - right), initial=0)) / scale
        if not error <= TOLERANCE[str(right.dtype)]:
            return f"wrong gradient: result {i} is off by {error:.1e} of its size"
    return ""
