"""The handle of a peer's process: starts it, asks it, pauses it, ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from .cases import Case
from .peers import PEERS, Peer


class PeerError(Exception):
    """What a peer could not do, in one line for the table."""


class Worker:
    """One peer in a process of its own, with a fixed number of threads.

    Between its turns the process is stopped: a thread pool that spins while it waits would
    otherwise take the processor from the peer whose turn it is.
    """

    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=Path(__file__).parents[1],
            env=environment(threads),
        )
        try:
            packages = PEERS.get(peer, Peer(peer)).packages
            self.versions: dict[str, str] = self.ask("load", packages=packages)["versions"]
        except PeerError:
            self.close()
            raise

    def ask(self, request: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a request, with the process running only meanwhile."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGCONT)
        try:
            print(json.dumps({"ask": request, **arguments}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"the process ended ({ending(self.process.wait())})")
        self.process.send_signal(signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def build(self, case: Case) -> bool:
        """Make the case ready; whether the peer takes part in it."""
        return not self.ask("build", case=asdict(case))["absent"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def environment(threads: int) -> dict[str, str]:
    """This process's, and how many threads the peers' libraries shall use."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    return {**os.environ, **limits, "NPROC": str(threads), "JAX_PLATFORMS": "cpu"}


def ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
