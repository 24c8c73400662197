"""autograd's transforms of functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as onp

import tinygrad_xent as tx

from .containers import joined, leaves, plain, rebuilt, split


def pulled_back(fun: Callable[[Any], Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """The vector-Jacobian product of a function of one argument, and its value."""
    made: list[Any] = []

    def flat(*parts: Any) -> tx.Tensor:
        made[:] = [fun(rebuilt(x, iter(parts)))]
        y = joined(made[0])
        return y if isinstance(y, tx.Tensor) else tx.Tensor(y)  # a constant

    y, back = tx.vjp(flat, *leaves(x))

    def vjp(v: Any) -> Any:
        found = back(joined(v))
        return rebuilt(
            x, iter([plain(g) for g in (found if isinstance(found, tuple) else [found])])
        )

    return vjp, split(y, made[0])


def unary_to_nary(transform: Callable[..., Any]) -> Callable[..., Any]:
    """A transform of functions of one argument, for functions of several: `argnum` says which."""

    @wraps(transform)
    def of_several(fun: Any, argnum: Any = 0, *settings: Any, **named: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            several = isinstance(argnum, (tuple, list))

            def one(x: Any) -> Any:
                given = list(args)
                for place, value in zip(argnum, x, strict=True) if several else [(argnum, x)]:
                    given[place] = value
                return fun(*given, **kwargs)

            x = tuple(args[i] for i in argnum) if several else args[argnum]
            return transform(one, x, *settings, **named)

        return run

    return of_several


make_vjp = unary_to_nary(pulled_back)


@unary_to_nary
def value_and_grad(fun: Any, x: Any) -> Any:
    vjp, y = pulled_back(fun, x)
    if onp.size(y) != 1:
        raise TypeError("grad: only of a function with one number as its result")
    return y, vjp(onp.ones(onp.shape(y)))


@unary_to_nary
def grad(fun: Any, x: Any) -> Any:
    return value_and_grad(fun)(x)[1]


@unary_to_nary
def elementwise_grad(fun: Any, x: Any) -> Any:
    vjp, y = pulled_back(fun, x)
    return vjp(onp.ones(onp.shape(y)))


@unary_to_nary
def jacobian(fun: Any, x: Any) -> Any:
    return plain(tx.jacobian(fun)(x))


@unary_to_nary
def hessian(fun: Any, x: Any) -> Any:
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def grad_and_aux(fun: Any, x: Any) -> Any:
    kept: list[Any] = []
    found = grad(lambda x: (kept.append(fun(x)), kept[-1][0])[1])(x)
    return found, plain(kept[-1][1].detach())


def hessian_tensor_product(fun: Any, argnum: Any = 0) -> Any:
    return lambda x, v: grad(lambda x: (grad(fun, argnum)(x) * v).sum())(x)


def tensor_jacobian_product(fun: Any, argnum: Any = 0) -> Any:
    return lambda x, v: jacobian(lambda x: onp.tensordot(v, fun(x), onp.ndim(v)))(x)


@unary_to_nary
def make_hvp(fun: Any, x: Any) -> Any:
    return pulled_back(grad(fun), x)


hessian_vector_product, vector_jacobian_product = hessian_tensor_product, tensor_jacobian_product
checkpoint = tx.checkpoint
