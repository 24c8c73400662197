"""A smaller program for which the same law does not hold.

Each attempt cuts something off: what comes after a step, what comes before it, the step itself, a
leaf. The first one that still fails is taken, and so on, until none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.operations import is_float

from .duals import FORWARD
from .laws import broken_law
from .programs import Leaf, Line, Program, Ref, Step

Verdict = Callable[[Program], str | None]


def shrunk(program: Program, verdict: Verdict = broken_law) -> Program:
    """The smallest program found for which the verdict is the same."""
    law = verdict(program)
    assert law is not None, "there is nothing to explain"
    while smaller := next((p for p in attempts(program) if verdict(p) == law), None):
        program = smaller
    return program


def attempts(program: Program) -> Iterator[Program]:
    """Smaller programs that run, those with most cut off first."""
    values = [np.asarray(x) for x in program.run(FORWARD, program.leaves)]
    for steps in cuts(program, values):
        found = Program(without_unused(steps))
        if cost(found) < cost(program) and runs(found):
            yield found


def cuts(program: Program, values: list[Any]) -> Iterator[list[Step]]:
    steps, last = list(program.steps), len(program.steps) - 1
    for i in range(last):
        yield steps[: i + 1]
        if is_float(values[i]):
            yield from summed(steps[: i + 1])
    for i in range(last, -1, -1):
        x, step = values[i], steps[i]
        if isinstance(step, Line) and is_float(x) and i < last:
            yield [*steps[:i], Leaf(x.round(2)), *steps[i + 1 :]]
            yield [*steps[:i], Leaf(x), *steps[i + 1 :]]
        if i < last:
            yield replaced(steps, i, x if x.ndim or x.dtype.kind != "f" else float(x))
        for j in getattr(step, "refs", ()):
            if values[j].shape == x.shape and values[j].dtype == x.dtype:
                yield replaced(steps, i, Ref(j)) if i < last else steps[: j + 1]


def summed(steps: list[Step]) -> Iterator[list[Step]]:
    """The program up to here, with a loss made of its last value: a sum, or a sum of squares."""
    for more in [], [Line("mul", (Ref(len(steps) - 1),) * 2)]:
        found = [*steps, *more]
        last = Ref(len(found) - 1)
        yield [*found, Line("sum", (last,), {"axis": None, "keepdims": False})]


def replaced(steps: list[Step], i: int, x: Any) -> list[Step]:
    """The steps with something else wherever the value of step i is read."""
    return [moved(step, {i: x}) for step in steps]


def moved(step: Step, what: dict[int, Any]) -> Step:
    """A step that reads other things in place of some values."""
    if isinstance(step, Leaf):
        return step
    inputs = (what.get(x.step, x) if isinstance(x, Ref) else x for x in step.inputs)
    return Line(step.name, tuple(inputs), step.settings)


def without_unused(steps: list[Step]) -> tuple[Step, ...]:
    """Only the steps that the last one depends on, numbered anew."""
    needed = {len(steps) - 1}
    for i in range(len(steps) - 1, -1, -1):
        if i in needed:
            needed.update(getattr(steps[i], "refs", ()))
    places = {old: Ref(new) for new, old in enumerate(sorted(needed))}
    return tuple(moved(steps[i], places) for i in sorted(needed))


def cost(program: Program) -> tuple[int, ...]:
    """How much there is to read."""
    leaves = program.leaves
    return len(program.lines), len(leaves), sum(x.size for x in leaves), len(str(program))


def runs(program: Program) -> bool:
    """Whether it computes finite numbers away from kinks, one if it has a gradient."""
    try:
        with np.errstate(all="raise"):
            loss = np.asarray(program.run(FORWARD, program.leaves)[-1])
    except Exception:
        return False
    return (loss.shape == () or not program.has_gradient) and bool(np.all(np.isfinite(loss)))
