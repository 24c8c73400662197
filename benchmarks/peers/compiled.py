"""This engine's compiled step: the user's own function, run as generated NumPy."""

from __future__ import annotations

from typing import Any

import tinygrad_xent as tx

from ..cases import Job, Settings, step_job, training


def step(settings: Settings) -> Job:
    x, labels, layers, rate = training(settings)
    weights = [tuple(tx.Tensor(a, requires_grad=True) for a in layer) for layer in layers]
    parameters = [p for layer in weights for p in layer]
    optimizer = tx.optim.SGD(parameters, lr=rate)

    def train(x: Any, labels: Any) -> Any:
        h = x
        for W, b in weights[:-1]:
            h = tx.relu(tx.linear(h, W, b))
        loss = tx.cross_entropy(tx.linear(h, *weights[-1]), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step = tx.compile(train, strict=True)
    return step_job(lambda: step(x, labels), lambda: [p.data.copy() for p in parameters], rate)
