"""Sample inputs for every row of the table: the one place where they are written.

`CASES[name]` makes one `Call` of an operation from the shapes and values that a `Maker` gives. The
maker decides what the call is for:

    Maker                       3 × 3, without ties, the same each time: the proof by mutations
    tests/strategies.py: Drawn  what Hypothesis chooses: the gradient, parity and other tests

So an operation is added by one line here, or by one small function where its inputs depend on each
other. Those of `tinygrad_xent/catalogue/` have their lines in `tests/themes/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any

import numpy as np

import tinygrad_xent as tx
import tinygrad_xent.catalogue  # fills the table
from tests import themes
from tinygrad_xent.engine.public import PUBLIC
from tinygrad_xent.engine.table import TABLE

GAP = 0.05  # the distance of every point from ties and kinks

Shape = tuple[int, ...]


# --- calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call of an operation at some inputs; itself a function of those that are differentiated.

    `live` holds their places: those of every array of floats, unless the case or the row says that
    there is no derivative.
    """

    inputs: tuple[Any, ...]
    live: tuple[int, ...] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    def __call__(self, *points: Any, function: Callable[..., Any] | None = None) -> Any:
        """The operation (or another function) with these arrays or tensors in the live places."""
        inputs = list(self.inputs)
        for i, point in zip(self.live, points, strict=True):
            inputs[i] = point
        return (function or function_of(self.name))(*inputs, **self.settings)

    @property
    def points(self) -> list[Any]:
        """The live inputs."""
        return [np.array(self.inputs[i]) for i in self.live]


def call(*inputs: Any, live: tuple[int, ...] | None = None, **settings: Any) -> Call:
    return Call(inputs, live, settings)


def make_call(name: str, maker: Maker | None = None) -> Call:
    """A call of a row or composite."""
    made = (CASES | themes.SEVERAL)[name](maker or Maker())
    live = made.live
    if live is None:
        live = tuple(i for i, x in enumerate(made.inputs) if is_float(x)) if has_rule(name) else ()
    return replace(made, name=name, live=live)


def is_float(x: Any) -> bool:
    """An array of floats; plain numbers are constants."""
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"


def function_of(name: str) -> Callable[..., Any]:
    """The public function of a row or composite, with one argument per array."""
    function = PUBLIC[name].function
    if takes_a_list(name):
        return lambda *arrays, **settings: function(arrays, **settings)
    if name in themes.SEVERAL:
        return lambda *arrays, **settings: in_one_line(function(*arrays, **settings))
    return function


def in_one_line(arrays: Sequence[Any]) -> Any:
    """Several results as one."""
    return tx.concatenate([tx.ravel(x) for x in arrays])


def takes_a_list(name: str) -> bool:
    """Whether the arrays are passed as one list."""
    first = next(iter(signature(PUBLIC[name].function).parameters.values()))
    return first.name == "arrays" and first.kind is not first.VAR_POSITIONAL


def has_rule(name: str) -> bool:
    """Whether there is anything to differentiate."""
    return name not in TABLE or any(TABLE[name].rules)


# --- makers --------------------------------------------------------------------------------------


class Maker:
    """What a case makes its inputs with: here small and fixed ones; a subclass may choose others.

    With `kinks`, values on ties and kinks are common; otherwise every point keeps so far away from
    them that differences can't cross one.
    """

    kinks = False
    dtype = "float64"  # what `astype` makes of the floats

    def __init__(self, whole: Shape = (3, 3), seed: int = 0) -> None:
        self.whole, self.rng = whole, np.random.default_rng(seed)

    # shapes and settings

    def shape(self, min_dims: int = 0, min_side: int = 0) -> Shape:
        return self.whole

    def shapes(self, count: int) -> tuple[Shape, ...]:
        """Shapes that broadcast together."""
        return (self.whole, self.whole[1:], self.whole)[:count]

    def stretched(self) -> tuple[Shape, Shape]:
        """A shape, and one that it stretches to."""
        return self.whole[1:], self.whole

    def with_ones(self) -> Shape:
        """A shape with axes of length 1."""
        return (*self.whole[:1], 1, *self.whole[1:])

    def matmul_shapes(self, weight: bool = False) -> tuple[Shape, Shape]:
        """Shapes that can be multiplied; with `weight`, a stack of rows and a matrix."""
        return self.whole, self.whole

    def lengths(self, n: int) -> Sequence[int]:
        """The lengths of arrays to be joined along an axis of length n."""
        return (n, n)

    def axis(self, ndim: int) -> int:
        return ndim - 1

    def axes(self, ndim: int) -> int | Shape | None:
        """One axis, several, or all (None)."""
        return ndim - 1

    def order(self, ndim: int) -> Shape:
        """All axes in another order."""
        return tuple(range(ndim))[::-1]

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options: here the first."""
        return options[0]

    def bool(self) -> bool:
        return self.choice([False, True])

    def index(self, shape: Shape) -> Any:
        """What may be written in x[...]; here row numbers, one of them twice."""
        rows = self.rng.integers(0, shape[0], shape[0])
        rows[-1] = rows[0]
        return rows

    def indices(self, shape: Shape, axis: int, count: int = 2) -> Any:
        """Places along an axis: `count` in each row, some of them twice."""
        return self.rng.integers(0, shape[axis], with_length(shape, axis, count))

    # values

    def any(self, shape: Shape) -> Any:
        return self.rng.uniform(-2, 2, shape)

    def positive(self, shape: Shape) -> Any:
        return self.rng.uniform(0.4, 2.5, shape)

    def between(self, shape: Shape, low: float, high: float) -> Any:
        """Values from low to high: both lie within what the operation takes."""
        return self.rng.uniform(low, high, shape)

    def nonzero(self, shape: Shape) -> Any:
        """Values of both signs, away from 0; with `kinks`, 0 itself is common."""
        if self.kinks:
            return self.rng.integers(-1, 2, shape).astype(float)
        return self.rng.uniform(0.4, 2, shape) * self.rng.choice([-1.0, 1.0], shape)

    def distinct(self, shape: Shape, offset: float = 0.0) -> Any:
        """Values with no two within GAP of each other, nor of those of another array with the
        offset GAP; with `kinks`, equal ones are common.
        """
        if self.kinks:
            return self.rng.integers(-1, 2, shape) / 2
        places = self.rng.permutation(int(np.prod(shape, dtype=int))).reshape(shape)
        return (places - places.size // 2) * 2 * GAP + offset

    def with_nan(self, x: Any, axis: Any, keep: int = 1) -> Any:
        """x with some nan, if the maker gives any; not the first `keep` along the axes."""
        return x

    def matrices(self, shape: Shape) -> Any:
        """Matrices whose singular values are clearly different ones and not near 0."""
        return self.rng.uniform(0.1, 0.4, shape) + diagonal(shape, -1)

    def positive_matrices(self, shape: Shape) -> Any:
        """Symmetric ones whose eigenvalues are so, and positive."""
        x = self.rng.uniform(0.1, 0.4, shape)
        return (x + x.mT) / 2 + diagonal(shape, 1)

    def mask(self, shape: Shape) -> Any:
        return self.rng.integers(2, size=shape) == 1

    def signed(self, axes: Sequence[int], ndim: int) -> Shape:
        """The axes, some of them counted from the end."""
        return tuple(a - ndim * self.bool() for a in axes)


def diagonal(shape: Shape, sign: int) -> Any:
    """Matrices with 2, ±3.5, 5, ... on the diagonal."""
    numbers = (1.5 * np.arange(shape[-1]) + 2) * float(sign) ** np.arange(shape[-1])
    return np.eye(*shape[-2:]) * numbers + np.zeros(shape)


def with_length(shape: Shape, axis: int, n: int) -> Shape:
    return tuple(n if i == axis % len(shape) else k for i, k in enumerate(shape))


def without_empty(shape: Shape, axis: Any) -> Shape:
    """The shape with 1 in place of 0 along the axis: a maximum over nothing does not exist."""
    places = range(len(shape)) if axis is None else np.atleast_1d(np.array(axis, int)) % len(shape)
    return tuple(1 if n == 0 and i in places else n for i, n in enumerate(shape))


# --- cases: what several rows share, then those that take more than a line ------------------------


def smooth(m: Maker) -> Call:
    return call(m.any(m.shape()))


def of_positive(m: Maker) -> Call:
    return call(m.positive(m.shape()))


def of_nonzero(m: Maker) -> Call:
    return call(m.nonzero(m.shape()))


def of_special(m: Maker) -> Call:
    return call(m.rng.choice([-np.inf, -1.0, 0.0, 2.0, np.inf, np.nan], m.shape()))


def of_two(m: Maker) -> Call:
    a, b = m.shapes(2)
    return call(m.any(a), m.any(b))


def of_two_distinct(m: Maker) -> Call:
    a, b = m.shapes(2)
    return call(m.distinct(a), m.distinct(b, GAP))


def of_two_masks(m: Maker) -> Call:
    return call(*map(m.mask, m.shapes(2)))


def reduction(m: Maker, values: str = "any", of_nothing: bool = False) -> Call:
    shape = m.shape()
    axis = m.axes(len(shape))
    shape = shape if of_nothing else without_empty(shape, axis)
    return call(getattr(m, values)(shape), axis=axis, keepdims=m.bool())


def of_distinct(m: Maker) -> Call:
    return reduction(m, "distinct")


def along_axis(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    return call(m.any(without_empty(shape, axis)), axis=axis)


def argmax(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.choice([m.axis(len(shape)), None])
    return call(m.distinct(without_empty(shape, axis)), axis=axis, keepdims=m.bool())


def div(m: Maker) -> Call:
    a, b = m.shapes(2)
    return call(m.any(a), m.nonzero(b))


def pow(m: Maker) -> Call:
    a, b = m.shapes(2)
    n = m.choice([None, None, 0, 1, 2, 3, -1, -2, 0.5, 2.5])
    if n is None:
        return call(m.positive(a), m.any(b))
    return call(m.nonzero(a) if isinstance(n, int) else m.positive(a), n)


def clip(m: Maker) -> Call:
    shape, limit = m.shapes(2)
    low, high = (-0.5, 0.5) if m.kinks else (-0.25, 0.35)  # on the values' grid, or GAP off it
    if m.bool():
        low = np.full(limit, low)
    low, high = m.choice([(low, high), (low, None), (None, high)])
    return call(m.distinct(shape), min=low, max=high)


def where(m: Maker) -> Call:
    c, a, b = m.shapes(3)
    return call(m.mask(c), m.any(a), m.any(b))


def linear(m: Maker) -> Call:
    x, weight = m.matmul_shapes(weight=True)
    return call(m.any(x), m.any(weight), m.any(weight[1:]))


def softmax_cross_entropy(m: Maker) -> Call:
    shape = m.shape(min_dims=1, min_side=1)
    axis = m.axis(len(shape))
    labels = m.rng.integers(0, shape[axis], with_length(shape, axis, 1))
    return call(m.any(shape), labels, axis=axis)


def reshape(m: Maker) -> Call:
    x = m.any(m.shape())
    shapes = [(x.size,), x.shape[::-1], x.size, (1, x.size, 1)] + [-1, (-1, 1)] * (x.size > 0)
    return call(x, shape=m.choice(shapes))


def transpose(m: Maker) -> Call:
    x = m.any(m.shape())
    single = [0, -1] * (x.ndim == 1)
    return call(x, axes=m.choice([m.signed(m.order(x.ndim), x.ndim), None, *single]))


def squeeze(m: Maker) -> Call:
    shape = m.with_ones()
    single = m.signed([i for i, n in enumerate(shape) if n == 1], len(shape))
    return call(m.any(shape), axis=m.choice([*single, single, None]))


def expand_dims(m: Maker) -> Call:
    x = m.any(m.shape())
    return call(x, axis=m.choice([0, -1, m.axis(x.ndim + 1), (0, -1), (-1, 0)]))


def broadcast_to(m: Maker) -> Call:
    small, large = m.stretched()
    return call(m.any(small), shape=large)


def join(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    parts = [m.any(with_length(shape, axis, n)) for n in m.lengths(shape[axis])]
    live = tuple(i for i in range(len(parts)) if not m.bool()) or (0,)
    return call(*parts, live=live, axis=axis)


def stack(m: Maker) -> Call:
    shape = m.shape()
    parts = [m.any(shape) for _ in range(m.choice([2, 1, 3]))]
    return call(*parts, axis=m.axis(len(shape) + 1))


def getitem(m: Maker) -> Call:
    shape = m.shape()
    return call(m.any(shape), index=m.index(shape))


def scatter(m: Maker) -> Call:
    shape = m.shape()
    index = m.index(shape)
    return call(m.any(np.zeros(shape)[index].shape), shape=shape, index=index)


def take_along_axis(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    return call(m.any(shape), m.indices(shape, axis), axis=axis)


def scatter_along_axis(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.axis(len(shape))
    indices = m.indices(shape, axis)
    g = m.any(np.take_along_axis(np.zeros(shape), indices, axis).shape)
    return call(g, indices, shape=shape, axis=axis)


CASES: dict[str, Callable[[Maker], Call]] = {
    "neg": smooth,
    "add": of_two,
    "sub": of_two,
    "mul": of_two,
    "div": div,
    "pow": pow,
    "matmul": lambda m: call(*map(m.any, m.matmul_shapes())),
    "linear": linear,
    "exp": smooth,
    "log": of_positive,
    "log1p": of_positive,
    "expm1": smooth,
    "sqrt": of_positive,
    "abs": of_nonzero,
    "tanh": smooth,
    "sigmoid": smooth,
    "relu": of_nonzero,
    "softplus": smooth,
    "maximum": of_two_distinct,
    "minimum": of_two_distinct,
    "clip": clip,
    "where": where,
    "astype": lambda m: call(m.any(m.shape()), dtype=m.dtype),
    "identity": smooth,
    "sum": lambda m: reduction(m, of_nothing=True),
    "max": of_distinct,
    "min": of_distinct,
    "logsumexp": reduction,
    "softmax": along_axis,
    "log_softmax": along_axis,
    "softmax_cross_entropy": softmax_cross_entropy,
    "reshape": reshape,
    "transpose": transpose,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "broadcast_to": broadcast_to,
    "join": join,
    "getitem": getitem,
    "scatter": scatter,
    "take_along_axis": take_along_axis,
    "scatter_along_axis": scatter_along_axis,
    "less": of_two_distinct,
    "less_equal": of_two_distinct,
    "greater": of_two_distinct,
    "greater_equal": of_two_distinct,
    "equal": of_two_distinct,
    "not_equal": of_two_distinct,
    "bitwise_and": of_two_masks,
    "bitwise_or": of_two_masks,
    "bitwise_xor": of_two_masks,
    "invert": lambda m: call(m.mask(m.shape())),
    "isfinite": of_special,
    "isnan": of_special,
    "isinf": of_special,
    "signbit": of_nonzero,
    "sign": of_nonzero,
    "floor": smooth,
    "ceil": smooth,
    "rint": smooth,
    "argmax": argmax,
    "any": lambda m: reduction(m, "mask", of_nothing=True),
    "all": lambda m: reduction(m, "mask", of_nothing=True),
    "mean": reduction,
    "var": reduction,
    "square": smooth,
    "positive": smooth,
    "concatenate": join,
    "stack": stack,
}
themes.read_all()
ROWS = tuple(TABLE)
COMPOSITES = tuple(
    name for name, p in PUBLIC.items() if p.export and name not in themes.APART.union(TABLE)
)
NAMES = (*ROWS, *COMPOSITES)
