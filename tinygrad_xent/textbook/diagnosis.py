"""diagnose(): which known mistake turns the true gradient into the claimed one?

Every mistake of `mistakes.py`, alone and combined, is applied and compared with the claim. The
explanation is chosen by description length: each component explained saves the bits needed to write
it down; each mistake assumed, and each component left unexplained, costs bits. An explanation that
does not save clearly more than it costs would be a guess, so it is not reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..engine import errors
from ..engine.tensors import raw
from ..showing import html_table
from . import mistakes
from .mistakes import Context, Mistake, make_context

Array: TypeAlias = Any
Index: TypeAlias = tuple[int, ...]

BITS_PER_MISTAKE = 4.0  # about a dozen kinds: log2 of their number
MARGIN = 8.0  # bits an explanation must save: by chance that happens less than once in 2⁸
SHOWN = 5  # components listed


class WrongComponent(NamedTuple):
    """A component that the mistakes do not explain: its index, the claimed and the right value."""

    at: Index
    claimed: float
    expected: float


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a claimed gradient; prints as a short report.

    Attributes:
        mistakes: the names of the mistakes that together explain it; () if it is right or nothing
            explains it.
        meanings: what each mistake means.
        wrong: the components that are wrong even so; where nothing explains the claim, those with
            the largest differences.
        also: other explanations of the same figures, such as "factor 2" where N = 2.
        is_right: whether the claim is right up to rounding.
    """

    mistakes: tuple[str, ...]
    meanings: tuple[str, ...]
    wrong: tuple[WrongComponent, ...] = ()
    also: tuple[tuple[str, ...], ...] = ()
    is_right: bool = False
    note: str = ""

    @property
    def is_unexplained(self) -> bool:
        """Whether the claim is wrong and no known mistake explains it."""
        return not self.is_right and not self.mistakes

    def __str__(self) -> str:
        if self.is_right:
            return "right" + (f" ({self.note})" if self.note else "")
        head = ", ".join(self.mistakes) or "unexplained"
        lines = [head + (f" ({self.note})" if self.note else "")]
        lines += [f"  {n}: {m}" for n, m in zip(self.mistakes, self.meanings, strict=True)]
        expects = "the other mistakes give" if len(self.mistakes) > 1 else "should be"
        for at, claimed, expected in self.wrong[:SHOWN]:
            lines.append(f"  {list(at)}: claimed {claimed:.6g}, {expects} {expected:.6g}")
        if len(self.wrong) > SHOWN:
            lines.append(f"  and {len(self.wrong) - SHOWN} more")
        lines += [f"  the same figures: {', '.join(names)}" for names in self.also]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The mistakes in words, and the figures that they do not explain as a table."""
        told = [line for line in str(self).splitlines() if not line.startswith("  [")]
        rows = [(str(list(at)), f"{c:.6g}", f"{e:.6g}") for at, c, e in self.wrong[:SHOWN]]
        table = html_table(("element", "claimed", "right"), rows) if rows else ""
        return f"<pre>{escape(chr(10).join(told))}</pre>{table}"

    __repr__ = __str__


def diagnose(
    claimed: Any,
    actual: Any,
    *,
    x: Any = None,
    p: Any = None,
    y: Any = None,
    delta: Any = None,
    upstream: Any = None,
    slope: Any = None,
    n: int | None = None,
    k: int | None = None,
    digits: int | None = None,
    tolerance: float | None = None,
) -> Diagnosis:
    """Compare a gradient derived by hand with the true one and name the mistake.

    Args:
        claimed: the gradient to judge.
        actual: the true one, from `backward()`. Its shape is the right one.
        x: the linear layer's inputs, (N, D).
        p, y: softmax probabilities (N, K) and labels, one-hot or class numbers; or both (N,), the
            column of one class, to judge the gradient of that class alone.
        delta: the gradient at the linear layer's output, (N, K), where `p` and `y` do not give it.
        upstream, slope: the gradient after an activation and the activation's derivative there.
        n, k: the numbers of samples and of classes, where the arrays above do not show them.
        digits: the decimals to which the claimed figures were rounded.
        tolerance: relative to the largest component; the square root of the dtype's eps if None.

    All keywords are optional, but a mistake can be named only if what it depends on is given.

    Returns:
        A `Diagnosis`: right, explained by one or more mistakes, or unexplained.

    Raises:
        ShapeError: labels and probabilities do not fit each other.

    >>> import tinygrad_xent as tx
    >>> tx.check.diagnose([2.0, -4.0, 6.0], [-1.0, 2.0, -3.0])
    sign flipped, extra factor 2
      sign flipped: every component has the wrong sign
      extra factor 2: every component is twice as large
    """
    claimed, actual = _array(claimed, "claimed"), _array(actual, "actual")
    eps = max(float(np.finfo(a.dtype).eps) for a in (claimed, actual))
    claimed, actual = claimed.astype(np.float64), actual.astype(np.float64)
    judge = _Judge(claimed, actual, math.sqrt(eps) if tolerance is None else tolerance, digits)
    if not np.isfinite(actual).all():
        return Diagnosis((), (), note="the true gradient itself is not finite")
    context = make_context(
        actual, x=x, p=p, y=y, delta=delta, upstream=upstream, slope=slope, n=n, k=k
    )
    if claimed.shape == actual.shape and judge.agrees(actual):
        return Diagnosis((), (), is_right=True)
    explanations = sorted(judge.explanations(context), key=lambda e: e.cost)
    return judge.verdict(explanations)


def _array(values: Any, what: str) -> Array:
    array = np.asarray(raw(values))
    if array.dtype.kind not in "fiub":
        text = f"diagnose: the {what} gradient must be numbers, got {array.dtype}"
        raise errors.DtypeError(text, [values])
    return array if array.dtype.kind == "f" else array.astype(np.float64)


class Explanation(NamedTuple):
    """Some mistakes, what they predict, where the claim differs from that, and the cost in bits."""

    mistakes: tuple[Mistake, ...]
    seen: Array  # the claim, with a mistake of shape undone
    predicted: Array
    wrong: Array
    cost: float


class _Judge:
    """Weighs explanations of one claim against each other."""

    def __init__(self, claimed: Array, actual: Array, relative: float, digits: int | None) -> None:
        self.claimed, self.actual = claimed, actual
        self.rounding = 0.0 if digits is None else 0.5 * 10.0**-digits * (1 + 1e-9)
        self.relative = relative
        self.floor = 16 * relative**2 * _largest(actual)  # what is left of sums that should be 0
        self.spread = max(_largest(claimed), _largest(actual))
        finest = max(self.relative * self.spread + self.rounding, self.floor)
        self.bits = 1 + math.log2(self.spread / finest) if self.spread else 0.0

    def slack(self, predicted: Array) -> float:
        return self.relative * _largest(predicted) + self.rounding + self.floor

    def agrees(self, predicted: Array) -> bool:
        return bool((np.abs(self.claimed - predicted) <= self.slack(predicted)).all())

    def explanations(self, context: Context) -> Iterator[Explanation]:
        """Each combination of mistakes that saves clearly more than it costs."""
        views = list(context.views(self.claimed, self.actual.shape))
        factors = list(context.factors())
        for made, base in context.predictions(self.actual):
            for viewed, seen in views:
                if seen.shape != base.shape:
                    continue
                for scaled, factor in factors:
                    found = (*made, *viewed, *scaled)
                    if explanation := self.weigh(found, seen, factor * base):
                        yield explanation

    def weigh(
        self, found: tuple[Mistake, ...], seen: Array, predicted: Array
    ) -> Explanation | None:
        predictable = ~np.isnan(predicted)
        slack = self.slack(predicted)
        with np.errstate(invalid="ignore"):
            off = np.where(predictable, np.abs(seen - predicted), 0.0)
        wrong = ~(off <= slack)
        count, right = int(predictable.sum()), int((predictable & ~wrong).sum())
        if right == 0 or 2 * right < count:
            return None
        cost = BITS_PER_MISTAKE * len(found)
        if right < count:
            kind, place_bits = _exception(wrong)
            ratio = np.where(np.isfinite(off[wrong]), off[wrong] / slack, np.inf)
            # A near miss takes only a few bits more than the prediction, a wild value all bits.
            cost += BITS_PER_MISTAKE + place_bits
            cost += float(np.minimum(self.bits, 2 + np.log2(ratio)).sum())
            found = (*found, kind)
        if count * self.bits - cost < MARGIN:
            return None
        return Explanation(found, seen, predicted, wrong, cost)

    def verdict(self, explanations: list[Explanation]) -> Diagnosis:
        if not explanations:
            return self.unexplained()
        best = explanations[0]
        if not best.mistakes:  # the right rule, on the rounded figures that were given
            return Diagnosis((), (), is_right=True, note="up to the rounding of the given figures")
        names = tuple(m.name for m in best.mistakes)
        also = dict.fromkeys(
            tuple(m.name for m in e.mistakes) for e in explanations[1:] if e.cost < best.cost + 1
        )
        also.pop(names, None)
        return Diagnosis(
            names,
            tuple(m.meaning for m in best.mistakes),
            _components(best.seen, best.predicted, best.wrong),
            tuple(also),
        )

    def unexplained(self) -> Diagnosis:
        """The largest differences, and what may help: a different shape, a common ratio."""
        if self.claimed.shape != self.actual.shape:
            note = f"shape {self.claimed.shape}, but the true gradient has {self.actual.shape}"
            return Diagnosis((), (), note=note)
        off = np.abs(self.claimed - self.actual)
        with np.errstate(all="ignore"):
            ratios = (self.claimed / self.actual)[np.abs(self.actual) > self.slack(self.actual)]
        note = ""
        if ratios.size > 1 and np.ptp(ratios) <= 2 * self.relative * np.abs(ratios).max():
            note = f"every component is {np.median(ratios):.6g} times the true one"
        parts = _components(self.claimed, self.actual, ~(off <= self.slack(self.actual)))
        worst = sorted(parts, key=lambda c: -np.nan_to_num(abs(c.claimed - c.expected), nan=np.inf))
        return Diagnosis((), (), tuple(worst[:SHOWN]), note=note)


def _largest(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))


def _exception(wrong: Array) -> tuple[Mistake, float]:
    """How to describe which components are wrong, and the bits that takes."""
    places = np.argwhere(wrong)
    if wrong.ndim == 2 and len(places) > 1:
        for axis, kind in ((0, mistakes.ROW), (1, mistakes.COLUMN)):
            if wrong.shape[axis] > 1 and len(np.unique(places[:, axis])) == 1:
                return kind, math.log2(wrong.shape[axis])
    choices = math.lgamma(wrong.size + 1) - math.lgamma(len(places) + 1)
    choices -= math.lgamma(wrong.size - len(places) + 1)
    return mistakes.COMPONENTS, choices / math.log(2)


def _components(seen: Array, expected: Array, wrong: Array) -> tuple[WrongComponent, ...]:
    return tuple(
        WrongComponent(
            tuple(int(i) for i in at), float(seen[tuple(at)]), float(expected[tuple(at)])
        )
        for at in np.argwhere(wrong)
    )
