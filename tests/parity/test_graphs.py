"""Whole graphs compared with PyTorch: random programs that may use every value many times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx

torch = pytest.importorskip("torch")

SHAPES = [(2, 3), (3,), (2, 1), (1, 3), ()]  # any two broadcast
ONES = np.ones((2, 3))


def full(x: Any) -> Any:
    """A value of any of the shapes, broadcast to shape (2, 3)."""
    return x * (torch.from_numpy(ONES) if isinstance(x, torch.Tensor) else ONES)


def both(f: Any) -> tuple[Any, Any]:
    """A function that is written the same way in both libraries."""
    return f, f


# name -> (how many operands, ours, theirs): smooth and tame, so that long programs stay finite
STEPS: dict[str, tuple[int, Any, Any]] = {
    "add": (2, *both(lambda a, b: a + b)),
    "sub": (2, *both(lambda a, b: a - b)),
    "mul": (2, lambda a, b: tx.tanh(a) * b, lambda a, b: torch.tanh(a) * b),
    "div": (2, *both(lambda a, b: a / (1 + b * b))),
    "sigmoid": (1, tx.sigmoid, torch.sigmoid),
    "softplus": (1, tx.softplus, lambda x: torch.nn.functional.softplus(x, threshold=1e6)),
    "exp": (1, lambda x: tx.exp(tx.tanh(x)), lambda x: torch.exp(torch.tanh(x))),
    "square": (1, lambda x: tx.tanh(x) ** 2, lambda x: torch.tanh(x) ** 2),
    "softmax": (1, *both(lambda x: full(x).softmax(-1))),
    "rows": (
        1,
        lambda x: full(x).logsumexp(axis=1, keepdims=True),
        lambda x: torch.logsumexp(full(x), 1, keepdim=True),
    ),
    "mean": (1, *both(lambda x: x.mean())),
    "product": (2, *both(lambda a, b: (full(a) @ full(b).T / 3) @ full(b) / 2)),
    "index": (1, *both(lambda x: full(x)[[1, 1], :][:, [0, 2, 0]])),
}


@st.composite
def programs(draw: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Steps, each with the numbers of the values it takes: the leaves' first, then the results'."""
    steps = []
    for k in range(draw(st.integers(1, 14))):
        name = draw(st.sampled_from(sorted(STEPS)))
        numbers = st.integers(0, len(SHAPES) + k - 1)
        steps.append((name, tuple(draw(numbers) for _ in range(STEPS[name][0]))))
    return steps


def run(steps: Any, values: list[Any], library: int) -> Any:
    """The sum of the means of all values that nothing else used."""
    for name, operands in steps:
        values.append(STEPS[name][library](*(values[i] for i in operands)))
    used = {i for _, operands in steps for i in operands}
    ends = [v.mean() for i, v in enumerate(values) if i >= len(SHAPES) and i not in used]
    return sum(ends[1:], ends[0])


def near(ours: Any, theirs: Any) -> None:
    expected = np.zeros(np.shape(ours)) if theirs is None else theirs.detach().numpy(force=True)
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(programs())
def test_random_programs(steps):
    rng = np.random.default_rng(len(steps))
    points = [rng.uniform(-1, 1, shape) for shape in SHAPES]
    along = [rng.uniform(-1, 1, shape) for shape in SHAPES]
    theirs = [torch.tensor(x, requires_grad=True) for x in points]
    other = run(steps, list(theirs), 2)
    slopes = torch.autograd.grad(other, theirs, create_graph=True, allow_unused=True)

    ours = [tx.Tensor(x, requires_grad=True) for x in points]
    loss = run(steps, list(ours), 1)
    near(loss.item(), other)
    trace = tx.trace(loss)
    loss.backward()
    for leaf, slope in zip(ours, slopes, strict=True):
        near(0 * leaf.numpy() if leaf.grad is None else leaf.grad.numpy(), slope)
        assert (leaf in trace) == (leaf.grad is not None)
        if leaf.grad is not None:
            np.testing.assert_allclose(
                trace[leaf].gradient, leaf.grad.numpy(), rtol=1e-12, atol=1e-14
            )

    total = sum(
        (s * torch.tensor(u)).sum() for s, u in zip(slopes, along, strict=True) if s is not None
    )
    products = (
        torch.autograd.grad(total, theirs, allow_unused=True) if total.requires_grad else [None] * 5
    )
    found = tx.hvp(lambda *leaves: run(steps, list(leaves), 1), tuple(points), tuple(along))
    again = tx.hvp(
        lambda *leaves: tx.checkpoint(lambda *x: run(steps, list(x), 1))(*leaves),
        tuple(points),
        tuple(along),
    )
    for product, same, expected in zip(found, again, products, strict=True):
        near(product.numpy(), expected)
        near(same.numpy(), expected)
