"""Are the gradients right? `gradcheck` measures slopes (`numerical.py`), `check_tape` judges each
recorded operation alone (`tape_check.py`).
"""

from .numerical import GradCheck, KinkWarning, gradcheck
from .tape_check import TapeCheck, check_tape

__all__ = ["GradCheck", "KinkWarning", "TapeCheck", "check_tape", "gradcheck"]
