"""This engine, with every feature on: source lines, scopes, version checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.operations import function_of

from .. import cases
from ..cases import Job, Settings, step_results, training
from ..operations import call, upstream


def step(settings: Settings) -> Job:
    data, labels, layers, rate = training(settings)
    x = tx.Tensor(data)
    *hidden, (W_out, b_out) = [(parameter(W), parameter(b)) for W, b in layers]
    parameters = [p for pair in (*hidden, (W_out, b_out)) for p in pair]
    optimizer = tx.optim.SGD(parameters, lr=rate)

    def run() -> Any:
        h = x
        for W, b in hidden:
            h = tx.relu(tx.linear(h, W, b))
        if settings["linear_loss"]:
            loss = tx.linear_cross_entropy(h, W_out, b_out, labels)
        else:
            loss = tx.cross_entropy(tx.linear(h, W_out, b_out), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return Job(run, lambda: step_results(run, lambda: [p.data.copy() for p in parameters], rate))


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    leaves = [parameter(a) for a in (x, W, b)]
    return backward_job(lambda: tx.linear_cross_entropy(*leaves, labels), leaves)


def chain(settings: Settings) -> Job:
    x = parameter(1.0)
    return backward_job(lambda: cases.chain(x, settings["operations"]), [x])


def fan_out(settings: Settings) -> Job:
    data, factors = cases.fan_out_data(settings)
    x = parameter(data)
    return backward_job(lambda: tx.stack([x * c for c in factors]).sum(), [x])


def scalar_network(settings: Settings) -> Job:
    x, numbers = cases.scalar_network_data(settings)
    weights = [[parameter(w) for w in row] for row in numbers]
    leaves = [w for row in weights for w in row]
    job = backward_job(lambda: cases.scalar_network(x, weights, tx.relu), leaves)
    return Job(job.run, lambda: one_matrix(job.results(), len(weights)))


def trace(settings: Settings) -> Job:
    """The trace of a recorded scalar network: every value and gradient as plain data."""
    weights, loss = recorded_network(settings)

    def results() -> list[Any]:
        made = tx.trace(loss)
        gradients = [[made[w].gradient for w in row] for row in weights]
        return [loss.numpy(), np.array(gradients)]

    return Job(lambda: tx.trace(loss), results)


def draw(settings: Settings) -> Job:
    """The picture of the same network, laid out node by node: nothing is folded."""
    import viz

    _, loss = recorded_network(settings)

    def run() -> str:
        return viz.draw(loss, max_nodes=10**6, time_limit=300.0).svg

    def results() -> list[Any]:
        if not run().rstrip().endswith("</svg>"):
            raise ValueError("the drawing is no SVG")
        return trace(settings).results()

    return Job(run, results)


def recorded_network(settings: Settings) -> tuple[list[list[Any]], Any]:
    x, numbers = cases.scalar_network_data(settings)
    weights = [[parameter(w) for w in row] for row in numbers]
    return weights, cases.scalar_network(x, weights, tx.relu)


def operation(settings: Settings) -> Job:
    inputs, row, places = call(settings)
    function = function_of(settings["operation"])
    arguments = [parameter(x) if i in places else x for i, x in enumerate(inputs)]
    y = function(*arguments, **row)
    g = upstream(y.shape, y.dtype)
    leaves = [arguments[i] for i in places]
    return backward_job(lambda: function(*arguments, **row), leaves, g)


def backward_job(forward: Callable[[], Any], leaves: list[Any], gradient: Any = None) -> Job:
    """Forward, backward, gradients forgotten."""

    def run() -> Any:
        for leaf in leaves:
            leaf.zero_grad()
        y = forward()
        y.backward(gradient)
        return y

    return Job(run, lambda: [run().numpy(), *(leaf.grad.numpy() for leaf in leaves)])


def one_matrix(results: list[Any], rows: int) -> list[Any]:
    """The output, and the gradients of single numbers as one matrix."""
    return [results[0], np.array(results[1:]).reshape(rows, -1)]


def parameter(data: Any) -> tx.Tensor:
    return tx.Tensor(data, requires_grad=True)
