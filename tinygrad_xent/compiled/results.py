"""What a compiled step hands out: gradients in its own memory, results that are off the tape."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..engine import errors
from ..engine.context import next_id
from ..engine.lines import user_position
from ..engine.nodes import Node
from ..engine.table import Op, Plan


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
