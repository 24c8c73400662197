"""tinygrad_xent: reverse-mode automatic differentiation, small enough to read in an evening.

>>> import tinygrad_xent as tx
>>> w = tx.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="w")
>>> loss = tx.logsumexp(w, axis=1).sum()
>>> loss.backward()
>>> w.grad.numpy().round(4)
array([[0.2689, 0.7311],
       [0.2689, 0.7311]])
"""

from typing import TYPE_CHECKING

from . import data, nn, optim
from .chunked import linear_cross_entropy
from .errors import DtypeError, GraphError, OutOfRangeError, ShapeError
from .functions import argmax, concatenate, mean, stack, var
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
    nll_loss,
    softmax_focal_loss,
)
from .modes import is_grad_enabled, no_grad, scope
from .ops import (
    abs,
    add,
    astype,
    broadcast_to,
    clip,
    div,
    exp,
    expand_dims,
    expm1,
    identity,
    linear,
    log,
    log1p,
    log_softmax,
    logsumexp,
    matmul,
    max,
    maximum,
    min,
    minimum,
    mul,
    neg,
    pow,
    relu,
    reshape,
    sigmoid,
    softmax,
    softplus,
    sqrt,
    squeeze,
    sub,
    sum,
    take_along_axis,
    tanh,
    transpose,
    where,
)
from .tensor import Tensor
from .transforms import checkpoint, grad, hessian, hvp, jacobian, value_and_grad, vjp

if TYPE_CHECKING:
    from . import check
    from .estimator import SoftmaxClassifier as SoftmaxClassifier
    from .serialization import load, save
    from .tracing import Trace, trace

__version__ = "0.1.0"

__all__ = [
    "DtypeError",
    "GraphError",
    "OutOfRangeError",
    "ShapeError",
    "Tensor",
    "Trace",
    "abs",
    "add",
    "argmax",
    "astype",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "check",
    "checkpoint",
    "clip",
    "concatenate",
    "cross_entropy",
    "data",
    "div",
    "exp",
    "expand_dims",
    "expm1",
    "grad",
    "hessian",
    "hvp",
    "identity",
    "is_grad_enabled",
    "jacobian",
    "linear",
    "linear_cross_entropy",
    "load",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "neg",
    "nll_loss",
    "nn",
    "no_grad",
    "optim",
    "pow",
    "relu",
    "reshape",
    "save",
    "scope",
    "sigmoid",
    "softmax",
    "softmax_focal_loss",
    "softplus",
    "sqrt",
    "squeeze",
    "stack",
    "sub",
    "sum",
    "take_along_axis",
    "tanh",
    "trace",
    "transpose",
    "value_and_grad",
    "var",
    "vjp",
    "where",
]


# Imported at their first use, so that a program does not wait for what it never asks for; only
# `tx.SoftmaxClassifier` needs scikit-learn.
_LATER_MODULES = ("check", "tracing")
_LATER = {
    "SoftmaxClassifier": "estimator",
    "Trace": "tracing",
    "load": "serialization",
    "save": "serialization",
    "trace": "tracing",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _LATER_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
