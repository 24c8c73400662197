"""How much there is to read: `make reading`.

    python -m benchmarks.reading

Counts code lines (no docstrings, comments, blanks) of what one reads to understand `backward()`, and of
the whole engine; and the lines of the package that the first `X @ W`, `cross_entropy` and `backward()`
of a program execute, each once, with those that make X and W left out and counted in.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "tinygrad_xent"
BACKWARD = (
    "engine/table",
    "engine/nodes",
    "engine/tape",
    "engine/ops",
    "engine/walk",
    "engine/gradients",
)
ENGINE = ("engine",)
BESIDE = ("engine/breadth", "formulas", "extension")  # in the engine; beside it
_NOT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def code_lines(source: str) -> int:
    """The lines of a module on which code stands.

    >>> code_lines("'''What it is for.'''\\n\\n# why\\nx = (1,\\n     2)\\n")
    2
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                lines -= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return len(lines)


def lines_of(places: tuple[str, ...]) -> dict[str, int]:
    """The code lines of these modules and folders of the package."""
    found = {}
    for place in places:
        files = [PACKAGE / f"{place}.py"] if (PACKAGE / f"{place}.py").exists() else []
        files += (PACKAGE / place).rglob("*.py")
        found[place] = sum(code_lines(file.read_text(encoding="utf-8")) for file in files)
    return found


def executed(program: Callable[[], Any]) -> int:
    """How many different lines of the package a program executes."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: Any, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(str(PACKAGE)):
            return None
        if event == "line":
            lines.add((file, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        program()
    finally:
        sys.settrace(before)
    return len(lines)


def first_step(with_tensors: bool) -> int:
    """The lines of a first step; of a process of its own, in which no cache is filled."""
    import tinygrad_xent as tx

    made: list[Any] = []

    def make() -> None:
        made.append(tx.Tensor([[1.0, 2.0], [3.0, 4.0]]))
        made.append(tx.Tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True))

    def step() -> None:
        if with_tensors:
            make()
        X, W = made
        tx.cross_entropy(X @ W, [0, 1]).backward()

    if not with_tensors:
        make()
    return executed(step)


def main() -> None:
    counted = (("for backward()", BACKWARD), ("the engine", ENGINE), ("beside it", BESIDE))
    for title, modules in counted:
        found = lines_of(modules)
        parts = ", ".join(f"{name} {count}" for name, count in found.items())
        print(f"{sum(found.values()):5d} code lines {title}: {parts}")
    for title, with_tensors in (("X @ W, cross_entropy, backward()", 0), ("X and W made too", 1)):
        code = f"from benchmarks.reading import first_step; print(first_step({with_tensors}))"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        print(f"{int(run.stdout):5d} lines of the package executed: {title}")


if __name__ == "__main__":
    main()
