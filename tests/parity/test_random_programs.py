"""The random programs of `tests/test_random_programs.py` in PyTorch: values, gradients, H v."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.random_programs import fuzz
from tests.random_programs.generator import random_program
from tests.random_programs.laws import OURS, Broken, derivatives, equal, forwards
from tests.random_programs.programs import Program
from tests.random_programs.shrinking import shrunk
from tests.tensors import leaf

torch = pytest.importorskip("torch")

from tests.parity.test_ops import counterpart, theirs  # noqa: E402 -- it needs PyTorch

SEEDS, BLOCK = 300, 50


def in_torch(name: str) -> Any:
    """PyTorch's function for an operation; it takes numbers as numbers only in powers."""

    def call(*inputs: Any, **settings: Any) -> Any:
        if name != "pow":
            inputs = tuple(np.asarray(x) if isinstance(x, float) else x for x in inputs)
        return counterpart(name)(*map(theirs, inputs), **settings)

    return call


THEIRS = {name: in_torch(name) for name in OURS}


def compare(program: Program) -> None:
    """Raise `Broken` if PyTorch computes something else."""
    v = forwards(program).v
    leaves = [leaf(x) for x in program.leaves]
    points = [torch.tensor(x, requires_grad=True) for x in program.leaves]
    ours, other = program.run(OURS, leaves), program.run(THEIRS, points)
    equal("values", "here and in PyTorch", map(array, ours), map(array, other))
    if not program.has_gradient:
        return
    slopes, products = derivatives(ours[-1], leaves, v)
    found = torch.autograd.grad(other[-1], points, create_graph=True, materialize_grads=True)
    equal("gradients", "here and in PyTorch", slopes, map(array, found))
    along = sum((slope * torch.as_tensor(b)).sum() for slope, b in zip(found, v, strict=True))
    twice = [torch.zeros_like(x) for x in points]
    if along.requires_grad:
        twice = torch.autograd.grad(along, points, materialize_grads=True)
    equal("second derivatives", "H v here and in PyTorch", products, map(array, twice))


def array(x: Any) -> Any:
    force = {"force": True} if isinstance(x, torch.Tensor) else {}  # its zeros may have no memory
    return np.asarray(x.detach().numpy(**force))


def difference(program: Program) -> str | None:
    try:
        compare(program)
    except Broken as broken:
        return broken.law
    except Exception as error:
        return type(error).__name__
    return None


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_pytorch_computes_the_same(first):
    seed = fuzz.first_broken(range(first, first + BLOCK), difference)
    if seed is not None:
        pytest.fail(fuzz.report(seed, difference, compare), pytrace=False)


WRONG = {
    "values": lambda x: torch.exp(x) * 1.001,
    "gradients": lambda x: torch.exp(x).detach() * (1 + 1.001 * (x - x.detach())),
    "second derivatives": lambda x: torch.exp(x).detach() * (1 + x - x.detach()),
}


@pytest.mark.parametrize("law", WRONG)
def test_a_difference_is_noticed(law, monkeypatch):
    """An exponential that is wrong from some order on."""
    monkeypatch.setitem(THEIRS, "exp", lambda x: WRONG[law](theirs(x)))
    seed = fuzz.first_broken(range(SEEDS), difference)
    assert difference(random_program(seed)) == law
    small = shrunk(random_program(seed), difference)
    assert "exp" in small.names
    assert len(small.lines) <= 3
