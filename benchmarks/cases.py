"""What is computed, and on which numbers.

A `Case` is plain data that travels to the peers' processes. `kind` names the function of a peer that
builds it; `settings` are that function's argument. All numbers come from a seed, so every process
makes the same ones for itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Settings = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One thing to measure: `kind` the peers' function for it, `settings` its argument."""

    kind: str
    name: str
    settings: Settings

    def with_settings(self, **changes: Any) -> Case:
        return Case(self.kind, self.name, {**self.settings, **changes})


class Job(NamedTuple):
    """A case as one peer does it: what is timed, and what a run of the very same code gives."""

    run: Callable[[], Any]
    results: Callable[[], list[Array]]


def step_case(batch: int, layers: tuple[int, ...], dtype: str, linear_loss: bool = False) -> Case:
    """A whole training step: forward, backward, SGD update."""
    short = {"float32": "f32", "float64": "f64"}[dtype]
    name = f"step {batch}, {'-'.join(map(str, layers))}, {short}"
    settings = {"batch": batch, "layers": list(layers), "dtype": dtype, "rate": 0.05}
    return Case("step", name, {**settings, "linear_loss": linear_loss})


STEPS = (
    step_case(5, (4, 3), "float64"),
    step_case(128, (64, 64, 64, 10), "float32"),
    step_case(128, (784, 256, 256, 10), "float32"),
    step_case(1024, (784, 1024, 1024, 10), "float32"),
    step_case(4096, (64, 1000), "float32", linear_loss=True),
    step_case(2048, (256, 32000), "float32", linear_loss=True),
)


class Training(NamedTuple):
    """The numbers of a training step. Weights are (in, out): logits = x @ W + b."""

    x: Array
    labels: Array
    layers: list[tuple[Array, Array]]
    rate: float


def training(settings: Settings) -> Training:
    """Normal inputs, random labels, weights of the size that keeps activations' variance."""
    rng = np.random.default_rng(0)
    sizes, batch, dtype = settings["layers"], settings["batch"], np.dtype(settings["dtype"])
    draw: Any = rng.standard_normal
    x = draw((batch, sizes[0]), dtype=dtype)
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        W = draw((fan_in, fan_out), dtype=dtype)
        W *= dtype.type(1 / np.sqrt(fan_in))
        layers.append((W, np.zeros(fan_out, dtype)))
    return Training(x, rng.integers(0, sizes[-1], batch), layers, settings["rate"])


def step_results(
    run: Callable[[], Any], parameters: Callable[[], list[Array]], rate: float
) -> list[Array]:
    """The loss and the gradients of one step, read off what the step did to the parameters.

    So the code that is checked is the code that is timed. `parameters` copies them as NumPy arrays.
    """
    before = parameters()
    loss = np.asarray(float(run()), before[0].dtype)
    pairs = zip(before, parameters(), strict=True)
    return [loss, *((old - new) / rate for old, new in pairs)]
