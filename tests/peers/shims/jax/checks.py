"""JAX's check of gradients: the derivative in the dtype of the test against a difference quotient in float64.

There is no forward mode: the reverse mode is checked, and then its own reverse mode, whichever modes are
asked for. JAX's tolerances leave room for numbers of every device; here is one for each dtype, relative
to the terms that are summed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.peers.shims.autograd.containers import leaves, rebuilt

from .transforms import vjp

TOLERANCE = {2: 1e-2, 4: 1e-4, 8: 1e-6}  # by the bytes of a number
STEP, ROUNDED_STEP, SMALLEST = 1e-5, 1e-2, 1e-9


def plain(x: Any) -> Any:
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def moved(x: Any, along: Any, step: float) -> Any:
    pairs = zip(leaves(x), leaves(along), strict=True)
    return rebuilt(x, iter([plain(a) + step * np.asarray(b, np.float64) for a, b in pairs]))


def drawn(rng: Any, x: Any) -> Any:
    """Normal numbers in the containers, shapes and dtypes of x."""
    arrays = [plain(a) for a in leaves(x)]
    return rebuilt(x, iter([rng.standard_normal(a.shape).astype(a.dtype) for a in arrays]))


def terms(xs: Any, ys: Any) -> Any:
    """What is summed in the inner product."""
    pairs = zip(leaves(xs), leaves(ys), strict=True)
    return np.concatenate([np.ravel(plain(x) * np.asarray(plain(y), float)) for x, y in pairs])


def difference(ahead: Any, behind: Any) -> Any:
    """Of equal infinities it is 0."""
    with np.errstate(invalid="ignore"):
        return np.where(plain(ahead) == plain(behind), 0, plain(ahead) - plain(behind))


def step_of(f: Any, args: Any, eps: float | None) -> float:
    """JAX's step of 1 is for linear functions; others get a small one, unless they round their result."""
    if eps and eps >= 1:
        return eps
    rounds = any(plain(y).itemsize < 8 for y in leaves(f(*moved(args, args, 0.0))))
    return ROUNDED_STEP if rounds else STEP


def check_grads(
    f: Any, args: Any, order: int, modes: Any = ("fwd", "rev"), atol: Any = None, rtol: Any = None,
    eps: float | None = None,
) -> None:  # fmt: skip
    check_once(f, tuple(args), order, step_of(f, tuple(args), eps))


def check_once(f: Any, args: Any, order: int, step: float) -> None:
    """One random entry of the Jacobian; then those of its product with a vector."""
    rng = np.random.default_rng(0)
    y, pull = vjp(f, *args)
    u, v = drawn(rng, args), drawn(rng, y)
    ahead, behind = (leaves(f(*moved(args, u, s))) for s in (step, -step))
    changes = [difference(a, b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    exact, quotient = terms(u, pull(v)), terms(changes, leaves(v))
    relative = max(TOLERANCE[plain(x).itemsize] for x in (*leaves(args), *leaves(y)))
    near = relative * np.abs(exact).sum() + SMALLEST * (1 + np.abs(terms(y, v)).sum())
    text = f"{order} more derivatives"
    np.testing.assert_allclose(exact.sum(), quotient.sum(), rtol=0, atol=near, err_msg=text)
    if order > 1:
        both = (*args, *leaves(v))
        check_once(lambda *xs: again(f, len(args), y, xs), both, order - 1, step)


def again(f: Any, n: int, y: Any, xs: tuple[Any, ...]) -> Any:
    """The vector-Jacobian product as a function of the arguments and the vector."""
    return vjp(f, *xs[:n])[1](rebuilt(y, iter(xs[n:])))
