"""Two equal worlds, of which one is compiled: they must stay equal, step after step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.optim.base import Optimizer
from tinygrad_xent.programs.structures import contents, objects

NEAR = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-3}
"""Of an array's largest element."""


def numbers(x: Any) -> list[Any]:
    """All numbers of a nested result, as arrays."""
    if isinstance(x, dict):
        return [a for part in x.values() for a in numbers(part)]
    if isinstance(x, (list, tuple)):
        return [a for part in x for a in numbers(part)]
    if isinstance(x, tx.Tensor):
        return [np.array(x.numpy())]
    return [np.array(x)] if isinstance(x, (np.ndarray, np.generic, float, int)) else []


def state(world: Any) -> list[Any]:
    """Every array, gradient and number of a world, in order: parameters, buffers, counts."""
    found: list[Any] = []
    for _, x in contents(vars(world)):
        if isinstance(x, np.random.Generator):
            found.append(np.array(str(x.bit_generator.state)))
        elif isinstance(x, tx.Tensor):
            found.append(np.array(x.numpy()))
            found.append(np.array("none") if x.grad is None else np.array(x.grad.numpy()))
        elif isinstance(x, np.ndarray):
            found.append(np.array(x))
    for x in objects(vars(world)):
        if isinstance(x, Optimizer):
            found += [np.array([*x._counts, x.lr, x._skipped])]
    return found


def check_near(ours: list[Any], theirs: list[Any], factor: float = 1.0) -> None:
    """Assert that arrays are equal but for rounding."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if a.dtype.kind != "f":
            assert np.array_equal(a, b)
            continue
        near = factor * NEAR[a.dtype.name] * np.abs(b[np.isfinite(b)]).max(initial=0)
        np.testing.assert_allclose(a, b, rtol=0, atol=near)


class Pair:
    """A world that is compiled and one that is not.

    Args:
        make: makes a world, a namespace, each time an equal one.
        step: takes a world and arguments, and may change the world.
    """

    def __init__(self, make: Callable[[], Any], step: Callable[..., Any], **options: Any) -> None:
        self.world, self.other = make(), make()
        world = self.world
        self.compiled = tx.compile(lambda *args: step(world, *args), **{"strict": True} | options)
        self.step = step

    def run(self, *args: Any, factor: float = 1.0) -> Any:
        """One step of each; what the compiled one gives."""
        ours, theirs = self.compiled(*args), self.step(self.other, *args)
        check_near(numbers(ours), numbers(theirs), factor)
        self.check(factor)
        return ours

    def check(self, factor: float = 1.0) -> None:
        check_near(state(self.world), state(self.other), factor)

    def both(self, change: Callable[[Any], Any]) -> list[Any]:
        """The same change of both worlds."""
        return [change(self.world), change(self.other)]


def trained(
    layers: Any = (4, 5, 3), kind: str = "Adam", dtype: Any = np.float64, **options: Any
) -> Any:
    """A world with a model and an optimiser."""
    model = tx.nn.MLP(list(layers), rng=0, dtype=dtype)
    return SimpleNamespace(
        model=model, optimizer=getattr(tx.optim, kind)(model.parameters(), **{"lr": 0.05} | options)
    )


def train(world: Any, x: Any, y: Any) -> Any:
    world.optimizer.zero_grad()
    loss = tx.cross_entropy(world.model(x), y)
    loss.backward()
    world.optimizer.step()
    return loss


def batch(rows: int = 6, dtype: Any = np.float64, seed: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 4)).astype(dtype), rng.integers(0, 3, rows)


def quietly(function: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


def observed(scenario, compiled):
    """What a scenario yields: numbers, and plain values; and the compiled functions."""
    made = []

    def compile(f):
        made.append(tx.compile(f) if compiled else f)
        return made[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = [*scenario(compile)]
    return seen, made


def check_same(scenario):
    """Run a scenario both ways; return the reasons why functions ran eagerly, or ""."""
    ours, made = observed(scenario, True)
    theirs, _ = observed(scenario, False)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is type(b) or isinstance(a, (np.ndarray, tx.Tensor))
        check_near(numbers(a), numbers(b))
        if not numbers(a):
            assert a == b
    return [f.reason for f in made]
