"""Program: a recorded computation as plain data, that prints itself and can be run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine import errors
from ..plain_data import Plain
from . import calls
from .instructions import FIXED, Instruction, Ref, mapped


@dataclass(frozen=True, eq=False)
class Program(Plain):
    """Array calls in order, each result assigned once: forward, backward and update.

    Plain data: it can be pickled, and programs of equal computations are equal. Iterate over it, or
    print it; call it with arrays to run it.

    Attributes:
        instructions: the inputs first, then every call.
        outputs: what a run returns: nested tuples, lists and dicts as the function returned them, with
            a `Ref` for each array.
        updates: for each input that the computation changes, its name and its new value.
        guards: numbers, words and the like that the function read, by where it found them. If one has
            changed when the program is called, the function is recorded again; not if the program
            comes from a file, where there is no function any more.

    >>> import tinygrad_xent as tx
    >>> square = tx.program(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    >>> print(square)
    program(x: float64[2])
      v1 = operator.mul(x, x)                            float64[2]
      v2 = np.add.reduce(v1, axis=None, keepdims=False)  float64[]  loss
    return v2
    >>> square(np.array([3.0, 4.0]))
    np.float64(25.0)
    """

    instructions: tuple[Instruction, ...]
    outputs: Any
    updates: tuple[tuple[str, Ref], ...] = ()
    guards: tuple[tuple[str, Any], ...] = ()
    source: Any = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> Any:
        return Program, (self.instructions, self.outputs, self.updates, self.guards)

    @property
    def inputs(self) -> tuple[Instruction, ...]:
        """What each run is given, in order."""
        return tuple(i for i in self.instructions if i.call == "input")

    @property
    def constants(self) -> dict[str, Any]:
        """The arrays that are the same in each run, by name."""
        return {i.name or f"v{i.id}": i.args[0] for i in self.instructions if i.call == "constant"}

    def __len__(self) -> int:
        return len(self.instructions)

    def __iter__(self) -> Any:
        return iter(self.instructions)

    def __call__(self, *arrays: Any) -> Any:
        """Run it plainly on arrays, one for each input in order.

        Returns:
            What the function returned, with arrays for tensors; if inputs are changed, that and a
            dict of their new values by name. The arrays that were passed stay as they are.

        Raises:
            TypeError: not one array per input. ShapeError, DtypeError: one does not fit.
            What a check of the program raises: IndexError for a label out of range, say.
        """
        program = self.newest()
        values = program.run(*arrays)
        found = mapped(lambda x: _own(values[x.id]) if isinstance(x, Ref) else x, program.outputs)
        if not program.updates:
            return found
        return found, {name: _own(values[ref.id]) for name, ref in program.updates}

    def newest(self) -> Program:
        """This program or, if something that its function reads has changed, the one recorded since."""
        newer = self.source.newest() if self.source is not None else None
        return self if newer is None else newer

    def run(self, *arrays: Any) -> dict[int, Any]:
        """The result of every instruction, by number."""
        wanted = self.inputs
        if len(arrays) != len(wanted):
            names = ", ".join(i.name for i in wanted)
            raise TypeError(
                f"program: takes {len(wanted)} array(s), got {len(arrays)}: one for each of {names or '()'}."
                " Whole numbers, booleans and strings are the same in each run; record again for others"
            )
        values = {i.id: given(i, array) for i, array in zip(wanted, arrays, strict=True)}
        run(self.instructions, values)
        return values

    def __repr__(self) -> str:
        """How long it is and what it reads; printed, it is the list."""
        given = ", ".join(f"{i.name}: {kind_of(i)}" for i in self.inputs)
        return f"<Program of {given or 'nothing'}: {len(self.instructions):,} instructions>"

    def __str__(self) -> str:
        names = {i.id: i.name if i.call == "input" else f"v{i.id}" for i in self.instructions}
        width = max((len(_text(i, names)) for i in self if i.call != "input"), default=0)
        given = ", ".join(f"{i.name}: {kind_of(i)}" for i in self.inputs)
        lines = [f"program({given})"]
        for i in self:
            if i.call != "input":
                note = f"  {i.name}" if i.name else ""
                lines.append(f"  {_text(i, names):<{min(width, 60)}}  {kind_of(i)}{note}")
        lines.append("return " + _shown(self.outputs, names))
        lines += [f"update {name} = {names[ref.id]}" for name, ref in self.updates]
        return "\n".join(lines)


def run(instructions: Iterable[Instruction], values: dict[int, Any]) -> None:
    """Add the result of every instruction to the values, by number; those of inputs are there."""
    for i in instructions:
        if i.call in FIXED:
            values[i.id] = i.args[0]
        elif i.call != "input":
            args, kwargs = mapped(lambda x: _value(x, values), (i.args, dict(i.kwargs)))
            values[i.id] = calls.function(i.call)(*args, **kwargs)


def given(wanted: Instruction, array: Any) -> Any:
    """An input of a run, if it has the shape and the dtype of the recording."""
    if wanted.dtype == "generator":
        if not isinstance(array, np.random.Generator):
            what = f"program: {wanted.name} must be a numpy.random.Generator"
            raise errors.DtypeError(what, [array])
        return array
    array = getattr(array, "_data", array)
    if wanted.dtype.startswith("Python "):
        kind = {"float": float, "int": int, "bool": bool}[wanted.dtype.removeprefix("Python ")]
        return kind(array)
    found = np.asarray(array)
    if found.shape != wanted.shape:
        what = f"program: {wanted.name} was recorded with shape {wanted.shape}, got {found.shape}"
        raise errors.ShapeError(what, [found], "record a program for this shape")
    if found.dtype.name != wanted.dtype:
        what = f"program: {wanted.name} was recorded as {wanted.dtype}, got {found.dtype}"
        raise errors.DtypeError(what, [found], f"{wanted.name}.astype({wanted.dtype!r})")
    return found


def _own(x: Any) -> Any:
    """A result that shares memory with nothing."""
    return np.array(x) if isinstance(x, np.ndarray) else x


def _value(x: Any, values: dict[int, Any]) -> Any:
    return values[x.id] if isinstance(x, Ref) else x


def kind_of(i: Instruction) -> str:
    """Dtype and shape: float64[5, 3]."""
    if i.shape is None or i.dtype.startswith(("Python", "generator")):
        return i.dtype
    return f"{i.dtype}[{', '.join(map(str, i.shape))}]"


def _text(i: Instruction, names: dict[int, str]) -> str:
    if i.call in FIXED:
        return f"{names[i.id]} = {i.call} {_shown(i.args[0], names)}"
    given = [_shown(x, names) for x in i.args]
    given += [f"{key}={_shown(x, names)}" for key, x in i.kwargs]
    return f"{names[i.id]} = {i.call}({', '.join(given)})"


def _shown(x: Any, names: dict[int, str]) -> str:
    if isinstance(x, Ref):
        return names[x.id]
    if isinstance(x, tuple):
        return f"({', '.join(_shown(p, names) for p in x)}{',' if len(x) == 1 else ''})"
    if isinstance(x, list):
        return f"[{', '.join(_shown(p, names) for p in x)}]"
    if isinstance(x, dict):
        return f"{{{', '.join(f'{k!r}: {_shown(p, names)}' for k, p in x.items())}}}"
    if isinstance(x, slice):
        ends = [x.start, x.stop, *([x.step] if x.step is not None else [])]
        return ":".join("" if p is None else _shown(p, names) for p in ends)
    if isinstance(x, np.ndarray) and x.size > 8:
        return f"{x.dtype}{list(x.shape)}"
    return repr(x.tolist()) if isinstance(x, np.ndarray) else repr(x)
