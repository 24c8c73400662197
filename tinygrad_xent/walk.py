"""The walk back along the tape: reverse-mode differentiation.

Creation order is the tape: the reachable nodes are collected without recursion, sorted by creation
number and walked newest first. Each gradient is taken out when it is spent, so memory falls as the
walk goes on. Only the walk fixes shapes and dtypes: no rule repeats it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import isfinite
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from . import backend, errors, tape
from .modes import AUTOPSY, composite, recording
from .tape import Leaf, Node, TensorBase, raw, saved_node, wrap

if TYPE_CHECKING:
    from .tensor import Tensor

Source: TypeAlias = Node | Leaf
_creation = attrgetter("id")


def collect(root: Node, since: int = -1) -> list[Node]:
    """Every recorded operation that `root` depends on, itself included, newest first; none of those
    that are older than the creation number `since`.
    """
    seen = {root}
    stack = [root]
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
    """The gradient of `root` with respect to the targets; to every leaf that needs one if None.

    Args:
        root: the node of the output.
        seed: the gradient of the output, of its shape: a raw array, a Tensor with `create_graph`.
        targets: nodes or leaves. Only what lies between them and the root is walked.
        since: nodes older than this creation number are ends, like leaves.
        retain_graph: keep what the rules need, for another walk.
        create_graph: run the rules on tensors, so that the gradients can be differentiated.

    Raises:
        GraphError: the graph was freed by an earlier walk, or what it kept was overwritten.
    """
    owned = _owned_tensors if create_graph else _owned
    if type(root) is Leaf:
        return owned({root: seed}, seed) if targets is None or root in targets else {}
    assert type(root) is Node
    nodes = collect(root, since)
    wanted = _ALL
    if targets is not None:
        useful = _lead_to(nodes, targets)
        nodes = [node for node in nodes if node in useful]
        wanted = _Wanted(useful, frozenset(targets))
    check_usable(nodes)
    if create_graph:
        with recording(), composite("gradient"):
            return owned(_walk_recorded(nodes, {root: seed}, wanted), seed)
    return owned(_walk(nodes, {root: seed}, wanted, retain_graph), seed)


class _Wanted(NamedTuple):
    """What a walk to named targets may leave out, and what it must bring back."""

    useful: set[Source] | None  # None: everything
    targets: frozenset[Source]


_ALL = _Wanted(None, frozenset())


def _lead_to(nodes: list[Node], targets: Collection[Source]) -> set[Source]:
    """The targets and every node on a way to one."""
    useful: set[Source] = set(targets)
    for node in reversed(nodes):
        if any(type(s) in (Node, Leaf) and s in useful for s in node.inputs):
            useful.add(node)
    return useful


def check_usable(nodes: list[Node]) -> None:
    """Raise if a walk already spent these nodes, or if a leaf that one kept was overwritten."""
    for node in nodes:
        if node.kept is None:
            what = f"backward: the graph was already freed ({node.op.name} at {node.line})"
            fix = "call the first backward(retain_graph=True), or run the forward pass again"
            raise errors.GraphError(errors.message(what, fix=fix))
    if nodes and tape.latest_change > nodes[-1].id:
        _check_overwritten(nodes)


def _check_overwritten(nodes: list[Node]) -> None:
    """Compare memory, not inputs: a kept transpose or slice of a leaf changes with it."""
    changed = [leaf for leaf in leaves_of(nodes) if leaf.changed > nodes[-1].id]
    for node in nodes:
        for array in node.kept or ():
            for leaf in changed:
                if leaf.changed > node.id and _share_memory(array, leaf.data):
                    name = leaf.name or f"a leaf of shape {leaf.shape}"
                    what = (
                        f"backward: {name} was kept by {node.op.name} at {node.line} "
                        f"and overwritten at {leaf.changed_at}"
                    )
                    fix = "call backward() before the update, or run the forward pass again"
                    raise errors.GraphError(errors.message(what, fix=fix))


def _share_memory(kept: Any, data: Any) -> bool:
    return isinstance(kept, np.ndarray) and np.may_share_memory(kept, data)


def _walk(
    nodes: list[Node],
    grads: dict[Source, Any],
    wanted: _Wanted,
    retain_graph: bool,
) -> dict[Source, Any]:
    """First order, on raw arrays. A first contribution is borrowed, later ones are added to."""
    useful, targets = wanted
    found: dict[Source, Any] = {}  # the gradients of targets that are nodes
    owned: set[Source] = set()
    for node in nodes:
        g = grads.pop(node, None)
        kept, plan, inputs = node.kept, node.plan, node.inputs
        if not retain_graph:
            node.kept = None
        if g is None or kept is None:
            continue
        if targets and node in targets:
            found[node] = g
        if plan.shapes:
            kept += plan.shapes(inputs)
        for i, rule, pick in plan.rules:
            target = inputs[i]
            if useful is not None and target not in useful:
                continue
            c = rule(g, *kept) if pick is None else rule(g, *pick(kept))
            if c.shape != target.shape:
                c = backend.fit(c, target.shape)
            if c.dtype is not target.dtype:  # the same dtype, nearly always
                c = c.astype(target.dtype, copy=False)
            held = grads.get(target)
            if held is None:
                grads[target] = c
            elif target in owned:
                held += c
                grads[target] = held
            else:
                grads[target] = held + c
                owned.add(target)
    grads.update(found)
    return grads


def _walk_recorded(
    nodes: list[Node], grads: dict[Source, Any], wanted: _Wanted
) -> dict[Source, Any]:
    """Any order: the same rules on tensors, so that each step is recorded in its turn."""
    useful, targets = wanted
    found: dict[Source, Any] = {}
    for node in nodes:
        g = grads.pop(node, None)
        if g is None:
            continue
        if node in targets:
            found[node] = g
        kept = kept_tensors(node)
        for i, rule, pick in node.plan.rules:
            target = node.inputs[i]
            if useful is not None and target not in useful:
                continue
            c = fit(rule(g, *(pick(kept) if pick else kept)), target.shape)
            if c.dtype != target.dtype:
                c = c.astype(target.dtype)
            held = grads.get(target)
            grads[target] = c if held is None else held + c
    return found | grads


def kept_tensors(node: Node) -> tuple[Any, ...]:
    """What the rules asked to keep, with arrays as tensors that remember where they come from."""
    assert node.kept is not None
    sources = {node.plan.input_names[i]: s for i, s in enumerate(node.inputs)}
    sources["y"] = node
    values = dict(zip(node.plan.names, node.kept, strict=True))
    for name, row in node.op.saves.items():
        sources[name] = saved_node(node, row, values[name])
    kept = tuple(
        wrap(value, sources[name]) if type(sources.get(name)) in (Node, Leaf) else value
        for name, value in values.items()
    )
    return kept + node.plan.shapes(node.inputs) if node.plan.shapes else kept


def fit(c: Any, shape: tuple[int, ...]) -> Any:
    """Give a contribution its input's shape: sum what broadcasting stretched, stretch what a sum
    shrank. The two are each other's adjoint.
    """
    if c.shape == shape:
        return c
    if not _is_tensor(c):
        return backend.fit(c, shape)
    from . import ops  # the rules' own operations, for gradients of gradients

    if not backend.stretches_to(shape, c.shape):
        return ops.broadcast_to(c, shape)
    lead = len(c.shape) - len(shape)
    axes = (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1))
    return ops.reshape(ops.sum(c, axis=axes), shape)


def _is_tensor(x: Any) -> bool:
    return isinstance(x, TensorBase)


def _owned(grads: dict[Source, Any], seed: Any) -> dict[Source, Any]:
    """Copy what shares memory: with the seed, with another gradient, or as a view."""
    given = {id(seed)}
    for source, g in grads.items():
        # A NumPy scalar can't be changed: a gradient of one element is an array all the same.
        if (key := id(g)) in given or type(g) is not np.ndarray or g.base is not None:
            grads[source] = np.array(g)
        given.add(key)
    return grads


def _owned_tensors(grads: dict[Source, Any], seed: Any) -> dict[Source, Any]:
    """As `_owned`; a tensor's copy is recorded, so that it can be differentiated."""
    given = {id(raw(seed))}
    for source, g in grads.items():
        array = g._data
        if type(array) is np.ndarray and (array.base is not None or id(array) in given):
            grads[source] = g.astype(g.dtype)
        given.add(id(array))
    return grads


def backward(root: Tensor, gradient: Any, retain_graph: bool, create_graph: bool) -> None:
    """Add the gradient of `root` to every leaf's `.grad`; all of them or, on an error, none."""
    seed = seed_gradient(root, gradient, create_graph)
    keep = retain_graph or create_graph
    grads = gradients(root._source(), seed, retain_graph=keep, create_graph=create_graph)
    for leaf, g in grads.items():  # without targets these are the leaves that require grad
        assert type(leaf) is Leaf
        held = leaf.grad
        if create_graph:
            leaf.grad = g if held is None else held + g
        else:
            leaf.grad = wrap(g if held is None else np.asarray(held._data + g), None)
    if (level := AUTOPSY.get()) and not _looks_finite(root, grads, level):
        from .check import nonfinite  # only a run that is not finite pays for it

        nonfinite.warn(root)


def _looks_finite(root: Tensor, grads: dict[Source, Any], level: bool | str) -> bool:
    """Whether a loss of one element is finite, and on request every gradient: the loss alone costs a
    small step 1 %, the gradients 5 %.
    """
    loss = root._data
    if loss.size == 1 and not isfinite(loss if loss.ndim == 0 else loss.item()):
        return False
    if level != "gradients":
        return True
    return all(backend.looks_finite(raw(g)) for g in grads.values())


def seed_gradient(root: Tensor, gradient: Any, as_tensor: bool) -> Any:
    """The gradient that the walk starts from, checked: of the output's shape, 1 for a scalar."""
    if root._node is None or not root._node.requires_grad:
        fix = "make a leaf with Tensor(data, requires_grad=True), and do not run under no_grad()"
        what = "backward: the output depends on no tensor that requires grad"
        raise errors.GraphError(errors.message(what, [root], fix))
    if gradient is None:
        shape = root.shape
        if shape and root.size != 1:
            what = f"backward: the output has shape {root.shape}, a gradient is implicit only for one element"
            fix = "reduce it, say with .sum() or .mean(), or pass backward(gradient=...)"
            raise errors.ShapeError(errors.message(what, [root], fix))
        seed = backend.one(shape, root.dtype)
        return wrap(seed, None) if as_tensor else seed
    try:
        array = gradient._data if isinstance(gradient, TensorBase) else np.asarray(gradient)
    except ValueError:
        what = "backward: a ragged list (rows of different lengths) is no gradient"
        raise errors.ShapeError(errors.message(what, [root], "pad the rows")) from None
    if array.shape != root.shape:
        what = f"backward: the gradient has shape {array.shape}, the output {root.shape}"
        raise errors.ShapeError(errors.message(what, [root], "pass one of the output's shape"))
    if array.dtype.kind not in "fiub":
        what = f"backward: the gradient must be real numbers, got {array.dtype}"
        raise errors.DtypeError(errors.message(what, [root]))
    if not as_tensor:
        return array.astype(root.dtype, copy=False)
    given: Any = gradient if isinstance(gradient, TensorBase) else wrap(array, None)
    return given if array.dtype == root.dtype else given.astype(root.dtype)
