"""What must hold for a program, whatever it computes.

    values              every step's value is that of the same step in NumPy
    gradients           the slopes along two directions are those computed forwards
    second derivatives  so is the curvature, uᵀ H v, from a walk over a walk
    checkpoint          a part computed again in backward changes nothing, in either order
    trace               the trace has the same values, and the gradient of every step

A gradient is compared by its products with random directions: one forward run gives these, where the
whole gradient would take one per number. No gradient that differs has the same products, but for
rounding; `elementwise` finds out the rest, when a failure is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.operations import NAMES, function_of
from tests.row_checks import gradient
from tests.tensors import leaf
from tinygrad_xent.engine.gradients import gradients

from .duals import FORWARD, plain, second_order
from .programs import Program

OURS = {name: function_of(name) for name in NAMES}
LAWS = ("values", "gradients", "second derivatives", "checkpoint", "trace")
NEAR = 1e-8  # forwards and backwards round differently: a few 1e-12 of the sum's largest part
EQUAL = 1e-10  # the same rules, in another order


class Broken(AssertionError):  # noqa: N818 -- not a mistake in the check
    """A program for which a law does not hold."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law


@dataclass(frozen=True)
class Expected:
    """What forward mode says about a program."""

    values: list[Any]
    u: list[Any]
    v: list[Any]
    slope_u: float
    slope_v: float
    curvature: float


def forwards(program: Program) -> Expected:
    rng = np.random.default_rng(len(program.steps))
    u, v = ([direction(rng, x.shape) for x in program.leaves] for _ in range(2))
    if not program.has_gradient:
        return Expected(program.run(FORWARD, program.leaves), u, v, 0.0, 0.0, 0.0)
    seen: list[Any] = []

    def loss(*leaves: Any) -> Any:
        seen.extend(program.run(FORWARD, leaves))
        return seen[-1]

    _, *slopes = second_order(loss, program.leaves, u, v)
    return Expected([plain(x) for x in seen], u, v, *slopes)


def direction(rng: Any, shape: tuple[int, ...]) -> Any:
    """Numbers of both signs, none of them near 0."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def check(program: Program, expected: Expected | None = None) -> None:
    """Raise `Broken` with the first law that does not hold; other errors are the package's."""
    expected = expected or forwards(program)
    leaves = [leaf(x) for x in program.leaves]
    values = program.run(OURS, leaves)
    check_values(values, expected)
    if not program.has_gradient:  # one shrunk to a wrong value
        return
    slopes, products = derivatives(values[-1], leaves, expected.v)
    check_gradients(program, slopes, expected)
    check_products(program, slopes, products, expected)
    check_trace(values, leaves, slopes)
    values[-1].backward()
    equal("gradients", "on arrays and on tensors", map(gradient, leaves), slopes)
    check_checkpoint(program, slopes, products, expected)


def broken_law(program: Program, expected: Expected | None = None) -> str | None:
    """Which law does not hold, or what kind of error the package raises; None if all is well."""
    try:
        check(program, expected)
    except Broken as broken:
        return broken.law
    except Exception as error:
        return type(error).__name__
    return None


# --- the laws -------------------------------------------------------------------------------------


def check_values(values: Sequence[Any], expected: Expected) -> None:
    for i, (ours, theirs) in enumerate(zip(values, expected.values, strict=True)):
        theirs = np.asarray(theirs)
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            ours_is, theirs_is = (f"{x.dtype} {x.shape}" for x in (ours, theirs))
            raise Broken("values", f"v{i} is {ours_is}, in NumPy {theirs_is}")
        equal("values", f"v{i}, and in NumPy", [ours.detach().numpy()], [theirs])


def check_gradients(program: Program, slopes: Sequence[Any], expected: Expected) -> None:
    for along, slope in ((expected.u, expected.slope_u), (expected.v, expected.slope_v)):
        if abs(dot(slopes, along) - slope) > NEAR * size(slopes, along):
            raise Broken("gradients", told(slopes, elementwise(program, expected.v)[0]))


def check_products(
    program: Program, slopes: Sequence[Any], products: Sequence[Any], expected: Expected
) -> None:
    near = NEAR * (size(products, expected.u) + size(slopes, expected.u))
    if abs(dot(products, expected.u) - expected.curvature) > near:
        what = told(products, elementwise(program, expected.v)[1])
        raise Broken("second derivatives", f"H v for v = {expected.v}: {what}")


def check_trace(values: Sequence[Any], leaves: Sequence[tx.Tensor], slopes: Sequence[Any]) -> None:
    loss = values[-1]
    trace = tx.trace(loss)
    reached = [i for i, x in enumerate(values) if x in trace and trace[x].gradient is not None]
    sources = {i: values[i]._source() for i in reached}
    seed = np.ones(loss.shape)
    found = gradients(loss._source(), seed, sources.values(), retain_graph=True)
    if set(found) != set(sources.values()):
        raise Broken("trace", "the steps with a gradient are not those that backward() reaches")
    for i in reached:
        entry = trace[values[i]]
        pairs = [entry.value, entry.gradient], [values[i].detach().numpy(), found[sources[i]]]
        equal("trace", f"value and gradient of v{i}, and those of the tape", *pairs)
    traced = [trace[x].gradient if x in trace else np.zeros(x.shape) for x in leaves]
    equal("trace", "the leaves' gradients, and those of backward()", traced, slopes)


def check_checkpoint(
    program: Program, slopes: Sequence[Any], products: Sequence[Any], expected: Expected
) -> None:
    rng = np.random.default_rng(len(program.steps))
    function = checkpointed(program, int(rng.integers(len(program.steps))))
    leaves = [leaf(x) for x in program.leaves]
    function(*leaves).backward()
    equal("checkpoint", "gradients with it, and without", map(gradient, leaves), slopes)
    again = tx.hvp(function, tuple(program.leaves), tuple(expected.v))
    equal("checkpoint", "H v with it, and without", [x.numpy() for x in again], products)


def checkpointed(program: Program, start: int) -> Callable[..., Any]:
    """The program as a function of its leaves, the steps from `start` on in a checkpoint."""

    def run(*leaves: Any) -> Any:
        def rest(*values: Any) -> Any:
            return program.run(OURS, leaves, values)[-1]

        return tx.checkpoint(rest)(*program.run(OURS, leaves, end=start))

    return run


# --- numbers --------------------------------------------------------------------------------------


def derivatives(
    loss: tx.Tensor, leaves: Sequence[tx.Tensor], v: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """The gradient and its product with the Hessian, from `backward(create_graph=True)`."""
    loss.backward(create_graph=True)
    slopes = [x.grad for x in leaves]
    along = tx.Tensor(0.0)
    for slope, b in zip(slopes, v, strict=True):
        along = along if slope is None else along + (slope * b).sum()
    found = [gradient(x) for x in leaves]
    for x in leaves:
        x.zero_grad()
    if along.requires_grad:
        along.backward(retain_graph=True)
    products = [gradient(x) for x in leaves]
    for x in leaves:
        x.zero_grad()
    return found, products


def elementwise(program: Program, v: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The whole gradient and H v, forwards: a run for each number."""
    points = program.leaves
    slopes, products = ([np.zeros(x.shape) for x in points] for _ in range(2))
    for k, x in enumerate(points):
        for place in np.ndindex(x.shape):
            u = [np.zeros(x.shape) for x in points]
            u[k][place] = 1
            _, slopes[k][place], _, products[k][place] = second_order(
                lambda *leaves: program.run(FORWARD, leaves)[-1], points, u, v
            )
    return slopes, products


def told(ours: Sequence[Any], theirs: Sequence[Any]) -> str:
    """Both results for the leaves where they differ most."""
    gaps = [largest(a - b) for a, b in zip(ours, theirs, strict=True)]
    k = int(np.argmax(gaps))
    return f"for leaf {k}:\n{ours[k]}\nand forwards:\n{theirs[k]}"


def dot(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.sum(x * y)) for x, y in zip(a, b, strict=True))


def size(a: Sequence[Any], b: Sequence[Any]) -> float:
    """What a product of such sums may be off by, in units of the relative error."""
    return 1e-3 + sum(float(np.sum(np.abs(x * y))) for x, y in zip(a, b, strict=True))


def largest(x: Any) -> float:
    return float(np.abs(x).max(initial=0))


def equal(law: str, what: str, ours: Any, theirs: Any) -> None:
    """The same shapes and, but for the order of sums, the same numbers."""
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            raise Broken(law, f"{what}: shapes {a.shape} and {b.shape}")
        if a.dtype.kind != "f":
            same = np.array_equal(a, b)
        else:
            same = largest(a - b) <= EQUAL * (1 + largest(b))
        if not same:
            raise Broken(law, f"{what}:\n{a}\n{b}")
