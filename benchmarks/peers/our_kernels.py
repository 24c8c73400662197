"""This engine's own NumPy calls without the engine: no tape, no checks, no Tensor.

What a step takes here is what NumPy takes of it; the rest of this engine's time is its Python.
"""

from __future__ import annotations

from typing import Any

from tinygrad_xent import backend as xp
from tinygrad_xent.table import TABLE

from ..cases import Array, Job, Settings, step_results, training


def step(settings: Settings) -> Job | None:
    if settings["linear_loss"]:
        return None  # one row of the table does it all: there is no engine to leave out
    x, labels, layers, rate = training(settings)
    hidden = layers[:-1]
    places = labels[:, None]

    def run() -> Any:
        inputs = [x]
        for W, b in hidden:
            inputs.append(xp.relu(xp.linear(inputs[-1], W, b)))
        logits = xp.linear(inputs[-1], *layers[-1])
        loss, log_p = TABLE["softmax_cross_entropy"].forward(logits, places, 1)
        g = xp.exp(log_p)
        g *= 1 / len(x)
        xp.subtract_at_labels(g, 1 / len(x), places, 1)
        gradients: list[tuple[Array, Array]] = []
        for i in range(len(layers) - 1, -1, -1):
            W, b = layers[i]
            gradients += [(W, inputs[i].mT @ g), (b, xp.fit(g, b.shape))]
            if i:
                g = g @ W.mT
                g = xp.masked(g, inputs[i] > 0)
        for parameter, gradient in gradients:
            parameter -= rate * gradient
        return loss

    return Job(
        run, lambda: step_results(run, lambda: [p.copy() for wb in layers for p in wb], rate)
    )
