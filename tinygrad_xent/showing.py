"""Results as a terminal and a notebook show them: aligned columns, and the same as a table of HTML.

Every text is escaped, for names may be a user's. The colours of texts are the page's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
MOST = 20  # rows that are shown of a long table
POSITIVE, NEGATIVE = "#0072B2", "#D55E00"
"""Blue and vermillion: told apart by colour-blind eyes too."""


def ends(items: Sequence[T], most: int = MOST) -> tuple[Sequence[T], int, Sequence[T]]:
    """The first and the last items, and how many there are between.

    >>> ends("abcdefg", 4)
    ('ab', 3, 'fg')
    """
    if len(items) <= most:
        return items, 0, items[:0]
    return items[: most // 2], len(items) - most // 2 * 2, items[-(most // 2) :]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines, in columns.

    >>> aligned([("0", "x", "leaf"), ("10", "mul", "x · x")])
    ['0   x    leaf', '10  mul  x · x']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def html_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], bars: Sequence[float] = ()
) -> str:
    """A table as HTML.

    Args:
        bars: a number for each row, shown as a bar in a last column: as long as it is large, blue and to
            the right if it is positive, red and to the left if it is negative.
    """
    style = "padding:0 0.6em;text-align:left;white-space:pre;font-family:monospace"
    largest = max((abs(x) for x in bars if np.isfinite(x)), default=0) or 1

    def cells(tag: str, texts: Sequence[str], more: str = "") -> str:
        inside = "".join(f'<{tag} style="{style}">{escape(text)}</{tag}>' for text in texts)
        return f"<tr>{inside}{more}</tr>"

    drawn = [f'<td style="{style}">{_bar(x / largest)}</td>' for x in bars] or [""] * len(rows)
    body = "".join(cells("td", row, more) for row, more in zip(rows, drawn, strict=True))
    ending = "<th></th>" if bars else ""
    return f"<table><thead>{cells('th', head, ending)}</thead><tbody>{body}</tbody></table>"


def _bar(share: float) -> str:
    """A bar from the middle of 12 em: to the right for a share of 1, to the left for -1."""
    length = 6 * min(1.0, abs(share)) if np.isfinite(share) else 6.0
    start = 6 - length if share < 0 else 6
    colour = NEGATIVE if share < 0 else POSITIVE
    box = f"width:{length:.2f}em;margin-left:{start:.2f}em;background:{colour};height:0.8em"
    return f'<div style="width:12em"><div style="{box}"></div></div>'


def size_of(values: Any) -> str:
    """A number as it is, an array by its norm; "" for None.

    >>> size_of(np.float32(0.5)), size_of(np.array([3.0, 4.0])), size_of(None)
    ('0.5', 'norm 5', '')
    """
    if values is None:
        return ""
    if np.size(values) == 1:
        return f"{np.asarray(values).item():.6g}"
    with np.errstate(all="ignore"):
        return f"norm {np.linalg.norm(np.asarray(values, np.float64).ravel()):.4g}"
