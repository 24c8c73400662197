"""Where an array call comes from: the operation or its derivative, the user's line, the variable.

All of it is read off the frames of the running call, so ordinary training, which runs the same
functions, does nothing for it: `apply` knows the row, the walk the node and the input, the user's
frame the line and the variable to which the call's result is assigned.
"""

from __future__ import annotations

import dis
from functools import lru_cache
from sys import _getframe
from types import CodeType
from typing import Any

from ..engine import tape, walk
from ..engine.chosen import sweep_chosen
from ..engine.context import MODE, next_id
from ..engine.lines import NOT_USERS, line_of
from ..optim.base import Optimizer

_APPLY = tape.apply.__code__
_WALKS = {walk.sweep.__code__, walk.sweep_fast.__code__, sweep_chosen.__code__}
_UPDATE = Optimizer.step.__code__
_RECORDING = __file__.replace("notes.py", "recording.py")


class Notes:
    """What is known about the calls of one recording.

    Attributes:
        node: while a tape is run again, the node whose row is running.
        calls: for each instruction the user's call that led to it: where it is, and which entry of a
            scope; None if none did.
        targets: for each instruction of a backward walk, whose gradient it is a part of.
        clock: for each instruction of a forward pass its creation number, among those of nodes.
    """

    def __init__(self) -> None:
        self.node: Any = None
        self.calls: dict[int, tuple[Any, ...]] = {}
        self.targets: dict[int, Any] = {}
        self.clock: dict[int, int] = {}

    def here(self, number: int) -> dict[str, Any]:
        """Formula, stage and line of the call that is being noted as this instruction."""
        op, node, place, stage = None, self.node, None, "forward"
        frame: Any = _getframe(2)
        while frame is not None:
            code = frame.f_code
            if code is _APPLY:
                op = op or frame.f_locals["op"]
            elif code in _WALKS and stage == "forward":
                stage, names = "backward", frame.f_locals
                node, place = names.get("node"), _place(names)
            elif code is _UPDATE:
                stage = "update"
            elif not NOT_USERS[code.co_filename]:
                break
            elif code.co_filename == _RECORDING:  # what is outside belongs to the caller
                frame = None
                break
            frame = frame.f_back
        if stage == "backward" and node is not None:
            rule = node.op.rule_for(place) if place is not None else None
            if place is not None:
                self.targets[number] = node.inputs[place]
            return {"stage": stage, "line": node.line, "formula": rule.formula if rule else ""}
        position = node.position if node is not None else None
        if position is None and frame is not None:
            position = frame.f_code, frame.f_lasti
        row = node.op if node is not None else op
        if position is None:
            return {"stage": stage, "formula": row.formula if row else ""}
        if stage == "forward":
            self.calls[number] = (*position, self._entry(node))
            self.clock[number] = next_id()
        return {"stage": stage, "line": line_of(*position), "formula": row.formula if row else ""}

    def _entry(self, node: Any) -> Any:
        scope = node.scope if node is not None else MODE.get().scope
        return scope.path()[0].id if scope is not None else None


def _place(names: dict[str, Any]) -> int | None:
    """Which input of the node the walk has arrived at; None if it is still between two nodes."""
    node, i = names.get("node"), names.get("i")
    if node is None or i is None or i >= len(node.inputs):
        return None
    return i if node.inputs[i] is names.get("source") else None


@lru_cache(maxsize=4096)
def assigned(code: CodeType, instruction: int) -> str:
    """The variable to which the result of the call at this instruction is assigned; "" if none is."""
    following = (i for i in dis.get_instructions(code) if i.offset > instruction)
    for step in following:
        if step.opname not in ("CACHE", "EXTENDED_ARG"):
            stored = step.opname in ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")
            return str(step.argval) if stored else ""
    return ""


@lru_cache(maxsize=4096)
def operands(code: CodeType, instruction: int) -> tuple[str, ...]:
    """The variables that are the operands of the call at this instruction, "" for what is none: of an
    operator both, of a function its arguments by position.
    """
    steps = [i for i in dis.get_instructions(code) if i.opname not in _FILLERS]
    at = max((n for n, i in enumerate(steps) if i.offset <= instruction), default=0)
    step = steps[at]
    if step.opname not in ("BINARY_OP", "CALL", "PRECALL") or (
        at and steps[at - 1].opname == "KW_NAMES"
    ):
        return ()
    wanted = 2 if step.opname == "BINARY_OP" else int(step.arg or 0)
    found: list[str] = []
    while len(found) < wanted and at - len(found) > 0:
        before = steps[at - 1 - len(found)]
        if before.opname not in _LOADS:
            break
        found.append(str(before.argval))
    return ("",) * (wanted - len(found)) + tuple(reversed(found))


_FILLERS = ("CACHE", "EXTENDED_ARG", "PRECALL")
_LOADS = ("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF")
