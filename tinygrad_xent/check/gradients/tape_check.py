"""check_tape(): is each derivative rule on the user's tape right, at the user's values?

A rule takes a gradient v of an operation's output back to an input: Jᵀv, a vector-Jacobian product.
For any Jacobian J and every direction u, <v, J u> = <Jᵀv, u>. The left side needs no rule: J u is
the slope of the operation itself along u, measured by differences in float64. So each operation is
judged alone, and a wrong gradient is traced to the operation, the argument and the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ...arguments import check_integer
from ...engine import errors
from ...engine.context import recording
from ...engine.lines import Line
from ...engine.nodes import Node, value_of
from ...engine.tensors import Tensor
from ...engine.walk import collect, sweep_arrays
from ...showing import html_table
from ...textbook.diagnosis import Diagnosis, diagnose
from ...tracing import check_unchanged
from ..reading import alone, is_finite
from .deciding import Decider, scales
from .differences import Slope, slope, step_for

Array: TypeAlias = Any

PROBES = 2  # pairs of random directions a rule must satisfy
TOLERANCE = 1e-6  # of |v| · |J u|, in addition to the error of the differences
DIAGNOSED = 200  # the mistake is named for inputs of up to this many elements

Status: TypeAlias = Literal["right", "wrong", "not finite", "undefined", "kink"]


@dataclass(frozen=True)
class RuleCheck:
    """The verdict on one rule: one argument of one recorded operation.

    Attributes:
        op, argument, line, scope: which operation of the table, which of its inputs, where the
            user wrote it, and the names of the scopes around it.
        status: "right"; "wrong"; "not finite" (the rule gave NaN or infinity where the slope is a
            number); "undefined" (it gave them where the operation has no finite slope either: its
            inputs or its value are not finite, or it is infinitely steep, as sqrt is at 0; so the
            rule could not be judged); "kink" (no output could be measured: each lies at a kink or
            at the edge of where the operation is defined).
        measured, ruled: <v, J u> by differences and <Jᵀv, u> by the rule, where they differed most.
        kinks: how many outputs were left out because they lie at a kink or an edge.
        reason: what is wrong, in words; "" where nothing is.
        diagnosis: the kind of mistake, if the input is small enough to find out.
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
        """Whether the rule is wrong, or not finite where the slope is."""
        return self.status in ("wrong", "not finite")

    def __str__(self) -> str:
        where = f"{self.op} (argument {self.argument}) at {self.line}"
        if self.line.text:
            where += f": {self.line.text}"
        return f"{self.status}: {where}" + (f"\n  {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class TapeCheck:
    """The verdicts on the rules of a tape: true if none is guilty or undefined. Printed, it names
    those that are.
    """

    rules: tuple[RuleCheck, ...]

    @property
    def guilty(self) -> tuple[RuleCheck, ...]:
        """The rules that are wrong or not finite, in the order in which the operations ran."""
        return tuple(r for r in self.rules if r.is_guilty)

    @property
    def undefined(self) -> tuple[RuleCheck, ...]:
        """The rules that could not be judged, because there is no finite slope to judge them by."""
        return tuple(r for r in self.rules if r.status == "undefined")

    @property
    def ok(self) -> bool:
        """Whether no rule is guilty, and none had to be left unjudged."""
        return not self.guilty and not self.undefined

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[RuleCheck]:
        return iter(self.rules)

    def __str__(self) -> str:
        kinks = [r for r in self.rules if r.kinks]
        count = f"{len(self.rules)} rule{'s' if len(self.rules) != 1 else ''} checked"
        found = [f"{len(self.guilty)} at fault"] if self.guilty else []
        found += [f"{len(self.undefined)} not judged"] if self.undefined else []
        lines = [f"{count}: " + (", ".join(found) or "all right")]
        lines += [str(r) for r in (*self.guilty, *self.undefined)]
        lines += [
            f"left out: {r.kinks} output{'s' if r.kinks > 1 else ''} of {r.op} at {r.line}: at a kink or an edge"
            for r in kinks
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The verdict, and the rules with something to be said of them as a table."""
        headline = f"<p>{escape(str(self).partition(chr(10))[0])}</p>"
        rows = [
            (r.status, r.op, r.argument, str(r.line), r.reason)
            for r in self.rules
            if r.status != "right"
        ]
        head = ("verdict", "operation", "argument", "line", "reason")
        return headline + (html_table(head, rows) if rows else "")

    __repr__ = __str__


def check_tape(output: Tensor, seed: int = 0) -> TapeCheck:
    """Check every derivative rule on the tape of `output`, at the values recorded there.

    Args:
        output: a tensor of any shape that requires grad, before or after `backward()`. Its tape and
            every `.grad` are left alone.
        seed: of the random directions.

    Returns:
        A `TapeCheck`: true if every rule is right; otherwise it names the guilty operations, and
        those that have no finite slope to judge a rule by.

    A tape of float32 is checked in float64, at its own values. Before `backward()` the arrays that
    the rules kept are compared with what they should be, so an array overwritten in place is found.

    Raises:
        DtypeError, BadValueError: `seed` is no integer of at least 0.
        GraphError: `output` does not require grad, or a leaf was changed since it was used.

    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor([0.5, -1.0, 2.0], requires_grad=True, name="x")
    >>> tx.check.check_tape((tx.softmax(x) * x).sum())
    4 rules checked: all right
    """
    root = output._source()
    if not output.requires_grad:
        what = "check_tape: the tensor does not require grad, so no operation was recorded"
        raise errors.GraphError(what, [output])
    if not isinstance(root, Node):
        return TapeCheck(())
    check_integer("check_tape", "seed", seed, 0)
    rng = np.random.default_rng(seed)
    return TapeCheck(tuple(_checked(collect(root)[::-1], rng, {})))


def _checked(
    nodes: list[Node], rng: np.random.Generator, values: dict[Node, Array]
) -> Iterator[RuleCheck]:
    """Check the nodes in the order in which they ran; `values` collects their outputs."""
    check_unchanged(nodes)
    for node in nodes:
        inputs = [value_of(source, values) for source in node.inputs]
        values[node], should = node.run(inputs)
        if node.op.name == "checkpoint":  # its inputs are read from outside: check what it runs
            (segment,) = node.state
            with recording():
                inner = segment.f(*segment.inputs)._source()
            new = [n for n in collect(inner)[::-1] if n.id > node.id]
            yield from _checked(new, rng, values)
            continue
        if spoiled := _spoiled(node, should):
            yield spoiled
            continue
        for i, *_ in node.plan.rules:
            yield _Probe(node, i, inputs).check(rng)
        node.run(inputs)  # leaves the memory of an operation as it was found


def _spoiled(node: Node, should: tuple[Any, ...]) -> RuleCheck | None:
    """A finding if a kept array is no longer what the operation read or computed."""
    if node.kept is None:  # backward() has freed it: nothing left to compare
        return None
    for name, kept, right in zip(node.plan.names, node.kept, should, strict=True):
        if not isinstance(right, (np.ndarray, np.generic)) or right.dtype.kind != "f":
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

    def __init__(self, node: Node, i: int, inputs: list[Array]) -> None:
        self.node, self.i = node, i
        self.inputs = [_as_float64(x) for x in inputs]
        self.settings = tuple(
            np.float64 if name == "dtype" else value
            for name, value in zip(node.op.settings, node.settings, strict=False)
        )
        self.x = np.asarray(self.inputs[i], dtype=np.float64)
        self.inputs[i] = self.x
        self.y = self.forward(self.x)
        # An operation may insist on computing in float32: then its slopes are that coarse.
        self.eps, self.step = float(np.finfo(self.y.dtype).eps), step_for(self.y.dtype)
        self.tolerance = max(TOLERANCE, 100 * self.eps)

    def forward(self, x: Array) -> Array:
        """The operation's output with `x` for the input in question."""
        inputs = [*self.inputs[: self.i], x, *self.inputs[self.i + 1 :]]
        return np.asarray(self.node.replaced(settings=self.settings).run(inputs)[0])

    def slope(self, f: Callable[[Array], Array], along: Array) -> Slope:
        return slope(f, self.x, along, self.step, self.eps)

    def back(self, v: Array) -> Array:
        """Jᵀv by the rule, as the walk would use it."""
        # The operation runs again first: its rule may depend on what its latest run saw.
        with np.errstate(all="ignore"):
            node = alone(self.node.op, self.inputs, self.settings, {self.i}, self.node.state)
            return np.asarray(sweep_arrays([node], {node: v})[node.inputs[self.i]], np.float64)

    def check(self, rng: np.random.Generator) -> RuleCheck:
        """Compare <v, J u> and <Jᵀv, u> for random u and v, and judge the worst pair."""
        worst: _Comparison | None = None
        for _ in range(PROBES):
            along, moved = self.measure(rng)
            v = np.where(moved.measured, rng.standard_normal(self.y.shape), 0)
            try:
                taken_back = self.back(v)
            except Exception as error:  # whatever a wrong rule runs into
                return self.finding("wrong", f"the rule raised {type(error).__name__}: {error}")
            if not np.isfinite(taken_back).all():
                return self.not_finite(taken_back)
            found = _compare(v, moved, taken_back * along, self.tolerance)
            if worst is None or not found.excess <= worst.excess:
                worst = found
        assert worst is not None
        return self.judge(worst, rng)

    def judge(self, worst: _Comparison, rng: np.random.Generator) -> RuleCheck:
        numbers = {"measured": worst.left, "ruled": worst.right, "kinks": worst.kinks}
        if not np.isfinite(worst.excess):
            return self.finding("undefined", "the products overflow", **numbers)
        if worst.excess > 1:
            diagnosis = self.diagnose(rng)
            reason = f"<v, J u> = {worst.left:.6g} by differences, "
            reason += f"<Jᵀv, u> = {worst.right:.6g} by the rule"
            if diagnosis:
                reason += f"; {diagnosis}"
            return self.finding("wrong", reason, diagnosis=diagnosis, **numbers)
        nothing = self.y.size > 0 and worst.kinks == self.y.size
        return self.finding("kink" if nothing else "right", "", **numbers)

    def measure(self, rng: np.random.Generator) -> tuple[Array, Slope]:
        """A random direction and the outputs' slopes along it, measured as well as possible."""
        for scale in self.scales():
            along = np.where(np.isfinite(self.x), rng.standard_normal(self.x.shape) * scale, 0)
            moved = self.slope(self.forward, along)
            if moved.measured.all():
                break
        return along, moved

    def scales(self) -> Iterator[Array]:
        """How far to go in each element: the largest size in the array, then each element's own,
        which does not cross 0, then a fraction of that.
        """
        size = np.abs(np.where(np.isfinite(self.x), self.x, 0))
        largest = float(size.max(initial=0.0)) or 1.0
        own = np.where(size > 0, size, largest)
        yield from (largest, own, 1e-3 * own)

    def not_finite(self, gradient: Array) -> RuleCheck:
        """The finding where the rule gives nan or infinity: its fault only if the slope is finite."""
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(gradient))[0])
        reason = f"the rule gives {gradient[at]} at {list(at)}, where the input is {self.x[at]}"
        if bad := [x for x in map(np.asarray, self.inputs) if not is_finite(x)]:
            return self.finding("undefined", f"{reason}; {len(bad)} of the inputs are not finite")
        if not is_finite(self.y):
            return self.finding("undefined", reason + "; the operation's value is not finite")
        if not np.isfinite(slope := self.slope_at(at)):
            return self.finding("undefined", reason + "; no finite slope can be measured there")
        return self.finding("not finite", f"{reason}; by differences it is {slope:.6g}")

    def slope_at(self, at: tuple[int, ...]) -> float:
        """The slope of the outputs' sum along one element; nan or inf if the differences show none."""
        i = int(np.ravel_multi_index(at, self.x.shape)) if at else 0
        flat = self.x.ravel()
        decider = Decider(lambda x: self.forward(x.reshape(self.x.shape)), flat, self.y.dtype)
        along = np.where(np.arange(flat.size) == i, scales(flat), 0.0)
        found = decider.decide(along, np.nan, 0.0, 0.0)
        return found.value * decider.unit / along[i] if found.verdict == "wrong" else np.nan

    def diagnose(self, rng: np.random.Generator) -> Diagnosis | None:
        """Name the mistake by comparing Jᵀv by the rule with the slopes of <v, y>, elementwise."""
        if self.x.size > DIAGNOSED:
            return None
        v = rng.standard_normal(self.y.shape)
        claimed = self.back(v)
        true = claimed.copy()
        scale = float(np.abs(self.x).max(initial=0.0, where=np.isfinite(self.x))) or 1.0
        for at in np.ndindex(self.x.shape):
            along = np.zeros(self.x.shape)
            along[at] = scale
            found = self.slope(lambda x: np.sum(v * self.forward(x)), along)
            if found.measured:  # at a kink the rule counts as right
                true[at] = float(found.value) / scale
        return diagnose(claimed, true, tolerance=self.tolerance)

    def finding(self, status: Status, reason: str, **more: Any) -> RuleCheck:
        return _finding(self.node, self.node.plan.input_names[self.i], status, reason, **more)


class _Comparison(NamedTuple):
    """<v, J u> and <Jᵀv, u>, how far apart in units of the tolerance, and outputs left out."""

    excess: float
    left: float
    right: float
    kinks: int


def _compare(v: Array, moved: Slope, right_terms: Array, tolerance: float) -> _Comparison:
    measured = moved.measured
    left_terms = v * np.where(measured, moved.value, 0)
    left, right = float(left_terms.sum()), float(right_terms.sum())
    slack = tolerance * max(np.abs(left_terms).sum(), np.abs(right_terms).sum())
    slack += float((np.abs(v) * np.where(measured, moved.error, 0)).sum())
    excess = abs(left - right) / slack if left != right else 0.0
    return _Comparison(excess, left, right, int(measured.size - measured.sum()))


def _as_float64(x: Array) -> Array:
    """Floating arrays in float64; integers, masks and Python numbers as they are."""
    is_float = isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f"
    return np.asarray(x, dtype=np.float64) if is_float else x
