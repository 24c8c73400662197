"""micrograd: the scalar cases. Its walk back is recursive, so a long chain ends in RecursionError."""

from __future__ import annotations

from typing import Any

import numpy as np
from micrograd.engine import Value

from .. import cases
from ..cases import Job, Settings


def chain(settings: Settings) -> Job:
    def run() -> Any:
        x = Value(1.0)
        y = cases.chain(x, settings["operations"])
        y.backward()
        return y.data, x.grad

    return Job(run, lambda: [np.asarray(a) for a in run()])


def scalar_network(settings: Settings) -> Job:
    x, numbers = cases.scalar_network_data(settings)
    weights = [[Value(w) for w in row] for row in numbers]

    def run() -> Any:
        for row in weights:
            for w in row:
                w.grad = 0
        loss = cases.scalar_network(x, weights, Value.relu)
        loss.backward()
        return loss

    def results() -> list[Any]:
        loss = run()
        return [np.asarray(loss.data), np.array([[w.grad for w in row] for row in weights])]

    return Job(run, results)
