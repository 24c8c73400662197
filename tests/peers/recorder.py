"""A pytest plugin that writes how each test of a foreign suite ended, one JSON list per line.

A shim that checks only a part of what a test asks for counts in `CHECKS` what it did and what it left
out. A test of which nothing was checked is missing; of which a part was, it says so.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tests

from .counting import NotHereError

CHECKS: Counter[str] = Counter()
OUT = "PEERS_OUT"  # the environment variable that names the file


# A suite may be a package `tests` of its own: its modules join ours, and come first.
if Path("tests/__init__.py").exists():
    tests.__path__ = [str(Path("tests").resolve()), *tests.__path__]


def write(test: str, end: str, text: str = "") -> None:
    with Path(os.environ[OUT]).open("a", encoding="utf-8") as file:
        file.write(json.dumps([test, end, text]) + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: Any) -> None:
    """Random examples are the same ones each time, take as long as they need, and the first that fails says
    why.
    """
    if "hypothesis" in sys.modules:
        from hypothesis import Phase, settings

        first = {"phases": [Phase.explicit, Phase.generate], "report_multiple_bugs": False}
        settings.register_profile("peers", derandomize=True, deadline=None, **first)
        settings.load_profile("peers")


def pytest_runtest_setup(item: Any) -> None:
    CHECKS.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    done = yield
    if done.skipped and call.when in ("setup", "call"):
        write(item.nodeid, "skipped", "" if not call.excinfo else str(call.excinfo.value))
    elif done.failed:
        write(item.nodeid, call.excinfo.type.__name__, str(call.excinfo.value))
    elif call.when == "call":
        if "complex" in CHECKS and "real" not in CHECKS:
            write(item.nodeid, NotHereError.__name__, "complex numbers")
        else:
            write(item.nodeid, "passed", "without complex numbers" * ("complex" in CHECKS))
    return done


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: Any) -> Any:
    done = yield
    if done.failed:
        write(collector.nodeid, *collection_error(str(done.longrepr)))
    return done


def collection_error(text: str) -> tuple[str, str]:
    """The class and the text of the error that ends a report of pytest's.

    >>> collection_error("a.py:1: in <module>\\nE   ImportError: cannot import name 'x'")
    ('ImportError', "cannot import name 'x'")
    """
    last = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")] or [text]
    error, _, rest = last[0].partition(": ")
    return error.rpartition(".")[2], rest
