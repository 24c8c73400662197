"""JAX: the whole step under jax.jit, its parameters given back to it (donated).

No chain and no fan-out: under jit they would be unrolled and compiled for hours; a user of JAX
writes a loop primitive instead, which records no such graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402 -- the switch comes first
import numpy as np  # noqa: E402

from .. import cases  # noqa: E402
from ..cases import Job, Settings, step_results, training  # noqa: E402
from ..operations import call, upstream  # noqa: E402
from .array_calls import array_calls  # noqa: E402

CALLS = array_calls(jnp) | {
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "logsumexp": lambda x, axis: jax.nn.logsumexp(x, axis=axis),
    "softmax": lambda x, axis: jax.nn.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: jax.nn.log_softmax(x, axis=axis),
    "softmax_cross_entropy": lambda x, labels, axis: cross_entropy(x, labels[:, 0]),
    "astype": lambda x, dtype: x.astype(dtype),
    "identity": lambda x: x,
    "scatter": lambda g, shape, index: jnp.zeros(shape, g.dtype).at[index].add(g),
    "take_along_axis": lambda x, indices, axis: jnp.take_along_axis(x, indices, axis=axis),
    "scatter_along_axis": lambda g, indices, shape, axis: jnp.put_along_axis(
        jnp.zeros(shape, g.dtype), indices, g, axis, inplace=False
    ),
}


def cross_entropy(z: Any, labels: Any) -> Any:
    log_p = jax.nn.log_softmax(z, axis=1)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def step(settings: Settings) -> Job:
    data, targets, layers, rate = training(settings)
    x, labels = jnp.asarray(data), jnp.asarray(targets)
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in layers]

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        *hidden, (W_out, b_out) = parameters
        for W, b in hidden:
            x = jax.nn.relu(x @ W + b)
        return cross_entropy(x @ W_out + b_out, labels)

    def update(parameters: Any, x: Any, labels: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(parameters, x, labels)
        return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), value

    compiled = jax.jit(update, donate_argnums=0)

    def run() -> Any:
        nonlocal parameters
        parameters, value = compiled(parameters, x, labels)
        return jax.block_until_ready((parameters, value))[1]

    def copies() -> list[Any]:
        return [np.array(p) for pair in parameters for p in pair]

    return Job(run, lambda: step_results(run, copies, rate))


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    arrays = [jnp.asarray(a) for a in (x, W, b)]
    targets = jnp.asarray(labels)

    def loss(x: Any, W: Any, b: Any, labels: Any) -> Any:
        return cross_entropy(x @ W + b, labels)

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))
    return job(lambda: compiled(*arrays, targets))


def scalar_network(settings: Settings) -> Job:
    x, weights = cases.scalar_network_data(settings)
    compiled = jax.jit(
        jax.value_and_grad(lambda weights: cases.scalar_network(x, weights, jax.nn.relu))
    )

    def run() -> Any:
        return jax.block_until_ready(compiled(weights))

    return Job(run, lambda: [np.asarray(a) for a in run()])


def operation(settings: Settings) -> Job:
    inputs, row, places = call(settings)
    function = CALLS[settings["operation"]]
    arrays = [jnp.asarray(x) for x in inputs]
    y = function(*arrays, **row)
    g = jnp.asarray(upstream(y.shape, y.dtype))

    def forward_backward(g: Any, *arrays: Any) -> Any:
        def of_floats(*floats: Any) -> Any:
            full = list(arrays)
            for place, value in zip(places, floats, strict=True):
                full[place] = value
            return function(*full, **row)

        y, vjp = jax.vjp(of_floats, *(arrays[i] for i in places))
        return y, vjp(g)

    compiled = jax.jit(forward_backward)
    return job(lambda: compiled(g, *arrays))


def job(compute: Callable[[], Any]) -> Job:
    """`compute` gives the output and a tuple of gradients."""

    def run() -> Any:
        return jax.block_until_ready(compute())

    def results() -> list[Any]:
        y, gradients = run()
        return [np.asarray(a) for a in (y, *gradients)]

    return Job(run, results)
