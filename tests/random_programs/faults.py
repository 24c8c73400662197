"""Faults to put into the table on purpose, each in one row: what the programs must find.

value          the value is 1.001 times as large; a mask is inverted, a place one further
scaled         the gradient for one input is 1.001 times as large
scaled_arrays  so it is, but only where the rule is given arrays, not tensors
cut            right in value, but nothing can be differentiated through the rule's result
cut_kept       nothing can be differentiated through what the rule kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.check.mutation_proof import mutated
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.engine.tensors import is_tensor

FACTOR = 1.001
STEPS = ("abs", "copysign", "fmod", "mod")  # their slopes jump, and are constant in between


@dataclass(frozen=True)
class Fault:
    """A fault of a row: within `put()`, the table has it."""

    row: str
    kind: str
    argument: str
    put: Callable[[], AbstractContextManager[None]]

    def __str__(self) -> str:
        return f"{self.row}: {self.kind} {self.argument}".rstrip()


def faults() -> Iterator[Fault]:
    """All faults of all rows."""
    for name, row in TABLE.items():
        yield Fault(name, "value", "", partial(wrong_value, row))
        for i, argument in enumerate(row.inputs):
            if (rule := row.rule_for(i)) is None:
                continue
            wrongs = {make.__name__: make(rule.function) for make in (scaled, scaled_arrays, cut)}
            if keeps_numbers(row, rule):
                wrongs["cut_kept"] = cut_kept(rule.function)
            for kind, wrong in wrongs.items():
                yield Fault(name, kind, argument, partial(mutated, row, i, wrong))


def keeps_numbers(row: Any, rule: Any) -> bool:
    """Whether the slope changes with what the rule keeps. What moves or selects has slopes 0 and 1,
    and the slope of a few others is a sign or a whole number.
    """
    numbers = {*row.inputs, *row.saves, "y"} & {*rule.wants}
    return bool(numbers) and not row.kinds & {"moves", "selects"} and row.name not in STEPS


def scaled(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, *kept: rule(g, *kept) * FACTOR


def scaled_arrays(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, *kept: rule(g, *kept) * (1.0 if is_tensor(g) else FACTOR)


def cut(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, *kept: detached(rule(g, *kept))


def cut_kept(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, *kept: rule(g, *map(detached, kept))


def detached(x: Any) -> Any:
    return x.detach() if is_tensor(x) else x


@contextmanager
def wrong_value(row: Any) -> Iterator[None]:
    right = row.forward

    def forward(*args: Any) -> Any:
        y = right(*args)
        return (spoiled(y[0]), *y[1:]) if row.saves else spoiled(y)

    row.forward = forward
    try:
        yield
    finally:
        row.forward = right


def spoiled(y: Any) -> Any:
    if y.dtype == bool:
        return np.logical_not(y)
    return y * FACTOR if y.dtype.kind == "f" else y + 1
