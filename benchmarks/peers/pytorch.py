"""PyTorch eager: fused linear and cross-entropy, gradients set to None, update in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- PyTorch's own name for it

from .. import cases
from ..cases import Job, Settings, step_results, training
from ..operations import call, upstream
from .pytorch_calls import CALLS

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


Compute = Callable[[], torch.Tensor]


def head_loss(h: Any, W: Any, b: Any, labels: Any) -> torch.Tensor:
    """The loss of the last layer."""
    return F.cross_entropy(F.linear(h, W, b), labels)


def step(
    settings: Settings,
    head: Callable[..., torch.Tensor] = head_loss,
    prepare: Callable[[Compute], Compute] = lambda forward: forward,
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

    compute = prepare(forward)

    def run() -> Any:
        loss = compute()
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p.add_(p.grad, alpha=-rate)
                p.grad = None
        return loss

    def copies() -> list[Any]:
        return [p.detach().numpy().T.copy() for p in parameters]

    return Job(run, lambda: step_results(run, copies, rate))


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
    return backward_job(lambda: cases.chain(x, settings["operations"]), [x])


def fan_out(settings: Settings) -> Job:
    data, factors = cases.fan_out_data(settings)
    x = parameter(data)
    return backward_job(lambda: torch.stack([x * c for c in factors]).sum(), [x])


def scalar_network(settings: Settings) -> Job:
    x, numbers = cases.scalar_network_data(settings)
    weights = [[parameter(np.array(w)) for w in row] for row in numbers]
    leaves = [w for row in weights for w in row]
    job = backward_job(lambda: cases.scalar_network(x, weights, torch.relu), leaves)

    def results() -> list[Any]:
        loss, *gradients = job.results()
        return [loss, np.array(gradients).reshape(len(weights), -1)]

    return Job(job.run, results)


def operation(settings: Settings) -> Job:
    inputs, row, places = call(settings)
    function = CALLS[settings["operation"]]
    arguments = [parameter(x) if i in places else torch.from_numpy(x) for i, x in enumerate(inputs)]
    row = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in row.items()}
    y = function(*arguments, **row).detach().numpy()
    g = torch.from_numpy(upstream(y.shape, y.dtype))
    leaves = [arguments[i] for i in places]
    return backward_job(lambda: function(*arguments, **row), leaves, g)


def backward_job(forward: Compute, leaves: list[Any], gradient: Any = None) -> Job:
    def run() -> torch.Tensor:
        for leaf in leaves:
            leaf.grad = None
        y = forward()
        y.backward(gradient)
        return y

    return Job(run, lambda: [run().detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])


def parameter(data: Any) -> torch.Tensor:
    return torch.tensor(data).contiguous().requires_grad_()
