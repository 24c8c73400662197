"""What a compiled step could not do again, or would not notice: refused before anything is recorded.

A recording runs a function once. So what the function does besides computing with arrays, `print` say,
would happen in the first call only; and what it asks of the outside, the time say, would stay as it was.
Neither is possible with what is listed here as harmless, and with the user's own functions, whose code
and objects are read.
"""

from __future__ import annotations

import builtins
import dis
import functools
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from functools import partial
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    GenericAlias,
    MethodType,
    ModuleType,
    SimpleNamespace,
    UnionType,
)
from typing import Any

import numpy as np

from ..engine.lines import NOT_USERS
from ..engine.symbols import Symbol
from ..engine.tensors import Tensor
from ..programs.guards import BY_NAME, file_of
from ..programs.recorder import RecordingError
from ..programs.structures import OPAQUE, PLAIN, Path, called, members, written

_HARMLESS = """tinygrad_xent numpy math cmath operator _operator functools _functools itertools
    collections _collections _collections_abc typing types dataclasses enum abc numbers fractions
    re string contextlib copy inspect statistics bisect _bisect heapq _heapq builtins __future__"""
HARMLESS = frozenset(_HARMLESS.split())
"""Modules of which nothing changes anything outside, or differs from call to call, but for `HARMFUL`."""

_HARMFUL = """builtins.print builtins.input builtins.open io.open builtins.exec builtins.eval builtins.globals
    builtins.__import__ builtins.breakpoint builtins.id numpy.seterr numpy.seterrcall numpy.setbufsize
    numpy.set_printoptions numpy.save numpy.savez numpy.savez_compressed numpy.savetxt numpy.load numpy.loadtxt
    numpy.genfromtxt numpy.fromfile numpy.memmap builtins.FloatingPointError numpy.geterr numpy.geterrcall numpy.get_printoptions numpy.getbufsize
    inspect.stack inspect.currentframe inspect.trace"""
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

_OF_MEMORY = {"flags", "strides", "isfortran", "ctypes", "__array_interface__", "__class__", "base"}
_OF_MEMORY |= {"isscalar", "shares_memory", "may_share_memory"}
_ENGINE = __name__.partition(".")[0] + ".engine"
"""Whose objects, rows of the table say, only note things about themselves."""


_OUTSIDE = "do that outside, and pass what the step needs"


def refuse_effects(
    found: list[tuple[str, Any]], functions: list[FunctionType], imported: set[str]
) -> None:
    """Raise if a function does, or asks, more than a recording knows.

    Args:
        found: the objects that it reads, by name. functions: all that may run. imported: the modules that they
            import when they run.
    """
    for name in sorted(imported):
        file = getattr(sys.modules.get(name), "__file__", None)
        if _top(name) not in HARMLESS and (file is None or NOT_USERS[file]):
            what = f"compile: the function imports {name}, which does or asks more than to compute"
            raise RecordingError(what, fix=_OUTSIDE)
    for f in functions:
        cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
        _refuse_code(f.__code__, partial(_value_of, f.__globals__, cells))
    for name, x in found:
        if why := _unseen(x):
            what = f"compile: the function uses {name}, {why}"
            raise RecordingError(what, fix=_OUTSIDE)


class Objects:
    """The objects that code may use, each once: those found, and what they hold.

    Args:
        found: objects by place. names: in the code. Attributes with other names are left out, where none can be
            found by its text.

    Attributes:
        used: by name. left_out: what is not understood and not used: it has no place in a recording.
    """

    def __init__(self, found: list[tuple[str, Any]], names: set[str]) -> None:
        self.names, self.every = names, bool(names & BY_NAME)
        self.used: list[tuple[str, Any]] = []
        self.left_out: list[Any] = []
        self._seen: set[int] = set()
        for place, value in found:
            self._look(value, (place.rpartition(" ")[2],))

    def _look(self, x: Any, path: Path) -> None:
        plain = isinstance(x, PLAIN) and (isinstance(x, Enum) or not getattr(x, "__dict__", None))
        if id(x) in self._seen or plain or type(x).__module__.startswith(_ENGINE):
            return
        self._seen.add(id(x))
        self.used.append((written(path), x))
        if isinstance(x, (*OPAQUE, np.ndarray, Tensor, Symbol, np.random.Generator)):
            return
        own = _library(type(x)) == "tinygrad_xent"
        for key, part in members(x):
            attribute = (
                isinstance(key, str) and key.startswith(".") and not isinstance(x, _CONTAINERS)
            )
            if own or self.every or not attribute or key[1:] in self.names:
                self._look(part, (*path, key))
            elif not isinstance(part, PLAIN) and _unseen(part):
                self.left_out.append(part)


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
    if isinstance(x, (*_CONTAINERS, *PLAIN)) and getattr(x, "__dict__", None):
        return f"a {called(kind)} with attributes of its own, which can't be looked at"
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

_Known = Callable[[list[str]], Any]
_ARRAYS = (np.zeros(1), 0.5, np.float64(0.5))
_CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX")


def _value_of(space: dict[str, Any], cells: dict[str, Any], names: list[str]) -> Any:
    """What a name, and attributes of a module or a class from there, stand for; None if that is not known."""
    name, *attributes = names
    try:
        value = cells[name].cell_contents if name in cells else space.get(name)
    except ValueError:
        return None  # not assigned yet
    value = getattr(builtins, name, None) if value is None else value
    for attribute in attributes:
        known = isinstance(value, (ModuleType, type))
        value = getattr(value, attribute, None) if known else None
    return value


def _refuse_code(code: CodeType, known: _Known, outer: frozenset[str] = frozenset()) -> None:
    """Raise if code assigns to something outside of it, or asks for what a symbol has not."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("CACHE", "PRECALL")]
    free = {*code.co_freevars} - outer
    for n in range(len(steps)):
        if why := _assigned(steps, n, free, known) or _asked(steps, n, known):
            raise RecordingError(f"compile: {code.co_qualname} {why[0]}", fix=why[1])
    for part in code.co_consts:
        if isinstance(part, CodeType):
            _refuse_code(part, known, outer | {*code.co_cellvars})


def _assigned(
    steps: list[dis.Instruction], n: int, free: set[str], known: _Known
) -> tuple[str, str] | None:
    """A variable outside that code assigns to, or an attribute of a module or a class."""
    step, fix = steps[n], "return the new value, and assign it outside"
    name = str(step.argval)
    if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") or (
        step.opname in ("STORE_DEREF", "DELETE_DEREF") and name in free
    ):
        return f"assigns to {name}, a variable outside of it", fix
    if step.opname in ("STORE_ATTR", "DELETE_ATTR"):
        of = steps[n - 1]
        holder = known([str(of.argval)]) if of.opname in _LOADS else None
        if isinstance(holder, (ModuleType, type)) or of.argval == "cls":
            return f"assigns to {of.argval}.{name}", fix
    return None


def _asked(steps: list[dis.Instruction], n: int, known: _Known) -> tuple[str, str] | None:
    """What code asks of an array that its symbol would answer in another way: its type, its memory."""
    step, fix = steps[n], "leave it out: arrays and numbers are symbols when it is recorded"
    name = str(step.argval)
    if step.opname == "MATCH_CLASS":
        return "matches types", fix
    loads = step.opname in ("LOAD_ATTR", "LOAD_METHOD")
    if loads and name in _OF_MEMORY and steps[n - 1].argval not in ("self", "cls", "other"):
        return f"asks for {name}", "do that outside, and pass what follows"
    if step.opname != "LOAD_GLOBAL" or "NULL" not in step.argrepr + steps[n - 1].opname:
        return None
    if name == "isinstance":
        for names in _operands(steps[n:]):
            kinds = known(names)
            if isinstance(kinds, (type, tuple, UnionType)) and _is_arrays(kinds):
                return f"asks whether something is a {'.'.join(names)}", fix
    plainly = steps[n + 1].argval in ("self", "cls") and steps[n + 2].opname in _CALLS
    if name == "type" and not plainly:
        return f"asks for the type of {steps[n + 1].argval}", fix
    return None


def _is_arrays(kinds: Any) -> bool:
    """Whether an array, or a number with a point, is of one of these classes."""
    try:
        return any(isinstance(x, kinds) for x in _ARRAYS)
    except TypeError:  # no classes
        return False


def _operands(steps: list[dis.Instruction]) -> Iterator[list[str]]:
    """The names that a call has among its arguments, with their attributes; the first step loads the function."""
    depth, names = 0, list[str]()
    for step in steps:
        loads = step.opname in ("PUSH_NULL", "LOAD_METHOD") or "NULL" in step.argrepr
        depth += loads - (step.opname in _CALLS)
        if step.opname == "LOAD_ATTR" and names:
            names.append(str(step.argval))
            continue
        if names:
            yield names
        names = [str(step.argval)] if step.opname in _LOADS else []
        if depth <= 0:
            return


_LOADS = ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME")
