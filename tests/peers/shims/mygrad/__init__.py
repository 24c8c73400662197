"""MyGrad in terms of tinygrad_xent, as far as its own tests can tell.

All of its modules have the same names, which are looked up when they are used: classes of this shim,
or functions (`functions.py`). Its operations' classes are names, for the tests that ask for them.
"""

from __future__ import annotations

import sys
from contextlib import ContextDecorator
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent

from .functions import function
from .tensors import Operation, Tensor, operation

MODULES = """
    tensor_base operation_base errors typing ufuncs indexing_routines.funcs tensor_creation.funcs random
    math.misc.funcs math._special linalg.funcs tensor_manip nnet.activations nnet.activations.selu
    nnet.losses nnet.layers nnet.layers.utils nnet.layers.batchnorm nnet.initializers
    math.misc.ops math.arithmetic.ops math.exp_log.ops math.sequential.ops linalg.ops _tensor_core_ops.indexing
"""


class NoValueType:
    """That of an argument that is not given."""


class NoAutodiff(ContextDecorator):
    """`no_grad` as a block, or around a function, whose result may be wanted as an array."""

    def __init__(self) -> None:
        self.opened: list[Any] = []

    def __enter__(self) -> None:
        self.opened.append(tx.no_grad())
        self.opened[-1].__enter__()

    def __exit__(self, *error: Any) -> None:
        self.opened.pop().__exit__(*error)

    def __call__(self, f: Any, to_numpy: bool = False) -> Any:
        @wraps(f)
        def without(*args: Any, **kwargs: Any) -> Any:
            with self:
                found = f(*args, **kwargs)
            return asarray(found) if to_numpy else found

        return without


class Guard(ContextDecorator):
    """Memory is not locked here, so there is nothing to switch off."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: Any) -> None: ...


class Locked:
    """The arrays that MyGrad has locked, by identity: of ours any may be asked for, and none leaks."""

    def __contains__(self, key: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return False

    def clear(self) -> None: ...


class Tracking(ModuleType):
    """Whether graphs are recorded; the tests put back what they have read."""

    TRACK_GRAPH = property(lambda self: tx.is_grad_enabled(), lambda self, value: None)


def asarray(x: Any, dtype: Any = None, order: Any = None) -> Any:
    return np.asarray(x.data if isinstance(x, Tensor) else x, dtype, order)


def tensor(x: Any, dtype: Any = None, **settings: Any) -> Tensor:
    return Tensor(x, dtype=dtype, **settings)


def astensor(x: Any, dtype: Any = None, *, constant: bool | None = None) -> Tensor:
    same = isinstance(x, Tensor) and dtype in (None, x.dtype) and constant in (None, x.constant)
    return x if same else Tensor(x, dtype=dtype, constant=constant)


def reduce_broadcast(grad: Any, var_shape: Any) -> Any:
    """With which the tests sum a numerical gradient over the axes that were stretched."""
    grad = grad.sum(tuple(range(grad.ndim - len(var_shape))))
    stretched = (i for i, n in enumerate(var_shape) if n == 1 and grad.shape[i] != 1)
    return grad.sum(tuple(stretched), keepdims=True)


KNOWN: dict[str, Any] = {
    "Tensor": Tensor,
    "Operation": Operation,
    "_NoValue": NoValueType(),
    "_NoValueType": NoValueType,
    "CONSTANT_ONLY_DTYPES": (np.integer, np.bool_),
    "InvalidBackprop": tx.GraphError,
    "InvalidGradient": tx.DtypeError,
    "no_autodiff": NoAutodiff(),
    "mem_guard_off": Guard(),
    "mem_guard_on": Guard(),
    "_ALPHA": 1.6732632423543772,  # the two constants of selu
    "_SCALE": 1.0507009873554805,
    "tensor": tensor,
    "astensor": astensor,
    "asarray": asarray,
    "reduce_broadcast": reduce_broadcast,
    **{name: getattr(np, name) for name in ("e", "euler_gamma", "inf", "nan", "newaxis", "pi")},
}
# The types of annotations, for which the tests register strategies of their own.
for _name in ("ArrayLike", "DTypeLike", "DTypeLikeReals", "Shape", "MyGradBinaryUfunc", "MyGradUnaryUfunc"):  # fmt: skip
    KNOWN[_name] = type(_name, (), {})


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    if name in KNOWN:
        return KNOWN[name]
    return operation(name) if name[0].isupper() else function(name)


def add_module(path: str, kind: type[ModuleType] = ModuleType, **known: Any) -> None:
    """A module, and those that hold it, with the names of all."""
    full = f"{__name__}.{path}"
    parent, _, name = path.rpartition(".")
    if parent and f"{__name__}.{parent}" not in sys.modules:
        add_module(parent)
    module = sys.modules.setdefault(full, kind(full))
    module.__dict__.update({"__getattr__": __getattr__, "__path__": []} | known)
    holder = sys.modules[f"{__name__}.{parent}"] if parent else sys.modules[__name__]
    if isinstance(function(name), Absent):  # else `selu` is that, and no module
        setattr(holder, name, module)


for _path in MODULES.split():
    add_module(_path)
add_module("_utils")
add_module("_utils.graph_tracking", Tracking)
add_module("_utils.lock_management", MEM_GUARD=True, _views_waiting_for_unlock=Locked(),
           _array_tracker=Locked(), _array_counter=Locked())  # fmt: skip
