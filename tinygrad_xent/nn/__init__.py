"""Layers, models made of layers, and the losses that train them.

`module.py` has the base class, `layers.py` one class per layer, `losses.py` one function per loss;
`targets.py` checks the arguments of a loss, `chunked.py` is the loss that never holds all logits.
"""

from ..elsewhere import as_function, no_attribute
from ..engine.public import bring_all, exported
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


def __getattr__(name: str) -> object:
    known, otherwise = (
        __all__,
        ": any other layer is a class of your own, derived from tx.nn.Module",
    )
    if not name.startswith("_"):
        bring_all()
        if found := [f for f in (name, *as_function(name)) if f in exported()]:
            known, otherwise = [], f": here it is a function, tx.{found[0]}"
    raise no_attribute(f"module {__name__!r}", name, known, otherwise)
