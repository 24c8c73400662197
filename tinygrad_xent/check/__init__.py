"""Checks that find the mistake and say what it is. They are used as `tx.check.NAME`."""

from .audit import Audit, audit
from .lint import Finding, Findings, lint
from .nonfinite import Autopsy, NonFiniteWarning, autopsy, explain_nonfinite
from .unchanged import check_unchanged
from .why import Part, Term, Why, why

__all__ = [
    "Audit",
    "Autopsy",
    "Finding",
    "Findings",
    "NonFiniteWarning",
    "Part",
    "Term",
    "Why",
    "audit",
    "autopsy",
    "check_unchanged",
    "explain_nonfinite",
    "lint",
    "why",
]
