"""Checks that find a mistake and say what it is, used as `tx.check.NAME`.

`gradients/` asks whether a gradient is right, `nonfinite/` reports where a NaN comes from, `graph/` what
is wrong in how a graph was built, and why a gradient is what it is. `audit` and `diagnose` are those of
the package `textbook`.
"""

from ..textbook import Audit, Diagnosis, audit, diagnose
from .gradients import GradCheck, KinkWarning, TapeCheck, check_tape, gradcheck
from .graph import Finding, Findings, Part, Term, Why, lint, why
from .nonfinite import Autopsy, NonFiniteWarning, autopsy, explain_nonfinite
from .unchanged import check_unchanged

__all__ = [
    "Audit",
    "Autopsy",
    "Diagnosis",
    "Finding",
    "Findings",
    "GradCheck",
    "KinkWarning",
    "NonFiniteWarning",
    "Part",
    "TapeCheck",
    "Term",
    "Why",
    "audit",
    "autopsy",
    "check_tape",
    "check_unchanged",
    "diagnose",
    "explain_nonfinite",
    "gradcheck",
    "lint",
    "why",
]
