"""What a function is given: arrays, tensors and generators, found at any depth of lists, dicts and
objects, and replaced by symbols in a copy. Whatever the function changes in the copy is found again.
"""

from __future__ import annotations

import copy
import functools
import random
from collections import deque
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..engine.nodes import Leaf
from ..engine.symbols import Symbol
from ..engine.tensors import Tensor, wrap
from ..nn.module import NOTED
from ..optim.base import Optimizer
from ..optim.schedules import Schedule
from ..plain_data import same
from .draws import GeneratorSymbol
from .instructions import Ref
from .recorder import Recorder, RecordingError
from .symbolic import ArraySymbol

Path = tuple[Any, ...]
PLAIN = (bool, int, float, str, bytes, type(None), np.generic, np.dtype)
"""What is no data: numbers, words and dtypes, which are guarded by value or are part of the recording."""
_OF_NUMPY = (np.ufunc, type(np.sum))
OPAQUE = (FunctionType, BuiltinFunctionType, MethodType, *_OF_NUMPY, ModuleType, type, property)
"""What has a name instead of contents."""
_ARRAYS = (np.ndarray, Tensor, Symbol, np.random.Generator)

VARYING: dict[type, tuple[str, ...]] = {Optimizer: ("lr", "_counts"), Schedule: ("count",)}
"""The numbers of an object that differ from run to run: inputs of a program."""
VARYING_NAMES = {"_counts": "t"}
_ABSENT = object()
_PACKAGE = __name__.partition(".")[0] + "."
BUFFER_OF = "\0"
"""In the name of an optimiser's buffer: between its kind and the name of the parameter."""


OWN = frozenset(f".{name}" for name in (*NOTED, "_inline", "_skipped"))
"""What the package's classes note about themselves: no numbers that a computation reads."""


def contents(
    x: Any, path: Path = (), seen: set[int] | None = None, varying: bool = True
) -> Iterator[tuple[Path, Any]]:
    """Everything that is no container, by its path: arrays, tensors, generators, plain values; the names of
    functions and classes.

    Args:
        varying: whether the numbers that differ from run to run are among them.
    """
    seen = set() if seen is None else seen
    if isinstance(x, (*PLAIN, *_ARRAYS)):
        yield path, x
    elif isinstance(x, OPAQUE):
        yield path, called(x)
    elif id(x) not in seen:
        seen.add(id(x))
        for key, part in members(x):
            if varying or not varies(x, key):
                yield from contents(part, (*path, key), seen, varying)


def varies(x: Any, key: Any) -> bool:
    """Whether an attribute is a number that differs from run to run."""
    return any(isinstance(x, kind) and key[1:] in names for kind, names in VARYING.items())


def members(x: Any) -> list[tuple[Any, Any]]:
    """What an object holds, by key or attribute: what a copy of it would."""
    if isinstance(x, dict):
        return list(x.items())
    if isinstance(x, (list, tuple, deque, set, frozenset)):
        return list(enumerate(x))
    if isinstance(x, (random.Random, np.random.RandomState)):
        what = f"program: a {type(x).__name__}, whose draws can't be recorded"
        raise RecordingError(what, fix="pass a numpy.random.Generator: np.random.default_rng(0)")
    if isinstance(x, functools.partial):
        return [(".args", x.args), (".keywords", x.keywords)]
    try:  # a user's own __getstate__ may leave out what code reads
        state = x.__getstate__() if is_ours(type(x)) else object.__getstate__(x)
    except Exception:  # what can't be pickled, a lock say
        return []
    states = state if isinstance(state, tuple) else (state,)
    found = [
        (f".{name}", value) for s in states if isinstance(s, dict) for name, value in s.items()
    ]
    return [(key, value) for key, value in found if not is_note(x, key[1:])]


def is_note(x: Any, name: str) -> bool:
    """Whether an attribute is what this package's classes note about themselves."""
    return f".{name}" in OWN and is_ours(type(x))


def is_ours(kind: type) -> bool:
    """Whether a class is this package's, or made from one."""
    return any(f"{base.__module__}.".startswith(_PACKAGE) for base in kind.__mro__)


def called(x: Any) -> str:
    """The full name of a function, a class or a module."""
    name = getattr(x, "__qualname__", getattr(x, "__name__", type(x).__name__))
    return f"{getattr(x, '__module__', None) or ''}.{name}"


def written(path: Path) -> str:
    """A path as it is written in Python: model.layers[0].p"""
    first, *rest = path
    return str(first) + "".join(str(k) if str(k).startswith(".") else f"[{k!r}]" for k in rest)


class Origin(NamedTuple):
    """Where the value of an input was found.

    Attributes:
        path: the argument's name, and keys and attributes from there.
        holder: what the function has a copy of: the array, tensor or generator itself; or the object
            with a number that varies.
        key: ".grad" for the gradient of a tensor, the attribute of a number, or "".
        place: of a number in a list, or None.
    """

    path: Path
    holder: Any
    key: str = ""
    place: int | None = None


class Arguments:
    """A function's arguments, with symbols in place of their arrays.

    Attributes:
        copies: the arguments for the recorded call; the user's own stay as they are.
        memo: by the id of each object of the arguments what stands for it in the copies.
        origins: by the number of each input where its value was found.
        symbols: by the number of each array the symbol that stands for it.

    Args:
        graded: whether each parameter is taken to have a gradient already, of zeros if it has none.
        raw: whether the function is given raw arrays in place of arrays, and not tensors.
        left_out: objects that are not copied.
    """

    def __init__(
        self,
        recorder: Recorder,
        names: list[str],
        args: tuple[Any, ...],
        graded: bool = False,
        raw: bool = False,
        left_out: Iterable[Any] = (),
    ) -> None:
        self.recorder, self.arguments = recorder, names
        self.graded, self.raw = graded, raw
        self.memo: dict[int, Any] = {id(x): x for x in left_out}
        self.origins: dict[int, Origin] = {}
        self.symbols: dict[int, ArraySymbol] = {}
        self.used: dict[str, int] = {}
        self.buffers = dict(_buffer_names(args))
        self.copies = tuple(map(self._copied, names, args))
        recorder.stand_ins = self.memo if raw else {}
        for x in objects(args):
            for kind, attributes in VARYING.items():
                for attribute in attributes if isinstance(x, kind) else ():
                    self._vary(x, attribute)
        self.before = self._state()

    def changes(self) -> tuple[dict[int, Ref], dict[int, Ref]]:
        """What the recorded call changed in its arguments: new values and gradients, each by the number
        of the input.

        Raises:
            RecordingError: something changed that is no array.
        """
        updates: dict[int, Ref] = {}
        gradients: dict[int, Ref] = {}
        for path, now in self._state().items():
            was = self.before.get(path, _ABSENT)
            if isinstance(now, Ref) and path[-1] == ".grad":
                gradients[self.before[path[:-1]].id] = now
            elif isinstance(now, Ref) and isinstance(was, Ref) and now != was:
                updates[was.id] = now
            elif not same(now, was):
                what = (
                    f"program: the function changes {written(path)}, which is no array it was given"
                )
                raise RecordingError(what, fix="return what later steps need")
        return updates, gradients

    def replaced(self) -> Iterator[Path]:
        """Where the recorded call put another array in the place of one. Others are changed in place."""
        for path, x in self._contents():
            was = self.before.get(path)
            symbol = self.symbols.get(was.id) if isinstance(was, Ref) else None
            now = x._data if isinstance(x, Tensor) else x
            if symbol is not None and now is not symbol:
                yield path

    def _state(self) -> dict[Path, Any]:
        """For each path in the copies a `Ref` to the array's instruction, or the plain value."""
        found: dict[Path, Any] = {}
        for path, x in self._contents():
            if isinstance(x, Tensor) and (grad := getattr(x._node, "grad", None)) is not None:
                found[(*path, ".grad")] = Ref(grad._data.id)
            x = x._data if isinstance(x, Tensor) else x
            found[path] = Ref(x.id) if isinstance(x, (ArraySymbol, GeneratorSymbol)) else x
        return found

    def _contents(self) -> Iterator[tuple[Path, Any]]:
        for name, arg in zip(self.arguments, self.copies, strict=True):
            yield from contents(arg, (name,))

    def _replace(self, path: Path, x: Any) -> None:
        """Have the copy hold a symbol in place of an array, a tensor or a generator."""
        if id(x) in self.memo or isinstance(x, PLAIN):
            return
        if isinstance(x, np.ndarray) and len(path) == 1:
            return  # each argument is an input of its own, also if two of the example are one array
        name = self._name(path, x)
        if isinstance(x, np.random.Generator):
            self.memo[id(x)] = self.recorder.generator(name, x)
            self.origins[self.memo[id(x)].id] = Origin(path, x)
        elif isinstance(x, Tensor):
            symbol = self.recorder.input(name, np.asarray(x._data))
            self.symbols[symbol.id] = symbol
            leaf = Leaf(symbol, x.requires_grad, name)
            self.memo[id(x)] = wrap(symbol, leaf)
            self.origins[symbol.id] = Origin(path, x)
            old = getattr(x._node, "grad", None)
            if old is None and self.graded and x.requires_grad:
                old = wrap(np.zeros(x.shape, x.dtype), None)
            if old is not None:
                leaf.grad = self._old_gradient(symbol, name, old)
                self.origins[leaf.grad._data.id] = Origin(path, x, ".grad")
        else:
            symbol = self.recorder.input(name, x)
            self.symbols[symbol.id] = symbol
            self.origins[symbol.id] = Origin(path, x)
            inside = any(str(key).startswith(".") for key in path)
            self.memo[id(x)] = symbol if inside or self.raw else self._standing_for(symbol, name)

    def _copied(self, name: str, x: Any) -> Any:
        """The argument for the recorded call. A float is an input too: a number that widens no array."""
        for path, part in contents(x, (name,)):
            self._replace(path, part)
        if self.raw and isinstance(x, np.ndarray) and id(x) in self.memo:
            return self.memo[id(x)]  # one object, given twice
        numbers = (
            np.floating if self.raw else np.generic
        )  # raw: whole numbers are the same in each run
        if type(x) is float or isinstance(x, (numbers, np.ndarray)):
            value = np.asarray(x)[()] if isinstance(x, np.generic) else x
            symbol = self.recorder.input(self._name((name,)), value)
            self.symbols[symbol.id] = symbol
            self.origins[symbol.id] = Origin((name,), x)
            if self.raw and isinstance(x, np.ndarray):
                self.memo[id(x)] = symbol
            return symbol if self.raw else self._standing_for(symbol, name)
        try:
            return copy.deepcopy(x, self.memo)
        except Exception as error:
            what = f"program: the argument {name} can't be copied: {error}"
            raise RecordingError(
                what, [x], "pass arrays, tensors, and lists or dicts of them"
            ) from error

    def _old_gradient(self, of: ArraySymbol, name: str, old: Tensor) -> Tensor:
        """A gradient that is there already: an input, if the function does not forget it first."""
        symbol = self.recorder.input(self._name((f"d{name}",)), np.asarray(old._data))
        self.recorder.optional.add(symbol.id)
        self.recorder.old_gradients[of.id] = symbol.id
        return self.recorder.old_gradient(symbol)

    def _standing_for(self, symbol: ArraySymbol, name: str) -> Tensor:
        """A tensor in place of an array: `x += 1` changes it, as it would change the array."""
        symbol.given = True
        return wrap(symbol, Leaf(symbol, name=name))

    def _name(self, path: Path, x: Any = None) -> str:
        """A name for an input: the tensor's own, or its path; each is used once."""
        name = getattr(x, "name", None) if isinstance(x, Tensor) else self.buffers.get(id(x))
        name = "rng" if isinstance(x, np.random.Generator) else name
        name = name or "_".join(str(key).strip("._") for key in path)
        self.used[name] = count = self.used.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def _vary(self, x: Any, attribute: str) -> None:
        """Make inputs of a number of an optimiser or a schedule, or of its numbers."""
        value, name = vars(x)[attribute], VARYING_NAMES.get(attribute, attribute)
        if not isinstance(value, list):
            vars(self.memo[id(x)])[attribute] = self._varying((name,), value, x, attribute)
        elif len(set(value)) == 1:  # parameters that are all trained together
            counter = self._varying((name,), value[0], x, attribute)
            self.recorder.optional.add(counter.id)  # many an update does not ask for it
            vars(self.memo[id(x)])[attribute] = [counter] * len(value)
        else:
            vars(self.memo[id(x)])[attribute] = [
                self._varying((name, i), v, x, attribute, i) for i, v in enumerate(value)
            ]

    def _varying(self, name: Path, value: Any, *where: Any) -> ArraySymbol:
        symbol = self.recorder.input(self._name(name), value)
        self.origins[symbol.id] = Origin((), *where)
        return symbol


def _buffer_names(args: Any) -> Iterator[tuple[int, str]]:
    """What the buffers of optimisers are called, by the ids of their arrays: kind and parameter."""
    for optimizer in objects(args):
        if isinstance(optimizer, Optimizer):
            for i, (tensor, arrays) in enumerate(
                zip(optimizer.params, optimizer._buffers, strict=True)
            ):
                for kind, array in zip(optimizer._names, arrays, strict=True):
                    yield id(array), f"{kind}{BUFFER_OF}{tensor.name or i}"


def objects(x: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Every object and function inside, each once."""
    seen = set() if seen is None else seen
    if isinstance(x, (*PLAIN, *_ARRAYS)) or id(x) in seen:
        return
    seen.add(id(x))
    yield x
    if not isinstance(x, OPAQUE):
        for _, part in members(x):
            yield from objects(part, seen)
