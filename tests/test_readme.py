"""The README tells the truth: its code runs, its excerpts are printed, its links lead somewhere."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse
from xml.etree import ElementTree

import pytest

from benchmarks.reading import BACKWARD, ENGINE, lines_of

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "benchmarks/RESULTS.md").read_text(encoding="utf-8")


def run(text):
    """Run the examples of a text: how many, and how many failed."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    runner.run(parser.get_doctest(code, {}, "README.md", "README.md", 0))
    return runner.summarize(verbose=False)


def test_code_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(README)
    assert result.attempted >= 10
    assert result.failed == 0
    assert (tmp_path / "loss.svg").read_text(encoding="utf-8").count("<svg") == 1


@pytest.mark.parametrize("page", ["programs.md", "compile.md"])
def test_a_page_prints_what_it_says(page):
    result = run((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert result.attempted >= 5
    assert result.failed == 0


def test_a_wrong_number_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "0.693147" in README
    assert run(README.replace("0.693147", "0.693148")).failed == 1
    assert "0.693147" in capsys.readouterr().out


def test_the_lines_to_read_are_as_many_as_it_says():
    (said,) = re.findall(r"is ([\d,]+) lines of code, the engine as a whole ([\d,]+)", README)
    counted = [sum(lines_of(places).values()) for places in (BACKWARD, ENGINE)]
    for there, here in zip(said, counted, strict=True):
        assert abs(int(there.replace(",", "")) - here) <= 10


def rows_of(table):
    """The cells of each line of a Markdown table."""
    lines = re.findall(r"^\| .*\|$", table, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def measured(text=README):
    """What the README's two tables of times say, by case and by what is compared."""
    compiled, eager = (
        text.partition(heading)[2].partition("\n## ")[0]
        for heading in ("## A faster step\n", "## How fast\n")
    )
    for case, hand, jax in rows_of(compiled)[2:]:
        yield case, "tx.compile on one thread against NumPy by hand", hand
        yield case, "tx.compile on one thread against jax.jit", jax
    for case, time, memory in rows_of(eager)[2:]:
        yield case, "time against pytorch", time
        yield case, "memory against pytorch", memory


def found_in_results(case, what, ratio):
    """Whether a line of the results has this ratio for the case."""
    layers = "1,000,000" if "million" in case else case.partition(" (")[0]
    lines = [
        row
        for row in rows_of(RESULTS)
        if row[0].startswith(("step", "chain")) and what in row[0] and layers in row[0]
    ]
    return any(f"{row[1]} ×" == ratio for row in lines)


def test_times_are_those_of_the_results():
    said = [x for x in measured() if x[2]]
    assert len(said) > 15
    assert [x for x in said if not found_in_results(*x)] == []
    case, what, ratio = said[0]
    assert not found_in_results(case, what, ratio.replace(".", ".9"))


def test_links_lead_somewhere():
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if not urlparse(t).scheme]
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_lesson_is_in_the_table():
    lessons = sorted(path.name for path in (ROOT / "examples").glob("plot_*.py"))
    assert lessons == sorted(re.findall(r"^\| \[(plot_\w+\.py)\]", README, flags=re.MULTILINE))


def test_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"demo", "test"} <= commands
    assert [name for name in commands if f"\n{name}:" not in makefile] == []


def test_excerpts_are_what_the_lesson_prints(run_lesson):
    (excerpt,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    printed = run_lesson("node_classification").text.splitlines()
    assert [line for line in excerpt.splitlines() if line not in printed] == []


def figures(svg):
    """The numbers with a decimal point in the texts of a picture."""
    texts = "\n".join(ElementTree.parse(svg).getroot().itertext())
    return sorted(re.findall(r"-?\d+\.\d+", texts))


def test_picture_is_what_its_command_draws(tmp_path):
    (command,) = re.findall(r"^python (-m viz .*)$", README, flags=re.MULTILINE)
    *arguments, picture = shlex.split(command)
    assert f"({picture})" in README
    again = tmp_path / "again.svg"
    subprocess.run([sys.executable, *arguments, str(again)], cwd=ROOT, check=True, timeout=60)
    assert len(figures(again)) > 50
    assert figures(ROOT / picture) == figures(again)
