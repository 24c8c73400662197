"""The mode in which operations run: recorded or not, in which scope, at which line of the user.

The mode lives in a context variable, so the `no_grad` and `scope` of one thread (or async task) never
affect another. The mode may fix the line; otherwise `lines.py` finds it.
"""

from __future__ import annotations

import inspect
import itertools
from abc import abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from sys import _getframe
from types import CodeType, FrameType, TracebackType
from typing import ParamSpec, Self, TypeVar

from .lines import NOT_USERS, user_position

P = ParamSpec("P")
R = TypeVar("R")

next_id = itertools.count().__next__  # the only clock: creation numbers of operations and leaves


class ScopeEntry:
    """One entry into a scope: two calls of `softmax` are two entries with the same name. A function of
    this package makes one of itself; all others are the user's.
    """

    __slots__ = ("formula", "id", "is_function", "name", "parent")

    def __init__(
        self, name: str, parent: ScopeEntry | None, formula: str | None, is_function: bool = False
    ) -> None:
        self.name, self.parent, self.formula = name, parent, formula
        self.is_function = is_function
        self.id = next_id()

    def path(self) -> tuple[ScopeEntry, ...]:
        """The entries from the outermost scope to this one."""
        entries: list[ScopeEntry] = []
        entry: ScopeEntry | None = self
        while entry is not None:
            entries.append(entry)
            entry = entry.parent
        return tuple(reversed(entries))


class Mode:
    """Whether operations are recorded here, the innermost scope around them, the position to record
    for them (None: that of each call, see `user_position`), and whether rules are running on raw
    arrays, where the public functions take and return raw arrays. Never changed, only replaced.

    A mode that a `with` block set also knows the block, the mode before, and the user's generator in
    which the block stands, if any: while that is suspended the mode does not hold.
    """

    __slots__ = ("before", "block", "generator", "on_arrays", "position", "recording", "scope")

    def __init__(
        self,
        recording: bool,
        scope: ScopeEntry | None,
        position: tuple[CodeType, int] | None = None,
        on_arrays: bool = False,
    ) -> None:
        self.recording, self.scope, self.position = recording, scope, position
        self.on_arrays = on_arrays
        self.before: Mode | None = None
        self.block: object = None
        self.generator: FrameType | None = None

    def in_force(self) -> Mode:
        """This mode, or the one before if its block stands in a generator that is not running."""
        mode = self
        while mode.generator is not None and mode.generator.f_back is None and mode.before:
            mode = mode.before
        return mode


_START = Mode(recording=True, scope=None)
MODE: ContextVar[Mode] = ContextVar("tinygrad_xent_mode", default=_START)
NOT_RECORDING = Mode(False, None)
ON_ARRAYS = Mode(False, None, None, True)
AUTOPSY: ContextVar[bool] = ContextVar("tinygrad_xent_autopsy", default=True)
"""Whether `backward()` explains values that are not finite. `check.autopsy` sets it, `watching.py`
reads it.
"""


def during(mode: Mode, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a mode. An interrupt at any moment leaves the mode that was before."""
    before = MODE.get()
    try:
        MODE.set(mode)
        return function(*args, **kwargs)
    finally:
        MODE.set(before)


class _Block:
    """A change of mode, as a `with` block or as a decorator. Subclasses define which change.

    The object itself keeps nothing, so threads may share it; what was before is known to the mode.
    """

    @abstractmethod
    def _enter_from(self, outer: Mode) -> Mode:
        """The mode inside the block, from the one outside."""

    def _inside(self, before: Mode, generator: FrameType | None) -> Mode:
        mode = self._enter_from(before.in_force())
        mode.before, mode.block, mode.generator = before, self, generator
        return mode

    def __enter__(self) -> Self:
        before = MODE.get()
        try:  # an interrupt may come at any call
            MODE.set(self._inside(before, _generator_of(_getframe(1))))
            return self
        except BaseException:
            MODE.set(before)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            MODE.set(_without(MODE.get(), self))
        except BaseException:  # an interrupt: once more
            MODE.set(_without(MODE.get(), self))
            raise

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if any(is_one(function) for is_one in _RUN_LATER):
            # Its body runs after the call, when the block would already be over.
            block = type(self).__name__
            raise TypeError(
                f"{block}: can't decorate {function.__name__}, a generator or coroutine; "
                f"write `with {block}(...):` around the part of its body that you mean"
            )

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return during(self._inside(MODE.get(), None), function, *args, **kwargs)

        return call


def _generator_of(frame: FrameType | None) -> FrameType | None:
    """The user's generator in which a `with` block stands, if it is driven by the user's code. One
    that a library drives is left open on purpose: a helper under `@contextmanager`, a fixture. Then
    the question is where that helper is used.
    """
    while frame is not None and frame.f_code.co_flags & _GENERATORS:
        driver = frame.f_back
        if driver is None or not NOT_USERS[driver.f_code.co_filename]:
            return frame
        while driver is not None and NOT_USERS[driver.f_code.co_filename]:
            driver = driver.f_back
        frame = driver
    return None


_RUN_LATER = (
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
)
_GENERATORS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def _without(mode: Mode, block: _Block) -> Mode:
    """The mode after leaving a block: the one before it. Blocks that were entered inside and are still
    open (an abandoned generator is closed at any time) are entered again without it.
    """
    inside: list[Mode] = []
    found: Mode | None = mode
    while found is not None and found.block is not block:
        inside.append(found)
        found = found.before
    if found is None or found.before is None:
        return mode  # it was never entered here
    left = found.before
    for inner in reversed(inside):
        if isinstance(inner.block, _Block):
            left = inner.block._inside(left, inner.generator)
    return left


class no_grad(_Block):
    """Record nothing inside: results need no gradient and keep nothing for backward.

    A context manager, and a decorator when called: `@no_grad()`.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tx.no_grad():
    ...     y = w * 3
    >>> y.requires_grad
    False
    """

    def _enter_from(self, outer: Mode) -> Mode:
        return Mode(False, outer.scope, outer.position)


class recording(_Block):
    """Record inside, whatever the caller's mode, each operation at its own line. `grad` and
    backward with `create_graph` need it.
    """

    def _enter_from(self, outer: Mode) -> Mode:
        return Mode(True, outer.scope)


class scope(_Block):
    """Group the operations inside under a name; pictures draw the group as one box that folds.

    Args:
        name: the name of the box.
        formula: what the group computes, for people: shown on the folded box.

    A context manager and a decorator. Scopes nest; each entry into a scope makes a new group.

    >>> import tinygrad_xent as tx
    >>> with tx.scope("layer"):
    ...     y = tx.Tensor([1.0], requires_grad=True) * 2
    >>> tx.trace(y)[y].scope
    ('layer',)
    """

    def __init__(self, name: str, formula: str | None = None) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError(f"scope: the name must be a non-empty string, got {name!r}")
        super().__init__()
        self.name, self.formula = name, formula

    def _enter_from(self, outer: Mode) -> Mode:
        entry = ScopeEntry(self.name, outer.scope, self.formula)
        return Mode(outer.recording, entry, outer.position, outer.on_arrays)


class composite:
    """The scope of a function that this package builds from several operations: all are recorded at
    the user's line that called it, which is looked up once. As a `with` block only.
    """

    __slots__ = ("_before", "_formula", "_name")

    def __init__(self, name: str, formula: str | None = None) -> None:
        self._name, self._formula = name, formula

    def __enter__(self) -> None:
        self._before = before = MODE.get()
        outer = before if before.generator is None else before.in_force()
        position = outer.position
        if outer.recording and position is None:
            position = user_position()
        entry = ScopeEntry(self._name, outer.scope, self._formula, is_function=True)
        try:
            MODE.set(Mode(outer.recording, entry, position, outer.on_arrays))
        except BaseException:  # an interrupt
            MODE.set(before)
            raise

    def __exit__(self, *error: object) -> None:
        MODE.set(self._before)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded here.

    >>> import tinygrad_xent as tx
    >>> with tx.no_grad():
    ...     tx.is_grad_enabled()
    False
    """
    return MODE.get().in_force().recording
