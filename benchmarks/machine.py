"""The machine, the versions and the date: what a result is worth nothing without."""

from __future__ import annotations

import ctypes
import datetime
import itertools
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy._core import _multiarray_umath


def describe(
    threads: int, packages: Mapping[str, str], blas: str, missing: Iterable[str]
) -> list[tuple[str, str]]:
    """Label and value of everything a reader needs to repeat the run."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        ("date", datetime.date.today().isoformat()),
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("packages", ", ".join(f"{name} {number}" for name, number in sorted(packages.items()))),
        ("BLAS of NumPy", blas),
        ("threads of every peer", str(threads)),
        ("load average before the run", f"{os.getloadavg()[0]:.2f}"),
        *(("missing", peer) for peer in missing),
    ]


def processor() -> str:
    return field("/proc/cpuinfo", "model name") or platform.machine()


def memory_of_process(name: str) -> int:
    """Bytes of memory that this process uses now ("VmRSS"), or used at most ("VmHWM")."""
    return int(field("/proc/self/status", name).split()[0]) * 1024


def field(path: str, name: str) -> str:
    """The first value of this name in a file of `name: value` lines, or ""."""
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for label, _, value in lines if label.strip() == name), "")


def blas() -> str:
    """The BLAS that NumPy was built with, and the kernel that it runs in this process."""
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    library = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    return f"{library}, kernel {openblas_kernel() or 'unknown'}"


def openblas_kernel() -> str | None:
    """The kernel that NumPy's OpenBLAS took for this processor; None where it has another BLAS."""
    # What it is linked with is searched too: that is where the BLAS is.
    numpy = ctypes.CDLL(_multiarray_umath.__file__)
    for before, after in itertools.product(("scipy_", ""), ("64_", "")):
        if ask := getattr(numpy, f"{before}openblas_get_corename{after}", None):
            ask.restype = ctypes.c_char_p
            return ask().decode()
    return None
