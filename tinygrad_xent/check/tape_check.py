"""check_tape(): is each derivative rule on the user's tape right, at the user's values?

A rule takes a gradient v of an operation's output back to an input: Jᵀv. Whatever the Jacobian J is,
<v, J u> = <Jᵀv, u> for every direction u. The left side needs no rule: J u is the slope of the
operation itself along u, measured by differences in float64. So each operation is judged alone, and
a wrong gradient is traced to the operation, the argument and the line, not to the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from .. import errors
from ..modes import Line, recording
from ..tape import Leaf, Node
from ..tracing import check_unchanged
from ..walk import collect, fit
from .diagnosis import Diagnosis, diagnose
from .differences import slope, step_for

if TYPE_CHECKING:
    from ..tensor import Tensor

Array: TypeAlias = Any

PROBES = 2  # pairs of random directions a rule must satisfy
TOLERANCE = 1e-6  # of |v| · |J u|, beside what the differences may be off by
DIAGNOSED = 200  # inputs of a guilty operation up to which its mistake is named
STEP = step_for(np.float64)

Status: TypeAlias = Literal["right", "wrong", "not finite", "kink"]


@dataclass(frozen=True)
class RuleCheck:
    """What became of one rule: one argument of one recorded operation.

    Attributes:
        op, argument, line, scope: which operation of the table, which of its inputs, where the
            user wrote it, and the names of the scopes around it.
        status: "right"; "wrong"; "not finite" (the rule gave NaN or infinity, or the inputs hold
            it); "kink" (no output could be measured: each lies at a kink).
        measured, ruled: <v, J u> by differences and <Jᵀv, u> by the rule, where they differed most.
        kinks: how many outputs were left out because they lie at a kink.
        reason: what is wrong, in words; "" where nothing is.
        diagnosis: the kind of mistake, where the operation is small enough to find out.
    """

    op: str
    argument: str
    line: Line
    scope: tuple[str, ...]
    status: Status
    measured: float
    ruled: float
    kinks: int
    reason: str
    diagnosis: Diagnosis | None = None

    @property
    def is_guilty(self) -> bool:
        """Whether the rule is wrong, or not finite."""
        return self.status in ("wrong", "not finite")

    def __str__(self) -> str:
        where = f"{self.op} (argument {self.argument}) at {self.line}"
        if self.line.text:
            where += f": {self.line.text}"
        return f"{self.status}: {where}" + (f"\n  {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class TapeCheck:
    """The rules of a tape, each checked: true as a whole if none is guilty. Printed, it says which."""

    rules: tuple[RuleCheck, ...]

    @property
    def guilty(self) -> tuple[RuleCheck, ...]:
        """The rules that are wrong or not finite, in the order in which the operations ran."""
        return tuple(r for r in self.rules if r.is_guilty)

    @property
    def ok(self) -> bool:
        """Whether no rule is guilty."""
        return not self.guilty

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[RuleCheck]:
        return iter(self.rules)

    def __str__(self) -> str:
        kinks = [r for r in self.rules if r.kinks]
        count = f"{len(self.rules)} rule{'s' if len(self.rules) != 1 else ''} checked"
        lines = [f"{count}: " + (f"{len(self.guilty)} at fault" if self.guilty else "all right")]
        lines += [str(r) for r in self.guilty]
        lines += [
            f"left out: {r.kinks} output{'s' if r.kinks > 1 else ''} of {r.op} at {r.line}: at a kink"
            for r in kinks
        ]
        return "\n".join(lines)

    __repr__ = __str__


def check_tape(output: Tensor, seed: int = 0) -> TapeCheck:
    """Check every derivative rule on the tape of `output`, at the values recorded there.

    Args:
        output: any tensor that requires grad; of any shape. The tape is not changed, `.grad` is
            left alone, and it works before and after `backward()`.
        seed: of the random directions.

    Returns:
        A `TapeCheck`: true if every rule is right; it names the guilty operations otherwise.

    A tape of float32 is checked in float64, at its own values. Before `backward()` the arrays that
    the rules kept are compared with what they should be, so an array overwritten in place is found.

    Raises:
        GraphError: `output` requires no grad, or a leaf was changed since it was used.

    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor([0.5, -1.0, 2.0], requires_grad=True, name="x")
    >>> tx.check.check_tape((tx.softmax(x) * x).sum())
    4 rules checked: all right
    """
    root = output._source()
    if not output.requires_grad:
        what = "check_tape: the tensor requires no grad, so no operation was recorded"
        raise errors.GraphError(errors.message(what, [output]))
    if not isinstance(root, Node):
        return TapeCheck(())
    rng = np.random.default_rng(seed)
    return TapeCheck(tuple(_checked(collect(root)[::-1], rng)))


def _checked(nodes: list[Node], rng: np.random.Generator) -> Iterator[RuleCheck]:
    check_unchanged(nodes)
    values: dict[Node, Array] = {}
    for node in nodes:
        inputs = [_value_of(source, values) for source in node.inputs]
        values[node] = y = node.recompute(inputs)
        if node.op.name == "checkpoint":  # its inputs are read from outside: check what it runs
            segment = node.settings[0]
            with recording():
                inner = segment.f(*segment.inputs)._source()
            yield from _checked([n for n in collect(inner)[::-1] if n.id > node.id], rng)
            continue
        if spoiled := _spoiled(node, inputs, y):
            yield spoiled
            continue
        for i, rule in node.plan.rules:
            yield _Probe(node, i, rule, inputs).check(rng)


def _value_of(source: Any, values: dict[Node, Array]) -> Array:
    if isinstance(source, Node):
        return values[source]
    return source.data if isinstance(source, Leaf) else source


def _spoiled(node: Node, inputs: list[Array], y: Array) -> RuleCheck | None:
    """The finding where a kept array is no longer what the operation saw or made."""
    if node.kept is None:  # backward has spent it: nothing left to compare
        return None
    should = node.plan.values(inputs, y, node.settings)
    for name, kept, right in zip(node.plan.names, node.kept, should, strict=True):
        if not (hasattr(right, "dtype") and right.dtype.kind == "f"):
            continue
        slack = 64 * np.finfo(right.dtype).eps
        if not np.allclose(kept, right, rtol=slack, atol=slack, equal_nan=True):
            reason = f"what it kept as {name} was overwritten after the operation ran"
            return _finding(node, name, "wrong", reason)
    return None


def _finding(node: Node, argument: str, status: Status, reason: str, **more: Any) -> RuleCheck:
    scope = tuple(entry.name for entry in node.scope.path()) if node.scope else ()
    found = {"measured": np.nan, "ruled": np.nan, "kinks": 0, **more}
    return RuleCheck(node.op.name, argument, node.line, scope, status, reason=reason, **found)


class _Probe:
    """One rule of one operation, with the operation as a function of that input in float64."""

    def __init__(
        self, node: Node, i: int, rule: Callable[[Any, Any], Any], inputs: list[Array]
    ) -> None:
        self.node, self.i, self.rule = node, i, rule
        self.inputs = [_as_float64(x) for x in inputs]
        self.settings = tuple(
            np.float64 if name == "dtype" else value
            for name, value in zip(node.op.settings, node.settings, strict=False)
        )
        self.x = np.asarray(self.inputs[i], dtype=np.float64)
        self.y = self.forward(self.x)

    def forward(self, x: Array) -> Array:
        inputs = [*self.inputs[: self.i], x, *self.inputs[self.i + 1 :]]
        return np.asarray(self.node.op.forward(*inputs, *self.settings), dtype=np.float64)

    def back(self, v: Array) -> Array:
        """Jᵀv by the rule, as the walk would use it."""
        with np.errstate(all="ignore"):
            kept = self.node.plan.values(self.inputs, self.y, self.settings)
            return np.asarray(fit(self.rule(v, kept), self.x.shape), dtype=np.float64)

    def check(self, rng: np.random.Generator) -> RuleCheck:
        worst, kinks, judged = (-1.0, 0.0, 0.0), 0, 0
        for _ in range(PROBES):
            v = rng.standard_normal(self.y.shape)
            for scale in self.scales():
                along = np.where(np.isfinite(self.x), rng.standard_normal(self.x.shape) * scale, 0)
                moved = slope(self.forward, self.x, along, STEP)
                kinks = int(moved.measured.size - moved.measured.sum())
                if not kinks:
                    break
            v = np.where(moved.measured, v, 0)
            try:
                taken_back = self.back(v)
            except Exception as error:
                return self.finding("wrong", f"the rule raised {type(error).__name__}: {error}")
            if not np.isfinite(taken_back).all():
                return self.finding("not finite", self.where_not_finite(taken_back))
            terms = v * np.where(moved.measured, moved.value, 0)
            left, right = float(terms.sum()), float((taken_back * along).sum())
            judged += int(moved.measured.sum())
            slack = TOLERANCE * max(np.abs(terms).sum(), np.abs(taken_back * along).sum())
            slack += float((np.abs(v) * np.where(moved.measured, moved.error, 0)).sum())
            excess = abs(left - right) / slack if slack else float(left != right)
            worst = max(worst, (excess, left, right))
        excess, left, right = worst
        numbers = {"measured": left, "ruled": right, "kinks": kinks}
        if excess > 1:
            diagnosis = self.diagnose(rng)
            said = f"; {diagnosis}" if diagnosis else ""
            reason = (
                f"<v, J u> = {left:.6g} by differences, <Jᵀv, u> = {right:.6g} by the rule{said}"
            )
            return self.finding("wrong", reason, diagnosis=diagnosis, **numbers)
        return self.finding("right" if judged or not self.y.size else "kink", "", **numbers)

    def scales(self) -> Iterator[Array]:
        """How far to go in each element: the array's own size, then each element's own size, which
        never crosses 0, then a fraction of that.
        """
        size = np.abs(np.where(np.isfinite(self.x), self.x, 0))
        largest = float(size.max(initial=0.0))
        yield largest or 1.0
        yield size
        yield size * 1e-3

    def where_not_finite(self, gradient: Array) -> str:
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(gradient))[0])
        return f"the rule gives {gradient[at]} at {list(at)}, where the input is {self.x[at]}"

    def diagnose(self, rng: np.random.Generator) -> Diagnosis | None:
        """Name the mistake: Jᵀv by the rule against the slopes of <v, y>, element by element."""
        if self.x.size > DIAGNOSED:
            return None
        v = rng.standard_normal(self.y.shape)
        true = np.zeros(self.x.shape)
        scale = float(np.abs(self.x).max(initial=0.0, where=np.isfinite(self.x))) or 1.0
        for at in np.ndindex(self.x.shape):
            along = np.zeros(self.x.shape)
            along[at] = scale
            found = slope(lambda x: np.sum(v * self.forward(x)), self.x, along, STEP)
            true[at] = float(found.value) / scale
        if not np.isfinite(true).all():
            return None
        return diagnose(self.back(v), true, tolerance=TOLERANCE)

    def finding(self, status: Status, reason: str, **more: Any) -> RuleCheck:
        return _finding(self.node, self.node.plan.input_names[self.i], status, reason, **more)


def _as_float64(x: Array) -> Array:
    """Floating arrays in float64; integers, masks and Python numbers as they are."""
    is_float = hasattr(x, "dtype") and x.dtype.kind == "f"
    return np.asarray(x, dtype=np.float64) if is_float else x
