"""A function compiled for one signature: recorded, built, bound to memory, and guarded."""

from __future__ import annotations

import builtins
import itertools
import linecache
import math
import operator
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ..engine.context import MODE
from ..engine.nodes import touch
from ..engine.symbols import RECORDER
from ..engine.tensors import Held, raw, wrap
from ..programs.instructions import parts
from ..programs.recording import parameter_names
from .building import Builder, Step
from .guarding import Guard
from .homes import Homes
from .memory import room
from .recordings import record_call
from .signatures import is_data, like, said


class RetryError(Exception):
    """A check of a step failed. Nothing has changed: eager code does it again, and says why."""


class ChangedError(Exception):
    """Something failed while a step changed what it changes; all of it has been changed."""


MISS = object()
"""What a form returns if a call is not for it."""

_numbers = itertools.count()


class Form:
    """A function compiled for one signature.

    Args:
        f, args: the function and its first arguments, which are not run but recorded.

    Attributes:
        call: runs the step. Returns `MISS` if the arguments are others, if something that the step was
            built on has changed, or if it is running already; raises `RetryError` or `ChangedError`.
        signature: the arguments' shapes and dtypes, as text. source: the text of the step.
        nbytes: of the memory for the step's results.
        busy: whether the step is running now.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        recording = record_call(f, args)
        named = dict(zip(parameter_names(f, len(args)), args, strict=True))
        data = [name for name, x in named.items() if is_data(x)]
        homes = Homes(recording.owners)
        movable = (homes.may_move(o.holder) for o in recording.origins.values() if not o.key)
        states = [n for n, o in recording.origins.items() if not o.key]
        held = frozenset(n for n, free in zip(states, movable, strict=True) if not free)
        built = Builder(recording, data, held).build()
        step = bound(built, homes)
        state = [*recording.reach.read, *(x for x in args if not is_data(x))]
        graded: list[Any] = [o.holder._node for o in recording.origins.values() if o.key == ".grad"]
        bare: list[Any] = [tensor._node for tensor in recording.bare]
        self.guard = Guard(recording.reach.slots, state, bare, graded)
        self.signature = ", ".join(said(x, name) for name, x in named.items())
        self.source, self.nbytes = built.source, built.nbytes
        origins = recording.origins
        changed = any(origins[n].path[:1] and origins[n].path[0] in data for n in recording.updates)
        states_now = [
            raw(o.holder) for o in origins.values() if not o.key and o.path[0] not in data
        ]
        arrays = [a for a in states_now if isinstance(a, np.ndarray)]
        self.call = self._behind_checks(step, named, data, built.generators, changed, arrays)

    def _behind_checks(
        self,
        step: Any,
        named: dict[str, Any],
        data: list[str],
        generators: list[Any],
        changed: bool,
        states: list[Any],
    ) -> Callable[..., Any]:
        mode, lock = MODE.get(), Lock()
        tests = [test for name, x in named.items() for test in like(x, name)]
        objects = {key: x for _, known in tests for key, x in known.items()}
        self.busy = lock.locked
        objects |= {"_mode": MODE.get, "_recording": mode.recording, "_recorder": RECORDER.get}
        objects |= {"_guard": self.guard, "_acquire": lock.acquire, "_release": lock.release}
        objects |= {"_RetryError": RetryError, "_ChangedError": ChangedError}
        objects |= {"_step": step, "_MISS": MISS, "_drawing": partial(_drawing, generators)}
        run = f"_step({', '.join(data)})"
        texts = [text for text, _ in tests]
        if changed:
            objects |= {"_apart": partial(_apart, states)}
            texts.append(f"_apart(({', '.join(data)},))")
        texts += ["_mode().recording is _recording", "_recorder() is None"]
        text = f"""
def call({", ".join([*(f"{name}=_MISS" for name in named), "*more"])}):
    if not ({" and ".join(texts)}) or more:
        return _MISS
    if not (_guard.holds() or _guard.agrees()) or not _acquire(False):
        return _MISS
    try:
        return {f"_drawing(lambda: {run})" if generators else run}
    except _ChangedError:
        raise
    except Exception as error:
        raise _RetryError from error
    finally:
        _release()
"""
        exec(builtins.compile(text, __file__, "exec"), objects)
        return objects["call"]  # type: ignore[no-any-return]


def _apart(states: list[Any], data: tuple[Any, ...]) -> bool:
    """Whether no memory of the arguments, some of which the step changes, is that of another or a state's."""
    arrays = [raw(x) for x in parts(data) if isinstance(raw(x), np.ndarray)]
    pairs = itertools.chain(itertools.combinations(arrays, 2), itertools.product(arrays, states))
    return not any(np.may_share_memory(a, b) for a, b in pairs)


def _drawing(generators: list[Any], run: Callable[[], Any]) -> Any:
    """Run a step; if it fails, the generators have drawn nothing."""
    before = [g.bit_generator.state for g in generators]
    try:
        return run()
    except ChangedError:
        raise
    except BaseException:
        for generator, state in zip(generators, before, strict=True):
            generator.bit_generator.state = state
        raise


def bound(built: Step, homes: Homes) -> Callable[..., Any]:
    """The function of a step's text, on its memory."""
    flat = [homes.flat(holders) for _, holders in built.flat]
    given = [homes.moved.get(id(x), x) for x in built.bound.values()]
    # A file of this package, so that messages name the user's line; with lines for a traceback.
    file = str(Path(__file__).with_name(f"step {next(_numbers)}"))
    linecache.cache[file] = len(built.source), None, built.source.splitlines(True), file
    names = dict(_NAMES)
    exec(builtins.compile(built.source, file, "exec"), names)
    return names["make"](*given, *flat)  # type: ignore[no-any-return]


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
    "ChangedError": ChangedError,
    "complete": complete,
    "finish": deque(maxlen=0).extend,
    "call": operator.call,
    "partial": partial,
    "setitem": operator.setitem,
    "room": room,
    "over": over,
    "wrap": wrap,
    "Held": Held,
    "touch": touch,
    "isfinite": math.isfinite,
    "math": math,
}
"""What the text of a step takes for granted."""
