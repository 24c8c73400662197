"""tinygrad_xent: reverse-mode automatic differentiation, small enough to read in an evening.

>>> import tinygrad_xent as tx
>>> w = tx.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="w")
>>> loss = tx.logsumexp(w, axis=1).sum()
>>> loss.backward()
>>> w.grad.numpy().round(4)
array([[0.2689, 0.7311],
       [0.2689, 0.7311]])

The operations are exported from the table; for type checkers and editors,
`python -m tinygrad_xent.stubs` writes `__init__.pyi`. Those of `catalogue/` are imported at first use.
"""

from importlib import import_module as _import_module

from . import data, nn, optim
from .elsewhere import no_attribute
from .engine.context import is_grad_enabled, no_grad, scope
from .engine.errors import DtypeError, GraphError, OutOfRangeError, ShapeError
from .engine.gradients import WATCHERS
from .engine.memory import keep_freed_memory
from .engine.public import LATER, bring_all, export_into, exported
from .engine.tensors import Tensor
from .extension import custom_vjp, op, remove_op
from .nn.chunked import linear_cross_entropy
from .nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
    nll_loss,
    softmax_focal_loss,
)
from .renamed import keep_old_names
from .transforms import checkpoint, grad, hessian, hvp, jacobian, value_and_grad, vjp
from .watching import watch_backward

__version__ = "0.1.0"

# Imported at first use, so that a program does not wait for what it never uses; only
# `tx.SoftmaxClassifier` needs scikit-learn.
_LATER_MODULES = ("check", "textbook", "tracing")
_LATER = {
    "SoftmaxClassifier": "estimator",
    "Trace": "tracing",
    "linalg": "catalogue",
    "Program": "programs",
    "compile": "compiled",
    "constant": "programs",
    "load": "serialization",
    "program": "programs",
    "save": "serialization",
    "script": "programs",
    "trace": "tracing",
}

_NAMES = (
    "DtypeError",
    "GraphError",
    "OutOfRangeError",
    "Program",
    "ShapeError",
    "Tensor",
    "Trace",
    "binary_cross_entropy_with_logits",
    "check",
    "checkpoint",
    "compile",
    "constant",
    "cross_entropy",
    "custom_vjp",
    "data",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "linalg",
    "linear_cross_entropy",
    "load",
    "mse_loss",
    "nll_loss",
    "nn",
    "no_grad",
    "op",
    "optim",
    "program",
    "remove_op",
    "save",
    "scope",
    "script",
    "softmax_focal_loss",
    "trace",
    "value_and_grad",
    "vjp",
)

export_into(globals())
LATER.append(lambda: _import_module(".catalogue", __name__))
WATCHERS.append(watch_backward)
keep_old_names()
keep_freed_memory()


def __getattr__(name: str) -> object:
    if name in _LATER_MODULES:
        return _import_module(f".{name}", __name__)
    if name in _LATER:
        return getattr(_import_module(f".{_LATER[name]}", __name__), name)
    if name == "__all__":
        bring_all()
        return [*_NAMES, *exported()]
    if not name.startswith("__"):
        bring_all()
        if name in globals():
            return globals()[name]
    own = ": it is not here; tx.op makes an operation of a function and its derivative"
    raise no_attribute(f"module {__name__!r}", name, globals(), own)


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})  # type: ignore[misc]
