"""Finds the line of the user's program that called into this package.

Errors, warnings, the tape and the pictures name it. It is the line of the innermost frame whose file
is the user's: not a file of this package, of Python itself or of a library that calls functions it is
given (NumPy, pandas, pytest and the like, wherever they are installed). Each file is classified once,
at its first frame, so the search costs little; a position becomes a `Line` only when asked for.
In a notebook, lines are counted per cell, and cells are numbered as IPython numbers them.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import warnings
from functools import lru_cache
from sys import _getframe
from types import CodeType, FrameType, ModuleType
from typing import NamedTuple

LIBRARIES = (
    *("numpy", "scipy", "pandas", "xarray", "sklearn", "joblib", "dask", "polars", "narwhals"),
    *("torch", "jax", "numba", "sympy", "mpmath", "networkx", "matplotlib", "cloudpickle", "tqdm"),
    *("IPython", "ipykernel", "ipywidgets", "traitlets", "tornado", "nbclient", "sphinx_gallery"),
    *("pytest", "_pytest", "pluggy", "hypothesis"),
)
_GENERATED = ("<frozen ", "<__array_function__ ", "<decorator-gen-", "<attrs generated ")
_STDLIB = os.path.join(os.path.dirname(linecache.__file__), "")
_INSTALLED = tuple(_STDLIB + folder + os.sep for folder in ("site-packages", "dist-packages"))
_own: list[str] = []


class _NotUsers(dict[str, bool]):
    """For each file name, whether its lines are not the user's; computed at the first look-up."""

    def __missing__(self, file: str) -> bool:
        if file.startswith("<"):  # <stdin>, <string>, <doctest ...> are the user's
            return self.setdefault(file, file.startswith(_GENERATED))
        python = file.startswith(_STDLIB) and not file.startswith(_INSTALLED)
        return self.setdefault(file, python or file.startswith((*_own, *_library_folders())))


NOT_USERS: dict[str, bool] = _NotUsers()


def _library_folders() -> list[str]:
    """The folders of those `LIBRARIES` that are imported, since only these can have a frame. A
    folder that merely has the name of a library does not count.
    """
    modules = [m for m in map(sys.modules.get, LIBRARIES) if isinstance(m, ModuleType)]
    # A module's dict is read directly, so that a lazy module stays unloaded.
    known = (object.__getattribute__(module, "__dict__") for module in modules)
    return [os.path.join(folder, "") for names in known for folder in names.get("__path__", ())]


def own(folder: str | os.PathLike[str]) -> None:
    """Count a folder's files as ours: those of this package, or of a package built on it."""
    _own.append(os.path.join(os.fspath(folder), ""))
    NOT_USERS.clear()


own(os.path.dirname(os.path.dirname(__file__)))


def user_frame(depth: int = 1) -> FrameType:
    """The user's innermost frame, searched from `depth` calls up; the outermost if none is."""
    try:
        frame = _getframe(depth)
    except ValueError:  # C code called us, in a separate thread
        frame = _getframe()
    while NOT_USERS[frame.f_code.co_filename] and (outer := frame.f_back):
        frame = outer
    return frame


def user_position() -> tuple[CodeType, int]:
    """The code object and instruction of the user's innermost frame: what the tape keeps."""
    frame = user_frame(2)
    return frame.f_code, frame.f_lasti


class Line(NamedTuple):
    """A line of the user's program, in a file or in a numbered cell of a notebook.

    >>> print(Line("/home/ada/train.py", 12))
    train.py:12
    >>> print(Line("/tmp/ipykernel_7/1815.py", 1, cell=3))
    cell 3, line 1
    """

    file: str
    number: int
    cell: int | None = None

    def __str__(self) -> str:
        if self.cell is not None:
            return f"cell {self.cell}, line {self.number}"
        return f"{os.path.basename(self.file)}:{self.number}"

    @property
    def text(self) -> str:
        """The source text of the line, "" if it is not available."""
        return linecache.getline(self.file, self.number).strip()


def line_of(code: CodeType, instruction: int) -> Line:
    """The line of a position that `user_position` gave."""
    file = code.co_filename
    return Line(file, _number(code, instruction), _cell(file))


@lru_cache(maxsize=4096)  # the number alone is cached: two files may contain equal code
def _number(code: CodeType, instruction: int) -> int:
    number = code.co_firstlineno
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            number = line
    return number


def _cell(file: str) -> int | None:
    """The number of the cell that IPython compiled under this name; the latest if it ran twice."""
    ipython = sys.modules.get("IPython")
    shell = getattr(ipython, "get_ipython", lambda: None)()
    cells = getattr(getattr(shell, "compile", None), "_filename_map", {})
    return cells.get(file)


def user_line() -> Line:
    """The user's line that called into this package."""
    return line_of(*user_position())


_WITH_DIGITS = r"[-+\w.]*\d[-+\w.]*"
_NUMBERS = re.compile(rf"{_WITH_DIGITS}(,\s*{_WITH_DIGITS})*|[-+]?\b(nan|inf)\b")


class _Text(str):
    """The text of a warning, equal to any that differs from it in numbers, or words with digits, only.

    Python notes in a table, by their texts, which warnings it has shown. By this equality it takes a
    text with other numbers for one that it has shown, and the table stays small.
    """

    @property
    def kind(self) -> str:
        """The text with its numbers, and the line breaks that move with them, left out."""
        return " ".join(_NUMBERS.sub("#", self).split())

    def __eq__(self, other: object) -> bool:
        return self.kind == other.kind if isinstance(other, _Text) else str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(self.kind)


def warn(text: str, category: type[Warning]) -> None:
    """Warn at the user's line; filters work as with `warnings.warn`, and so does "once per line", for
    which only the words of the text count, not its numbers.
    """
    frame = user_frame(2)
    file, number, names = frame.f_code.co_filename, frame.f_lineno, frame.f_globals
    shown = names.setdefault("__warningregistry__", {})
    warnings.warn_explicit(_Text(text), category, file, number, names.get("__name__"), shown)
