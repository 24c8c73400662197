"""Which part of the package a program can be recorded of, and how near its results are to eager ones:

    make coverage        the whole table
    python -m tests.programs.coverage row loss

A result is "equal" to the last bit, or within so many units in the last place of the array's largest
element; or the recording is refused, with its reason. The script is held to the same.
"""

from __future__ import annotations

import copy
import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.command_line import names_of
from tinygrad_xent.programs.instructions import Ref, mapped, parts
from tinygrad_xent.programs.recording import record
from tinygrad_xent.programs.scripts import written
from tinygrad_xent.programs.spelling import NotInNumPyError

from .subjects import Subject, subjects

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finding:
    """What is known of one subject: the largest difference of program and script, in units in the last
    place, or why there is none.
    """

    subject: Subject
    program: float | str
    script: float | str

    def __str__(self) -> str:
        cells = [said(self.program), said(self.script)]
        return f"{self.subject.group:<10} {self.subject.name:<70} {cells[0]:<24} {cells[1]}"


def said(cell: float | str) -> str:
    if isinstance(cell, str):
        return f"refused: {cell}"
    return "equal" if cell == 0 else f"within {cell:.2g} ulp"


def finding(subject: Subject) -> Finding:
    """Record a subject and compare what it and its script give with what eager code gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = list(eagerly(subject))
        try:
            program, values = record(*subject.make())
        except tx.GraphError as error:
            return Finding(subject, reason(error), "as the program")
        by_program = distance(runs(program, values, subject, program), expected)
        try:
            function = defined(written(program, "step"))
        except NotInNumPyError as error:
            return Finding(subject, by_program, reason(error))
        return Finding(
            subject, by_program, distance(scripted(function, program, values, subject), expected)
        )


def reason(error: Exception) -> str:
    return str(error).partition("\n")[0].removeprefix("program: ")


def eagerly(subject: Subject) -> Iterator[Any]:
    """What each run gives, and the parameters after it."""
    f, args = subject.make()
    for _ in range(max(1, subject.steps)):
        yield [numbers(f(*args)), [p.numpy().copy() for p in parameters(args)]]


def parameters(args: Any) -> list[Any]:
    return [p for x in args if isinstance(x, tx.nn.Module) for p in x.parameters()]


def numbers(x: Any) -> Any:
    """Results as arrays."""
    if isinstance(x, dict):
        return [numbers(part) for part in x.values()]
    if isinstance(x, (list, tuple)):
        return [numbers(part) for part in x]
    return np.array(x.numpy()) if isinstance(x, tx.Tensor) else x


def runs(program: Any, values: Sequence[Any], subject: Subject, run: Any) -> Iterator[Any]:
    """What a program gives, run after run, where each is given what the one before has changed."""
    given = dict(zip((i.name for i in program.inputs), copy.deepcopy(list(values)), strict=True))
    for _ in range(max(1, subject.steps)):
        found = run(*given.values())
        result, updates = found if program.updates else (found, {})
        given |= {name: value for name, value in updates.items() if name in given}
        yield [numbers(result), trained(given, subject)]


def trained(given: dict[str, Any], subject: Subject) -> list[Any]:
    """The parameters among the inputs of a step: all of its arrays that are not buffers or data."""
    if not parameters(subject.make()[1]):
        return []
    return [np.array(x) for name, x in given.items() if name[0] in "Wb" and "_" not in name]


def scripted(function: Any, program: Any, values: Sequence[Any], subject: Subject) -> Iterator[Any]:
    """The same for a script's function, which changes arrays in place and returns plain numbers."""
    given = dict(zip((i.name for i in program.inputs), copy.deepcopy(list(values)), strict=True))
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    inputs = {i.name for i in program.inputs}
    moving = [
        (name, ref.id)
        for name, ref in program.updates
        if name in inputs and program.instructions[ref.id].dtype.startswith("Python")
    ]
    outputs = [x for x in parts(program.outputs) if isinstance(x, Ref)]
    returned = list(dict.fromkeys([*(ref.id for ref in outputs), *(n for _, n in moving)]))
    for _ in range(max(1, subject.steps)):
        found = function(**{name: (given | program.constants)[name] for name in names})
        results = dict(zip(returned, found if len(returned) > 1 else [found], strict=True))
        given |= {name: results[number] for name, number in moving}
        yield [numbers(filled(program.outputs, results)), trained(given, subject)]


def filled(outputs: Any, results: dict[int, Any]) -> Any:
    return mapped(lambda x: results[x.id] if isinstance(x, Ref) else x, outputs)


def defined(script: str) -> Any:
    """The function that a script defines, in a namespace of its own."""
    names: dict[str, Any] = {}
    exec(script, names)
    return names["step"]


def leaves(x: Any) -> list[Any]:
    return [leaf for part in x for leaf in leaves(part)] if isinstance(x, list) else [x]


def distance(found: Iterator[Any], expected: list[Any]) -> float:
    """The largest difference in units in the last place of the array's largest element."""
    far = 0.0
    for ours, theirs in zip(found, expected, strict=True):
        pairs = list(zip(leaves(ours), leaves(theirs), strict=True))
        far = max([far, *(ulps(np.asarray(a), np.asarray(b)) for a, b in pairs)])
    return far


def ulps(a: Any, b: Any) -> float:
    assert a.shape == b.shape, (a.shape, b.shape)
    assert a.dtype == b.dtype, (a.dtype, b.dtype)
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else np.inf
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    finite = np.isfinite(a)
    if not finite.any():
        return 0.0 if np.array_equal(a, b, equal_nan=True) else np.inf
    unit = np.spacing(np.abs(b[finite]).max())
    return float(np.abs(a[finite].astype(float) - b[finite].astype(float)).max() / unit)


def lessons() -> Iterator[Finding]:
    """Every number that a lesson leaves on a tape, with its gradients; or why a lesson has none."""
    for file in sorted((ROOT / "examples").glob("plot_*.py")):
        stem = file.stem.removeprefix("plot_")
        quiet = io.StringIO()
        with redirect_stdout(quiet), redirect_stderr(quiet), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = names_of(file)
        found = {n: x for n, x in names.items() if isinstance(x, tx.Tensor) and not x.is_leaf}
        numbers = {name: x for name, x in found.items() if x.size == 1}
        for name, tensor in numbers.items():
            with np.errstate(all="ignore"):
                yield of_tape(Subject("lesson", f"{stem}: {name}", no_function), tensor, names)
        if not numbers:
            why = "it leaves no number on a tape"
            yield Finding(Subject("lesson", stem, no_function), why, why)


def no_function() -> tuple[None, tuple[()]]:
    return None, ()


def of_tape(subject: Subject, tensor: tx.Tensor, names: dict[str, Any]) -> Finding:
    """What is known of the tape of a tensor."""
    try:
        program, values = record(tensor, (), names)
    except tx.GraphError as error:
        return Finding(subject, reason(error), "as the program")
    trace = tx.trace(tensor)
    slopes = [e.gradient for e in trace if e.kind == "parameter"]
    expected = sorted_by_size([trace[trace.output].value, *slopes])
    found = sorted_by_size(leaves(numbers(program(*values))))
    function = defined(written(program, "step"))
    given = dict(zip((i.name for i in program.inputs), values, strict=True)) | program.constants
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    by_script = function(**{name: given[name] for name in arguments})
    by_script = sorted_by_size(by_script if isinstance(by_script, tuple) else [by_script])
    far = [max(map(ulps, ours, expected)) for ours in (found, by_script)]
    return Finding(subject, *far)


def sorted_by_size(arrays: Any) -> list[Any]:
    """Arrays in an order of their own: a trace and a program name gradients in different ones."""
    return sorted(map(np.asarray, arrays), key=lambda x: (x.shape, float(np.sum(x))))


def main(groups: Sequence[str]) -> int:
    counts: Counter[str] = Counter()
    chosen = (s for s in subjects() if not groups or s.group in groups)
    findings = chain(map(finding, chosen), lessons() if not groups or "lesson" in groups else ())
    for found in findings:
        print(found)
        counts[said(found.program).partition(" ")[0]] += 1
        counts["script " + said(found.script).partition(" ")[0]] += 1
    print(dict(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
