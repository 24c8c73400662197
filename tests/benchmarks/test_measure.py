"""The bench voids what is wrong, names what is missing, and measures the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.cases import Case, Job
from benchmarks.measure import Bench, Row, difference
from benchmarks.peers import OURS, PEERS, REFERENCE
from benchmarks.suite import OPERATIONS, QUICK, TINY, tiny
from benchmarks.workers import PeerError, Worker
from tinygrad_xent.engine.table import TABLE

WRONG = "tests.benchmarks.wrong_peer"
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(1, 2, 0.001, [REFERENCE, OURS, WRONG, "tests.benchmarks.absent_peer"]) as bench:
        yield bench


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("step", "wrong gradient: result 4"),
        ("chain", "wrong gradient: result 0"),
        ("fan_out", r"result 1 has shape (1,), not (100,)"),
        ("scalar_network", "the process ended (exit code 3)"),
        ("linear_loss", "MemoryError: no room"),
    ],
)
def test_a_wrong_result_voids_its_row_and_no_other(bench: Bench, kind: str, reason: str) -> None:
    rows = bench.run(TINY[kind]).rows
    assert reason in rows[WRONG].note
    assert rows[WRONG].rounds == []
    assert not rows[OURS].note
    assert len(rows[OURS].rounds) == len(rows[REFERENCE].rounds) == 2


def test_a_peer_that_failed_is_there_for_the_next_case(bench: Bench) -> None:
    bench.run(TINY["scalar_network"], timed=False)
    assert "wrong gradient" in bench.run(TINY["step"], timed=False).rows[WRONG].note


def test_a_missing_peer_is_named_with_the_reason(bench: Bench) -> None:
    assert "absent_peer" in bench.missing["tests.benchmarks.absent_peer"]
    assert "ModuleNotFoundError" in bench.missing["tests.benchmarks.absent_peer"]


def test_a_peer_without_the_case_is_listed_as_absent(bench: Bench) -> None:
    assert bench.run(TINY["operation"], timed=False).absent == [WRONG]


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_our_results_are_the_hand_written_ones(bench: Bench, case: Case) -> None:
    assert bench.run(case, [OURS], timed=False).rows[OURS].note == ""


def test_every_row_of_the_operations_table_is_measured() -> None:
    rows = {name for name, row in TABLE.items() if any(row.rules)}
    for cases in OPERATIONS.values():
        assert {case.settings["operation"] for case in cases} == rows


@linux
def test_memory_is_the_peak_above_the_start() -> None:
    case = TINY["linear_loss"].with_settings(batch=4096, layers=[8, 1024])
    with Worker(OURS, 1) as worker:
        answer = worker.ask("memory", case=vars(case), tiny=vars(tiny(case)))
    logits = 4096 * 1024 * 4
    assert logits / 8 < answer["bytes"] < 20 * logits


def test_a_worker_says_what_went_wrong() -> None:
    with (
        Worker(REFERENCE, 1) as worker,
        pytest.raises(PeerError, match="KeyError: 'layers'"),
    ):
        worker.build(Case("step", "no settings", {}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_difference_finds_one_wrong_element(dtype: type) -> None:
    right = [np.array(1.5, dtype), np.linspace(0, 1, 12, dtype=dtype).reshape(3, 4)]
    assert difference([a.copy() for a in right], right) == ""
    wrong = [a.copy() for a in right]
    wrong[1][0, 0] += 0.01
    assert "wrong gradient: result 1" in difference(wrong, right)
    assert "1 results instead of 2" in difference(right[:1], right)


def test_a_ratio_is_taken_within_the_rounds() -> None:
    # The machine was three times as slow in the second round: the ratio does not see it.
    ours, theirs = Row(OURS, [1.0, 3.0, 1.0]), Row(REFERENCE, [2.0, 6.0, 2.0])
    assert ours.ratio(theirs) == 0.5
    assert ours.seconds == 1.0


def test_every_peer_builds_jobs() -> None:
    """The registry names modules, and hand-written NumPy has every kind of case."""
    from benchmarks.peers import by_hand

    assert all(name.startswith("benchmarks.peers.") for name in PEERS)
    for kind, case in TINY.items():
        assert isinstance(getattr(by_hand, kind)(case.settings), Job)
