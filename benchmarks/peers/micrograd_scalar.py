"""micrograd: the chain alone. Its walk back is recursive, so a long chain ends in RecursionError."""

from __future__ import annotations

from typing import Any

from micrograd.engine import Value

from .. import cases
from ..cases import Job, Settings


def chain(settings: Settings) -> Job:
    def run() -> Any:
        x = Value(1.0)
        y = cases.chain(x, settings)
        y.backward()
        return y.data, x.grad

    return Job(run, run)
