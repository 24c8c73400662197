"""BLAS on one thread, while a step runs whose products are too small for two.

OpenBLAS hands a product of 128 · 64 · 64 numbers to all its threads. That gains nothing when every thread has
a core, and where another process has one of them, each product waits until the system runs the second
thread again: a step of a tenth of a millisecond then takes ten.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import itertools
import math
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from ..programs.instructions import Instruction
from . import calls

ALONE = 1 << 18  # multiplications of a product, up to which OpenBLAS uses one thread anyway
TOGETHER = 1 << 21  # from which on two threads are faster, if each has a core


def on_few(instructions: Iterable[Instruction]) -> bool:
    """Whether a step's largest product is one for which several threads would be used, and do not pay."""
    table = {i.id: i for i in instructions}
    largest = max((_work(i, table) for i in table.values()), default=0)
    return ALONE < largest < TOGETHER


def _work(i: Instruction, table: dict[int, Instruction]) -> int:
    if not calls.is_product(i) or not i.refs:
        return 0
    inner = (table[i.refs[0]].shape or (1,))[-1]
    return math.prod(i.shape or ()) * inner


class OneThread:
    """A context in which BLAS has one thread; the last one that is left gives it back all it had.

    Args:
        get, set: read and change the number of threads, which is one for the whole process.
    """

    def __init__(self, get: Callable[[], int], set: Callable[[int], Any]) -> None:
        self.get, self.set = get, set
        self.inside, self.before, self.lock = 0, 1, Lock()

    def usual(self) -> int:
        """How many threads BLAS has outside of this context."""
        with self.lock:
            return self.before if self.inside else self.get()

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = self.get()
                if self.before > 1:
                    self.set(1)
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside and self.before > 1:
                self.set(self.before)


def on_one_thread(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with BLAS on one thread; the step itself where it has one, or is none that can be told."""
    one = one_thread()
    if one is None or one.usual() < 2:
        return step

    def alone(*args: Any) -> Any:
        with one:
            return step(*args)

    return alone


@functools.cache
def one_thread() -> OneThread | None:
    """The context for NumPy's OpenBLAS, if that is what NumPy is built with."""
    try:
        module: Any = importlib.import_module("numpy._core._multiarray_umath")
        numpy = ctypes.PyDLL(module.__file__)  # what it is linked with is searched too
    except (ImportError, OSError):
        return None
    for before, after in itertools.product(("scipy_", ""), ("64_", "")):
        names = (f"{before}openblas_{way}_num_threads{after}" for way in ("get", "set"))
        get, set = (getattr(numpy, name, None) for name in names)
        if get is not None and set is not None:
            get.restype, set.argtypes, set.restype = ctypes.c_int, [ctypes.c_int], None
            return OneThread(get, set)
    return None
