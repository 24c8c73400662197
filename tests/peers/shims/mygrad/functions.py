"""MyGrad's functions by their names: ours under theirs, or written with ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from numbers import Real
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent
from tests.peers.counting import NotHereError

from .tensors import Tensor, adopted, apply

SAME = {"amax": "max", "amin": "min"}  # one function under two names
OURS = {
    "true_divide": "divide",
    "absolute": "abs",
    "logsoftmax": "log_softmax",
    "soft_sign": "softsign",
    "identity": "eye",
}
# What is not taken over though the name is here: other arguments, another meaning, or no function.
ELSEWHERE = {"constant", "load", "save", "rand", "randn", "trace", "normal", "uniform"}
MADE = {"arange", "eye", "full", "full_like", "identity", "linspace", "ones", "ones_like", "zeros"}
MADE |= {"zeros_like"}


def number(x: Any) -> Any:
    """A setting that must be a number, though it may come as an array."""
    x = x.item() if isinstance(x, (np.ndarray, tx.Tensor)) else x
    if not isinstance(x, Real):
        raise TypeError(f"{x!r} is no real number")
    return x


def hard_tanh(x: Any, *, lower_bound: Any = -1, upper_bound: Any = 1) -> Any:
    return tx.hardtanh(x, number(lower_bound), number(upper_bound))


def absolute(x: Any, nan_to_num: bool = True) -> Any:
    return slope_at_zero(nan_to_num) or tx.abs(x)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, *, nan_to_num: bool = True) -> Any:  # fmt: skip
    return slope_at_zero(nan_to_num) or tx.linalg.norm(x, ord, axis, keepdims)


def slope_at_zero(is_zero: bool) -> None:
    if not is_zero:
        raise NotHereError("mygrad nan_to_num=False")


def sequence(f: Callable[..., Any]) -> Callable[..., Any]:
    def of_all(*operands: Any) -> Any:
        if len(operands) < 2:
            raise ValueError("takes at least two")
        return reduce(f, operands)

    return of_all


def conv_nd(x: Any, filters: Any, *, stride: Any, padding: Any = 0, dilation: Any = 1) -> Any:
    axes = min(max(np.ndim(filters) - 2, 1), 3)
    if np.ndim(filters) > 5:
        raise NotHereError("mygrad conv4d")
    return getattr(tx, f"conv{axes}d")(x, filters, None, stride, padding, dilation)


def max_pool(x: Any, pool: Any, stride: Any) -> Any:
    """Over the last axes, whatever stands before them."""
    axes = len(pool)
    flat = tx.reshape(x, (-1, 1, *x.shape[-axes:]))
    found = getattr(tx, f"max_pool{axes}d")(flat, pool, stride)
    return found.reshape((*x.shape[:-axes], *found.shape[2:]))


def batchnorm(x: Any, *, gamma: Any = None, beta: Any = None, eps: float) -> Any:
    return tx.batch_norm(x, gamma, beta, eps=eps)


def rows(target: Any) -> Any:
    """The classes of MyGrad's losses are one for each row."""
    target = target.numpy() if isinstance(target, tx.Tensor) else np.asarray(target)
    if target.ndim != 1:
        raise ValueError("the targets must have one axis")
    return target


def negative_log_likelihood(x: Any, y_true: Any, *, weights: Any = None) -> Any:
    """The mean over the rows, whatever their weights add up to."""
    weights = weights.detach() if isinstance(weights, tx.Tensor) else weights
    return tx.nll_loss(x, rows(y_true), weight=weights, reduction="sum") / len(x)


def softmax_focal_loss(scores: Any, targets: Any, *, alpha: float = 1, gamma: float = 0) -> Any:
    return alpha * tx.softmax_focal_loss(scores, rows(targets), gamma=gamma, reduction="none")


def focal_loss(p: Any, targets: Any, *, alpha: float = 1, gamma: float = 0) -> Any:
    if not isinstance(gamma, Real) or gamma < 0:
        raise ValueError("gamma must be a number that is not negative")
    p = tx.take_along_axis(p, rows(targets)[:, None], 1)[:, 0]
    return -alpha * tx.clip(1 - p, 0, 1) ** gamma * tx.log(p)


def transpose(x: Any, *axes: Any) -> Any:
    if len(axes) > 1 and any(isinstance(axis, tuple) for axis in axes):
        raise TypeError("either a tuple of axes or the axes")
    return tx.transpose(x, axes[0] if axes and not isinstance(axes[0], int) else axes or None)


def einsum(*operands: Any, optimize: Any = False) -> Any:
    return tx.einsum(*operands, optimize=optimize)


def arange(*args: Any, start: Any = None, stop: Any = None, **settings: Any) -> Any:
    """NumPy's: `stop` alone may be named."""
    given = [x for x in (start, stop) if x is not None]
    return tx.arange(*args, *(given if not args or stop is not None else ()), **settings)


def like(name: str) -> Callable[..., Any]:
    """In the shape and dtype of another array, unless these are given."""

    def new(other: Any, *value: Any, dtype: Any = None, shape: Any = None, **named: Any) -> Any:
        if shape is None:
            return getattr(tx, f"{name}_like")(other, *value, dtype=dtype, **named)
        dtype = tx.asarray(other).dtype if dtype is None else dtype
        return getattr(tx, name)(shape, *value, dtype=dtype, **named)

    return new


def filled(*shape: Any, value: Any = 0.0, dtype: Any = None) -> Any:
    return tx.full(shape[0] if isinstance(shape[0], tuple) else shape, value, dtype)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "absolute": absolute,
    "add_sequence": sequence(tx.add),
    "arange": arange,
    "arccot": lambda x: tx.where(x < 0, -np.pi / 2, np.pi / 2) - tx.arctan(x),
    "arccoth": lambda x: tx.arctanh(1 / x),
    "arccsc": lambda x: tx.arcsin(1 / x),
    "arccsch": lambda x: tx.arcsinh(1 / x),
    "arcsec": lambda x: tx.arccos(1 / x),
    "batchnorm": batchnorm,
    "clip": lambda x, a_min, a_max: tx.clip(x, a_min, a_max),
    "constant": filled,
    "conv_nd": conv_nd,
    "cot": lambda x: 1 / tx.tan(x),
    "coth": lambda x: 1 / tx.tanh(x),
    "csc": lambda x: 1 / tx.sin(x),
    "csch": lambda x: 1 / tx.sinh(x),
    "einsum": einsum,
    "elu": lambda x, alpha: tx.elu(x, number(alpha)),
    "focal_loss": focal_loss,
    "full_like": like("full"),
    "glu": lambda x, axis=-1: tx.glu(x, number(axis)),
    "hard_tanh": hard_tanh,
    "leaky_relu": lambda x, slope: tx.leaky_relu(x, number(slope)),
    "linspace": lambda *args, axis=0, **settings: tx.linspace(*args, **settings),
    "max_pool": max_pool,
    "multi_matmul": lambda arrays: tx.linalg.multi_dot(arrays),
    "multiply_sequence": sequence(tx.multiply),
    "negative_log_likelihood": negative_log_likelihood,
    "norm": norm,
    "ones_like": like("ones"),
    "reshape": lambda x, newshape: tx.reshape(x, newshape),
    "sec": lambda x: 1 / tx.cos(x),
    "sech": lambda x: 1 / tx.cosh(x),
    "softmax_crossentropy": lambda x, y_true: tx.cross_entropy(x, rows(y_true)),
    "softmax_focal_loss": softmax_focal_loss,
    "transpose": transpose,
    "var": lambda x, axis=None, ddof=0, keepdims=False: tx.var(x, axis, keepdims, ddof),
    "std": lambda x, axis=None, ddof=0, keepdims=False: tx.std(x, axis, keepdims, ddof),
    "zeros_like": like("zeros"),
}


@cache
def function(name: str) -> Any:
    """A function of MyGrad's: it takes `constant`, and a dtype as NumPy's ufuncs do."""
    if name in SAME:
        return function(SAME[name])
    f = FUNCTIONS.get(name)
    if f is None and name not in ELSEWHERE:
        f = getattr(tx, OURS.get(name, name), None)
    if not callable(f) or isinstance(f, type):
        return Absent(f"mygrad {name}")
    found: Callable[..., Any] = f

    def call(*args: Any, **kwargs: Any) -> Any:
        return made(found, *args, **kwargs) if name in MADE else apply(name, found, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    if hasattr(getattr(np, name, None), "nin"):
        call.nin = getattr(np, name).nin
    return call


def made(f: Callable[..., Any], *args: Any, constant: bool | None = None, **kwargs: Any) -> Tensor:
    """A new tensor: of floats it is a variable, unless it is made like a constant."""
    x = apply("make", f, *args, **kwargs)
    if constant is None and getattr(f, "__qualname__", "").startswith("like"):
        constant = True if getattr(args[0], "constant", True) else None
    x.t, x.creator = adopted(x.t, constant), None
    return x


def method(name: str) -> Callable[..., Any]:
    """A function as a method; here, as in NumPy, some take axes or lengths one by one."""
    if name in ("reshape", "transpose"):
        f = getattr(tx.Tensor, name)
        return lambda self, *args, **kwargs: apply(name, f, self, *args, **kwargs)
    return lambda self, *args, **kwargs: function(name)(self, *args, **kwargs)


METHODS = """
    any argmax argmin clip cumprod cumsum flatten max mean min moveaxis prod ravel reshape squeeze
    std sum swapaxes transpose var
"""
for _name in METHODS.split():
    setattr(Tensor, _name, method(_name))
