"""The mistakes that people make when they derive a gradient by hand, and what each one gives.

`diagnose` knows only these. There are three kinds of mistake. A *prediction* is the gradient with
the mistake in it. A *view* is a mistake that is undone on the claimed gradient: a transposition, a
missing sum. A *factor* multiplies everything. Some depend on how the gradient was computed: on the
inputs `x` of a linear layer, the probabilities `p` and labels `y` of a softmax, an activation's
`slope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..engine import errors
from ..engine.tensors import raw

Array: TypeAlias = Any


class Mistake(NamedTuple):
    """A kind of mistake and what it means."""

    name: str
    meaning: str


SIGN = Mistake("sign flipped", "every component has the wrong sign")
TWICE = Mistake("extra factor 2", "every component is twice as large")
HALF = Mistake("missing factor 2", "every component is half as large")
TRANSPOSED = Mistake("transposed", "rows and columns are exchanged")
NO_SUM = Mistake(
    "missing sum over the batch",
    "a broadcast parameter is used by every sample: its gradient is the sum over them",
)
WRONG_AXIS = Mistake(
    "summed over the wrong axis", "a bias is shared by the samples: the sum runs over axis 0"
)
NO_INDICATOR = Mistake(
    "missing indicator",
    "p - 1 is used for every class; the rule is p - y, y = 1 for the true class",
)
DIAGONAL = Mistake(
    "softmax Jacobian's diagonal only",
    "dp_j/dz_i = -p_i p_j for i ≠ j was left out: only the true class gets a gradient",
)
NO_SLOPE = Mistake(
    "activation derivative missing", "the gradient passed the activation without its derivative"
)
ROW = Mistake("one row wrong", "the other rows are right")
COLUMN = Mistake("one column wrong", "the other columns are right")
COMPONENTS = Mistake("wrong components", "the other components are right")


def _scale_mistakes(symbol: str, count: int) -> list[tuple[Mistake, float]]:
    """The factor 1/`count` of a mean, forgotten or applied twice."""
    return [
        (
            Mistake(
                f"missing 1/{symbol}",
                f"{symbol} = {count}: the gradient of the sum where the mean was meant",
            ),
            float(count),
        ),
        (
            Mistake(f"doubled 1/{symbol}", f"divided by {symbol} = {count} once too often"),
            1 / count,
        ),
    ]


@dataclass(frozen=True)
class Context:
    """What is known about how the gradient was computed; None where it is not known.

    Attributes:
        x: inputs of the linear layer, (N, D).
        p, y: probabilities and one-hot labels, (N, K), or (N,) for the column of one class.
        delta: gradient at the linear layer's output, (N, K), where p and y do not give it.
        upstream, slope: gradient after an activation and the activation's derivative, (N, K).
        n, k: samples and classes.
    """

    x: Array | None = None
    p: Array | None = None
    y: Array | None = None
    delta: Array | None = None
    upstream: Array | None = None
    slope: Array | None = None
    n: int | None = None
    k: int | None = None

    def factors(self) -> Iterator[tuple[tuple[Mistake, ...], float]]:
        """Every product of a sign, a mean's factor and a 2, with the mistakes that make it."""
        n, k = self.n or 1, self.k or 1
        means: list[tuple[Mistake, float]] = []
        for symbol, count in (("N", n), ("K", k), ("(N·K)", n * k)):
            if count > 1 and (symbol != "(N·K)" or k > 1):
                means += _scale_mistakes(symbol, count)
        signs = [((), 1.0), ((SIGN,), -1.0)]
        twos = [((), 1.0), ((TWICE,), 2.0), ((HALF,), 0.5)]
        counts = [((), 1.0), *(((m,), f) for m, f in means)]
        for (a, f), (b, g), (c, h) in product(signs, counts, twos):
            if f * g * h != 1.0 or not (a or b or c):  # N = 2: a 1/N missing and a 2 missing
                yield (*a, *b, *c), f * g * h

    def views(
        self, claimed: Array, shape: tuple[int, ...]
    ) -> Iterator[tuple[tuple[Mistake, ...], Array]]:
        """The claimed gradient with a shape mistake undone."""
        yield (), claimed
        if claimed.ndim >= 2 and claimed.T.shape == shape:
            yield (TRANSPOSED,), claimed.T
        if claimed.ndim == len(shape) + 1 and claimed.shape[1:] == shape:
            yield (NO_SUM,), claimed.sum(axis=0)
        if len(shape) == 2 and shape[0] == 1 and claimed.ndim == 2 and claimed.shape[0] > 1:
            yield (NO_SUM,), claimed.sum(axis=0, keepdims=True)

    def predictions(self, actual: Array) -> Iterator[tuple[tuple[Mistake, ...], Array]]:
        """What each mistake gives in place of the true gradient; the true one first."""
        yield (), actual
        right = self.right_delta()
        for is_bias, place, scale in self.fitting_places(actual, right):
            if right is not None:
                yield (), scale * place(right)  # differs from the true gradient if p was rounded
                if is_bias and right.ndim == 2:
                    yield (WRONG_AXIS,), scale * right.sum(axis=1)
            for mistake, wrong in self.wrong_deltas():
                yield (mistake,), scale * place(wrong)
        if self.slope is not None and self.upstream is None and self.slope.shape == actual.shape:
            with np.errstate(all="ignore"):  # where the slope is 0 nothing can be predicted
                yield (NO_SLOPE,), np.where(self.slope != 0, actual / self.slope, np.nan)

    def right_delta(self) -> Array | None:
        """The true gradient at the linear layer's output, without the mean's factor."""
        if self.delta is not None:
            return self.delta
        if self.p is not None and self.y is not None:
            return self.p - self.y
        if self.upstream is not None and self.slope is not None:
            return self.upstream * self.slope
        return None

    def wrong_deltas(self) -> Iterator[tuple[Mistake, Array]]:
        """The gradient at the linear layer's output with a mistake in it, likewise unscaled."""
        if self.p is not None and self.y is not None:
            yield NO_INDICATOR, self.p - 1
            yield DIAGONAL, self.y * (self.p - 1)  # -y/p times p (1 - p)
        if self.upstream is not None:
            yield NO_SLOPE, self.upstream

    def places(self) -> Iterator[tuple[bool, Any]]:
        """Whose gradient it may be: whether it is a bias's, and how it is computed from delta."""
        yield False, lambda d: d
        yield True, lambda d: d.sum(axis=0)
        if self.x is not None:
            x = self.x
            yield False, lambda d: x.T @ d
            yield False, lambda d: (x.T @ d).T

    def fitting_places(
        self, actual: Array, right: Array | None
    ) -> Iterator[tuple[bool, Any, float]]:
        """The places that fit the true gradient, with the mean's factor in it.

        The fit may be loose, as the probabilities may be the rounded ones of a publication; but
        where one place fits well, places that fit less well are dropped.
        """
        if right is None:
            yield from ((is_bias, place, 1.0) for is_bias, place in self.places())
            return
        fits = []
        for is_bias, place in self.places():
            if (found := self.scale_of(actual, place(right))) is not None:
                fits.append((is_bias, place, *found))
        best = min((misfit for *_, misfit in fits), default=0.0)
        yield from (fit[:3] for fit in fits if fit[3] <= 2 * best + 1e-6)

    def scale_of(self, actual: Array, unit: Array) -> tuple[float, float] | None:
        """The mean's factor (1, 1/N, 1/K or 1/(N·K)) and its misfit; None if none fits."""
        if actual.shape != unit.shape:
            return None
        if not unit.any():
            return None if actual.any() else (1.0, 0.0)
        fitted = float((actual * unit).sum() / (unit * unit).sum())
        if fitted <= 0:
            return None
        n, k = self.n or 1, self.k or 1
        scale: float = min((1.0, 1 / n, 1 / k, 1 / (n * k)), key=lambda s: abs(np.log(fitted / s)))
        misfit = float(np.linalg.norm(actual - scale * unit) / np.linalg.norm(scale * unit))
        return (scale, misfit) if misfit <= 0.25 else None


def make_context(actual: Array, **known: Any) -> Context:
    """A context from what the caller knows, with one-hot labels and the counts filled in."""
    found: dict[str, Any] = {
        name: np.asarray(raw(value)) if name not in ("n", "k") else value
        for name, value in known.items()
        if value is not None
    }
    p, y = found.get("p"), found.get("y")
    if p is not None and p.ndim == 2 and y is not None and y.ndim == 1:
        found["y"] = np.eye(p.shape[1])[y.astype(int)]
    if p is not None and y is not None and found["y"].shape != p.shape:
        what = f"diagnose: the probabilities have shape {p.shape}, the labels {y.shape}"
        raise errors.ShapeError(what, [p, y], "pass one-hot labels or class numbers")
    rows = [found[name] for name in ("p", "y", "delta", "upstream", "slope") if name in found]
    if rows or "x" in found:
        found.setdefault("n", len(rows[0]) if rows else len(found["x"]))
    if rows and rows[0].ndim == 2:
        found.setdefault("k", rows[0].shape[1])
    elif "x" in found and actual.ndim == 2:
        found.setdefault("k", actual.shape[1])
    return Context(**found)
