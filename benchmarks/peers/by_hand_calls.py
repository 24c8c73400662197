"""Each row of the operations table by hand: its forward, and its derivative worked out on paper.

`forward(*inputs, **settings) -> y`; `backward(g, y, *inputs, **settings) -> one gradient an input`.
Plain expressions, as one writes them in NumPy: no buffers are kept between calls. A row that does not
stand here is computed by its own formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any, axis: int) -> Any:
    y = np.exp(x - x.max(axis, keepdims=True))
    y /= y.sum(axis, keepdims=True)
    return y


def softmax_backward(g: Any, y: Any, x: Any, axis: int) -> Any:
    dx = g * y
    dx -= y * dx.sum(axis, keepdims=True)
    return (dx,)


def logsumexp(x: Any, axis: int) -> Any:
    top = x.max(axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis)


def logsumexp_backward(g: Any, y: Any, x: Any, axis: int) -> Any:
    dx = x - np.expand_dims(y, axis)
    np.exp(dx, out=dx)
    dx *= np.expand_dims(g, axis)
    return (dx,)


def log_softmax(x: Any, axis: int) -> Any:
    y = x - x.max(axis, keepdims=True)
    y -= np.log(np.exp(y).sum(axis, keepdims=True))
    return y


def log_softmax_backward(g: Any, y: Any, x: Any, axis: int) -> Any:
    dx = np.exp(y)
    dx *= -g.sum(axis, keepdims=True)
    dx += g
    return (dx,)


def softmax_cross_entropy_backward(g: Any, y: Any, x: Any, labels: Any, axis: int) -> Any:
    dx = softmax(x, axis)
    dx[np.arange(len(x)), labels[:, 0]] -= 1
    dx *= g / len(x)
    return (dx,)


def pow_backward(g: Any, y: Any, x: Any, n: Any) -> Any:
    return g * n * x ** (n - 1), g * y * np.log(x)


def extreme_backward(g: Any, y: Any, x: Any, axis: int) -> Any:
    return (np.where(x == np.expand_dims(y, axis), np.expand_dims(g, axis), 0),)


def broadcast_backward(g: Any, y: Any, x: Any, shape: Any) -> Any:
    return (g.sum(0),)


def scatter(g: Any, shape: Any, index: Any) -> Any:
    y = np.zeros(shape, g.dtype)
    np.add.at(y, index, g)
    return y


def scatter_one_a_row(g: Any, indices: Any, shape: Any, axis: int) -> Any:
    y = np.zeros(shape, g.dtype)
    np.put_along_axis(y, indices, g, axis)  # one index a row: nothing meets
    return y


def like_input(g: Any, y: Any, x: Any, **settings: Any) -> Any:
    return (g.reshape(x.shape),)


def by_formula(name: str) -> tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]:
    """A row's formulas, evaluated by NumPy."""
    from tinygrad_xent import meaning, table

    row = table.TABLE[name]

    def forward(*inputs: Any, **settings: Any) -> Any:
        return meaning.value_of(row, inputs, tuple(settings.values()), None)

    def backward(g: Any, y: Any, *inputs: Any, **settings: Any) -> tuple[Any, ...]:
        given = tuple(settings.values())
        slope = meaning.derivative_of
        return tuple(slope(row, i, inputs, given, y, g) for i, rule in enumerate(row.rules) if rule)

    return forward, backward


CALLS: dict[str, tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]] = {
    "neg": (np.negative, lambda g, y, x: (-g,)),
    "add": (np.add, lambda g, y, a, b: (g, g)),
    "sub": (np.subtract, lambda g, y, a, b: (g, -g)),
    "mul": (np.multiply, lambda g, y, a, b: (g * b, g * a)),
    "div": (np.divide, lambda g, y, a, b: (g / b, -g * y / b)),
    "pow": (np.power, pow_backward),
    "matmul": (np.matmul, lambda g, y, a, b: (g @ b.T, a.T @ g)),
    "linear": (
        lambda x, W, b: x @ W + b,
        lambda g, y, x, W, b: (g @ W.T, x.T @ g, g.sum(0)),
    ),
    "exp": (np.exp, lambda g, y, x: (g * y,)),
    "log": (np.log, lambda g, y, x: (g / x,)),
    "log1p": (np.log1p, lambda g, y, x: (g / (1 + x),)),
    "expm1": (np.expm1, lambda g, y, x: (g * (y + 1),)),
    "sqrt": (np.sqrt, lambda g, y, x: (g / (2 * y),)),
    "abs": (np.abs, lambda g, y, x: (g * np.sign(x),)),
    "tanh": (np.tanh, lambda g, y, x: (g * (1 - y * y),)),
    "sigmoid": (sigmoid, lambda g, y, x: (g * y * (1 - y),)),
    "relu": (lambda x: np.maximum(x, 0), lambda g, y, x: (g * (y > 0),)),
    "softplus": (lambda x: np.logaddexp(x, 0), lambda g, y, x: (g * sigmoid(x),)),
    "maximum": (np.maximum, lambda g, y, a, b: (g * (a > b), g * (b > a))),
    "minimum": (np.minimum, lambda g, y, a, b: (g * (a < b), g * (b < a))),
    "clip": (
        lambda x, min, max: np.clip(x, min, max),
        lambda g, y, x, min, max: (g * ((x >= min) & (x <= max)),),
    ),
    "where": (np.where, lambda g, y, c, a, b: (g * c, g * ~c)),
    "astype": (lambda x, dtype: x.astype(dtype), lambda g, y, x, dtype: (g.astype(x.dtype),)),
    "identity": (lambda x: x, lambda g, y, x: (g,)),
    "sum": (
        lambda x, axis: x.sum(axis),
        lambda g, y, x, axis: (np.broadcast_to(np.expand_dims(g, axis), x.shape),),
    ),
    "max": (lambda x, axis: x.max(axis), extreme_backward),
    "min": (lambda x, axis: x.min(axis), extreme_backward),
    "logsumexp": (logsumexp, logsumexp_backward),
    "softmax": (softmax, softmax_backward),
    "log_softmax": (log_softmax, log_softmax_backward),
    "softmax_cross_entropy": (
        lambda x, labels, axis: -np.take_along_axis(log_softmax(x, axis), labels, axis).mean(),
        softmax_cross_entropy_backward,
    ),
    "reshape": (lambda x, shape: x.reshape(shape), like_input),
    "transpose": (lambda x, axes: x.transpose(axes), lambda g, y, x, axes: (g.T,)),
    "squeeze": (lambda x, axis: x.squeeze(axis), like_input),
    "expand_dims": (lambda x, axis: np.expand_dims(x, axis), like_input),
    "broadcast_to": (lambda x, shape: np.broadcast_to(x, shape), broadcast_backward),
    "join": (
        lambda a, b, axis: np.concatenate((a, b), axis),
        lambda g, y, a, b, axis: tuple(np.split(g, (a.shape[axis],), axis)),
    ),
    "getitem": (
        lambda x, index: x[index],
        lambda g, y, x, index: (scatter(g, x.shape, index),),
    ),
    "scatter": (scatter, lambda g, y, x, shape, index: (g[index],)),
    "take_along_axis": (
        lambda x, indices, axis: np.take_along_axis(x, indices, axis),
        lambda g, y, x, indices, axis: (scatter_one_a_row(g, indices, x.shape, axis),),
    ),
    "scatter_along_axis": (
        scatter_one_a_row,
        lambda g, y, x, indices, shape, axis: (np.take_along_axis(g, indices, axis),),
    ),
}
