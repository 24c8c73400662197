"""Where does the NaN come from? The autopsy of a value that is not finite.

`origin.py` finds the operation that made it and from what, `causes.py` knows the causes and their
cures, `report.py` has the text that a user reads.
"""

from ...engine.errors import NonFiniteWarning
from .origin import autopsy, explain_nonfinite, warn
from .report import Autopsy

__all__ = ["Autopsy", "NonFiniteWarning", "autopsy", "explain_nonfinite", "warn"]
