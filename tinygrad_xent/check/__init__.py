"""Checks that find the mistake and say what it is. They are used as `tx.check.NAME`."""

from .audit import Audit, audit
from .diagnosis import Diagnosis, diagnose
from .gradcheck import GradCheck, KinkWarning, gradcheck
from .tape_check import TapeCheck, check_tape

__all__ = [
    "Audit",
    "Diagnosis",
    "GradCheck",
    "KinkWarning",
    "TapeCheck",
    "audit",
    "check_tape",
    "diagnose",
    "gradcheck",
]
