"""The numbers for one call of each row of the operations table, at any size.

What each row is called with stands in `tests/operations.py`; here it is made of about `size`
elements. All floats are float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.operations import Maker, Shape, has_rule, make_call
from tinygrad_xent.table import TABLE

from .cases import Array, Settings

NAMES = tuple(filter(has_rule, TABLE))


class Sized(Maker):
    """Matrices of about `size` elements; the products' are square. Every process makes the same."""

    dtype = "float32"

    def __init__(self, size: int) -> None:
        rows = {10: 2, 1000: 25}.get(size, math.isqrt(size))
        super().__init__((rows, size // rows), seed=1)
        self.side = math.isqrt(size)

    def shapes(self, count: int) -> tuple[Shape, ...]:
        return (self.whole,) * count

    def matmul_shapes(self, weight: bool = False) -> tuple[Shape, Shape]:
        return (self.side, self.side), (self.side, self.side)

    def axes(self, ndim: int) -> int:
        return -1

    def index(self, shape: Shape) -> Any:
        return self.rng.integers(0, shape[0], shape[0])

    def indices(self, shape: Shape, axis: int, count: int = 1) -> Any:
        return super().indices(shape, axis, count)  # one a row: by hand nothing meets

    def distinct(self, shape: Shape, offset: float = 0.0) -> Any:
        return self.any(shape)  # equal ones are next to impossible


def call(settings: Settings) -> tuple[list[Array], dict[str, Any], tuple[int, ...]]:
    """The inputs of a row, its settings, and the places of the inputs that get a gradient.

    Settings that are off are left out: peers need not know them.
    """
    made = make_call(settings["operation"], Sized(settings["size"]))
    row = {name: value for name, value in made.settings.items() if value is not False}
    assert made.live is not None
    return list(made.inputs), row, made.live


def upstream(shape: tuple[int, ...], dtype: Any) -> Array:
    """The gradient that arrives at the output."""
    return np.asarray(np.random.default_rng(2).standard_normal(shape)).astype(dtype)
