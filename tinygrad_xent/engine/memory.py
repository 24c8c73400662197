"""What the package asks of the process: to keep freed memory for reuse, and not to look for cycles meanwhile.

glibc returns a freed block to the system if it is larger than any freed before, up to 32 MiB. Fetching
it again costs a page fault for every 4 KiB: 1,300 to 2,500 in each step whose arrays have a few
megabytes. Freeing one block of 31 MiB that was never touched makes glibc keep smaller ones; it costs
no memory. `TINYGRAD_XENT_KEEP_MEMORY=0` in the environment leaves the process as it is.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

VARIABLE = "TINYGRAD_XENT_KEEP_MEMORY"


def keep_freed_memory() -> None:
    """Have the allocator keep freed blocks of up to 31 MiB, unless the environment says 0."""
    if os.environ.get(VARIABLE, "1") != "0":
        np.empty(31 << 20, np.uint8)


@contextmanager
def without_collection() -> Iterator[None]:
    """Python's collector is kept from looking through all objects again and again while many are made: a
    fifth of the time of a compiled form, two fifths of that of a long trace.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
