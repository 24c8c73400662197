"""Checks of one row of the table, including one that a test has just added.

`check_row(name)` compares its values and derivatives with differences, at inputs that Hypothesis
chooses. It needs the row in `TABLE` and a line in `tests.operations.CASES`. The proof by mutations
of the same row is `tests.check.mutation_proof.row_verdicts(name)`.

The differences are five-point central ones: with steps of 1e-3 both their truncation and their
rounding error stay near 1e-12, so a relative tolerance of 1e-6 has no slack for a wrong rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import settings

import tinygrad_xent as tx
from tests.operations import Call
from tests.strategies import CHOSEN, each_call
from tests.tensors import equal, leaf
from tinygrad_xent.engine.table import TABLE

STEP = 1e-3


def check_row(name: str, how: settings = CHOSEN) -> None:
    """Check values and two orders of derivatives of a row or composite; a fused row's parts too."""
    each_call(name, check_call, how)
    if name in TABLE and TABLE[name].parts:
        each_call(name, check_parts, how)


def check_call(call: Call) -> None:
    """First order, and the derivatives of <gradient, u> with respect to the inputs and the seed."""
    rng = np.random.default_rng(0)
    points, expected = call.points, np.asarray(call(*call.points))
    leaves = leaves_of(call)
    y = call(*leaves)
    equal(y, expected)
    if not leaves:  # nothing to differentiate
        return
    seed = rng.uniform(-1, 1, expected.shape)
    along = [rng.uniform(-1, 1, x.shape) for x in points]

    def value(*arrays: Any) -> float:
        return float(np.sum(seed * np.asarray(call(*arrays))))

    def slope_along(*arrays: Any) -> float:
        """<gradient of <seed, f>, u>, from one walk on raw arrays: the last array is the seed."""
        leaves = [leaf(x) for x in arrays[:-1]]
        call(*leaves).backward(arrays[-1])
        return sum(float(np.sum(gradient(x) * u)) for x, u in zip(leaves, along, strict=True))

    y.backward(seed)
    close(map(gradient, leaves), differences(value, points))

    leaves, v = leaves_of(call), leaf(seed)
    call(*leaves).backward(v, create_graph=True)
    total = sum(((x.grad * u).sum() for x, u in zip(leaves, along, strict=True)), tx.Tensor(0.0))
    for x in (*leaves, v):
        x.zero_grad()
    total.backward()
    close(map(gradient, [*leaves, v]), differences(slope_along, [*points, seed]))


def check_parts(call: Call) -> None:
    """A fused row and its parts: the same values and gradients."""

    def results(function: Callable[..., Any] | None) -> list[Any]:
        leaves = leaves_of(call)
        y = call(*leaves, function=function)
        y.backward(np.cos(np.arange(y.size, dtype=float)).reshape(y.shape))
        return [y.numpy(), *map(gradient, leaves)]

    close(results(None), results(TABLE[call.name].parts), rtol=1e-12, atol=1e-14)


def leaves_of(call: Call) -> list[tx.Tensor]:
    return [leaf(x) for x in call.points]


def gradient(x: tx.Tensor) -> Any:
    """A leaf's gradient as an array; zeros where no path led to it."""
    return np.zeros(x.shape) if x.grad is None else x.grad.numpy()


def close(ours: Any, theirs: Any, rtol: float = 1e-6, atol: float = 1e-8) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def differences(f: Callable[..., float], points: Sequence[Any]) -> list[Any]:
    """The gradient of a scalar function of arrays by five-point central differences."""
    found = []
    for k, x in enumerate(points):
        slope = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            at = {}
            for steps in (-2, -1, 1, 2):
                moved = x.copy()
                moved[place] += steps * STEP
                at[steps] = f(*points[:k], moved, *points[k + 1 :])
            slope[place] = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * STEP)
        found.append(slope)
    return found
