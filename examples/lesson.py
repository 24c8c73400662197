"""What the lessons share: aligned tables, and the folder that pictures go to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

OUT = Path(__file__).resolve().parent.parent / "out"


def heading(text: str) -> None:
    """Print the title of a part."""
    print(f"\n{text}\n{'═' * len(text)}")


def table(
    title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], digits: int = 6
) -> None:
    """Print rows under a header: numbers to the right with `digits` decimals, the rest to the left."""
    columns = [column(values, digits) for values in zip(*rows, strict=True)]
    widths = [max(map(len, (name, *texts))) for name, texts in zip(header, columns, strict=True)]
    numeric = [all(map(_is_number, texts)) for texts in columns]

    def line(texts: Iterable[str]) -> str:
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)
        )
        return "  " + "   ".join(aligned).rstrip()

    print(f"\n{title}")
    for texts in (header, ["─" * width for width in widths], *zip(*columns, strict=True)):
        print(line(texts))


def column(values: Sequence[Any], digits: int) -> list[str]:
    """The texts of one column, with the numbers of its arrays aligned."""
    parts = [[v] if isinstance(v, str) else numbers(v, digits) for v in values]
    if all(len(texts) == 1 for texts in parts):
        return [text for (text,) in parts]
    width = max((len(text) for texts in parts for text in texts if "." in text), default=0)
    return [
        " ".join(text.rjust(width) if "." in text else text for text in texts) for texts in parts
    ]


def numbers(value: Any, digits: int) -> list[str]:
    """Each number of an array or tensor, or the one number, as text."""
    return [
        number(x, digits) for x in np.ravel(value.numpy() if hasattr(value, "numpy") else value)
    ]


def number(x: Any, digits: int = 6) -> str:
    """A number with this many decimals; one too small for them as 1.2e-17, never as 0."""
    if isinstance(x, bool | np.bool_):
        return "yes" if x else "no"
    if isinstance(x, int | np.integer):
        return str(x)
    if x and abs(x) < 10.0**-digits / 2:
        return f"{x:.1e}"
    return f"{x + 0.0:.{digits}f}"  # + 0.0: minus zero reads as 0


def save(picture: Any, *names: str) -> None:
    """Write a matplotlib figure or a drawn graph into the folder for pictures and say so."""
    OUT.mkdir(exist_ok=True)
    for name in names:
        if hasattr(picture, "savefig"):
            picture.savefig(OUT / name, dpi=150, bbox_inches="tight")
        else:
            picture.save(OUT / name)
    print(f"\n  wrote {', '.join(f'out/{name}' for name in names)}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
