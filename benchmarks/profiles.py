"""What a profile shows of a run: time by function, memory at its peak by line."""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType
from typing import Any

ROWS = 10
GROWTH = 1.05  # a new snapshot each time memory has grown by a twentieth


def of_time(run: Callable[[], Any], seconds: float) -> str:
    """Each function's share of the time, the largest first. Profiling slows Python, not NumPy."""
    run()
    profiler = cProfile.Profile()
    end, runs = time.perf_counter() + seconds, 0
    while runs == 0 or time.perf_counter() < end:
        profiler.runcall(run)
        runs += 1
    stats: Any = pstats.Stats(profiler)
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])
    total = sum(entry[2] for _, entry in entries)
    lines = [
        f"{total / runs * 1e6:.1f} us a run under the profiler, {runs} runs",
        "",
        " share  calls",
    ]
    for (file, line, name), (_, calls, own, _, _) in entries[:ROWS]:
        where = name if file == "~" else f"{PurePath(file).name}:{line} {name}"
        lines.append(f"{own / total:6.1%} {calls / runs:6.0f}  {where}")
    return "\n".join(lines)


def of_memory(run: Callable[[], Any]) -> str:
    """The lines that allocated what was in use near the peak, the largest first."""
    best, snapshot = 0.0, None

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal best, snapshot
        current = tracemalloc.get_traced_memory()[0]
        if current > best * GROWTH:
            snapshot = tracemalloc.take_snapshot()
            best = tracemalloc.get_traced_memory()[0]

    run()
    tracemalloc.start()
    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
        tracemalloc.stop()
    if snapshot is None:
        return "nothing was allocated"
    statistics = snapshot.filter_traces(
        [tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__)]
    ).statistics("lineno")
    total = sum(s.size for s in statistics) or 1
    lines = [f"{total / 1e6:.2f} MB at the peak of a run", "", " share      bytes  count"]
    for s in statistics[:ROWS]:
        frame = s.traceback[0]
        where = f"{PurePath(frame.filename).name}:{frame.lineno}"
        lines.append(f"{s.size / total:6.1%} {s.size:10,} {s.count:6,}  {where}")
    return "\n".join(lines)
