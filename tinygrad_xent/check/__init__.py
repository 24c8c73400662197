"""Checks that find the mistake and say what it is. They are used as `tx.check.NAME`."""

from .audit import Audit, audit
from .nonfinite import Autopsy, NonFiniteWarning, autopsy, explain_nonfinite
from .why import Part, Term, Why, why

__all__ = [
    "Audit",
    "Autopsy",
    "NonFiniteWarning",
    "Part",
    "Term",
    "Why",
    "audit",
    "autopsy",
    "explain_nonfinite",
    "why",
]
