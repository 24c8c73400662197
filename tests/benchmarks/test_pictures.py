"""The section on pictures: each is drawn in a process, what is void or missed is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pictures
from benchmarks.cases import Case
from benchmarks.growth import Growth
from benchmarks.measure import Result, Row
from benchmarks.peers import OURS
from benchmarks.report import Run, render


def curve(title: str, power: float, scale: float = 1e-5) -> Growth:
    """Times and bytes that grow with a power of the size."""
    sizes = (*pictures.SIZES, pictures.LARGEST)
    rows = {n: Row(OURS, [scale * n**power], memory=int(100 * n**power)) for n in sizes}
    return Growth(title, {n: Result(Case("picture", title, {}), {OURS: rows[n]}) for n in sizes})


def test_a_picture_is_drawn_in_a_process_and_measured() -> None:
    row = pictures.picture("irregular graph", 300)
    assert not row.note
    assert row.seconds > 0
    assert 1e5 < row.memory < 1e9


def test_a_picture_that_fails_or_hides_everything_is_void(monkeypatch) -> None:
    assert "KeyError: 'no such graph'" in pictures.picture("no such graph", 300).note
    one_box = "print('[0.1, 1000, 1]')"
    monkeypatch.setattr(pictures, "PROGRAM", one_box + "  # {} {}")
    row = pictures.picture("chain", 300)
    assert (row.note, row.rounds) == ("a picture of 1 nodes", [])
    void = Growth("chain", {300: Result(Case("picture", "chain 300", {}), {OURS: row})})
    assert "- void: chain 300: a picture of 1 nodes" in pictures.section([void])


def test_the_section_tells_a_straight_line_from_a_square(tmp_path: Path) -> None:
    straight, square = curve("chain", 1), curve("knot", 2)
    assert pictures.steepest(straight, "time") == pytest.approx(1)
    assert pictures.steepest(square, "memory") == pytest.approx(10)
    text = render(Run([], pictures=pictures.section([straight])))
    assert "| 10,000 operations, in s | chain | 0.1 | ≤ 2 | met |" in text
    assert "missed" not in text
    text = pictures.section([straight, square])
    assert "| 10,000 operations, in s | knot | 1e+03 | ≤ 2 | **missed** |" in text
    assert "| steepest step in time | knot | 10 | ≤ 1.5 | **missed** |" in text
    assert "| chain | 10 ms | 100 ms | 1 s | 10 s | 100.0 MB | 1.00 | 1.00 |" in text
    pictures.plot([straight, square], tmp_path / "pictures.svg")
    assert "knot" in (tmp_path / "pictures.svg").read_text()
