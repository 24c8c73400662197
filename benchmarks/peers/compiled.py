"""This engine's compiled step: the user's own function, run as generated NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tinygrad_xent as tx

from ..cases import BETAS, EPS, Job, Settings, step_job, training


def adam(settings: Settings) -> Job:
    return step(settings, lambda params, rate: tx.optim.Adam(params, rate, BETAS, EPS))


def step(settings: Settings, make: Callable[..., Any] = tx.optim.SGD) -> Job:
    x, labels, layers, rate = training(settings)
    weights = [tuple(tx.Tensor(a, requires_grad=True) for a in layer) for layer in layers]
    parameters = [p for layer in weights for p in layer]
    optimizer = make(parameters, rate)

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
    return step_job(partial(step, x, labels), lambda: [p.data.copy() for p in parameters], rate)
