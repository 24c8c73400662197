"""Checks that find the mistake and say what it is. They are used as `tx.check.NAME`."""

from .audit import Audit, audit
from .autopsies import Autopsy
from .diagnosis import Diagnosis, diagnose
from .gradcheck import GradCheck, KinkWarning, gradcheck
from .lint import Finding, Findings, lint
from .nonfinite import NonFiniteWarning, autopsy, explain_nonfinite
from .tape_check import TapeCheck, check_tape
from .unchanged import check_unchanged
from .why import Part, Term, Why, why

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
