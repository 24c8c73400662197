"""PyTorch eager: fused linear and cross-entropy, gradients set to None, update in place."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 -- PyTorch's own name for it

from ..cases import Job, Settings, step_results, training

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def step(settings: Settings, compile: bool = False) -> Job:
    x, labels, layers, rate = training(settings)
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    # PyTorch's layout of a layer's weights is (out, in).
    pairs = [(parameter(W.T), parameter(b)) for W, b in layers]
    parameters = [p for pair in pairs for p in pair]

    def forward() -> Any:
        h = x
        for W, b in pairs[:-1]:
            h = F.relu(F.linear(h, W, b))
        return F.cross_entropy(F.linear(h, *pairs[-1]), labels)

    compute = torch.compile(forward) if compile else forward

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


def parameter(data: Any) -> torch.Tensor:
    return torch.tensor(data).contiguous().requires_grad_()
