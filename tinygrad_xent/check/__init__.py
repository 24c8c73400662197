"""Checks that find the mistake and say what it is. They are used as `tx.check.NAME`."""

from .audit import Audit, audit

__all__ = ["Audit", "audit"]
