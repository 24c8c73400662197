"""`jax.nn`: our activations under its names, and what is written with our operations here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent
from tests.peers.counting import NotHereError

from .dtypes import known
from .numpy import mean

hard_tanh, identity, relu6 = tx.hardtanh, tx.identity, tx.relu6


class Initializers:
    """Initial weights, whose functions are asked for when a file of tests is imported."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **settings: Absent(f"jax initializers.{name}")


initializers = Initializers()


def gelu(x: Any, approximate: bool = True) -> Any:
    return tx.gelu(x, "tanh" if approximate else "none")


def of_some(f: Any, empty: float, x: Any, axis: Any = -1, where: Any = None) -> Any:
    """A softmax of the entries that `where` names."""
    if where is None:
        return f(x, axis)
    return tx.where(where, f(tx.where(where, x, -np.inf), axis), empty)


def softmax(x: Any, axis: Any = -1, where: Any = None, initial: Any = None) -> Any:
    return of_some(tx.softmax, 0.0, x, axis, where)


def log_softmax(x: Any, axis: Any = -1, where: Any = None, initial: Any = None) -> Any:
    return of_some(tx.log_softmax, -np.inf, x, axis, where)


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    some = np.ones(np.shape(x), bool) if where is None else where
    n = np.sum(some, axis=axis, keepdims=keepdims)
    return tx.logsumexp(tx.where(some, x, -np.inf), axis, keepdims) - tx.log(n)


def log1mexp(x: Any) -> Any:
    return tx.where(x < math.log(2), tx.log(-tx.expm1(-x)), tx.log1p(-tx.exp(-x)))


def squareplus(x: Any, b: Any = 4) -> Any:
    return (x + tx.sqrt(x * x + b)) / 2


def sparse_plus(x: Any) -> Any:
    x = tx.asarray(x)
    return tx.where(x <= -1, 0 * x, tx.where(x >= 1, x, (x + 1) ** 2 / 4))


def sparse_sigmoid(x: Any) -> Any:
    return tx.clip((tx.asarray(x) + 1) / 2, 0, 1)


def standardize(
    x: Any, axis: int = -1, epsilon: float = 1e-5, where: Any = None, algorithm: str = "fast"
) -> Any:
    if where is None:
        return tx.layer_norm(x, axis=axis, eps=epsilon)
    apart = x - mean(x, axis, keepdims=True, where=where)
    return apart * tx.rsqrt(mean(apart**2, axis, keepdims=True, where=where) + epsilon)


def one_hot(x: Any, num_classes: int, *, dtype: Any = np.float64, axis: int = -1) -> Any:
    return tx.moveaxis(tx.one_hot(x, num_classes, known(dtype)), -1, axis)


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, *,
    is_causal: bool = False, scale: Any = None, local_window_size: Any = None,
    query_seq_lengths: Any = None, key_value_seq_lengths: Any = None,
    implementation: Any = None, return_residual: bool = False,
) -> Any:  # fmt: skip
    """Ours has heads before positions, and one mask or bias; a key may serve several heads here."""
    for name, given in (("residual", return_residual), ("lengths", query_seq_lengths is not None)):
        if given:
            raise NotHereError(f"jax nn.dot_product_attention {name}")
    shared = query.shape[-2] // key.shape[-2]
    q, k, v = (
        tx.swapaxes(x, -3, -2) for x in (query, *(tx.repeat(x, shared, -2) for x in (key, value)))
    )
    if local_window_size is not None:
        left, right = np.broadcast_to(local_window_size, 2)
        apart = np.arange(k.shape[-2]) - np.arange(q.shape[-2])[:, None]
        near = (apart >= -left) & (apart <= right)
        mask = near if mask is None else mask & near
    if bias is not None and mask is not None:
        bias, mask = tx.where(mask, bias, -np.inf), None
    given = bias if mask is None else mask
    return tx.swapaxes(tx.scaled_dot_product_attention(q, k, v, given, is_causal, scale), -3, -2)


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    return getattr(tx, name, None) or Absent(f"jax nn.{name}")
