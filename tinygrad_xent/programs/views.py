"""Which symbols stand for arrays that share memory: NumPy says so of the arrays that they are like.

What is changed in place gets a new result; so does what it is a view of. Other views of that are stale,
and to use one is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ..engine.symbols import SymbolBase
from .arrays import laid_out
from .instructions import parts


class Sharing(SymbolBase):
    """What a symbol has to do with memory.

    Attributes:
        recorder: what notes the calls. id: the instruction whose result it is.
        like: an array of its shape, dtype and memory order, or a number; never changed, and never shown to
            the user. Its numbers are others, but for what is known.
        known: whether it is the same in each run: it follows from numbers, shapes and constants alone.
        base: what it is a view of, with a function that writes a changed view back; or None.
        asked: whether a result is a view of it, or it of another array, or neither, by memory order alone.
    """

    __slots__ = ("asked", "back", "base", "id", "known", "like", "recorder", "stale", "views")

    def __init__(self, recorder: Any, id: int, like: Any, known: bool = False) -> None:
        self.recorder, self.id, self.like, self.known = recorder, id, like, known
        self.base: Sharing | None = None
        self.back: Callable[[Any], Any] | None = None
        self.views: list[ref[Sharing]] = []
        self.asked = self.stale = False

    def shares(self, other: Any) -> bool:
        """Whether a change of one changes the other."""
        if not isinstance(other, Sharing):
            return False
        if self.asked or other.asked:
            self.recorder.ordered = True
        return self.root_of() is other.root_of()

    def root_of(self) -> Sharing:
        """The array that this is a view of, or itself."""
        root = self
        while root.base is not None:
            root = root.base
        return root

    def viewed(self, view: Any, back: Callable[[Any], Any], by_order: bool = False) -> Any:
        """A result that may share memory with this array, and how a change of it changes this one.

        Args:
            by_order: whether it does depends on the order in memory.
        """
        if by_order:
            self.root_of().asked = view.asked = True
        if share(view, self):
            view.base, view.back = self, back
            self.views = [r for r in self.views if r() is not None] + [ref(view)]
        return view

    def become(self, new: Any, casting: Any = "same_kind") -> None:
        """Take on a new value, as a change in place does; so does what this is a view of.

        Raises:
            TypeError, ValueError: NumPy would not cast it, or not stretch it so.
        """
        if not isinstance(self.like, np.ndarray):
            raise TypeError(f"{type(self.like).__name__} can't be changed in place: it is a number")
        if not self.like.flags.writeable:
            raise ValueError("assignment destination is read-only")
        new = fitted(new, self, casting)
        if self.asked or self.root_of().asked:
            self.recorder.ordered = True
        self._spoil_views()
        self.id, self.like, self.known = new.id, _in_place_of(self.like, new.like), new.known
        if self.base is not None and self.back is not None:
            base, back = self.base, self.back
            base.become(back(self))
            self.stale = False

    def grow_stale(self) -> None:
        """What this is a view of has changed."""
        self.stale = True
        self._spoil_views()

    def _spoil_views(self) -> None:
        for found in self.views:
            if (view := found()) is not None:
                view.grow_stale()


def share(a: Any, b: Any) -> bool:
    """Whether what two symbols stand for shares memory."""
    both = isinstance(a.like, np.ndarray) and isinstance(b.like, np.ndarray)
    return both and np.may_share_memory(a.like, b.like)


def linked(name: str, results: Any, given: Any) -> Any:
    """The results of a call, which are known from now on as views of what shares memory with them.

    Args:
        name: of the call. given: its arguments.
    """

    def back(changed: Any) -> Any:
        raise changed.recorder.not_recordable(f"a change in place of what {name} returned")

    sources = [x for x in parts(given) if isinstance(x, Sharing)]
    for y in parts(results):
        source = next((x for x in sources if isinstance(y, Sharing) and share(y, x)), None)
        if source is not None:
            source.viewed(y, back)
    return results


def fitted(new: Any, old: Any, casting: Any) -> Any:
    """A new value in the shape and dtype of what it replaces in place."""
    if new.shape != old.shape:
        new = new.recorder.call("np.broadcast_to", (new, old.shape), {})
    if new.dtype == old.dtype:
        return new
    if not np.can_cast(new.dtype, old.dtype, casting):
        raise TypeError(f"Cannot cast output from {new.dtype!r} to {old.dtype!r} by {casting!r}")
    return new.astype(old.dtype, copy=False)


def _in_place_of(old: Any, new: Any) -> Any:
    """An array like `new` that lies in memory as the old one did."""
    same = isinstance(new, np.ndarray) and new.strides == old.strides
    if not isinstance(old, np.ndarray) or same:
        return new
    kept = laid_out(old)
    kept[...] = new
    return kept
