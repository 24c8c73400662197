"""Whether a program sees the sign of a zero, as 1 / -0 = -inf does. If none does, -0 may become 0 where that
takes less time: in sums and stretched rows by products with ones, in products with masks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from ..programs.instructions import Instruction, Ref
from . import calls

Table = dict[int, Instruction]

_OTHERS = (-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0)
_DIVISIONS = ("operator.truediv", "np.divide")
_SAME_SIGN = ("np.add.reduce", "ndarray.mean", "ndarray.reshape", "ndarray.astype", "np.sqrt")


def sees_signs(instructions: Iterable[Instruction]) -> bool:
    """Whether a result depends on the sign of a zero, and not just by a sign of its own that is zero's."""
    table = {i.id: i for i in instructions}
    return any(_sees(i, table) for i in table.values())


def _sees(i: Instruction, table: Table) -> bool:
    if i.call in _DIVISIONS:
        return not _is_no_minus(i.args[1], table)
    found = calls.elementwise(i)
    if found is None:
        return False
    name, args = found
    numbers = tuple(float(x) if isinstance(x, (int, float)) else None for x in args)
    return _tells_zeros_apart(name, numbers)


@lru_cache(maxsize=256)
def _tells_zeros_apart(name: str, numbers: tuple[float | None, ...]) -> bool:
    """Whether a ufunc of one result gives another number for -0 than for 0; with these plain numbers among
    its arguments.
    """
    ufunc = getattr(np, name)
    tried = [_OTHERS if x is None else (x,) for x in numbers]
    with np.errstate(all="ignore"):
        for place in (k for k, x in enumerate(numbers) if x is None):
            for given in itertools.product(*tried[:place], (0.0,), *tried[place + 1 :]):
                minus = (*given[:place], -0.0, *given[place + 1 :])
                try:
                    if not np.array_equal(ufunc(*given), ufunc(*minus), equal_nan=True):
                        return True
                except TypeError:  # of whole numbers only
                    return False
    return False


def _is_no_minus(x: object, table: Table) -> bool:
    """Whether a number, or each of an array, is no -0."""
    if not isinstance(x, Ref):
        return not isinstance(x, (int, float)) or x != 0
    i = table[x.id]
    if i.dtype.startswith("Python") or i.call == "literal":
        return True
    if i.call in ("np.exp", "np.square", "np.absolute", "operator.abs"):
        return True
    if i.call == "operator.mul":
        return bool(i.args[0] == i.args[1])
    if i.call in ("operator.add", "np.add"):
        return any(isinstance(a, (int, float)) and a > 0 for a in i.args)
    return i.call in _SAME_SIGN and _is_no_minus(i.args[0], table)
