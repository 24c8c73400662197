"""docs/design.md tells the truth: every module is in its list, and imports only what is above it.

All imports count: those for type checkers only, those inside functions, and those of stubs.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tinygrad_xent as tx
import viz
from tinygrad_xent.engine.public import PUBLIC

ROOT = Path(__file__).resolve().parent.parent
DESIGN = (ROOT / "docs/design.md").read_text(encoding="utf-8")
(HOUSE,) = re.findall(r"```text\n(.*?)```", DESIGN, flags=re.DOTALL)
PACKAGES = ("tinygrad_xent", "viz")


def listed(house: str) -> list[str]:
    """The modules as the list has them, by dotted name. A package is where its `__init__.py` is
    listed, or after its modules.
    """
    found: list[str] = []
    path: list[str] = []
    for line in [*house.splitlines(), ""]:
        depth = (len(line) - len(line.lstrip())) // 2
        while len(path) > depth:
            found += [".".join(path)] if ".".join(path) not in found else []
            path.pop()
        if folder := re.match(r"\s*(\w+)/", line):
            path.append(folder[1])
        modules = re.findall(r"(\w+)\.py\b", line)
        found += [".".join([*path, *([m] if m != "__init__" else [])]) for m in modules]
    return found


def sources() -> dict[str, list[Path]]:
    """Every module by dotted name, with its source and, if there is one, its stub."""
    found: dict[str, list[Path]] = {}
    for file in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py*")):
        if file.suffix in (".py", ".pyi"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.setdefault(name, []).append(file)
    return found


SOURCES = sources()
ORDER = listed(HOUSE)


def imports(module: str, files: list[Path]) -> Iterator[str]:
    """The modules of ours that a module imports, anywhere in it."""
    for file in files:
        package = module.split(".") if file.stem == "__init__" else module.split(".")[:-1]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in SOURCES)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                named = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    part = f"{named}.{alias.name}"
                    if (found := part if part in SOURCES else named) in SOURCES:
                        yield found


def wrong_way(order: list[str], arrows: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports of what does not come before in the order."""
    place = {name: i for i, name in enumerate(order)}
    return [(a, b) for a, others in arrows.items() for b in others if place[b] >= place[a]]


ARROWS = {name: set(imports(name, files)) for name, files in SOURCES.items()}


def test_every_module_stands_in_the_house_once():
    assert sorted(ORDER) == sorted(SOURCES)


def test_every_arrow_points_to_what_stands_before():
    assert sum(map(len, ARROWS.values())) > 250
    assert wrong_way(ORDER, ARROWS) == []


def test_a_wrong_order_and_a_circle_are_noticed():
    assert ("tinygrad_xent.engine.tape", "tinygrad_xent.engine.nodes") in wrong_way(
        ORDER[::-1], ARROWS
    )
    circle = {name: {*others} for name, others in ARROWS.items()}
    circle["tinygrad_xent.engine.tensors"].add("tinygrad_xent.engine.walk")
    assert wrong_way(ORDER, circle) == [
        ("tinygrad_xent.engine.tensors", "tinygrad_xent.engine.walk")
    ]


def test_late_typed_and_stubbed_imports_count(tmp_path):
    text = "def f():\n    from .engine import walk\nif TYPE_CHECKING:\n    from . import optim\n"
    for suffix in (".py", ".pyi"):
        (tmp_path / f"m{suffix}").write_text(text)
    for suffix in (".py", ".pyi"):
        found = set(imports("tinygrad_xent.m", [tmp_path / f"m{suffix}"]))
        assert found == {"tinygrad_xent.engine.walk", "tinygrad_xent.optim"}


def public_names(*packages) -> set[str]:
    """What these packages export, apart from packages."""
    return {n for p in packages for n in p.__all__ if not isinstance(getattr(p, n), type(tx))}


def test_no_module_has_the_name_of_a_public_function():
    """A submodule would take the function's place as soon as it is imported."""
    rows = {name for public in PUBLIC.values() for name in public.names}
    functions = {
        "tinygrad_xent": rows | public_names(tx, tx.check, tx.textbook, tx.nn, tx.optim),
        "viz": public_names(viz),
    }
    assert {"trace", "lint", "softmax", "gradcheck"} <= functions["tinygrad_xent"]
    places = [(name.split(".")[0], name.rpartition(".")[2]) for name in SOURCES]
    assert [module for package, module in places if module in functions[package]] == []


def test_importing_every_module_changes_no_public_name():
    program = f"""
import importlib, types
import tinygrad_xent as tx, viz
packages = (tx, tx.check, tx.textbook, tx.nn, tx.optim, viz)
before = [{{n: getattr(p, n) for n in p.__all__}} for p in packages]
for name in {[name for name in SOURCES if not name.endswith("__main__")]}:
    importlib.import_module(name)
after = [{{n: getattr(p, n) for n in p.__all__}} for p in packages]
assert all(a[n] is b[n] for a, b in zip(before, after) for n in a)
print(sum(map(len, after)))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(run.stdout) > 150


def test_files_exist():
    named = set(re.findall(r"`([\w/]+\.py)`", DESIGN))
    assert len(named) > 10
    places = [ROOT, ROOT / "tinygrad_xent", ROOT / "tinygrad_xent/engine"]
    assert [name for name in named if not any((p / name).exists() for p in places)] == []
