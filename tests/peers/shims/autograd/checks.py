"""autograd's checks of gradients. There is no forward mode: the reverse mode is checked, twice."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as onp

from tests.peers.recorder import CHECKS

from .containers import leaves, rebuilt
from .derivatives import pulled_back, unary_to_nary

STEP, TOLERANCE = 1e-6, 1e-6


def inner(x: Any, y: Any) -> float:
    pairs = zip(leaves(x), leaves(y), strict=True)
    return float(sum(onp.sum(onp.asarray(a) * onp.asarray(b)) for a, b in pairs))


def scalar_close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) < TOLERANCE or abs(a - b) / abs(a + b) < TOLERANCE)


def check_equivalent(x: Any, y: Any) -> None:
    for a, b in zip(leaves(x), leaves(y), strict=True):
        assert onp.shape(a) == onp.shape(b)
        onp.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)


def check_once(fun: Any, x: Any, order: int) -> None:
    """One random entry of the Jacobian against the difference quotient; then those of the product."""
    vjp, y = pulled_back(fun, x)
    u, v = (rebuilt(z, iter([onp.random.randn(*onp.shape(a)) for a in leaves(z)])) for z in (x, y))
    moved = [
        fun(rebuilt(x, iter([a + s * b for a, b in zip(leaves(x), leaves(u), strict=True)])))
        for s in (STEP / 2, -STEP / 2)
    ]
    quotient = (inner(moved[0], v) - inner(moved[1], v)) / STEP
    exact = inner(u, vjp(v))
    assert scalar_close(quotient, exact), f"{exact} instead of {quotient}"
    if order > 1:
        check_once(lambda both: pulled_back(fun, both[0])[0](both[1]), (x, v), order - 1)


@unary_to_nary
def check_grads(fun: Any, x: Any, modes: Any = ("fwd", "rev"), order: int = 2) -> None:
    if any(onp.iscomplexobj(leaf) for leaf in leaves(x)):
        CHECKS["complex"] += 1
        return
    check_once(fun, x, order)
    CHECKS["real"] += 1


def combo_check(fun: Any, *settings: Any, **named: Any) -> Any:
    def check(*args: Any, **kwargs: Any) -> None:
        choices = [[(key, value) for value in values] for key, values in kwargs.items()]
        for given in product(*args):
            for chosen in product(*choices):
                check_grads(fun, *settings, **named)(*given, **dict(chosen))

    return check
