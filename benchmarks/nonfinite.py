"""What looking for gradients that are not finite costs: `python -m benchmarks.nonfinite`.

Steps with and without the look, in turns in one process: two trees in two processes differ by more.
Also says which BLAS kernel ran; set OPENBLAS_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from unittest.mock import patch

from tinygrad_xent.engine import gradients
from tinygrad_xent.optim import base

from .cases import STEPS
from .machine import blas
from .peers.ours import step

ROUNDS = 200
SECONDS = 0.02  # of one turn


def without_the_look() -> AbstractContextManager[object]:
    """While it is open, nobody looks at gradients, and NumPy may warn of what it finds."""
    stack = ExitStack()
    stack.enter_context(patch.object(gradients, "all_finite", lambda arrays: True))
    stack.enter_context(patch.object(gradients, "gradients", gradients.gradients.__wrapped__))
    stack.enter_context(patch.object(base, "spoilt_of", lambda leaves: None))
    return stack


def cost(run: Callable[[], object]) -> tuple[float, float]:
    """The median ratio of a step with the look to one without, and the seconds of the latter."""
    start = time.perf_counter()
    run()
    times = max(1, int(SECONDS / (time.perf_counter() - start)))

    def timed() -> float:
        start = time.perf_counter()
        for _ in range(times):
            run()
        return (time.perf_counter() - start) / times

    ratios, bare = [], []
    for number in range(ROUNDS):
        looked = timed() if number % 2 else 0.0
        with without_the_look():
            bare.append(timed())
        ratios.append((looked or timed()) / bare[-1])
    return statistics.median(ratios), statistics.median(bare)


if __name__ == "__main__":
    print(blas())
    for case in STEPS[:4]:
        ratio, seconds = cost(step(case.settings).run)
        print(f"{case.name:34} {seconds * 1e6:8.1f} us without, {ratio:.4f} times that with")
