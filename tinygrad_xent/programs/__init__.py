"""Programs: a computation recorded as a list of array calls, and the readers of that list."""

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
