"""The objects that a function reads, as they are before it is recorded: whatever the recording changes in
them is put back, and the function is not compiled, for a step would not change them. That holds for arrays,
too: what a step changes are symbols while it is recorded.
"""

from __future__ import annotations

import copyreg
from collections import deque
from collections.abc import Iterable
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..engine.symbols import Symbol
from ..engine.tensors import raw
from ..programs.structures import OPAQUE, is_note

_FIXED = (*OPAQUE, np.ndarray, Symbol)

GONE = object()
"""Stands for the value of a name that is not there."""


def look(holder: Any, key: Any) -> Any:
    """What is found at a place: a variable of a closure, an item, a member of a class, or an attribute."""
    try:
        if isinstance(holder, CellType):
            return holder.cell_contents
        if isinstance(holder, dict):
            return holder.get(key, GONE)
        if isinstance(holder, list):
            return holder[key]
        if isinstance(holder, type):
            return vars(holder).get(key, GONE)
        return getattr(holder, key)
    except (AttributeError, IndexError, ValueError):
        return GONE


def put(holder: Any, key: Any, value: Any) -> None:
    """Have a place hold what it held."""
    if isinstance(holder, dict):
        if value is GONE:
            holder.pop(key, None)
        else:
            holder[key] = value
    elif isinstance(holder, CellType):
        holder.cell_contents = value
    elif value is GONE:
        delattr(holder, key)
    else:
        setattr(holder, key, value)


class Snapshot:
    """What objects hold.

    Args:
        found: objects by name: arrays, tensors, lists, dicts, sets and objects with attributes.
        slots: places that are read, each a holder and a key.

    >>> log, config = [], {"lr": 0.1}
    >>> before = Snapshot([("log", log), ("config", config)], [])
    >>> log.append(1)
    >>> before.restore(), log
    ('log', [])
    >>> before.restore()
    ''
    """

    def __init__(self, found: Iterable[tuple[str, Any]], slots: Iterable[tuple[Any, Any]]) -> None:
        found = [(name, raw(x)) for name, x in found]
        self.arrays = [(n, x, x.copy()) for n, x in found if isinstance(x, np.ndarray)]
        held = [
            (n, x) for n, x in found if isinstance(x, FunctionType) or not isinstance(x, _FIXED)
        ]
        self.objects = [(name, x, _parts(x)) for name, x in held]
        self.slots = [(holder, key, look(holder, key)) for holder, key in slots]

    def restore(self) -> str:
        """Put everything back; the name of something that had changed, or ""."""
        changed = ""
        for holder, key, value in self.slots:
            if look(holder, key) is not value:
                put(holder, key, value)
                changed = changed or str(key)
        for name, array, numbers in self.arrays:
            if array.tobytes() != numbers.tobytes():
                array[...] = numbers
                changed = name
        for name, x, parts in self.objects:
            now = _parts(x)
            if len(now) != len(parts) or any(map(_differ, now, parts)):
                _refill(x, parts)
                changed = name
        return changed


def _parts(x: Any) -> list[Any]:
    """What an object holds; of dicts and objects, pairs."""
    if isinstance(x, dict):
        return [*x.items()]
    if isinstance(x, (list, set, deque)):
        return [*x]
    named = [*_attributes(x).items()]
    slots = copyreg._slotnames(type(x))  # type: ignore[attr-defined]
    return named + [(name, getattr(x, name)) for name in slots if hasattr(x, name)]


def _attributes(x: Any) -> dict[str, Any]:
    """An object's attributes, without what this package's classes note about themselves."""
    found = getattr(x, "__dict__", {})
    return {name: value for name, value in found.items() if not is_note(x, name)}


def _differ(now: Any, before: Any) -> bool:
    pairs = isinstance(now, tuple) and isinstance(before, tuple) and len(now) == len(before) == 2
    return any(a is not b for a, b in zip(now, before, strict=True)) if pairs else now is not before


def _refill(x: Any, parts: list[Any]) -> None:
    if isinstance(x, (dict, set)):
        x.clear()
        x.update(parts)
    elif isinstance(x, (list, deque)):
        x.clear()
        x.extend(parts)
    else:
        for name, value in parts:
            setattr(x, name, value)
        for name in {*_attributes(x)} - {name for name, _ in parts}:
            delattr(x, name)
