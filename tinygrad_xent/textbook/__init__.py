"""A published figure or a derivation by hand, held against the truth.

`auditing.py` says of each printed figure whether it was rounded, cut or wrong; `diagnosis.py` names the
mistake that turns the true gradient into a claimed one, by the table in `mistakes.py`.
"""

from .auditing import Audit, audit
from .diagnosis import Diagnosis, diagnose

__all__ = ["Audit", "Diagnosis", "audit", "diagnose"]
