"""What stands in a node: numbers by significant digits, aligned tables, summaries, escaped text.

Everything here returns plain text. Text that a user wrote passes through `clean` before it enters a
label, so that it can neither reorder the text around it nor flood the picture.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

import numpy as np

MAX_COLUMNS, MAX_ROWS, MAX_SIZE = 8, 8, 40  # what is still shown in full
MAX_TEXT = 48

Digits: TypeAlias = int | str  # how many significant digits a number has, or its format: ".3f"

BRACKETS = "⟨⟩"  # around the code of a character that can't be shown
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str, limit: int = MAX_TEXT) -> str:
    r"""User text on one line: control and direction marks by their code, long text cut with its length.

    >>> clean("a\nb\u202ec")
    'a⟨U+000A⟩b⟨U+202E⟩c'
    >>> clean("x" * 100, limit=4)
    'xxxx… (100 characters)'
    """
    shown = "".join(
        f"{BRACKETS[0]}U+{ord(c):04X}{BRACKETS[1]}" if unicodedata.category(c) in _INVISIBLE else c
        for c in text[:limit]
    )
    return shown if len(text) <= limit else f"{shown}… ({len(text):,} characters)"


def advance(text: str) -> int:
    """How many characters wide a text is: an ideograph counts as two, an accent as none.

    >>> advance("Σ x²"), advance("名前"), advance("x\u0302")
    (4, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in unicodedata.normalize("NFC", text)
    )


def spanned(names: Sequence[str]) -> str:
    """One name for several, which spans what differs between the first and the last.

    >>> spanned(["Block 0", "Block 1", "Block 11"]), spanned(["blocks.0.norm", "blocks.3.norm"])
    ('Block 0…11', 'blocks.0…3.norm')
    >>> spanned(["encoder", "decoder"]), spanned(["layer", "layer"]), spanned([])
    ('encoder…decoder', 'layer', '')
    """
    words = [re.findall(r"\d+|[^\W\d]+|\W", name) for name in dict.fromkeys(names)]
    if len(words) < 2:
        return "".join(names[:1])
    same = _alike(words)
    ends = _alike([word[same:][::-1] for word in words])
    first, last = ("".join(word[same : len(word) - ends]) for word in (words[0], words[-1]))
    closing = "".join(words[0][len(words[0]) - ends :])
    return f"{''.join(words[0][:same])}{first}…{last}{closing}"


def _alike(words: list[list[str]]) -> int:
    """How many of their first words all of them share."""
    columns = zip(*words, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def relative(name: str, outer: str) -> str:
    """The name of a scope or a leaf inside a scope, without the path of the outer one.

    >>> relative("Linear blocks.0.out", "Block blocks.0"), relative("blocks.0.out", "Block blocks.0")
    ('Linear out', 'out')
    >>> relative("Linear out", "GPT")
    'Linear out'
    """
    path = outer.split(" ")[-1]
    return re.sub(rf"(^| ){re.escape(path)}\.", r"\1", name, count=1)


PLURALS = {"leaf": "leaves", "box": "boxes", "data": "data arrays", "labels": "label arrays"}


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "operation"), counted(1200, "leaf"), counted(2, "data")
    ('1 operation', '1,200 leaves', '2 data arrays')
    """
    return f"{count:,} {noun if count == 1 else PLURALS.get(noun, noun + 's')}"


def number(x: Any, digits: Digits = 4, scientific: bool = False) -> str:
    """One number to so many significant digits; an exact one without closing zeros.

    Args:
        digits: how many significant digits, or a format such as ".3f", in which exact ones are not
            shortened.
        scientific: with an exponent even if the number could do without.

    >>> [number(x) for x in (0.70538451, 1.0, 1.00004, -0.5, 1234567.0, -0.0000123, float("nan"), 12)]
    ['0.7054', '1', '1.000', '-0.5', '1.235e6', '-1.23e-5', 'nan', '12']
    >>> number(0.70538451, ".2f"), number(0.5, ".1e")
    ('0.71', '5.0e-01')
    """
    x = x[()] if isinstance(x, np.ndarray) else x
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return str(x)
    if not math.isfinite(x):
        return str(float(x))
    if isinstance(digits, str):
        return format(float(x), digits)
    if x == 0:
        return "0"
    mantissa, power = _rounded(x, digits)
    if scientific or not _is_handy(power):
        return _trim(mantissa, f"e{power}", x)
    return _trim(f"{float(x):.{max(0, digits - 1 - power)}f}", "", x)


def numbers(array: Any, digits: Digits = 4) -> list[str]:
    """The elements of an array, in one format: all with an exponent if any needs one.

    >>> numbers(np.array([0.25, 0.0, 7.775e-5])), numbers(np.array([0.25, 0.0, 7.775e-4]))
    (['2.5e-1', '0', '7.775e-5'], ['0.25', '0', '0.0007775'])
    """
    flat = np.asarray(array).ravel()
    if isinstance(digits, str):
        return [number(x, digits) for x in flat]
    finite = flat[np.isfinite(flat) & (flat != 0)] if flat.dtype.kind == "f" else ()
    scientific = not all(_is_handy(_rounded(x, digits)[1]) for x in finite)
    return [number(x, digits, scientific) for x in flat]


def _rounded(x: Any, digits: int) -> tuple[str, int]:
    """The mantissa with so many digits, and the power of ten."""
    mantissa, _, exponent = f"{float(x):.{digits - 1}e}".partition("e")
    return mantissa, int(exponent)


def _is_handy(power: int) -> bool:
    """Whether a number of this power of ten is written without an exponent."""
    return -5 < power < 6


def _trim(decimal: str, exponent: str, x: Any) -> str:
    """Without closing zeros, if that is the very number up to rounding: 1.00004 is 1.000, not 1."""
    short = decimal.rstrip("0").rstrip(".") if "." in decimal else decimal
    eps = float(np.finfo(x.dtype if isinstance(x, np.floating) else np.float64).eps)
    exact = math.isclose(float(short + exponent), float(x), rel_tol=32 * eps)
    return (short if exact else decimal) + exponent


def table(array: Any, digits: Digits = 4) -> list[str]:
    """An array as lines of text: one line per row, each column aligned at its decimal point, all numbers
    in one format.

    Axes before the last two become blocks with an empty line between them.

    >>> print("\\n".join(table(np.array([[1.0, -0.25], [10.5, 3.0]]))))
     1    -0.25
    10.5   3
    """
    array = np.asarray(array)
    cells, width = numbers(array, digits), array.shape[-1] if array.ndim else 1
    columns = [_align(cells[i::width]) for i in range(width)]
    lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    if array.ndim > 2:
        height = array.shape[-2]
        blocks = [lines[i : i + height] for i in range(0, len(lines), height)]
        lines = [line for block in blocks for line in ["", *block]][1:]
    return lines


def _align(cells: list[str]) -> list[str]:
    """The cells of a column padded so that their decimal points stand below one another."""
    wholes, tails = [], []
    for cell in cells:
        at = next((i for i, c in enumerate(cell) if c in ".e"), len(cell))
        at = len(cell) if cell in ("True", "False") else at
        wholes.append(cell[:at])
        tails.append(cell[at:])
    left, right = max(map(len, wholes)), max(map(len, tails))
    return [w.rjust(left) + t.ljust(right) for w, t in zip(wholes, tails, strict=True)]


def summary(array: Any, digits: Digits = 4) -> list[str]:
    """What there is to say of an array too large to show: statistics of its finite elements.

    >>> print("\\n".join(summary(np.arange(100.0))))
    min  0     max   99
    mean 49.5  norm  573.0
    NaN  0     Inf   0
    """
    array = np.asarray(array)
    values = array.astype(np.float64).ravel()
    nans, infs = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    values = values[np.isfinite(values)]
    facts: dict[str, Any] = {"min": "-", "max": "-", "mean": "-", "norm": "-"}
    if values.size:
        low, high = array[np.isfinite(array)].min(), array[np.isfinite(array)].max()
        mean = float((values / len(values)).sum())  # divided first: the sum might overflow
        facts = {"min": low, "max": high, "mean": mean, "norm": norm(values)}
    cells = [v if isinstance(v, str) else number(v, digits) for v in facts.values()]
    width = max(len(cells[0]), len(cells[2]), len(str(nans)))
    return [
        f"min  {cells[0].ljust(width)}  max   {cells[1]}",
        f"mean {cells[2].ljust(width)}  norm  {cells[3]}",
        f"NaN  {str(nans).ljust(width)}  Inf   {infs}",
    ]


def norm(array: Any) -> float:
    """The Euclidean norm in float64; no overflow, and no warning, on the way.

    >>> f"{norm([3e200, 4e200]):.6g}"
    '5e+200'
    """
    values = np.abs(np.asarray(array, np.float64).ravel())
    largest = float(values.max()) if values.size else 0.0
    if largest == 0 or not math.isfinite(largest):
        return largest
    unit = values / largest
    return math.sqrt(float(unit @ unit)) * largest


def is_small(array: Any) -> bool:
    """Whether an array is shown in full."""
    array = np.asarray(array)
    columns = array.shape[-1] if array.ndim else 1
    return array.size <= MAX_SIZE and columns <= MAX_COLUMNS and array.size <= MAX_ROWS * columns


def lines_of(array: Any, digits: Digits = 4) -> list[str]:
    """A table of a small array, a summary of a large one."""
    array = np.asarray(array)
    if array.size == 0:
        return ["empty"]
    return table(array, digits) if is_small(array) else summary(array, digits)


def headed(head: str, lines: Iterable[str]) -> list[str]:
    """Lines with a word before the first and its width of space before the others.

    >>> headed("value", ["1 2", "3 4"])
    ['value  1 2', '       3 4']
    """
    margin = " " * len(head)
    return [f"{head if i == 0 else margin}  {line}".rstrip() for i, line in enumerate(lines)]


def dtype_and_shape(array: Any) -> str:
    """Dtype and shape on one line.

    >>> dtype_and_shape(np.zeros((4, 3))), dtype_and_shape(np.float32(1))
    ('float64 (4, 3)', 'float32 scalar')
    """
    array = np.asarray(array)
    return f"{array.dtype} {array.shape if array.ndim else 'scalar'}"


def settings_text(settings: dict[str, Any]) -> str:
    """The settings that were given, for people: `axis=1, keepdims=True`.

    >>> settings_text({"axis": 1, "keepdims": False, "shape": None})
    'axis=1'
    """
    given = {k: v for k, v in settings.items() if v is not None and v is not False}
    return ", ".join(f"{k}={setting(v)}" for k, v in given.items())


def setting(value: Any) -> str:
    """One setting: a slice as in brackets, an array by its shape, a tuple with its names if it has some,
    anything else as it prints.
    """
    if isinstance(value, tuple):
        if names := getattr(value, "_fields", ()):
            return f"({settings_text(dict(zip(names, value, strict=True)))})"
        inner = ", ".join(map(setting, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, slice):
        parts = [value.start, value.stop, value.step]
        shown = ["" if p is None else str(p) for p in parts]
        return ":".join(shown if value.step is not None else shown[:2])
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{value.dtype} {value.shape}" if value.size > 8 else str(value.tolist())
    if isinstance(value, np.generic):
        return str(value)
    return clean(str(value))
