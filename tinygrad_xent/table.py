"""What a row of the table is: a forward function, a rule an input, and what must be kept for them.

`ops.py` fills the table with the decorator `op`; here it is worked out, once for each choice of
inputs that need a gradient, which arrays a rule's argument names ask for (`Plan`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, cast

import numpy as np

from .backend import Array, Shapes, shape
from .tape import apply

if TYPE_CHECKING:
    from .tensor import Tensor

P = ParamSpec("P")
Rule: TypeAlias = Callable[..., Any]
Picker: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]


class Plan:
    """For one operation and one choice of inputs that need a gradient: what to keep, what to run.

    Attributes:
        input_names: the inputs as the formula calls them; those of `*arrays` are numbered.
        names: of what is kept, in order.
        keep: picks it from (*inputs, y, *settings, *saved).
        shapes: picks from the inputs the shapes that rules want in place of arrays: they are known
            without keeping anything. None where none is wanted.
        rules: for each input that needs a gradient its place, its rule and what picks the rule's
            arguments from (*kept, *shapes), None where it takes them all.
    """

    __slots__ = ("input_names", "keep", "names", "op", "rules", "shapes")

    def __init__(self, op: Op, live: int, count: int) -> None:
        self.op = op
        inputs = op.inputs if not op.variadic else tuple(f"{op.inputs[0]}{i}" for i in range(count))
        self.input_names = inputs
        rules = [(i, op.rule_for(i)) for i in range(count) if live >> i & 1 and op.rule_for(i)]
        wanted = {name for _, rule in rules if rule for name in rule.wants}
        available = (*inputs, "y", *op.settings, *op.saves)
        self.names = tuple(n for n in available if n in wanted)
        self.keep = _picker(tuple(available.index(n) for n in self.names))
        # A rule that wants `x_shape` gets a tuple of numbers, and nothing is kept for it.
        names_of_shapes = tuple(n for n in (f"{n}_shape" for n in inputs) if n in wanted)
        places = tuple(inputs.index(n.removesuffix("_shape")) for n in names_of_shapes)
        self.shapes = _shapes_of(places) if places else None
        if "shapes" in wanted:  # one value, however many the inputs
            names_of_shapes, self.shapes = ("shapes",), _all_shapes
        self.rules = [(i, *rule.bind(self.names + names_of_shapes, i)) for i, rule in rules if rule]

    def values(self, inputs: Sequence[Array], y: Array, settings: tuple[Any, ...]) -> Any:
        """What the rules' arguments are picked from, for these inputs and this output."""
        saved = self.op.forward(*inputs, *settings)[1:] if self.op.saves else ()
        kept = self.keep((*inputs, y, *settings, *saved))
        return kept + self.shapes(inputs) if self.shapes else kept


def _shapes_of(places: tuple[int, ...]) -> Picker:
    """A function that picks the shapes of these inputs: of nodes, leaves, arrays or numbers."""
    if len(places) == 1:
        (place,) = places
        return lambda inputs: (shape(inputs[place]),)
    return lambda inputs: tuple([shape(inputs[place]) for place in places])


def _all_shapes(inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (Shapes([shape(x) for x in inputs]),)


def _picker(places: tuple[int, ...]) -> Picker:
    """A function that picks these places from a tuple, as fast as Python has it."""
    if len(places) > 1:
        return itemgetter(*places)
    (place,) = places or (0,)
    return itemgetter(slice(place, place + len(places)))  # a tuple of one, or none


class DerivativeRule:
    """The derivative with respect to one input: its formula for people, its function for the walk."""

    __slots__ = ("formula", "function", "wants")

    def __init__(self, formula: str, function: Rule) -> None:
        self.formula, self.function = formula, function
        self.wants = tuple(inspect.signature(function).parameters)[1:]

    def bind(self, names: tuple[str, ...], i: int) -> tuple[Rule, Picker | None]:
        """The function and what picks its arguments from the kept values, which lie in the order of
        `names`; None if it wants just these.
        """
        function, wants = self.function, self.wants
        if wants and wants[-1] == "i":  # one rule for every input of a variadic operation
            function, wants = partial(function, i=i), wants[:-1]
        if wants == names:
            return function, None
        return function, _picker(tuple(names.index(n) for n in wants))


class Op:
    """One row of the table: a forward function on raw arrays and one rule an input.

    Inputs are the forward's positional-only parameters (or its `*args`), settings the rest. A fused
    row also says what it is made of: `parts` computes the same from other rows. It runs and is
    recorded as one operation, and a trace shows the others. `saves` names values that its forward
    returns behind y, so that rules may ask for them, and for each the row whose result it is: of the
    first input, with the settings of the same names. That row's rule must need its result alone.

    Raises:
        TypeError: not one rule (or None) an input.
    """

    __slots__ = (
        "defaults",
        "formula",
        "forward",
        "inputs",
        "name",
        "parts",
        "plans",
        "required",
        "rules",
        "saves",
        "settings",
        "variadic",
    )

    def __init__(
        self,
        forward: Callable[..., Array],
        formula: str,
        rules: tuple[DerivativeRule | None, ...],
        name: str | None = None,
        parts: Callable[..., Any] | None = None,
        saves: dict[str, Op] | None = None,
    ) -> None:
        self.saves = saves or {}
        self.name, self.formula, self.parts = name or forward.__name__, formula, parts
        parameters = inspect.signature(forward).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
        self.inputs = tuple(p.name for p in parameters if p.kind in kinds)
        self.variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
        self.settings = tuple(p.name for p in parameters if p.kind not in kinds)
        self.defaults = tuple(p.default for p in parameters if p.kind not in kinds)
        self.required = self.defaults.count(inspect.Parameter.empty)
        self.forward = _by_position(forward, self.settings) if self.variadic else forward
        if not self.variadic and len(rules) != len(self.inputs):
            raise TypeError(f"{self.name}: {len(self.inputs)} inputs but {len(rules)} rules")
        self.rules = rules
        self.plans: dict[int, Plan] = {}

    def rule_for(self, i: int) -> DerivativeRule | None:
        """The rule of input `i`; the many inputs of a variadic operation share one."""
        return self.rules[0] if self.variadic else self.rules[i]

    def plan(self, live: int, count: int) -> Plan:
        """The plan for `count` inputs of which those with a bit in `live` need a gradient."""
        if self.variadic:  # the count is part of the plan; such operations are few
            return Plan(self, live, count)
        plan = self.plans[live] = Plan(self, live, count)
        return plan

    def value(self, inputs: Sequence[Array], settings: tuple[Any, ...]) -> Array:
        """y, from raw inputs."""
        y = self.forward(*inputs, *settings)
        return y[0] if self.saves else y

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The settings in order, from what was passed by position and by name."""
        if not kwargs and self.required <= len(args) <= len(self.settings):
            return args + self.defaults[len(args) :]
        values = args + self.defaults[len(args) :]
        if kwargs:
            named = dict(zip(self.settings, values, strict=False))
            for name in kwargs:
                if name not in self.settings or name in self.settings[: len(args)]:
                    meant = _PYTORCH_NAMES.get(name, "")
                    hint = f"; did you mean {meant!r}?" if meant in self.settings else ""
                    raise TypeError(f"{self.name}() got an unexpected argument {name!r}{hint}")
            values = tuple((named | kwargs).values())
        if len(values) > len(self.settings):
            count = len(self.inputs) + len(self.settings)
            raise TypeError(f"{self.name}() takes at most {count} arguments")
        for name, value in zip(self.settings, values, strict=True):
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}() missing required argument {name!r}")
        return values


_PYTORCH_NAMES = {"dim": "axis", "keepdim": "keepdims"}


def _by_position(forward: Callable[..., Array], settings: tuple[str, ...]) -> Callable[..., Array]:
    """A forward of `*inputs` and keyword settings, callable with the settings behind the inputs."""
    count = len(settings)
    return lambda *args: forward(*args[:-count], **dict(zip(settings, args[-count:], strict=True)))


TABLE: dict[str, Op] = {}


def op(
    formula: str,
    *rules: tuple[str, Rule] | None,
    parts: Callable[..., Any] | None = None,
    saves: dict[str, str] | None = None,
) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]:
    """Make a function on raw arrays a row of the table.

    Args:
        formula: what it computes, for people.
        rules: for each input its derivative's formula and the rule, or None where there is none.
            A rule's first argument is the output's gradient `g`; the names of the others say what
            it needs: `y` the output, an input, `<input>_shape`, a setting, a saved value; in an
            operation of many inputs `shapes` (first) and `i` (last). What no rule names is not kept.
        parts, saves: of a fused row, see `Op`.
    """
    made = tuple(DerivativeRule(*rule) if rule else None for rule in rules)

    def decorate(forward: Callable[P, Array]) -> Callable[P, Tensor]:
        saved = {name: TABLE[row] for name, row in (saves or {}).items()}
        row = TABLE[forward.__name__] = Op(forward, formula, made, parts=parts, saves=saved)
        return cast("Callable[P, Tensor]", as_function(row, forward))

    return decorate


_RAW = (np.ndarray, np.generic)


def as_function(row: Op, forward: Callable[..., Any]) -> Callable[..., Any]:
    """The public function of a row: separates inputs from settings."""
    count, defaults = len(row.inputs), row.defaults
    optional = inspect.Parameter.empty not in defaults

    def join(*operands: Any, **settings: Any) -> Any:
        return apply(row, operands, row.bind((), settings))

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) < count:
            raise missing(args)
        if not row.saves and type(args[1]) is np.ndarray and isinstance(args[0], _RAW):
            return forward(*args, **kwargs)  # a rule at work in backward(), as below
        return apply(row, args[:count], row.bind(args[count:], kwargs))

    def call_one(x: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(x) is np.ndarray:  # a rule at work in backward()
            return forward(x, *args, **kwargs)
        settings = row.bind(args, kwargs) if args or kwargs or not optional else defaults
        return apply(row, (x,), settings)

    def call_plain(*operands: Any) -> Any:
        if len(operands) < count:
            raise missing(operands)
        if len(operands) > count:
            raise TypeError(f"{row.name}() takes {count} arguments, got {len(operands)}")
        return apply(row, operands, ())

    def missing(args: tuple[Any, ...]) -> TypeError:
        return TypeError(f"{row.name}() missing required argument {row.inputs[len(args)]!r}")

    if row.variadic:
        return wraps(forward)(join)
    return wraps(forward)(call_one if count == 1 else call if row.settings else call_plain)
