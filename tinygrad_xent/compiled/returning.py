"""What a step returns, as text: arrays in its memory as copies, what it was given as the very object."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ..engine.tensors import is_tensor
from ..programs.instructions import Ref
from ..programs.structures import Origin
from .results import Result, spent_node
from .writer import Writer


def is_data(origin: Origin, data: Collection[str]) -> bool:
    """Whether each run is given another value; data: the names of such arguments."""
    return bool(origin.path) and origin.path[0] in data


class Returned:
    """The results of a step.

    Args:
        write: has their names. given: the arguments that each run is given, and what they are called.
    """

    def __init__(self, write: Writer, given: dict[str, str]) -> None:
        self.write, self.given = write, given

    def lines(
        self, results: list[int], kinds: tuple[Result, ...], outputs: Any
    ) -> tuple[list[str], str]:
        """Lines for what is returned twice, and the whole as text.

        Args:
            results: the numbers of the arrays. kinds: how each is handed out. outputs: with a `Ref` for each.
        """
        texts = [*map(self.handed_out, results, kinds)]
        lines = []
        for place in sorted({r.again for r in kinds if r.again is not None}):
            name = self.write.unused("twice")
            lines.append(f"{name} = {texts[place]}")
            texts[place] = name
        texts = [
            t if r.again is None else texts[r.again] for t, r in zip(texts, kinds, strict=True)
        ]
        return lines, self.result(outputs, iter(texts))

    def handed_out(self, number: int, how: Result) -> str:
        """A result as text: a copy if it is in the step's memory."""
        write, i = self.write, self.write.table[number]
        if how.given is not None:
            return self.input(how.given) + "._data" * (
                how.kind == "array" and is_tensor(how.given.holder)
            )
        text = write.value(Ref(number))
        if how.view and i.call == "input":  # all of it, in its own shape
            text = f"{text}.view()"
        elif not how.view and not i.dtype.startswith("Python"):
            if i.shape or not how.number:
                text = f"np.array({text})"
            elif not i.call.startswith(_NUMBERS):  # maybe an array without axes
                text = f"{text}[()]"
        if how.kind == "array" or i.dtype.startswith("Python"):
            return text
        node = None
        if how.kind == "on the tape":
            node = write.object(spent_node(i.shape or (), i.dtype), "off_the_tape")
        return f"wrap({text}, {node})"

    def input(self, origin: Origin) -> str:
        """The object that an input was found in, as text."""
        if is_data(origin, self.given):
            return self.given[origin.path[0]] + keys(origin.path[1:])
        return self.write.object(origin.holder, "given")

    def result(self, x: Any, texts: Iterator[str]) -> str:
        """What the step returns, as text, with that of each array."""
        write = self.write
        if isinstance(x, Ref):
            return next(texts)
        if isinstance(x, (tuple, list)):
            inside = ", ".join(self.result(part, texts) for part in x)
            if hasattr(x, "_fields"):
                return f"{write.object(type(x), type(x).__name__)}({inside})"
            return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, dict):
            return f"{{{', '.join(f'{k!r}: {self.result(v, texts)}' for k, v in x.items())}}}"
        return write.value(x)


_NUMBERS = ("operator.", "np.add.reduce", "weighted_sum")
"""Calls that give a number where the result has no axes."""


def keys(path: Iterable[Any]) -> str:
    """Keys and attributes as they are written."""
    return "".join(str(k) if str(k).startswith(".") else f"[{k!r}]" for k in path)
