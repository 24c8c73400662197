"""Where does the NaN come from? The autopsy of a value that is not finite: which operation made it
from what (`explanations.py`), its cause and cure (`causes.py`), and the report (`autopsies.py`).
"""

from .autopsies import Autopsy
from .explanations import NonFiniteWarning, autopsy, explain_nonfinite, warn

__all__ = ["Autopsy", "NonFiniteWarning", "autopsy", "explain_nonfinite", "warn"]
