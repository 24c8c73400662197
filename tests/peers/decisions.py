"""Where a foreign test fails and we stay as we are: per suite, a pattern and the reason.

A pattern is searched for in `test: error: first line of its text`.
"""

from __future__ import annotations

from .counting import Decision

DECISIONS: dict[str, tuple[Decision, ...]] = {}
