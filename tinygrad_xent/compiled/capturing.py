"""What a function reaches besides its arguments, models and optimisers say, and the function with copies
in their place.

A program is recorded of arguments only. So what the function finds in closures and globals is added
to its arguments, and the recorded call runs its code with the copies, which hold symbols.
"""

from __future__ import annotations

import copy
import functools
from types import CellType, FunctionType, MethodType
from typing import Any

from ..engine.lines import NOT_USERS
from ..programs.guards import Reading, is_constant, is_wrapper, names_in
from ..programs.structures import PLAIN, contents, objects
from .effects import Objects, refuse_effects


class Reach:
    """The state of a function: everything outside its arguments that holds arrays.

    Attributes:
        state: these objects, tensors and arrays, each once, by what the code calls them.
        read: everything that was found: what must be as it is now.
        objects: these and all that they hold, by name.
        left_out: objects that code does not use, and that have no copies.
        slots: where everything was read, see `Reading`.
    """

    def __init__(self, f: Any, args: tuple[Any, ...]) -> None:
        reading = Reading()
        found = [*reading.of(f, [*objects(args)])]
        looked = Objects([("args", args), *found], reading.named_by_code)
        self.objects, self.left_out = looked.used, looked.left_out
        refuse_effects(self.objects, reading.functions, reading.imported)
        self.state: dict[str, Any] = {}
        self.read = [value for _, value in found]
        self.slots = reading.slots
        known = {id(x) for x in args}
        for place, value in found:
            if id(value) not in known and holds_data(value):
                known.add(id(value))
                self.state[_unused(place.rpartition(" ")[2].lstrip("."), self.state)] = value


def holds_data(x: Any) -> bool:
    """Whether an object holds arrays, tensors or generators that are not declared constants."""
    return any(not isinstance(part, PLAIN) and not is_constant(part) for _, part in contents(x))


def _unused(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name


class Rebinding:
    """Functions with copies in place of the objects that they find in closures and globals.

    Args:
        memo: the copies, by the ids of the originals.
    """

    def __init__(self, memo: dict[int, Any]) -> None:
        self.memo = memo
        self.kept: list[Any] = []  # so that no id is used twice

    def of(self, x: Any) -> Any:
        """What stands in the place of x."""
        if id(x) in self.memo:
            return self.memo[id(x)]
        if isinstance(x, FunctionType):
            return self._function(x)
        if isinstance(x, MethodType):
            return MethodType(self.of(x.__func__), self.of(x.__self__))
        if isinstance(x, functools.partial):
            args = [self.of(part) for part in x.args]
            named = {key: self.of(part) for key, part in x.keywords.items()}
            return functools.partial(self.of(x.func), *args, **named)
        if is_wrapper(x):
            return self.of(x.__wrapped__)
        if not isinstance(x, (*PLAIN, type)) and holds_data(x):
            return copy.deepcopy(x, self.memo)
        return x

    def _function(self, f: FunctionType) -> Any:
        users = not NOT_USERS[f.__code__.co_filename]
        if not users and not f.__closure__:
            return f
        names = set(names_in(f.__code__)) if users else set()
        home = dict(f.__globals__)
        cells = tuple(CellType() for _ in f.__closure__ or ())
        new = FunctionType(f.__code__, home, f.__name__, f.__defaults__, cells)
        new.__kwdefaults__, new.__qualname__, new.__module__ = (
            f.__kwdefaults__,
            f.__qualname__,
            f.__module__,
        )
        new.__dict__ = f.__dict__  # one dict, so that a change of it is noticed
        self.memo[id(f)] = new
        self.kept.append(f)
        home |= {name: self.of(home[name]) for name in names if name in home}
        for cell, old in zip(cells, f.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.of(old.cell_contents)
            except ValueError:
                continue  # not assigned yet
        if f.__defaults__:
            new.__defaults__ = tuple(map(self.of, f.__defaults__))
        return new
