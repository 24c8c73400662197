"""The rows of the operations table in the names that NumPy-like engines share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Calls = dict[str, Callable[..., Any]]


def array_calls(xp: Any) -> Calls:
    """For a module with NumPy's functions: row -> function of the inputs and the settings."""
    return {
        "neg": lambda x: -x,
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda x, n: x**n,
        "matmul": lambda a, b: a @ b,
        "linear": lambda x, weight, bias: x @ weight + bias,
        "exp": xp.exp,
        "log": xp.log,
        "log1p": xp.log1p,
        "expm1": xp.expm1,
        "sqrt": xp.sqrt,
        "abs": xp.abs,
        "tanh": xp.tanh,
        "sigmoid": lambda x: 1 / (1 + xp.exp(-x)),
        "relu": lambda x: xp.maximum(x, 0),
        "softplus": lambda x: xp.logaddexp(x, 0.0),
        "maximum": xp.maximum,
        "minimum": xp.minimum,
        "clip": lambda x, min, max: xp.clip(x, min, max),
        "where": xp.where,
        "sum": lambda x, axis: xp.sum(x, axis=axis),
        "max": lambda x, axis: xp.max(x, axis=axis),
        "min": lambda x, axis: xp.min(x, axis=axis),
        "reshape": lambda x, shape: xp.reshape(x, shape),
        "transpose": lambda x, axes: xp.transpose(x, axes),
        "squeeze": lambda x, axis: xp.squeeze(x, axis=axis),
        "expand_dims": lambda x, axis: xp.expand_dims(x, axis),
        "broadcast_to": lambda x, shape: xp.broadcast_to(x, shape),
        "join": lambda *arrays, axis: xp.concatenate(arrays, axis=axis),
        "getitem": lambda x, index: x[index],
    }
