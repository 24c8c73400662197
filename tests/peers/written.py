"""What PyTorch has a function for and is written with others here: `addmm(c, a, b)` is c + a @ b.

Their samples run with these, under PyTorch's own names of arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

import tinygrad_xent as tx

from .translations import UntranslatedError, padded


def cut(x: Any, sizes: Any, dim: int = 0) -> Any:
    """Parts of one size, or of these sizes."""
    n = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    return tx.split(x, list(accumulate(sizes))[:-1], dim)


def chunks(x: Any, chunks: int, dim: int = 0) -> Any:
    return cut(x, -(-x.shape[dim] // chunks) or 1, dim)


def part(x: Any, dim: int, index: Any) -> Any:
    return x[(*(slice(None),) * (dim % x.ndim), index)]


def whole(index: Any) -> Any:
    """An index as an array."""
    return index.numpy() if isinstance(index, tx.Tensor) else index


def check_axes(*arrays: Any) -> None:
    if not all(x.ndim for x in arrays):
        raise UntranslatedError("an axis of a number")


def narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    start = int(whole(start)) % (x.shape[dim] or 1) if int(whole(start)) < 0 else int(whole(start))
    return part(x, dim, slice(start, start + length))


def gather(x: Any, dim: int, index: Any) -> Any:
    check_axes(x, index)
    if x.ndim != index.ndim:
        raise UntranslatedError("indices with other axes")
    front = (slice(n) if i != dim % x.ndim else slice(None) for i, n in enumerate(index.shape))
    return tx.take_along_axis(x[tuple(front)], whole(index).astype(int), dim)


def at(x: Any, dim: int, index: Any) -> Any:
    """The slices that a line of indices names."""
    check_axes(x)
    return x.at[(*(slice(None),) * (dim % x.ndim), np.atleast_1d(whole(index)))]


def places(x: Any, dim: int, index: Any) -> Any:
    """The places that an index for each value names."""
    check_axes(x, index)
    grid: list[Any] = list(np.ogrid[tuple(map(slice, index.shape))])
    grid[dim % x.ndim] = whole(index)
    return x.at[tuple(grid)]


def changed(x: Any, index: Any, values: Any, accumulate: bool) -> Any:
    return x.at[index].add(values) if accumulate else x.at[index].set(values)


def front(values: Any, index: Any) -> Any:
    return values[tuple(map(slice, index.shape))] if np.ndim(values) else values


def moments(of: Callable[..., Any]) -> Callable[..., Any]:
    def both(
        x: Any,
        dim: Any = None,
        unbiased: bool = True,
        *,
        correction: Any = None,
        keepdim: bool = False,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if isinstance(dim, (list, tuple)) and not dim:
            dim = None
        dim = tuple(dim) if isinstance(dim, list) else dim
        ddof = int(unbiased) if correction is None else correction
        return of(x, dim, keepdim, ddof), tx.mean(x, dim, keepdim)

    return both


def mvlgamma(x: Any, p: int) -> Any:
    return sum(tx.gammaln(x - j / 2) for j in range(p)) + p * (p - 1) / 4 * math.log(math.pi)


def logical(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *operands: f(*(x.numpy() != 0 for x in operands))


def on_values(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that has no derivative."""
    return lambda *operands, **how: f(*(x.detach() for x in operands), **how)


def upsample_bilinear(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    return tx.interpolate(x, size, scale_factor, "bilinear", align_corners=True)


def instance_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if running_mean is not None or not use_input_stats:
        raise UntranslatedError("running statistics")
    return tx.group_norm(x, x.shape[1], weight, bias, eps)


def bilinear(a: Any, b: Any, weight: Any, bias: Any = None) -> Any:
    y = tx.einsum("...i,oij,...j->...o", a, weight, b)
    return y if bias is None else y + bias


def lerp(a: Any, b: Any, weight: Any) -> Any:
    return a + weight * (b - a)


def aminmax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return tx.min(x, dim, keepdim), tx.max(x, dim, keepdim)


def summed_to(x: Any, shape: Any) -> Any:
    lead = x.ndim - len(shape)
    stretched = (i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    return x.sum((*range(lead), *stretched)).reshape(tuple(shape))


def pairwise(a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return tx.linalg.norm(a - b + eps, p, -1, keepdim)


def matrix_norm(
    x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, dtype: Any = None
) -> Any:
    return tx.linalg.norm(x, ord, tuple(dim), keepdim)


def vector_norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    axes = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = [axis % (x.ndim or 1) for axis in axes]
    if not x.ndim:
        raise UntranslatedError("an axis of a number")
    if ord == 2:
        return tx.linalg.norm(x, None, tuple(axes), keepdim)
    rest = [i for i in range(x.ndim) if i not in axes]
    left = tuple(x.shape[i] for i in rest)
    flat = x.transpose(*rest, *axes).reshape((*left, math.prod(x.shape[i] for i in axes)))
    found = tx.linalg.norm(flat, ord, -1)
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return found.reshape(kept) if keepdim else found


def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if p == "nuc":
        return matrix_norm(x, p, dim or (-2, -1), keepdim)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim)


WRITTEN: dict[str, Callable[..., Any]] = {
    "addmm": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "addmv": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "baddbmm": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "addbmm": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b).sum(0),
    "addr": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * tx.outer(a, b),
    "addcmul": lambda x, a, b, *, value=1: x + value * a * b,
    "addcdiv": lambda x, a, b, *, value=1: x + value * a / b,
    "lerp": lerp,
    "deg2rad": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi),
    "rsub": lambda a, b, alpha=1: b - alpha * a,
    "__rsub__": lambda a, b: b - a,
    "__rdiv__": lambda a, b: b / a,
    "__rpow__": lambda a, b: b**a,
    "__rmod__": lambda a, b: b % a,
    "float_power": lambda x, n: x**n,
    "clamp_min": lambda x, min: tx.maximum(x, min),
    "clamp_max": lambda x, max: tx.minimum(x, max),
    "dist": lambda a, b, p=2: tx.linalg.norm((a - b).ravel(), p),
    "logdet": lambda x: tx.linalg.slogdet(x).logabsdet,
    "pinverse": lambda x: tx.linalg.pinv(x),
    "linalg.vector_norm": vector_norm,
    "linalg.matrix_norm": matrix_norm,
    "linalg.diagonal": lambda x, *, offset=0, dim1=-2, dim2=-1: tx.diagonal(x, offset, dim1, dim2),
    "nn.functional.pairwise_distance": pairwise,
    "nn.functional.bilinear": bilinear,
    "split": cut,
    "split_with_sizes": cut,
    "unsafe_split": cut,
    "chunk": chunks,
    "unsafe_chunk": chunks,
    "unbind": lambda x, dim=0: list(tx.moveaxis(x, dim, 0)),
    "dsplit": lambda x, parts: tx.split(x, parts, 2),
    "narrow": narrow,
    "select": part,
    "slice": lambda x, dim=0, start=None, end=None, step=1: part(x, dim, slice(start, end, step)),
    "select_scatter": lambda x, values, dim, index: at(x, dim, index).set(
        tx.expand_dims(values, dim)
    ),
    "gather": gather,
    "index_select": lambda x, dim, index: tx.take(x, np.atleast_1d(whole(index)), dim),
    "masked_fill": lambda x, mask, value: tx.where(mask, value, x),
    "masked_select": lambda x, mask: tx.broadcast_arrays(x, mask)[0][
        tx.broadcast_arrays(x, mask)[1]
    ],
    "index_add": lambda x, dim, index, values, *, alpha=1: at(x, dim, index).add(alpha * values),
    "index_copy": lambda x, dim, index, values: at(x, dim, index).set(values),
    "index_fill": lambda x, dim, index, value: at(x, dim, index).set(value),
    "scatter": lambda x, dim, index, values: places(x, dim, index).set(front(values, index)),
    "scatter_add": lambda x, dim, index, values: places(x, dim, index).add(front(values, index)),
    "index_put": lambda x, index, values, accumulate=False: changed(
        x, tuple(whole(part) for part in index), values, accumulate
    ),
    "put": lambda x, index, values, accumulate=False: changed(
        x.ravel(), whole(index), tx.reshape(values, index.shape), accumulate
    ).reshape(x.shape),
    "__getitem__": lambda x, index: x[index],
    "expand_as": lambda x, other: tx.broadcast_to(x, other.shape),
    "reshape_as": lambda x, other: x.reshape(other.shape),
    "view_as": lambda x, other: x.reshape(other.shape),
    "unflatten": lambda x, dim, sizes: x.reshape(
        (*x.shape[: dim % x.ndim], *sizes, *x.shape[dim % x.ndim + 1 :])
    ),
    "sum_to_size": lambda x, *shape: summed_to(
        x, shape[0] if isinstance(shape[0], (tuple, list)) else shape
    ),
    "broadcast_tensors": lambda *arrays: tx.broadcast_arrays(*arrays),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "t": lambda x: x.T,
    "msort": lambda x: tx.sort(x, 0),
    "median": lambda x, dim=None, keepdim=False: tx.quantile(x, 0.5, dim, keepdim, method="lower"),
    "aminmax": aminmax,
    "var_mean": moments(lambda x, axis, keep, ddof: tx.var(x, axis, keep, ddof)),
    "std_mean": moments(lambda x, axis, keep, ddof: tx.std(x, axis, keep, ddof)),
    "nn.functional.softmin": lambda x, dim, dtype=None: tx.softmax(-x, dim),
    "nn.functional.tanhshrink": lambda x: tx.tanhshrink(x),
    "nn.functional.upsample_nearest": lambda x, size=None, scale_factor=None: tx.interpolate(
        x, size, scale_factor
    ),
    "nn.functional.upsample_bilinear": upsample_bilinear,
    "nn.functional.instance_norm": instance_norm,
    "mvlgamma": mvlgamma,
    "polygamma": lambda x, n: tx.polygamma(n, x),
    "special.polygamma": lambda x, n: tx.polygamma(n, x),
    "scatter_reduce": lambda x, dim, index, values, how, *, include_self=True: tx.scatter_reduce(
        x, index, values, dim, how, include_self
    ),
    "index_reduce": lambda x, dim, index, values, how, *, include_self=True: tx.index_reduce(
        x, index, values, dim, how, include_self
    ),
    "special.ndtri": lambda x: math.sqrt(2) * tx.erfinv(2 * x - 1),
    "logical_and": logical(np.logical_and),
    "logical_or": logical(np.logical_or),
    "logical_xor": logical(np.logical_xor),
    "logical_not": logical(np.logical_not),
    "norm": norm,
    "special.entr": lambda x: -tx.xlogy(x, x),
    "special.xlog1py": lambda a, b: tx.xlogy(a, 1 + b),
    "constant_pad_nd": lambda x, pad, value=0: tx.pad(
        x, padded(x, pad)[0][1], constant_values=value
    ),
    "isclose": on_values(np.isclose),
    "isposinf": on_values(np.isposinf),
    "isneginf": on_values(np.isneginf),
    "isreal": on_values(np.isreal),
    "argwhere": on_values(np.argwhere),
    "bucketize": lambda x, ends, *, right=False, out_int32=False: tx.searchsorted(
        ends, x, "right" if right else "left"
    ),
}
