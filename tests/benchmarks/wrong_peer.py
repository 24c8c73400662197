"""A peer that is wrong on purpose, each kind in another way; the bench must void its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Job, Settings
from benchmarks.peers import by_hand


def step(settings: Settings) -> Job:
    """An update one part in a thousand too long."""
    job = by_hand.step(settings)

    def results() -> list[Any]:
        loss, *gradients = job.results()
        return [loss, *gradients[:-1], gradients[-1] * 1.001]

    return Job(job.run, results)


def chain(settings: Settings) -> Job:
    """No number at all."""
    return Job(lambda: None, lambda: [np.array(np.nan), np.array(np.nan)])


def fan_out(settings: Settings) -> Job:
    """A gradient of another shape that would broadcast."""
    job = by_hand.fan_out(settings)
    return Job(job.run, lambda: [job.results()[0], job.results()[1][:1]])


def scalar_network(settings: Settings) -> Job:
    """The end of the process."""
    raise SystemExit(3)


def linear_loss(settings: Settings) -> Job:
    """Right, but fails when it is timed."""
    job = by_hand.linear_loss(settings)

    def run() -> Any:
        raise MemoryError("no room")

    return Job(run, job.results)
