"""tinygrad's `Tensor` in terms of tinygrad_xent, as far as its tests of operations need it.

Its methods are looked up as PyTorch's are (`tests/peers/translations.py`): the two agree in most.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.counting import NotHereError
from tests.peers.pytorch import ours, translated
from tests.peers.translations import UntranslatedError, each
from tests.peers.written import WRITTEN

JOINS = {"cat", "stack"}
NAMES = {"leakyrelu": "leaky_relu", "padding": "pad", "xor": "bitwise_xor"}
CONVOLUTIONS = {3: "1d", 4: "2d", 5: "3d"}
LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
NARROW = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}


def wrap(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(wrap, x))
    return Tensor(x) if isinstance(x, (tx.Tensor, np.ndarray)) else x


def unwrap(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(unwrap, x))
    return x.t if isinstance(x, Tensor) else x


def check_padding(axes: int, padding: Any = 0, **kwargs: Any) -> None:
    """Refuse what only tinygrad has: a padding for each side, or a negative one."""
    sizes = [padding] if isinstance(padding, int) else padding
    if len(sizes) > axes or min(sizes) < 0:
        raise UntranslatedError("a padding for each side, or a negative one")


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """A function of tinygrad's, by its name."""
    args = unwrap(args)
    name = NAMES.get(name, name)
    if name == "conv_transpose2d":
        name = name.replace("2d", CONVOLUTIONS[args[0].ndim])
    elif name == "interpolate" and kwargs.get("mode") == "linear":
        kwargs["mode"] = LINEAR[args[0].ndim]
    elif name in WRITTEN and "axis" in kwargs:
        kwargs["dim"] = kwargs.pop("axis")
    if name == "conv2d":  # of any number of axes
        name = name.replace("2d", CONVOLUTIONS.get(args[0].ndim, "2d"))
        check_padding(args[0].ndim - 2, *args[6:], **kwargs)
    elif name == "pad" and not isinstance((args[1:] or [kwargs.get("padding")])[0][0], tuple):
        name, kwargs = "nn.functional.pad", {NAMES.get(k, k): v for k, v in kwargs.items()}
    f = ours(name)
    if f is None:
        raise NotHereError(name)
    if name in JOINS:
        return wrap(f(list(args), axis=kwargs.get("dim", 0)))
    if name == "where":
        return wrap(f(*args))
    if name == "einsum":
        return wrap(f(args[0], *each(*args[1:])[0]))
    if name in ("rand", "randn"):
        return wrap(f(args, rng=0, dtype=np.float32))
    if name == "gelu":
        kwargs["approximate"] = "tanh"
    given, named = translated(name, f, args, {key: unwrap(x) for key, x in kwargs.items()})
    return wrap(f(*given, **named))


class OfClass(type):
    """`Tensor.relu` is the method as a function."""

    def __getattr__(cls, name: str) -> Callable[..., Any]:
        if name.startswith(("__", "pytest")):
            raise AttributeError(name)
        return partial(call, name)


class Tensor(metaclass=OfClass):
    def __init__(self, x: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        if not isinstance(x, tx.Tensor):
            made = np.asarray(x, dtype)
            narrow = NARROW.get(made.dtype) if dtype is None and not hasattr(x, "dtype") else None
            x = tx.Tensor(made if narrow is None else made.astype(narrow))
            if requires_grad and x.dtype.kind == "f":
                x = tx.Tensor(x, requires_grad=True)
        self.t = x

    @property
    def grad(self) -> Tensor:
        """Zeros where nothing depends on the tensor, as in the other peer of the tests."""
        return Tensor(np.zeros(self.t.shape, self.t.dtype) if self.t.grad is None else self.t.grad)

    @staticmethod
    def zeros(*shape: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
        sizes = tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else shape
        return Tensor(np.zeros(sizes, dtype), requires_grad=requires_grad)

    @staticmethod
    def ones(*shape: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
        made = np.ones_like(Tensor.zeros(*shape, dtype=dtype).numpy())
        return Tensor(made, requires_grad=requires_grad)

    def backward(self) -> None:
        if self.t.requires_grad:
            self.t.backward()

    def numpy(self) -> Any:
        return self.t.detach().numpy()

    def realize(self) -> Tensor:
        return self

    contiguous = realize

    def cast(self, dtype: Any) -> Tensor:
        return Tensor(self.t.astype(dtype))

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(self.t[unwrap(index)])

    def __len__(self) -> int:
        return len(self.t)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("shape", "dtype", "ndim", "size", "item", "tolist", "T", "mT", "detach"):
            found = getattr(self.t, name)
            return (lambda: wrap(found())) if callable(found) else wrap(found)
        return partial(call, name, self)


def _operator(f: Callable[..., Any], *, swapped: bool = False) -> Any:
    def apply(*operands: Any) -> Any:
        return wrap(f(*map(unwrap, operands[::-1] if swapped else operands)))

    return apply


for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"]:
    setattr(Tensor, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(Tensor, f"__r{_name}__", _operator(getattr(operator, _name), swapped=True))
for _name in ["and", "or", "xor", "lshift", "rshift"]:
    _f = getattr(operator, f"__{_name}__")
    setattr(Tensor, f"__{_name}__", _operator(_f))
    setattr(Tensor, f"__r{_name}__", _operator(_f, swapped=True))
for _name in ["lt", "le", "gt", "ge", "eq", "ne", "neg", "invert", "abs"]:
    setattr(Tensor, f"__{_name}__", _operator(getattr(operator, _name)))


class _Types(SimpleNamespace):
    """NumPy's dtypes by tinygrad's names."""

    default_float = np.float32
    default_int = int = np.int32
    bool, uchar = np.bool_, np.uint8

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _module(name: str, **known: Any) -> None:
    module = sys.modules[f"{__name__}.{name}"] = ModuleType(f"{__name__}.{name}")
    module.__dict__.update(known)


dtypes, Device = _Types(), SimpleNamespace(DEFAULT="CPU")
_module(
    "helpers",
    getenv=lambda name, default=0: default,
    IMAGE=0,
    DEBUG=0,
    CI=True,
    Context=lambda **_: nullcontext(),
    TRANSCENDENTAL=0,
)
_module("tensor", _to_np_dtype=np.dtype)
_module("device", is_dtype_supported=lambda *_: True)
