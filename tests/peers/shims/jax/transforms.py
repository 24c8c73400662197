"""JAX's transforms of functions. Arguments and results may be nested tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.shims.autograd.containers import joined, leaves, rebuilt

Function = Callable[..., Any]


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value, and the vector-Jacobian product as a function to a tuple of gradients."""
    made: list[Any] = []
    given = [None if p is None else place for place, p in enumerate(primals)]
    moving = tuple(p for p in primals if p is not None)

    def flat(*parts: Any) -> tx.Tensor:
        arguments = iter(rebuilt(moving, iter(parts)))
        made[:] = [f(*(None if place is None else next(arguments) for place in given))]
        return tx.asarray(joined(made[0]))

    y, back = tx.vjp(flat, *leaves(moving))

    def pull(v: Any) -> tuple[Any, ...]:
        found = back(joined(v))
        parts = iter(found if isinstance(found, tuple) else [found])
        gradients = iter(rebuilt(moving, parts))
        return tuple(None if place is None else next(gradients) for place in given)

    return tensors(y, made[0]), pull


def jvp(f: Function, primals: Any, tangents: Any) -> Any:
    """The value, and the Jacobian's product with a vector: the reverse mode of the reverse mode."""
    y, pull = vjp(f, *primals)
    zeros = rebuilt(y, iter([np.zeros(np.shape(leaf)) for leaf in leaves(y)]))
    return y, vjp(pull, zeros)[1](tuple(tangents))[0]


def tensors(vector: Any, like: Any) -> Any:
    """What `joined` made a vector, in its containers again."""
    if not isinstance(like, (tuple, list, dict)):
        return vector
    ends = np.cumsum([np.size(leaf) for leaf in leaves(like)])[:-1]
    parts = zip(tx.split(vector, list(ends)), leaves(like), strict=True)
    return rebuilt(like, iter([tx.reshape(part, np.shape(leaf)) for part, leaf in parts]))


def value_and_grad(f: Function, argnums: Any = 0) -> Function:
    return tx.value_and_grad(f, argnums)


def grad(f: Function, argnums: Any = 0) -> Function:
    return tx.grad(f, argnums)


def jacrev(f: Function, argnums: Any = 0) -> Function:
    """The Jacobian, of each array of the result."""

    def derivatives(*args: Any) -> Any:
        y = f(*args)
        if not isinstance(y, (tuple, list)):
            return tx.jacobian(f, argnums)(*args)
        return type(y)(jacrev(part(f, i), argnums)(*args) for i in range(len(y)))

    return derivatives


def part(f: Function, i: int) -> Function:
    return lambda *args: f(*args)[i]


jacfwd = jacrev
