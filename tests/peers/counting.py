"""What became of each test of a foreign suite, and the counts that are printed.

A test *passed*, or it was *skipped* by its own suite, or could not be *translated* into our arguments,
or it stopped with an error. An error that names a function which does not exist here makes it
*missing*, or *left out* where a line of `decisions.py` says why it is not to be here; any other is a failure,
which must be *decided*: a line says why we differ. What is neither is *undecided*, and makes the exit
status 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

KINDS = ("passed", "decided", "undecided", "left out", "missing", "translated", "skipped")


class NotHereError(Exception):
    """How a shim says that a function does not exist here: the text is its name."""


@dataclass(frozen=True)
class Outcome:
    """How a test ended: `passed`, `skipped`, `untranslated`, or the error's class."""

    test: str
    end: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.test}: {self.end}: {first_line(self.text)}"


class Decision(NamedTuple):
    """Why the outcomes that a pattern matches, in the words in which they are printed, are right."""

    pattern: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    kind: str
    detail: str = ""  # the missing name, or the reason
    name: str = ""  # of what is left out


# The class of the error, and where its text names what is not here.
_STOPS = (
    ("AttributeError", r"(?:'Tensor' object|module '\S+') has no attribute '(\w+)'"),
    ("ImportError", r"cannot import name '(\w+)'"),
    ("ModuleNotFoundError", r"No module named '([\w.]+)'"),
    (NotHereError.__name__, r"^(.+)$"),
    ("DtypeError", r"(complex numbers) are not supported"),
    ("TypeError", r"unsupported operand type\(s\) for ([^:]+):.*'Tensor'"),
)
_NOT_DISPATCHED = r"^np\.([\w.]+): no operation of the table matches"


def missing_name(outcome: Outcome, here: Callable[[str], bool] = lambda name: False) -> str:
    """The name of the function for want of which a test stopped, or "".

    Args:
        outcome: of the test.
        here: whether a function exists: then a call that reaches no row has unknown arguments.

    >>> missing_name(Outcome("t", "AttributeError", "'Tensor' object has no attribute 'cumsum'"))
    'cumsum'
    """
    if match := re.search(_NOT_DISPATCHED, outcome.text):
        return "" if here(match[1]) else match[1]
    for error, pattern in _STOPS:
        if outcome.end == error and (match := re.search(pattern, outcome.text)):
            return match[1]
    return ""


def judge(
    outcome: Outcome,
    decisions: Sequence[Decision] = (),
    here: Callable[[str], bool] = lambda name: False,
    left_out: Sequence[Decision] = (),
) -> Verdict:
    """What an outcome counts as. The patterns of `left_out` are those of whole names."""
    if outcome.end in ("untranslated", "UntranslatedError"):
        return Verdict("translated", outcome.text)
    if outcome.end in ("passed", "skipped"):
        return Verdict(outcome.end, outcome.text)
    if name := missing_name(outcome, here):
        reasons = (d.reason for d in left_out if re.fullmatch(d.pattern, name))
        reason = next(reasons, "")
        return Verdict("left out", reason, name) if reason else Verdict("missing", name)
    for decision in decisions:
        if re.search(decision.pattern, str(outcome)):
            return Verdict("decided", decision.reason)
    return Verdict("undecided")


def first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


def report(
    suite: str,
    outcomes: Iterable[Outcome],
    decisions: Sequence[Decision] = (),
    here: Callable[[str], bool] = lambda name: False,
    left_out: Sequence[Decision] = (),
) -> tuple[str, bool]:
    """The text about a suite, and whether nothing in it is undecided."""
    judged = [(outcome, judge(outcome, decisions, here, left_out)) for outcome in outcomes]
    counts = Counter(verdict.kind for _, verdict in judged)
    shown = {"translated": "not translated"}
    lines = [f"{suite}: " + ", ".join(f"{counts[k]} {shown.get(k, k)}" for k in KINDS)]
    for kind in ("missing", "translated", "skipped", "passed"):
        often = Counter(v.detail for _, v in judged if v.kind == kind and v.detail).most_common(30)
        if often:
            lines.append(f"  {shown.get(kind, kind)}: " + ", ".join(f"{d} ({n})" for d, n in often))
    for reason in dict.fromkeys(d.reason for d in left_out):
        names = Counter(v.name for _, v in judged if v.kind == "left out" and v.detail == reason)
        if names:
            lines.append(f"  left out ({names.total()}): {reason}")
            lines.append(f"    {', '.join(f'{name} ({n})' for name, n in names.most_common())}")
    for decision in decisions:
        tests = [o.test for o, v in judged if v == Verdict("decided", decision.reason)]
        if tests:
            lines.append(f"  decided ({len(tests)}): {decision.reason}")
            lines += [f"    {test}" for test in tests[:5]] + ["    ..."] * (len(tests) > 5)
        else:
            lines.append(f"  this decision is not needed any more: {decision.pattern}")
    lines += [f"  UNDECIDED {outcome}" for outcome, v in judged if v.kind == "undecided"]
    return "\n".join(lines), counts["undecided"] == 0
