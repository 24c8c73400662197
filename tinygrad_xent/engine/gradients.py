"""Gradients from a walk: prepared, checked and handed out; `backward()` adds them to the leaves.

Before a walk, `gradients` looks whether what was kept is still what was used. After it, a gradient that
is not finite is looked at again (`chosen.py`), and what the user gets shares memory with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from operator import attrgetter
from threading import RLock
from typing import Any

import numpy as np

from . import errors, lines
from .arrays import all_finite, one_like, share_memory
from .chosen import INNER, asked_for, sweep_chosen
from .context import ON_ARRAYS, composite, during, recording
from .nodes import Leaf, Node, changed_leaves, changed_since, value_of
from .operands import as_gradient, check_backward
from .public import method
from .quiet import quietly
from .symbols import asarray, copied, everywhere, needs_masks, noting
from .tensors import Tensor, is_tensor, raw, wrap
from .walk import Source, collect, in_dtype_of, kept_tensors, sweep, sweep_fast


class Gradients(dict[Source, Any]):
    """What a walk found, by source; `finite` says whether every number is."""

    finite = True


@quietly  # what is not finite is found afterwards, and explained
def gradients(
    root: Source,
    seed: Any,
    targets: Collection[Source] | None = None,
    *,
    since: int = -1,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> Gradients:
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
            return Gradients()
    if spent := [node for node in nodes if node.kept is None]:
        raise errors.freed(spent[0])
    if nodes and changed_since(nodes[-1].id):
        _check_overwritten(nodes)
    masks = INNER.get() is not None or needs_masks(nodes)
    if create_graph:
        # What is recorded is walked again, so it must say what was not chosen.
        selects = not noting() and any("selects" in node.op.kinds for node in nodes)
        masks = masks or selects or not everywhere(asked_for(seed))
        with recording(), composite("gradient"):
            if not masks:
                found = _handed_out(sweep(nodes, {root: seed}, kept_tensors, useful), targets, seed)
            if masks or not found.finite:
                grads = sweep_chosen(nodes, root, seed, kept_tensors, useful)
                found = _handed_out(grads, targets, seed)
            return found
    if not masks:
        grads = sweep_fast(nodes, {root: seed}, useful, targets or (), retain_graph)
        found = _handed_out(grads, targets, seed)
        # The walk of a row can't know what its output is used for.
        if found.finite or since >= 0:
            return found
    if kept := _kept_again(root, nodes):
        grads = during(ON_ARRAYS, sweep_chosen, nodes, root, seed, kept, useful)
        found = _handed_out(grads, targets, seed)
    return found


def _handed_out(
    grads: dict[Source, Any], targets: Collection[Source] | None, seed: Any
) -> Gradients:
    """The gradients that were asked for; those that are views, or share memory with the seed or another
    gradient, are copied. A tensor's copy is recorded, so that it can be differentiated.
    """
    if targets is not None:
        grads = {source: grads[source] for source in targets if source in grads}
    found, given, arrays = Gradients(), {id(raw(seed))}, []
    for source, g in grads.items():
        if targets is None and type(source) is not Leaf:
            continue
        if g.dtype is not source.dtype:  # a sum of float16
            g = in_dtype_of(source, g)
        array = g if type(g) is np.ndarray else raw(g)
        arrays.append(array)
        # A NumPy scalar can't be changed in place, so it is made an array.
        if array.base is not None or id(array) in given or isinstance(g, np.generic):
            g = copied(g) if array is g else g.astype(g.dtype)
        given.add(id(array))
        found[source] = g
    found.finite = all_finite(arrays)
    return found


def _kept_again(root: Source, nodes: list[Node]) -> Callable[[Node], tuple[Any, ...]] | None:
    """What the rules ask for: as it was kept, or computed again if the first walk has freed it. None,
    with a warning, if that is no longer possible.
    """
    if all(node.kept is not None for node in nodes):
        return attrgetter("kept")
    values: dict[Node, Any] = {}
    kept: dict[Node, tuple[Any, ...]] = {}
    for node in reversed(collect(root)):
        for leaf in (s for s in node.inputs if type(s) is Leaf and s.changed > node.id):
            what = (
                "backward: a gradient is not finite, and whether it belongs to numbers that were not "
                f"chosen can't be found out: {leaf.name or 'a leaf'} was overwritten at {leaf.changed_at}"
            )
            lines.warn(
                errors.message(what, fix="call backward() before the update"), RuntimeWarning
            )
            return None
        values[node], kept[node] = node.run([value_of(source, values) for source in node.inputs])
    return kept.__getitem__


def _lead_to(nodes: list[Node], targets: Collection[Source]) -> set[Source]:
    """The targets, and every node on a path to one."""
    useful: set[Source] = set(targets)
    for node in reversed(nodes):
        if any(type(s) in (Node, Leaf) and s in useful for s in node.inputs):
            useful.add(node)
    return useful


def _check_overwritten(nodes: list[Node]) -> None:
    """Raise if a leaf that one of the nodes kept was overwritten since. Compares memory, not inputs: a
    kept transpose or slice of a leaf, or its `.data` used as a constant, changes with the leaf.
    """
    changed = changed_leaves(nodes[-1].id)
    for node in nodes:
        for array in node.kept or ():
            for leaf in changed:
                if leaf.changed > node.id and share_memory(array, leaf.data):
                    raise errors.overwritten(node, leaf)


def seed_gradient(root: Tensor, gradient: Any, as_tensor: bool) -> Any:
    """The gradient that the walk starts from, checked to have the output's shape; 1 if not given."""
    check_backward(root, gradient)
    if gradient is None and not as_tensor:
        return one_like(root._data)
    if gradient is None:
        return wrap(one_like(root._data), None)
    array = as_gradient(gradient, root)
    if not as_tensor:
        return array.astype(root.dtype, copy=False)
    given = gradient if is_tensor(gradient) else wrap(array, None)
    return given if array.dtype == root.dtype else given.astype(root.dtype)


WATCHERS: list[Callable[[Tensor, Gradients], None]] = []
"""Functions called after each `backward()`, with the output and the leaves' gradients."""

# Threads that share parameters add to one `.grad`. An interrupt as the block ends may keep the lock: then this
# thread at least goes on.
_ADDING = RLock()


@method("backward")
def backward(
    self: Tensor, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Compute the gradients of this tensor with respect to the leaves it depends on, and add them to
    their `.grad`: to all of them or, on an error, to none. Several threads may do so at once.

    What the result does not depend on has the gradient 0: where(x > 0, log(x), 0) has slope 0 at 0.

    Args:
        gradient: the gradient of this tensor, in its shape; 1 if left out for a single element.
        retain_graph: keep what the walk needs, so that it can be walked again. Without it the
            kept arrays are freed.
        create_graph: make gradients that can be differentiated again; implies `retain_graph`.

    Raises:
        GraphError: nothing here requires grad; the graph was freed; a leaf it kept was changed.
        ShapeError: no gradient for more than one element, or one of another shape.

    Warns:
        NonFiniteWarning: the loss or a gradient is nan or infinite; see `tx.check.autopsy`.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (x * x * x).backward(create_graph=True)
    >>> slope = x.grad
    >>> x.zero_grad()
    >>> slope.backward()          # the second derivative, 6x
    >>> x.grad.item()
    18.0
    """
    seed = seed_gradient(self, gradient, create_graph)
    keep = retain_graph or create_graph
    grads = gradients(self._node, seed, retain_graph=keep, create_graph=create_graph)  # type: ignore[arg-type]  # seeded: it has a node
    with _ADDING:
        _add_to_leaves(grads, create_graph)
    for watch in WATCHERS:
        watch(self, grads)


def _add_to_leaves(grads: Any, create_graph: bool) -> None:
    """Add each gradient to its leaf's `.grad`: to all or, if interrupted, to none."""
    before = [leaf.grad for leaf in grads]
    flaw = "" if grads.finite else None
    try:
        for leaf, g in grads.items():
            if leaf.grad is None:
                leaf.grad, leaf.flaw = g if create_graph else wrap(g, None), flaw
            elif create_graph:
                leaf.grad, leaf.flaw = leaf.grad + g, None
            else:
                leaf.grad, leaf.flaw = wrap(asarray(leaf.grad._data + g), None), None
    except BaseException:
        for leaf, old in zip(grads, before, strict=True):
            leaf.grad, leaf.flaw = old, None
        raise
