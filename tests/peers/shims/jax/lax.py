"""`jax.lax`: our operations under its names, and its own operations written with ours.

Shapes and arguments are those of XLA: axes are named by numbers, and sizes are said in full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent
from tests.peers.counting import NotHereError
from tests.peers.shims.autograd.containers import leaves, rebuilt

from .dtypes import known
from .indexing import (
    GatherDimensionNumbers,
    ScatterDimensionNumbers,
    dynamic_index_in_dim,
    dynamic_slice,
    dynamic_update_index_in_dim,
    dynamic_update_slice,
    gather,
    index_take,
    scatter,
    scatter_add,
    scatter_max,
    scatter_min,
    slice,
)  # fmt: skip
from .windows import conv, conv_general_dilated, conv_with_general_padding, pad, reduce_window

linalg = Absent("jax lax.linalg")
broadcast_shapes = np.broadcast_shapes
Precision = SimpleNamespace(HIGHEST="highest")

_OURS = {
    "max": "maximum", "min": "minimum", "logistic": "sigmoid", "erf_inv": "erfinv", "rem": "fmod",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "rev": "flip",
    "select": "where", "lgamma": "gammaln",
}  # fmt: skip
_THEIRS = {"conj", "real", "imag", "complex"}  # operations of complex numbers


def mul(a: Any, b: Any, out_dtype: Any = None) -> Any:
    product = tx.mul(a, b)
    return product if out_dtype is None else product.astype(out_dtype)


def convert_element_type(x: Any, dtype: Any) -> Any:
    return tx.astype(x, known(dtype))


def clamp(low: Any, x: Any, high: Any) -> Any:
    return tx.clip(x, low, high)


def concatenate(arrays: Sequence[Any], dimension: int) -> Any:
    return tx.concatenate(list(arrays), dimension)


def split(x: Any, sizes: Sequence[int], axis: int = 0) -> Any:
    return tx.split(x, list(np.cumsum(sizes)[:-1]), axis)


def dot(a: Any, b: Any, precision: Any = None) -> Any:
    return tx.matmul(a, b)


def dot_general(
    a: Any,
    b: Any,
    dimension_numbers: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """Axes of a and b that are summed over, and axes that both have; then the others of a, and of b."""
    (summed_a, summed_b), (shared_a, shared_b) = dimension_numbers
    of_a = [chr(ord("a") + i) for i in range(np.ndim(a))]
    of_b = [chr(ord("n") + i) for i in range(np.ndim(b))]
    for i, j in zip([*summed_a, *shared_a], [*summed_b, *shared_b], strict=True):
        of_b[j] = of_a[i]
    shared = [of_a[i] for i in shared_a]
    rest = [s for s in of_a if s not in of_b] + [s for s in of_b if s not in of_a]
    text = f"{''.join(of_a)},{''.join(of_b)}->{''.join(shared + rest)}"
    product = tx.einsum(text, a, b)
    return product if preferred_element_type is None else product.astype(preferred_element_type)


def broadcast(x: Any, sizes: Sequence[int]) -> Any:
    return tx.broadcast_to(x, (*sizes, *np.shape(x)))


def broadcast_in_dim(x: Any, shape: Sequence[int], dimensions: Sequence[int]) -> Any:
    sizes = [1] * len(shape)
    for n, axis in zip(np.shape(x), dimensions, strict=True):
        sizes[axis] = n
    return tx.broadcast_to(tx.reshape(x, tuple(sizes)), tuple(shape))


def reshape(x: Any, shape: Sequence[int], dimensions: Any = None) -> Any:
    return tx.reshape(x if dimensions is None else tx.transpose(x, dimensions), tuple(shape))


def iota(dtype: Any, n: int) -> Any:
    return tx.arange(n, dtype=dtype)


def sort(x: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    return tx.sort(x, dimension)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    order = tx.argsort(keys, dimension)
    return tx.sort(keys, dimension), tx.take_along_axis(values, order, dimension)


def top_k(x: Any, k: int, *, axis: int = -1) -> Any:
    return tx.topk(x, k, axis)


def stop_gradient(x: Any) -> Any:
    if callable(x):
        raise TypeError("a function has no gradient to stop")
    return rebuilt(x, iter([tx.asarray(leaf).detach() for leaf in leaves(x)]))


def reduce(x: Any, start: Any, op: Callable[..., Any], dimensions: Sequence[int]) -> Any:
    """By one of four operations, of which `start` is the neutral element."""
    of = {add: tx.sum, mul: tx.prod, maximum: tx.max, minimum: tx.min}.get(op)
    if of is None:
        raise NotHereError("jax lax.reduce of a function")
    return of(x, tuple(dimensions)) if dimensions else tx.identity(x)


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    if name in _THEIRS:
        return Absent(name)
    return getattr(tx, _OURS.get(name, name), None) or Absent(f"jax lax.{name}")


add, maximum, minimum = tx.add, tx.maximum, tx.minimum
