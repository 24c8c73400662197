"""What the values of a program are called: what the user calls them; a gradient, "d" and its value's name.

A parameter of a layer is W or b, numbered in the order of the model; a parameter with a longer path
keeps it. Every name is one identifier, and belongs to one value.
"""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from bisect import bisect_left
from collections import Counter
from typing import Any, NamedTuple

from .instructions import Instruction, Ref, refs_in, renumbered, replaced
from .listing import Program
from .notes import assigned
from .recorder import Recorder
from .simplifying import simplified
from .structures import BUFFER_OF

_SHORT = {"weight": "W", "bias": "b"}


class Finished(NamedTuple):
    """A finished recording.

    Attributes:
        program: simplified, with names for its values.
        inputs: the numbers that the recorder gave the program's inputs, in order.
        outputs: what the function returned, with a `Ref` for each array.
        updates, gradients: for the number of an input its new value, and its gradient.
    """

    program: Program
    inputs: list[int]
    outputs: Any
    updates: dict[int, Ref]
    gradients: dict[int, Ref]


def finished(
    recorder: Recorder,
    outputs: Any,
    updates: dict[int, Ref],
    gradients: dict[int, Ref],
    guards: dict[str, Any],
) -> Finished:
    """The program of a finished recording.

    Args:
        outputs: what a run returns, with a `Ref` for each array.
        updates, gradients: for the number of an input its new value, and its gradient.
        guards: as in `Program`.
    """
    updates, gradients = _sorted_out(recorder, updates, gradients)
    refs = [x.id for x in refs_in(outputs)] + [
        r.id for r in (*updates.values(), *gradients.values())
    ]
    kept, now = simplified(recorder.instructions, refs, recorder.optional)
    slopes = _targets(recorder) | {ref.id: number for number, ref in gradients.items()}
    names = _names(recorder, kept, now, slopes, gradients)
    _name_outputs(kept, outputs, now, names)
    of = {now[made]: now.get(value) for made, value in slopes.items() if made in now}
    for place, i in enumerate(kept):
        if i.id in names or i.id in of:
            kept[place] = replaced(i, name=names.get(i.id, ""), gradient_of=of.get(i.id))
    moved = returned = renumbered(outputs, now)
    changed = [(names[now[number]], Ref(now[ref.id])) for number, ref in updates.items()]
    found = _named_gradients(kept, now, gradients)
    if isinstance(moved, dict) and not updates:
        moved = moved | found
    else:
        changed += found.items()
    program = Program(tuple(kept), moved, tuple(changed), tuple(guards.items()))
    inputs = [number for number in recorder.examples if number in now]
    return Finished(program, inputs, returned, *(renumbered(x, now) for x in (updates, gradients)))


def _sorted_out(
    recorder: Recorder, updates: dict[int, Ref], gradients: dict[int, Ref]
) -> tuple[dict[int, Ref], dict[int, Ref]]:
    """Updates and gradients, where one that was added to is the update of an input, one that is still the
    old one is none; and no counter that only counts.
    """
    users: dict[int, list[int]] = {}
    for i in recorder.instructions:
        for number in i.refs:
            users.setdefault(number, []).append(i.id)
    counted = {n for n in updates if n in recorder.optional and n in users}
    idle = {n for n in counted if not any(users.get(user) for user in users[n])}
    updates = {n: ref for n, ref in updates.items() if n not in idle}
    for number, old in recorder.old_gradients.items():
        if number in gradients and users.get(old):
            updates[old] = gradients.pop(number)
        elif number in gradients and gradients[number].id == old:
            del gradients[number]
    return updates, gradients


def _names(
    recorder: Recorder,
    kept: list[Instruction],
    now: dict[int, int],
    slopes: dict[int, int],
    gradients: dict[int, Ref],
) -> dict[int, str]:
    """The names of values, by their numbers in the simplified program."""
    assigned, raw = _assigned(recorder), dict[int, str]()
    for i in recorder.instructions:
        name = i.name or assigned.get(i.id) or _of_constant(i)
        if name and i.id in now:
            raw.setdefault(now[i.id], name)
    named = [i for i in kept if i.id in raw]
    names = _unique([(i.id, i.call == "input", _identifier(raw[i.id])) for i in named])
    taken = set(names.values())
    for made, value in reversed(slopes.items()):  # of several, the last is the sum
        if made in now and now.get(value) in names and now[made] not in names:
            final = value not in gradients or now[gradients[value].id] == now[made]
            name = f"d{names[now[value]]}" + ("" if final else "_before")
            if name not in taken:
                names[now[made]] = name
                taken.add(name)
    return names


def _named_gradients(
    kept: list[Instruction], now: dict[int, int], gradients: dict[int, Ref]
) -> dict[str, Ref]:
    """The gradients by "d" and the name of the input; more of it if an input has that name."""
    taken = {i.name for i in kept if i.call == "input"}
    found = {}
    for number, ref in gradients.items():
        name = f"d{kept[now[number]].name}"
        while name in taken:
            name = f"d{name}"
        found[name] = Ref(now[ref.id])
    return found


def _targets(recorder: Recorder) -> dict[int, int]:
    """For the last instruction of each gradient, the instruction whose gradient it is: that of an
    input, or the last one before a node was made.
    """
    inputs = {i.name: i.id for i in recorder.instructions if i.call == "input"}
    forward = sorted(recorder.notes.clock.items(), key=lambda item: item[1])
    clocks = [clock for _, clock in forward]
    last = {id(source): (made, source) for made, source in recorder.notes.targets.items()}
    found: dict[int, int] = {}
    for made, source in last.values():
        place = bisect_left(clocks, source.id) - 1
        if hasattr(source, "plan") and place >= 0:
            found[made] = forward[place][0]
        elif source.name in inputs:
            found[made] = inputs[source.name]
    return found


def _of_constant(i: Instruction) -> str:
    """A name for an array that is too large to be written where it is used."""
    return "constant" if i.call == "constant" and i.args[0].size > 8 else ""


def _name_outputs(
    kept: list[Instruction], outputs: Any, now: dict[int, int], names: dict[int, str]
) -> None:
    """A result that has no name is the loss if it is the only one and a number, else y."""
    found = [now[ref.id] for ref in refs_in(outputs)]
    if len(found) == 1 and found[0] not in names:
        wanted = ["loss"] if kept[found[0]].shape == () else []
        taken = names.values()
        names[found[0]] = next(n for n in [*wanted, "y", "result", "output"] if n not in taken)


def _assigned(recorder: Recorder) -> dict[int, str]:
    """For the last instruction of each of the user's calls, the variable to which it is assigned."""
    found: dict[int, str] = {}
    calls = sorted(recorder.notes.calls.items())
    for place, (number, call) in enumerate(calls):
        if place + 1 == len(calls) or not _same_call(call, calls[place + 1][1]):
            found[number] = assigned(*call[:2])
    return {number: name for number, name in found.items() if name and not name.startswith("_")}


def _same_call(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two instructions belong to one call of the user: at one place, and not of two entries into
    a scope. What comes before its scope is entered belongs to the call too.
    """
    return a[:2] == b[:2] and (a[2] == b[2] or a[2] is None)


def _identifier(name: str) -> str:
    """A name, or a path in a model, as a Python identifier."""
    if BUFFER_OF in name:
        kind, _, parameter = name.partition(BUFFER_OF)
        return f"{kind}_{_identifier(parameter)}"
    *path, last = name.split(".")
    if last in _SHORT and all(part.isdigit() for part in path):
        return _SHORT[last]
    letters = [c if (f"_{c}".isidentifier() and c.isascii()) or c.isalpha() else "_" for c in name]
    name = unicodedata.normalize("NFKC", "".join(letters))
    name = name if name.isidentifier() else f"x{name}"
    reserved = keyword.iskeyword(name) or hasattr(builtins, name) or name == "np"
    return f"{name}_" if reserved else name


def _unique(names: list[tuple[int, bool, str]]) -> dict[int, str]:
    """A name of its own for each value: x, or x1, x2, ... An input keeps a name that only values share."""
    inputs = Counter(name for _, given, name in names if given)
    values = Counter(name for _, given, name in names if not given)
    taken: set[str] = {name for name, count in inputs.items() if count == 1}
    taken |= {name for name, count in values.items() if count == 1 and name not in inputs}
    found: dict[int, str] = {}
    for number, given, name in names:
        alone = inputs[name] == 1 if given else values[name] == 1 and not inputs[name]
        if alone:
            found[number] = name
            continue
        stem, count = f"{name}_" if name[-1].isdigit() else name, 1
        while f"{stem}{count}" in taken:
            count += 1
        found[number] = f"{stem}{count}"
        taken.add(found[number])
    return found
