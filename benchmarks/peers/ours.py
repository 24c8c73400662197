"""This engine, with every feature on: source lines, scopes, version checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_xent as tx

from .. import cases
from ..cases import BETAS, EPS, Job, Settings, step_job, training


def adam(settings: Settings) -> Job:
    return step(settings, lambda params, rate: tx.optim.Adam(params, rate, BETAS, EPS))


def step(settings: Settings, make: Callable[..., Any] = tx.optim.SGD) -> Job:
    data, labels, layers, rate = training(settings)
    x = tx.Tensor(data)
    *hidden, (W_out, b_out) = [(parameter(W), parameter(b)) for W, b in layers]
    parameters = [p for pair in (*hidden, (W_out, b_out)) for p in pair]
    optimizer = make(parameters, rate)

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

    return step_job(run, lambda: [p.data.copy() for p in parameters], rate)


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    leaves = [parameter(a) for a in (x, W, b)]
    return backward_job(lambda: tx.linear_cross_entropy(*leaves, labels), leaves)


def chain(settings: Settings) -> Job:
    x = parameter(1.0)
    return backward_job(lambda: cases.chain(x, settings), [x])


def backward_job(forward: Callable[[], Any], leaves: list[Any]) -> Job:
    """Gradients forgotten, forward, backward."""

    def run() -> Any:
        for leaf in leaves:
            leaf.zero_grad()
        y = forward()
        y.backward()
        return y

    return Job(run, lambda: [run().numpy(), *(leaf.grad.numpy() for leaf in leaves)])


def parameter(data: Any) -> tx.Tensor:
    return tx.Tensor(data, requires_grad=True)
