"""After the import, freed memory is kept, unless the environment forbids it."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
import tinygrad_xent

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2 << 20)  # 16 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), faults())
"""


def page_faults(**environment):
    """The page faults of a block of 16 MiB, and of another one after the first was freed."""
    known = {
        k: v for k, v in os.environ.items() if not k.startswith(("MALLOC", "GLIBC", "TINYGRAD"))
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=known | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in run.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is set")
def test_a_freed_block_is_used_again():
    first, second = page_faults()
    assert second <= first / 4
    first, second = page_faults(TINYGRAD_XENT_KEEP_MEMORY="0")
    assert second >= first / 2
