"""Writes what type checkers and editors read of the table: `methods.pyi` and `__init__.pyi`.

    python -m tinygrad_xent.stubs

The methods of Tensor and the package's names are made when the package is imported, from the rows;
no type checker runs that. A test holds the written files against the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import tinygrad_xent as tx

from .methods import ONE_SIDED
from .public import PUBLIC, Public

HEAD = "# Written by `python -m tinygrad_xent.stubs` from the table of operations.\n"


def methods() -> str:
    """The stub of `methods.py`: every method and operator with its signature."""
    lines = [
        HEAD + "from collections.abc import Callable, Iterable",
        "from typing import Any",
        "",
        "from .backend import Axis",
        "from .ops import Operand",
        "from .tensor import Tensor",
        "",
        "ONE_SIDED: set[str]",
        "",
        "def attach(function: Callable[..., Any], names: Iterable[str], operator: str) -> None: ...",
        "",
        "class Methods:",
        *(f"    {line}" for name in sorted(PUBLIC) for line in _of(PUBLIC[name])),
    ]
    return "\n".join(lines) + "\n"


def _of(public: Public) -> Iterator[str]:
    """The lines of one function: its method under each name, its operator from both sides."""
    _, *rest = inspect.signature(public.function).parameters.values()
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [inspect.Parameter("self", positional)]
    written = str(inspect.Signature([*first, *(p.replace(kind=positional) for p in rest)]))
    for name in public.names if public.method else ():
        yield f"def {name}{written.replace(chr(39), '')} -> Tensor: ..."
    if public.operator:
        other = ", other: Operand" if len(rest) else ""
        yield f"def __{public.operator}__(self{other}) -> Tensor: ..."
        if public.operator not in ONE_SIDED:
            yield f"def __r{public.operator}__(self{other}) -> Tensor: ..."


def package() -> str:
    """The stub of `__init__.py`: where each public name comes from."""
    lines = [HEAD + "__version__: str", ""]
    for name in tx.__all__:
        value = getattr(tx, name)
        if isinstance(value, ModuleType):
            lines.append(f"from . import {name} as {name}")
        else:
            module = value.__module__.removeprefix(tx.__name__)
            lines.append(f"from {module} import {value.__name__} as {name}")
    lines.append("from .estimator import SoftmaxClassifier as SoftmaxClassifier")
    listed = ", ".join(f'"{name}"' for name in tx.__all__)
    return "\n".join(lines) + f"\n\n__all__ = [{listed}]\n"


STUBS = {"methods.pyi": methods, "__init__.pyi": package}

if __name__ == "__main__":
    for file, text in STUBS.items():
        (Path(__file__).parent / file).write_text(text(), encoding="utf-8")
