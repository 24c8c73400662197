"""JAX: the whole step under jax.jit, its parameters given back to it (donated).

No chain: under jit it would be unrolled and compiled for hours; a user of JAX writes a loop primitive
instead, which records no such graph.
"""

from __future__ import annotations

from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402 -- the switch comes first
import numpy as np  # noqa: E402

from ..cases import BETAS, EPS, Job, Settings, step_job, training  # noqa: E402


def cross_entropy(z: Any, labels: Any) -> Any:
    log_p = jax.nn.log_softmax(z, axis=1)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def sgd(parameters: Any, gradients: Any, state: Any, rate: float) -> tuple[Any, Any]:
    return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), state


def adam_update(parameters: Any, gradients: Any, state: Any, rate: float) -> tuple[Any, Any]:
    (count, first, second), (b1, b2) = state, BETAS
    count += 1
    first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, second, gradients)

    def moved(p: Any, m: Any, v: Any) -> Any:
        m, v = m / (1 - b1**count), v / (1 - b2**count)
        return (p - rate * m / (jnp.sqrt(v) + EPS)).astype(p.dtype)

    return jax.tree.map(moved, parameters, first, second), (count, first, second)


def adam(settings: Settings) -> Job:
    return step(settings, adam_update)


def step(settings: Settings, optimizer: Any = sgd) -> Job:
    data, targets, layers, rate = training(settings)
    x, labels = jnp.asarray(data), jnp.asarray(targets)
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in layers]

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        *hidden, (W_out, b_out) = parameters
        for W, b in hidden:
            x = jax.nn.relu(x @ W + b)
        return cross_entropy(x @ W_out + b_out, labels)

    def update(parameters: Any, state: Any, x: Any, labels: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(parameters, x, labels)
        return *optimizer(parameters, gradients, state, rate), value

    zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    state: Any = (jnp.zeros((), data.dtype), *zeros) if optimizer is adam_update else ()
    compiled = jax.jit(update, donate_argnums=(0, 1))

    def run() -> Any:
        nonlocal parameters, state
        parameters, state, value = compiled(parameters, state, x, labels)
        return jax.block_until_ready((parameters, value))[1]

    return step_job(run, lambda: [np.array(p) for pair in parameters for p in pair], rate)


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    arrays = [jnp.asarray(a) for a in (x, W, b, labels)]

    def loss(x: Any, W: Any, b: Any, labels: Any) -> Any:
        return cross_entropy(x @ W + b, labels)

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))

    def run() -> Any:
        value, gradients = jax.block_until_ready(compiled(*arrays))
        return value, *gradients

    return Job(run, run)
