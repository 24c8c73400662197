"""The tape: running an operation, and recording it.

`apply` is the only way in: it runs a row of the table on the raw arrays of its operands and, if one
of them needs a gradient, makes the `Node` that remembers how the result was computed. Nothing here
walks back; that is `walk.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from typing import Any

import numpy as np

from . import errors
from .context import Mode, next_id
from .lines import NOT_USERS, user_frame
from .nodes import Node
from .operands import as_operand, check_numbers
from .table import Op
from .tensors import Tensor

_new: Any = object.__new__


def apply(
    op: Op,
    operands: Sequence[Any],
    settings: tuple[Any, ...],
    mode: Mode,
    state: tuple[Any, ...] = (),
) -> Tensor:
    """Run an operation and, if a gradient will be needed, record it on the tape.

    The node and the tensor are made in place, without constructors: this is the hottest function.
    """
    raws, inputs, live, bit, tensors = [], [], 0, 1, False
    for x in operands:
        if isinstance(x, Tensor):
            tensors, source, data = True, x._node or x._source(), x._data
            if source.requires_grad:
                live |= bit
        else:
            source = data = x if type(x) in _PLAIN else as_operand(op.spoken, x, operands)
        raws.append(data)
        inputs.append(source)
        bit += bit
    if not tensors and not any(hasattr(x, "dtype") for x in raws):
        raws = [np.asarray(x) for x in raws]  # only numbers: NumPy's arithmetic, not Python's
    arguments = settings + state if state else settings
    try:
        y = op.forward(*raws, *arguments)
        if op.saves:
            y, arguments = y[0], (*arguments, *y[1:])
        dtype = y.dtype
    except Exception as error:
        raise errors.explain(op.spoken, operands, settings, error) from None
    tensor: Tensor = _new(Tensor)
    tensor._data, tensor._node = y, None
    if dtype.kind != "f":
        check_numbers(op.spoken, operands, y, *raws)
    elif (
        live
        and (mode.recording or mode.in_force().recording)
        and (plan := op.plans.get(live) or op.plan(live, len(raws))).rules
    ):
        tensor._node = node = _new(Node)
        node.plan, node.inputs, node.settings, node.state = plan, tuple(inputs), settings, state
        node.id, node.kept = next_id(), plan.keep((*raws, y, *arguments))
        scope = mode.scope if mode.generator is None else mode.in_force().scope
        node.shape, node.dtype, node.scope, node.name = y.shape, dtype, scope, None
        if mode.position is None:  # the line of the caller of the row's function, or of the user
            try:
                frame = _getframe(2)
            except ValueError:  # C code called it, in a separate thread
                frame = _getframe()
            if NOT_USERS[frame.f_code.co_filename]:
                frame = user_frame(3)
            node._code, node._instruction = frame.f_code, frame.f_lasti
        else:
            node._code, node._instruction = mode.position
    return tensor


_PLAIN = frozenset({np.ndarray, float, int, bool})
