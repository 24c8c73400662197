"""docs/design.md tells the truth: every module stands in it, and imports only those before it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESIGN = (ROOT / "docs/design.md").read_text(encoding="utf-8")
(HOUSE,) = re.findall(r"```text\n(.*?)```", DESIGN, flags=re.DOTALL)
ENGINE, PICTURES = (re.findall(r"(\w+)\.py", part) for part in HOUSE.split("viz/\n"))


def modules(package):
    return {path.stem for path in (ROOT / package).glob("[!_]*.py")}


def imports(module):
    """The engine's modules that a module of the engine imports when it is itself imported."""
    source = (ROOT / f"tinygrad_xent/{module}.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.ImportFrom) and statement.level == 1:
            yield from [statement.module] if statement.module else [a.name for a in statement.names]


def too_early(order):
    """Pairs of a module and one that it imports, where the second does not stand before the first."""
    return [
        (module, other)
        for place, module in enumerate(order)
        for other in imports(module)
        if other not in order[:place]
    ]


def test_every_module_stands_in_the_house_once():
    assert sorted(ENGINE) == sorted(modules("tinygrad_xent"))
    assert sorted(PICTURES) == sorted(modules("viz"))


def test_imports_point_one_way():
    assert too_early(ENGINE) == []


def test_a_wrong_order_is_noticed():
    assert ("tape", "backend") in too_early(ENGINE[::-1])


def test_files_exist():
    named = set(re.findall(r"`([\w/]+\.py)`", DESIGN))
    assert len(named) > 10
    places = [ROOT, ROOT / "tinygrad_xent"]
    assert [name for name in named if not any((p / name).exists() for p in places)] == []
