"""`jax.numpy`: our operation of the name; what has none is NumPy's, which finds ours through its dispatch."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_xent as tx

from .dtypes import bfloat16, known

float8_e4m3fn = bfloat16


def array(x: Any, dtype: Any = None) -> Any:
    return tx.Tensor(np.asarray(x.numpy() if isinstance(x, tx.Tensor) else x, known(dtype)))


asarray = array


def zeros(shape: Any, dtype: Any = np.float64) -> Any:
    return tx.zeros(shape, dtype=known(dtype))


def ones(shape: Any, dtype: Any = np.float64) -> Any:
    return tx.ones(shape, dtype=known(dtype))


def mean(x: Any, axis: Any = None, *, keepdims: bool = False, where: Any = None) -> Any:
    """Of the entries that `where` names."""
    if where is None:
        return tx.mean(x, axis, keepdims)
    n = np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=keepdims)
    return tx.sum(tx.where(where, x, 0.0), axis, keepdims) / n


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    return getattr(tx, name) if name in tx.__all__ else getattr(np, name)
