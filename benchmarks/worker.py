"""A peer in a process of its own: `Worker` asks from here, `Answers` answers there.

A request is the name of a method of `Answers` with its arguments, an answer what that returns; both
travel pickled through pipes. The process stays alive between rounds, so compiled code, thread pools
and caches are as warm as in a program that trains.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from . import floor, machine, profiles
from .cases import Array, Case, Job
from .peers import known

LONG_S = 2.0
SAMPLE_S = 1e-3  # short calls are timed this long at a time, so the clock's own cost vanishes


# They would make OpenBLAS take another kernel than it chooses for this processor.
KERNEL_SWITCHES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class PeerError(Exception):
    """What a peer could not do, in one line for the table."""


class Worker(AbstractContextManager):
    """One peer in a process of its own, with a fixed number of threads.

    Between its turns the process is stopped: a thread pool that spins while it waits would
    otherwise take the processor from the peer whose turn it is.
    """

    def __init__(self, peer: str, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.worker import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
            env=environment(threads),
        )
        try:
            self.versions: dict[str, str] = self.ask("load", peer)
        except PeerError:
            self.close()
            raise

    def ask(self, request: str, *arguments: Any) -> Any:
        """The answer to a request, with the process running only meanwhile.

        Raises:
            PeerError: the request failed, or the process ended.
        """
        self.process.send_signal(signal.SIGCONT)
        try:
            pickle.dump((request, arguments), self.process.stdin)
            self.process.stdin.flush()
            answer = pickle.load(self.process.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            code = self.process.wait()
            ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise PeerError(f"the process ended ({ending})") from None
        self.process.send_signal(signal.SIGSTOP)
        if isinstance(answer, PeerError):
            raise answer
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with suppress(BrokenPipeError):  # a request that it did not live to read
            self.process.stdin.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def environment(threads: int) -> dict[str, str]:
    """This process's, and how many threads the peers' libraries shall use."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    kept = {name: value for name, value in os.environ.items() if name not in KERNEL_SWITCHES}
    return {**kept, **limits, "NPROC": str(threads), "JAX_PLATFORMS": "cpu"}


def serve() -> None:
    """Answer the requests on stdin until it ends."""
    # Libraries may print: their output goes to stderr, the answers to the true stdout.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers = Answers()
    while True:
        request, arguments = pickle.load(sys.stdin.buffer)
        try:
            answer = getattr(answers, request)(*arguments)
        except Exception as error:
            answer = PeerError(f"{type(error).__name__}: {error}".splitlines()[0][:200])
        pickle.dump(answer, pipe)
        pipe.flush()


class Answers:
    """What the process of a peer can be asked: every method is a request."""

    job: Job | None = None

    def load(self, peer: str) -> dict[str, str]:
        """Import the peer; the versions of its packages."""
        self.module = importlib.import_module(peer)
        return {package: version(package) for package in known(peer).packages}

    def build(self, case: Case) -> bool:
        """Make a case ready to run; whether this peer has such a kind."""
        self.job = None
        make = getattr(self.module, case.kind, None)
        self.job = make(case.settings) if make else None
        return self.job is not None

    def forget(self) -> None:
        """Let the case's memory go."""
        self.job = None

    def results(self) -> list[Array]:
        """What one run gives."""
        return [np.asarray(a) for a in self.job.results()]

    def warm_up(self) -> None:
        """One run: what compiles does so in its first."""
        self.job.run()

    def time(self, seconds: float, clock: str) -> float:
        """The median of the runs' seconds, by a clock of the module `time`."""
        return float(np.median(time_calls(self.job.run, seconds, getattr(time, clock))))

    def memory(self, case: Case, tiny: Case) -> int:
        """The peak in bytes above what stood when the case was built, over three runs.

        A tiny case of the kind is run first: what a library sets up once is not the case's.
        """
        self.build(tiny)
        self.job.run()
        self.build(case)
        Path("/proc/self/clear_refs").write_text("5")  # from here on the peak counts anew
        start = machine.memory_of_process("VmRSS")
        for _ in range(case.settings.get("memory_runs", 3)):
            self.job.run()
        return machine.memory_of_process("VmHWM") - start

    def first_call(self, case: Case, tiny: Case) -> float:
        """The processor's seconds of the first run, after one of a tiny case of the kind."""
        self.build(tiny)
        self.job.run()
        self.build(case)
        start = time.process_time()
        self.job.run()
        return time.process_time() - start

    def profile(self, what: str) -> str:
        """Where the "time" of the runs goes, or that of the "first call", or the "memory" at their peak.

        Of a compiled step: what its lines cost, and the memory that it holds.
        """
        of = {
            "time": profiles.of_time,
            "memory": profiles.of_memory,
            "first call": profiles.of_first,
        }
        if what != "first call" and (step := floor.compiled_step(self.job.run)):
            return floor.of_lines(*step) if what == "time" else floor.of_memory(step[0])
        return of[what](self.job.run)

    def blas(self) -> str:
        return machine.blas()


def time_calls(run: Callable[[], Any], seconds: float, clock: Callable[[], float]) -> list[float]:
    """Seconds per call, several times over, for about `seconds` in all.

    The first call wakes threads and fills caches; it counts only where it takes longer than all that.
    """
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
