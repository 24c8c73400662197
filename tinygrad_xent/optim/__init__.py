"""Optimisers and schedules of the learning rate, with PyTorch's names and update rules.

`base.py` has what optimisers share, `rules.py` one class per update rule, `schedules.py` one per
schedule. One of your own is a subclass of `Optimizer` with an `update`, or of `Schedule` with a `rate`.
"""

from .base import Optimizer
from .rules import SGD, Adam, AdamW, clip_grad_norm
from .schedules import CosineAnnealingLR, Schedule, StepLR

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "Optimizer",
    "Schedule",
    "StepLR",
    "clip_grad_norm",
]
