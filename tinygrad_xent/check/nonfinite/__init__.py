"""Where does the NaN come from? The autopsy of a value that is not finite: which operation made it so,
from what (`explanations.py`), by which cause and with which cure (`causes.py`), and how it is told
(`autopsies.py`).
"""

from .autopsies import Autopsy
from .explanations import NonFiniteWarning, autopsy, explain_nonfinite, warn

__all__ = ["Autopsy", "NonFiniteWarning", "autopsy", "explain_nonfinite", "warn"]
