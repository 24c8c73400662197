"""tx.script: a program as a NumPy script, as the author of a textbook would write it."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.tensors import Tensor
from .instructions import Instruction, Ref, refs_in
from .listing import Program
from .recording import record
from .spelling import array, value
from .statements import LINE, WIDTH, Statement, Writer, outputs_of

_STAGES = {
    "backward": "Backward, from the last line to the first; g is the gradient of a line's result.",
    "update": "Update.",
}


class Script(str):
    """The text of a script, which can be saved and run."""

    __slots__ = ()

    def save(self, path: str | Path) -> Path:
        """Write it to a file, whose path is returned.

        >>> import tempfile, pathlib
        >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
        >>> tx.script(x * x).save(pathlib.Path(tempfile.mkdtemp()) / "square.py").name
        'square.py'
        """
        path = Path(path)
        path.write_text(self, encoding="utf-8")
        return path


def script(
    what: Callable[..., Any] | Tensor | Program, /, *example: Any, data: bool = False
) -> Script:
    """A standalone NumPy script of a computation: forward, backward and, if there is one, the update.

    Args:
        what, example: as for `tx.program`; or a program.
        data: write the example's arrays into the script, which then runs by itself and prints what the
            computation gives.

    The script computes what eager code computes, bit for bit; where eager code leaves a sum to BLAS for
    speed, the last digits may differ.

    Raises:
        GraphError: as for `tx.program`. ValueError: NumPy alone can't do it (`erf`, say).

    >>> x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> loss = (x * x).sum()
    >>> print(tx.script(loss))
    def loss_and_gradients(x):
        \"""For these shapes: x (2,).\"""
        loss = (x * x).sum()
    <BLANKLINE>
        # Backward, from the last line to the first; g is the gradient of a line's result.
    <BLANKLINE>
        # back through loss = (x * x).sum()
        dx = 2 * x  # g · a
    <BLANKLINE>
        return loss, dx
    <BLANKLINE>
    """
    if isinstance(what, Program):
        if data:
            raise TypeError("script: a program holds no data; pass the function or the tensor")
        return written(what.newest(), _function_name(what))
    recorded, values = record(what, example)
    return written(recorded, _function_name(what), values if data else None)


def of_tensor(output: Tensor, variables: dict[str, Any], data: bool) -> Script:
    """The script of a tensor whose arrays have their names in `variables`."""
    recorded, values = record(output, (), variables)
    return written(recorded, _function_name(output), values if data else None)


def written(recorded: Program, name: str, values: list[Any] | None = None) -> Script:
    """The script of a program, as a function of this name; with values for its inputs it calls that."""
    writer = Writer(recorded, outputs_of(recorded))
    given = [i for i in recorded if i.call == "input" or (i.call == "constant" and i.name)]
    taken = {i.name for i in given}
    name = "compute" if name in taken or hasattr(builtins, name) else name
    body, results = list(_body(writer.statements())), _returned(recorded, writer)
    returned = [writer.returned(ref) for ref in results]
    lines = [*_wrapped(f"def {name}(", [i.name for i in given], "):")]
    lines += ["    " + line if line else "" for line in (*_shapes(given), *body)]
    lines += ["", *_return(returned)] if returned else []
    if values is not None:
        numbers = [not writer.shape(r) for r in results]
        lines += ["", "", *_data(given, values), "", *_call(name, given, returned, numbers)]
    imports = ["import numpy as np", "", ""] if any("np." in line for line in lines) else []
    return Script("\n".join([*imports, *lines]) + "\n")


def _data(given: list[Instruction], values: list[Any]) -> Iterator[str]:
    """The arrays that the function is given, every digit of them."""
    left = iter(values)
    yield "# fmt: off"
    for i in given:
        x = i.args[0] if i.call == "constant" else next(left)
        if isinstance(x, np.random.Generator):
            yield f"{i.name} = np.random.Generator(np.random.{type(x.bit_generator).__name__}())"
            yield f"{i.name}.bit_generator.state = {x.bit_generator.state!r}"
        elif isinstance(x, np.ndarray):
            yield f"{i.name} = {_data_of(x)}"
        elif isinstance(x, np.generic):
            yield f"{i.name} = np.{x.dtype.name}({value(x.item(), i)})"
        else:
            yield f"{i.name} = {value(x, i)}"
    yield "# fmt: on"


def _data_of(x: Any) -> str:
    """An array's numbers; zeros as zeros."""
    if x.size > 3 and not x.any() and not np.signbit(x.astype(float)).any():
        dtype = "" if x.dtype.name == "float64" else f", np.{x.dtype.name}"
        return f"np.zeros({x.size if x.ndim == 1 else x.shape}{dtype})"
    return array(x, by_rows=True)


def _call(
    name: str, given: list[Instruction], returned: list[str], numbers: list[bool]
) -> Iterator[str]:
    """The call of the function, and its results printed."""
    names = [r if r.isidentifier() else f"result{n or ''}" for n, r in enumerate(returned)]
    start = f"{', '.join(names)} = {name}(" if names else f"{name}("
    yield from _wrapped(start, [i.name for i in given], ")")
    for result, number in zip(names, numbers, strict=True):
        below = "" if number else ', sep="\\n"'
        yield f'print("{result} =", {result}{below})'


def _function_name(what: Any) -> str:
    if isinstance(what, Tensor):
        return "loss_and_gradients" if what.requires_grad else "compute"
    name = getattr(what, "__name__", "")
    return name if name.isidentifier() and not keyword.iskeyword(name) else "compute"


def _shapes(given: list[Instruction]) -> list[str]:
    """The docstring: the shapes of what the function takes."""
    shapes = [f"{i.name} {i.shape}".replace(" ", "\0") for i in given if i.shape]  # kept together
    words = f"For these shapes: {', '.join(shapes)}." if shapes else "Of numbers alone."
    lines = textwrap.wrap(f'"""{words}', WIDTH, break_on_hyphens=False, break_long_words=False)
    lines = [line.replace("\0", " ") for line in lines]
    return [*lines, '"""'] if len(lines) > 1 else [f'{lines[0]}"""']


def _returned(recorded: Program, writer: Writer) -> list[Ref]:
    """What the function returns: outputs, and new values that could not be written in place."""
    found = refs_in(recorded.outputs)
    numbers = [n for n in outputs_of(recorded) if n not in {r.id for r in found}]
    for n in numbers:
        if n not in writer.targets or writer.all[n].dtype.startswith("Python"):
            found.append(Ref(n))
    return list(dict.fromkeys(found))


def _body(statements: list[Statement]) -> Iterator[str]:
    """The statements, in groups of those that come from one line of the user's program."""
    before = stage = None
    for s, note in zip(statements, _notes(statements), strict=True):
        source = _source(s.of)
        if s.of.stage != stage or source != before:
            yield from [""] if stage is not None else []
            if s.of.stage != stage and s.of.stage in _STAGES:
                yield from (f"# {_STAGES[s.of.stage]}", "")
            if source and _bare(source) != _bare(s.code[0]) and len(source) < WIDTH - 16:
                yield f"# back through {source}" if s.of.stage == "backward" else f"# {source}"
            before, stage = source, s.of.stage
        fits = note and len(s.code[0]) + len(note) + 4 <= WIDTH
        yield s.code[0] + (f"  # {note}" if fits else "")
        yield from s.code[1:]


def _source(i: Instruction) -> str:
    """The user's line, if it says where the computation comes from."""
    text = i.line.text if i.line else ""
    if text.startswith(("def ", "class ", "@", "return lambda", "lambda")) or _CALLS_US.search(
        text
    ):
        return ""
    return text.removeprefix("return ")


_CALLS_US = re.compile(r"\b(script|program|value_and_grad|grad|hvp|vjp|jacobian|hessian)\(")


def _notes(statements: list[Statement]) -> list[str]:
    """The formula beside each statement: of a derivative where it begins, of an operation where its result
    is; nothing if it says no more than the line.
    """
    notes = [s.of.formula if _tells(s.of) else "" for s in statements]
    for place, s in enumerate(statements):
        other = place - 1 if s.of.stage == "backward" else place + 1
        same = statements[other].of if 0 <= other < len(statements) else None
        if same and (same.stage, same.formula) == (s.of.stage, s.of.formula):
            notes[place] = ""
    return notes


def _bare(code: str) -> str:
    return re.sub(r"\s|tx\.|#.*", "", code)


def _tells(i: Instruction) -> bool:
    """Whether the operation's formula says more than the line itself."""
    if i.stage == "backward":
        return i.formula not in ("g", "-g")
    return "Σ" in i.formula and len(i.formula) > 3


def _return(returned: list[str]) -> list[str]:
    line = "    return " + ", ".join(returned)
    if len(line) <= LINE:
        return [line]
    return _wrapped("    return (", returned, "    )", "    ")


def _wrapped(start: str, items: list[str], end: str, indent: str = "") -> list[str]:
    """Items between brackets: on one line, on one line of their own, or one to a line."""
    inside = ", ".join(items)
    if len(start + inside + end) <= LINE:
        return [start + inside + end.strip()]
    if len(indent + inside) <= WIDTH:
        return [start, f"{indent}    {inside}", end]
    return [start, *(f"{indent}    {item}," for item in items), end]
