"""What an architecture knows of a layer: its parameters, their sizes, how often it stands there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from . import labels


@final
@dataclass(frozen=True)
class Parameter:
    """A parameter: its name in the model, its shape, how many bytes it has, and whether it is frozen."""

    name: str
    shape: tuple[int, ...]
    nbytes: int
    frozen: bool = False

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@final
@dataclass(frozen=True)
class Layer:
    """What a box or an open scope says.

    Attributes:
        name: relative to the scope around it.
        full_name: not relative; of several, one that spans theirs. "" for an open scope of a model alone.
        count: how many equal layers it stands for itself.
        order: how these feed one another.
        parameters: of the first of all layers that it stands for.
        held: those of all of them, each once.
        shared: names of parameters that it uses and another box holds.
        contents: names of the layers inside, where these have no boxes of their own.
        facts: what else an operation was given: numbers, and arrays by their shapes.
    """

    name: str
    full_name: str = ""
    count: int = 1
    order: str = ""
    parameters: tuple[Parameter, ...] = ()
    held: tuple[Parameter, ...] = ()
    shared: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    def amount(self) -> str:
        """How many numbers the parameters have, and in how many bytes."""
        one, whole = (sum(p.size for p in found) for found in (self.parameters, self.held))
        times = whole // one if one else 1
        text = labels.counted(whole, "parameter")
        sizes = Counter(p.size for p in self.parameters for _ in range(times))
        if times > 1 and sizes == Counter(p.size for p in self.held):
            text = f"{times:,} × {labels.counted(one, 'parameter')}"
        return f"{text}{frozen(self.held)}, {storage(self.held)}"


def frozen(parameters: Sequence[Parameter]) -> str:
    """How many of the numbers are frozen, as an addition to their number.

    >>> frozen([Parameter("W", (2, 3), 48, frozen=True), Parameter("b", (3,), 24)])
    ' (6 frozen)'
    """
    count = sum(p.size for p in parameters if p.frozen)
    return f" ({count:,} frozen)" if count else ""


def storage(parameters: Sequence[Parameter]) -> str:
    """How much memory parameters take.

    >>> storage([Parameter("W", (16, 64), 8192), Parameter("b", (64,), 512)])
    '8.5 KiB'
    """
    size = float(sum(p.nbytes for p in parameters))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"
