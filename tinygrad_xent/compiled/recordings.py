"""One call of a function, recorded for compiling: the program, and where its inputs are found and its
results belong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..engine.nodes import Leaf
from ..engine.tensors import Tensor, is_tensor, raw
from ..optim.base import Optimizer
from ..programs.guards import Draws
from ..programs.instructions import Ref, mapped, parts
from ..programs.listing import Program
from ..programs.recorder import Recorder, RecordingError
from ..programs.recording import output_of, parameter_names
from ..programs.structures import Arguments, Origin, contents, objects, written
from ..programs.symbolic import ArraySymbol
from ..programs.variables import finished
from .capturing import Reach, Rebinding
from .results import Result, handed_out, refuse_containers
from .sketching import Sketch
from .snapshots import Snapshot


@dataclass(frozen=True)
class Recording:
    """A recorded call.

    Attributes:
        program: what it computes.
        origins: for each input of the program where its value was found.
        outputs: what the function returned, with a `Ref` for each array.
        kinds: for each of these, in order, how it is handed out.
        updates: for each input that changes, its number and the new value.
        gradients: the tensors that have a new `.grad` afterwards, each with its value.
        cleared: the tensors that have none afterwards.
        counted: optimisers, each with what is added to its counts of updates.
        bare: the tensors that must have no gradient before.
        changed_at: the user's line that changes tensors, or None.
        ordered: whether something depends on the memory order of the arguments.
        reach: the function's state, and all that it reads.
        owners: the arguments, and the objects of the state.
    """

    program: Program
    origins: dict[int, Origin]
    outputs: Any
    kinds: tuple[Result, ...]
    updates: dict[int, Ref]
    gradients: list[tuple[Tensor, Ref]]
    cleared: list[Tensor]
    counted: list[tuple[Optimizer, list[int]]]
    bare: list[Tensor]
    changed_at: Any
    ordered: bool
    reach: Reach
    owners: tuple[Any, ...]


def record_call(f: Any, args: tuple[Any, ...]) -> Recording:
    """Record a call with these arguments; the arguments and the function's state stay as they are.

    Raises:
        GraphError (RecordingError): see `tx.program`.
    """
    reach = Reach(f, args)
    _refuse_results(reach)
    made = _undone(f, args, reach, graded=True)
    lacking = [
        o.holder for o in made.origins.values() if o.key == ".grad" and o.holder._node.grad is None
    ]
    _refuse_followed(made, args)
    if lacking:  # what is computed depends on whether there is a gradient already
        made = _undone(f, args, reach, graded=False)
    return made


def _undone(f: Any, args: tuple[Any, ...], reach: Reach, graded: bool) -> Recording:
    """A recording of which nothing is left in plain objects. If it changed any, a step can't take its place."""
    before = Snapshot(reach.objects, reach.slots)
    try:
        made = _record(f, args, reach, graded)
    finally:
        changed = before.restore()
    if changed:
        what = f"compile: the function changes {changed}, which is no array"
        raise RecordingError(what, fix="return the new value, and change it outside")
    return made


def _refuse_results(reach: Reach) -> None:
    """Raise if the function reaches a tensor that is on a tape already: `backward()` would go on there."""
    for path, x in contents(reach.state):
        if isinstance(x, Tensor) and x.requires_grad and not x.is_leaf:
            what = f"compile: the function reads {written(path)}, a result that is on a tape"
            raise RecordingError(what, [x], "compute it inside, or use .detach() of it")


def _refuse_followed(made: Recording, args: tuple[Any, ...]) -> None:
    """Raise if a result could be differentiated by an argument, which the function has not done."""
    done = {id(tensor) for tensor, _ in made.gradients}
    done |= {id(o.holder) for n, o in made.origins.items() if n in made.updates}
    for x in parts(args):
        follows = is_tensor(x) and x.requires_grad and id(x) not in done
        if follows and any(result.kind == "on the tape" for result in made.kinds):
            what = (
                "compile: the function returns a result that can be differentiated by an argument"
            )
            fix = "compile tx.value_and_grad(f), or call backward() inside; or pass t.detach()"
            raise RecordingError(what, [x], fix)


def _record(f: Any, args: tuple[Any, ...], reach: Reach, graded: bool) -> Recording:
    names = [*parameter_names(f, len(args)), *reach.state]
    recorder, draws = Sketch(), Draws()
    with recorder.at_work():
        arguments = Arguments(
            recorder, names, (*args, *reach.state.values()), graded, True, reach.left_out
        )
        result = Rebinding(arguments.memo).of(f)(*arguments.copies[: len(args)])
        if recorder.refused is not None:  # the function has caught it
            raise recorder.refused
        given = {*map(id, arguments.memo.values()), *(id(x) for _, x in reach.objects)}
        refuse_containers(result, given)
        outputs = mapped(partial(_output, recorder), result)
        updates, slopes = arguments.changes()
        found = [x for x in parts(result) if _is_array(x)]
        kinds = tuple(handed_out(found, arguments, updates))
        for path in arguments.replaced():
            what = f"compile: the function puts another array in the place of {written(path)}"
            fix = f"change it in place: {written(path)}[...] = new; of a tensor, t.data = new"
            raise RecordingError(what, fix=fix)
        leaves = [o for o in arguments.origins.values() if o.key == "" and is_tensor(o.holder)]
        counted = [
            (x, _added(x, arguments.memo[id(x)]))
            for x in objects((args, reach.state))
            if isinstance(x, Optimizer)
        ]
        changes = (arguments.memo[id(o.holder)]._node._changed_at for o in leaves)
        changed_at = next((at for at in changes if at is not None), None)
        left = {id(o.holder): arguments.memo[id(o.holder)]._node.grad for o in leaves}
        recorder.check_gradients()
    draws.check()
    origins = arguments.origins
    lacking = {n for n, o in origins.items() if o.key == ".grad" and o.holder._node.grad is None}
    bare = [origins[n].holder for n in recorder.without(lacking)]
    if not graded:
        lacks = (o.holder for o in leaves if o.holder._node.grad is None)
        bare = [leaf for leaf in lacks if leaf.requires_grad]
    done = finished(recorder, outputs, updates, slopes, {})
    place = {number: i.id for number, i in zip(done.inputs, done.program.inputs, strict=True)}
    _let_go(arguments, recorder)
    return Recording(
        done.program,
        {place[number]: arguments.origins[number] for number in done.inputs},
        done.outputs,
        kinds,
        {place[number]: ref for number, ref in done.updates.items()},
        [(arguments.origins[n].holder, ref) for n, ref in done.gradients.items()],
        [o.holder for o in leaves if o.holder._node and left[id(o.holder)] is None],
        [(x, added) for x, added in counted if any(added)],
        bare,
        changed_at,
        recorder.ordered,
        reach,
        (*args, *reach.state.values()),
    )


def _let_go(arguments: Arguments, recorder: Recorder) -> None:
    """Free the numbers of the example: functions with copies are circles, which the collector finds late."""
    recorder.examples, recorder.stand_ins = {}, {}
    for copy in (*arguments.memo.values(), *arguments.symbols.values()):
        symbol, leaf = raw(copy) if is_tensor(copy) else copy, getattr(copy, "_node", None)
        if isinstance(leaf, Leaf):
            leaf.grad = None
        if isinstance(symbol, ArraySymbol):
            symbol.like = None


def _added(optimizer: Optimizer, copy: Any) -> list[int]:
    """By how much the recorded call has raised each count of updates."""
    now = [getattr(n, "like", n) for n in copy._counts]  # 1 more is computed, of a plain number
    return [new - old for new, old in zip(now, optimizer._counts, strict=True)]


def _is_array(x: Any) -> bool:
    return not isinstance(x, (bool, int, float, str, type(None), np.generic))


def _output(recorder: Recorder, x: Any) -> Any:
    """A result as plain data; a tensor's number, too, is an array."""
    if is_tensor(x) and isinstance(raw(x), (int, float, np.generic)):
        return Ref(recorder.table(raw(x)).id)
    return output_of(recorder, x)
