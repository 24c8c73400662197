"""Layers, models made of layers, and the losses that train them.

`module.py` says what holds parameters, `layers.py` has one class per layer, `losses.py` one function
per loss; `targets.py` checks what a loss is given, `chunked.py` is the loss that never holds all logits.
"""

from .layers import (
    INITIALISERS,
    MLP,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    glorot,
    he,
    torch_default,
)
from .module import Mismatch, Module

__all__ = [
    "INITIALISERS",
    "MLP",
    "Dropout",
    "Linear",
    "Mismatch",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "glorot",
    "he",
    "torch_default",
]
