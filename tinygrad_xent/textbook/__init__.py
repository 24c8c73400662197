"""Published figures, and gradients derived by hand, compared with the computed ones.

`auditing.py` says of each printed figure whether it was rounded, truncated or wrong; `diagnosis.py`
names the mistake that turns the true gradient into a claimed one, from the table in `mistakes.py`.
"""

from .auditing import Audit, audit
from .diagnosis import Diagnosis, diagnose

__all__ = ["Audit", "Diagnosis", "audit", "diagnose"]
