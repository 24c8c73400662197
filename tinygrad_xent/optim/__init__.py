"""Optimisers and learning-rate schedules, with PyTorch's names and update rules.

`base.py` has what optimisers share, `rules.py` one class per update rule, `schedules.py` one per
schedule. To write your own, subclass `Optimizer` and define `update`, or `Schedule` and define
`rate`.
"""

from ..elsewhere import no_attribute
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


def __getattr__(name: str) -> object:
    raise no_attribute(f"module {__name__!r}", name, __all__)
