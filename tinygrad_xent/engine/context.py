"""The mode in which operations run: recorded or not, in which scope, at which line of the user.

The mode lives in a context variable, so the `no_grad` and `scope` of one thread (or async task) never
affect another. The mode may fix the line; otherwise `lines.py` finds it.
"""

from __future__ import annotations

import inspect
import itertools
from abc import abstractmethod
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from types import CodeType, TracebackType
from typing import ParamSpec, Self, TypeVar

from .lines import user_position

P = ParamSpec("P")
R = TypeVar("R")

next_id = itertools.count().__next__  # the only clock: creation numbers of operations and leaves


class ScopeEntry:
    """One entry into a scope: two calls of `softmax` are two entries with the same name."""

    __slots__ = ("formula", "id", "name", "parent")

    def __init__(self, name: str, parent: ScopeEntry | None, formula: str | None) -> None:
        self.name, self.parent, self.formula = name, parent, formula
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
    """

    __slots__ = ("on_arrays", "position", "recording", "scope")

    def __init__(
        self,
        recording: bool,
        scope: ScopeEntry | None,
        position: tuple[CodeType, int] | None = None,
        on_arrays: bool = False,
    ) -> None:
        self.recording, self.scope, self.position = recording, scope, position
        self.on_arrays = on_arrays


_START = Mode(recording=True, scope=None)
MODE: ContextVar[Mode] = ContextVar("tinygrad_xent_mode", default=_START)
NOT_RECORDING = Mode(False, None)
ON_ARRAYS = Mode(False, None, None, True)
AUTOPSY: ContextVar[bool | str] = ContextVar("tinygrad_xent_autopsy", default=True)
"""Whether `backward()` looks for non-finite values: False, True (in the loss) or "gradients" (in the
loss and the gradients). `check.autopsy` sets it, `watching.py` reads it.
"""


class _Block:
    """A change of mode, as a `with` block or as a decorator. Subclasses define which change."""

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    @abstractmethod
    def _enter_from(self, outer: Mode) -> Mode:
        """The mode inside the block, from the one outside."""

    def __enter__(self) -> Self:
        self._tokens.append(MODE.set(self._enter_from(MODE.get())))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        MODE.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            # Its body runs after the call, when the block would already be over.
            block = type(self).__name__
            raise TypeError(
                f"{block}: can't decorate {function.__name__}, a generator or coroutine; "
                f"write `with {block}(...):` around the part of its body that you mean"
            )

        # The token is a local: one decorated function may run in many threads at once.
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            token = MODE.set(self._enter_from(MODE.get()))
            try:
                return function(*args, **kwargs)
            finally:
                MODE.reset(token)

        return call


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

    __slots__ = ("_formula", "_name", "_token")

    def __init__(self, name: str, formula: str | None = None) -> None:
        self._name, self._formula = name, formula

    def __enter__(self) -> None:
        outer = MODE.get()
        position = outer.position
        if outer.recording and position is None:
            position = user_position()
        entry = ScopeEntry(self._name, outer.scope, self._formula)
        self._token = MODE.set(Mode(outer.recording, entry, position, outer.on_arrays))

    def __exit__(self, *error: object) -> None:
        MODE.reset(self._token)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded here.

    >>> import tinygrad_xent as tx
    >>> with tx.no_grad():
    ...     tx.is_grad_enabled()
    False
    """
    return MODE.get().recording
