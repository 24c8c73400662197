"""A function compiled for one signature: recorded, built, bound to memory, and guarded."""

from __future__ import annotations

import builtins
import itertools
import linecache
import math
import operator
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ..engine.nodes import touch
from ..engine.tensors import Held, raw, wrap
from ..programs.instructions import parts
from ..programs.recording import parameter_names
from ..programs.structures import contents
from .building import Builder, Step
from .calling import Apart, ChangedError, RetryError, UnlikeError, checked, drawing
from .guarding import Guard
from .homes import Homes, beside
from .memory import room
from .recordings import Recording, record_call
from .signatures import is_data, is_plain, said
from .threads import on_one_thread

_numbers = itertools.count()


class Form:
    """A function compiled for one signature.

    Args:
        f, args: the function and its first arguments, which are not run but recorded.

    Attributes:
        call: runs the step. Returns `MISS` if the arguments are others, if something that the step was
            built on has changed; raises `RetryError`, `ChangedError`, or `BusyError` if it is running already.
        signature: the arguments' shapes and dtypes, as text. source: the text of the step.
        nbytes: of the memory for the step's results.
        busy: whether the step is running now. retried: how many calls the function made again, without an error.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        recording = record_call(f, args)
        named = dict(zip(parameter_names(f, len(args)), args, strict=True))
        data = [name for name, x in named.items() if is_data(x)]
        homes = Homes(recording.owners)
        origins = recording.origins
        states = {n: o.holder for n, o in origins.items() if not o.key and o.path[0] not in data}
        built = Builder(recording, data, homes.held(states)).build()
        step = drawing(bound(built, homes), built.generators)
        if built.alone:
            step = on_one_thread(step)
        lock = Lock()
        self.busy = lock.locked
        state = {id(x) for _, x in contents(recording.reach.read)}
        guard, apart = _guard(recording, args, homes), _apart(recording, states, homes)
        self.call = checked(step, args, state, guard, apart, lock, recording.ordered)
        self.signature = ", ".join(said(x, name) for name, x in named.items())
        self.retried = 0
        self.source, self.nbytes = built.source, built.nbytes


def _guard(recording: Recording, args: tuple[Any, ...], homes: Homes) -> Guard:
    """What must be as it was: all that was read, and arguments that are objects."""
    origins = recording.origins
    state = [*recording.reach.read, *(x for x in args if not is_data(x) and not is_plain(x))]
    graded: list[Any] = [o.holder._node for o in origins.values() if o.key == ".grad"]
    bare: list[Any] = [x._node for x in recording.bare]
    counts = (o for o in origins.values() if o.key == "_counts" and o.place is None)
    equal = [vars(o.holder)[o.key] for o in counts]
    changed = [origins[n].holder for n in recording.updates if not origins[n].key]
    given = {id(x) for x in parts(args)}
    written = [
        x for x in changed if isinstance(x, np.ndarray) and id(x) not in homes.buffers | given
    ]
    return Guard(recording.reach.slots, state, bare, graded, equal, written)


def _apart(recording: Recording, states: dict[int, Any], homes: Homes) -> Apart:
    """Of the arrays that the step changes, and others of the state, where they are now."""
    found = {n: raw(x) for n, x in states.items() if isinstance(raw(x), np.ndarray)}
    arrays = {n: homes.moved.get(id(a), a) for n, a in found.items()}
    changed = [a for n, a in arrays.items() if n in recording.updates]
    given = [recording.origins[n] for n in recording.updates if n not in states]
    return Apart([*arrays.values()], changed, any(not o.key for o in given))


def bound(built: Step, homes: Homes) -> Callable[..., Any]:
    """The function of a step's text, on its memory."""
    flat = [homes.flat(holders) for _, holders in built.flat]
    given = [homes.moved.get(id(x), x) for x in built.bound.values()]
    # A file of this package, so that messages name the user's line; with lines for a traceback.
    file = str(Path(__file__).with_name(f"step {next(_numbers)}"))
    linecache.cache[file] = len(built.source), None, built.source.splitlines(True), file
    names = dict(_NAMES)
    exec(builtins.compile(built.source, file, "exec"), names)
    step = names["make"](*given, *flat)
    weakref.finalize(step, linecache.cache.pop, file, None)
    return step  # type: ignore[no-any-return]


def over(array: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """An array in the memory of another one, which nobody needs any more."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return array.reshape(-1).view(np.uint8)[:size].view(dtype).reshape(shape)


def complete(changes: Iterator[Any]) -> str:
    """Make the changes that are left, whatever happens."""
    while True:
        with suppress(BaseException):
            deque(changes, maxlen=0)
            return "all changes were made"


_NAMES: dict[str, Any] = {
    "RetryError": RetryError,
    "UnlikeError": UnlikeError,
    "ChangedError": ChangedError,
    "complete": complete,
    "finish": deque(maxlen=0).extend,
    "call": operator.call,
    "partial": partial,
    "setitem": operator.setitem,
    "room": room,
    "over": over,
    "beside": beside,
    "wrap": wrap,
    "Held": Held,
    "touch": touch,
    "isfinite": math.isfinite,
    "math": math,
}
"""What the text of a step takes for granted."""
