"""What stands before a compiled step in every call: is it for these arguments, is everything that it was
built on as it was, do they share no memory with what it changes; and one call at a time.
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from ..engine.context import MODE
from ..engine.symbols import RECORDER
from ..engine.tensors import raw
from ..programs.instructions import parts
from .guarding import Guard
from .signatures import Likeness, is_data


class RetryError(Exception):
    """A check of a step failed. Nothing has changed: eager code does it again, and says why."""


class UnlikeError(RetryError):
    """What failed may be right: the example of the recording had nothing of the kind, a label to be ignored say."""


class BusyError(Exception):
    """A step is running already, in another thread or further out: the function itself is run."""


class ChangedError(Exception):
    """Something failed while a step changed what it changes; all of it has been changed."""


MISS = object()
"""What a form returns if a call is not for it."""


class Apart:
    """Whether arguments share no memory with what a step changes: it would change them too early or too late.

    Args:
        states: the arrays of the function's state. changed: those that the step changes.
        arguments: whether it changes arguments, too; then they must not share memory among themselves.
    """

    def __init__(self, states: list[Any], changed: list[Any], arguments: bool) -> None:
        self.others = states if arguments else changed
        self.owners = {id(_owner(a)) for a in self.others}
        self.arguments = arguments
        self.needed = arguments or bool(changed)

    def test(self, likeness: Likeness, data: list[str]) -> str:
        """The test as text; quick if the arguments own their memory, and it is nobody else's."""
        whole = f"{likeness.name(self)}(({', '.join(data)},))"
        texts = [text for text, _ in likeness.arrays]
        if self.arguments or not texts:
            return whole
        own = [f"{text}.base is None" for text in texts]
        states = [likeness.name(a) for a in self.others if a.base is None]
        own += [f"{text} is not {state}" for text in texts for state in states]
        return f"({' and '.join(own)} or {whole})"

    def __call__(self, data: tuple[Any, ...]) -> bool:
        arrays = [raw(x) for x in parts(data) if isinstance(raw(x), np.ndarray)]
        pairs = itertools.combinations(arrays, 2) if self.arguments else ()
        near = (
            (a, b)
            for a in arrays
            for b in self.others
            if not isinstance(owner := _owner(a), np.ndarray) or id(owner) in self.owners
        )
        return not any(np.may_share_memory(a, b) for a, b in itertools.chain(pairs, near))


def _owner(array: Any) -> Any:
    """What an array's memory belongs to."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def checked(
    step: Callable[..., Any],
    args: tuple[Any, ...],
    state: set[int],
    guard: Guard,
    apart: Apart,
    lock: Lock,
    ordered: bool,
) -> Callable[..., Any]:
    """A step behind its checks. The function returns `MISS` if a call is not for it; it raises `RetryError`,
    `ChangedError` or `BusyError`.

    Args:
        args: the first arguments. state: the ids of the arrays and tensors of the function's state.
        lock: held while the step runs. ordered: whether the step depends on the memory order of arguments.
    """
    mode, likeness = MODE.get(), Likeness()
    names = [f"a{n}" for n in range(len(args))]
    for name, x in zip(names, args, strict=True):
        likeness.add(x, name)
    likeness.same_objects(state)
    data = [name for name, x in zip(names, args, strict=True) if is_data(x)]
    if ordered or apart.arguments:
        likeness.same_strides()
    if apart.arguments:
        likeness.writeable()
    sharing = f"not {apart.test(likeness, data)}" if apart.needed and data else "False"
    tests = [*likeness.tests, "_mode().recording is _recording", "_recorder() is None"]
    text = f"""
def call({", ".join([*(f"{name}=_MISS" for name in names), "*more"])}):
    if not ({" and ".join(tests)}) or more:
        return _MISS
    if not (_guard.holds() or _guard.agrees()):
        return _MISS
    if not _acquire(False):
        raise _BusyError
    try:
        if {sharing}:
            raise _RetryError("an argument is memory that the step changes")
        return _step({", ".join(data)})
    except (_ChangedError, _RetryError):
        raise
    except Exception as error:
        raise _RetryError(f'{{type(error).__name__}}: {{error}}') from error
    finally:
        _release()
"""
    objects = likeness.known | {
        "_mode": MODE.get,
        "_recording": mode.recording,
        "_recorder": RECORDER.get,
        "_guard": guard,
        "_acquire": lock.acquire,
        "_release": lock.release,
        "_RetryError": RetryError,
        "_ChangedError": ChangedError,
        "_BusyError": BusyError,
        "_step": step,
        "_MISS": MISS,
    }
    exec(builtins.compile(text, __file__, "exec"), objects)
    return objects["call"]  # type: ignore[no-any-return]


def drawing(step: Callable[..., Any], generators: list[Any]) -> Callable[..., Any]:
    """A step; if it fails, the generators have drawn nothing."""
    return partial(_drawing, generators, step) if generators else step


def _drawing(generators: list[Any], step: Callable[..., Any], *data: Any) -> Any:
    before = [g.bit_generator.state for g in generators]
    try:
        return step(*data)
    except ChangedError:
        raise
    except BaseException:
        for generator, state in zip(generators, before, strict=True):
            generator.bit_generator.state = state
        raise
