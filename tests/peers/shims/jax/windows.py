"""Windows of arrays as XLA has them: with zeros between the entries, and paddings of either sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.counting import NotHereError

CONVOLUTIONS = {1: tx.conv1d, 2: tx.conv2d, 3: tx.conv3d}


def pad(x: Any, value: Any, widths: Sequence[tuple[int, int, int]]) -> Any:
    """The value before and after an axis, where a negative width cuts, and between its entries."""
    x = tx.asarray(x)
    if not widths or not widths[0]:
        return tx.identity(x)
    sizes, places, kept = [], [], []
    for n, (low, high, between) in zip(x.shape, widths, strict=True):
        first, length = max(low, 0), max(n + (n - 1) * between, 0)
        sizes.append(first + length + max(high, 0))
        places.append(slice(first, first + length, between + 1))
        kept.append(slice(max(-low, 0), sizes[-1] - max(-high, 0)))
    canvas = tx.broadcast_to(tx.astype(value, x.dtype), tuple(sizes))
    return canvas.at[tuple(places)].set(x)[tuple(kept)]


def widths_of(padding: Any, sizes: Any, spans: Any, strides: Any) -> Sequence[tuple[int, int]]:
    """The paddings that a name stands for: none, or so many that only the strides shorten an axis."""
    if not isinstance(padding, str):
        return list(padding)
    if padding == "VALID":
        return [(0, 0)] * len(sizes)
    lacking = [
        max((-(-n // step) - 1) * step + span - n, 0)
        for n, span, step in zip(sizes, spans, strides, strict=True)
    ]
    return [(n // 2, n - n // 2) for n in lacking]


def spread(sizes: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Lengths with the entries so far apart."""
    return [max((n - 1) * d + 1, 0) for n, d in zip(sizes, dilation, strict=True)]


def orders(dimension_numbers: Any) -> tuple[tuple[int, ...], ...]:
    """How the axes of both operands become ours, NCHW and OIHW, and those of the result theirs."""
    lhs, rhs, out = dimension_numbers
    space = [letter for letter in rhs if letter not in "OI"]
    ours = ["N", "C", *space]
    return (
        tuple(lhs.index(letter) for letter in ours),
        tuple(rhs.index(letter) for letter in ["O", "I", *space]),
        tuple(ours.index(letter) for letter in out),
    )


def conv_general_dilated(
    lhs: Any, rhs: Any, window_strides: Any, padding: Any, lhs_dilation: Any = None,
    rhs_dilation: Any = None, dimension_numbers: Any = None, feature_group_count: int = 1,
    batch_group_count: int = 1, precision: Any = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    back = None
    if dimension_numbers is not None:
        to_lhs, to_rhs, back = orders(dimension_numbers)
        lhs, rhs = tx.transpose(lhs, to_lhs), tx.transpose(rhs, to_rhs)
    lhs, rhs = tx.asarray(lhs), tx.asarray(rhs)
    n = lhs.ndim - 2
    lhs_dilation, rhs_dilation = lhs_dilation or (1,) * n, rhs_dilation or (1,) * n
    sizes, spans = spread(lhs.shape[2:], lhs_dilation), spread(rhs.shape[2:], rhs_dilation)
    ends = widths_of(padding, sizes, spans, window_strides)
    grown = [(*end, between - 1) for end, between in zip(ends, lhs_dilation, strict=True)]
    if any(width != (0, 0, 0) for width in grown):
        lhs = pad(lhs, 0, [(0, 0, 0), (0, 0, 0), *grown])
    if batch_group_count > 1:  # parts of the batch become parts of the channels
        parts = tx.reshape(lhs, (batch_group_count, -1, *lhs.shape[1:]))
        lhs = tx.concatenate(list(parts), axis=1)
    groups = feature_group_count * batch_group_count
    y = CONVOLUTIONS[n](lhs, rhs, None, tuple(window_strides), 0, tuple(rhs_dilation), groups)
    y = y if back is None else tx.transpose(y, back)
    return y if preferred_element_type is None else y.astype(preferred_element_type)


def conv(lhs: Any, rhs: Any, window_strides: Any, padding: Any, precision: Any = None) -> Any:
    return conv_general_dilated(lhs, rhs, window_strides, padding)


conv_with_general_padding = conv_general_dilated


def reduce_window(
    x: Any, start: Any, op: Callable[..., Any], sizes: Any, strides: Any, padding: Any,
    base_dilation: Any, window_dilation: Any,
) -> Any:  # fmt: skip
    """Each place in the window gives a part of the array; the parts are combined."""
    of = {tx.add: tx.sum, tx.maximum: tx.max, tx.minimum: tx.min}.get(op)
    if of is None:
        raise NotHereError("jax lax.reduce_window of a function")
    spans = spread(sizes, window_dilation)
    ends = widths_of(padding, spread(np.shape(x), base_dilation), spans, strides)
    y = pad(x, start, [(*end, b - 1) for end, b in zip(ends, base_dilation, strict=True)])
    counts = [(n - span) // step + 1 for n, span, step in zip(y.shape, spans, strides, strict=True)]
    parts = [
        y[tuple(
            slice(d * i, d * i + (n - 1) * step + 1, step)
            for d, i, n, step in zip(window_dilation, place, counts, strides, strict=True)
        )]
        for place in product(*map(range, sizes))
    ]  # fmt: skip
    return of(tx.stack(parts), 0)
