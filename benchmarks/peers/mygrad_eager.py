"""MyGrad, with its memory guard off, as its manual advises for speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import logsoftmax, relu, sigmoid, softmax
from mygrad.nnet.losses import softmax_crossentropy

from .. import cases
from ..cases import Job, Settings, step_results, training
from ..operations import call, upstream
from .array_calls import array_calls

mg.turn_memory_guarding_off()

# Without: astype, which gives a constant.
CALLS = array_calls(mg) | {
    "sigmoid": sigmoid,
    "relu": relu,
    "identity": lambda x: +x,
    "softmax_cross_entropy": lambda x, labels, axis: softmax_crossentropy(x, labels[:, 0]),
    "softmax": lambda x, axis: softmax(x, axis=axis),
    "log_softmax": lambda x, axis: logsoftmax(x, axis=axis),
}


def step(settings: Settings) -> Job:
    x, labels, layers, rate = training(settings)
    pairs = [(parameter(W), parameter(b)) for W, b in layers]
    parameters = [p for pair in pairs for p in pair]

    def run() -> Any:
        h = x
        for W, b in pairs[:-1]:
            h = relu(h @ W + b)
        W, b = pairs[-1]
        loss = softmax_crossentropy(h @ W + b, labels)
        loss.backward()
        for p in parameters:
            p.data -= rate * p.grad
            p.null_grad()
        return loss

    return Job(run, lambda: step_results(run, lambda: [p.data.copy() for p in parameters], rate))


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    leaves = [parameter(a) for a in (x, W, b)]
    return backward_job(
        lambda: softmax_crossentropy(leaves[0] @ leaves[1] + leaves[2], labels), leaves
    )


def chain(settings: Settings) -> Job:
    x = parameter(1.0)
    return backward_job(lambda: cases.chain(x, settings["operations"]), [x])


def fan_out(settings: Settings) -> Job:
    data, factors = cases.fan_out_data(settings)
    x = parameter(data)
    return backward_job(lambda: mg.stack([x * c for c in factors]).sum(), [x])


def scalar_network(settings: Settings) -> Job:
    x, numbers = cases.scalar_network_data(settings)
    weights = [[parameter(w) for w in row] for row in numbers]
    leaves = [w for row in weights for w in row]
    job = backward_job(lambda: cases.scalar_network(x, weights, relu), leaves)

    def results() -> list[Any]:
        loss, *gradients = job.results()
        return [loss, np.array(gradients).reshape(len(weights), -1)]

    return Job(job.run, results)


def operation(settings: Settings) -> Job | None:
    inputs, row, places = call(settings)
    function = CALLS.get(settings["operation"])
    if function is None:
        return None
    arguments = [parameter(x) if i in places else x for i, x in enumerate(inputs)]
    y = function(*arguments, **row).data
    g = upstream(y.shape, y.dtype)
    leaves = [arguments[i] for i in places]
    return backward_job(lambda: function(*arguments, **row), leaves, g)


def backward_job(forward: Callable[[], Any], leaves: list[Any], gradient: Any = None) -> Job:
    def run() -> Any:
        for leaf in leaves:
            leaf.null_grad()
        y = forward()
        y.backward(gradient)
        return y

    return Job(run, lambda: [run().data, *(leaf.grad for leaf in leaves)])


def parameter(data: Any) -> mg.Tensor:
    return mg.tensor(data, constant=False)
