"""Pictures of the computation graph: reads a Trace, never the engine's insides.

>>> import tinygrad_xent as tx
>>> x = tx.Tensor(3.0, requires_grad=True, name="x")
>>> draw(x * x)
<Drawing: 2 nodes, 2 edges>

`add_theme` gives colours of your own a name, `writer` adds a file format.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Unpack

import tinygrad_xent as tx
from tinygrad_xent import Tensor, Trace, nn
from tinygrad_xent.engine import lines

from . import writers  # noqa: F401 -- each of them registers a format
from .animation import Animation
from .architecture import Architecture
from .changes import check_same_graph
from .drawing import Drawing, DrawingWarning
from .formats import WRITERS, writer
from .layout import EngineMissingError, LayoutError, LayoutTimeoutError
from .module_tree import ModuleTree
from .operations import Operations
from .options import DrawOptions, resolved, takes_options
from .subjects import Subject
from .theme import DARK, LIGHT, THEMES, Palette, add_theme

__all__ = [
    "DARK",
    "LIGHT",
    "THEMES",
    "WRITERS",
    "Animation",
    "DrawOptions",
    "Drawing",
    "DrawingWarning",
    "EngineMissingError",
    "LayoutError",
    "LayoutTimeoutError",
    "Palette",
    "add_theme",
    "animate",
    "compare",
    "draw",
    "writer",
]

lines.own(Path(__file__).parent)  # an error inside names the line that called us


@takes_options
def draw(output: Tensor | Trace | nn.Module, **options: Unpack[DrawOptions]) -> Drawing:
    """A picture of the computation of a tensor, or of the architecture of a model.

    Args:
        output: a tensor, the loss say, or a trace. Of a tensor, gradients are shown once
            `backward()` has run and read "not computed" before; a trace brings its own. Or a
            `tx.nn.Module`: its architecture, as far as it is known before anything was computed.
        view: "operations", each with its numbers; or "architecture", a box per layer with its
            parameters, their number, bytes and share of all, the shapes that go from layer to layer,
            and what repeats drawn once.
        show: what stands in the picture, of "value", "grad", "formula", "shape", "contribution".
        fold: scopes deeper than this become one box each: 0 folds every scope, None none. Three or
            more equal neighbours among the folded become one box with their number, whatever their
            names.
        parameters: where those of a folded scope are, and its constants: "inside" its box, which
            counts them, or "outside", each with its numbers.
        constants: whether numbers that no tensor holds have boxes of their own.
        legend: whether to explain below what shapes, borders and lines mean.
        direction: of the forward pass, "TB", "LR", "BT" or "RL"; "backward" draws the gradient's
            flow from the loss down instead. Without one, "TB", on a slide "LR".
        page: "A4" or "slide": the picture has this size, its letters at least 7 or 8 points, and is
            coarsened until it fits.
        theme: the colours: "light", "dark", or "auto", as the viewer's system prefers; the name of
            a theme of your own, see `add_theme`; or a `Palette`.
        font: a family to write in, where the viewer has it; each line keeps its width.
        names: tensors by the name they have in the picture, where that is not their own.
        highlight: what stands out: a tensor, a module, the name of a value or of a scope; a pair of
            these for all paths from the one to the other; or a list of such.
        findings: of `tx.check.lint(output)`: each is a badge on the operation that shows it.
        precision: significant digits; or a format for all numbers, such as ".3f".
        title: above the picture, in large letters.
        caption: below it, in lines as wide as the picture.
        alt: what the picture shows, for those who do not see it, in place of the usual description.
        max_nodes: at most so many nodes; a picture of more folds and bundles step by step until it
            keeps to that, and says what it hides.
        time_limit: seconds for the picture, from the trace on. The time spent on boxes and texts is
            taken from the layout's share, which is a third at least; where that is not enough, the
            picture gets coarser.

    Raises:
        TypeError: the output is nothing that can be drawn, or there is no option of such a name.
        ValueError: an option has a value that it can't have.
        KeyError: a tensor in `names` or `highlight` took no part.

    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> draw(loss, direction="LR").dot.startswith("digraph")
    True
    >>> draw(tx.nn.MLP([4, 8, 3], rng=0), title="A perceptron")
    <Drawing: 3 nodes, 2 edges>
    """
    asked = resolved("draw", options)
    if isinstance(output, nn.Module):
        if options.get("view") == "operations":
            fix = 'view="architecture", or draw what it computes: viz.draw(model(x))'
            raise ValueError(
                f"viz: a model that has computed nothing has no operations\n  fix: {fix}"
            )
        return Drawing(ModuleTree(output, asked), asked)
    trace = _traced(output, "a Tensor, a Trace or a Module")
    computed = output is trace or any(entry.accumulated is not None for entry in trace)
    return Drawing(_subject(trace, asked, computed), asked)


def _subject(trace: Trace, asked: DrawOptions, computed: bool) -> Subject:
    if asked["view"] == "architecture":
        return Architecture(trace, asked)
    return Operations(trace, asked, computed)


@takes_options
def compare(
    before: Tensor | Trace, after: Tensor | Trace, **options: Unpack[DrawOptions]
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
    asked = resolved("compare", options)
    first, second = _traced(before), _traced(after)
    check_same_graph(first, second, "compare: the traces")
    return Drawing(Operations(second, asked, computed=True, before=first), asked)


@takes_options
def animate(
    traces: Iterable[Trace], *, seconds: float = 0.5, **options: Unpack[DrawOptions]
) -> Animation:
    """A training run as one picture that plays: the traces of one graph, one after the other.

    All frames are laid out as one, so only numbers and the widths of edges change from one to the
    next; a line above says which step it is, and the output's value. Options as in `draw`; `names`
    and `highlight` are tensors of the last trace. A `precision` like ".3f" keeps digits in place.

    Args:
        traces: taken with `tx.trace` before or after each training step; each keeps its values.
        seconds: how long each is shown; the last stays somewhat longer.

    Raises:
        TypeError: one of them is no trace.
        ValueError: there is none, or one is not of the first one's graph; or an option has an
            impossible value.

    >>> w, traces = Tensor(2.0, requires_grad=True, name="w"), []
    >>> for _ in range(3):
    ...     traces.append(tx.trace(w * w))
    ...     w.data -= 0.25 * traces[-1][w].gradient
    >>> animate(traces)
    <Animation: 3 frames of 2 nodes, 2 edges>
    """
    asked = resolved("animate", options)
    if not (isinstance(seconds, Real) and 0 < float(seconds) < math.inf):
        raise ValueError(f"animate: seconds should be a number above 0, got {seconds!r}")
    frames = list(traces)
    for i, frame in enumerate(frames):
        if not isinstance(frame, Trace):
            raise TypeError(
                f"animate: traces[{i}] should be a Trace, got {type(frame).__name__} {frame!r:.80}\n"
                "  fix: take one at each step: traces.append(tx.trace(loss))"
            )
        check_same_graph(frames[0], frame, f"animate: traces[0] and traces[{i}]")
    if not frames:
        raise ValueError("animate: there are no traces, so nothing to show")
    last = _subject(frames[-1], asked, computed=True)
    return Animation(last, frames, float(seconds), asked)


def _traced(output: Tensor | Trace, wanted: str = "a Tensor or a Trace") -> Trace:
    if isinstance(output, Trace):
        return output
    if isinstance(output, Tensor):
        return tx.trace(output)
    raise TypeError(f"viz: draws {wanted}, got {type(output).__name__} {output!r:.80}")
