"""The machine, the versions and the date: what a result is worth nothing without."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

from .peers import PEERS


def describe(threads: int, versions: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """Label and value of everything a reader needs to repeat the run."""
    packages: dict[str, str] = {}
    for found in versions.values():
        packages.update(found)
    return [
        ("date", datetime.date.today().isoformat()),
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory_gib():.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("packages", ", ".join(f"{name} {number}" for name, number in sorted(packages.items()))),
        ("threads of every peer", str(threads)),
        ("load average before the run", f"{os.getloadavg()[0]:.2f}"),
    ]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def missing(reasons: dict[str, str]) -> list[str]:
    """The peers that could not be loaded, each with the reason."""
    return [f"{PEERS[peer].title}: {reason}" for peer, reason in reasons.items()]
