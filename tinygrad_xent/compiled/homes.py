"""Parameters and an optimiser's buffers side by side in one array each, so that an update is one call.

Memory that somebody else holds stays where it is: it would no longer be the parameter's.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..engine.nodes import Leaf
from ..engine.tensors import Tensor, raw, wrap
from ..optim.base import Optimizer
from ..programs.structures import objects
from .memory import room


class Homes:
    """Moves arrays; knows the optimisers that must learn of it.

    Attributes:
        moved: by the id of each array that was moved the one that it is now.
    """

    def __init__(self, owners: Any) -> None:
        self.optimizers = [x for x in objects(owners) if isinstance(x, Optimizer)]
        buffers = [a for o in self.optimizers for arrays in o._buffers for a in arrays]
        self.buffers = {id(a) for a in buffers}
        self.moved: dict[int, Any] = {}
        self.old: list[Any] = []  # so that no id is used twice

    def may_move(self, holder: Any) -> bool:
        """Whether nobody but the tensor, or the optimiser, holds the memory. In a flat array it stays: nobody
        knows who holds views of that.
        """
        if isinstance(holder, Tensor):
            return _references(holder) <= _OWN and holder._data.base is None
        return id(holder) in self.buffers

    def held(self, states: dict[int, Any]) -> frozenset[int]:
        """The numbers of those states whose memory somebody else holds."""
        return frozenset(number for number, x in states.items() if not self.may_move(x))

    def flat(self, holders: list[Any]) -> Any:
        """The flat array in which these are, or are from now on, side by side."""
        arrays = [raw(h) for h in holders]
        found = beside(*arrays)
        if found is not None:
            return found
        flat, start = room((sum(a.size for a in arrays),), arrays[0].dtype), 0
        np.concatenate([a.reshape(-1) for a in arrays], out=flat)
        for holder, array in zip(holders, arrays, strict=True):
            part = flat[start : start + array.size].reshape(array.shape)
            start += array.size
            self.moved[id(array)] = part
            self.old.append(array)
            if isinstance(holder, Tensor):
                holder._node.data = holder._data = part  # type: ignore[union-attr]
        for optimizer in self.optimizers:
            optimizer.move_buffers(self.moved)
        return flat


def _references(tensor: Tensor) -> int:
    """How often the memory of a parameter is held."""
    array = tensor._data
    return sys.getrefcount(array)


_OWN = _references(wrap(_array := np.zeros(1), Leaf(_array))) - 1  # but for this module's variable
del _array


def beside(*arrays: Any) -> Any:
    """The flat array of which these are the parts, in order; or None."""
    base = arrays[0].base
    if not isinstance(base, np.ndarray) or base.ndim != 1 or base.dtype != arrays[0].dtype:
        return None
    starts = [a.__array_interface__["data"][0] for a in arrays]
    ends = [start + a.nbytes for start, a in zip(starts, arrays, strict=True)]
    if any(a.base is not base for a in arrays) or starts[1:] != ends[:-1]:
        return None
    first = (starts[0] - base.__array_interface__["data"][0]) // base.itemsize
    return base[first : first + sum(a.size for a in arrays)]
