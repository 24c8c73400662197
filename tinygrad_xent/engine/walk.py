"""The walk back along the tape: reverse-mode differentiation.

`sweep` is the whole algorithm: newest operation first, each rule turns the gradient of the output into
that of an input, and the contributions of several uses of a value are added up. Gradients of gradients,
traces and checks run `sweep` itself; `backward()` runs `sweep_fast`, which does the same on raw arrays
with less memory. `gradients.py` prepares a walk and hands out its results.

Creation order is the tape: the reachable nodes are collected without recursion and sorted by creation
number. Shapes and dtypes are fixed here, and in no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from . import arrays, errors
from .context import MODE, ON_ARRAYS, during, next_id
from .nodes import Leaf, Node
from .ops import moves, reductions
from .tensors import is_tensor, wrap

Source: TypeAlias = Node | Leaf
_creation = attrgetter("id")


def sweep(
    nodes: list[Node],
    grads: dict[Source, Any],
    kept: Callable[[Node], tuple[Any, ...]],
    useful: Collection[Source] | None = None,
    note: Callable[[Node, int, Any], None] | None = None,
) -> dict[Source, Any]:
    """The gradient of every source, computed backwards from that of the output in `grads`.

    Args:
        nodes: newest first. useful: the sources that get a gradient; all if None.
        kept: gives what a node's rules ask for: arrays, or tensors so that the rules are recorded.
        note: called with each contribution before it is added: the node that used the value, the
            position of the value among its inputs, and what that use adds to its gradient.
    """
    for node in nodes:
        if (g := grads.get(node)) is None:
            continue
        g, arguments = in_dtype_of(node, g), kept(node)
        for i, rule, pick in node.plan.rules:
            source = node.inputs[i]
            if useful is None or source in useful:
                c = fit(rule(g, *(pick(arguments) if pick else arguments)), node, i)
                if note is not None:
                    note(node, i, c)
                grads[source] = plus(grads[source], c) if source in grads else c
    return {source: in_dtype_of(source, g) for source, g in grads.items()}


def plus(a: Any, b: Any) -> Any:
    """a + b; that of two float16 is float32, since 2048 + 1 is 2048 in float16."""
    return (a.astype(np.float32) if a.dtype.char == "e" else a) + b


def in_dtype_of(source: Source, g: Any) -> Any:
    """A gradient in the dtype of its value, which a sum by `plus` may not have."""
    return g if g.dtype is source.dtype or g.dtype == source.dtype else g.astype(source.dtype)


def fit(c: Any, node: Node, i: int) -> Any:
    """Give a contribution its input's shape and dtype (elsewhere called `unbroadcast` or `sum_to`): sum
    what broadcasting stretched, stretch what a sum shrank. Each is the adjoint of the other.
    """
    source = node.inputs[i]
    shape = source.shape
    try:
        if c.shape != shape:
            if not is_tensor(c):
                c = arrays.to_shape(c, shape)
            elif axes := arrays.stretched(shape, c.shape):
                c = moves.reshape(reductions.sum(c, axis=axes), shape)
            else:
                c = moves.broadcast_to(c, shape)
    except (AttributeError, ValueError) as error:
        raise errors.wrong_rule(node, i, c) from error
    return in_dtype_of(source, c)


def sweep_arrays(nodes: list[Node], grads: dict[Source, Any], **how: Any) -> dict[Source, Any]:
    """`sweep` on the raw arrays that the nodes kept."""
    return during(ON_ARRAYS, sweep, nodes, grads, attrgetter("kept"), **how)


def sweep_fast(
    nodes: list[Node],
    grads: dict[Source, Any],
    useful: Collection[Source] | None,
    targets: Collection[Source],
    retain_graph: bool,
) -> dict[Source, Any]:
    """`sweep_arrays`, but what was used is released: memory falls as the walk goes on. The first
    contribution is borrowed; the sum of the first two is a new array, to which later ones are added
    in place. A test checks that both functions give the same gradients.
    """
    owned: set[Source] = set()  # whose gradients may be added to
    outer = MODE.get()
    try:
        MODE.set(ON_ARRAYS)
        for node in nodes:
            g = grads.get(node) if node in targets else grads.pop(node, None)
            kept, inputs = node.kept, node.inputs
            node.kept = kept if retain_graph else None
            if g is None or kept is None:
                continue
            if g.dtype is not node.dtype:  # the same dtype, nearly always
                g = in_dtype_of(node, g)
            for i, rule, pick in node.plan.rules:
                source = inputs[i]
                if useful is not None and source not in useful:
                    continue
                c = rule(g, *kept) if pick is None else rule(g, *pick(kept))
                if c.shape != source.shape:
                    c = fit(c, node, i)
                elif c.dtype is not source.dtype:
                    c = c.astype(source.dtype, copy=False)
                held = grads.get(source)
                if held is None:
                    grads[source] = c
                elif source in owned:
                    held += c
                    grads[source] = held
                else:
                    grads[source] = plus(held, c)
                    owned.add(source)
    finally:
        MODE.set(outer)
    return grads


def collect(root: Any, since: int = -1) -> list[Node]:
    """Every recorded operation that `root` depends on, and `root` itself, newest first; without those
    older than the creation number `since`.
    """
    if type(root) is Leaf:
        return []
    seen, stack = {root}, [root]
    while stack:
        for source in stack.pop().inputs:
            if type(source) is Node and source not in seen and source.id > since:
                seen.add(source)
                stack.append(source)
    return sorted(seen, key=_creation, reverse=True)


def leaves_of(nodes: Iterable[Node]) -> set[Leaf]:
    """The leaves that the nodes read directly."""
    return {source for node in nodes for source in node.inputs if type(source) is Leaf}


def kept_tensors(node: Node) -> tuple[Any, ...]:
    """What the rules asked to keep, with tensors that know their origin in place of the arrays."""
    plan, kept = node.plan, node.kept
    assert kept is not None
    sources: dict[str, Any] = dict(zip(plan.input_names, node.inputs, strict=True))
    sources["y"] = node
    for name, row in node.op.saves.items():
        sources[name] = _saved(node, row, kept[plan.names.index(name)])
    return tuple(
        wrap(value, source) if type(source := sources.get(name)) in (Node, Leaf) else value
        for name, value in zip(plan.names, kept, strict=True)
    )


def _saved(fused: Node, row: Any, y: Any) -> Node:
    """A separate node for what a fused operation saved: the result `y` of `row`, computed from the
    first input, so that the walk can apply `row`'s rule (for a second derivative, say).
    """
    plan = row.plans.get(1) or row.plan(1, 1)
    values = dict(zip(fused.op.settings, fused.settings, strict=True))
    settings = tuple(values[name] for name in row.settings)
    kept = plan.keep((None, y, *settings))  # its rule needs only y
    changes = {"shape": y.shape, "dtype": y.dtype, "name": None, "id": next_id()}
    return fused.replaced(
        plan=plan, inputs=fused.inputs[:1], settings=settings, kept=kept, **changes
    )
