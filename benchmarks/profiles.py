"""What a profile shows of a run: time by function, memory at its peak by line."""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

ROWS = 10
GROWTH = 1.05  # a new snapshot each time memory has grown by a twentieth


def of_time(run: Callable[[], Any], seconds: float = 1.0) -> str:
    """The functions that take most of the time themselves. Profiling slows Python, not NumPy."""
    run()
    profiler, end = cProfile.Profile(), time.perf_counter() + seconds
    profiler.runcall(run)
    while time.perf_counter() < end:
        profiler.runcall(run)
    return text_of(profiler)


def of_first(run: Callable[[], Any]) -> str:
    """The functions that take most of the time of one run."""
    profiler = cProfile.Profile()
    profiler.runcall(run)
    return text_of(profiler)


def text_of(profiler: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(ROWS)
    return text.getvalue().strip()


def of_memory(run: Callable[[], Any]) -> str:
    """The lines that allocated what was in use near the peak, the largest first."""
    best, snapshot = 0.0, None

    def watch(*_: Any) -> None:
        nonlocal best, snapshot
        if tracemalloc.get_traced_memory()[0] > best * GROWTH:
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
    ours = [tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, __file__)]
    statistics = snapshot.filter_traces(ours).statistics("lineno")
    total = sum(s.size for s in statistics)
    lines = [f"{total / 1e6:.2f} MB at the peak of a run", "", "     bytes  count"]
    for s in statistics[:ROWS]:
        frame = s.traceback[0]
        lines.append(f"{s.size:10,} {s.count:6,}  {PurePath(frame.filename).name}:{frame.lineno}")
    return "\n".join(lines)
