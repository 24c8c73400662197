"""Programs: a computation recorded as a list of array calls, and the readers of that list.

The way of the data: `recording` gives a function symbols for its arguments (`structures`), of which each call
becomes an instruction (`symbolic`, `recorder`); `simplifying` and `variables` make a `Program` of them
(`listing`). A reader takes that and nothing else; `scripts` is the first.
"""

from .instructions import Instruction, Ref
from .listing import Program
from .recorder import RecordingError
from .recording import constant, program
from .scripts import Script, script

__all__ = [
    "Instruction",
    "Program",
    "RecordingError",
    "Ref",
    "Script",
    "constant",
    "program",
    "script",
]
