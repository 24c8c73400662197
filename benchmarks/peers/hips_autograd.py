"""HIPS/autograd: a function of the parameters, differentiated; the update in place on NumPy arrays."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from .. import cases
from ..cases import Job, Settings, step_job, training


def cross_entropy(z: Any, labels: Any) -> Any:
    picked = z[anp.arange(len(labels)), labels]
    return anp.mean(logsumexp(z, axis=1) - picked)


def step(settings: Settings) -> Job:
    x, labels, layers, rate = training(settings)

    def loss(layers: Any) -> Any:
        h = x
        for W, b in layers[:-1]:
            h = anp.maximum(h @ W + b, 0)
        W, b = layers[-1]
        return cross_entropy(h @ W + b, labels)

    compute = value_and_grad(loss)

    def run() -> Any:
        value, gradients = compute(layers)
        for (W, b), (dW, db) in zip(layers, gradients, strict=True):
            W -= rate * dW
            b -= rate * db
        return value

    return step_job(run, lambda: [p.copy() for pair in layers for p in pair], rate)


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    compute = value_and_grad(lambda xWb: cross_entropy(xWb[0] @ xWb[1] + xWb[2], labels))

    def run() -> Any:
        value, gradients = compute((x, W, b))
        return value, *gradients

    return Job(run, run)


def chain(settings: Settings) -> Job:
    compute = value_and_grad(lambda x: cases.chain(x, settings))

    def run() -> Any:
        return compute(1.0)

    return Job(run, run)
