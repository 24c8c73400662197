"""tx.program: records a function at example arguments, or a tape that is there already.

A function is run once on symbols (`structures.py`, `symbolic.py`); rows, rules, losses and optimisers
run as they are. A tape is run again, node by node, on symbols for its leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.context import Mode, during, next_id
from ..engine.gradients import gradients, seed_gradient
from ..engine.lines import user_frame
from ..engine.nodes import Leaf, Node
from ..engine.symbols import RECORDER, ones
from ..engine.tensors import Tensor, is_tensor, raw, wrap
from ..engine.walk import collect
from ..plain_data import same
from ..tracing import check_unchanged
from .guards import Draws, plain_parts, read_by
from .instructions import Ref, mapped
from .listing import Program
from .notes import operands
from .recorder import CONSTANTS, Computing, Recorder, RecordingError
from .structures import Arguments
from .symbolic import ArraySymbol
from .variables import finished


def program(what: Callable[..., Any] | Tensor, /, *example: Any) -> Program:
    """The computation of a function, or of a tensor that was recorded, as a list of array calls.

    Args:
        what: a function, run once with the example's arrays replaced by symbols; or a tensor, whose
            tape is used: its leaves become inputs, its raw arrays constants, and the gradients of the
            leaves that require grad are outputs.
        example: arguments for the function: arrays, tensors, generators, floats; lists, dicts,
            modules and optimisers of these. Their shapes and dtypes are those of the program. Integers,
            booleans and words are the same in each run.

    The function may call `backward()`, an optimiser's `step()`, or `tx.grad` and its relatives: what it
    changes in its arguments are the program's `updates`.

    Raises:
        GraphError (RecordingError): the function looks at numbers (a branch, `float(t)`), or reads an
            array, a tensor or a generator that is not an argument.

    >>> def loss(W, x, y):
    ...     return tx.cross_entropy(x @ W, y)
    >>> W, x, y = np.zeros((2, 3)), np.array([[1.0, 2.0]]), np.array([0])
    >>> slope = tx.program(tx.grad(loss), W, x, y)
    >>> slope(W, x, y).round(4)
    array([[-0.6667,  0.3333,  0.3333],
           [-1.3333,  0.6667,  0.6667]])
    """
    return record(what, example)[0]


def record(
    what: Any, example: tuple[Any, ...] = (), variables: dict[str, Any] | None = None
) -> tuple[Program, list[Any]]:
    """The program, and the example's value of each of its inputs.

    Args:
        variables: where a tape's arrays have their names; the caller's if None.
    """
    if isinstance(what, Tensor):
        if example:
            raise TypeError("program: a tensor's tape takes no example arguments")
        return _of_tape(what, user_frame().f_locals if variables is None else variables)
    if not callable(what):
        raise errors.DtypeError("program, script: take a function or a tensor", [what])
    return _of_function(what, example)


def constant(x: Any) -> Tensor:
    """An array as a tensor whose numbers a recorded program may keep: the same in each run.

    They are copied, so later changes of the original do not count. Outside a recording it is a tensor
    like any other that requires no grad.

    >>> mean = tx.constant([0.5, 0.5])
    >>> tx.program(lambda x: x - mean, np.ones(2))(np.array([1.0, 2.0]))
    array([0.5, 1.5])
    """
    array = np.array(raw(Tensor(raw(x) if is_tensor(x) else x)))
    array.flags.writeable = False
    CONSTANTS[id(array)] = array
    return Constant(array)


class Constant(Tensor):
    """What `constant` returns: while a program is recorded, its array is the program's constant."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array, self._node = array, Leaf(array)

    @property
    def _data(self) -> Any:
        recorder = RECORDER.get()
        return self._array if recorder is None else recorder.constant(self._array)

    @_data.setter
    def _data(self, value: Any) -> None:
        self._array = value


def _of_function(f: Callable[..., Any], example: tuple[Any, ...]) -> tuple[Program, list[Any]]:
    recorder, names = Computing(), parameter_names(f, len(example))
    source, draws = Source(f, example, names), Draws()
    with recorder.at_work():
        arguments = Arguments(recorder, names, example)
        result = f(*arguments.copies)
        if recorder.refused is not None:  # the function has caught it
            raise recorder.refused
        outputs = mapped(lambda x: output_of(recorder, x), result)
        updates, slopes = arguments.changes()
    draws.check()
    source.check()
    done = finished(recorder, outputs, updates, slopes, source.guards)
    return replace(done.program, source=source), [recorder.examples[i] for i in done.inputs]


class Source:
    """The function of a program. If something that it reads has changed, it is recorded again."""

    def __init__(self, f: Any, example: tuple[Any, ...], names: list[str]) -> None:
        self.f, self.example, self.names = f, example, names
        self.guards, self.again = self.read(), dict[str, Program]()

    def read(self) -> dict[str, Any]:
        """What the function reads now that is no array."""
        return read_by(self.f, self.example) | plain_parts(self.names, self.example)

    def check(self) -> None:
        """Raise if the function has changed what it reads: each run would do so again."""
        now = self.read()
        for place, value in self.guards.items():
            if not same(now.get(place), value):
                what = f"program: the function changes {place.rpartition(' ')[2]}, which it reads"
                raise RecordingError(what, fix="pass it as an argument, and return the new value")

    def newest(self) -> Program | None:
        """A new recording, if one is needed."""
        now = self.read()
        if same(now, self.guards):
            return None
        key = repr(now)
        if key not in self.again:
            self.again = {key: _of_function(self.f, self.example)[0]}
        return self.again[key]


def parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return [f"x{i}" for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    more = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    return [*names, *(f"{more}{i}" for i in range(count))][:count]


def output_of(recorder: Recorder, x: Any) -> Any:
    """A result as plain data: a `Ref` for an array."""
    x = raw(x)
    if isinstance(x, (ArraySymbol, np.ndarray)):
        return recorder.noted(x)
    if isinstance(x, (bool, int, float, str, type(None), np.generic)):
        return x
    what = f"program: the function returned a {type(x).__name__}"
    raise RecordingError(what, fix="return tensors, or lists and dicts of them")


# --- a tape ---------------------------------------------------------------------------------------


def _of_tape(output: Tensor, variables: dict[str, Any]) -> tuple[Program, list[Any]]:
    recorder = Computing()
    nodes = collect(output._source())[::-1]
    fix = "record before optimizer.step(), or compute the tensor once more at the end"
    check_unchanged(nodes, "program", fix)
    replay = _Replay(recorder, variables)
    with recorder.at_work():
        for node in nodes:
            replay.run(node)
        root: Any = output._source()
        y = replay.tensor(root)
        outputs: dict[str, Any] = {"loss" if y.size == 1 else "y": Ref(raw(y).id)}
        slopes: dict[int, Ref] = {}
        if y.requires_grad:
            source: Any = y._source()
            seed = seed_gradient(y, None if y.size == 1 else ones(y.shape, y.dtype), False)
            found: Any = gradients(source, seed, retain_graph=True)
            slopes = dict(sorted((leaf.data.id, Ref(g.id)) for leaf, g in found.items()))
    done = finished(recorder, outputs, {}, slopes, {})
    return done.program, [recorder.examples[i] for i in done.inputs]


class _Replay:
    """A tape run again on symbols: a new node for each of its nodes, a new leaf for each leaf."""

    def __init__(self, recorder: Recorder, variables: dict[str, Any]) -> None:
        self.recorder, self.variables = recorder, variables
        self.sources: dict[Any, Tensor] = {}

    def run(self, node: Node) -> None:
        """Run a node's row; inputs and settings are symbols where they are arrays."""
        self.recorder.notes.node = node
        written = operands(*node.position)
        names = written if len(written) == len(node.inputs) else ("",) * len(node.inputs)
        inputs = [
            self.tensor(s, name) if isinstance(s, (Node, Leaf)) else self.array(s, name)
            for s, name in zip(node.inputs, names, strict=True)
        ]
        if node.state:
            self.sources[node] = during(
                Mode(True, node.scope, node.position), _closed, node, inputs
            )
            self.recorder.notes.node = None
            return
        settings = mapped(self.array, node.settings)
        sources = tuple(x._source() if is_tensor(x) else x for x in inputs)
        fresh = node.replaced(inputs=sources, settings=settings)
        y, kept = during(Mode(True, node.scope), fresh.run, [raw(x) for x in inputs])
        fresh.kept, fresh.id = kept, next_id()
        self.recorder.notes.node = None
        self.sources[node] = wrap(y, fresh)

    def tensor(self, source: Any, written: str = "") -> Tensor:
        """The new tensor of a node or leaf. A leaf is an input, under its name or its variable's, or that
        which stands where it was used; one that has no name and requires no grad, a mask that was computed
        say, is a constant.
        """
        if source not in self.sources:
            name = source.name or self.variable(source) or written
            if not name and not source.requires_grad:
                symbol = self.recorder.constant(source.data)
                self.sources[source] = wrap(symbol, Leaf(symbol))
                return self.sources[source]
            name = name or f"x{len(self.sources)}"
            symbol = self.recorder.input(name, source.data)
            self.sources[source] = wrap(symbol, Leaf(symbol, source.requires_grad, name))
        return self.sources[source]

    def variable(self, leaf: Any) -> str:
        """The user's variable that holds a leaf's tensor, or an array."""
        for name, value in self.variables.items():
            if isinstance(value, Tensor) and value._node is leaf:
                return name
        return ""

    def array(self, x: Any, written: str = "") -> Any:
        """A raw array as a constant, under the name of the user's variable that it is, or whose numbers it
        has in the same order; or that which stands where it was used.
        """
        if not isinstance(x, np.ndarray):
            return x
        for name, value in self.variables.items():
            if isinstance(value, np.ndarray) and _same_numbers(x, value):
                whole = self.recorder.constant(value, name)
                return whole if value.shape == x.shape else whole.reshape(x.shape)
        base = x if x.base is None or not _same_numbers(x, x.base) else x.base
        whole = self.recorder.constant(base, written)
        return whole if base is x else whole.reshape(x.shape)


def _closed(node: Node, inputs: list[Any]) -> Tensor:
    """The result of an operation that needs more than arrays, written with others."""
    again = getattr(node.state[0], "recorded", None)
    if again is None:
        what = f"program: {node.op.name} at {node.line} runs a function, of which the tape has only the arrays"
        raise RecordingError(
            what, fix="record the function: tx.program(f, x), with checkpoint in f"
        )
    return again(*inputs)  # type: ignore[no-any-return]


def _same_numbers(x: Any, y: Any) -> bool:
    """Whether two arrays are the same memory, read in the same order."""
    if not isinstance(y, np.ndarray):  # memory of another library
        return False
    start = x.__array_interface__["data"][0] == y.__array_interface__["data"][0]
    alike = start and x.dtype == y.dtype and x.size == y.size
    rows = x.flags.c_contiguous and y.flags.c_contiguous
    return bool(alike and (rows or (x.shape == y.shape and x.strides == y.strides)))
