"""audit(): published figures beside the true ones, with a verdict on each.

A printed figure may differ from the true one because it was rounded, because it was truncated,
because it was computed from figures already rounded, or because it is wrong. The verdict is worked
out from the figures alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import numpy as np

from ..engine import errors
from ..showing import aligned, html_table

Figures: TypeAlias = Any  # a number, an array, a nested list, or text such as "0.33 0.29 0.38"

COLUMNS = ("quantity", "published", "true", "verdict")
SLACK = 1e-9  # of a unit in the last place: this close to a tie counts as the tie


@dataclass(frozen=True)
class AuditedQuantity:
    """One quantity of an audit: its figures and the verdict on them.

    Attributes:
        quantity: its name.
        published: the figures as they were printed, () where none were published.
        true: the computed figures, rounded three places further than the published ones.
        verdicts: one per figure: "exact", "rounded", "truncated", "follows from ..." or
            "error: ...".
        verdict: one phrase that sums them up for the quantity.
    """

    quantity: str
    published: tuple[str, ...]
    true: tuple[str, ...]
    verdicts: tuple[str, ...]
    verdict: str

    @property
    def is_error(self) -> bool:
        """Whether any of its figures is wrong by more than rounding can explain."""
        return any(v.startswith("error") for v in self.verdicts)


@dataclass(frozen=True)
class Audit:
    """The findings, in the order of the published figures. Printed, it is a table."""

    findings: tuple[AuditedQuantity, ...]

    @property
    def errata(self) -> tuple[AuditedQuantity, ...]:
        """The quantities with a wrong figure."""
        return tuple(f for f in self.findings if f.is_error)

    def __iter__(self) -> Iterator[AuditedQuantity]:
        return iter(self.findings)

    def __getitem__(self, quantity: str) -> AuditedQuantity:
        for finding in self.findings:
            if finding.quantity == quantity:
                return finding
        raise KeyError(quantity)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (f.quantity, " ".join(f.published) or "–", " ".join(f.true), f.verdict)
            for f in self.findings
        ]

    def __str__(self) -> str:
        head, *lines = aligned([COLUMNS, *self._rows()])
        rule = "  ".join("-" * max(map(len, c)) for c in zip(COLUMNS, *self._rows(), strict=True))
        return "\n".join([head, rule, *lines])

    def _repr_html_(self) -> str:
        """The table, a row for each quantity."""
        return html_table(COLUMNS, self._rows())

    __repr__ = __str__


def audit(
    published: Mapping[str, Figures],
    computed: Mapping[str, Figures],
    digits: int | None = None,
    alternatives: Mapping[str, Mapping[str, Figures]] | None = None,
) -> Audit:
    """Compare published figures with computed ones and say of each whether it is right.

    Args:
        published: the figures of each quantity as printed. Text keeps all printed digits, which a
            float forgets: "0.90" or "0.33 0.29 0.38". Numbers are taken to have as many decimals
            as the longest one of their quantity.
        computed: the same quantities at full precision, of the same shape. Quantities that were not
            published are listed without a verdict.
        digits: the decimals that the source says it prints; a figure that shows more keeps its own.
        alternatives: what the figures would be from other inputs: for each explanation, such as
            "the rounded p", the quantities computed from it. A figure that is not right but equals
            such an alternative "follows from" it.

    Returns:
        An `Audit`, which prints as a table; its `errata` are the quantities with an error.

    A figure is right if it is the computed one, rounded (ties either way) or truncated.

    Raises:
        ShapeError: the numbers of published and computed figures of a quantity differ.
        KeyError: a published quantity was not computed.

    >>> print(audit({"p": "0.33 0.29 0.38", "loss": "1.1358"},
    ...             {"p": [0.330151, 0.293111, 0.376738], "loss": 1.146493},
    ...             alternatives={"the rounded p": {"loss": 1.135761}}))
    quantity  published       true                     verdict
    --------  --------------  -----------------------  --------------------------
    p         0.33 0.29 0.38  0.33015 0.29311 0.37674  rounded
    loss      1.1358          1.1464930                follows from the rounded p
    """
    alternatives = alternatives or {}
    for name in (*published, *(q for given in alternatives.values() for q in given)):
        if name not in computed:
            raise KeyError(f"audit: {name!r} was not computed")
    findings = []
    for name in dict.fromkeys([*published, *computed]):
        others = {label: given[name] for label, given in alternatives.items() if name in given}
        if name in published:
            findings.append(_finding(name, published[name], computed[name], digits, others))
        else:
            shown = tuple(f"{t:.6g}" for t in _numbers(computed[name]).ravel())
            findings.append(AuditedQuantity(name, (), shown, (), "not published"))
    return Audit(tuple(findings))


def _finding(
    name: str, published: Figures, computed: Figures, digits: int | None, others: dict[str, Figures]
) -> AuditedQuantity:
    printed = _printed(published, digits)
    true = _numbers(computed)
    candidates = {label: _numbers(figures) for label, figures in others.items()}
    for label, figures in {"computed": true, **candidates}.items():
        if figures.size != len(printed):
            what = f"audit: {name} has {len(printed)} published figures but {figures.size} {label}"
            raise errors.ShapeError(what, [figures])
    verdicts = tuple(
        _verdict(d, float(true.flat[i]), {k: float(v.flat[i]) for k, v in candidates.items()})
        for i, d in enumerate(printed)
    )
    return AuditedQuantity(
        name,
        tuple(str(d) for d in printed),
        tuple(f"{t:.{_places(d) + 3}f}" for d, t in zip(printed, true.ravel(), strict=True)),
        verdicts,
        _summary(verdicts, true.shape),
    )


def _printed(figures: Figures, digits: int | None) -> list[Decimal]:
    """The figures as decimal numbers, which keep the number of printed digits."""
    if isinstance(figures, str):
        cells: list[Any] = figures.split()
    else:
        cells = list(np.asarray(_plain(figures)).ravel())
    try:
        printed = [Decimal(str(c).replace("−", "-")) for c in cells]
    except InvalidOperation:
        what = f"audit: a published figure is not a number: {figures!r}"
        raise errors.DtypeError(what) from None
    least = digits or 0
    if not all(isinstance(c, str) for c in cells):  # a float 0.9 may have been printed as 0.90
        printed = [d.normalize() for d in printed]
        least = max([least, *(_places(d) for d in printed)])
    return [_padded(d, least) for d in printed]


def _padded(d: Decimal, places: int) -> Decimal:
    if not d.is_finite() or _places(d) >= places > 0 or (places == 0 and _places(d) > 0):
        return d
    return d.quantize(Decimal(1).scaleb(-places))


def _places(d: Decimal) -> int:
    """The number of decimals shown."""
    exponent = d.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _numbers(figures: Figures) -> np.ndarray[Any, Any]:
    return np.asarray(_plain(figures), dtype=np.float64)


def _plain(figures: Figures) -> Any:
    return figures.detach().numpy() if hasattr(figures, "detach") else figures


def _verdict(printed: Decimal, true: float, others: Mapping[str, float]) -> str:
    """The first explanation that gives the printed figure, the simplest tried first."""
    if how := _made_from(printed, true):
        return how
    for label, value in others.items():
        if _made_from(printed, value):
            return f"follows from {label}"
    if printed and _made_from(-printed, true):
        return "error: sign reversed"
    for label, value in others.items():
        if printed and _made_from(-printed, value):
            return f"error: sign reversed; the size follows from {label}"
    if not (printed.is_finite() and math.isfinite(true)):
        return "error: not the computed figure"
    return f"error: off by {abs(float(printed) - true) / _unit(printed):.2g} in the last place"


def _made_from(printed: Decimal, value: float) -> str | None:
    """How the printed figure comes from this value: "exact", "rounded", "truncated", or None."""
    if not (printed.is_finite() and math.isfinite(value)):
        same = math.isnan(value) if printed.is_nan() else float(printed) == value
        return "exact" if same else None
    unit = _unit(printed)
    distance = abs(float(printed) - value)
    slack = SLACK * unit + 4 * np.finfo(np.float64).eps * abs(value)
    if distance <= slack:
        return "exact"
    if distance <= unit / 2 + slack:
        return "rounded"
    is_cut = 0 <= abs(value) - abs(float(printed)) < unit
    return "truncated" if is_cut and float(printed) * value >= 0 else None


def _unit(d: Decimal) -> float:
    """A unit in the last printed place."""
    return 10.0 ** -_places(d)


_ORDER = ("exact", "rounded", "truncated")


def _summary(verdicts: Sequence[str], shape: tuple[int, ...]) -> str:
    """One phrase for a quantity: the worst of the right verdicts, or what is wrong and where."""
    kinds = list(dict.fromkeys(verdicts))
    right = [v for v in _ORDER if v in kinds]
    wrong = [v for v in kinds if v not in _ORDER]
    if not wrong:
        return right[-1] if right else "nothing published"
    if len(kinds) == 1:
        return wrong[0]
    parts = []
    for verdict in wrong:
        places = [i for i, v in enumerate(verdicts) if v == verdict]
        at = ", ".join(str([int(k) for k in np.unravel_index(i, shape)]) for i in places)
        parts.append(f"{at} {verdict}")
    return "; ".join(parts) + (f"; the rest {right[-1]}" if right else "")
