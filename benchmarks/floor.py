"""What a compiled step costs line by line: a floor under what its text can do, and where the rest goes. And
what memory it holds.
"""

from __future__ import annotations

import ast
import functools
import inspect
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import numpy as np

ROUNDS, SECONDS = 15, 2e-3  # of each line, of which the fastest round counts
CHECKS = ("if not", "if max", "if unsigned")
ENDING = ("result", "changes", "touch", "new_counts")


def compiled_step(run: Callable[[], Any]) -> tuple[Any, tuple[Any, ...]] | None:
    """The compiled function that a run calls, and its arguments; None if it calls another."""
    if not isinstance(run, functools.partial):
        return None
    run()  # the first call compiles it
    return (run.func, run.args) if hasattr(run.func, "source") else None


def of_lines(step: Any, args: tuple[Any, ...]) -> str:
    """The time of a call, of the step's text alone, and of each of its lines."""
    inner, data = _inner(step), args
    both = [(fastest(lambda: step(*args)), fastest(lambda: inner(*data))) for _ in range(3)]
    whole, text = map(min, zip(*both, strict=True))
    with np.errstate(all="ignore"):
        lines = list(timed(step.source, inner, data))
    known = [(line, seconds) for line, seconds in lines if seconds is not None]
    bare = sum(s for line, s in known if not line.startswith((*CHECKS, *ENDING)))
    parts = {
        "a call": whole,
        "guards and arguments": whole - text,
        "array calls alone: the floor": bare,
        "checks of values": sum(s for line, s in known if line.startswith(CHECKS)),
        "update, gradients and result": sum(s for line, s in known if line.startswith(ENDING)),
        "between the lines": text - sum(s for _, s in known),
    }
    table = [f"{seconds * 1e6:10.2f} us  {name}" for name, seconds in parts.items()]
    costly = sorted(known, key=lambda pair: -pair[1])[:20]
    return "\n".join([*table, "", *(f"{s * 1e6:10.2f} us  {line}" for line, s in costly)])


def _inner(step: Any) -> Any:
    """The function of the step's text, without what stands around it."""
    inner = step._forms[0].call.__globals__["_step"]
    while inner.__name__ != "step":  # with BLAS on one thread
        inner = inspect.getclosurevars(inner).nonlocals["step"]
    return inner


def of_memory(step: Any) -> str:
    """The arrays that a step holds between its calls: each piece of memory once, with what lies in it."""
    inner = _inner(step)
    owners: dict[int, tuple[Any, list[str]]] = {}
    for name, cell in zip(inner.__code__.co_freevars, inner.__closure__, strict=True):
        array = cell.cell_contents
        while isinstance(getattr(array, "base", None), np.ndarray):
            array = array.base
        if isinstance(array, np.ndarray):
            owners.setdefault(id(array), (array, []))[1].append(name)
    found = sorted(owners.values(), key=lambda pair: -pair[0].nbytes)
    whole = sum(array.nbytes for array, _ in found)
    lines = [f"{array.nbytes / 1e6:10.2f} MB  {', '.join(names)}"[:100] for array, names in found]
    return "\n".join([f"{whole / 1e6:10.2f} MB  held by the step", "", *lines[:10]])


def timed(source: str, step: Any, args: tuple[Any, ...]) -> Iterator[tuple[str, float | None]]:
    """The first words of each line of a step, and its seconds; None where it does not run alone."""
    (make,) = (x for x in ast.parse(source).body if isinstance(x, ast.FunctionDef))
    (inner,) = (x for x in make.body if isinstance(x, ast.FunctionDef))
    names = dict(step.__globals__)
    names |= {
        n: c.cell_contents for n, c in zip(step.__code__.co_freevars, step.__closure__, strict=True)
    }
    names |= zip((a.arg for a in inner.args.args), args, strict=True)
    parts = [*units([x for x in inner.body if not isinstance(x, ast.Return)])]
    texts = ["\n".join(map(ast.unparse, lines)) for lines, _ in parts]
    for place, (lines, times) in enumerate(parts):
        for text in texts[: place + 1]:  # what was timed before has changed what it wrote to
            exec(text, names)
        try:
            yield texts[place].partition("\n")[0], fastest_of(lines, names) * times
        except Exception:
            yield texts[place].partition("\n")[0], None


def units(body: list[ast.stmt]) -> Iterator[tuple[list[ast.stmt], int]]:
    """Lines that can be timed alone, and how often they run: an iterator belongs to the line that uses it
    up. Of a loop over blocks the lines of the first one; what differs in the others is after an else.
    """
    for line, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(line, ast.For) and ast.unparse(line.iter).startswith("range("):
            blocks = eval(ast.unparse(line.iter))
            yield ast.parse(f"{ast.unparse(line.target)} = {blocks[0]}").body, 1
            for inner in line.body:
                if isinstance(inner, ast.If) and inner.orelse:
                    yield inner.body, 1
                    yield inner.orelse, len(blocks) - 1
                else:
                    yield [inner], len(blocks)
        elif not isinstance(line, ast.Try):
            yield [line, following] if isinstance(following, ast.Try) else [line], 1


def fastest_of(lines: list[ast.stmt], names: dict[str, Any]) -> float:
    """Seconds of lines that run as they do in a function, over and over."""
    given = [name for name in names if name.isidentifier() and not name.startswith("__")]
    header = f"def line({', '.join(given)}):\n def many(times, clock):\n  _began = clock()\n"
    body = "\n".join(f"   {part}" for x in lines for part in ast.unparse(x).splitlines())
    text = f"{header}  for _ in times:\n{body}\n  return clock() - _began\n return many"
    space: dict[str, Any] = {}
    exec(text, {}, space)
    many = space["line"](*(names[name] for name in given))
    return best(lambda count: many(repeat(None, count), time.perf_counter))


def fastest(run: Callable[[], Any]) -> float:
    def many(count: int) -> float:
        start = time.perf_counter()
        for _ in repeat(None, count):
            run()
        return time.perf_counter() - start

    return best(many)


def best(many: Callable[[int], float]) -> float:
    """Seconds of one time, from the fastest of many rounds."""
    once = statistics.median(many(1) for _ in range(3))
    count = max(1, int(SECONDS / max(once, 1e-7)))
    return min(many(count) for _ in range(ROUNDS)) / count
