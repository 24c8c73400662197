"""PyTorch with its own linear_cross_entropy, told to go through the batch in blocks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 -- PyTorch's own name for it

from ..cases import Job, Settings
from . import pytorch


def head_loss(h: Any, W: Any, b: Any, labels: Any) -> torch.Tensor:
    options = torch.nn.LinearCrossEntropyOptions()
    return F.linear_cross_entropy(h, W, labels, linear_bias=b, options=options)


def step(settings: Settings) -> Job | None:
    return pytorch.step(settings, head=head_loss) if settings["linear_loss"] else None


def linear_loss(settings: Settings) -> Job:
    return pytorch.linear_loss(settings, head=head_loss)
