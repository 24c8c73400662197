"""What a script calls a result to which the user gave no name: z for a product, h for an activation, log_p
for what is left of the scores when the logarithm of their sum is taken off.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping, Sequence

from .instructions import Instruction, Ref
from .simplifying import VIEWS

_OF_CALLS = {
    "operator.add": "z",
    "operator.and_": "both",
    "operator.eq": "equal",
    "operator.ge": "kept",
    "operator.getitem": "part",
    "operator.matmul": "z",
    "operator.mul": "product",
    "operator.ne": "differs",
    "operator.neg": "minus",
    "operator.or_": "either",
    "operator.sub": "difference",
    "operator.truediv": "share",
    "ndarray.reshape": "flat",
    "constant": "kept",
    "np.add.reduce": "total",
    "np.arange": "rows",
    "np.exp": "e",
    "np.greater": "mask",
    "np.less": "mask",
    "np.lib.stride_tricks.sliding_window_view": "windows",
    "np.maximum": "h",
    "np.maximum.reduce": "top",
    "np.minimum.reduce": "least",
    "np.sqrt": "root",
    "np.tanh": "h",
    "np.where": "chosen",
    "python:float": "number",
    "python:min": "scale",
    "python:or": "count",
    "python:sqrt": "root",
    "set_item": "changed",
    "table": "places",
}
_OF_UPDATES = {"operator.sub": "decay", "operator.mul": "eps", "operator.truediv": "step_size"}
"""Names for the numbers of an optimiser."""

_OF_PAIRS = {
    ("operator.sub", "np.log"): "log_p",
    ("operator.sub", "np.maximum.reduce"): "shifted",
    ("operator.add", "np.log"): "log_sum",
    ("operator.mul", "np.log"): "log_sum",
}
"""Names by a call and that of its last operand (of a difference) or its first."""


def nickname(
    i: Instruction,
    table: Sequence[Instruction] | Mapping[int, Instruction],
    names: Mapping[int, str],
) -> str:
    """A name for a result; a gradient has that of its value with a "d" before it.

    Args:
        table: the program's instructions by number. names: those that are given already.
    """
    if i.gradient_of is not None:
        value = names.get(i.gradient_of)
        return f"d{value}" if value else "slope"
    if i.stage == "update" and i.shape == () and i.call in _OF_UPDATES:
        return _OF_UPDATES[i.call]
    if i.refs:
        operand = table[i.refs[-1] if i.call == "operator.sub" else i.refs[0]]
        if (i.call, operand.call) in _OF_PAIRS:
            return _OF_PAIRS[i.call, operand.call]
    if i.call.startswith("draw."):
        return "drawn"
    if i.call in VIEWS and isinstance(i.args[0], Ref):
        return _of_view(i, table[i.args[0].id], names)
    if i.call == "operator.add" and i.dtype.startswith("Python"):
        return "total"
    name = _OF_CALLS.get(i.call, i.call.rpartition(".")[2].rpartition(":")[2])
    return f"{name}_" if keyword.iskeyword(name) or hasattr(builtins, name) else name


def _of_view(i: Instruction, of: Instruction, names: Mapping[int, str]) -> str:
    """The name of the same numbers in another shape."""
    if of.call == "np.arange":
        return "rows"
    column = i.shape is not None and i.shape[-1:] == (1,)
    base = names.get(of.id)
    return f"{base}_{'column' if column else 'flat'}" if base else _OF_CALLS["ndarray.reshape"]
