"""Writes stubs for type checkers and editors: `engine/methods.pyi` and `__init__.pyi`.

    python -m tinygrad_xent.stubs

The methods of Tensor and the package's names are made from the rows when the package is imported,
and type checkers do not import it. A test compares the written files with the table.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import tinygrad_xent as tx

from . import catalogue as catalogue
from .engine import methods
from .engine.methods import Methods

HEAD = "# Written by `python -m tinygrad_xent.stubs` from the table of operations.\n"
HERE = Path(__file__).parent
IGNORED = {"__eq__": "override", "__ne__": "override"}  # elementwise, as in NumPy


def methods_stub() -> str:
    """The stub of `engine/methods.py`: its source, and the attached methods."""
    source = Path(methods.__file__).read_text(encoding="utf-8")
    types = "from typing import Any, Self\n\nfrom .arrays import Axis"
    attached = (_written(name, value) for name, value in sorted(vars(Methods).items()))
    lines = [f"    {line}\n" for written in attached for line in written]
    return HEAD + source.replace("from __future__ import annotations", types) + "".join(lines)


def _written(name: str, value: Any) -> Iterator[str]:
    """The lines of one attached attribute."""
    if isinstance(value, property):
        yield "@property"
        value = value.fget
    if isinstance(value, FunctionType):
        note = f"  # type: ignore[{IGNORED[name]}]" if name in IGNORED else ""
        yield f"def {name}{_signature(value)}: ...{note}"


def _signature(function: Any) -> str:
    """The signature, with parameters by position or name, the first called `self`; `Self` for Tensor."""
    signature = inspect.signature(function)
    first, *rest = signature.parameters.values()
    binary = all(
        p.kind is p.POSITIONAL_ONLY for p in (first, *rest)
    )  # an operator, from either side
    parameters = [
        first.replace(name="self", kind=first.POSITIONAL_OR_KEYWORD, annotation=first.empty)
    ]
    for p in rest:
        kind = p.POSITIONAL_OR_KEYWORD if p.kind is p.POSITIONAL_ONLY else p.kind
        parameters.append(p.replace(kind=kind, name="other" if binary else p.name))
    bare = [p.replace(annotation=_unquoted(p.annotation)) for p in parameters]
    returned = _unquoted(signature.return_annotation)
    return str(signature.replace(parameters=bare, return_annotation=returned))


class _Bare:
    """An annotation that is written without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _unquoted(annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    return _Bare(re.sub(r"\bTensor\b", "Self", annotation))


def package_stub() -> str:
    """The stub of `__init__.py`: where each public name comes from."""
    lines = [HEAD + "__version__: str", "", "from . import textbook as textbook"]
    names = sorted(tx.__all__)
    for name in names:
        value = getattr(tx, name)
        if isinstance(value, ModuleType):
            home = value.__name__.removeprefix(tx.__name__).removesuffix(f".{name}") or "."
            lines.append(f"from {home} import {name} as {name}")
        else:
            module = value.__module__.removeprefix(tx.__name__)
            lines.append(f"from {module} import {value.__name__} as {name}")
    lines.append("from .estimator import SoftmaxClassifier as SoftmaxClassifier")
    listed = ", ".join(f'"{name}"' for name in names)
    return "\n".join(lines) + f"\n\n__all__ = [{listed}]\n"


STUBS = {"engine/methods.pyi": methods_stub, "__init__.pyi": package_stub}

if __name__ == "__main__":
    for file, text in STUBS.items():
        (HERE / file).write_text(text(), encoding="utf-8")
