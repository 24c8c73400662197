"""MyGrad, with its memory guard off, as its manual advises for speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from .. import cases
from ..cases import Job, Settings, step_job, training

mg.turn_memory_guarding_off()


def step(settings: Settings) -> Job:
    x, labels, layers, rate = training(settings)
    *hidden, (W_out, b_out) = [(parameter(W), parameter(b)) for W, b in layers]
    parameters = [p for pair in (*hidden, (W_out, b_out)) for p in pair]

    def run() -> Any:
        h = x
        for W, b in hidden:
            h = relu(h @ W + b)
        loss = softmax_crossentropy(h @ W_out + b_out, labels)
        loss.backward()
        for p in parameters:
            p.data -= rate * p.grad
            p.null_grad()
        return loss

    return step_job(run, lambda: [p.data.copy() for p in parameters], rate)


def linear_loss(settings: Settings) -> Job:
    data, labels, [(W, b)], _ = training(settings)
    x, W, b = leaves = [parameter(a) for a in (data, W, b)]
    return backward_job(lambda: softmax_crossentropy(x @ W + b, labels), leaves)


def chain(settings: Settings) -> Job:
    x = parameter(1.0)
    return backward_job(lambda: cases.chain(x, settings), [x])


def backward_job(forward: Callable[[], Any], leaves: list[Any]) -> Job:
    def run() -> Any:
        for leaf in leaves:
            leaf.null_grad()
        y = forward()
        y.backward()
        return y

    return Job(run, lambda: [run().data, *(leaf.grad for leaf in leaves)])


def parameter(data: Any) -> mg.Tensor:
    return mg.tensor(data, constant=False)
