"""The walk back along the tape: reverse-mode differentiation.

`sweep` is the whole algorithm: newest operation first, each rule turns the gradient of the output into
that of an input, and the contributions of several uses of a value are added up. Gradients of gradients,
traces and checks run `sweep` itself; `backward()` runs `_sweep_fast`, which does the same on raw arrays
with less memory.

Creation order is the tape: the reachable nodes are collected without recursion and sorted by creation
number. Shapes and dtypes are fixed here, and in no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from . import arrays, errors
from .context import MODE, ON_ARRAYS, composite, next_id, recording
from .nodes import Leaf, Node, changed_since
from .operands import as_gradient, check_backward
from .ops import moves, reductions
from .public import method
from .tensors import Tensor, is_tensor, raw, wrap

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
        arguments = kept(node)
        for i, rule, pick in node.plan.rules:
            source = node.inputs[i]
            if useful is None or source in useful:
                c = fit(rule(g, *(pick(arguments) if pick else arguments)), node, i)
                if note is not None:
                    note(node, i, c)
                grads[source] = grads[source] + c if source in grads else c
    return grads


def fit(c: Any, node: Node, i: int) -> Any:
    """Give a contribution its input's shape and dtype: sum what broadcasting stretched, stretch what
    a sum shrank. Each of the two is the adjoint of the other.
    """
    source = node.inputs[i]
    shape, dtype = source.shape, source.dtype
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
    return c if c.dtype is dtype or c.dtype == dtype else c.astype(dtype)


def sweep_arrays(nodes: list[Node], grads: dict[Source, Any], **how: Any) -> dict[Source, Any]:
    """`sweep` on the raw arrays that the nodes kept."""
    token = MODE.set(ON_ARRAYS)
    try:
        return sweep(nodes, grads, attrgetter("kept"), **how)
    finally:
        MODE.reset(token)


def _sweep_fast(
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
    token = MODE.set(ON_ARRAYS)
    try:
        for node in nodes:
            g = grads.get(node) if node in targets else grads.pop(node, None)
            kept, inputs = node.kept, node.inputs
            node.kept = kept if retain_graph else None
            if g is None or kept is None:
                continue
            for i, rule, pick in node.plan.rules:
                source = inputs[i]
                if useful is not None and source not in useful:
                    continue
                c = rule(g, *kept) if pick is None else rule(g, *pick(kept))
                if c.shape != source.shape:
                    c = fit(c, node, i)
                elif c.dtype is not source.dtype:  # the same dtype, nearly always
                    c = c.astype(source.dtype, copy=False)
                held = grads.get(source)
                if held is None:
                    grads[source] = c
                elif source in owned:
                    held += c
                    grads[source] = held
                else:
                    grads[source] = held + c
                    owned.add(source)
    finally:
        MODE.reset(token)
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


def gradients(
    root: Source,
    seed: Any,
    targets: Collection[Source] | None = None,
    *,
    since: int = -1,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Source, Any]:
    """The gradient of `root` with respect to the targets; if None, to every leaf that needs one.

    Args:
        root: the node of the output.
        seed: the gradient of the output, in its shape: a raw array, or a Tensor if `create_graph`.
        targets: nodes or leaves. Only what lies between them and the root is walked.
        since: the walk ends at nodes older than this creation number, as it does at leaves.
        retain_graph: keep what the rules need, for another walk.
        create_graph: run the rules on tensors, so that the gradients can be differentiated.

    Raises:
        GraphError: the graph was freed by an earlier walk, or what it kept was overwritten.
        ShapeError: what a rule gave does not fit its input's shape.
    """
    nodes, useful = collect(root, since), None
    if targets is not None:
        useful = _lead_to(nodes, targets)
        nodes = [node for node in nodes if node in useful]
        if root not in useful:
            return {}
    if spent := [node for node in nodes if node.kept is None]:
        raise errors.freed(spent[0])
    if nodes and changed_since(nodes[-1].id):
        _check_overwritten(nodes)
    if not create_graph:
        return _owned(_sweep_fast(nodes, {root: seed}, useful, targets or (), retain_graph), seed)
    with recording(), composite("gradient"):
        grads = sweep(nodes, {root: seed}, kept_tensors, useful)
        ends = (s for s in grads if type(s) is Leaf) if targets is None else targets
        return _owned({source: grads[source] for source in ends if source in grads}, seed)


def _lead_to(nodes: list[Node], targets: Collection[Source]) -> set[Source]:
    """The targets, and every node on a path to one."""
    useful: set[Source] = set(targets)
    for node in reversed(nodes):
        if any(type(s) in (Node, Leaf) and s in useful for s in node.inputs):
            useful.add(node)
    return useful


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


def _owned(grads: dict[Source, Any], seed: Any) -> dict[Source, Any]:
    """The gradients; those that are views, or share memory with the seed or another gradient, are
    copied. A tensor's copy is recorded, so that it can be differentiated.
    """
    given = {id(raw(seed))}
    for source, g in grads.items():
        array = g if type(g) is np.ndarray else raw(g)
        # A NumPy scalar can't be changed in place, so it is made an array.
        if id(array) in given or array.base is not None or isinstance(g, np.generic):
            grads[source] = np.array(g) if array is g else g.astype(g.dtype)
        given.add(id(array))
    return grads


def _check_overwritten(nodes: list[Node]) -> None:
    """Raise if a leaf that one of the nodes kept was overwritten since. Compares memory, not inputs: a
    kept transpose or slice of a leaf changes with the leaf.
    """
    changed = [leaf for leaf in leaves_of(nodes) if leaf.changed > nodes[-1].id]
    for node in nodes:
        for array in node.kept or ():
            for leaf in changed:
                older = leaf.changed > node.id and isinstance(array, np.ndarray)
                if older and np.may_share_memory(array, leaf.data):
                    raise errors.overwritten(node, leaf)


def seed_gradient(root: Tensor, gradient: Any, as_tensor: bool) -> Any:
    """The gradient that the walk starts from, checked to have the output's shape; 1 if not given."""
    check_backward(root, gradient)
    if gradient is None and not as_tensor:
        return arrays.one_like(root._data)
    if gradient is None:
        return wrap(arrays.one_like(root._data), None)
    array = as_gradient(gradient, root)
    if not as_tensor:
        return array.astype(root.dtype, copy=False)
    given = gradient if is_tensor(gradient) else wrap(array, None)
    return given if array.dtype == root.dtype else given.astype(root.dtype)


WATCHERS: list[Callable[[Tensor, dict[Source, Any]], None]] = []
"""Functions called after each `backward()`, with the output and the leaves' gradients."""


@method("backward")
def backward(
    self: Tensor, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Compute the gradients of this tensor with respect to the leaves it depends on, and add them to
    their `.grad`: to all of them or, on an error, to none.

    Args:
        gradient: the gradient of this tensor, in its shape; 1 if left out for a single element.
        retain_graph: keep what the walk needs, so that it can be walked again. Without it the
            kept arrays are freed.
        create_graph: make gradients that can be differentiated again; implies `retain_graph`.

    Raises:
        GraphError: nothing here requires grad; the graph was freed; a leaf it kept was changed.
        ShapeError: no gradient for more than one element, or one of another shape.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (x * x * x).backward(create_graph=True)
    >>> slope = x.grad
    >>> x.zero_grad()
    >>> slope.backward()          # the second derivative, 6x
    >>> x.grad.item()
    18.0
    """
    seed = seed_gradient(self, gradient, create_graph)
    how = {"retain_graph": retain_graph or create_graph, "create_graph": create_graph}
    grads: Any = gradients(self._node, seed, **how)  # type: ignore[arg-type]  # seeded: it has one
    for leaf, g in grads.items():  # without targets these are the leaves that require grad
        if create_graph:
            leaf.grad = g if leaf.grad is None else leaf.grad + g
        else:
            leaf.grad = wrap(g if leaf.grad is None else np.asarray(leaf.grad._data + g), None)
    for watch in WATCHERS:
        watch(self, grads)
