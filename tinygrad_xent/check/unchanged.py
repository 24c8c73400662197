"""check_unchanged(): finds arrays overwritten since they were used, where `backward()` can't.

`t.data = ...` and `t.data += ...` are noticed, and results are read-only. An element of a leaf
(`t.data[0] = 1.0`) or a raw NumPy array that an operation read can still be changed silently: the
gradients are then those of a computation that never ran. A replay gives values other than the
recorded ones, which shows where. The tape keeps no copies, so a change that no recorded value shows
can't be found: behind a weight of 0, for example.
"""

from __future__ import annotations

import numpy as np

from ..engine import errors
from ..engine.arrays import Array
from ..engine.nodes import Leaf, Node
from ..engine.tensors import Tensor, wrap
from ..engine.walk import collect
from ..tracing import Trace, trace


def check_unchanged(output: Tensor) -> Trace:
    """Raise if something that the output was computed from has been changed since, and a result
    differs for it.

    Results are compared, since copies of what operations read would cost every forward pass memory.
    So a change goes unnoticed if it moves no result that was kept by more than rounding (a thousand
    times the dtype's eps, relative or absolute), even where it changes a gradient: behind a weight of
    0, on the flat side of a relu, in a class that a mask excludes. The last example shows one.

    Args:
        output: a tensor, usually the loss, best before `backward()`, which frees what was kept:
            after it only the output itself can be compared.

    Returns:
        The trace, for further use.

    Raises:
        GraphError: names the first operation that now computes something else, its line, and what
            it read. The checks that replay a loss raise it too.

    >>> import tinygrad_xent as tx
    >>> x = np.array([1.0, 2.0])
    >>> w = tx.Tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> loss = (x * w).sum()
    >>> x[0] = 100.0
    >>> try:
    ...     tx.check.check_unchanged(loss)
    ... except tx.GraphError as error:
    ...     print(str(error)[-56:])
    fix: change it after backward(), or a copy: array.copy()

    With weights of 0 the result is 0 before and after: what changed is only the gradient.

    >>> x = np.array([1.0, 2.0])
    >>> w = tx.Tensor([0.0, 0.0], requires_grad=True, name="w")
    >>> loss = (x * w).sum()
    >>> x[0] = 100.0
    >>> unnoticed = tx.check.check_unchanged(loss)
    >>> loss.backward()
    >>> w.grad.numpy()
    array([100.,   2.])
    """
    with np.errstate(all="ignore"):
        replay = trace(output)
    root = output._source()
    if not isinstance(root, Node):
        return replay
    nodes = collect(root)[::-1]
    recorded = _recorded(nodes)
    recorded[root] = output._data
    for node in nodes:
        if node not in recorded:
            continue
        now = replay[wrap(None, node)].value
        if not (same := _same(recorded[node], now)).all():
            place = np.unravel_index(int(np.argmin(same)), same.shape)
            raise errors.GraphError(_message(node, recorded, now, place))
    return replay


def _recorded(nodes: list[Node]) -> dict[Node, Array]:
    """The outputs that the rules kept, by node, as they were when computed."""
    found: dict[Node, Array] = {}
    for node in nodes:
        if node.kept is None:
            continue
        kept = dict(zip(node.plan.names, node.kept, strict=True))
        sources = dict(zip(node.plan.input_names, node.inputs, strict=True)) | {"y": node}
        for name, source in sources.items():
            if name in kept and isinstance(source, Node):
                found[source] = kept[name]
    return found


def _same(a: Array, b: Array) -> Array:
    """Where two computations of one value agree up to rounding, which may vary with threads."""
    eps = float(np.finfo(np.asarray(a).dtype).eps)
    return np.asarray(np.isclose(a, b, rtol=1e3 * eps, atol=1e3 * eps, equal_nan=True))


def _message(
    node: Node, recorded: dict[Node, Array], now: Array, place: tuple[np.intp, ...]
) -> str:
    then = np.asarray(recorded[node])
    where = f"element {[int(i) for i in place]} of " if then.shape else ""
    suspects = ", ".join(_suspects(node, recorded))
    what = (
        f"{where}{node.op.name} at {node.line} gives {np.asarray(now)[place]} now, but gave "
        f"{then[place]} when it was recorded; since then one of these has changed: {suspects}"
    )
    fix = "change it after backward(), or a copy: array.copy()"
    return errors.message(what, fix=fix)


def _suspects(node: Node, recorded: dict[Node, Array]) -> list[str]:
    """The arrays that the node was computed from, without those known to be unchanged."""
    found: dict[str, None] = {}
    stack = [node]
    while stack:
        here = stack.pop()
        for i, source in enumerate(here.inputs):
            if isinstance(source, Node):
                if source not in recorded:
                    stack.append(source)
            elif isinstance(source, (Leaf, np.ndarray)):
                name = getattr(source, "name", None) or f"an array of shape {source.shape}"
                found[f"{name} (input {i} of {here.op.name} at {here.line})"] = None
    return list(found)
