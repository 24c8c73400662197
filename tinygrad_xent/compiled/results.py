"""What a step returns: how each result is handed out, and what stands for its graph, which is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..engine import errors
from ..engine.context import MODE, next_id
from ..engine.lines import user_position
from ..engine.nodes import Node
from ..engine.table import Op, Plan
from ..engine.tensors import is_tensor, raw
from ..programs.recorder import RecordingError
from ..programs.structures import Arguments, Origin
from ..programs.symbolic import ArraySymbol


def _no_graph(x: Any, /) -> NoReturn:
    what = "compile: the result of a compiled step has no graph"
    fix = "call backward() inside the compiled function, or call the function without compile"
    raise errors.GraphError(what, fix=fix)


_OFF = Op(_no_graph, "x", [None], name="compiled_step", kind="moves")


def spent_node(shape: tuple[int, ...], dtype: str) -> Node:
    """The node of a result whose graph is gone: `backward()` from it is an error."""
    node = object.__new__(Node)
    node.plan, node.inputs, node.settings, node.state = Plan(_OFF, 0, 1), (), (), ()
    node.kept, node.shape, node.dtype = None, shape, np.dtype(dtype)
    node.scope = node.name = None
    node.id = next_id()
    node._code, node._instruction = user_position()
    return node


@dataclass(frozen=True)
class Result:
    """How a result is handed out.

    Attributes:
        kind: "array", "tensor", or "on the tape".
        given: the input that it is: the very object, or the array of that tensor.
        again: the place of an earlier result that is the same object.
        view: whether it has the memory of an input: then it is no copy.
        number: whether it is one of NumPy's numbers, and no array without axes.
    """

    kind: str
    given: Origin | None = None
    again: int | None = None
    view: bool = False
    number: bool = False


def refuse_containers(x: Any, given: set[int], seen: set[int] | None = None) -> None:
    """Raise if a container of results is one that the function was given, is there twice, or of its own kind.

    Args:
        given: the ids of the containers, or of their copies.
    """
    seen = set() if seen is None else seen
    if not isinstance(x, (list, tuple, dict)):
        return
    why = "" if type(x) in (list, tuple, dict) or hasattr(x, "_fields") else f"a {type(x).__name__}"
    if not isinstance(x, tuple):
        why = "a container that it was given" if id(x) in given else why
        why = "one container twice" if id(x) in seen else why
        seen.add(id(x))
    if why:
        what = f"compile: the function returns {why}"
        raise RecordingError(what, fix="return a new list, dict or tuple")
    for part in x.values() if isinstance(x, dict) else x:
        refuse_containers(part, given, seen)


def handed_out(found: list[Any], arguments: Arguments, changed: Any) -> Iterator[Result]:
    """How results are handed out.

    Args:
        found: what the function returned: symbols, and tensors of symbols. changed: the numbers of the inputs
            that it changed.

    Raises:
        RecordingError: two results share memory, or one is a view of what changes.
    """
    inputs = {id(symbol): number for number, symbol in arguments.symbols.items()}
    first: dict[int, int] = {}
    roots: dict[int, str] = {}
    for place, x in enumerate(found):
        kind = "array"
        if is_tensor(x):
            kind = "on the tape" if x.requires_grad and MODE.get().recording else "tensor"
        symbol = raw(x)
        root = symbol.root_of() if isinstance(symbol, ArraySymbol) else symbol
        number = inputs.get(id(root))
        if getattr(symbol, "asked", False):
            symbol.recorder.ordered = (
                True  # of an argument, which decides whether it is a view of it
            )
        origin = None if number is None else arguments.origins[number]
        if first.setdefault(id(x), place) != place:
            yield Result(kind, again=first[id(x)])
        elif origin is not None and _is_input(
            x, symbol, root, arguments.memo.get(id(origin.holder))
        ):
            yield Result(kind, given=origin)
        elif "array" in (roots.get(id(root)), kind) and id(root) in roots and _is_array(root):
            what = "compile: the function returns two results that share memory"
            raise RecordingError(what, [x], "return one of them, or a .copy()")
        elif number in changed:
            what = "compile: the function returns a view of an array that it changes"
            raise RecordingError(what, [x], "return a .copy() of it")
        else:
            roots[id(root)] = kind
            yield Result(kind, view=number is not None, number=not _is_array(symbol))


def _is_array(symbol: Any) -> bool:
    return isinstance(getattr(symbol, "like", None), np.ndarray)


def _is_input(x: Any, symbol: Any, root: Any, stands: Any) -> bool:
    """Whether a result is the very object of an input, or the array of that tensor."""
    return x is stands or (x is symbol and symbol is root)
