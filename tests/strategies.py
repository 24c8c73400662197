"""What Hypothesis tries operations on: shapes, broadcasting, axes and indices of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.operations import Call, Maker, Shape, make_call, with_length

CHOSEN = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same inputs in every run: a test that fails, fails for everyone
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def calls(draw: Any, name: str, kinks: bool = False) -> Call:
    """A strategy of calls of one row or composite."""
    return make_call(name, Drawn(draw, kinks))


def each_call(
    name: str, check: Callable[[Call], None], how: settings = CHOSEN, kinks: bool = False
) -> None:
    """Run a check on many calls of one row or composite."""
    how(given(calls(name, kinks))(check))()


class Drawn(Maker):
    """Shapes and axes from Hypothesis, up to three axes of length 0 to 3; values from its seed."""

    def __init__(self, draw: Any, kinks: bool) -> None:
        super().__init__(seed=draw(st.integers(0, 2**32 - 1)))
        self.draw, self.kinks = draw, kinks

    def shape(self, min_dims: int = 0, min_side: int = 0) -> Shape:
        return self.draw(
            hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=min_side, max_side=3)
        )

    def shapes(self, count: int) -> tuple[Shape, ...]:
        """Shapes that broadcast together, with axes missing, of length 1 and of length 0."""
        return self.broadcastable(num_shapes=count, max_dims=3)

    def broadcastable(self, **how: Any) -> tuple[Shape, ...]:
        found = hnp.mutually_broadcastable_shapes(min_side=0, max_side=3, **how)
        return self.draw(found).input_shapes

    def stretched(self) -> tuple[Shape, Shape]:
        a, b = self.shapes(2)
        return a, np.broadcast_shapes(a, b)

    def with_ones(self) -> Shape:
        return tuple(self.draw(st.lists(st.sampled_from([1, 1, 2, 0]), max_size=4)))

    def matmul_shapes(self, weight: bool = False) -> tuple[Shape, ...]:
        if weight:
            shape = self.shape(min_dims=2)
            return shape[:-1], shape[-2:]
        return self.broadcastable(signature="(m?,k),(k,n?)->(m?,n?)", max_dims=2)

    def lengths(self, n: int) -> Sequence[int]:
        return self.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))

    def axis(self, ndim: int) -> int:
        return self.draw(st.integers(-ndim, ndim - 1))

    def axes(self, ndim: int) -> int | Shape | None:
        """None, one axis, or several in any order, some negative; sometimes an empty tuple."""
        if ndim == 0:
            return self.choice([None, ()])
        several = st.lists(st.integers(0, ndim - 1), unique=True)
        axes = self.draw(st.one_of(st.none(), st.integers(-ndim, ndim - 1), several))
        return self.signed(axes, ndim) if isinstance(axes, list) else axes

    def order(self, ndim: int) -> Shape:
        return tuple(self.draw(st.permutations(range(ndim))))

    def choice(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def index(self, shape: Shape) -> Any:
        """Slices, integers, Ellipsis, new axes, integer arrays with repeats, masks, and mixtures."""
        choices = [
            hnp.basic_indices(shape, allow_newaxis=True, max_dims=4),
            st.just(self.mask(shape)),
        ]
        if shape and 0 not in shape:
            results = hnp.array_shapes(max_dims=2, max_side=3)
            choices += [
                hnp.integer_array_indices(shape, result_shape=results),
                st.just([0, -1, 0]),
                st.just((np.array([0, 0, -1]), ...)),
                st.just((..., np.array([[0], [-1]]))),
                st.just((None, self.mask(shape[:1]))),
            ]
        return self.draw(st.one_of(choices))

    def with_nan(self, x: Any, axis: Any, keep: int = 1) -> Any:
        axes = range(x.ndim) if axis is None else np.ravel(np.array(axis, int)) % max(x.ndim, 1)
        holes = np.array(self.rng.random(x.shape) < 0.3)
        holes[tuple(slice(keep if i in axes else None) for i in range(x.ndim))] = False
        return np.where(holes, np.nan, x)

    def indices(self, shape: Shape, axis: int) -> Any:
        """Places, some negative; the other axes as long as x's, or 1, or longer where x's are 1."""
        axis %= len(shape)
        count = self.draw(st.integers(0, 4)) if shape[axis] else 0
        narrow = tuple(1 if self.bool() else n for n in shape)
        n = max(shape[axis], 1)
        indices = self.rng.integers(-n, n, with_length(narrow, axis, count))
        stretch = [i for i, n in enumerate(shape) if n == 1 and i != axis]
        return np.repeat(indices, 2, axis=stretch[0]) if stretch else indices
