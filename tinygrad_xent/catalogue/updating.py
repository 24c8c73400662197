"""Copies of a tensor with some places changed: `x.at[index].set(values)`, as in JAX.

Nothing is assigned in place, so the tape keeps what it needs: x and the values both get their gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..elsewhere import no_attribute
from ..engine import errors
from ..engine.arrays import Array
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.ops import arithmetic, moves, selection
from ..engine.public import method
from ..engine.symbols import Symbol, arange, check, empty, everywhere, zeros
from ..engine.tensors import Tensor
from .inputs import numbers


@method("at", computed=True)
def _at(self: Tensor) -> Any:
    """The places of the tensor, for a copy with some of them changed: `x.at[index].set(values)`, and
    `.add`, `.multiply`, `.max`, `.min`.
    """
    return At(self)


class At:
    """What `x.at` is: `x.at[index]` are the places that `x[index]` reads."""

    __slots__ = ("_x",)

    def __init__(self, x: Tensor) -> None:
        self._x = x

    def __getattr__(self, name: str) -> Any:
        raise no_attribute(
            "x.at", name, (), ": name the places first, as in x.at[index].set(values)"
        )

    def __getitem__(self, index: Any) -> Places:
        return Places(self._x, moves.raw_index(index))


def _has_symbols(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, Symbol) for part in parts)


class Places:
    """Places of a tensor. Each method gives a copy of the tensor that is different there.

    The values broadcast to the shape of `x[index]` and take x's dtype. They are converted if that loses
    no more than digits: floats don't go into integers.

    Raises:
        OutOfRangeError: x has no such place.
        ShapeError: the values do not broadcast to the places.
        DtypeError: the values are of another kind than x.

    >>> x = Tensor([1.0, 2.0, 3.0])
    >>> x.at[0].set(10.0).numpy()
    array([10.,  2.,  3.])
    >>> x.at[[0, 0, 2]].add(1.0).numpy()
    array([3., 2., 4.])
    >>> x.at[1:].max(2.5).numpy()
    array([1. , 2.5, 3. ])
    """

    __slots__ = ("_index", "_numbers", "_shape", "_x")

    def __init__(self, x: Tensor, index: Any) -> None:
        self._x, self._index = x, (index := moves.raw_index(index))
        try:
            numbered = arange if _has_symbols(index) else np.arange
            self._numbers = numbered(x.size).reshape(x.shape)[index]
        except IndexError as error:
            raise errors.explain("at", [x], (), error) from None
        self._shape = np.shape(self._numbers)

    def __getattr__(self, name: str) -> Any:
        own = [n for n in dir(Places) if not n.startswith("_")]
        cure = f": there are {', '.join(own[:-1])} and {own[-1]}, as in x.at[index].set(values)"
        raise no_attribute("x.at[index]", name, own, cure)

    def set(self, values: Operand) -> Tensor:
        """The values in these places. Of a place that is named several times the last value stays, as in
        NumPy; the others, which have no say, get gradient 0. (JAX leaves open which one stays.)
        """
        with composite("set"):
            return self._set(self._fitted("set", values), self._stay())

    def add(self, values: Operand) -> Tensor:
        """The values added to these places; to a place that is named several times, all of its values."""
        with composite("add"):
            values = self._fitted("add", values)
            return arithmetic.add(self._x, moves.scatter(values, self._x.shape, self._index))

    def multiply(self, values: Operand) -> Tensor:
        """These places multiplied by the values. No place may be named twice."""
        return self._combined("multiply", arithmetic.mul, values)

    def max(self, values: Operand) -> Tensor:
        """In these places the larger of the number there and the value; ties share the gradient evenly.
        No place may be named twice.
        """
        return self._combined("max", selection.maximum, values)

    def min(self, values: Operand) -> Tensor:
        """In these places the smaller of the number there and the value; ties share the gradient evenly.
        No place may be named twice.
        """
        return self._combined("min", selection.minimum, values)

    def _combined(self, name: str, function: Any, values: Any) -> Tensor:
        stay = self._stay()
        if isinstance(stay, Symbol):
            check(stay, f"at: {name} of a place that is named twice", ValueError)
        elif not stay.all():
            what = f"at: {name} of a place that is named twice is not defined"
            fix = f"name each place once, or call {name} for one index after the other"
            raise errors.BadValueError(what, [self._x, self._index], fix)
        with composite(name):
            here = moves.getitem(self._x, self._index)
            return self._set(function(here, self._fitted(name, values)), stay)

    def _set(self, values: Any, stay: Array) -> Tensor:
        changed = zeros(self._x.shape, bool)
        changed[self._index] = True
        if not everywhere(stay):
            values = selection.where(stay, values, 0)
        new = moves.scatter(values, self._x.shape, self._index)
        return selection.where(changed, new, self._x)

    def _stay(self) -> Array:
        """Which of the values stay: the last one for each place."""
        symbolic = isinstance(self._numbers, Symbol)
        order = (arange if symbolic else np.arange)(self._numbers.size)
        last = (empty if symbolic else np.empty)(self._x.size, order.dtype)
        last[np.ravel(self._numbers)] = order
        return last[self._numbers] == order.reshape(self._shape)

    def _fitted(self, name: str, values: Any) -> Tensor:
        """The values in x's dtype and in the shape of the places."""
        t, dtype = numbers(f"at.{name}", values), self._x.dtype
        if not np.can_cast(t.dtype, dtype, "same_kind"):
            what = f"at: {name} of {t.dtype} in a tensor of {dtype}"
            raise errors.DtypeError(what, [self._x, values], "convert the tensor: x.astype(float)")
        if t.dtype != dtype:
            t = moves.astype(t, dtype)
        return moves.broadcast_to(t, self._shape)
