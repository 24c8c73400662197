"""PyTorch under torch.compile: the same step, its forward and backward fused by the compiler."""

from __future__ import annotations

import torch

from ..cases import Job, Settings
from . import pytorch


def step(settings: Settings) -> Job:
    return pytorch.step(settings, prepare=torch.compile)
