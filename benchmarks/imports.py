"""How long `import` takes: every package in fresh processes, in interleaved rounds.

NumPy is imported first and timed by itself, so that what another package takes above it is measured,
not the small difference of two large times.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .measure import Row
from .worker import environment

MODULES = {
    "NumPy": "numpy",
    "tinygrad_xent": "tinygrad_xent",
    "PyTorch": "torch",
    "JAX": "jax",
    "autograd": "autograd.numpy",
    "MyGrad": "mygrad",
    "micrograd": "micrograd.engine",
}
PROGRAM = "import {}; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_times(rounds: int = 15) -> dict[str, Row]:
    """Seconds of the import alone: neither the interpreter's own start nor NumPy's import, which
    has a row of its own.
    """
    rows = {title: Row(module) for title, module in MODULES.items()}
    for number in range(rounds + 1):
        for row in rows.values():
            if row.note:
                continue
            before = "time" if row.peer == "numpy" else "time, numpy"
            done = run(PROGRAM.format(before, row.peer))
            if done.returncode:
                row.note = done.stderr.strip().splitlines()[-1]
            elif number:  # the first round writes the .pyc files
                row.rounds.append(float(done.stdout))
    return rows


def import_profile(module: str, count: int = 10) -> str:
    """The slowest modules of an import by their own time, in microseconds."""
    done = run(f"import {module}", "-X", "importtime")
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    rows = sorted((row for row in rows if len(row) == 3), key=lambda row: -int(row[0]))
    return "\n".join(f"{int(own):8} us  {name.strip()}" for own, _, name in rows[:count])


def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    # As on a user's machine: compiled once, not at every import.
    with_bytecode = environment(1) | {"PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, *options, "-c", program]
    root = Path(__file__).parents[1]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, env=with_bytecode)
