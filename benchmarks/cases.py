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


def chain_case(operations: int) -> Case:
    """One scalar through a chain of multiplications and additions."""
    return Case("chain", f"chain of {operations:,}", {"operations": operations, "memory_runs": 1})


def chain(x: Any, operations: int) -> Any:
    """The chain, for whatever multiplies by and adds a number."""
    for _ in range(operations // 2):
        x = x * 0.999999
        x = x + 1e-6
    return x


def fan_out_case(uses: int) -> Case:
    """One vector used many times: as many gradients meet in it."""
    return Case("fan_out", f"fan-out of {uses:,}", {"uses": uses, "elements": 100})


def fan_out_data(settings: Settings) -> tuple[Array, list[float]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(settings["elements"]), rng.standard_normal(settings["uses"]).tolist()


def scalar_network_case(neurons: int, inputs: int = 10, kind: str = "scalar_network") -> Case:
    """A layer of neurons written scalar by scalar, the way micrograd's networks are.

    Other kinds: the `trace` of that graph, and to `draw` it.
    """
    operations = neurons * (2 * inputs + 2)
    name = f"{kind.replace('_', ' ')} of {operations:,}"
    settings = {"neurons": neurons, "inputs": inputs, "operations": operations}
    return Case(kind, name, settings)


def scalar_network_data(settings: Settings) -> tuple[list[float], list[list[float]]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(settings["inputs"])
    return x.tolist(), rng.standard_normal((settings["neurons"], settings["inputs"])).tolist()


def scalar_network(x: list[float], weights: list[list[Any]], relu: Callable[[Any], Any]) -> Any:
    """Σ relu(w · x)², in operations on single numbers."""
    loss = 0.0
    for row in weights:
        total = row[0] * x[0]
        for w, value in zip(row[1:], x[1:], strict=True):
            total = total + w * value
        out = relu(total)
        loss = out * out + loss
    return loss


def linear_loss_case(batch: int, features: int, classes: int) -> Case:
    """Cross-entropy of a linear layer: the loss, and the gradients of the inputs and both weights."""
    name = f"linear_cross_entropy {batch}, {features}-{classes}, f32"
    settings = {"batch": batch, "layers": [features, classes], "dtype": "float32", "rate": 0.0}
    return Case("linear_loss", name, settings)


def operation_case(operation: str, size: int) -> Case:
    """One row of the operations table, forward and backward."""
    settings = {"operation": operation, "size": size}
    return Case("operation", f"{operation} {size:,}", settings)


class Training(NamedTuple):
    """The numbers of a training step. Weights are (in, out): logits = x @ W + b."""

    x: Array
    labels: Array
    layers: list[tuple[Array, Array]]
    rate: float


def training(settings: Settings) -> Training:
    """Normal inputs, random labels, weights of the size that keeps activations' variance.

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
