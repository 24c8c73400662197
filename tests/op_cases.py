"""Inputs for every row of the table: shapes, broadcasting, axes and values that Hypothesis varies.

`CASES[name]` is a strategy of `Call`s of the row `name`; the gradient tests and the parity tests draw
from it. A new row without a case fails both. `draw_call(name, kinks=True)` puts the values on a coarse
grid, so that ties and kinks are common; otherwise every point keeps a distance from them that
differences can't cross.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_xent import functions, ops
from tinygrad_xent.table import TABLE

GAP = 0.05  # the distance of every point from ties and kinks


@dataclass(frozen=True)
class Call:
    """One call: the arrays, which of them are differentiated, and the settings."""

    name: str
    inputs: tuple[Any, ...]
    live: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def run(self, *inputs: Any) -> Any:
        """The row (or composite) on these inputs: raw arrays or tensors."""
        if self.name in COMPOSITES:
            return COMPOSITES[self.name](*inputs, **self.settings)
        return getattr(ops, self.name)(*inputs, **self.settings)


COMPOSITES: dict[str, Callable[..., Any]] = {
    "mean": functions.mean,
    "var": functions.var,
    "concatenate": lambda *arrays, axis: functions.concatenate(arrays, axis),
    "stack": lambda *arrays, axis: functions.stack(arrays, axis),
}


class Maker:
    """What a case draws with: shapes and axes from Hypothesis, values from a seeded generator."""

    def __init__(self, draw: Any, kinks: bool) -> None:
        self.draw, self.kinks = draw, kinks
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    # --- shapes ----------------------------------------------------------------------------------

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> tuple[int, ...]:
        return self.draw(
            hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)
        )

    def shapes(self, count: int) -> tuple[tuple[int, ...], ...]:
        """Shapes that broadcast together, with axes missing, of length 1 and of length 0."""
        found = hnp.mutually_broadcastable_shapes(
            num_shapes=count, max_dims=3, min_side=0, max_side=3
        )
        return self.draw(found).input_shapes

    def axis(self, ndim: int) -> int:
        return self.draw(st.integers(-ndim, ndim - 1))

    def axes(self, ndim: int) -> int | tuple[int, ...] | None:
        """None, one axis, or several in any order; negative ones too; an empty tuple too."""
        if ndim == 0:
            return self.draw(st.sampled_from([None, ()]))
        several = st.lists(st.integers(0, ndim - 1), unique=True).map(
            lambda axes: tuple(a - ndim if self.rng.integers(2) else a for a in axes)
        )
        return self.draw(st.one_of(st.none(), st.integers(-ndim, ndim - 1), several))

    def bool(self) -> bool:
        return self.draw(st.booleans())

    # --- values ----------------------------------------------------------------------------------

    def any(self, shape: tuple[int, ...]) -> Any:
        return self.rng.uniform(-2, 2, shape)

    def positive(self, shape: tuple[int, ...]) -> Any:
        return self.rng.uniform(0.4, 2.5, shape)

    def nonzero(self, shape: tuple[int, ...]) -> Any:
        """Of both signs, away from 0; with `kinks` 0 itself is common."""
        if self.kinks:
            return self.rng.integers(-1, 2, shape).astype(float)
        return self.rng.uniform(0.4, 2, shape) * self.rng.choice([-1.0, 1.0], shape)

    def distinct(self, shape: tuple[int, ...], offset: float = 0.0) -> Any:
        """No two within GAP of each other, nor of those of another offset in [GAP, GAP]; with
        `kinks` equal ones are common.
        """
        if self.kinks:
            return self.rng.integers(-1, 2, shape) / 2
        places = self.rng.permutation(int(np.prod(shape, dtype=int))).reshape(shape)
        return (places - places.size // 2) * 2 * GAP + offset


CASES: dict[str, Callable[[Maker], Call]] = {}


def case(*names: str) -> Callable[[Callable[..., Call]], Callable[..., Call]]:
    """Make a function of (maker, name) the case of these rows."""

    def register(make: Callable[[Maker, str], Call]) -> Callable[[Maker, str], Call]:
        for name in names:
            CASES[name] = lambda maker, name=name: make(maker, name)
        return make

    return register


@st.composite
def draw_call(draw: Any, name: str, kinks: bool = False) -> Call:
    """A strategy of calls of one row or composite."""
    return CASES[name](Maker(draw, kinks))


# --- elementwise ---------------------------------------------------------------------------------


@case("neg", "exp", "expm1", "tanh", "sigmoid", "softplus", "identity")
def smooth(m: Maker, name: str) -> Call:
    return Call(name, (m.any(m.shape()),), (0,))


@case("log", "sqrt", "log1p")
def of_positive(m: Maker, name: str) -> Call:
    return Call(name, (m.positive(m.shape()),), (0,))


@case("abs", "relu")
def kinked_at_zero(m: Maker, name: str) -> Call:
    return Call(name, (m.nonzero(m.shape()),), (0,))


@case("astype")
def astype(m: Maker, name: str) -> Call:
    return Call(name, (m.any(m.shape()),), (0,), {"dtype": np.dtype(np.float64)})


@case("add", "sub", "mul")
def of_two(m: Maker, name: str) -> Call:
    a, b = m.shapes(2)
    return Call(name, (m.any(a), m.any(b)), (0, 1))


@case("div")
def quotient(m: Maker, name: str) -> Call:
    a, b = m.shapes(2)
    return Call(name, (m.any(a), m.positive(b) * m.rng.choice([-1.0, 1.0])), (0, 1))


@case("pow")
def power(m: Maker, name: str) -> Call:
    a, b = m.shapes(2)
    constant = m.draw(st.sampled_from([None, 0, 1, 2, 3, -1, -2, 0.5, 2.5]))
    if constant is None:
        return Call(name, (m.positive(a), m.any(b)), (0, 1))
    whole = isinstance(constant, int)  # whole powers take negative bases
    base = m.rng.uniform(0.4, 2, a) * m.rng.choice([-1.0, 1.0], a) if whole else m.positive(a)
    return Call(name, (base, constant), (0,))


@case("maximum", "minimum")
def of_two_distinct(m: Maker, name: str) -> Call:
    a, b = m.shapes(2)
    return Call(name, (m.distinct(a), m.distinct(b, GAP)), (0, 1))


@case("clip")
def clip(m: Maker, name: str) -> Call:
    x, limit = m.shapes(2)
    low, high = (-0.5, 0.5) if m.kinks else (-0.25, 0.35)  # GAP off the values' grid
    if m.bool():
        low = np.full(limit, low)
    limits = m.draw(st.sampled_from([(low, high), (low, None), (None, high)]))
    return Call(name, (m.distinct(x),), (0,), dict(zip(("min", "max"), limits, strict=True)))


@case("where")
def where(m: Maker, name: str) -> Call:
    c, a, b = m.shapes(3)
    return Call(name, (m.rng.integers(2, size=c) == 1, m.any(a), m.any(b)), (1, 2))


@case("matmul")
def matmul(m: Maker, name: str) -> Call:
    shapes = hnp.mutually_broadcastable_shapes(
        signature="(m?,k),(k,n?)->(m?,n?)", max_dims=2, min_side=0, max_side=3
    )
    a, b = m.draw(shapes).input_shapes
    return Call(name, (m.any(a), m.any(b)), (0, 1))


@case("linear")
def linear(m: Maker, name: str) -> Call:
    *stack, features, classes = m.shape(min_dims=2)
    return Call(
        name, (m.any((*stack, features)), m.any((features, classes)), m.any((classes,))), (0, 1, 2)
    )


@case("softmax_cross_entropy")
def softmax_cross_entropy(m: Maker, name: str) -> Call:
    shape = m.shape(min_dims=1, min_side=1)
    axis = m.axis(len(shape))
    labels = m.rng.integers(
        0, shape[axis], [1 if i == axis % len(shape) else n for i, n in enumerate(shape)]
    )
    return Call(name, (m.any(shape), labels), (0,), {"axis": axis})


# --- reductions ----------------------------------------------------------------------------------


def without_empty(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape with length 1 for 0 along the axis: a maximum over nothing does not exist."""
    places = range(len(shape)) if axis is None else np.atleast_1d(np.array(axis, int)) % len(shape)
    return tuple(1 if n == 0 and i in places else n for i, n in enumerate(shape))


@case("sum")
def sum_(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    return Call(name, (x,), (0,), {"axis": m.axes(x.ndim), "keepdims": m.bool()})


@case("mean", "var")
def mean(m: Maker, name: str) -> Call:
    shape = m.shape()
    axis = m.axes(len(shape))
    shape = without_empty(shape, axis)
    return Call(name, (m.any(shape),), (0,), {"axis": axis, "keepdims": m.bool()})


@case("max", "min")
def extremum(m: Maker, name: str) -> Call:
    call = mean(m, name)
    return Call(name, (m.distinct(call.inputs[0].shape),), (0,), call.settings)


@case("logsumexp")
def logsumexp(m: Maker, name: str) -> Call:
    return mean(m, name)


@case("softmax", "log_softmax")
def softmax(m: Maker, name: str) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    return Call(name, (m.any(without_empty(shape, axis)),), (0,), {"axis": axis})


# --- shapes and places ---------------------------------------------------------------------------


@case("reshape")
def reshape(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    shapes = [x.shape[::-1], (x.size,), x.size, (1, x.size, 1)] + [-1, (-1, 1)] * (x.size > 0)
    return Call(name, (x,), (0,), {"shape": m.draw(st.sampled_from(shapes))})


@case("transpose")
def transpose(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    axes = m.draw(st.permutations(range(x.ndim)))
    signed = tuple(a - x.ndim if m.rng.integers(2) else a for a in axes)
    return Call(name, (x,), (0,), {"axes": m.draw(st.sampled_from([None, signed]))})


@case("squeeze")
def squeeze(m: Maker, name: str) -> Call:
    x = m.any(tuple(m.draw(st.lists(st.sampled_from([1, 1, 2, 0]), max_size=4))))
    single = tuple(i - x.ndim * m.bool() for i, n in enumerate(x.shape) if n == 1)
    return Call(name, (x,), (0,), {"axis": m.draw(st.sampled_from([None, single, *single]))})


@case("expand_dims")
def expand_dims(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    axes = [0, -1, m.axis(x.ndim + 1), (0, -1), (-1, 0)]
    return Call(name, (x,), (0,), {"axis": m.draw(st.sampled_from(axes))})


@case("broadcast_to")
def broadcast_to(m: Maker, name: str) -> Call:
    a, b = m.shapes(2)
    return Call(name, (m.any(a),), (0,), {"shape": np.broadcast_shapes(a, b)})


@case("join", "concatenate")
def join(m: Maker, name: str) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    sizes = m.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = []
    for size in sizes:
        part = list(shape)
        part[axis] = size
        parts.append(m.any(tuple(part)))
    live = tuple(i for i in range(len(parts)) if m.bool()) or (0,)
    return Call(name, tuple(parts), live, {"axis": axis})


@case("stack")
def stack(m: Maker, name: str) -> Call:
    shape = m.shape()
    parts = tuple(m.any(shape) for _ in range(m.draw(st.integers(1, 3))))
    return Call(name, parts, tuple(range(len(parts))), {"axis": m.axis(len(shape) + 1)})


def index_for(m: Maker, shape: tuple[int, ...]) -> Any:
    """Slices, integers, Ellipsis, new axes, integer arrays with repeats, masks, and mixtures."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, max_dims=4)
    mask = m.rng.integers(2, size=shape) == 1
    choices = [basic, st.just(mask)]
    if shape and 0 not in shape:
        choices += [
            hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)),
            st.just([0, -1, 0]),
            st.just((np.array([0, 0, -1]), ...)),
            st.just((..., np.array([[0], [-1]]))),
            st.just((None, m.rng.integers(2, size=shape[0]) == 1)),
        ]
    return m.draw(st.one_of(choices))


@case("getitem")
def getitem(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    return Call(name, (x,), (0,), {"index": index_for(m, x.shape)})


@case("scatter")
def scatter(m: Maker, name: str) -> Call:
    x = m.any(m.shape())
    index = index_for(m, x.shape)
    return Call(name, (np.array(x[index]),), (0,), {"shape": x.shape, "index": index})


def indices_for(m: Maker, shape: tuple[int, ...], axis: int) -> Any:
    """Indices along an axis, repeats and negative ones among them; other axes as long or 1."""
    count = list(shape)
    count[axis] = m.draw(st.integers(0, 4)) if shape[axis] else 0
    narrow = m.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    lengths = tuple(
        1 if thin and i != axis % len(shape) else n
        for i, (n, thin) in enumerate(zip(count, narrow, strict=True))
    )
    n = max(shape[axis], 1)
    return m.rng.integers(-n, n, lengths)


@case("take_along_axis")
def take_along_axis(m: Maker, name: str) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    indices = indices_for(m, shape, axis)
    stretch = [i for i, n in enumerate(shape) if n == 1 and i != axis % len(shape)]
    if stretch:  # an axis of x of length 1 that the indices stretch
        indices = np.repeat(indices, 2, axis=stretch[0])
    return Call(name, (m.any(shape), indices), (0,), {"axis": axis})


@case("scatter_along_axis")
def scatter_along_axis(m: Maker, name: str) -> Call:
    call = take_along_axis(m, "take_along_axis")
    x, indices = call.inputs
    axis = call.settings["axis"]
    g = np.array(np.take_along_axis(x, indices, axis))
    return Call(name, (g, indices), (0,), {"shape": x.shape, "axis": axis})


ROWS = tuple(TABLE)
NAMES = (*ROWS, *COMPOSITES)
