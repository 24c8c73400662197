"""Leaves and comparisons that many test files use."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_xent import Tensor


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> Tensor:
    """A leaf that requires a gradient."""
    return Tensor(data, requires_grad=True, name=name, dtype=dtype)


def equal(ours: Any, expected: Any) -> None:
    """Assert that these are the same numbers, to the last bit."""
    np.testing.assert_array_equal(ours.numpy() if isinstance(ours, Tensor) else ours, expected)
