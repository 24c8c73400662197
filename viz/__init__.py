"""Pictures of the computation graph: reads a Trace, never the engine's insides.

>>> import tinygrad_xent as tx
>>> x = tx.Tensor(3.0, requires_grad=True, name="x")
>>> draw(x * x)
<Drawing: 2 nodes, 2 edges>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import tinygrad_xent as tx
from tinygrad_xent import Tensor, Trace

from .cards import SHOWABLE, Options
from .drawing import Drawing, DrawingWarning
from .theme import ThemeName

__all__ = ["Drawing", "DrawingWarning", "draw"]

DIRECTIONS = ("TB", "LR", "BT", "RL", "backward")


def draw(
    output: Tensor | Trace,
    *,
    show: str | Iterable[str] = ("value", "grad", "formula", "shape"),
    fold: int | None = None,
    direction: Literal["TB", "LR", "BT", "RL", "backward"] = "TB",
    theme: ThemeName = "auto",
    names: Mapping[str, Tensor] | None = None,
    precision: int = 4,
    max_nodes: int = 200,
    time_limit: float = 10.0,
) -> Drawing:
    """A picture of the computation of a tensor.

    Args:
        output: a tensor, the loss say, or a trace. Of a tensor, gradients are shown once
            `backward()` has run and read "not computed" before; a trace's are its own.
        show: what stands in the picture, of "value", "grad", "formula", "shape", "contribution".
        fold: scopes deeper than this become one box each: 0 folds every scope, None none. Three or
            more equal neighbours among the folded become one box with their number.
        direction: of the forward pass, "TB", "LR", "BT" or "RL"; "backward" draws the gradient's
            flow from the loss down instead.
        theme: "light", "dark", or "auto": as the viewer's system prefers.
        names: tensors by the name they have in the picture, where that is not their own.
        precision: significant digits.
        max_nodes: past so many nodes, scopes fold and repeats collapse until they are fewer.
        time_limit: seconds that a layout may take before the picture gets coarser.

    Raises:
        ValueError: an option has a value that it can't have.
        KeyError: a tensor in `names` took no part.

    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> draw(loss, direction="LR").dot.startswith("digraph")
    True
    """
    wanted = frozenset([show] if isinstance(show, str) else show)
    _check(wanted <= set(SHOWABLE), "show", show, f"names from {SHOWABLE}")
    _check(direction in DIRECTIONS, "direction", direction, f"one of {DIRECTIONS}")
    _check(theme in ("auto", "light", "dark"), "theme", theme, "auto, light or dark")
    _check(fold is None or fold >= 0, "fold", fold, "None or at least 0")
    _check(1 <= precision <= 17, "precision", precision, "between 1 and 17")
    _check(max_nodes >= 1, "max_nodes", max_nodes, "at least 1")
    _check(time_limit > 0, "time_limit", time_limit, "above 0 seconds")
    trace = output if isinstance(output, Trace) else tx.trace(output)
    called = {trace[tensor].id: name for name, tensor in (names or {}).items()}
    computed = output is trace or any(entry.accumulated is not None for entry in trace)
    return Drawing(
        trace,
        Options(wanted, precision, called, computed),
        fold=fold,
        direction=direction,
        theme=theme,
        max_nodes=max_nodes,
        time_limit=time_limit,
    )


def _check(holds: bool, option: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"draw: {option} should be {wanted}, got {value!r}")
