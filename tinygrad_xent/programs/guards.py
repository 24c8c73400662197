"""What a function reads besides its arguments: numbers and words, which are guarded by value, and arrays,
which it must be given.
"""

from __future__ import annotations

import builtins
import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..engine.lines import NOT_USERS
from ..engine.tensors import Tensor
from .recorder import CONSTANTS, RecordingError
from .structures import VARYING, parts, written

_GUARDED = (bool, int, float, str, bytes, type(None), np.generic)


def read_by(f: Callable[..., Any]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The plain values that a function and the user's functions that it calls read, by where they are
    found; and the arrays among what it can see, with their names.

    Raises:
        RecordingError: it names an array, a tensor or a generator that is no argument.
    """
    guards: dict[str, Any] = {}
    suspects: list[tuple[str, Any]] = []
    for place, value in _names_read(f, set()):
        if isinstance(value, _GUARDED):
            guards[place] = value
        elif isinstance(value, (np.ndarray, np.random.Generator)) or (
            isinstance(value, Tensor) and id(getattr(value, "_array", None)) not in CONSTANTS
        ):
            raise _not_given(place, value)
        suspects += [(place, value)] if isinstance(value, np.ndarray) else []
    return guards, suspects


def plain_parts(names: list[str], example: tuple[Any, ...]) -> dict[str, Any]:
    """The plain values among a function's arguments, by path: model.training."""
    found: dict[str, Any] = {}
    for name, arg in zip(names, example, strict=True):
        for path, value in parts(arg, (name,)):
            varies = isinstance(value, float) and len(path) == 1
            private = any(str(key).startswith("._") for key in path) or path[-1] in _VARYING
            if isinstance(value, _GUARDED) and not varies and not private:
                found[written(path)] = value
    return found


_VARYING = {f".{name}" for names in VARYING.values() for name in names}


def _not_given(place: str, value: Any) -> RecordingError:
    name, kind = place.rpartition(" ")[2], type(value).__name__
    what = f"program: the function reads {name}, a {kind} that is not one of its arguments"
    fix = f"pass {name} as an argument; or, if it is the same in each run, {name} = tx.constant({name})"
    if isinstance(value, np.random.Generator):
        fix = f"pass {name} as an argument: each run then draws from the generator it is given"
    return RecordingError(what, [value], fix)


def _names_read(f: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """What a function's code names outside of itself, with where that is."""
    f = getattr(f, "__wrapped__", f)
    if isinstance(f, MethodType):
        f = f.__func__
    code = getattr(f, "__code__", None)
    if code is None or id(code) in seen:
        return
    seen.add(id(code))
    cells = dict(zip(code.co_freevars, f.__closure__ or (), strict=True))
    for name, attributes in _names(code):
        try:
            value = cells[name].cell_contents if name in cells else f.__globals__[name]
        except (KeyError, ValueError):
            continue  # a builtin, or not assigned yet
        place = f"{f.__module__}.{f.__qualname__} {name}"
        for attribute in attributes:
            if not isinstance(value, ModuleType) or not hasattr(value, attribute):
                break
            value, place = getattr(value, attribute), f"{place}.{attribute}"
        if isinstance(value, (FunctionType, MethodType)):
            inner = getattr(value, "__wrapped__", value)
            if not NOT_USERS[getattr(inner, "__code__", code).co_filename]:
                yield from _names_read(value, seen)
        elif not isinstance(value, ModuleType):
            yield place, value


def _names(code: CodeType) -> Iterator[tuple[str, list[str]]]:
    """The free names of a code object, of the functions inside it too, each with the attributes that
    are read from it at once: config.lr.
    """
    name, attributes = "", list[str]()
    for step in [*dis.get_instructions(code), None]:
        if step is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD") and name:
            attributes.append(str(step.argval))
            continue
        if step is not None and step.opname in ("CACHE", "PRECALL"):
            continue
        if name and not hasattr(builtins, name):
            yield name, attributes
        name, attributes = "", []
        if step is not None and step.opname in (
            "LOAD_GLOBAL",
            "LOAD_DEREF",
            "LOAD_NAME",
            "LOAD_CLASSDEREF",
        ):
            name = str(step.argval)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part)
