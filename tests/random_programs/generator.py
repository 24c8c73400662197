"""Random programs over the table, each made from a seed.

Sample inputs of every operation are described once, in `tests/operations.py`, as questions to a
`Maker`: a shape, values of that shape, positive ones. `Author` is a maker that answers with what the
program has already computed; where nothing fits, it writes the lines that make it fit, or a new leaf.
So an operation gets into the programs by its line there, and every value is in its domain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from tests.operations import CASES, NAMES, Maker, Shape, diagonal, has_rule, is_float, with_length

from .duals import FORWARD, Kink
from .programs import Leaf, Line, Program, Ref, Step

LARGEST = 5.0  # numbers beyond this are scaled down before the program goes on
MOST_NUMBERS, MOST_AXES, MOST_LEAVES = 64, 4, 5
TRIES = 4
RARELY = 0.1

# Lines that bring any numbers into a domain: an operation, with a second input or none.
TO_POSITIVE: list[list[tuple[str, tuple[float, ...]]]] = [
    [("softplus", ()), ("add", (0.25,))],
    [("tanh", ()), ("exp", ())],
    [("square", ()), ("add", (0.5,)), ("sqrt", ())],
    [("sigmoid", ()), ("add", (0.25,))],
]
TO_SMALL: list[tuple[str, tuple[float, ...]]] = [("tanh", ()), ("mul", (0.02,))]


class Unfit(Exception):  # noqa: N818 -- nobody's error
    """A line whose value has too many numbers or axes."""


def random_program(seed: int) -> Program:
    """The program of a seed. The operations take turns in being the first, so that none is rare."""
    author = Author(seed=seed)
    author.write(NAMES[seed % len(NAMES)])
    names = [name for name in NAMES if has_rule(name) or author.rng.random() < 0.5]
    for _ in range(author.rng.integers(3, 9)):
        author.write(author.choice(names))
    author.conclude()
    return Program(tuple(author.steps))


class Author(Maker):
    """A program as it is written: its steps and their values."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.steps: list[Step] = []
        self.values: list[Any] = []
        self.floats: list[Any] = []  # those to go on with
        self.live: set[int] = set()  # steps with a slope
        self.safe = False  # whether numbers that must differ are made so, or just hoped to

    # steps

    def write(self, name: str) -> None:
        """Add a line with this operation, if one can be found that is not at a kink."""
        before = self.steps, self.values, self.floats, self.live
        for attempt in range(TRIES):
            self.safe = attempt > 0
            self.steps, self.values, self.floats, self.live = map(copy, before)
            try:
                call = CASES[name](self)
                y = self.add_line(name, *call.inputs, **call.settings)
            except (Kink, Unfit):
                continue
            if is_float(y) and y.size and np.max(np.abs(y)) > LARGEST:
                self.add_line("div", y, float(np.ceil(np.max(np.abs(y)) / 2)))
            return
        self.steps, self.values, self.floats, self.live = before

    def add_line(self, name: str, *inputs: Any, **settings: Any) -> Any:
        """Add a line; inputs that are values of steps refer to these. Returns its value."""
        places = {id(value): step for step, value in enumerate(self.values)}
        line = Line(
            name, tuple(Ref(places[id(x)]) if id(x) in places else x for x in inputs), settings
        )
        value = np.array(
            line.run(FORWARD, self.values)
        )  # a copy: values are told apart by identity
        if value.size > MOST_NUMBERS or value.ndim > MOST_AXES:
            raise Unfit
        if line.has_slope(self.live):
            self.live.add(len(self.steps))
        return self.add(line, value)

    def add(self, step: Step, value: Any) -> Any:
        self.steps.append(step)
        self.values.append(value)
        if is_float(value) and np.abs(value).max(initial=0) <= LARGEST:
            self.floats.append(value)
        return value

    def leaf(self, shape: Shape) -> Any:
        self.live.add(len(self.steps))
        data = self.numbers(shape)
        return self.add(Leaf(data), data)

    def numbers(self, shape: Shape) -> Any:
        return np.asarray(self.rng.uniform(-2, 2, shape)).round(2)

    def through(self, x: Any, lines: Sequence[tuple[str, tuple[float, ...]]]) -> Any:
        """x after these lines; a constant is computed right away."""
        for name, others in lines:
            if any(x is value for value in self.values):
                x = self.add_line(name, x, *others)
            else:
                x = np.asarray(FORWARD[name](x, *others)).round(2)
        return x

    def conclude(self) -> None:
        """Add up everything that nothing has used, weighted so that no slope cancels by chance."""
        used = {i for step in self.live for i in getattr(self.steps[step], "refs", ())}
        ends = [self.values[step] for step in sorted(self.live - used)] or [self.leaf(())]
        parts = []
        for y in ends:
            others = self.choice([(self.numbers(y.shape),), (y,)])
            y = self.add_line("mul", y, *others)
            parts.append(self.add_line("sum", y, axis=None, keepdims=False) if y.ndim else y)
        loss = parts[0]
        for part in parts[1:]:
            loss = self.add_line("add", loss, part)

    # values

    @property
    def read(self) -> list[Any]:
        """The values that lines have read."""
        return [self.values[i] for step in self.steps if isinstance(step, Line) for i in step.refs]

    def found(
        self, among: Sequence[Any], shape: Shape, fits: Callable[[Any], bool] = lambda x: True
    ) -> Any:
        """A value of this shape that fits, or None; rather one that nothing has used yet."""
        fitting = [x for x in among if x.shape == shape and fits(x)]
        if not fitting or self.chance():
            return None
        fresh = [x for x in fitting if not any(x is other for other in self.read)]
        return self.choice(fresh if fresh and self.bool() else fitting)

    def any(self, shape: Shape) -> Any:
        found = self.found(self.floats, shape)
        return self.made(shape) if found is None else found

    def made(self, shape: Shape) -> Any:
        """Numbers of a shape that no value has: moved from another one, a leaf, or constants."""
        size, floats = math.prod(shape), self.floats
        same = [x for x in floats if x.size == size and x.shape != shape]
        narrow = [x for x in floats if x.size < size and stretches(x.shape, shape)]
        if same and self.bool():
            return self.add_line("reshape", self.choice(same), shape=shape)
        if narrow and self.bool():
            return self.add_line("broadcast_to", self.choice(narrow), shape=shape)
        leaves = sum(isinstance(step, Leaf) for step in self.steps)
        if leaves < MOST_LEAVES and not (leaves and self.chance()):
            return self.leaf(shape)
        return self.numbers(shape)

    def positive(self, shape: Shape) -> Any:
        found = self.found(self.floats, shape, lambda x: bool(np.all(x > 0.2)))
        return self.through(self.any(shape), self.choice(TO_POSITIVE)) if found is None else found

    def between(self, shape: Shape, low: float, high: float) -> Any:
        found = self.found(self.floats, shape, lambda x: bool(np.all((low <= x) & (x <= high))))
        if found is not None:
            return found
        lines: Any = [("sigmoid", ()), ("mul", (high - low,)), ("add", (low,))]
        return self.through(self.any(shape), lines)

    def nonzero(self, shape: Shape) -> Any:
        found = self.found(self.floats, shape, lambda x: bool(np.all(np.abs(x) > 0.2)))
        if found is not None:
            return found
        x = self.positive(shape)
        return self.through(x, [("neg", ())]) if self.bool() else x

    def distinct(self, shape: Shape, offset: float = 0.0) -> Any:
        """Any numbers; on a second try, numbers close to those of a grid."""
        if not self.safe:
            return self.any(shape)
        x, grid = self.any(shape), np.asarray(super().distinct(shape, offset)).round(2)
        return self.add_line("add", self.through(x, TO_SMALL), grid)

    def matrices(self, shape: Shape, sign: int = -1) -> Any:
        found = self.through(self.any(shape), [("sigmoid", ()), ("mul", (0.3,))])
        return self.add_line("add", found, diagonal(shape, sign) + 0.1)

    def positive_matrices(self, shape: Shape) -> Any:
        """They need not be symmetric: it is their symmetric part that counts."""
        return self.matrices(shape, 1)

    def mask(self, shape: Shape) -> Any:
        found = self.found([x for x in self.values if x.dtype == bool], shape)
        return np.asarray(super().mask(shape)) if found is None else found

    # shapes

    def chance(self) -> bool:
        return bool(self.rng.random() < RARELY)

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.rng.integers(len(options))]

    def length(self, least: int = 0) -> int:
        return 0 if least == 0 and self.rng.random() < 0.02 else int(self.rng.integers(1, 5))

    def shape(self, min_dims: int = 0, min_side: int = 0) -> Shape:
        """The shape of a value, or now and then a new one."""
        shapes = [x.shape for x in self.floats]
        shapes = [s for s in shapes if len(s) >= min_dims and 0 not in s]
        if shapes and not self.chance():
            return self.choice(shapes)
        least = max(min_dims, int(self.rng.integers(4)))
        return tuple(self.length(min_side) for _ in range(least))

    def shapes(self, count: int) -> tuple[Shape, ...]:
        shapes = [self.shape()]
        for _ in range(count - 1):
            whole = np.broadcast_shapes(*shapes)
            known = [x.shape for x in self.floats if together(whole, x.shape)]
            shapes.append(self.choice([*known, self.narrowed(whole)]))
        return tuple(shapes[i] for i in self.rng.permutation(count))

    def narrowed(self, shape: Shape) -> Shape:
        """A shape that stretches to this one: axes missing, or of length 1."""
        return tuple(self.choice([1, n, n]) for n in shape[self.rng.integers(len(shape) + 1) :])

    def stretched(self) -> tuple[Shape, Shape]:
        small = self.shape()
        wide = tuple(self.length(1) if n == 1 and self.bool() else n for n in small)
        new = self.rng.integers(2) if len(small) < MOST_AXES - 1 else 0
        return small, (*[self.length(1)] * new, *wide)

    def with_ones(self) -> Shape:
        shape = self.shape()
        if 1 not in shape or (self.bool() and len(shape) < MOST_AXES - 1):
            shape = shape[: MOST_AXES - 2]
            i = self.rng.integers(len(shape) + 1)
            shape = (*shape[:i], 1, *shape[i:])
        return shape

    def matmul_shapes(self, weight: bool = False) -> tuple[Shape, Shape]:
        a = self.shape(min_dims=1)
        known = [x.shape for x in self.floats if multiplies(a, x.shape)]
        known = [s for s in known if len(s) == 2 or not weight]
        made = [(a[-1], self.length(1))]
        if not weight:
            made += [(a[-1],), (*a[:-2], a[-1], self.length(1))]
        return a, self.choice([*known, self.choice(made)])

    # settings

    def lengths(self, n: int) -> Sequence[int]:
        count = self.rng.integers(1, 4)
        return [self.length() if self.chance() else n for _ in range(count)]

    def axis(self, ndim: int) -> int:
        return int(self.rng.integers(-ndim, ndim))

    def axes(self, ndim: int) -> int | Shape | None:
        some = tuple(i for i in self.order(ndim) if self.bool())
        one = [self.axis(ndim)] * 2 if ndim else []
        return self.choice([None, self.signed(some, ndim), *one])

    def order(self, ndim: int) -> Shape:
        return tuple(int(i) for i in self.rng.permutation(ndim))

    def index(self, shape: Shape) -> Any:
        """Slices, numbers, new axes, `...`, arrays of places with some twice, masks."""
        whole = [np.asarray(super().mask(shape)), ..., (None, ...)]
        if not shape or 0 in shape:
            return self.choice(whole)
        n = shape[0]
        places = self.rng.integers(-n, n, self.rng.integers(1, 5))
        first = [
            self.axis(n) if n else 0,
            slice(None, None, self.choice([1, 2, -1])),
            slice(int(self.rng.integers(n)), None),
            places,
            places.tolist(),
            np.asarray(super().mask((n,))),
        ]
        last = (..., self.rng.integers(0, shape[-1], (2, 1)))
        return self.choice([*first, *first, (..., None, self.axis(shape[-1])), last, *whole])

    def indices(self, shape: Shape, axis: int, count: int = 2) -> Any:
        n = shape[axis]
        count = int(self.rng.integers(1, 4)) if n else 0
        return self.rng.integers(-n, max(n, 1), with_length(shape, axis, count))


def stretches(small: Shape, large: Shape) -> bool:
    return together(small, large) and np.broadcast_shapes(small, large) == large


def together(a: Shape, b: Shape) -> bool:
    """Whether the shapes broadcast."""
    pairs = zip(a[::-1], b[::-1], strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def multiplies(a: Shape, b: Shape) -> bool:
    """Whether `matmul` takes them."""
    if not a or not b:
        return False
    inner = b[-2] if len(b) > 1 else b[0]
    return a[-1] == inner and together(a[:-2], b[:-2])
