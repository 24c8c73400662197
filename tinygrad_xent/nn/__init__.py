"""Layers, models made of layers, and the losses that train them.

`module.py` has the base class, `layers.py` one class per layer, `losses.py` one function per loss;
`targets.py` checks the arguments of a loss, `chunked.py` is the loss that never holds all logits.
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
