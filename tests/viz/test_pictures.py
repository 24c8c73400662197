"""docs/pictures.md: its code runs, and each picture is there in light and dark, and small."""

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "pictures.md").read_text("utf-8")


def test_each_block_of_code_makes_the_picture_below_it():
    made = list(runpy.run_path(str(DOCS / "pictures.py"))["drawings"](PAGE))
    assert len(made) == PAGE.count("<picture>")
    for name, drawing in made:
        assert drawing.svg.startswith("<svg"), name
        assert f'src="pictures/{name}-light.png"' in PAGE


def test_all_its_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == PAGE.count("<picture>") + 2
    assert "#8a5a00" in names["sepia"].hues.values()
    assert len((tmp_path / "loss.csv").read_text().splitlines()) > 10


def test_the_screenshots_are_there_and_no_others():
    shown = set(re.findall(r"pictures/\w+(?:-\w+\.png|\.svg)", PAGE))
    files = list((DOCS / "pictures").iterdir())
    assert shown == {f"pictures/{file.name}" for file in files}
    assert sum(file.stat().st_size for file in files) < 1_500_000


def test_the_film_is_there_as_a_file_that_plays():
    (file,) = (DOCS / "pictures").glob("*.svg")
    assert file.stat().st_size < 100_000
    assert "@keyframes" in file.read_text("utf-8")
