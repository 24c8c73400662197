"""What the command lines of the package and of `viz` share: a user's script is run, and something that
it leaves behind is taken.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def names_of(script: Path) -> dict[str, object]:
    """The names that a script leaves, run as `python script.py` would."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script)], [str(script.resolve().parent), *path]
    try:
        return runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path = argv, path


def told(error: Exception) -> str:
    """What an error says, without the line that names Python's runner of `-m`."""
    return "\n".join(line for line in str(error).splitlines() if not line.startswith("  at "))


def fail(command: str, why: str, status: int = 2) -> int:
    """Say on the standard error what is wrong with a command; returns the exit status."""
    print(f"python -m {command}: {why}", file=sys.stderr)
    return status
