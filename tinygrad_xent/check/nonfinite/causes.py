"""What makes nan or infinity, operation by operation, and the usual cure.

`origin.py` finds the operation and the element; here its operands at that element are read
and the mistake is named. One function per operation, forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...engine.arrays import Array
from ...engine.table import TABLE
from ...tracing import Entry, Trace
from ..reading import Index, has_nan, is_softmax, label, origin, upstream


class Cause(NamedTuple):
    """What kind of mistake it is, and what is usually done about it."""

    cause: str
    cure: str


@dataclass(frozen=True, eq=False)
class Case:
    """The guilty operation and what it read: `values` of its inputs and, backward, `g`.

    `argument` is None in forward; `place` is the output element, or None if it is not a single one;
    `bad` is what came out there.
    """

    trace: Trace
    entry: Entry
    argument: int | None
    place: Index | None
    values: tuple[Array, ...]
    g: Array | None = None
    bad: Array | None = None

    @property
    def infinite(self) -> bool:
        """Whether what came out there is an infinity, not nan."""
        return self.bad is None or bool(np.isinf(self.bad))

    @property
    def limit(self) -> float:
        """The largest number of the output's dtype."""
        return float(np.finfo(self.entry.dtype).max)

    def source(self, i: int) -> Entry:
        return self.trace[self.entry.inputs[i]]


# --- data ----------------------------------------------------------------------------------------


def data(entry: Entry) -> Cause:
    """A leaf or a constant that was not finite before anything was computed."""
    if entry.kind == "parameter":
        return Cause(
            "the parameter itself is not finite: an earlier update made it so",
            "divide the learning rate by 10 and start again; if it happens at every rate, a "
            "gradient was not finite: backward() warned in that step and named the operation",
        )
    if has_nan(entry.value):
        return Cause(
            "the data contain nan: missing values, or 0 / 0 in the preparation",
            "np.isnan(x).any(axis=0) names the columns; fill or drop them before training",
        )
    return Cause(
        "the data contain an infinity",
        "np.isinf(x).any(axis=0) names the columns; a mask of -inf must leave one entry per row",
    )


# --- forward -------------------------------------------------------------------------------------


def forward(case: Case) -> Cause:
    """Why an operation's output is not finite although its inputs are."""
    if case.entry.op not in TABLE:
        return _closed(case)
    if any(not np.isfinite(v).all() for v in case.values if v.dtype.kind == "f"):
        return _of_infinities(case)
    return _FORWARD.get(case.entry.op, _overflow if case.infinite else _undefined)(case)


def _log(case: Case) -> Cause:
    (x,) = case.values
    if x < 0:
        return Cause(
            "log of a negative number",
            "the argument is not a probability: look at how it was computed; a variance, which "
            "should be >= 0, must be a sum of squares",
        )
    trace, source = case.trace, case.source(0)
    arithmetic = {"sum", "mul", "add", "clip", "sub", "neg"}
    if origin(trace, source, lambda e: is_softmax(trace, e), arithmetic) is not None:
        cure = "use log_softmax(logits) in place of log(softmax(logits)): it can't be log 0"
        return Cause("log of 0: the softmax underflowed to 0", cure)
    if origin(trace, source, lambda e: e.op == "sigmoid", arithmetic) is not None:
        cure = "log σ(z) is -softplus(-z) and log(1 - σ(z)) is -softplus(z): neither can be log 0"
        return Cause("log of 0: the sigmoid is saturated", cure)
    cure = (
        "if the argument is a probability, compute its logarithm directly (log_softmax, logsumexp)"
    )
    return Cause("log of 0", f"{cure}; else guard it: log(where(x > 0, x, 1))")


def _log1p(case: Case) -> Cause:
    (x,) = case.values
    what = "log1p of -1: log of 0" if x == -1 else "log1p below -1: log of a negative number"
    return Cause(what, "keep x > -1; for log(1 - p) of a sigmoid use -softplus(z)")


def _exp(case: Case) -> Cause:
    (x,) = case.values
    return Cause(
        f"overflow in exp: {float(x):.6g} is more than log of the largest {case.entry.dtype}, "
        f"{np.log(case.limit):.6g}",
        "in a softmax, subtract the row's largest logit first, as softmax, log_softmax and "
        "logsumexp do; log(1 + exp(x)) is softplus(x)" + _exploding(case),
    )


def _div(case: Case) -> Cause:
    a, b = case.values
    if b != 0:
        return Cause(
            "overflow in a division by a very small number",
            "look at why the divisor is so small; work with logarithms, or in float64",
        )
    what = "0 / 0" if a == 0 else "division by 0"
    trace, divisor = case.trace, case.source(1)
    total = origin(trace, divisor, lambda e: e.op == "sum", {"add"})
    if total is not None and trace[total.inputs[0]].op == "exp":
        return Cause(
            f"{what}: every exp of the row underflowed to 0",
            "subtract the largest logit of that row, not of the batch, or use softmax(x, axis)",
        )
    scopes = case.entry.scope
    if "var" in scopes:
        return Cause(f"{what}: var of n elements with ddof = n", "use ddof=0, or more elements")
    if "mean" in scopes:
        return Cause(
            f"{what}: the mean of no elements", "the selection is empty: skip such batches"
        )
    return Cause(
        what,
        "guard the divisor: a / where(b == 0, 1, b), or b + eps where b can't be negative; "
        "a mean over a mask that selects nothing needs maximum(count, 1)",
    )


def _sqrt(case: Case) -> Cause:
    return Cause(
        "square root of a negative number",
        "a variance computed as mean(x²) - mean(x)² can fall below 0 by rounding: use var(x)",
    )


def _pow(case: Case) -> Cause:
    x, n = case.values
    if x == 0:
        return Cause("0 to a negative power: division by 0", "guard it: where(x == 0, 1, x) ** n")
    if x < 0 and n != np.round(n):
        return Cause("a negative number to a fractional power", "use abs(x) ** n, or keep x >= 0")
    return _overflow(case)


def _no_entry_left(case: Case) -> Cause:
    return Cause(
        "every entry of the line is -inf: all classes are masked",
        "leave at least one entry unmasked, or leave such rows out before this operation",
    )


def _astype(case: Case) -> Cause:
    return Cause(
        f"overflow in the conversion: more than the largest {case.entry.dtype}, {case.limit:.4g}",
        "scale the values down first, or stay in the wider dtype",
    )


def _closed(case: Case) -> Cause:
    return Cause(
        f"it happened inside {case.entry.op}, which the trace does not enter",
        "write it with the table's operations (the function without checkpoint, cross_entropy(x @ W "
        "+ b, y)) and call explain_nonfinite(loss) again",
    )


def _undefined(case: Case) -> Cause:
    """nan from finite numbers, in an operation that has no function of its own here."""
    return Cause(
        f"{case.entry.op} is undefined here: 0 / 0, 0 · inf or the like within it",
        "guard the argument, not the result: x = where(safe, x, 1) before it; or let its rule "
        "define the slope there",
    )


def _overflow(case: Case) -> Cause:
    return Cause(
        f"overflow: more than the largest {case.entry.dtype}, {case.limit:.4g}",
        "numbers of this size are rarely intended: scale the inputs to about 1, add logarithms "
        "instead of multiplying, use a mean instead of a sum" + _exploding(case),
    )


_FORWARD: dict[str, Callable[[Case], Cause]] = {
    "log": _log,
    "log1p": _log1p,
    "exp": _exp,
    "expm1": _exp,
    "div": _div,
    "sqrt": _sqrt,
    "pow": _pow,
    "astype": _astype,
}


def _of_infinities(case: Case) -> Cause:
    """nan from infinities that were put there on purpose."""
    op, values = case.entry.op, case.values
    if op in ("softmax", "log_softmax", "logsumexp"):
        if (values[0] == np.inf).any():
            return Cause("a logit is +inf", "mask with -inf, which gives probability 0, not +inf")
        return _no_entry_left(case)
    if op in ("mul", "matmul"):
        cure = "a mask by product does not remove an infinity: select with where(mask, x, 0)"
        return Cause("0 · inf", cure)
    what = {"add": "inf - inf", "sub": "inf - inf", "sum": "inf - inf", "div": "inf / inf"}
    cure = "let the masked entries pass through softmax or where before any other arithmetic"
    return Cause(what.get(op, f"{op} of an infinity"), cure)


def _exploding(case: Case) -> str:
    """A hint about the learning rate, if a parameter upstream has grown out of all proportion."""
    parameters = [e for e in upstream(case.trace, case.entry) if e.kind == "parameter"]
    sizes = {e: float(np.abs(e.value).max(initial=0)) for e in parameters}
    largest = max(parameters, key=sizes.__getitem__, default=None)
    if largest is None or sizes[largest] <= HUGE:
        return ""
    return (
        f"; {label(largest)} has grown to {sizes[largest]:.3g}: the learning rate is too large, divide "
        "it by 10 and start again"
    )


HUGE = 1e4  # a parameter beyond this was not intended: initial values are about 1


# --- backward ------------------------------------------------------------------------------------


def backward(case: Case) -> Cause:
    """Why the result of a rule is not finite although the gradient that reached it is."""
    if case.entry.op not in TABLE:
        return _closed(case)
    if case.g is not None and case.g.ndim == 0 and case.g == 0:
        return _put_out(case)
    slope = _SLOPES.get((case.entry.op, case.argument))
    found = slope(case) if slope else None
    if found is None and not case.infinite:
        return _undefined(case)
    return found or Cause(
        f"overflow in the derivative: more than the largest {case.entry.dtype}, {case.limit:.4g}",
        "numbers of this size are rarely intended: scale the inputs to about 1, and clip the norm "
        "of the gradient only once the cause is known" + _exploding(case),
    )


def sum_of_gradients(parts: int) -> Cause:
    """A gradient that is not finite although no rule made it so."""
    if parts:
        return Cause(
            f"overflow in adding up {parts} finite contributions",
            "scale the loss down (a mean instead of a sum), or use float64",
        )
    return Cause("the gradient given to backward() is not finite", "look at how it was computed")


def _put_out(case: Case) -> Cause:
    """0 · inf: a product with 0 puts the output out here, but its slope is infinite."""
    return Cause(
        f"the gradient here is 0, but {case.entry.op}'s slope there is infinite, and 0 · inf is nan",
        "a product with a mask of 0 does not select: write where(mask, x, 0), which does",
    )


def _sqrt_slope(case: Case) -> Cause | None:
    if case.values[0] != 0:
        return None
    return Cause(
        "the slope of a square root at 0 is infinite (a norm or a standard deviation of 0)",
        "add a small number inside: sqrt(x + 1e-12); or use the square where that is enough",
    )


def _pow_slope(case: Case) -> Cause | None:
    x, n = case.values
    if x == 0 and n < 1:
        return Cause(
            f"the slope of x ** {float(n):.6g} at 0 is infinite",
            "keep x away from 0: (x + eps) ** n",
        )
    return None


def _exponent_slope(case: Case) -> Cause | None:
    if case.values[0] >= 0:
        return None
    return Cause(
        "the gradient for an exponent takes the log of the base, which is negative here",
        "pass the exponent as a plain number or detach() it: ** with a fixed power needs no log",
    )


def _log_slope(case: Case) -> Cause | None:
    return Cause(
        "the slope 1 / x overflows: the argument is almost 0",
        "compute the logarithm of the probability directly (log_softmax, logsumexp)",
    )


def _div_slope(case: Case) -> Cause | None:
    return Cause(
        "the slope of a quotient overflows: the divisor is almost 0",
        "look at why the divisor is so small; b + eps where it can't be negative",
    )


_SLOPES: dict[tuple[str, int | None], Callable[[Case], Cause | None]] = {
    ("sqrt", 0): _sqrt_slope,
    ("pow", 0): _pow_slope,
    ("pow", 1): _exponent_slope,
    ("log", 0): _log_slope,
    ("div", 0): _div_slope,
    ("div", 1): _div_slope,
}
