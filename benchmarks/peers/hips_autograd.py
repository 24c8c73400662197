"""HIPS/autograd: a function of the parameters, differentiated; the update in place on NumPy arrays."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp, value_and_grad
from autograd.scipy.special import logsumexp

from .. import cases
from ..cases import Job, Settings, step_results, training
from ..operations import call, upstream
from .array_calls import array_calls

# Its own broadcast_to has no derivative where axes are added in front.
CALLS = array_calls(anp) | {
    "astype": lambda x, dtype: x.astype(dtype),
    "identity": lambda x: x,
    "broadcast_to": lambda x, shape: x * anp.ones(shape),
    "logsumexp": lambda x, axis: logsumexp(x, axis=axis),
    "softmax_cross_entropy": lambda x, labels, axis: cross_entropy(x, labels[:, 0]),
    "softmax": lambda x, axis: anp.exp(x - logsumexp(x, axis=axis, keepdims=True)),
    "log_softmax": lambda x, axis: x - logsumexp(x, axis=axis, keepdims=True),
}


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

    return Job(
        run, lambda: step_results(run, lambda: [p.copy() for wb in layers for p in wb], rate)
    )


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    compute = value_and_grad(lambda xWb: cross_entropy(xWb[0] @ xWb[1] + xWb[2], labels))
    return job(lambda: compute((x, W, b)))


def chain(settings: Settings) -> Job:
    compute = value_and_grad(lambda x: cases.chain(x, settings["operations"]))
    return job(lambda: (lambda y, dx: (y, (dx,)))(*compute(1.0)))


def fan_out(settings: Settings) -> Job:
    x, factors = cases.fan_out_data(settings)
    compute = value_and_grad(lambda x: anp.sum(anp.stack([x * c for c in factors])))
    return job(lambda: (lambda y, dx: (y, (dx,)))(*compute(x)))


def scalar_network(settings: Settings) -> Job:
    x, weights = cases.scalar_network_data(settings)
    compute = value_and_grad(
        lambda weights: cases.scalar_network(x, weights, lambda v: anp.maximum(v, 0))
    )
    return job(lambda: (lambda y, dW: (y, (np.array(dW),)))(*compute(weights)))


def operation(settings: Settings) -> Job | None:
    inputs, row, places = call(settings)
    function = CALLS.get(settings["operation"])
    if function is None:
        return None
    y = function(*inputs, **row)
    g = upstream(np.shape(y), y.dtype)

    def run() -> Any:
        vjp, y = make_vjp(lambda *arrays: function(*arrays, **row), places)(*inputs)
        return y, vjp(g)

    return job(run)


def job(run: Any) -> Job:
    """`run` gives the output and a tuple of gradients."""

    def results() -> list[Any]:
        y, gradients = run()
        return [np.asarray(a) for a in (y, *gradients)]

    return Job(run, results)
