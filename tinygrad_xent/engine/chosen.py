"""Zero times what was not chosen is zero: the gradient of where(x > 0, log(x), 0) at 0 is 0.

`where`, indexing, `max`, `clip`, `relu` choose some numbers, and the result does not depend on the
others. The chain rule multiplies their gradient, 0, by whatever slope comes next, and 0 · inf is nan.
If a walk ends with a gradient that is not finite, `gradients.py` walks again by `sweep_chosen`, which
carries a mask with each gradient: on which numbers the output depends. What is not chosen gets 0,
whatever its slope. The mask goes back by the kind of the row (`table.KINDS`):

    moves, selects   by the row's own rule: it is linear in g, so it maps a mask as it maps a gradient
    elementwise      unchanged, summed where broadcasting stretched
    reduction        to the whole line that was reduced
    rowwise          to the whole line, if any number of it is chosen
    product          to the rows and columns that a chosen number was made of
    none of these    to everything, if any number is chosen; a row that walks itself, as `checkpoint`
                     does, is told the mask and says which numbers it reaches (`Inner`)

A product with a 0 of the user is arithmetic: there 0 · inf stays nan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

import numpy as np

from . import arrays
from .arrays import Array
from .context import ON_ARRAYS, during
from .nodes import Node
from .ops.reductions import unreduce
from .ops.selection import masked, where
from .symbols import Symbol, asarray, everywhere, ones
from .tensors import raw
from .walk import Source, fit, in_dtype_of, plus


def sweep_chosen(
    nodes: list[Node],
    root: Source,
    seed: Any,
    kept: Callable[[Node], tuple[Any, ...]],
    useful: Collection[Source] | None = None,
    note: Callable[[Node, int, Any], None] | None = None,
) -> dict[Source, Any]:
    """Like `walk.sweep`, but what the output does not depend on gets the gradient 0. A 0 of the seed
    counts as not chosen: each row of a Jacobian has its own seed.
    """
    outer = INNER.get()
    grads = {root: seed}
    chosen = {root: asked_for(seed) if outer is None else outer.mask}
    for node in nodes:
        if (g := grads.get(node)) is None:
            continue
        mask, arguments = chosen[node], kept(node)
        g, inner = _put_out(in_dtype_of(node, g), mask), Inner(mask) if node.state else None
        for i, rule, pick in node.plan.rules:
            source = node.inputs[i]
            if useful is None or source in useful:
                use = _Use(node, i, rule, pick(arguments) if pick else arguments)
                token = INNER.set(inner)
                try:
                    c = use.contribution(g, mask)
                finally:
                    INNER.reset(token)
                here = inner.reached.get(source) if inner else None
                here = use.carry(mask) if here is None else here
                c = _put_out(c, here)
                if note is not None:
                    note(node, i, c)
                if source in grads:
                    grads[source] = plus(grads[source], c)
                    chosen[source] = chosen[source] | here
                else:
                    grads[source], chosen[source] = c, here
    if outer is not None:
        outer.reached.update(chosen)
    return {source: in_dtype_of(source, g) for source, g in grads.items()}


def asked_for(seed: Any) -> Array:
    """Which numbers of the output are asked for: those with a seed other than 0; all if the seed itself
    is differentiated, since its 0 may be a variable's.
    """
    if getattr(seed, "requires_grad", False):
        return np.ones(seed.shape, bool)
    return asarray(raw(seed) != 0)


class Inner:
    """What a rule that runs a walk of its own is told, and says: the mask of the row's output, and which
    numbers its walk reached, by source.
    """

    def __init__(self, mask: Array) -> None:
        self.mask, self.reached = mask, dict[Source, Array]()


INNER: ContextVar[Inner | None] = ContextVar("tinygrad_xent_inner", default=None)


def _put_out(g: Any, mask: Array) -> Any:
    """g with 0 where the mask is not set. Tensors and arrays; nothing is recorded if all is chosen."""
    return g if everywhere(mask) else masked(g, mask)


class _Use:
    """One use of a value: the operation, the value's place among its inputs, and its rule."""

    def __init__(self, node: Node, i: int, rule: Callable[..., Any], arguments: Any) -> None:
        self.node, self.i, self.rule, self.arguments = node, i, rule, tuple(arguments)
        self.kinds, self.shape = node.op.kinds, node.inputs[i].shape

    def contribution(self, g: Any, mask: Array) -> Any:
        """What this use adds to the gradient, in the value's shape."""
        c = self.rule(g, *self.arguments)
        if "product" in self.kinds and not self.node.state and not everywhere(np.isfinite(raw(c))):
            c = self.without_unchosen(c, g, mask)
        if "elementwise" in self.kinds and not everywhere(mask):
            c = _put_out(c if c.shape == mask.shape else where(mask, c, 0), mask)
        if not self.kinds and c.shape == mask.shape and not everywhere(np.isfinite(raw(c))):
            c = where(np.isfinite(raw(c)) | mask, c, 0)
        return fit(c, self.node, self.i)

    def without_unchosen(self, c: Any, g: Any, mask: Array) -> Any:
        """A product's contribution, with 0 · inf only where the 0 was chosen: elsewhere computed from
        the finite numbers alone.
        """
        finite = [np.isfinite(raw(x)) if _is_float(x) else None for x in self.arguments]
        pairs = list(zip(self.arguments, finite, strict=True))
        without = self.rule(g, *[x if f is None else masked(x, f) for x, f in pairs])
        touched = self.on_mask(mask, *[x if f is None else 1.0 - f for x, f in pairs])
        return where(touched, c, without)

    def on_mask(self, mask: Array, *arguments: Any) -> Array:
        """Where the rule gives something else than 0 for a mask in place of the gradient."""
        found = during(ON_ARRAYS, self.rule, mask.astype(np.float64), *map(raw, arguments))
        return asarray(found != 0)

    def carry(self, mask: Array) -> Array:
        """The mask of the value: which of its numbers reach the output through this use."""
        if self.node.state:
            return np.broadcast_to(mask.any(), self.shape)
        if self.kinds & {"moves", "selects"}:
            return self.stretched(self.on_mask(mask, *self.arguments))
        if "product" in self.kinds:
            full = [ones(raw(x).shape) if _has_numbers(x) else x for x in self.arguments]
            return self.stretched(self.on_mask(mask, *full))
        if "reduction" in self.kinds:
            return self.whole_lines(mask)
        if "rowwise" in self.kinds:
            axis = self.setting("axis")
            return np.broadcast_to(mask.any(axis=axis, keepdims=True), self.shape)
        if "elementwise" in self.kinds:
            return self.stretched(mask)
        return np.broadcast_to(mask.any(), self.shape)

    def whole_lines(self, mask: Array) -> Array:
        """The mask of a reduction's result, for the lines that were reduced."""
        axis, keepdims = self.setting("axis"), bool(self.setting("keepdims"))
        try:
            lines = during(ON_ARRAYS, unreduce, mask, axis, keepdims)
            return np.broadcast_to(lines, self.shape)
        except ValueError:  # a row that says nothing of its axes, or gives a single number
            return np.broadcast_to(mask.any(), self.shape)

    def stretched(self, mask: Array) -> Array:
        """A mask in the value's shape: broadcasting used a number several times, perhaps once chosen."""
        if mask.shape == self.shape:
            return mask
        return arrays.to_shape(mask.astype(np.float64), self.shape) != 0

    def setting(self, name: str) -> Any:
        settings = dict(zip(self.node.op.settings, self.node.settings, strict=True))
        return settings.get(name)


def _has_numbers(x: Any) -> bool:
    return isinstance(raw(x), (np.ndarray, np.generic, Symbol))


def _is_float(x: Any) -> bool:
    return getattr(raw(x), "dtype", np.dtype(bool)).kind == "f"
