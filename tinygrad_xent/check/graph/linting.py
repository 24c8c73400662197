"""Graph lint: mistakes that raise no error and often still train, found in the trace of a loss.

Each rule is a function of the trace that yields findings; `RULES` lists them. A finding names the
entry (so that a picture can show a badge there), the user's line and the cure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ...engine.lines import Line, user_line
from ...engine.nodes import Node
from ...engine.tensors import wrap
from ...engine.walk import collect, leaves_of
from ...tracing import Entry, Trace
from ..reading import inputs, is_softmax, label, origin, paragraph, traced


@dataclass(frozen=True)
class Finding:
    """One suspected mistake.

    Attributes:
        rule: its short name, as in `RULES`.
        entry: id of the trace's entry that shows it; None if it is about something missing.
        line: the user's line.
        message: what is wrong. cure: what is usually done about it.
        share: the fraction of units or rows concerned, where the rule counts them.
    """

    rule: str
    entry: int | None
    line: Line | None
    message: str
    cure: str
    share: float | None = None

    def __str__(self) -> str:
        source = [f"    {self.line.text}"] if self.line is not None and self.line.text else []
        here = paragraph(f"{self.line}: {self.rule}", self.message, "")
        return "\n".join([here, *source, paragraph("cure", self.cure)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The rule, the user's line, what is wrong and the cure."""
        code = f"<pre>{escape(self.line.text)}</pre>" if self.line and self.line.text else ""
        where = f"{escape(str(self.line))}: " if self.line else ""
        what = f"<b>{escape(self.rule)}</b>: {escape(self.message)}"
        return f"<p>{where}{what}</p>{code}<p>cure: {escape(self.cure)}</p>"


class Findings(tuple[Finding, ...]):
    """What lint found, in the order of the computation; prints one paragraph per finding."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "lint: nothing found"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The findings one below the other."""
        if not self:
            return f"<p>{self}</p>"
        return "<hr>".join(finding._repr_html_() for finding in self)


def lint(loss: Any, parameters: Iterable[Any] = ()) -> Findings:
    """Look for mistakes in the computation of a loss that raise no error.

    Args:
        loss: the loss, before or after `backward()`; or its `Trace`.
        parameters: the tensors to train, such as `model.parameters()`: each one that the loss does
            not depend on is a finding.

    Returns:
        The findings: softmax then log, softmax twice, sigmoid before a loss that wants logits,
        `(N,)` with `(N, 1)`, saturated units, dead relu units, a term that trains nothing, a
        parameter that is not reached. Where nothing was found it is empty, and prints that.

    >>> import tinygrad_xent as tx
    >>> z = tx.Tensor([[2.0, 1.0]], requires_grad=True)
    >>> [finding.rule for finding in tx.check.lint(-tx.log(tx.softmax(z))[0, 0])]
    ['log of softmax']
    """
    trace = traced(loss)
    found = [finding for rule in RULES for finding in rule(trace)]
    found += _unreached(trace, loss, list(parameters))
    return Findings(sorted(found, key=lambda f: len(trace) if f.entry is None else f.entry))


def _at(entry: Entry, rule: str, message: str, cure: str, share: float | None = None) -> Finding:
    return Finding(rule, entry.id, entry.line, message, cure, share)


# --- logits and probabilities --------------------------------------------------------------------

TO_LOG = {"sum", "mul", "add", "clip", "maximum", "minimum"}  # what people put in between
SIGNED = {"neg", "mul", "sub"}


def log_of_softmax(trace: Trace) -> Iterator[Finding]:
    """The logarithm of a softmax: log 0 where the softmax underflows."""
    for entry in trace:
        if entry.op != "log":
            continue
        (source,) = inputs(trace, entry)
        if origin(trace, source, lambda e: is_softmax(trace, e), TO_LOG) is None:
            continue
        clipped = origin(trace, source, lambda e: e.op in ("clip", "maximum"), TO_LOG)
        extra = ""
        if clipped is not None:
            extra = (
                f"; {clipped.op} at {clipped.line} hides the log 0, but its gradient is 0 just "
                "where it should be -1"
            )
        yield _at(
            entry,
            "log of softmax",
            f"the softmax underflows to 0 for a distant logit, and log 0 is -inf{extra}",
            "log_softmax(logits), or cross_entropy(logits, labels): exact for any logits",
        )


def log_of_sigmoid(trace: Trace) -> Iterator[Finding]:
    """The logarithm of a sigmoid: log σ(z) or log(1 - σ(z))."""
    for entry in trace:
        if entry.op != "log":
            continue
        (source,) = inputs(trace, entry)
        if origin(trace, source, lambda e: e.op == "sigmoid", TO_LOG | {"sub", "neg"}) is not None:
            yield _at(
                entry,
                "log of sigmoid",
                "the sigmoid reaches 0 or 1 for a distant logit, and log 0 is -inf",
                "log σ(z) is -softplus(-z), log(1 - σ(z)) is -softplus(z)",
            )


def double_softmax(trace: Trace) -> Iterator[Finding]:
    """A softmax of a softmax: usually cross_entropy of probabilities instead of logits."""
    for entry in trace:
        if entry.op in ("softmax", "log_softmax", "logsumexp"):
            (source,) = inputs(trace, entry)
        elif entry.op == "div" and is_softmax(trace, entry):
            (source,) = inputs(trace, trace[entry.inputs[0]])
        else:
            continue
        first = origin(trace, source, lambda e: is_softmax(trace, e))
        if first is not None:
            yield _at(
                entry,
                "double softmax",
                f"its input is already a softmax (at {first.line}): probabilities differ by 1 at "
                "most, so the second softmax is nearly uniform and learning stalls",
                "pass the logits: cross_entropy applies the softmax itself",
            )


def nll_of_probabilities(trace: Trace) -> Iterator[Finding]:
    """`nll_loss` takes log-probabilities; given probabilities, its loss has no logarithm."""
    for entry in trace:
        if entry.op != "take_along_axis" or "nll_loss" not in entry.scope:
            continue
        if origin(trace, inputs(trace, entry)[0], lambda e: is_softmax(trace, e)) is not None:
            yield _at(
                entry,
                "nll of probabilities",
                "nll_loss takes log-probabilities, but its input is a softmax",
                "cross_entropy(logits, labels), or nll_loss(log_softmax(logits), labels)",
            )


def sigmoid_before_logits_loss(trace: Trace) -> Iterator[Finding]:
    """A sigmoid before a loss that applies one itself: binary cross-entropy with logits."""
    for entry in trace:
        if entry.op not in ("softplus", "sigmoid"):
            continue
        (source,) = inputs(trace, entry)
        first = origin(trace, source, lambda e: e.op == "sigmoid", SIGNED)
        if first is not None:
            yield _at(
                entry,
                "double sigmoid",
                f"its input is already a sigmoid (at {first.line}): the loss sees logits between 0 "
                "and 1, so no probability below 0.5",
                "pass the logits: binary cross-entropy with logits applies the sigmoid itself",
            )


# --- shapes --------------------------------------------------------------------------------------


def column_against_row(trace: Trace) -> Iterator[Finding]:
    """`(N,)` with `(N, 1)`: broadcasting makes an N by N table of every pair."""
    for entry in trace:
        if "elementwise" not in entry.kinds or len(entry.inputs) < 2:
            continue
        sources = [e for e in inputs(trace, entry) if e.shape]
        for a in sources:
            for b in sources:
                n = a.shape[-1]
                if a.shape == (n,) and b.shape == (n, 1) and n > 1 and not _on_purpose(b):
                    yield _at(
                        entry,
                        "column against row",
                        f"({n},) with ({n}, 1) gives {entry.shape}: every pair, not every sample",
                        "give both the same shape: column.reshape(-1), or keepdims on both sides",
                    )


def _on_purpose(column: Entry) -> bool:
    """Whether the axis was added just for broadcasting."""
    index = column.settings.get("index")
    return column.op == "expand_dims" or (
        isinstance(index, tuple) and any(part is None for part in index)
    )


# --- units that learn nothing --------------------------------------------------------------------

SATURATED = 1e-6  # the slope of a unit relative to its largest, below which it counts as flat
SHARE = 0.5  # of the units or rows: fewer are normal
FEW = 8  # samples: with fewer a unit is silent by chance


def saturated(trace: Trace) -> Iterator[Finding]:
    """Softmax rows, sigmoid or tanh units on the flat part of the curve: no gradient passes."""
    for entry in trace:
        y = entry.value
        if entry.op not in ("softmax", "sigmoid", "tanh") or y.size == 0 or entry.gradient is None:
            continue
        if entry.op == "softmax":
            flat, unit = 1 - y.max(axis=entry.settings["axis"]) < SATURATED, "rows"
            if y.shape[entry.settings["axis"]] == 1:
                continue
        else:
            slope = 1 - y * y if entry.op == "tanh" else 4 * y * (1 - y)
            flat, unit = slope < SATURATED, "units"
        share = float(np.mean(flat))
        if share >= SHARE:
            yield _at(
                entry,
                f"saturated {entry.op}",
                f"{share:.0%} of the {unit} are saturated: almost no gradient passes them",
                "smaller initial weights or scaled inputs; where it is the last layer, a loss on "
                "logits (cross_entropy), whose gradient stays p - y",
                share,
            )


def dead_relu(trace: Trace) -> Iterator[Finding]:
    """relu units that are 0 for every sample of the batch: none gives them a gradient."""
    for entry in trace:
        if entry.op != "relu" or entry.value.ndim == 0 or entry.value.size < FEW:
            continue
        silent = (entry.value == 0).reshape(-1, entry.shape[-1])
        share = float(np.mean(silent.all(axis=0)))
        if share == 1 or (share >= SHARE and len(silent) >= FEW):
            yield _at(
                entry,
                "dead relu",
                f"{share:.0%} of the units are 0 for every sample: nothing trains them",
                "a smaller learning rate, a bias that starts at 0, weights of variance 2 / inputs "
                "(He); softplus has no dead part",
                share,
            )


# --- what is not trained -------------------------------------------------------------------------


def constant_term(trace: Trace) -> Iterator[Finding]:
    """A term of the loss that requires no grad, as in `cross_entropy(z.detach(), y) + penalty`."""
    root = trace[trace.output]
    if not root.requires_grad:
        line = user_line()
        yield Finding(
            "nothing trained",
            root.id,
            root.line or line,
            "the loss depends on no tensor that requires grad",
            "look for detach(), .numpy(), .data or no_grad() between the parameters and the loss, "
            "and make the parameters with requires_grad=True",
        )
        return
    queue = [root]
    for entry in queue:  # it grows while the loss is a sum of scalar terms
        if entry.op in ("add", "sub"):
            for term in inputs(trace, entry):
                if term.kind == "input":
                    yield _at(
                        entry,
                        "term that trains nothing",
                        f"{label(term)} is added to the loss but does not require grad",
                        "if it was meant to train something, look for the detach(), .numpy() or "
                        "no_grad() that cut it off; if it is only to be shown, leave it out",
                    )
        live = [e for e in inputs(trace, entry) if e.requires_grad]
        if entry.op in ("add", "sub", "neg") or (entry.op in ("mul", "div") and len(live) == 1):
            queue += [e for e in live if e.value.size == 1 and e not in queue]


def _unreached(trace: Trace, loss: Any, parameters: list[Any]) -> Iterator[Finding]:
    """Parameters that the loss can't reach, and where a detach() may have cut them off."""
    if not trace[trace.output].requires_grad:
        return  # nothing is reached: `constant_term` reports that
    cuts = _detached(trace, loss)
    where = f"; {cuts[0].op} at {cuts[0].line} reads a detached array" if cuts else ""
    entry = cuts[0] if cuts else trace[trace.output]
    for i, parameter in enumerate(parameters):
        if parameter in trace:
            continue
        name = parameter.name or f"parameter {i}, of shape {parameter.shape}"
        yield Finding(
            "parameter not reached",
            cuts[0].id if cuts else None,
            entry.line,
            f"no gradient reaches {name}: the loss does not depend on it{where}",
            "use it in the forward pass, or take out the detach(), .numpy() or no_grad() behind "
            "it; if it should stay as it is, set requires_grad = False",
        )


def _detached(trace: Trace, loss: Any) -> list[Entry]:
    """The operations that read the result of a `detach()`: a read-only view in place of data."""
    node = getattr(loss, "_node", None)
    if not isinstance(node, Node):
        return []
    cuts = [wrap(c.data, c) for c in leaves_of(collect(node)) if not c.data.flags.writeable]
    readers = {u.id: u for cut in cuts if cut in trace for u, _ in trace.users(trace[cut])}
    return [readers[id] for id in sorted(readers)]


RULES: tuple[Callable[[Trace], Iterator[Finding]], ...] = (
    log_of_softmax,
    log_of_sigmoid,
    double_softmax,
    nll_of_probabilities,
    sigmoid_before_logits_loss,
    column_against_row,
    saturated,
    dead_relu,
    constant_term,
)
