"""What a row of the table is: a forward function, one rule per input, and everything else that is known
of the operation: its formulas, its kind, its parts.

The files of `ops` and `breadth` fill the table with the decorator `op` of `public.py`; users add rows of
their own with `tx.op`. A `Plan` works out, once for each choice of inputs that need a gradient, which
arrays the argument names of the rules ask for. Checks, traces, pictures and tests read whatever else
they need to know of an operation from its row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

from .arrays import Array, Shapes, shape

Rule: TypeAlias = Callable[..., Any]
Picker: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]

KINDS = {
    "elementwise": "each number from those at its place: a mask of the output is one of the inputs",
    "moves": "the same numbers in other places",
    "selects": "some of the numbers, and not others",
    "reduction": "one number for each line along `axis`",
    "rowwise": "each number from the whole line along `axis` in which it stands",
    "product": "sums of products: of rows of one input with columns of the other",
}


class Plan:
    """For one operation and one choice of inputs that need a gradient: what to keep, what to run.

    Attributes:
        input_names: the inputs as the formula calls them; those of `*arrays` are numbered.
        names: the names of what is kept, in order: values, then shapes (which keep no array alive).
        keep: selects it from (*inputs, y, *settings, *state, *saved).
        rules: for each input that needs a gradient its place, its rule, and a function that picks
            the rule's arguments from what was kept; None if it takes all of that.
    """

    __slots__ = ("input_names", "keep", "names", "op", "rules")

    def __init__(self, op: Op, live: int, count: int) -> None:
        self.op = op
        inputs = op.inputs if not op.variadic else tuple(f"{op.inputs[0]}{i}" for i in range(count))
        rules = [(i, op.rule_for(i)) for i in range(count) if live >> i & 1 and op.rule_for(i)]
        wanted = {name for _, rule in rules if rule for name in rule.wants}
        available = (*inputs, "y", *op.settings, *op.state, *op.saves)
        values = [i for i, name in enumerate(available) if name in wanted]
        shapes = [i for i, name in enumerate(inputs) if {f"{name}_shape", "shapes"} & wanted]
        names = [f"{inputs[i]}_shape" for i in shapes] if "shapes" not in wanted else ["shapes"]
        self.input_names, self.names = inputs, (*[available[i] for i in values], *names)
        self.keep = _keeper(_picker(values), shapes, Shapes if "shapes" in wanted else None)
        self.rules = [(i, *rule.bind(self.names, i, op.variadic)) for i, rule in rules if rule]


def _keeper(pick: Picker, places: list[int], together: type | None) -> Picker:
    """What `pick` picks, and the shapes of these inputs: one after the other, or `together`."""
    if not places or together:
        return pick if not together else lambda v: (*pick(v), together(shape(v[i]) for i in places))
    first, *rest = places
    if rest:
        return lambda v: (*pick(v), *[shape(v[i]) for i in places])
    return lambda v: (*pick(v), shape(v[first]))


def _picker(places: list[int]) -> Picker:
    """A function that picks these places from a tuple, as fast as Python has it: always a tuple."""
    first, end = (places[0], places[-1] + 1) if places else (0, 0)
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(first, end))


class DerivativeRule:
    """The derivative with respect to one input: its formula for people, its function for the walk."""

    def __init__(self, formula: str, function: Rule) -> None:
        self.formula, self.function = formula, function
        self.wants = tuple(inspect.signature(function).parameters)[1:]

    def bind(self, names: tuple[str, ...], i: int, variadic: bool) -> tuple[Rule, Picker | None]:
        """The function and what picks its arguments from the kept values, which lie in the order of
        `names`; None if it wants just these.
        """
        function, wants = self.function, self.wants
        if variadic and wants and wants[-1] == "i":  # one rule for each of many inputs
            function, wants = partial(function, i=i), wants[:-1]
        return function, None if wants == names else _picker([names.index(n) for n in wants])


class Op:
    """One row of the table: a forward function on raw arrays and a rule for each input.

    Inputs are the forward's positional-only parameters (or its `*args`), settings the rest.

    Args:
        forward: computes y from raw arrays and the settings.
        formula: what it computes, in the notation of `tinygrad_xent.formulas`.
        rules: for each input its derivative's formula and its rule, or None where there is none.
        name: what it is called; the forward's name if None.
        kind: what it does with the numbers, one word or several of `KINDS`: what passes a mask or a
            batch axis, what the checks look for.
        parts: for a fused row, a function that computes the same from other rows. The fused row runs
            and is recorded as one operation; a trace shows the others instead.
        saves: names of values that the forward returns after y, for rules to ask for; for each the
            row that would compute it from the first input and the settings of the same names. That
            row's rule may need nothing but its result.
        state: names of what a closed operation needs beside settings (objects, not numbers); the
            forward takes it last, rules may ask for it, no trace shows it.
        spoken: what errors call it, if users know it by another name.
    """

    __slots__ = (
        "defaults",
        "formula",
        "forward",
        "inputs",
        "kinds",
        "name",
        "parts",
        "plans",
        "required",
        "rules",
        "saves",
        "settings",
        "signature",
        "spoken",
        "state",
        "variadic",
    )

    def __init__(
        self,
        forward: Callable[..., Any],
        formula: str,
        rules: Sequence[tuple[str, Rule] | None],
        *,
        name: str | None = None,
        kind: str = "elementwise",
        parts: Callable[..., Any] | None = None,
        saves: dict[str, Op] | None = None,
        state: tuple[str, ...] = (),
        spoken: str = "",
    ) -> None:
        self.name, self.formula, self.parts = name or forward.__name__, formula, parts
        self.kinds, self.saves, self.state = frozenset(kind.split()), saves or {}, state
        self.spoken = spoken or self.name
        self.signature = inspect.signature(forward)
        parameters = [p for p in self.signature.parameters.values() if p.name not in state]
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
        self.inputs = tuple(p.name for p in parameters if p.kind in kinds)
        self.variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
        self.settings = tuple(p.name for p in parameters if p.kind not in kinds)
        self.defaults = tuple(p.default for p in parameters if p.kind not in kinds)
        self.required = self.defaults.count(inspect.Parameter.empty)
        by_name = self.variadic or any(p.kind is p.KEYWORD_ONLY for p in parameters)
        self.forward = _by_position(forward, self.settings + state) if by_name else forward
        self.rules = tuple(rule and DerivativeRule(*rule) for rule in rules)
        self.plans: dict[int, Plan] = {}

    def rule_for(self, i: int) -> DerivativeRule | None:
        """The rule of input `i`; the many inputs of a variadic operation share one."""
        return self.rules[0] if self.variadic else self.rules[i]

    def plan(self, live: int, count: int) -> Plan:
        """The plan for `count` inputs of which those with a bit in `live` need a gradient."""
        plan = Plan(self, live, count)  # of many inputs their count is a part: such ops are few
        return plan if self.variadic else self.plans.setdefault(live, plan)


def _by_position(forward: Callable[..., Array], settings: tuple[str, ...]) -> Callable[..., Array]:
    """A forward whose settings have to be named, callable with the settings behind the inputs."""

    def run(*args: Any) -> Array:
        inputs = len(args) - len(settings)
        return forward(*args[:inputs], **dict(zip(settings, args[inputs:], strict=True)))

    return run


SAME = ("g", lambda g: g)
"""The derivative of what passes its input on as it is, but for broadcasting."""

TABLE: dict[str, Op] = {}
