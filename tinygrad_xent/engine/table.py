"""What a row of the table is: a forward function, a rule for each input, and what else is known about
the operation: its formulas, its kind, its parts.

The files of `ops` and `breadth` fill the table with the decorator `op` of `public.py`; users add their
own rows with `tx.op`. A `Plan` holds which arrays the rules' argument names ask for, and is made once
per choice of inputs that need a gradient. Checks, traces, pictures and tests read all that they
know about an operation from its row.
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
    "elementwise": "each number from those at its position, so a mask of the output fits the inputs",
    "moves": "the same numbers in other positions",
    "selects": "some of the numbers, and not others",
    "reduction": "one number for each line along `axis`",
    "rowwise": "each number from the whole line along `axis` that contains it",
    "product": "sums of products: of rows of one input with columns of the other",
}


class Plan:
    """What to keep and what to run, for one operation and one choice of inputs that need a gradient.

    Attributes:
        input_names: the names of the inputs in the formula; those of `*arrays` are numbered.
        names: the names of what is kept, in order: values, then shapes, which keep no array alive.
        keep: a function that picks what to keep from (*inputs, y, *settings, *state, *saved).
        rules: for each input that needs a gradient its position, its rule, and a function that picks
            the rule's arguments from what was kept (None if the rule takes all of it).
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
    """A picker of what `pick` picks, then these inputs' shapes: one by one, or all in `together`."""
    if not places or together:
        return pick if not together else lambda v: (*pick(v), together(shape(v[i]) for i in places))
    first, *rest = places
    if rest:
        return lambda v: (*pick(v), *[shape(v[i]) for i in places])
    return lambda v: (*pick(v), shape(v[first]))


def _picker(places: list[int]) -> Picker:
    """A function that picks these places from a tuple, as fast as Python can, and gives a tuple."""
    first, end = (places[0], places[-1] + 1) if places else (0, 0)
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(first, end))


class DerivativeRule:
    """The derivative with respect to one input: its formula for people, its function for the walk."""

    def __init__(self, formula: str, function: Rule) -> None:
        self.formula, self.function = formula, function
        self.wants = tuple(inspect.signature(function).parameters)[1:]

    def bind(self, names: tuple[str, ...], i: int, variadic: bool) -> tuple[Rule, Picker | None]:
        """The function, and a picker of its arguments from the kept values, which are in the order of
        `names`; the picker is None if the function wants exactly these.
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
        formula: what it computes, in the grammar of `formulas.py`.
        rules: for each input its derivative's formula and its rule, or None if it has none.
        name: its name; the forward's if None.
        kind: what it does with the numbers, in one or more words of `KINDS`; masks, batch axes and
            the checks depend on it.
        parts: for a fused row, a function that computes the same from other rows. The fused row runs
            and is recorded as one operation; a trace shows the parts.
        saves: values that the forward returns after y, so that rules may ask for them, and for each
            the row that would compute it from the first input and the settings of the same names.
            That row's rule must need only the row's result.
        state: names of objects that it needs besides the settings, as `checkpoint` does; the forward
            takes them last, rules may ask for them, no trace shows them.
        spoken: its name in errors, if users know it by another name.
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
        """The plan for `count` inputs, where those with a bit set in `live` need a gradient."""
        plan = Plan(self, live, count)  # a variadic plan depends on the count too: not cached
        return plan if self.variadic else self.plans.setdefault(live, plan)


def _by_position(forward: Callable[..., Array], settings: tuple[str, ...]) -> Callable[..., Array]:
    """A forward with keyword settings, made callable with the settings after the inputs."""

    def run(*args: Any) -> Array:
        inputs = len(args) - len(settings)
        return forward(*args[:inputs], **dict(zip(settings, args[inputs:], strict=True)))

    return run


SAME = ("g", lambda g: g)
"""The derivative of an operation that passes its input on unchanged, apart from broadcasting."""

TABLE: dict[str, Op] = {}
