"""A peer that is wrong on purpose, in the way that the case's `fault` names; otherwise it is right.

The bench must void the rows of every fault. The peer has no linear loss: there it is absent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Job, Settings
from benchmarks.peers import by_hand


def step(settings: Settings) -> Job:
    return with_fault(by_hand.step(settings), settings)


def chain(settings: Settings) -> Job:
    return with_fault(by_hand.chain(settings), settings)


def with_fault(job: Job, settings: Settings) -> Job:
    def results() -> list[Any]:
        *others, last = job.results()
        match settings.get("fault"):
            case "too long":  # by one part in a thousand
                last = last * 1.001
            case "shape":  # a different shape, which would broadcast
                last = last[:1]
            case "no number":
                last = np.nan
            case "no gradient":
                last = None
            case "one missing":
                return others
        return [*others, last]

    def run() -> Any:
        raise MemoryError("no room")

    if settings.get("fault") == "end":
        raise SystemExit(3)
    return Job(run if settings.get("fault") == "only when timed" else job.run, results)
