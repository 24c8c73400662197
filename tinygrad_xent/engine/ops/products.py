"""Matrix products: sums of products of rows of one input with columns of the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import arrays as xp
from ..arrays import Array
from ..methods import Operand
from ..public import op
from ..table import SAME
from .arithmetic import add
from .moves import expand_dims, reshape
from .reductions import sum

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


def _matmul_vjp_a(g: Any, b: Any) -> Any:
    """g @ bᵀ. A 1-D input was used as a row or column: it gets that axis back, and so does g."""
    if b.ndim == 1:
        g, b = expand_dims(g, -1), expand_dims(b, -1)
    if g.ndim < b.ndim:
        g = expand_dims(g, -2)
    return xp.matmul(g, b.mT)


def _matmul_vjp_b(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    """aᵀ @ g, likewise. A stack times one matrix is one product, of all the stack's rows."""
    if a.ndim == g.ndim == 2:
        return xp.matmul(a.mT, g)
    if len(b_shape) == 1:
        g = expand_dims(g, -1)
    if a.ndim == 1:
        a, g = expand_dims(a, 0), expand_dims(g, -2)
    if len(b_shape) == 2 and a.ndim > 2:
        rows = math.prod(a.shape[:-1])
        a, g = reshape(a, (rows, a.shape[-1])), reshape(g, (rows, g.shape[-1]))
    db = a.mT @ g
    return db[..., 0] if len(b_shape) == 1 else db


def _before_bias(g: Any, x_shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> Any:
    """The gradient of x @ weight: that of the sum, added up where the bias stretched the product."""
    if len(weight_shape) == 2:
        shape = x_shape[:-1] + weight_shape[1:]
    else:
        stack = np.broadcast_shapes(x_shape[:-2], weight_shape[:-2])
        shape = stack + x_shape[-2:-1] + weight_shape[-1:] * (len(weight_shape) > 1)
    if g.shape == shape:
        return g
    return reshape(sum(g, axis=xp.stretched(shape, g.shape)), shape)


@op("a @ b",
    ("g @ bᵀ", _matmul_vjp_a),
    ("aᵀ @ g", _matmul_vjp_b),
    kind="product", numpy=np.matmul, operator="matmul")
def matmul(a: Operand, b: Operand, /) -> Array:
    """The matrix product, with NumPy's meaning of 1-D arrays and stacks of matrices.

    Shapes: `(..., m, k) @ (..., k, n) -> (..., m, n)`; a 1-D `a` is a row, a 1-D `b` a column, and
    the added axis is dropped from the result.

    Raises:
        ShapeError: the inner axes differ.

    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0])).numpy()
    array([3., 7.])
    """
    return xp.matmul(a, b)


@op("x @ weight + bias",
    ("g @ weightᵀ", lambda g, weight, x_shape: _matmul_vjp_a(_before_bias(g, x_shape, weight.shape), weight)),
    ("xᵀ @ g", lambda g, x, weight_shape: _matmul_vjp_b(_before_bias(g, x.shape, weight_shape), x, weight_shape)),
    SAME,
    kind="product", parts=lambda x, weight, bias: add(matmul(x, weight), bias))
def linear(x: Operand, weight: Operand, bias: Operand, /) -> Array:
    """x @ weight + bias, with one result array instead of two. Fused: traces and pictures show
    `matmul` and `add`.

    Shapes: x (..., D), weight (D, C) and not PyTorch's (C, D), bias (C,).

    Raises:
        ShapeError: the shapes do not fit.

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[1.0, 0.0], [0.0, 1.0]]), [10.0, 20.0]).numpy()
    array([[11., 22.]])
    """
    return xp.linear(x, weight, bias)
