"""PyTorch eager: fused linear and cross-entropy, gradients set to None, update in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- PyTorch's own name for it

from .. import cases
from ..cases import BETAS, EPS, Job, Settings, step_job, training

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

Compute = Callable[[], torch.Tensor]


def head_loss(h: Any, W: Any, b: Any, labels: Any) -> torch.Tensor:
    """The loss of the last layer."""
    return F.cross_entropy(F.linear(h, W, b), labels)


def sgd(parameters: list[torch.Tensor], rate: float) -> Callable[[], None]:
    def update() -> None:
        with torch.no_grad():
            for p in parameters:
                p.add_(p.grad, alpha=-rate)
                p.grad = None

    return update


def adam_update(parameters: list[torch.Tensor], rate: float) -> Callable[[], None]:
    optimizer = torch.optim.Adam(parameters, rate, BETAS, EPS)

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad()

    return update


def adam(settings: Settings) -> Job:
    return step(settings, optimizer=adam_update)


def step(
    settings: Settings,
    head: Callable[..., torch.Tensor] = head_loss,
    prepare: Callable[[Compute], Compute] = lambda forward: forward,
    optimizer: Callable[..., Callable[[], None]] = sgd,
) -> Job:
    data, targets, layers, rate = training(settings)
    x, labels = torch.from_numpy(data), torch.from_numpy(targets)
    # PyTorch's layout of a layer's weights is (out, in).
    pairs = [(parameter(W.T), parameter(b)) for W, b in layers]
    parameters = [p for pair in pairs for p in pair]

    def forward() -> Any:
        h = x
        for W, b in pairs[:-1]:
            h = F.relu(F.linear(h, W, b))
        return head(h, *pairs[-1], labels)

    compute, update = prepare(forward), optimizer(parameters, rate)

    def run() -> Any:
        loss = compute()
        loss.backward()
        update()
        return loss

    return step_job(run, lambda: [p.detach().numpy().T.copy() for p in parameters], rate)


def linear_loss(settings: Settings, head: Callable[..., torch.Tensor] = head_loss) -> Job:
    x, targets, [(W, b)], _ = training(settings)
    leaves = [parameter(a) for a in (x, W.T, b)]
    labels = torch.from_numpy(targets)
    job = backward_job(lambda: head(*leaves, labels), leaves)

    def results() -> list[Any]:
        loss, dx, dW, db = job.results()
        return [loss, dx, dW.T, db]

    return Job(job.run, results)


def chain(settings: Settings) -> Job:
    x = parameter(np.array(1.0))
    return backward_job(lambda: cases.chain(x, settings), [x])


def backward_job(forward: Compute, leaves: list[Any]) -> Job:
    def run() -> torch.Tensor:
        for leaf in leaves:
            leaf.grad = None
        y = forward()
        y.backward()
        return y

    return Job(run, lambda: [run().detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])


def parameter(data: Any) -> torch.Tensor:
    return torch.tensor(data).contiguous().requires_grad_()
