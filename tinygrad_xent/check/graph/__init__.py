"""What the recorded graph shows: mistakes in how it was built (`linting.py`), and why a gradient is
what it is (`contributions.py`).
"""

from .contributions import Part, Term, Why, why
from .linting import Finding, Findings, lint

__all__ = ["Finding", "Findings", "Part", "Term", "Why", "lint", "why"]
