"""What a compiled step could not do again, or would not notice: refused before anything is recorded.

A recording runs a function once. So what the function does besides computing with arrays, `print` say,
would happen in the first call only; and what it asks of the outside, the time say, would stay as it was.
Neither is possible with what is listed here as harmless, and with the user's own functions, whose code
and objects are read.
"""

from __future__ import annotations

import dis
import functools
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from decimal import Decimal
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    GenericAlias,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np

from ..engine.lines import NOT_USERS
from ..engine.symbols import Symbol
from ..engine.tensors import Tensor
from ..programs.guards import file_of
from ..programs.recorder import RecordingError
from ..programs.structures import OPAQUE, PLAIN, Path, called, members, written

_HARMLESS = """tinygrad_xent numpy scipy math cmath operator _operator functools _functools itertools
    collections _collections _collections_abc typing types dataclasses enum abc numbers fractions decimal
    _decimal re string contextlib copy inspect statistics bisect _bisect heapq _heapq builtins __future__"""
HARMLESS = frozenset(_HARMLESS.split())
"""Modules of which nothing changes anything outside, or differs from call to call, but for `HARMFUL`."""

_HARMFUL = """builtins.print builtins.input builtins.open io.open builtins.exec builtins.eval builtins.globals
    builtins.__import__ builtins.breakpoint builtins.id numpy.seterr numpy.seterrcall numpy.setbufsize
    numpy.set_printoptions numpy.save numpy.savez numpy.load"""
HARMFUL = frozenset(_HARMFUL.split())

_CONTAINERS = (dict, list, tuple, set, frozenset, deque, OrderedDict, defaultdict, Counter)
_FIXED = (
    complex,
    range,
    slice,
    EllipsisType,
    Decimal,
    GenericAlias,
    re.Pattern,
    type(NotImplemented),
)
_SEEN = (
    *(*_CONTAINERS, *_FIXED, SimpleNamespace, functools.partial, object),
    type(functools.lru_cache(len)),
)
"""Kinds written in C of which everything is seen, or nothing changes."""

_OF_ARRAYS = {"ndarray", "float", "floating", "number", "generic", "inexact", "Number", "Real"}
_OF_ARRAYS |= {"float64", "float32", "float16", "Complex", "longdouble"}
_OF_MEMORY = {"flags", "strides", "isfortran", "ctypes", "__array_interface__", "__class__"}
_ENGINE = __name__.partition(".")[0] + ".engine"
"""Whose objects, rows of the table say, only note things about themselves."""
_BY_NAME = {"getattr", "vars", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "dir"}


def refuse_effects(found: list[tuple[str, Any]], codes: list[CodeType]) -> None:
    """Raise if a function does, or asks, more than a recording knows.

    Args:
        found: the objects that it reads, by name. codes: of all functions that may run.
    """
    for code in codes:
        _refuse_code(code)
    for name, x in found:
        if why := _unseen(x):
            what = f"compile: the function uses {name}, {why}"
            raise RecordingError(what, fix="do that outside, and pass what the step needs")


def objects_read(found: list[tuple[str, Any]], names: set[str]) -> Iterator[tuple[str, Any]]:
    """The objects that code may use, by name, each once: those found, and what they hold.

    Args:
        names: in the code. Attributes with other names are left out, where none can be found by its text.
    """
    seen: set[int] = set()
    every = bool(names & _BY_NAME)
    for place, value in found:
        for path, x in _inside(value, (place.rpartition(" ")[2],), names, every, seen):
            yield written(path), x


def _inside(
    x: Any, path: Path, names: set[str], every: bool, seen: set[int]
) -> Iterator[tuple[Path, Any]]:
    """An object and what it holds, but for attributes that no code names."""
    if id(x) in seen or isinstance(x, PLAIN) or type(x).__module__.startswith(_ENGINE):
        return
    seen.add(id(x))
    yield path, x
    if isinstance(x, (*OPAQUE, np.ndarray, Tensor, Symbol, np.random.Generator)):
        return
    own = _library(type(x)) == "tinygrad_xent"
    for key, part in members(x):
        attribute = isinstance(key, str) and key.startswith(".") and not isinstance(x, _CONTAINERS)
        if own or every or not attribute or key[1:] in names:
            yield from _inside(part, (*path, key), names, every, seen)


def _unseen(x: Any) -> str:
    """Why an object is not understood; "" if it is."""
    if isinstance(x, np.ndarray):
        plain = type(x) in (np.ndarray, np.memmap)
        return (
            ""
            if plain
            else f"a {called(type(x))}, which computes in its own way: pass np.asarray(x)"
        )
    if isinstance(x, (Tensor, Symbol, np.random.Generator)):
        return ""
    if isinstance(x, OPAQUE):
        full = called(x)
        known = isinstance(x, MethodType) or _library(x) in HARMLESS
        return "" if known and full not in HARMFUL else "which does or asks more than to compute"
    kind = type(x)
    if _library(kind) not in HARMLESS:
        return f"a {called(kind)}, which does or asks more than to compute"
    python = all(base in _SEEN or _is_python(base) for base in kind.__mro__)
    return "" if python else f"a {called(kind)}, whose contents can't be looked at"


def _is_python(kind: type) -> bool:
    """Whether a class is written in Python."""
    return bool(kind.__flags__ & 1 << 9) and not kind.__flags__ & 1 << 8  # heap type, not immutable


def _library(x: Any) -> str:
    """The module that a function or a class is from, if it is no user's: those are read."""
    if isinstance(x, FunctionType):
        return _top(x.__module__) if NOT_USERS[x.__code__.co_filename] else "builtins"
    if isinstance(x, np.ufunc):
        return "numpy"
    if isinstance(x, BuiltinFunctionType) and not isinstance(x.__self__, (ModuleType, type(None))):
        # A method: what it belongs to is looked at.
        return _library(x.__self__) if isinstance(x.__self__, type) else "builtins"
    if isinstance(x, type) and _is_python(x):
        return _top(x.__module__) if NOT_USERS[file_of(x)] else "builtins"
    return _top(getattr(x, "__module__", None) or getattr(x, "__name__", "builtins"))


def _top(module: str | None) -> str:
    return (module or "builtins").partition(".")[0]


# --- code -----------------------------------------------------------------------------------------


def _refuse_code(code: CodeType, outer: frozenset[str] = frozenset()) -> None:
    """Raise if code assigns to a variable outside of it, or asks for what a symbol has not."""
    if why := _assigned(code, outer) or _asked(code):
        raise RecordingError(f"compile: {code.co_qualname} {why[0]}", fix=why[1])
    for part in code.co_consts:
        if isinstance(part, CodeType):
            _refuse_code(part, outer | {*code.co_cellvars})


@functools.cache
def _assigned(code: CodeType, outer: frozenset[str]) -> tuple[str, str] | None:
    """A variable outside that code assigns to: a compiled step would not."""
    free = {*code.co_freevars} - outer
    for step in dis.get_instructions(code):
        name = str(step.argval)
        stores = step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
        if stores or (step.opname in ("STORE_DEREF", "DELETE_DEREF") and name in free):
            what = f"assigns to {name}, a variable outside of it"
            return what, "return the new value, and assign it outside"
    return None


@functools.cache
def _asked(code: CodeType) -> tuple[str, str] | None:
    """What code asks of an array that its symbol would answer in another way: its type, its memory."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("CACHE", "PRECALL")]
    for n, step in enumerate(steps):
        name = str(step.argval)
        if step.opname == "MATCH_CLASS":
            return "matches types", "leave it out: what it is given is a symbol when it is recorded"
        of = steps[n - 1] if step.opname in ("LOAD_ATTR", "LOAD_METHOD") else step
        if of is not step and name in _OF_MEMORY and not _is_object(of):
            return f"asks for {name}", "do that outside, and pass what follows"
        if step.opname != "LOAD_GLOBAL" or name not in ("isinstance", "type"):
            continue
        if name == "isinstance" and (kinds := _operands(steps[n:]) & _OF_ARRAYS):
            fix = "leave it out: arrays and numbers are symbols when it is recorded"
            return f"asks whether something is a {min(kinds)}", fix
        of = steps[n + 1]
        if name == "type" and of.opname == "LOAD_FAST" and not _is_object(of):
            return f"asks for the type of {of.argval}", "do that outside, and pass what follows"
    return None


def _is_object(step: dis.Instruction) -> bool:
    """Whether code loads what is no array: what a method belongs to, or is compared with."""
    return step.argval in ("self", "cls", "other")


def _operands(steps: list[dis.Instruction]) -> set[str]:
    """The names that a call has as its arguments; the first step loads the function."""
    depth, names = 0, set[str]()
    for step in steps:
        loads = step.opname in ("PUSH_NULL", "LOAD_METHOD") or "NULL" in step.argrepr
        depth += loads - (step.opname in ("CALL", "CALL_KW", "CALL_FUNCTION_EX"))
        if not depth:
            break
        if step.opname in ("LOAD_GLOBAL", "LOAD_ATTR"):
            names.add(str(step.argval))
    return names
