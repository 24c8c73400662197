"""Which function writes which file: the table in which `Drawing.save` looks up a file's ending."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Writer = TypeVar("Writer", bound=Callable[[Any], bytes | str])

WRITERS: dict[str, Callable[[Any], bytes | str]] = {}
"""The writer of each format by the ending of its files."""


def writer(ending: str) -> Callable[[Writer], Writer]:
    r"""Make a function the writer of the files with this ending.

    It is given the `Drawing` and returns the whole file: bytes, or text, which is stored as UTF-8.
    Of a drawing it may use `dot`, `svg` and `plain_svg`, which is in one palette; or `graph`, `cards`,
    `palettes` and `options`, from which those are made.

    Raises:
        TypeError: what is decorated is no function.
        ValueError: that is no ending, or it has another writer.

    >>> @writer(".txt")
    ... def outline(drawing):
    ...     return "\n".join(drawing.cards.node(node)[0][1] for node in drawing.graph.nodes)
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> import viz
    >>> print(outline(viz.draw(x * 2.0)))
    x: parameter
    2
    mul, output
    >>> del WRITERS[".txt"]
    """
    if not isinstance(ending, str) or not re.fullmatch(r"\.[^\s./\\]+", ending):
        raise ValueError(f'viz.writer: an ending is a text like ".svg", got {ending!r:.80}')
    ending = ending.lower()

    def register(write: Writer) -> Writer:
        if not callable(write):
            raise TypeError(f"viz.writer: {ending} is written by a function, not by {write!r:.80}")
        known = WRITERS.get(ending, write)
        if _definition(known) != _definition(write):  # the cell of a notebook may run twice
            raise ValueError(
                f"viz.writer: {ending} is written by {known!r:.80}\n"
                f"  fix: another ending, or first del viz.WRITERS[{ending!r}]"
            )
        WRITERS[ending] = write
        return write

    return register


def _definition(write: Callable[[Any], Any]) -> tuple[object, object]:
    """Where a function was defined: equal for one that is defined again."""
    return getattr(write, "__module__", None), getattr(write, "__qualname__", write)


def endings() -> str:
    """The endings that there are, in words: ".svg, .png or .dot"."""
    *most, last = WRITERS
    return f"{', '.join(most)} or {last}" if most else last


def file_of(drawing: Any, path: Path) -> bytes:
    """What stands in a file of this name.

    Raises:
        ValueError: no format has this ending.
        TypeError: the ending's writer returned something else than bytes or text.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise ValueError(f"save: {path.name!r} should end in {endings()}")
    made = WRITERS[ending](drawing)
    if not isinstance(made, (bytes, str)):
        raise TypeError(
            f"save: the writer of {ending} should return bytes or str, got {type(made).__name__}"
        )
    return made.encode() if isinstance(made, str) else made
