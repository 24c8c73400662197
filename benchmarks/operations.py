"""The numbers for one call of each row of the operations table, at any size.

A `Call` has a row's inputs in order, the places of those that get a gradient, and the settings. A
matrix of about `size` elements has `rows` and `columns`; all floats are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .cases import Array, Settings


class Call(NamedTuple):
    inputs: list[Array]
    settings: dict[str, Any]
    places: tuple[int, ...]


class Draw:
    """Random arrays of one size. Every process draws the same."""

    def __init__(self, size: int) -> None:
        self.rng = np.random.default_rng(1)
        self.size = size
        self.rows = {10: 2, 1000: 25}.get(size, math.isqrt(size))
        self.columns = size // self.rows
        self.side = math.isqrt(size)

    def any(self, *shape: int) -> Array:
        return self.rng.standard_normal(shape or (self.size,))

    def positive(self, *shape: int) -> Array:
        return self.rng.uniform(0.5, 2.0, shape or (self.size,))

    def matrix(self) -> Array:
        return self.any(self.rows, self.columns)

    def indices(self, count: int, *shape: int) -> Array:
        return self.rng.integers(0, count, shape)


Inputs = Callable[[Draw], tuple[list[Array], dict[str, Any]]]
UNARY: Inputs = lambda d: ([d.any()], {})  # noqa: E731 -- one of a table of them
POSITIVE: Inputs = lambda d: ([d.positive()], {})  # noqa: E731
BINARY: Inputs = lambda d: ([d.any(), d.any()], {})  # noqa: E731
BY_ROW: Inputs = lambda d: ([d.matrix()], {"axis": -1})  # noqa: E731

INPUTS: dict[str, Inputs] = {
    "neg": UNARY,
    "add": BINARY,
    "sub": BINARY,
    "mul": BINARY,
    "div": lambda d: ([d.any(), d.positive()], {}),
    "pow": lambda d: ([d.positive(), d.positive()], {}),
    "matmul": lambda d: ([d.any(d.side, d.side), d.any(d.side, d.side)], {}),
    "linear": lambda d: ([d.any(d.side, d.side), d.any(d.side, d.side), d.any(d.side)], {}),
    "exp": UNARY,
    "log": POSITIVE,
    "log1p": POSITIVE,
    "expm1": UNARY,
    "sqrt": POSITIVE,
    "abs": UNARY,
    "tanh": UNARY,
    "sigmoid": UNARY,
    "relu": UNARY,
    "softplus": UNARY,
    "maximum": BINARY,
    "minimum": BINARY,
    "clip": lambda d: ([d.any()], {"min": -1.0, "max": 1.0}),
    "where": lambda d: ([d.any() > 0, d.any(), d.any()], {}),
    "astype": lambda d: ([d.any()], {"dtype": "float32"}),
    "identity": UNARY,
    "sum": BY_ROW,
    "max": BY_ROW,
    "min": BY_ROW,
    "logsumexp": BY_ROW,
    "softmax": BY_ROW,
    "log_softmax": BY_ROW,
    "softmax_cross_entropy": lambda d: ([d.matrix(), d.indices(d.columns, d.rows, 1)], {"axis": 1}),
    "reshape": lambda d: ([d.matrix()], {"shape": (-1,)}),
    "transpose": lambda d: ([d.matrix()], {"axes": (1, 0)}),
    "squeeze": lambda d: ([d.any(d.rows, 1, d.columns)], {"axis": 1}),
    "expand_dims": lambda d: ([d.matrix()], {"axis": 1}),
    "broadcast_to": lambda d: ([d.any(d.columns)], {"shape": (d.rows, d.columns)}),
    "join": lambda d: ([d.matrix(), d.matrix()], {"axis": 0}),
    "getitem": lambda d: ([d.matrix()], {"index": d.indices(d.rows, d.rows)}),
    "scatter": lambda d: (
        [d.matrix()],
        {"shape": (d.rows, d.columns), "index": d.indices(d.rows, d.rows)},
    ),
    "take_along_axis": lambda d: ([d.matrix(), d.indices(d.columns, d.rows, 1)], {"axis": 1}),
    "scatter_along_axis": lambda d: (
        [d.any(d.rows, 1), d.indices(d.columns, d.rows, 1)],
        {"shape": (d.rows, d.columns), "axis": 1},
    ),
}


def call(settings: Settings) -> Call:
    """The inputs and settings of a row, from a case's settings."""
    inputs, row_settings = INPUTS[settings["operation"]](Draw(settings["size"]))
    places = tuple(i for i, x in enumerate(inputs) if x.dtype.kind == "f")
    return Call(inputs, row_settings, places)


def upstream(shape: tuple[int, ...], dtype: Any) -> Array:
    """The gradient that arrives at the output."""
    return np.asarray(np.random.default_rng(2).standard_normal(shape)).astype(dtype)
