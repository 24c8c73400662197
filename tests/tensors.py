"""Leaves and comparisons that many test files use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import Tensor


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> Tensor:
    """A leaf that requires a gradient."""
    return Tensor(data, requires_grad=True, name=name, dtype=dtype)


def equal(ours: Any, expected: Any) -> None:
    """Assert that these are the same numbers, to the last bit."""
    np.testing.assert_array_equal(ours.numpy() if isinstance(ours, Tensor) else ours, expected)


def slope(f: Callable[..., Any], *points: Any, seed: Any = None) -> Any:
    """The gradients of f at the points, as arrays; one array for one point."""
    found = slopes(f, *points, seed=seed)
    return found[0] if len(found) == 1 else found


def slopes(f: Callable[..., Any], *points: Any, seed: Any = None) -> list[Any]:
    """The gradients of f at the points, as arrays."""
    leaves = [leaf(x) for x in points]
    with np.errstate(all="ignore"), tx.check.autopsy(False):  # infinite ones may be meant
        y = f(*leaves)
        y.backward(np.ones(y.shape) if seed is None else seed)
    return [x.grad.numpy() for x in leaves]
