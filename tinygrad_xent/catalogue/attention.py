"""Attention, and the tables that precede it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.arrays import Array
from ..engine.breadth.composites import concatenate, in_float32_beside
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, moves, products, rowwise, selection
from ..engine.public import op, plain, public
from ..engine.symbols import Symbol, arange, check, somewhere, tri
from ..engine.tensors import Tensor, raw
from ..transforms import checkpoint
from .inputs import numbers, whole
from .joining import array_split

BLOCK = 1 << 22
"""So many weights are computed at the same time: 16 MiB of float32."""


@public()
@in_float32_beside("key", "value", "attn_mask")
def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """For each query a mean of the values, weighted by the softmax of its products with the keys.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, V); the result is (..., L, V). The leading axes,
    batch and heads say, broadcast. Up to so many weights are kept for the gradient as `BLOCK` says; more of
    them are computed for some queries at a time, and once more by `backward()`, so that memory grows with
    L + S and not with L · S.

    Args:
        attn_mask: of a shape that broadcasts to (..., L, S). Booleans: true where a key takes part. Numbers
            are added to the scaled products before the softmax.
        is_causal: query i sees only the keys 0 to i. May be combined with a mask.
        scale: the factor of the products; 1 / √E if None.

    A query that sees no key at all gets 0, and gives no gradient, as in PyTorch.

    Raises:
        ShapeError: the shapes do not fit.

    >>> keys, values = [[10.0, 0.0], [0.0, 10.0]], [[1.0], [2.0]]
    >>> scaled_dot_product_attention([[0.0, 0.0], [0.0, 100.0]], keys, values).numpy()
    array([[1.5],
           [2. ]])
    """
    shapes = _attention_shapes(query, key, value)
    factor = 1 / math.sqrt(shapes[0][-1]) if scale is None else plain(scale, "scale")
    lead = np.broadcast_shapes(*(s[:-2] for s in shapes[:2]))
    weights = (*lead, shapes[0][-2], shapes[1][-2])
    if attn_mask is not None:
        attn_mask = numbers("scaled_dot_product_attention", attn_mask)
        _check_mask(weights, attn_mask)
    with composite(
        "scaled_dot_product_attention", "softmax(query @ keyᵀ · scale + attn_mask) @ value"
    ):
        if math.prod(weights) <= BLOCK:
            return _attended(query, key, value, attn_mask, bool(is_causal), factor, 0)
        return _by_blocks(weights, query, key, value, attn_mask, bool(is_causal), factor)


@public()
def embedding(indices: Operand, weight: Operand, padding_idx: int | None = None) -> Tensor:
    """The rows of a table that the indices name.

    Shapes: indices (...), weight (n, D); the result is (..., D).

    A row that is named several times gets the sum of their gradients.

    Args:
        padding_idx: the number of a row that gets no gradient.

    Raises:
        DtypeError: the indices are not integers.
        OutOfRangeError: an index or `padding_idx` is not in 0 ... n - 1; -1 is not the last row here.

    >>> embedding([[2, 0]], Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).numpy()
    array([[[5., 6.],
            [1., 2.]]])
    """
    table = as_numbers("embedding", raw(weight))
    if not table.ndim:
        raise errors.ShapeError("embedding: a number has no rows", [weight], "pass a table (n, D)")
    places = _labels("embedding", indices, len(table))
    with composite("embedding", "weight[indices]"):
        rows = moves.getitem(weight, places)
        if padding_idx is None:
            return rows
        row = whole("embedding", "padding_idx", padding_idx)
        padding = _labels("embedding: padding_idx", row, len(table))
        padded = (places == padding).reshape(*places.shape, *(1,) * (table.ndim - 1))
        return selection.where(padded, table[padding], rows)


@op("one_hot(indices, num_classes, dtype)", None)
def one_hot(indices: Operand, /, num_classes: int, dtype: Any = np.float64) -> Array:
    """A row of zeros with a 1 at the place of each index: (...) gives (..., num_classes).

    The result has no gradient. Beside float32 scores ask for `dtype=np.float32`, or all becomes float64.

    Raises:
        DtypeError: the indices are not integers.
        OutOfRangeError: one is not in 0 ... num_classes - 1. BadValueError: there are no classes.

    >>> one_hot([2, 0], 3).numpy()
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    if not isinstance(num_classes, int) or num_classes < 1:
        what = f"one_hot: num_classes={num_classes!r} is not a whole number of at least 1"
        raise errors.BadValueError(what, [indices], "pass the number of classes")
    places = _labels("one_hot", indices, num_classes)
    return (places[..., None] == arange(num_classes)).astype(dtype)


def _labels(who: str, x: Any, count: int) -> Array:
    """Places in 0 ... count - 1, checked."""
    places = as_numbers(who, raw(x))
    if places.dtype.kind not in "iu" and places.size:
        fix = "pass integers: indices.astype(int)"
        raise errors.DtypeError(f"{who}: takes integers, got {places.dtype}", [places], fix)
    wrong = (places < 0) | (places >= count)
    if isinstance(wrong, Symbol):
        check(~wrong, f"{who}: an index is out of range for {count}", IndexError)
    elif wrong.any():
        what = f"{who}: {places[wrong].flat[0]} is out of range for {count}"
        raise errors.OutOfRangeError(what, [places], f"they run from 0 to {count - 1}")
    return places.astype(np.intp, copy=False)


def _attention_shapes(query: Any, key: Any, value: Any) -> list[tuple[int, ...]]:
    """The shapes, checked: (..., L, E), (..., S, E), (..., S, V)."""
    who, operands = "scaled_dot_product_attention", [query, key, value]
    shapes = [as_numbers(who, raw(x), operands).shape for x in operands]
    q, k, v = shapes
    fit = min(map(len, shapes)) >= 2 and 0 < q[-1] == k[-1] and k[-2] == v[-2]
    try:
        np.broadcast_shapes(*(s[:-2] for s in shapes))
    except ValueError:
        fit = False
    if not fit:
        what = f"{who}: shapes {q}, {k} and {v} do not fit"
        fix = "query (..., L, E), key (..., S, E), value (..., S, V); leading axes must broadcast"
        raise errors.ShapeError(what, operands, fix)
    return shapes


def _attended(
    query: Any, key: Any, value: Any, mask: Any, is_causal: bool, factor: Any, first: int
) -> Tensor:
    """Attention of the queries from the first on, all weights at once."""
    order = (*range(np.ndim(raw(key)) - 2), -1, -2)
    scores = products.matmul(arithmetic.mul(query, factor), moves.transpose(key, order))
    scores = _masked(scores, mask, is_causal, first)
    blind = (raw(scores) == -np.inf).all(axis=-1, keepdims=True)
    if not somewhere(blind):
        return products.matmul(rowwise.softmax(scores), value)
    weights = rowwise.softmax(selection.where(blind, 0.0, scores))
    return products.matmul(selection.where(blind, 0.0, weights), value)


def _by_blocks(
    shape: tuple[int, ...],
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    is_causal: bool,
    factor: Any,
) -> Tensor:
    """The same for some queries at a time; each part is computed again in backward. `shape` is that of the
    weights.
    """
    queries = shape[-2]
    parts = min(queries, -(-math.prod(shape) // BLOCK))
    own = mask is not None and np.ndim(raw(mask)) > 1 and np.shape(raw(mask))[-2] == queries > 1
    masks: Any = array_split(mask, parts, -2) if own else [mask] * parts
    found, first = [], 0
    for rows, its in zip(array_split(query, parts, -2), masks, strict=True):
        part = partial(_attended, is_causal=is_causal, factor=factor, first=first)
        found.append(checkpoint(part)(rows, key, value, its))
        first += rows.shape[-2]
    return concatenate(found, -2)


def _masked(scores: Tensor, mask: Any, is_causal: bool, first: int) -> Tensor:
    """The scores, -inf where a query must not see a key."""
    if mask is not None and raw(mask).dtype == np.bool_:
        scores = selection.where(mask, scores, -math.inf)
    elif mask is not None:
        scores = arithmetic.add(scores, mask)
    if is_causal:
        seen = tri(scores.shape[-2], scores.shape[-1], first, dtype=np.bool_)
        scores = selection.where(seen, scores, -math.inf)
    return scores


def _check_mask(weights: tuple[int, ...], mask: Any) -> None:
    values = as_numbers("scaled_dot_product_attention", raw(mask), [mask])
    what = f"scaled_dot_product_attention: attn_mask has the dtype {values.dtype}"
    if values.dtype.kind in "iu":
        fix = "attn_mask.astype(bool), true where a key takes part; or floats, which are added"
        raise errors.DtypeError(what, [mask], fix)
    lead = len(weights) - values.ndim
    sides = zip(values.shape, weights[max(lead, 0) :], strict=False)
    if lead < 0 or any(m not in (1, n) for m, n in sides):
        what = f"scaled_dot_product_attention: attn_mask {values.shape} for products {weights}"
        raise errors.ShapeError(what, [mask], "it must broadcast to (..., L, S)")
