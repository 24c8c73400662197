"""What is computed, on which numbers, and the list of all that is measured.

A `Case` is plain data that travels to the peers' processes. `kind` names the function of a peer that
builds it; `settings` are that function's argument. All numbers come from a seed, so every process
makes the same ones for itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
        return replace(self, settings=self.settings | changes)


class Job(NamedTuple):
    """A case as one peer does it: what is timed, and what a run of the very same code gives."""

    run: Callable[[], Any]
    results: Callable[[], Sequence[Any]]


# --- the kinds of case ---------------------------------------------------------------------


def step_case(
    batch: int, layers: tuple[int, ...], dtype: str = "float32", linear_loss: bool = False
) -> Case:
    """A whole training step: forward, backward, SGD update."""
    settings = {"batch": batch, "layers": layers, "dtype": dtype, "rate": 0.05}
    name = f"step {batch}, {'-'.join(map(str, layers))}, f{dtype[-2:]}"
    return Case("step", name, {**settings, "linear_loss": linear_loss})


def adam_case(batch: int, layers: tuple[int, ...], dtype: str = "float32") -> Case:
    """The same step with an update by Adam."""
    step = step_case(batch, layers, dtype)
    return Case("adam", f"Adam {step.name}", step.settings)


def linear_loss_case(batch: int, features: int, classes: int) -> Case:
    """Cross-entropy of a linear layer: the loss, and the gradients of the inputs and both weights."""
    settings = {"batch": batch, "layers": (features, classes), "dtype": "float32", "rate": 0.0}
    name = f"linear_cross_entropy {batch}, {features}-{classes}, f32"
    return Case("linear_loss", name, settings)


def chain_case(operations: int) -> Case:
    """One scalar through a chain of multiplications and additions."""
    return Case("chain", f"chain of {operations:,}", {"operations": operations, "memory_runs": 1})


def tiny(case: Case) -> Case:
    """A small case that takes the same way through every peer."""
    if case.kind == "chain":
        return case.with_settings(operations=100)
    layers = (min(size, 5 + place) for place, size in enumerate(case.settings["layers"]))
    return case.with_settings(batch=min(case.settings["batch"], 6), layers=tuple(layers))


# --- what is measured ----------------------------------------------------------------------------


def powers(low: int, high: int, step: int = 1) -> list[int]:
    return [2**i for i in range(low, high + 1, step)]


STEPS = (
    step_case(5, (4, 3), "float64"),
    step_case(5, (4, 8, 8, 3), "float64"),
    step_case(128, (64, 64, 64, 10)),
    step_case(128, (784, 256, 256, 10)),
    step_case(1024, (784, 1024, 1024, 10)),
    step_case(4096, (64, 1000), linear_loss=True),
    step_case(2048, (256, 32000), linear_loss=True),
)
ADAM_STEPS = (
    adam_case(5, (4, 8, 8, 3), "float64"),
    adam_case(128, (64, 64, 64, 10)),
    adam_case(128, (784, 256, 256, 10)),
)
MANY_LAYERS = step_case(128, (64, *[64] * 19, 10))  # whose first call is timed
CHAIN = chain_case(1_000_000)
SECTIONS = {
    "Training steps: forward, backward, SGD update": STEPS,
    "Training steps: forward, backward, Adam update": ADAM_STEPS,
    "A chain of operations, forward and backward": (CHAIN,),
    "Cross-entropy of a linear layer, forward and backward": (
        linear_loss_case(4096, 64, 1000),
        linear_loss_case(512, 256, 32000),
    ),
}
CASES = tuple(itertools.chain(*SECTIONS.values()))

LINEAR = "operations"  # the curve that must be a straight line
CURVES = {
    LINEAR: {n: chain_case(n) for n in (1_000, 10_000, 100_000, 1_000_000)},
    # In float64: in float32 rounding alone puts some unit of a deep network across relu's kink.
    "depth": {n: step_case(128, (64, *[64] * n, 10), "float64") for n in powers(0, 6)},
    "width": {n: step_case(128, (64, n, n, 10)) for n in powers(4, 11)},
    "classes": {n: step_case(512, (64, n), linear_loss=True) for n in powers(3, 15, 2)},
    "batch": {n: step_case(n, (64, 64, 64, 10)) for n in powers(0, 14, 2)},
}


# --- what peers build them from ------------------------------------------------------------------


def training(settings: Settings) -> tuple[Array, Array, list[tuple[Array, Array]], float]:
    """The inputs, the labels, W and b of each layer, and the rate of a training step.

    Weights are (in, out), logits = x @ W + b, and of the size that keeps activations' variance.
    Biases are not 0: a row whose units are all dead would put the next layer exactly on relu's kink,
    where engines differ.
    """
    rng = np.random.default_rng(0)
    sizes, batch, dtype = settings["layers"], settings["batch"], np.dtype(settings["dtype"])
    draw: Any = rng.standard_normal
    x = draw((batch, sizes[0]), dtype=dtype)
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        W = draw((fan_in, fan_out), dtype=dtype)
        W *= dtype.type(1 / np.sqrt(fan_in))
        layers.append((W, draw(fan_out, dtype=dtype) * dtype.type(0.1)))
    return x, rng.integers(0, sizes[-1], batch), layers, settings["rate"]


BETAS = 0.9, 0.999  # Adam's
# So large that Adam's step is a smooth function of the gradient: with the usual 1e-8 the sign of a gradient
# that is 0 but for rounding would decide.
EPS = 1e-2


def step_job(run: Callable[[], Any], parameters: Callable[[], list[Array]], rate: float) -> Job:
    """A step whose results, the loss and the gradients, are read off what it did to the parameters.

    So the code that is checked is the code that is timed. `parameters` copies them as NumPy arrays.
    """

    def results() -> list[Array]:
        before = parameters()
        loss = np.asarray(float(run()), before[0].dtype)
        pairs = zip(before, parameters(), strict=True)
        return [loss, *((old - new) / rate for old, new in pairs)]

    return Job(run, results)


def chain(x: Any, settings: Settings) -> Any:
    """The chain, for whatever multiplies by and adds a number."""
    for _ in range(settings["operations"] // 2):
        x = x * 0.999999
        x = x + 1e-6
    return x
