"""JAX's check of gradients, with its steps and tolerances. There is no forward mode: the reverse mode is
checked, and then its own reverse mode, whichever modes are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.peers.shims.autograd.containers import leaves, rebuilt

from .transforms import vjp

DEFAULT = {"float16": 1e-2, "float32": 2e-3, "float64": 1e-5, "complex64": 1e-3, "complex128": 1e-5}
default_gradient_tolerance = {np.dtype(name): value for name, value in DEFAULT.items()}
STEP = 1e-4


def plain(x: Any) -> Any:
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def tolerance(dtype: Any, tol: Any = None) -> float:
    """That of a dtype: a number for all, or a dictionary of those that differ from the usual one."""
    if tol is not None and not isinstance(tol, dict):
        return float(tol)
    own = {np.dtype(key): value for key, value in (tol or {}).items()}
    return float((default_gradient_tolerance | own).get(np.dtype(dtype), 0.0))


def moved(x: Any, along: Any, step: float) -> Any:
    pairs = zip(leaves(x), leaves(along), strict=True)
    return rebuilt(x, iter([np.asarray(plain(a) + step * b, plain(a).dtype) for a, b in pairs]))


def drawn(rng: Any, x: Any) -> Any:
    """Normal numbers in the containers, shapes and dtypes of x."""
    return rebuilt(
        x, iter([rng.standard_normal(np.shape(a)).astype(plain(a).dtype) for a in leaves(x)])
    )


def inner(xs: Iterable[Any], ys: Iterable[Any]) -> float:
    return float(sum(np.sum(plain(x) * plain(y)) for x, y in zip(xs, ys, strict=True)))


def difference(ahead: Any, behind: Any) -> Any:
    """Of equal infinities it is 0."""
    with np.errstate(invalid="ignore"):
        return np.where(plain(ahead) == plain(behind), 0, plain(ahead) - plain(behind))


def check_grads(
    f: Any, args: Any, order: int, modes: Any = ("fwd", "rev"), atol: Any = None, rtol: Any = None,
    eps: float | None = None,
) -> None:  # fmt: skip
    check_once(f, tuple(args), order, atol, rtol, eps or STEP)


def check_once(f: Any, args: Any, order: int, atol: Any, rtol: Any, step: float) -> None:
    """One random entry of the Jacobian against the difference quotient; then those of the product."""
    rng = np.random.default_rng(0)
    y, pull = vjp(f, *args)
    u, v = drawn(rng, args), drawn(rng, y)
    ahead, behind = (leaves(f(*moved(args, u, s))) for s in (step, -step))
    changes = [difference(a, b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    exact, quotient = inner(leaves(u), leaves(pull(v))), inner(changes, leaves(v))
    types = {plain(x).dtype for x in (*leaves(args), *leaves(y))}
    near = {
        name: max(tolerance(t, tol) for t in types)
        for name, tol in (("atol", atol), ("rtol", rtol))
    }
    np.testing.assert_allclose(exact, quotient, **near, err_msg=f"of order {order} from the end")
    if order > 1:
        both = (*args, *leaves(v))
        check_once(lambda *xs: again(f, len(args), y, xs), both, order - 1, atol, rtol, step)


def again(f: Any, n: int, y: Any, xs: tuple[Any, ...]) -> Any:
    """The vector-Jacobian product as a function of the arguments and the vector."""
    return vjp(f, *xs[:n])[1](rebuilt(y, iter(xs[n:])))
