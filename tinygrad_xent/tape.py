"""The tape: what is noted when an operation runs.

An `Op` is a row of the table in `ops.py`. Applying it to tensors of which one needs a gradient makes
one `Node`: the row, the inputs, the arrays that the rules asked to keep, a creation number, the scope
and the user's line. The end of the tape is a `Leaf`: data the user made. Nothing here walks back;
that is `walk.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from operator import itemgetter
from sys import _getframe
from types import CodeType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, cast

import numpy as np

from . import errors
from .backend import Array, shape
from .modes import MODE, OWN_FILES, Line, ScopeEntry, line_of, next_id, user_position

if TYPE_CHECKING:
    from .tensor import Tensor

P = ParamSpec("P")
Rule: TypeAlias = Callable[..., Any]
Picker: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]


class Leaf:
    """Data the user made: a parameter, an input, a constant.

    `changed` is the creation number at which the data was last overwritten: an operation with a
    smaller number saw other values.
    """

    __slots__ = (
        "_changed_at",
        "changed",
        "data",
        "dtype",
        "grad",
        "id",
        "name",
        "requires_grad",
        "shape",
    )

    def __init__(self, data: Array, requires_grad: bool = False, name: str | None = None) -> None:
        self.data, self.requires_grad, self.name = data, requires_grad, name
        self.shape: tuple[int, ...] = data.shape
        self.dtype: Any = data.dtype
        self.grad: Tensor | None = None
        self.id = next_id()
        self.changed = -1
        self._changed_at: tuple[CodeType, int] | None = None

    def touch(self) -> None:
        """Note that the data was overwritten, and where."""
        self.changed, self._changed_at = next_id(), user_position()

    @property
    def changed_at(self) -> Line | None:
        return self._changed_at and line_of(*self._changed_at)


class Node:
    """One recorded operation; `apply` makes it.

    Attributes:
        plan: the row of the table and what was arranged for these inputs.
        inputs: for each a node, a leaf, or a raw array or number that needs no gradient.
        settings: axis, shape and the like, in the row's order.
        kept: what the rules need, in the order of `plan.names`; None once backward has spent it.
        id: the creation number.
    """

    __slots__ = (
        "_code",
        "_instruction",
        "dtype",
        "id",
        "inputs",
        "kept",
        "name",
        "plan",
        "scope",
        "settings",
        "shape",
    )
    requires_grad = True
    plan: Plan
    inputs: tuple[Any, ...]
    settings: tuple[Any, ...]
    kept: tuple[Any, ...] | None
    shape: tuple[int, ...]
    dtype: Any
    scope: ScopeEntry | None
    name: str | None
    id: int
    _code: CodeType
    _instruction: int

    @property
    def line(self) -> Line:
        return line_of(self._code, self._instruction)

    @property
    def op(self) -> Op:
        return self.plan.op

    def recompute(self, inputs: list[Array]) -> Array:
        """The output again, from the inputs' values."""
        return self.plan.op.forward(*inputs, *self.settings)


class TensorBase:
    """What the tape knows of a tensor: its values, and where they come from."""

    __slots__ = ("_data", "_node")
    _data: Array
    _node: Node | Leaf | None  # None: the unrecorded result of an operation

    def _source(self) -> Node | Leaf:
        """The node or leaf. An unrecorded result becomes a leaf; what shares memory, a read-only
        one.
        """
        if self._node is None:
            data = np.asarray(self._data)
            if data.base is not None:
                data = data.view()
                data.flags.writeable = False
            self._data, self._node = data, Leaf(data)
        return self._node


_tensor_class: type[TensorBase] = TensorBase
_new: Any = object.__new__
_mode = MODE.get


def set_tensor_class(cls: type[TensorBase]) -> None:
    """Name the class of results. `tensor.py` calls this: it imports the tape, not the reverse."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: Array, node: Node | Leaf | None) -> Any:
    """A tensor over a raw array without copying."""
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = data, node
    return tensor


class Plan:
    """For one operation and one choice of inputs that need a gradient: what to keep, what to run."""

    __slots__ = ("input_names", "keep", "kept_inputs", "names", "op", "rules", "shapes_of")

    def __init__(self, op: Op, live: int, count: int) -> None:
        self.op = op
        inputs = op.inputs if not op.variadic else tuple(f"{op.inputs[0]}{i}" for i in range(count))
        self.input_names = inputs
        rules = [(i, op.rule_for(i)) for i in range(count) if live >> i & 1 and op.rule_for(i)]
        wanted = {name for _, rule in rules if rule for name in rule.wants}
        available = (*inputs, "y", *op.settings)
        self.names = tuple(n for n in available if n in wanted)  # arrays and settings to keep
        self.kept_inputs = tuple(i for i, n in enumerate(inputs) if n in wanted)
        self.keep = _picker(tuple(available.index(n) for n in self.names))
        # A rule that wants `x_shape` keeps a tuple of numbers, never the array.
        shape_names = tuple(f"{n}_shape" for n in inputs)
        self.shapes_of = tuple(i for i, n in enumerate(shape_names) if n in wanted)
        self.names += tuple(shape_names[i] for i in self.shapes_of)
        if "shapes" in wanted:
            self.shapes_of, self.names = tuple(range(count)), (*self.names, *shape_names)
        self.rules = [(i, *rule.bind(self.names, i)) for i, rule in rules if rule]

    def values(self, inputs: Sequence[Array], y: Array, settings: tuple[Any, ...]) -> Any:
        """What is kept of these inputs and this output, in the order of `names`."""
        return self.keep((*inputs, y, *settings)) + self.shapes(inputs)

    def shapes(self, inputs: Sequence[Array]) -> tuple[tuple[int, ...], ...]:
        return tuple(shape(inputs[i]) for i in self.shapes_of)


def _picker(places: tuple[int, ...]) -> Picker:
    """A function that picks these places from a tuple, as fast as Python has it."""
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        (place,) = places
        return lambda values: (values[place],)
    return lambda values: ()


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
        if wants and wants[0] == "shapes":
            rest = _picker(tuple(names.index(n) for n in wants[1:]))
            shapes = _picker(tuple(k for k, n in enumerate(names) if n.endswith("_shape")))
            return function, lambda kept: (shapes(kept), *rest(kept))
        return function, _picker(tuple(names.index(n) for n in wants))


class Op:
    """One row of the table: a forward function on raw arrays and one rule an input.

    Inputs are the forward's positional-only parameters (or its `*args`), settings the rest.
    """

    __slots__ = (
        "defaults",
        "formula",
        "forward",
        "inputs",
        "name",
        "plans",
        "rules",
        "settings",
        "variadic",
    )

    def __init__(
        self,
        forward: Callable[..., Array],
        formula: str,
        rules: tuple[DerivativeRule | None, ...],
        name: str | None = None,
    ) -> None:
        self.name, self.formula = name or forward.__name__, formula
        parameters = inspect.signature(forward).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
        self.inputs = tuple(p.name for p in parameters if p.kind in kinds)
        self.variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
        self.settings = tuple(p.name for p in parameters if p.kind not in kinds)
        self.defaults = tuple(p.default for p in parameters if p.kind not in kinds)
        self.forward = _by_position(forward, self.settings) if self.variadic else forward
        if not self.variadic and len(rules) != len(self.inputs):
            raise TypeError(f"{self.name}: {len(self.inputs)} inputs but {len(rules)} rules")
        self.rules = rules
        self.plans: dict[int, Plan] = {}

    def rule_for(self, i: int) -> DerivativeRule | None:
        return self.rules[0] if self.variadic else self.rules[i]

    def plan(self, live: int, count: int) -> Plan:
        """The plan for `count` inputs of which those with a bit in `live` need a gradient."""
        if self.variadic:  # the count is part of the plan; such operations are few
            return Plan(self, live, count)
        plan = self.plans[live] = Plan(self, live, count)
        return plan

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The settings in order, from what was passed by position and by name."""
        values = args + self.defaults[len(args) :]
        if kwargs:
            named = dict(zip(self.settings, values, strict=False))
            for name in kwargs:
                if name not in self.settings or name in self.settings[: len(args)]:
                    raise TypeError(f"{self.name}() got an unexpected argument {name!r}")
            values = tuple((named | kwargs).values())
        if len(values) > len(self.settings):
            count = len(self.inputs) + len(self.settings)
            raise TypeError(f"{self.name}() takes at most {count} arguments")
        for name, value in zip(self.settings, values, strict=True):
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}() missing required argument {name!r}")
        return values


def _by_position(forward: Callable[..., Array], settings: tuple[str, ...]) -> Callable[..., Array]:
    """A forward of `*inputs` and keyword settings, callable with the settings behind the inputs."""
    count = len(settings)
    return lambda *args: forward(*args[:-count], **dict(zip(settings, args[-count:], strict=True)))


def apply(op: Op, operands: tuple[Any, ...], settings: tuple[Any, ...]) -> Any:
    """Run an operation and, where a gradient will be needed, note it on the tape.

    Raw arrays alone give a raw array back: that is how the rules run at full speed in `backward()`.
    The node and the tensor are made in place, without constructors: this is the hottest function.
    """
    raws, inputs, live, bit, tensors = [], [], 0, 1, False
    for x in operands:
        if isinstance(x, TensorBase):
            tensors = True
            source = x._node or x._source()
            if source.requires_grad:
                live |= bit
            raws.append(x._data)
            inputs.append(source)
        else:
            if type(x) not in _PLAIN:
                x = as_operand(op, x)
            raws.append(x)
            inputs.append(x)
        bit += bit
    try:
        y = op.forward(*raws, *settings)
    except Exception as error:
        raise errors.explain(op.name, operands, settings, error) from None
    if not tensors:
        return y
    tensor = _new(_tensor_class)
    tensor._data, tensor._node = y, None
    if y.dtype.kind != "f":
        check_result(op, operands, y)
    elif live:
        recording, scope = _mode()
        if recording:
            plan = op.plans.get(live) or op.plan(live, len(raws))
            kept = plan.keep((*raws, y, *settings))
            if plan.shapes_of:
                kept += plan.shapes(raws)
            tensor._node = node = _new(Node)
            node.plan, node.inputs, node.settings, node.kept = plan, tuple(inputs), settings, kept
            node.shape, node.dtype, node.scope, node.name = y.shape, y.dtype, scope, None
            node.id = next_id()
            frame = _getframe(2)  # the caller of the table's function; user_position() in place
            while frame.f_code.co_filename in OWN_FILES and frame.f_back is not None:
                frame = frame.f_back
            node._code, node._instruction = frame.f_code, frame.f_lasti
    return tensor


_PLAIN = frozenset({np.ndarray, float, int, bool})


def as_operand(op: Op, x: Any) -> Array:
    """An operand that is neither a tensor, an array nor a number: a list, say."""
    if isinstance(x, np.generic):
        return x
    try:
        array = np.asarray(x)
    except ValueError:
        raise errors.ShapeError(
            errors.message(f"{op.name}: a ragged list (rows of different lengths) is no array", [x])
        ) from None
    if array.dtype.kind not in "fiub":
        raise errors.DtypeError(
            errors.message(f"{op.name}: takes numbers, got {type(x).__name__}", [x])
        )
    return array


def check_result(op: Op, operands: tuple[Any, ...], y: Array) -> None:
    if y.dtype.kind == "c":
        what = f"{op.name}: complex numbers are not supported"
        raise errors.DtypeError(
            errors.message(what, operands, "take real and imaginary parts apart")
        )
    if y.dtype.kind not in "iub":
        raise errors.DtypeError(
            errors.message(f"{op.name}: takes numbers, got {y.dtype}", operands)
        )


TABLE: dict[str, Op] = {}


def op(
    formula: str, *rules: tuple[str, Rule] | None
) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]:
    """Make a function on raw arrays a row of the table.

    Args:
        formula: what it computes, for people.
        rules: for each input its derivative's formula and the rule, or None where there is none.
            A rule's first argument is the output's gradient `g`; the names of the others say what
            it needs: `y` the output, an input, `<input>_shape`, a setting; in an operation of many
            inputs `shapes` (first) and `i` (last). What no rule names is not kept.
    """
    made = tuple(DerivativeRule(*rule) if rule else None for rule in rules)

    def decorate(forward: Callable[P, Array]) -> Callable[P, Tensor]:
        row = TABLE[forward.__name__] = Op(forward, formula, made)
        return cast("Callable[P, Tensor]", as_function(row, forward))

    return decorate


def as_function(row: Op, forward: Callable[..., Any]) -> Callable[..., Any]:
    """The public function of a row: separates inputs from settings."""
    count, defaults = len(row.inputs), row.defaults
    optional = inspect.Parameter.empty not in defaults

    def join(*args: Any, **kwargs: Any) -> Any:
        return apply(row, args, row.bind((), kwargs))

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) == count and optional and not kwargs:
            return apply(row, args, defaults)
        if len(args) < count:
            missing = row.inputs[len(args)]
            raise TypeError(f"{row.name}() missing required argument {missing!r}")
        return apply(row, args[:count], row.bind(args[count:], kwargs))

    def call_one(x: Any, *args: Any, **kwargs: Any) -> Any:
        if type(x) is np.ndarray:  # a rule at work in backward()
            return forward(x, *args, **kwargs)
        settings = row.bind(args, kwargs) if args or kwargs or not optional else defaults
        return apply(row, (x,), settings)

    function = join if row.variadic else call_one if count == 1 else call
    return wraps(forward)(function)
