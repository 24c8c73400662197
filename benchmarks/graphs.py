"""Computations of any size that are hard to draw, one for each way in which a graph can be large.

Each takes about how many operations it shall have, and gives the tensor at its end. The numbers are few:
what is measured is the drawing, not the arithmetic.
"""

from __future__ import annotations

import random
from contextlib import ExitStack, nullcontext

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import Tensor, nn

OPERATIONS = (tx.tanh, tx.sigmoid, tx.softplus, tx.sin, tx.arctan)
DEEP = 1000  # as many scopes as stand one inside the other


def leaf(value: float = 0.5) -> Tensor:
    return Tensor(value, requires_grad=True)


def irregular(rng: random.Random, pool: list[Tensor], operations: int) -> None:
    """Append operations of any kind on any of the last values: hardly anything repeats."""
    for _ in range(operations):
        x, y = pool[-1], rng.choice(pool[-30:])
        kind = rng.choice((*OPERATIONS, tx.mul, tx.sub, tx.maximum))
        pool.append(kind(x) if kind in OPERATIONS else kind(x, y))


def chain(operations: int) -> Tensor:
    x = leaf()
    for _ in range(operations // 2):
        x = x * 0.999 + 0.001
    return x


def irregular_graph(operations: int) -> Tensor:
    """Random operations and wiring, in random scopes that nest."""
    rng, pool = random.Random(0), [leaf(), leaf()]

    def grow(count: int, level: int) -> None:
        while count > 0:
            size = rng.randint(1, max(1, min(count, 40 * 3 ** (4 - level))))
            scoped = level < 4 and rng.random() < 0.7
            with tx.scope(rng.choice("fgh")) if scoped else nullcontext():
                if scoped:
                    grow(size, level + 1)
                else:
                    size = min(size, 5)
                    irregular(rng, pool, size)
            count -= size

    grow(operations, 0)
    return pool[-1]


class Block(nn.Module):
    """A layer of a transformer."""

    formula = "x + attention(x), then tanh(x + mlp(x))"

    def __init__(self, size: int) -> None:
        self.query, self.key, self.value, self.out = (
            nn.Linear(size, size, rng=0) for _ in range(4)
        )
        self.mlp = nn.MLP([size, size, size], rng=0)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x) for layer in (self.query, self.key, self.value))
        x = x + self.out(tx.scaled_dot_product_attention(q, k, v))
        return tx.tanh(x + self.mlp(x))  # so that no number grows without end


class Stack(nn.Module):
    def __init__(self, layers: int) -> None:
        self.blocks = [Block(2) for _ in range(layers)]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def model(operations: int) -> Tensor:
    """A transformer of many layers, each of 21 operations."""
    return Stack(operations // 21)(np.ones((2, 2))).sum()


def wide_sum(leaves: int) -> Tensor:
    return tx.concatenate([Tensor([0.5], requires_grad=True) for _ in range(leaves)]).sum()


def equal_apart(operations: int) -> Tensor:
    """Scopes with equal contents, each followed by something else."""
    rng, pool = random.Random(1), [leaf(), leaf()]
    for _ in range(operations // 8):
        with tx.scope("layer"):
            pool.append(tx.tanh(tx.sigmoid(pool[-1] * 0.5) + 0.5))
        irregular(rng, pool, rng.randint(2, 5))
    return pool[-1]


def many_scopes(operations: int) -> Tensor:
    """One scope that holds many, no two alike."""
    rng, pool = random.Random(2), [leaf(), leaf()]
    with tx.scope("all"):
        for i in range(operations // 10):
            with tx.scope(f"part {i}"):
                irregular(rng, pool, rng.randint(8, 12))
    return pool[-1]


def nested(operations: int) -> Tensor:
    """A thousand scopes one inside the other, the operations spread over them."""
    depth = min(DEEP, operations)
    rng, pool = random.Random(3), [leaf(), leaf()]
    with ExitStack() as scopes:
        for i in range(depth):
            scopes.enter_context(tx.scope(f"scope {i}"))
            irregular(rng, pool, operations // depth)
    return pool[-1]


def scalar_network(operations: int, width: int = 16) -> Tensor:
    """Layers of neurons, number by number, as micrograd computes them."""
    values = [leaf(0.1 * i) for i in range(width)]
    for _ in range(operations // (width * (2 * width + 1))):
        neurons = []
        for _ in range(width):
            total = leaf(0.0)
            for x in values:
                total = total + leaf(0.1) * x
            neurons.append(tx.tanh(total))
        values = neurons
    return tx.stack(values).sum()


def recurrent(operations: int) -> Tensor:
    """A gated recurrent unit over a sequence, in no scope."""
    w, u, b = (Tensor(np.full(shape, 0.1), requires_grad=True) for shape in ((2, 6), (2, 6), 6))
    h = Tensor(np.zeros((1, 2)))
    for i in range(operations // 21):
        from_x, from_h = np.full((1, 2), i % 7 / 7) @ w + b, h @ u
        r = tx.sigmoid(from_x[:, :2] + from_h[:, :2])
        z = tx.sigmoid(from_x[:, 2:4] + from_h[:, 2:4])
        h = (1 - z) * tx.tanh(from_x[:, 4:] + r * from_h[:, 4:]) + z * h
    return h.sum()


GRAPHS = {
    "chain": chain,
    "irregular graph": irregular_graph,
    "model of many layers": model,
    "sum of many leaves": wide_sum,
    "equal scopes apart": equal_apart,
    "many scopes in one": many_scopes,
    "1,000 nested scopes": nested,
    "scalar network": scalar_network,
    "recurrent, no scopes": recurrent,
}
