"""The bench voids what is wrong, names what is missing, and measures the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import machine
from benchmarks.__main__ import quick
from benchmarks.cases import CASES, CHAIN, STEPS, Case, Job, tiny
from benchmarks.measure import Bench, Row, difference
from benchmarks.peers import OURS, PEERS, REFERENCE, Peer
from benchmarks.worker import PeerError, Worker, environment

STEP, LINEAR_LOSS = STEPS[2], CASES[-1]
WRONG = "tests.benchmarks.wrong_peer"
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    peers = [REFERENCE, OURS, WRONG, "tests.benchmarks.absent_peer"]
    with Bench(peers, rounds=2, seconds=0.001) as bench:
        yield bench


@pytest.mark.parametrize(
    ("case", "fault", "reason"),
    [
        (STEP, "too long", "wrong gradient: result 6 is off by 1.0e-03"),
        (STEP, "shape", "result 6 has shape (1,), not (8,)"),
        (STEP, "one missing", "6 results instead of 7"),
        (CHAIN, "no number", "wrong gradient: result 1 is off by nan"),
        (CHAIN, "no gradient", "no gradient: result 1 is of object"),
        (CHAIN, "end", "the process ended (exit code 3)"),
        (CHAIN, "only when timed", "MemoryError: no room"),
    ],
)
def test_a_wrong_result_voids_its_row_and_no_other(
    bench: Bench, case: Case, fault: str, reason: str
) -> None:
    rows = bench.run(tiny(case).with_settings(fault=fault)).rows
    assert reason in rows[WRONG].note
    assert rows[WRONG].rounds == []
    assert not rows[OURS].note
    assert len(rows[OURS].rounds) == len(rows[REFERENCE].rounds) == 2


def test_a_peer_that_failed_is_there_for_the_next_case(bench: Bench) -> None:
    assert "exit code 3" in bench.check(tiny(CHAIN).with_settings(fault="end")).rows[WRONG].note
    assert bench.check(tiny(STEP)).rows[WRONG].note == ""


def test_a_missing_peer_is_named_with_the_reason(bench: Bench) -> None:
    (missing,) = bench.missing
    assert missing.startswith("tests.benchmarks.absent_peer: ModuleNotFoundError: ")


def test_a_peer_without_the_case_is_listed_as_absent(bench: Bench) -> None:
    assert bench.check(tiny(LINEAR_LOSS)).absent == [WRONG]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_results_are_the_hand_written_ones(bench: Bench, case: Case) -> None:
    assert bench.check(tiny(case), [OURS]).rows[OURS].note == ""


def test_quick_fails_if_anything_is_wrong_or_nothing_was_checked(
    bench: Bench, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEERS, WRONG, Peer("Wrong"))
    monkeypatch.setattr("benchmarks.__main__.CASES", (CHAIN,))
    assert quick(bench, []) == 0
    assert quick(bench, ["no such case"]) == 1
    monkeypatch.setattr("benchmarks.__main__.CASES", (CHAIN.with_settings(fault="no number"),))
    assert quick(bench, ["chain"]) == 1
    assert f"WRONG {CHAIN.name}: Wrong: wrong gradient: result 1" in capsys.readouterr().out


@linux
def test_memory_is_the_peak_above_the_start() -> None:
    case = LINEAR_LOSS.with_settings(batch=4096, layers=(8, 1024))
    with Worker(OURS, 1) as worker:
        peak = worker.ask("memory", case, tiny(case))
    logits = 4096 * 1024 * 4
    assert logits / 8 < peak < 20 * logits


def test_what_would_choose_another_kernel_does_not_reach_the_peers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Worker(REFERENCE, 1) as worker:
        chosen = worker.ask("blas")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    with Worker(REFERENCE, 1) as worker:
        assert worker.ask("blas") == chosen
    assert environment(3).keys().isdisjoint({"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"})
    assert environment(3)["OMP_NUM_THREADS"] == "3"


def test_a_blas_that_says_nothing_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert machine.blas().startswith(f"{built['name']} {built['version']}, kernel ")
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda path: object())
    monkeypatch.setattr(np, "show_config", lambda mode: {})
    assert machine.blas() == "unknown, kernel unknown"


def test_a_worker_says_what_went_wrong() -> None:
    with (
        Worker(REFERENCE, 1) as worker,
        pytest.raises(PeerError, match="KeyError: 'layers'"),
    ):
        worker.ask("build", Case("step", "no settings", {}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_difference_finds_one_wrong_element(dtype: type) -> None:
    right = [np.array(1.5, dtype), np.linspace(0, 1, 12, dtype=dtype).reshape(3, 4)]
    assert difference([a.copy() for a in right], right) == ""
    wrong = [a.copy() for a in right]
    wrong[1][0, 0] += 0.01
    assert "wrong gradient: result 1" in difference(wrong, right)
    assert "1 results instead of 2" in difference(right[:1], right)


def test_a_ratio_is_taken_within_the_rounds() -> None:
    # The machine was three times as slow in the second round: the ratio is not affected.
    ours, theirs = Row(OURS, [1.0, 3.0, 1.0]), Row(REFERENCE, [2.0, 6.0, 2.0])
    assert ours.ratio(theirs) == 0.5
    assert ours.seconds == 1.0


def test_every_peer_builds_jobs() -> None:
    """The registry names modules, and hand-written NumPy has every kind of case."""
    from benchmarks.peers import by_hand

    assert all(name.startswith("benchmarks.peers.") for name in PEERS)
    for case in map(tiny, CASES):
        assert isinstance(getattr(by_hand, case.kind)(case.settings), Job)
