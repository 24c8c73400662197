"""What a function reads besides its arguments: numbers, words, functions and classes, which are guarded by
value, by code or by name, and arrays, which it must be given.

Looked at is the code of the function, of the user's functions that it names, and of the methods of the
user's classes among its arguments; and what these name: globals, variables of closures, defaults, with
their attributes and items.
"""

from __future__ import annotations

import builtins
import dis
import functools
import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from importlib.util import resolve_name
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..engine.lines import NOT_USERS
from ..engine.symbols import Symbol
from ..engine.tensors import Tensor
from .recorder import CONSTANTS, RecordingError
from .structures import PLAIN, contents, is_ours, objects, written

_DRAWING = {"numpy.random", "random", "secrets"}
_GENERATORS = {"Generator", "BitGenerator"}
"""Names of kinds that code may ask for; to make one needs others."""


def read_by(f: Callable[..., Any], example: tuple[Any, ...]) -> dict[str, Any]:
    """The plain values that a function reads, by where they are found.

    Raises:
        RecordingError: it reads an array, a tensor or a generator that is not among its arguments.
    """
    found: dict[str, Any] = {}
    for place, value in Reading().of(f, [*objects(example)]):
        for path, part in contents(value, (place,)):
            if isinstance(part, PLAIN):
                name = written(path)
                while name in found:  # that of another closure of the same code
                    name += "'"
                found[name] = part
            elif not is_constant(part):
                raise _not_given(written(path), part)
    return found


def plain_parts(names: list[str], example: tuple[Any, ...]) -> dict[str, Any]:
    """The plain values among a function's arguments, by path: model.training."""
    found: dict[str, Any] = {}
    for name, arg in zip(names, example, strict=True):
        for path, value in contents(arg, (name,), varying=False):
            is_input = len(path) == 1 and isinstance(value, (float, np.floating))
            if isinstance(value, Tensor):
                found[f"{written(path)}.requires_grad"] = value.requires_grad
            elif isinstance(value, PLAIN) and not is_input:
                found[written(path)] = value
    return found


def is_constant(x: Any) -> bool:
    """Whether an array or a tensor is declared by `constant`, or is a symbol already."""
    return id(getattr(x, "_array", None)) in CONSTANTS or isinstance(x, Symbol)


def _not_given(place: str, value: Any) -> RecordingError:
    name, kind = place.rpartition(" ")[2], type(value).__name__
    kind = f"an {kind}" if kind == "ndarray" else f"a {kind}"
    what = f"program: the function reads {name}, {kind} that is not one of its arguments"
    fix = "pass it as an argument, or the object that holds it"
    if name.isidentifier():
        fix = f"pass it as an argument; or, if it is the same in each run, {name} = tx.constant({name})"
    if isinstance(value, np.random.Generator):
        fix = "pass it as an argument: each run then draws from the generator it is given"
    return RecordingError(what, [value], fix)


class Reading:
    """Goes through code, each function once.

    Attributes:
        slots: everything that was read, as a holder and a key: a variable of a closure and "", a
            dict of globals and a name, an object and an attribute. A name may be absent.
        functions: every function of the user that was read.
        named_by_code: the names of attributes and globals in it.
        imported: the modules that are imported inside of functions.
    """

    def __init__(self) -> None:
        self.slots: list[tuple[Any, str]] = []
        self.functions: list[FunctionType] = []
        self.named_by_code: set[str] = {"forward", "__call__"}
        self.imported: set[str] = set()
        self._seen: set[int] = set()
        self._kept: list[Any] = []  # so that no id is used twice
        self._classes: set[type] = set()
        self._made: set[type] = set()  # of which code may make objects
        # Members of classes, which are read if they may be used: name, class, value and place.
        self._members: list[tuple[str, type, Any, str]] = []

    def of(self, f: Any, arguments: list[Any]) -> Iterator[tuple[str, Any]]:
        """What a function reads, or an object that is called, and the methods of its arguments: values with
        where they are found.
        """
        for x in (f, *arguments):
            yield from self.behind(x)
        if not isinstance(f, (FunctionType, MethodType, functools.partial, type)):
            yield from self.named(type(f).__name__, f, [])
        while used := [m for m in self._members if self._may_be_used(*m)]:
            self._members = [m for m in self._members if m not in used]
            for _, _, value, place in used:
                if isinstance(value, _METHODS):
                    yield from self.behind(value)
                else:
                    yield from self.named(place, value, [])

    def _may_be_used(self, name: str, kind: type, value: Any, place: str) -> bool:
        """Whether a member of a class is used: code names it, or may find it by a name that it does not
        contain, or Python itself calls it, for an operator or to make an object.
        """
        if name in _MAKING:
            return kind in self._made
        by_python = name.startswith("__") and name not in _WRITING
        return name in self.named_by_code or by_python or (self._by_name and not callable(value))

    @property
    def _by_name(self) -> bool:
        """Whether code may find attributes by names that it does not contain."""
        return not self.named_by_code.isdisjoint(BY_NAME)

    def behind(self, x: Any) -> Iterator[tuple[str, Any]]:
        """What is read by a function, a partial, a method, a class or an object of the user."""
        if id(x) in self._seen:
            return
        self._seen.add(id(x))
        self._kept.append(x)
        if isinstance(x, functools.partial):
            yield from self.behind(x.func)
            yield from self.named("the partial's", (x.args, x.keywords), [])
        elif isinstance(x, (MethodType, staticmethod, classmethod)):
            yield from self.behind(x.__func__)
            if isinstance(x, MethodType) and not isinstance(x.__self__, type):
                yield from self.named("self", x.__self__, [])
        elif isinstance(x, BuiltinFunctionType):
            if not isinstance(x.__self__, (ModuleType, type, type(None))):
                yield from self.named(f"{x.__name__}.__self__", x.__self__, [])
        elif isinstance(x, property):
            for f in (x.fget, x.fset, x.fdel):
                yield from self.behind(f)
        elif isinstance(x, FunctionType):
            yield from self.function(x)
        elif is_wrapper(x):
            yield from self.behind(x.__wrapped__)
        elif isinstance(x, type):
            self._made |= {*x.__mro__}
            yield from self.class_of(x)
        elif not isinstance(x, (*PLAIN, np.ndarray, Tensor, ModuleType, list, tuple, dict)):
            yield from self.class_of(type(x))

    def class_of(self, kind: type) -> Iterator[tuple[str, Any]]:
        """What a user's class holds, and what its methods read."""
        for base in kind.__mro__:
            if base in self._classes:
                continue
            self._classes.add(base)
            if (
                base.__module__ in ("builtins", "typing", "types", "abc")
                or NOT_USERS[file_of(base)]
            ):
                continue
            for name, value in vars(base).items():
                place = f"{base.__module__} {base.__qualname__}.{name}"
                if isinstance(value, (MemberDescriptorType, GetSetDescriptorType)):
                    continue
                if isinstance(value, _METHODS) or not name.startswith("__"):
                    self.slots.append((base, name))
                    self._members.append((name, base, value, place))
                    if isinstance(value, PLAIN):
                        yield place, value

    def function(self, f: FunctionType) -> Iterator[tuple[str, Any]]:
        """What a function's code names outside of itself, its defaults, and what it calls."""
        if hasattr(f, "__wrapped__"):
            yield from self.behind(f.__wrapped__)
        if NOT_USERS[f.__code__.co_filename]:
            yield from self.closures(f)
            return
        self.functions.append(f)
        self.named_by_code |= set(names_in(f.__code__))
        self.slots += [(f, "__code__"), (f, "__defaults__"), (f, "__kwdefaults__")]
        yield f"{f.__module__} the code of {f.__qualname__}", _digest(f.__code__)
        defaults = {**(f.__kwdefaults__ or {}), "": f.__defaults__ or ()}
        place = f"{f.__module__} a default of {f.__qualname__}"
        yield from self.named(place, list(defaults.values()), [])
        for name, value in vars(f).items():
            yield from self.named(f"{f.__module__} {f.__qualname__}.{name}", value, [])
            self.slots.append((vars(f), name))
        cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
        for name, attributes in _names(f.__code__):
            place = f"{f.__module__}.{f.__qualname__} {name}"
            if name in cells:
                try:
                    value = cells[name].cell_contents
                except ValueError:
                    continue  # not assigned yet
                self.slots.append((cells[name], ""))
            else:
                self.slots.append((f.__globals__, name))
                if name not in f.__globals__ and not hasattr(builtins, name):
                    continue  # not there yet
                value = f.__globals__.get(name, getattr(builtins, name, None))
            yield from self.named(place, value, attributes)
        self.imported |= (
            modules := {*_imported(f.__code__, f.__globals__.get("__package__") or "")}
        )
        for module in sorted(modules):
            yield from self.module(module)

    def closures(self, f: FunctionType) -> Iterator[tuple[str, Any]]:
        """The user's functions that one of a library, `tx.grad(f)` say, has in its closure."""
        for cell in f.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            if isinstance(value, (FunctionType, MethodType, functools.partial)):
                yield from self.behind(value)

    def named(self, place: str, value: Any, attributes: list[str]) -> Iterator[tuple[str, Any]]:
        """A value that code names, with the attributes that it takes of modules."""
        for attribute in attributes:
            if not isinstance(value, ModuleType) or not hasattr(value, attribute):
                break
            if value.__name__ in _DRAWING and attribute not in _GENERATORS:
                raise _draws(f"{value.__name__}.{attribute}")
            self.slots.append((value, attribute))
            value, place = getattr(value, attribute), f"{place}.{attribute}"
        if isinstance(value, ModuleType):
            yield from self.module(value.__name__)
            return
        home = str(getattr(value, "__module__", ""))
        made = isinstance(value, type) and value.__name__ in _GENERATORS
        if (home in _DRAWING or home.startswith("numpy.random.")) and not made:
            raise _draws(f"{place.rpartition(' ')[2]}")
        yield place, value
        for x in objects(value):
            yield from self.behind(x)

    def module(self, name: str) -> Iterator[tuple[str, Any]]:
        """What code names of a user's module that is imported inside a function, and its plain values."""
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if id(module) in self._seen or module is None or file is None:
            return
        self._seen.add(id(module))
        if not NOT_USERS[file]:
            for key, value in vars(module).items():
                named = key in self.named_by_code or isinstance(value, PLAIN) or self._by_name
                if named and not key.startswith("__"):
                    self.slots.append((module, key))
                    yield from self.named(f"{name} {key}", value, [])


_METHODS = (FunctionType, staticmethod, classmethod, property)
BY_NAME = {"getattr", "vars", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "dir"}
"""Names of what finds attributes by their names."""
_MAKING = {"__init__", "__new__", "__post_init__"}
_WRITING = {"__repr__", "__str__", "__format__", "__del__"}


def is_wrapper(x: Any) -> bool:
    """Whether an object stands for the function that it wraps: one with a cache, or one of this package's."""
    noted = getattr(x, "__dict__", {}) if is_ours(type(x)) else {}
    return isinstance(x, _CACHING) or "__wrapped__" in noted


_CACHING = type(functools.lru_cache(len))


def file_of(kind: type) -> str:
    """The file in which a class is written."""
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None) or f"<{kind.__module__}>"


def names_in(code: CodeType) -> Iterator[str]:
    """All names of attributes and globals in code, and in the functions inside it."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from names_in(part)


@functools.cache
def _digest(code: CodeType) -> str:
    """What tells one code from another: a digest of its instructions, names and numbers."""
    inner = [_digest(x) if isinstance(x, CodeType) else repr(x) for x in code.co_consts]
    text = f"{code.co_code.hex()} {code.co_names} {inner}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _draws(name: str) -> RecordingError:
    what = f"program: the function calls {name}, whose numbers would be the same in each run"
    fix = "take a numpy.random.Generator as an argument: each run draws from the one it is given"
    return RecordingError(what, fix=fix)


def _names(code: CodeType, inner: frozenset[str] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """The names that code reads from outside, functions inside it too, each with the attributes that are
    read from it at once: config.lr.
    """
    name, attributes = "", list[str]()
    own = inner | set(code.co_cellvars)
    for step in [*dis.get_instructions(code), None]:
        if step is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD") and name:
            attributes.append(str(step.argval))
            continue
        if step is not None and step.opname in ("CACHE", "PRECALL"):
            continue
        if name and name not in own:
            yield name, attributes
        name, attributes = "", []
        if step is not None and step.opname in _LOADS:
            name = str(step.argval)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part, frozenset(own))


_LOADS = ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF")


def _imported(code: CodeType, package: str) -> Iterator[str]:
    """The modules that are imported inside a function."""
    last: list[Any] = []
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level = next((x for x in reversed(last[:-1]) if isinstance(x, int)), 0)
            yield resolve_name("." * level + str(step.argval), package if level else None)
        last = [*last[-3:], step.argval] if "LOAD" in step.opname else last
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _imported(part, package)


class Draws:
    """Notices whether a function draws from the generators that Python and NumPy share."""

    def __init__(self) -> None:
        self.before = self.state()

    def state(self) -> Any:
        """The state of both; of NumPy's only if it is loaded."""
        theirs = sys.modules.get("numpy.random")
        numpy = theirs.get_state() if theirs is not None else ()
        return random.getstate(), str(numpy[1][:4].tolist()) + str(numpy[2:]) if numpy else ""

    def check(self) -> None:
        """Raise if one has moved."""
        if self.state() != self.before:
            raise _draws("a shared generator (random or np.random)")
