"""A program: leaves and operations in the order of their numbers, as data that runs anywhere.

`run` takes the functions to run it with: the package's, those on dual numbers, PyTorch's. Printed, it
is plain Python for the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.operations import has_rule, takes_a_list
from tinygrad_xent.engine.public import PUBLIC

Functions = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Ref:
    """The value of an earlier step."""

    step: int


@dataclass(frozen=True, eq=False)
class Leaf:
    """Numbers that the program is differentiated by."""

    data: Any

    def has_slope(self, live: set[int]) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Line:
    """A call of an operation, of earlier values, arrays and numbers."""

    name: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def refs(self) -> tuple[int, ...]:
        return tuple(x.step for x in self.inputs if isinstance(x, Ref))

    def has_slope(self, live: set[int]) -> bool:
        """Whether it changes with the leaves, if these earlier steps do."""
        return has_rule(self.name) and not live.isdisjoint(self.refs)

    def run(self, functions: Functions, values: Sequence[Any]) -> Any:
        inputs = [values[x.step] if isinstance(x, Ref) else x for x in self.inputs]
        return functions[self.name](*inputs, **self.settings)


Step = Leaf | Line


@dataclass(frozen=True, eq=False)
class Program:
    """Steps in order; the last one's value is the loss, a scalar if it has a gradient."""

    steps: tuple[Step, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(step for step in self.steps if isinstance(step, Line))

    @property
    def leaves(self) -> list[Any]:
        return [step.data for step in self.steps if isinstance(step, Leaf)]

    @property
    def live(self) -> set[int]:
        """The steps that change with the leaves, apart from jumps."""
        found: set[int] = set()
        for i, step in enumerate(self.steps):
            if step.has_slope(found):
                found.add(i)
        return found

    @property
    def has_gradient(self) -> bool:
        return len(self.steps) - 1 in self.live

    @property
    def names(self) -> set[str]:
        """The operations in it."""
        return {line.name for line in self.lines}

    def run(
        self, functions: Functions, leaves: Sequence[Any], values: Sequence[Any] = (), end: int = -1
    ) -> list[Any]:
        """The value of every step (of those before `end`), with these in place of the leaves; the
        values of the first steps may be given.
        """
        values = list(values)
        given = iter(leaves[sum(isinstance(step, Leaf) for step in self.steps[: len(values)]) :])
        for step in self.steps[len(values) : len(self.steps) if end < 0 else end]:
            values.append(next(given) if isinstance(step, Leaf) else step.run(functions, values))
        return values

    def __str__(self) -> str:
        return source(self)


# --- as Python ------------------------------------------------------------------------------------


def source(program: Program) -> str:
    """The program as Python that runs by itself and prints its leaves' gradients."""
    found = {line.name: PUBLIC[line.name] for line in program.lines}
    hidden = sorted((p.function.__module__, name) for name, p in found.items() if not p.export)
    head = ["import numpy as np", "", "import tinygrad_xent as tx"]
    head += [f"from {module} import {name}" for module, name in hidden]
    body = [f"v{i} = {written(step)}" for i, step in enumerate(program.steps)]
    leaves = [f"v{i}.grad" for i, step in enumerate(program.steps) if isinstance(step, Leaf)]
    tail = [f"print(v{len(body) - 1})"]
    if program.has_gradient:
        tail = [f"v{len(body) - 1}.backward()", f"print({', '.join(leaves)})"]
    return "\n".join([*head, "", *body, *tail])


def written(step: Step) -> str:
    if isinstance(step, Leaf):
        return f"tx.Tensor({numbers(step.data)}, requires_grad=True)"
    inputs = ", ".join(map(argument, step.inputs))
    if takes_a_list(step.name):
        inputs = f"[{inputs}]"
    settings = [f"{name}={argument(x)}" for name, x in step.settings.items()]
    known = PUBLIC[step.name]
    home = f"tx.{known.namespace}." if known.namespace else "tx."
    function = f"{home}{step.name}" if known.export else step.name
    return f"{function}({', '.join([inputs, *settings])})"


def argument(x: Any) -> str:
    """What is passed to an operation: a value, an array, an index, a number."""
    if isinstance(x, Ref):
        return f"v{x.step}"
    if isinstance(x, tuple):
        return f"({', '.join(map(argument, x))}{',' * (len(x) == 1)})"
    if isinstance(x, np.ndarray):
        return numbers(x) if 0 in x.shape else f"np.array({numbers(x)})"
    return repr(x.item() if isinstance(x, np.generic) else x)


def numbers(x: Any) -> str:
    """An array as nested lists; an empty one's lists would not tell its shape and dtype."""
    x = np.asarray(x)
    if 0 in x.shape:
        return f"np.zeros({x.shape}, {str(x.dtype)!r})"
    return repr(x.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
