"""Which results of a program are statements of a script, and which are parts of an expression.

A result has a line of its own if the user gave it a name, if it is used more than once, if it is an
output, or if a line would be too long without it. A result that differs from another in a few
elements, or is an input's new value, is a change in place where nothing needs the old value any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, groupby
from operator import itemgetter

from .instructions import Instruction, Ref, as_tuple, refs_in
from .listing import Program
from .nicknames import nickname
from .simplifying import VIEWS
from .spelling import ATOM, UNARY, Spelled, arguments, array, index, spell, value, within

LINE = 88
WIDTH = LINE - 4  # of a line in a function

_LOOKS = {"ndarray.transpose", "np.broadcast_to", "operator.getitem", *VIEWS}
"""Calls whose result may share memory with their argument."""

_TRIVIAL = {"input", "constant", "literal", "ndarray.transpose"}

_SIGNS = {"subtract": "-", "add": "+", "multiply": "*", "divide": "/"}
_SIGNS |= {"sub": "-", "mul": "*", "truediv": "/"}


@dataclass
class Statement:
    """A line of the script, or a few, and the instruction from which it comes."""

    code: list[str]
    of: Instruction


class Writer:
    """Writes the statements of one program.

    Attributes:
        own: the results that have a line. names: what they are called.
        targets: for the number of an input's new value, the input.
    """

    def __init__(self, program: Program, roots: list[int]) -> None:
        self.all = program.instructions
        self.uses = Counter(ref for i in self.all for ref in i.refs) + Counter(roots)
        self.roots = roots
        self.names = {i.id: i.name for i in self.all if i.name}
        inputs = {i.name: i for i in self.all if i.call == "input"}
        self.targets: dict[int, Instruction] = {}
        self.also: list[tuple[Instruction, int]] = []  # a value that is new for a second input too
        for name, ref in program.updates:
            if name in inputs and ref.id in self.targets:
                self.also.append((inputs[name], ref.id))
            elif name in inputs:
                self.targets[ref.id] = inputs[name]
        self.updated = {i.id for i in self.targets.values()} | {i.id for i, _ in self.also}
        self.merged = dict(self._additions())
        self.own = {i.id for i in self.all if self._stands_alone(i)}
        self.own |= set(self._with_gradients())

    def _additions(self) -> Iterator[tuple[int, Instruction]]:
        """For each set_item that adds to elements, or subtracts: the sum that it puts in."""
        for i in self.all:
            put = (
                self.all[i.args[2].id]
                if i.call == "set_item" and isinstance(i.args[2], Ref)
                else None
            )
            if (
                put
                and put.call in ("operator.sub", "operator.add")
                and isinstance(put.args[0], Ref)
            ):
                got = self.all[put.args[0].id]
                alone = self.uses[put.id] == self.uses[got.id] == 1
                if alone and got.call == "operator.getitem" and got.args == i.args[:2]:
                    self.uses[i.args[0].id] -= 1
                    yield i.id, put

    def _with_gradients(self) -> Iterator[int]:
        """Sums and products whose gradient has a line: dz wants a z."""
        for i in self.all:
            if i.id in self.own and i.gradient_of is not None:
                value = self.all[i.gradient_of]
                if value.call in ("operator.add", "operator.matmul", "np.add", "np.matmul"):
                    yield value.id

    def _stands_alone(self, i: Instruction) -> bool:
        if i.call == "table":
            return bool(i.args[0].size > 8)
        if i.call == "constant" and not i.name:
            return True
        if i.id in self.roots and i.call == "ndarray.transpose":
            return True
        if i.call in _TRIVIAL or self._is_number(i):
            return i.id in self.targets
        if i.name or i.id in self.targets or i.id in self.roots or self.uses[i.id] > 1:
            return True
        return i.call in ("check", "set_item") or i.call.startswith(("changed:", "draw."))

    def is_number(self, ref: Ref) -> bool:
        """Whether a result is written as a plain number, or a calculation with these."""
        i = self.all[ref.id]
        return i.id not in self.own and (i.call == "literal" or self._is_number(i))

    def _is_number(self, i: Instruction) -> bool:
        """Whether it is made of numbers alone, like -1 / 5."""
        return (
            i.shape == ()
            and i.call.startswith("operator.")
            and all(self._is_signed(self.all[n]) for n in i.refs)
        )

    def _is_signed(self, i: Instruction) -> bool:
        """Whether it is a literal, or minus a literal."""
        negated = i.call == "operator.neg" and all(self.all[n].call == "literal" for n in i.refs)
        return i.call == "literal" or negated

    # --- lines --------------------------------------------------------------------------------------

    def statements(self) -> list[Statement]:
        """All lines, in order; results with long expressions get lines of their own until all fit."""
        while True:
            self.last_read = {n: i.id for i in self.all if i.id in self.own for n in self._reads(i)}
            self._give_names()
            done = [Statement(self._code(i), i) for i in self.all if i.id in self.own]
            long = [s.of for s in done if max(map(len, s.code)) > WIDTH]
            inner = {n for i in long if (n := self._largest_part(i)) is not None}
            if not inner:
                for s in done:
                    s.code = [folded for line in s.code for folded in _folded(line)]
                return [*self._old(), *self._together(done), *self._late_updates()]
            self.own |= inner

    def _together(self, statements: list[Statement]) -> Iterator[Statement]:
        """The checks that gradients are finite, if several follow each other, as one loop."""
        finite = [s.of.call == "check" and s.of.args[2] == "FloatingPointError" for s in statements]
        for is_check, group in groupby(zip(finite, statements, strict=True), key=itemgetter(0)):
            found = [s for _, s in group]
            if not is_check or len(found) == 1:
                yield from found
                continue
            names = [self(self.all[s.of.args[0].id].args[0])[0] for s in found]
            yield Statement(_loop(names), found[0].of)

    def _largest_part(self, i: Instruction) -> int | None:
        """The longest part of an expression that has no line of its own; one of two thirds, if it can be."""
        found = [
            (len(self(Ref(n))[0]), n)
            for n in self._inside(i)
            if self.all[n].call not in _TRIVIAL or len(self.all[n].args) > 1
        ]
        found = [(length, n) for length, n in found if length > 12]
        smaller = [
            (length, n) for length, n in found if length < 0.7 * max(map(len, self._code(i)))
        ]
        return max(smaller or found, default=(0, None))[1]

    def _inside(self, i: Instruction) -> Iterator[int]:
        """The results that are parts of an instruction's expression."""
        for number in i.refs:
            if number not in self.own and self.all[number].call != "input":
                yield number
                yield from self._inside(self.all[number])

    def _reads(self, i: Instruction) -> set[int]:
        """The results and inputs that an instruction's line reads by name."""
        inside = [i, *(self.all[n] for n in self._inside(i))]
        return {n for part in inside for n in part.refs}

    def _is_late(self, i: Instruction) -> bool:
        """Whether an input's old value is read after its new one is known."""
        old = self.targets[i.id].id
        return old in self.roots or self.last_read.get(old, 0) > i.id

    def _late_updates(self) -> list[Statement]:
        late = [self.all[n] for n in self.targets if self._is_late(self.all[n])]
        also = [Statement([f"{i.name}[...] = {self.names[n]}"], self.all[n]) for i, n in self.also]
        return [
            Statement([f"{self.targets[i.id].name}[...] = {self.names[i.id]}"], i) for i in late
        ] + also

    def _old(self) -> list[Statement]:
        """Copies of inputs that are returned as they were, although they change."""
        found = [self.all[n] for n in dict.fromkeys(self.roots) if n in self.updated]
        return [Statement([f"old_{i.name} = {i.name}.copy()"], i) for i in found]

    def returned(self, ref: Ref) -> str:
        """How a result is written where it is returned."""
        i = self.all[ref.id]
        return f"old_{i.name}" if i.id in self.updated else self(ref)[0]

    def _looks_at_updated(self, i: Instruction) -> bool:
        """Whether a result may share memory with an input that changes."""
        while i.call in _LOOKS and isinstance(i.args[0], Ref):
            i = self.all[i.args[0].id]
        return i.id in self.updated

    # --- names --------------------------------------------------------------------------------------

    def _give_names(self) -> None:
        """Names for what has a line; of several with one nickname the first is number 1."""
        numbers = Counter(filter(None, map(self._nickname, self.all)))
        self.names = {i.id: i.name for i in self.all if i.name}
        taken = set(self.names.values())
        for i in self.all:
            if i.id in self.targets and not self._is_late(i):
                self.names[i.id] = self.targets[i.id].name
            elif name := self._nickname(i):
                alone = numbers[name] <= 1 and name not in taken
                numbered = (f"{name}{k}" for k in count(1))
                self.names[i.id] = name if alone else next(n for n in numbered if n not in taken)
                taken.add(self.names[i.id])

    def _nickname(self, i: Instruction) -> str:
        """A name for a result that has a line and no name; "" for others."""
        if i.id not in self.own or i.name or i.call == "check":
            return ""
        value = self.targets.get(i.id)
        if value is not None:
            return f"new_{value.name}" if self._is_late(i) else ""
        return nickname(i, self.all, self.names)

    # --- texts --------------------------------------------------------------------------------------

    def __call__(self, ref: Ref) -> Spelled:
        """How a result is written where it is used: its name, or its expression."""
        i = self.all[ref.id]
        return (self.names[i.id], ATOM) if i.id in self.own or i.call == "input" else self._text(i)

    def shape(self, ref: Ref) -> tuple[int, ...] | None:
        """The shape of a result."""
        return self.all[ref.id].shape

    def part(self, x: object) -> Instruction | None:
        """The call whose result has no line of its own."""
        named = not isinstance(x, Ref) or x.id in self.own or self.all[x.id].call == "input"
        return None if named else self.all[x.id]  # type: ignore[attr-defined]

    def dtype(self, ref: Ref) -> str:
        """The dtype of a result."""
        return self.all[ref.id].dtype

    def _text(self, i: Instruction) -> Spelled:
        if i.call in ("constant", "table"):
            return i.name or array(i.args[0]), ATOM
        if i.call == "literal":
            text = value(i.args[0], i)
            return text, UNARY if text.startswith("-") else ATOM
        return spell(i, self)

    def _code(self, i: Instruction) -> list[str]:
        """The lines of a statement."""
        if i.call == "check":
            return self._check(i)
        name = self.names[i.id]
        in_place = i.id in self.targets and name == self.targets[i.id].name
        if i.call == "set_item":
            return [*self._start(i, name, in_place), self._assignment(i, name)]
        if i.call.startswith("changed:"):
            return [*self._start(i, name, in_place), self._change(i, name)]
        if in_place:
            return [self._update(i, name)]
        text, binds = self._text(i)
        if i.call in _LOOKS and self._looks_at_updated(i):
            text = f"{text if binds == ATOM else f'({text})'}.copy()"
        line = f"{name} = {text}"
        if i.call == "constant":
            line += "  # kept from the recording"
        if i.call in ("table", "constant") and len(line) > WIDTH:
            return [f"{line}  # fmt: skip"]
        return [line]

    def _start(self, i: Instruction, name: str, in_place: bool) -> list[str]:
        """The array that is about to be changed: a new one, or a copy; an input is there already."""
        base = self.all[i.args[0].id]
        if in_place:
            same = base.id == self.targets[i.id].id
            return [] if same else [f"{name}[...] = {self(Ref(base.id))[0]}"]
        if base.id not in self.own and base.call not in {*_LOOKS, *_TRIVIAL}:
            return [f"{name} = {self(Ref(base.id))[0]}"]
        return [f"{name} = {within(Ref(base.id), ATOM, i, self)}.copy()"]

    def _assignment(self, i: Instruction, name: str) -> str:
        """x[index] = value; or what is added to it, or subtracted."""
        place = f"{name}[{index(i.args[1], i, self)}]"
        if i.id not in self.merged:
            return f"{place} = {value(i.args[2], i, self)}"
        put = self.merged[i.id]
        sign = "-" if put.call == "operator.sub" else "+"
        return f"{place} {sign}= {value(put.args[1], i, self)}"

    def _change(self, i: Instruction, name: str) -> str:
        call = i.call.removeprefix("changed:")
        rest = arguments(i.args[1:], i, self)
        if call.endswith(".at") and any(isinstance(x, slice) for x in as_tuple(i.args[1])):
            rest = f"np.s_[{index(i.args[1], i, self)}], {arguments(i.args[2:], i, self)}"
        if call.startswith("ndarray."):
            return f"{name}.{call.removeprefix('ndarray.')}({rest})"
        return f"{call}({name}, {rest})"

    def _check(self, i: Instruction) -> list[str]:
        """What happens if a mask does not hold everywhere."""
        holds, what, error = i.args
        act = f"raise {error}({value(what, i)})"
        if error.endswith("Warning"):
            act = f"print({value('warning: ' + what, i)})"
        mask = self.all[holds.id]
        if mask.call == "operator.ne" and mask.shape == () and mask.id not in self.own:
            wrong = " == ".join(value(x, mask, self) for x in mask.args)
        else:
            text = within(holds, ATOM, i, self)
            wrong = f"not {text}" if mask.shape == () else f"not {text}.all()"
        return [f"if {wrong}:", f"    {act}"]

    def _update(self, i: Instruction, name: str) -> str:
        """An input's new value: in place if it is an array."""
        sign = _SIGNS.get(i.call.rpartition(".")[2], "")
        first = self.all[i.args[0].id] if i.args and isinstance(i.args[0], Ref) else None
        if sign and first is not None and first.name == name and first.call == "input":
            return f"{name} {sign}= {value(i.args[1], i, self)}"
        place = name if i.dtype.startswith("Python") else f"{name}[...]"
        return f"{place} = {self._text(i)[0]}"


def _loop(names: list[str]) -> list[str]:
    start = f"for gradient in ({', '.join(names)}):"
    lines = (
        [start]
        if len(start) <= WIDTH
        else ["for gradient in (", *(f"    {n}," for n in names), "):"]
    )
    lines += ["    if not np.isfinite(gradient).all():"]
    return [*lines, '        raise FloatingPointError("a gradient is not finite")']


def _folded(line: str) -> list[str]:
    """A line, or if that is too long, the arguments of its last call on a line of their own."""
    if len(line) <= WIDTH or not line.endswith(")"):
        return [line]
    depth, start = 0, len(line)
    while start := start - 1:
        depth += {")": 1, "(": -1}.get(line[start], 0)
        if not depth:
            break
    return [line[: start + 1], f"    {line[start + 1 : -1]}", ")"]


def outputs_of(program: Program) -> list[int]:
    """The results that a program returns, or gives its inputs as new values; without gradients that it
    has used for that.
    """
    inputs = {i.name for i in program.inputs}
    updates = [ref for name, ref in program.updates if name in inputs]
    updates = updates or [ref for _, ref in program.updates]
    return [ref.id for ref in refs_in((program.outputs, updates))]
