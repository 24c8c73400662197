"""The process in which one peer lives: `python -m benchmarks.worker MODULE`.

It reads one JSON request a line and answers each with one line. It stays alive between rounds, so
compiled code, thread pools and caches are as warm as in a program that trains.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import profiles
from .cases import Job

LONG_S = 2.0
SAMPLE_S = 1e-3  # short calls are timed this long at a time, so the clock's own cost vanishes


class Worker:
    """Answers requests: every public method is one."""

    def __init__(self, module_name: str) -> None:
        self.module_name = module_name
        self.module: ModuleType | None = None
        self.job: Job | None = None

    def load(self, packages: list[str]) -> dict[str, Any]:
        """Import the peer; the versions of its packages."""
        self.module = importlib.import_module(self.module_name)
        return {"versions": {package: version(package) for package in packages}}

    def build(self, case: dict[str, Any]) -> dict[str, Any]:
        """Make a case ready to run; `absent` if this peer has no such kind."""
        self.job = None
        make = getattr(self.module, case["kind"], None)
        self.job = make(case["settings"]) if make else None
        return {"absent": self.job is None}

    def forget(self) -> dict[str, Any]:
        """Let the case's memory go."""
        self.job = None
        return {}

    def results(self, path: str) -> dict[str, Any]:
        """What one run gives, as arrays in a file."""
        assert self.job is not None
        arrays = [np.asarray(a) for a in self.job.results()]
        if any(a.dtype.kind not in "fiub" for a in arrays):
            raise TypeError(f"no gradient: {[str(a.dtype) for a in arrays]}")
        named: dict[str, Any] = {f"{i:03d}": a for i, a in enumerate(arrays)}
        np.savez(path, **named)
        return {}

    def time(self, seconds: float) -> dict[str, Any]:
        """The median of the runs' seconds."""
        assert self.job is not None
        return {"median": float(np.median(time_calls(self.job.run, seconds)))}

    def memory(self, case: dict[str, Any], tiny: dict[str, Any]) -> dict[str, Any]:
        """The peak in bytes above what stood when the case was built, over three runs.

        A tiny case of the kind is run first: what a library sets up once is not the case's.
        """
        self.build(tiny)
        assert self.job is not None
        self.job.run()
        self.build(case)
        start = resident(reset_peak=True)
        for _ in range(case["settings"].get("memory_runs", 3)):
            self.job.run()
        return {"bytes": peak() - start}

    def profile(self, seconds: float) -> dict[str, Any]:
        """Where the time of the runs goes, by function."""
        assert self.job is not None
        return {"text": profiles.of_time(self.job.run, seconds)}

    def heap(self) -> dict[str, Any]:
        """What the memory at the peak of a run was allocated for, by line."""
        assert self.job is not None
        return {"text": profiles.of_memory(self.job.run)}


def time_calls(run: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds a call, several times over, for about `seconds` in all.

    The first call wakes threads and fills caches; it counts only where it takes longer than all that.
    """
    clock = time.perf_counter
    start = clock()
    run()
    first = clock() - start
    if first > LONG_S:
        return [first]
    start = clock()
    run()
    calls = max(1, int(SAMPLE_S / (clock() - start)))
    samples, end = [], clock() + seconds
    while True:
        start = clock()
        for _ in repeat(None, calls):
            run()
        now = clock()
        samples.append((now - start) / calls)
        if now >= end:
            return samples


def resident(reset_peak: bool = False) -> int:
    """Bytes of memory in use now; from here on `peak` counts anew."""
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def peak() -> int:
    """The most bytes of memory in use since the reset."""
    return status("VmHWM")


def status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {field}")


def serve(module_name: str) -> None:
    # Libraries may print: their output goes to stderr, the answers to the true stdout.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(module_name)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("ask"))(**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
