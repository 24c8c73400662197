"""How coarse a picture is: what was asked for, and the steps down from there to a single box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tinygrad_xent.tracing import Trace

from .blocks import depth

MAX_PARTS = 16  # stretches into which an irregular graph is cut: as many as one likes to read


@dataclass(frozen=True)
class View:
    """How coarse a picture is.

    Attributes:
        fold: scopes deeper than this are one box; None opens all.
        repeats: which runs of equal neighbours become one box: none, those of folded scopes ("folded"),
            of any scopes, also of such as would be open ("scopes"), or of operations too ("all"); a
            scope counts where it is one of the phrase.
        inside: whether parameters and constants that only one folded scope uses stand inside it, and
            many leaves of one kind that go to the same boxes are one node, as those of a repeat
            always are.
        bundle: whether many leaves of one kind that go to the same nodes are one node.
        parts: where inner scopes fold, what stands there is cut into at most so many stretches; 0 puts
            all into one box.
    """

    fold: int | None = None
    repeats: Literal["none", "folded", "scopes", "all"] = "none"
    inside: bool = True
    bundle: bool = False
    parts: int | None = None


def views(trace: Trace, fold: int | None, max_nodes: int, inside: bool = True) -> Iterator[View]:
    """Ever coarser views, from the one asked for to a single box; of each there is one with bundles too."""
    asked = View(fold, "none" if fold is None else "folded", inside)
    deepest = depth(trace) if fold is None else min(fold, depth(trace))
    yield asked
    # what is there many times goes before what is there once
    alike = replace(asked, repeats="scopes")
    yield alike
    for level in range(deepest - 1, -1, -1):
        yield replace(alike, fold=level)
    repeated = replace(asked, fold=0, repeats="all")
    yield repeated
    for parts in sorted({max(1, min(MAX_PARTS, max_nodes // 3)), 5, 1, 0}, reverse=True):
        yield replace(repeated, parts=parts)


def cut(view: View, asked: int | None) -> Iterator[View]:
    """Ever coarser views that are finer than one that folds, unless so much folding was asked for: its
    scopes are open, but what stands in them is cut into stretches.
    """
    if view.fold is not None and view.fold != asked and view.parts is None:
        for parts in (MAX_PARTS, 5, 2):
            yield replace(view, fold=view.fold + 1, repeats="all", parts=parts)
