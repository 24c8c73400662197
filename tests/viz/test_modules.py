"""What the modules of viz import from the engine."""

import ast
from pathlib import Path

import viz

OF_THE_ENGINE = {
    "tinygrad_xent",
    "tinygrad_xent.command_line",
    "tinygrad_xent.engine.lines",
    "tinygrad_xent.files",
    "tinygrad_xent.tracing",
}


def imported(source):
    """The modules of the engine that a module imports, anywhere in it, for type checkers too."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in getattr(node, "names", [])]
        if isinstance(node, ast.Import):
            yield from (name for name in names if name.startswith("tinygrad_xent"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinygrad_xent"):
            parts = {f"{node.module}.{name}" for name in names} & OF_THE_ENGINE
            yield from parts or [node.module]


def test_viz_reads_traces_and_not_the_engines_insides():
    files = list(Path(viz.__file__).parent.rglob("*.py"))
    assert len(files) > 15
    found = {name for file in files for name in imported(file.read_text("utf-8"))}
    assert found == OF_THE_ENGINE


def test_an_import_of_the_insides_is_noticed():
    for statement in ("from tinygrad_xent.check import lint", "import tinygrad_xent.tape"):
        assert set(imported(f"def f():\n    {statement}\n")) - OF_THE_ENGINE
