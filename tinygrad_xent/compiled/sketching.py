"""A recorder that does not run what it notes: of each result it knows shape, dtype and memory order."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from ..engine.tensors import Lent, Tensor, wrap
from ..programs import calls
from ..programs.arrays import own
from ..programs.draws import GeneratorSymbol
from ..programs.instructions import Instruction, Ref, mapped, parts, replaced
from ..programs.listing import run
from ..programs.recorder import Recorder, like
from ..programs.symbolic import ArraySymbol
from .blanks import blank, is_by_axes, result_like

_SYMBOLS = (ArraySymbol, GeneratorSymbol)


class Sketch(Recorder):
    """Notes the calls of one recording. The example's numbers decide nothing but which labels are ignored:
    whatever depends on numbers is a check of each run, and left to the function itself if it fails.

    Attributes:
        examples: the value of each input, by its number: the user's own array.
        gradients: what walks back have led to, by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gradients: dict[int, ArraySymbol] = {}

    def started(self, value: Any) -> tuple[Any, Any]:
        return blank(value), value

    def old_gradient(self, symbol: ArraySymbol) -> Tensor:
        return _Asked(symbol)

    def result(self, name: str, args: Any, kwargs: Any) -> Any:
        """Something like what a call gives; where zeros won't do, that itself."""
        if name == "check":
            return True
        likes = mapped(like, args), mapped(like, kwargs) if kwargs else kwargs
        if all(x.known for x in parts((args, kwargs)) if isinstance(x, _SYMBOLS)):
            return calls.function(name)(*likes[0], **likes[1])
        try:
            found = result_like(name, *likes)
        except Exception:  # of zeros, or in the words for other shapes
            found = mapped(blank, self.of_numbers(name, args, kwargs))
        if _has_shape_of_numbers(name, args, kwargs, found):
            raise self.data_shaped(name)
        return found

    def of_numbers(self, name: str, args: Any, kwargs: Any) -> Any:
        """What a call gives at the example. If it fails, a function that goes on is not recorded."""
        args, kwargs = mapped(self.numbers, (args, kwargs))
        try:
            return calls.function(name)(*args, **kwargs)
        except Exception as error:
            self.refuse(f"program: {name} fails: {error}", fix="other numbers may not fail")
            raise

    def numbers(self, x: Any) -> Any:
        """The value at the example of what takes part in a call: what leads to it is computed."""
        if not isinstance(x, _SYMBOLS):
            return x
        wanted = {x.id}
        for i in self.instructions[x.id :: -1]:
            if i.id in wanted or i.call.startswith("draw."):  # the draws before it, in order
                wanted.update((i.id, *i.refs))
        values = {n: own(value) for n, value in self.examples.items() if n in wanted}
        run([i for i in self.instructions if i.id in wanted], values)
        return values[x.id]

    def finite(self, arrays: list[Any]) -> bool:
        """True: if it is not so in a run, the function itself is run."""
        self.gradients.update((x.id, x) for x in arrays if isinstance(x, ArraySymbol))
        return True

    def without(self, old: set[int]) -> set[int]:
        """Take these old gradients for none, where new ones are only added to them: those that were read and
        are not any more. If that is not all they are read for, it is not possible, and nothing changes.
        """
        read, sums = set[int](), dict[int, Instruction]()
        for i in self.instructions:
            if found := old.intersection(i.refs):
                added = self.instructions[i.refs[-1]]
                alike = (added.shape, added.dtype) == (i.shape, i.dtype)
                if i.call != "operator.add" or not alike or added.id in old:
                    return set()
                read |= found
                sums[i.id] = replaced(i, call="ndarray.reshape", args=(Ref(added.id), i.shape))
        if not read <= self.optional:  # somebody has asked for it
            return set()
        for number, alone in sums.items():
            self.instructions[number] = alone
        return read

    def check_gradients(self) -> None:
        """Note a check of each gradient that nothing else checks."""
        checked = {i.args[0].id for i in self.instructions if i.call == "check"}
        masks = [i for i in self.instructions if i.call == "np.isfinite" and i.id in checked]
        for number, x in self.gradients.items():
            if all(Ref(number) != mask.args[0] for mask in masks):
                mask = self.call("np.isfinite", (ArraySymbol(self, number, x.like, x.known),), {})
                self.check(mask, "a gradient is not finite", FloatingPointError)


def _has_shape_of_numbers(call: str, args: Any, kwargs: Any, found: Any) -> bool:
    """Whether a result has another shape than the one that was found, if whole numbers and masks are 1, -1 or 2:
    how often to repeat, where to cut.
    """
    same = is_by_axes(call) or call == "set_item" or call.startswith("changed:")
    if same or not any(map(_is_whole, parts((args, kwargs)))):
        return False
    shapes = mapped(np.shape, found)
    for number in (1, -1, 2):
        filled = mapped(partial(_filled, number=number), (args, kwargs))
        with suppress(Exception):  # an index that is too large, a count below 0
            if mapped(np.shape, calls.function(call)(*filled[0], **filled[1])) != shapes:
                return True
    return False


def _is_whole(x: Any) -> bool:
    """Whether it stands for whole numbers, or a mask, that each run has others of."""
    return isinstance(x, ArraySymbol) and not x.known and np.asarray(x.like).dtype.kind in "iub"


def _filled(x: Any, number: int) -> Any:
    """What a symbol is like, but for whole numbers, which are all the same."""
    if not _is_whole(x):
        return like(x)
    return np.full_like(x.like, number != 0 if x.dtype.kind == "b" else number)[()]


class _Asked(Lent):
    """An old gradient. If somebody asks for it, it matters whether there is one."""

    __slots__ = ()

    def __init__(self, symbol: ArraySymbol) -> None:
        self._data, self._node = symbol, None

    def own(self) -> Tensor:
        symbol: Any = self._data
        symbol.recorder.optional.discard(symbol.id)
        return wrap(symbol, None)
