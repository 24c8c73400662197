"""Pictures of the computation graph: reads a Trace, never the engine's insides.

>>> import tinygrad_xent as tx
>>> x = tx.Tensor(3.0, requires_grad=True, name="x")
>>> draw(x * x)
<Drawing: 2 nodes, 2 edges>

`add_theme` gives colours of your own a name, `writer` adds a file format.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import tinygrad_xent as tx
from tinygrad_xent import Tensor, Trace
from tinygrad_xent.engine import lines

from . import writers  # noqa: F401 -- each of them registers a format
from .cards import SHOWABLE, Options
from .changes import check_same_graph
from .drawing import Drawing, DrawingWarning
from .formats import WRITERS, writer
from .layout import EngineMissingError, LayoutError, LayoutTimeoutError
from .theme import DARK, LIGHT, THEMES, Palette, Theme, add_theme

__all__ = [
    "DARK",
    "LIGHT",
    "THEMES",
    "WRITERS",
    "Drawing",
    "DrawingWarning",
    "EngineMissingError",
    "LayoutError",
    "LayoutTimeoutError",
    "Palette",
    "add_theme",
    "compare",
    "draw",
    "writer",
]

Direction: TypeAlias = Literal["TB", "LR", "BT", "RL", "backward"]
DIRECTIONS = get_args(Direction)
Parameters: TypeAlias = Literal["inside", "outside"]
PLACES = get_args(Parameters)


class Finding(Protocol):
    """What becomes a badge: a rule, and the entry that does not keep it. `tx.check.lint` finds such."""

    @property
    def rule(self) -> str: ...

    @property
    def entry(self) -> int | None: ...


lines.own(Path(__file__).parent)  # an error inside names the line that called us


def draw(
    output: Tensor | Trace,
    *,
    show: str | Iterable[str] = ("value", "grad", "formula", "shape"),
    fold: int | None = None,
    parameters: Parameters = "inside",
    direction: Direction = "TB",
    theme: Theme = "auto",
    names: Mapping[str, Tensor] | None = None,
    findings: Iterable[Finding] = (),
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
            more equal neighbours among the folded become one box with their number, whatever their
            names.
        parameters: where those of a folded scope are, and its constants: "inside" its box, which
            counts them, or "outside", each with its numbers.
        direction: of the forward pass, "TB", "LR", "BT" or "RL"; "backward" draws the gradient's
            flow from the loss down instead.
        theme: the colours: "light", "dark", or "auto", as the viewer's system prefers; the name of
            a theme of your own, see `add_theme`; or a `Palette`.
        names: tensors by the name they have in the picture, where that is not their own.
        findings: of `tx.check.lint(output)`: each is a badge on the operation that shows it.
        precision: significant digits.
        max_nodes: at most so many nodes; a picture of more folds and bundles step by step until it
            keeps to that, and says what it hides.
        time_limit: seconds for the picture, from the trace on. What finding the boxes and writing their
            texts took is not there for the layout, which gets a third at least; where that is not
            enough, the picture gets coarser.

    Raises:
        TypeError: the output is neither a tensor nor a trace.
        ValueError: an option has a value that it can't have.
        KeyError: a tensor in `names` took no part.

    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> draw(loss, direction="LR").dot.startswith("digraph")
    True
    """
    trace = _traced(output)
    computed = output is trace or any(entry.accumulated is not None for entry in trace)
    options = _options(trace, show, precision, names, computed, findings)
    _check(fold, parameters, direction, max_nodes, time_limit)
    return Drawing(
        trace,
        options,
        fold=fold,
        parameters=parameters,
        direction=direction,
        theme=theme,
        max_nodes=max_nodes,
        time_limit=time_limit,
    )


def compare(
    before: Tensor | Trace,
    after: Tensor | Trace,
    *,
    show: str | Iterable[str] = ("value", "grad", "formula", "shape"),
    fold: int | None = None,
    parameters: Parameters = "inside",
    direction: Direction = "TB",
    theme: Theme = "auto",
    names: Mapping[str, Tensor] | None = None,
    precision: int = 4,
    max_nodes: int = 200,
    time_limit: float = 10.0,
) -> Drawing:
    """A picture of what changed between two traces of one graph, and by how much.

    Numbers go from one to the other; arrays show their change, its norm, and that of the array; the
    border is as thick as the relative change is large. A trace keeps its values, so take one before
    a training step and one after. Options as in `draw`; `names` are tensors of `after`.

    Raises:
        TypeError: one of the two is neither a tensor nor a trace.
        ValueError: the two are not traces of one graph, or an option has an impossible value.

    >>> w = Tensor(1.0, requires_grad=True, name="w")
    >>> before = tx.trace(w * w)
    >>> w.data = 3.0
    >>> "1 → 9" in compare(before, w * w).dot
    True
    """
    first, second = _traced(before), _traced(after)
    check_same_graph(first, second)
    options = _options(second, show, precision, names, computed=True)
    _check(fold, parameters, direction, max_nodes, time_limit)
    return Drawing(
        second,
        options,
        fold=fold,
        parameters=parameters,
        direction=direction,
        theme=theme,
        max_nodes=max_nodes,
        time_limit=time_limit,
        before=first,
    )


def _traced(output: Tensor | Trace) -> Trace:
    if isinstance(output, Trace):
        return output
    if isinstance(output, Tensor):
        return tx.trace(output)
    raise TypeError(f"viz: draws a Tensor or a Trace, got {type(output).__name__} {output!r:.80}")


def _options(
    trace: Trace,
    show: str | Iterable[str],
    precision: int,
    names: Mapping[str, Tensor] | None,
    computed: bool,
    findings: Iterable[Finding] = (),
) -> Options:
    _require(isinstance(show, Iterable), "show", show, f"names from {SHOWABLE}")
    wanted = frozenset([show] if isinstance(show, str) else show)
    _require(wanted <= set(SHOWABLE), "show", show, f"names from {SHOWABLE}")
    _require(_is_whole(precision, 1, 17), "precision", precision, "a whole number from 1 to 17")
    _require(all(isinstance(n, str) for n in names or {}), "names", names, "tensors by their name")
    called = {trace[tensor].id: name for name, tensor in (names or {}).items()}
    badges: dict[int, tuple[str, ...]] = {}
    for finding in findings:
        if finding.entry is not None:
            badges[finding.entry] = (*badges.get(finding.entry, ()), finding.rule)
    return Options(wanted, precision, called, computed, badges)


def _check(
    fold: int | None, parameters: str, direction: str, max_nodes: int, time_limit: float
) -> None:
    _require(parameters in PLACES, "parameters", parameters, f"one of {PLACES}")
    _require(direction in DIRECTIONS, "direction", direction, f"one of {DIRECTIONS}")
    _require(fold is None or _is_whole(fold, 0), "fold", fold, "None or a whole number from 0")
    _require(_is_whole(max_nodes, 1), "max_nodes", max_nodes, "a whole number from 1")
    is_time = isinstance(time_limit, Real) and time_limit > 0
    _require(is_time, "time_limit", time_limit, "a number of seconds above 0")


def _is_whole(value: object, least: int, most: float = math.inf) -> bool:
    return isinstance(value, Integral) and least <= int(value) <= most


def _require(holds: bool, option: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"viz: {option} should be {wanted}, got {value!r}")
