"""`jax.numpy`: our operation of the name; what has none is NumPy's, which finds ours through its dispatch."""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent
from tests.peers.counting import NotHereError
from tests.peers.shims.autograd.containers import leaves

from .dtypes import bfloat16, known
from .hidden import Hidden

float8_e4m3fn = bfloat16
float_, complex_ = np.float64, np.complex128


def array(x: Any, dtype: Any = None) -> Any:
    """A tensor; of a list with tensors in it, one that their gradients pass."""
    if isinstance(x, (tuple, list)) and any(isinstance(leaf, tx.Tensor) for leaf in leaves(x)):
        x = tx.stack([array(part) for part in x])
    if isinstance(x, tx.Tensor):
        return tx.identity(x) if dtype is None else tx.astype(x, known(dtype))
    return tx.Tensor(np.asarray(x, known(dtype)))


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


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Ours are never full: those are for square matrices only the same."""
    if not compute_uv:
        return tx.linalg.svdvals(a)
    if full_matrices and np.shape(a)[-1] != np.shape(a)[-2]:
        raise NotHereError("jax numpy.linalg.svd full_matrices")
    return tx.linalg.svd(a)


def slogdet(a: Any) -> Any:
    return tuple(tx.linalg.slogdet(a))


_LINALG = {"svd": svd, "slogdet": slogdet}
linalg = Hidden("numpy.linalg", lambda name: _LINALG.get(name) or getattr(tx.linalg, name, None))


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    if name in tx.__all__:
        return getattr(tx, name)
    found = getattr(np, name, None)
    if found is None:
        return Absent(f"jax numpy.{name}")
    return of_tensors(found) if callable(found) and not isinstance(found, type) else found


@cache
def of_tensors(f: Any) -> Any:
    """A function of NumPy's, which must find ours: its arrays are tensors."""

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*(tx.asarray(x) if isinstance(x, np.ndarray) else x for x in args), **kwargs)

    return call
