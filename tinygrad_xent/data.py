"""Batches of rows. To split rows into training and test sets use scikit-learn's `train_test_split`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .arguments import Seed, check_sizes, generator
from .engine import errors
from .engine.operands import plain_array

if TYPE_CHECKING:
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]


class Batches:
    """What `batches` gives: iterate over it once per epoch."""

    def __init__(
        self, X: Array, y: Array, batch_size: int, shuffle: bool, rng: np.random.Generator
    ) -> None:
        self.X, self.y, self.batch_size = X, y, batch_size
        self.shuffle, self.rng = shuffle, rng

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        order = self.rng.permutation(len(self.X)) if self.shuffle else None
        for start in range(0, len(self.X), self.batch_size):
            stop = start + self.batch_size
            rows: Any = slice(start, stop) if order is None else order[start:stop]
            yield self.X[rows], self.y[rows]


def batches(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    batch_size: int = 32,
    shuffle: bool = True,
    rng: Seed = None,
) -> Batches:
    """Pairs of up to `batch_size` rows of X and of y; the last pair has the rest.

    Each iteration is one epoch. With `shuffle` it draws its whole order from `rng` at its start;
    without, the batches are views of X and y. To resume in the middle of an epoch, save
    `rng.bit_generator.state` from before the epoch and the number n of batches done; then set that
    state and skip n batches: `itertools.islice(batches(...), n, None)`.

    Args:
        X: `(N, ...)`. y: `(N, ...)`.
        rng: a `numpy.random.Generator`, or a seed for one.

    Raises:
        ShapeError: X and y differ in length, or have no rows.
        ValueError: `batch_size` is below 1.
        DtypeError: `batch_size` is not an integer, or `rng` neither a generator nor a seed.

    >>> epoch = batches([[1.0], [2.0], [3.0]], [0, 1, 0], batch_size=2, shuffle=False)
    >>> len(epoch), [y.tolist() for _, y in epoch]
    (2, [[0, 1], [0]])
    """
    check_sizes("batches", [batch_size])
    rows, labels = plain_array("batches", X), plain_array("batches", y)
    if rows.ndim == 0 or labels.ndim == 0 or len(rows) != len(labels) or len(rows) == 0:
        shapes = f"X of shape {rows.shape} and y of shape {labels.shape}"
        what = f"batches: {shapes} must have equal row counts"
        raise errors.ShapeError(what, fix="pass one row of X and of y per sample, at least one")
    return Batches(rows, labels, int(batch_size), shuffle, generator("batches", rng))
