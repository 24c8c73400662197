"""Whether everything that a compiled step was built on is as it was: one expression over all that the
function reads besides arrays, written as code because it runs before each step.
"""

from __future__ import annotations

import copy
import functools
from collections import deque
from collections.abc import Callable, Iterable
from types import CellType
from typing import Any

import numpy as np

from ..engine.nodes import Leaf
from ..engine.tensors import Tensor
from ..optim.base import Optimizer
from ..plain_data import same
from ..programs.structures import OPAQUE, OWN, PLAIN, members, varies
from .snapshots import GONE, look


class Guard:
    """What must be as it was.

    Args:
        slots: holders and keys, as `Reading` notes them.
        state: the objects, tensors and arrays that the function reaches.
        bare, graded: leaves that must not have a gradient, and that must have one.
        equal: lists of numbers that must all be equal, as optimisers' counts of updates are nearly always.
        written: arrays that must be writeable.

    Attributes:
        holds: a function without arguments: whether every slot holds the very same object. If not,
            `agrees` says whether they are equal.
    """

    def __init__(
        self,
        slots: Iterable[tuple[Any, str]],
        state: Iterable[Any],
        bare: Iterable[Leaf],
        graded: Iterable[Leaf],
        equal: Iterable[list[int]],
        written: Iterable[Any],
    ) -> None:
        self.graded, self.equal, self.written = list(graded), list(equal), list(written)
        self.terms: dict[tuple[int, type, Any], _Term] = {}
        for holder, key in (*slots, *((leaf, "grad") for leaf in bare)):
            term = _Term(holder, key)
            if term.value is not None or "defaults__" not in key:
                self._add(term)
        for x in state:
            self._walk(x, set())
        self.holds = self._written()

    def _add(self, term: _Term) -> None:
        self.terms.setdefault((id(term.holder), type(term.key), term.key), term)

    def _walk(self, x: Any, seen: set[int]) -> None:
        if id(x) in seen or isinstance(x, (*PLAIN, *OPAQUE, np.ndarray, np.random.Generator)):
            return
        seen.add(id(x))
        if isinstance(x, Tensor):
            leaf = x._source()
            for key in ("data", "requires_grad"):
                if isinstance(leaf, Leaf):
                    self._add(_Term(leaf, key))
            return
        named = not isinstance(x, (dict, list, tuple, set, frozenset, deque))
        holder = vars(x) if named and hasattr(x, "__dict__") else x
        if isinstance(holder, (dict, list)):
            ordered = isinstance(holder, dict) and holder is x
            self._add(_Term(holder, _KEYS if ordered else _LENGTH))
        elif isinstance(holder, (set, frozenset, deque)):
            self._add(_Term(holder, _CONTENTS))
        for key, part in members(x):
            if isinstance(x, Optimizer) and isinstance(part, tuple) and key.startswith("._"):
                continue  # what it was made with
            varying = named and varies(x, key)
            slots = named and not isinstance(
                holder, (dict, set, frozenset, deque, functools.partial)
            )
            keyed = slots or isinstance(holder, (dict, list))
            if keyed and (not varying or isinstance(part, list)):
                self._add(_Term(holder, key.removeprefix(".") if named else key))
            if not varying:
                self._walk(part, seen)

    def _written(self) -> Callable[[], bool]:
        names: dict[str, Any] = {}
        known: dict[int, str] = {}

        def name(x: Any) -> str:
            called = known.setdefault(id(x), f"x{len(known)}")
            names[called] = x
            return called

        parts = [term.text(name) for term in self.terms.values()]
        parts += [f"{name(leaf)}.grad is not None" for leaf in self.graded]
        parts += [f"{name(x)}.count({name(x)}[0]) == {len(x)}" for x in self.equal]
        parts += [f"{name(a)}.flags.writeable" for a in self.written]
        exec(f"def holds():\n    return {' and '.join(parts or ['True'])}", names)
        return names["holds"]  # type: ignore[no-any-return]

    def agrees(self) -> bool:
        """Whether everything is equal; if so, the objects that are there now are the ones to expect."""
        for term in self.terms.values():
            now = term.now()
            if now is term.value:
                continue
            if term.key in (_LENGTH, _KEYS, _CONTENTS):
                length = term.key is _LENGTH
                if _kept(term.holder) != term.kept if length else now != term.value:
                    return False
            elif not (isinstance(now, PLAIN) and same(now, term.value)):
                return False
            term.value = now
        self.holds = self._written()
        return self.holds()


_LENGTH, _KEYS, _CONTENTS = "len()", "keys", "=="


def _kept(holder: Any) -> int:
    """The number of items, without what the package's classes note about themselves."""
    return sum(f".{key}" not in OWN for key in holder) if isinstance(holder, dict) else len(holder)


class _Term:
    """One place that is read, and what is there."""

    def __init__(self, holder: Any, key: Any) -> None:
        self.holder, self.key = holder, key
        self.value = self.now()
        self.kept = _kept(holder) if key is _LENGTH else 0

    def now(self) -> Any:
        if self.key is _LENGTH:
            return len(self.holder)
        if self.key is _KEYS:
            return [*self.holder]
        if self.key is _CONTENTS:
            return copy.copy(self.holder)
        return look(self.holder, self.key)

    def text(self, name: Callable[[Any], str]) -> str:
        """The test, with names for objects."""
        holder, value = name(self.holder), name(self.value)
        if self.key is _LENGTH:
            return f"len({holder}) == {value}"
        if self.key is _KEYS:
            return f"[*{holder}] == {value}"
        if self.key is _CONTENTS:
            return f"{holder} == {value}"
        if isinstance(self.holder, CellType):
            return f"{holder}.cell_contents is {value}"
        if isinstance(self.holder, type):
            return f"{holder}.__dict__.get({self.key!r}) is {value}"
        if isinstance(self.holder, dict):
            if self.value is GONE:
                return f"{name(self.key)} not in {holder}"
            return f"{holder}.get({name(self.key)}) is {value}"
        if isinstance(self.holder, list):
            return f"{holder}[{self.key}] is {value}"
        return f"{holder}.{self.key} is {value}"
