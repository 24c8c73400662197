"""The page that the command writes: verdicts, void rows, growth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import floor, growth, imports, machine, profiles, targets
from benchmarks.cases import ADAM_STEPS, CHAIN, STEPS, tiny
from benchmarks.measure import Result, Row
from benchmarks.peers import AUTOGRAD, COMPILED, JAX, OURS, REFERENCE, TORCH, compiled, ours
from benchmarks.report import Run, render


def result(case, **seconds):
    peers = {"ours": OURS, "torch": TORCH, "hand": REFERENCE, "autograd": AUTOGRAD}
    peers |= {"compiled": COMPILED, "jax": JAX}
    rows = {peers[k]: Row(peers[k], [v, v, v], memory=int(v * 1e6)) for k, v in seconds.items()}
    return Result(case, rows)


@pytest.mark.parametrize(("ours", "met"), [(0.49, True), (0.51, False)])
def test_a_target_is_met_or_missed(ours: float, met: bool) -> None:
    results = {STEPS[0].name: result(STEPS[0], ours=ours, torch=1.0)}
    (verdict,) = targets.verdicts(results, {})[:1]
    assert verdict.met is met
    text = render(Run([("date", "today")], results=results, verdicts=[verdict]))
    assert ("**missed**" in text) is not met
    assert f"| {ours:.2f} | ≤ 0.5 |" in text


def test_a_void_row_gives_no_ratio_and_no_verdict() -> None:
    found = result(STEPS[0], ours=1.0, torch=1.0)
    found.rows[OURS] = Row(OURS, note="wrong gradient: result 1 is off by 1e+00 of its size")
    verdict = targets.verdicts({STEPS[0].name: found}, {})[0]
    assert verdict.met is None
    text = render(Run([], results={STEPS[0].name: found}))
    assert "void: wrong gradient" in text


def test_the_chain_has_a_target_for_time_and_for_bytes() -> None:
    found = {CHAIN.name: result(CHAIN, ours=0.8, torch=1.0)}
    assert [v.met for v in targets.verdicts(found, {})] == [True, False]
    assert list(targets.misses(targets.verdicts(found, {}))) == [f"memory of {CHAIN.name}"]


def test_slower_than_autograd_anywhere_is_a_miss() -> None:
    cases = STEPS[3:5]
    results = {
        cases[0].name: result(cases[0], ours=0.1, autograd=1.0),
        cases[1].name: result(cases[1], ours=2.0, autograd=1.0),
    }
    verdict = targets.verdicts(results, {})[-1]
    assert verdict.met is False
    assert f"slower in 1 of 2; worst: {cases[1].name}" in verdict.text
    assert cases[0].name in render(Run([], results=results))


@pytest.mark.parametrize(("extra", "met"), [(0.014, True), (0.016, False)])
def test_the_import_is_judged_above_numpys(extra: float, met: bool) -> None:
    rows = {"NumPy": Row("numpy", [0.1]), "tinygrad_xent": Row("tx", [extra])}
    (verdict,) = targets.verdicts({}, rows)
    assert verdict.met is met
    assert "tinygrad_xent, above NumPy" in render(Run([], imports=rows))


def test_a_rows_import_leaves_numpys_out() -> None:
    def seconds(before: str, module: str) -> float:
        done = imports.run(imports.PROGRAM.format(before, module))
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    assert seconds("time, numpy", "numpy") < 1e-3 < seconds("time", "numpy")


def test_missing_peers_are_named() -> None:
    about = machine.describe(2, {"numpy": "2.0"}, "some BLAS", ["MyGrad: no module"])
    text = render(Run(about))
    for line in ("missing: MyGrad: no module", "packages: numpy 2.0", "BLAS of NumPy: some BLAS"):
        assert f"- {line}\n" in text


def curve(power: float) -> growth.Growth:
    sizes = (10, 100, 1000, 10_000)
    return growth.Growth("n", {n: result(CHAIN, ours=1e-3 * n**power) for n in sizes})


def test_growth_tells_a_straight_line_from_a_square(tmp_path: Path) -> None:
    straight, square = curve(1), curve(2)
    assert straight.exponent(OURS, "time") == pytest.approx(1)
    assert straight.steepest(OURS, "memory") == pytest.approx(1, rel=1e-2)
    assert square.exponent(OURS, "time") == pytest.approx(2)
    assert square.steepest(OURS, "time") == pytest.approx(10)
    growth.plot([straight, square], tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_text().count("tinygrad_xent") >= 1


def test_a_void_point_of_a_curve_is_told() -> None:
    broken = curve(1)
    assert "- void:" not in render(Run([], curves=[broken]))
    broken.results[1000].rows[OURS] = Row(OURS, note="wrong gradient: result 1 is off")
    text = render(Run([], curves=[broken]))
    assert "- void: n 1,000, tinygrad_xent: wrong gradient: result 1 is off" in text


def test_the_profiles_name_the_function_and_the_line() -> None:
    def heavy() -> float:
        block = np.ones(300_000)
        return float(np.linalg.norm(block.reshape(500, 600)))

    assert "heavy" in profiles.of_time(heavy, 0.01)
    text = profiles.of_memory(heavy)
    assert "test_report.py" in text or "numeric.py" in text
    assert float(text.split()[0]) >= 2.4


@pytest.mark.parametrize("case", [STEPS[0], ADAM_STEPS[0]])
@pytest.mark.parametrize(("seconds", "met"), [(0.5, [True, True]), (0.8, [False, False])])
def test_a_compiled_step_is_judged_beside_hand_written_code_and_jax(case, seconds, met) -> None:
    found = {case.name: result(case, compiled=seconds, hand=1.0, jax=0.75)}
    rows = [v for v in targets.verdicts({}, {}, one_thread=found) if v.peer == COMPILED]
    assert [v.met for v in rows] == met
    assert "tx.compile on one thread against jax.jit" in rows[1].text
    titles = [] if all(met) else [f"time of {case.name}, tx.compile"]
    assert list(targets.misses(rows)) == titles
    line = f"| {case.name} | 1 s | {seconds:.2f} | 0% | {seconds / 0.75:.2f} | – |"
    assert line in render(Run([], one_thread=found))


def test_a_compiled_step_takes_no_more_memory_than_eager_code() -> None:
    case = STEPS[6]
    found = result(case, compiled=1.1, ours=1.0, torch=9.0)
    rows = [v for v in targets.verdicts({case.name: found}, {}) if v.what == "memory"]
    assert [v.met for v in rows if v.peer == COMPILED] == [False, True]


@pytest.mark.parametrize(("seconds", "met"), [(0.049, True), (0.051, False)])
def test_the_first_call_is_judged(seconds: float, met: bool) -> None:
    (verdict,) = targets.verdicts({}, {}, first_call=seconds)
    assert verdict.met is met
    assert "20 layers" in verdict.text
    assert not list(targets.verdicts({}, {}))


def test_the_memory_of_a_compiled_step_is_that_of_its_arrays() -> None:
    case = tiny(STEPS[2]).with_settings(batch=1000, layers=(5, 300, 3))
    step, _ = floor.compiled_step(compiled.step(case.settings).run)
    first, _, *lines = floor.of_memory(step).splitlines()
    held = 4 * 1000 * 300 / 1e6  # the hidden layer, once at least
    assert float(first.split(" MB")[0]) > held
    assert float(lines[0].split(" MB")[0]) >= held


def lines_of(run: Any) -> dict[str, float]:
    found = floor.compiled_step(run)
    assert found is not None
    lines = [line.split(" us  ") for line in floor.of_lines(*found).splitlines() if line]
    return {name: float(time) for time, name in lines}


def test_the_floor_of_a_step_in_blocks_is_that_of_all_blocks(monkeypatch) -> None:
    monkeypatch.setattr(floor, "SECONDS", 1e-4)
    monkeypatch.setattr(floor, "ROUNDS", 3)
    case = STEPS[5].with_settings(batch=2560)  # two blocks at least
    times = lines_of(compiled.step(case.settings).run)
    products = [time for name, time in times.items() if ".dot(" in name and "isfinite" not in name]
    assert 0 < sum(products) <= times["array calls alone: the floor"]


def test_the_floor_is_what_the_lines_of_a_compiled_step_cost(monkeypatch) -> None:
    monkeypatch.setattr(floor, "SECONDS", 1e-4)
    times = lines_of(compiled.step(tiny(STEPS[0]).settings).run)
    assert 0 < times["array calls alone: the floor"] < times["a call"]
    assert times["checks of values"] > 0
    assert times["changes = map(call, late)"] > 0
    assert floor.compiled_step(ours.step(tiny(STEPS[0]).settings).run) is None
