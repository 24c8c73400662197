"""Rows and composites as users meet them: functions, methods, operators, replacements for NumPy's.

The decorator `op` makes a function on raw arrays a row of the table; `public` sets the names under
which it, or a function made of rows, is reached. Tensor's methods, NumPy's dispatch, the package's
exports and its stubs are all derived from what is registered here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy import ndarray

from ..elsewhere import no_attribute
from .arrays import Array
from .context import MODE, NOT_RECORDING
from .methods import Methods, Operand
from .symbols import from_shapes
from .table import TABLE, Op, Rule
from .tape import apply
from .tensors import Tensor, raw

P = ParamSpec("P")
Function = TypeVar("Function", bound=Callable[..., Any])


class Public(NamedTuple):
    """A public function, of a row or a composite: its names, and the NumPy functions it replaces."""

    function: Callable[..., Any]
    numpy: tuple[Any, ...] = ()
    method: bool = False
    operator: str = ""
    aliases: tuple[str, ...] = ()
    export: bool = True
    namespace: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.function.__name__, *self.aliases)


PUBLIC: dict[str, Public] = {}
NUMPY: dict[Any, Callable[..., Any]] = {}


def public(numpy: Any = (), **facts: Any) -> Callable[[Function], Function]:
    """Make a function public. `numpy`: the NumPy functions it replaces; the other facts as in `Public`:
    `method` (Tensor has it), `operator` ("add": `+` from both sides), `aliases`, `export`; `namespace`
    ("linalg": it is exported there).
    """

    def decorate(function: Function) -> Function:
        install(Public(function, numpy if isinstance(numpy, tuple) else (numpy,), **facts))
        return function

    return decorate


def op(
    formula: str,
    *rules: tuple[str, Rule] | None,
    saves: dict[str, str] | None = None,
    numpy: Any = (),
    **facts: Any,
) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]:
    """Make a function on raw arrays a row of the table and a public function.

    Args:
        formula: what it computes.
        rules: for each input its derivative's formula and the rule, or None if it has none.
            A rule's first argument is the output's gradient `g`; the names of the others say what
            it needs: `y` the output, an input, `<input>_shape`, a setting, a saved value; for an
            operation on `*arrays`, `shapes` (first) and `i` (last). What no rule names is not kept.
        saves: as in `Op`, but with the rows' names. The other facts are those of `public` and `Op`.
    """
    shown = {name: facts.pop(name) for name in Public._fields if name in facts}

    def decorate(forward: Callable[P, Array]) -> Callable[P, Tensor]:
        saved = {name: TABLE[row] for name, row in (saves or {}).items()}
        row = TABLE[forward.__name__] = Op(forward, formula, rules, saves=saved, **facts)
        return public(numpy, **shown)(function_of(row, forward))

    return decorate


def export_into(namespace: dict[str, Any]) -> None:
    """Put the functions into a module's namespace, each under all of its names. If a function is added
    or replaced later, the namespace gets it.
    """
    _EXPORTED.append(namespace)
    namespace.update(exported())


def exported() -> dict[str, Callable[..., Any]]:
    """The functions that the package exports, by all of their names."""
    known = [p for p in PUBLIC.values() if p.export and not p.namespace]
    return {name: p.function for p in known for name in p.names}


LATER: list[Callable[[], object]] = []
"""What brings further functions. The package's import does not wait for them: they come the first time
that a name is not found.
"""


def bring_all() -> None:
    """Bring the functions that come later. Threads that ask at once all wait for them."""
    if LATER:
        for bring in LATER:
            bring()
        LATER.clear()
        for namespace in _EXPORTED:
            namespace.update({k: v for k, v in exported().items() if k not in namespace})


def replacement(theirs: Any) -> Callable[..., Any] | None:
    """The function that stands in for one of NumPy's."""
    if theirs not in NUMPY:
        bring_all()
    return NUMPY.get(theirs)


def follow(before: Callable[..., Any], after: Callable[..., Any]) -> None:
    """Wherever a function was exported, export its replacement instead."""
    for namespace in _EXPORTED:
        for name in [name for name, value in namespace.items() if value is before]:
            namespace[name] = after


_EXPORTED: list[dict[str, Any]] = []

ONE_SIDED = {"neg", "pos", "abs", "invert", "lt", "le", "gt", "ge"}
"""Operators without a reflected form: unary ones, and comparisons, which Python swaps itself."""

SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}
SYMBOLS |= {"mod": "%", "floordiv": "//", "and": "&", "or": "|", "xor": "^"}


def method(name: str, computed: bool = False) -> Callable[[Function], Function]:
    """Make a function a method of Tensor under this name; a property if `computed`."""

    def decorate(function: Function) -> Function:
        setattr(Methods, name, property(function) if computed else function)
        return function

    return decorate


@method("__getattr__")
def _brought(self: Any, name: str) -> Any:
    """A method of Tensor that comes later. Python asks here for what it has not found."""
    owner = f"{type(self).__name__!r} object"
    if name.startswith("_"):  # NumPy and others look for their protocols, at every call
        raise AttributeError(f"{owner} has no attribute {name!r}")
    bring_all()
    if name in vars(Methods):
        return getattr(self, name)
    if name in exported():
        raise no_attribute(owner, name, (), f": write {_as_function(name)}")
    raise no_attribute(owner, name, vars(Methods), ": tx.op(..., method=True) makes one")


def _as_function(name: str) -> str:
    """How a function that is no method is called, with `t` for the tensor."""
    parameters = inspect.signature(exported()[name]).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    meant = {"x": "t", "arrays": "[t, ...]"}
    said = [meant.get(p.name, p.name) for p in needed]
    if needed[0].kind is inspect.Parameter.VAR_POSITIONAL:
        said = ["t, ..."]
    return f"tx.{name}({', '.join(said)})"


def _comes_later(name: str) -> None:
    """Give Tensor an operator that comes later: for operators Python does not ask `__getattr__`."""

    @method(name)
    def brought(self: Any, *others: Any) -> Any:
        bring_all()
        return getattr(self, name)(*others)


for _operator in ("mod", "floordiv"):
    for _side in ("", "r", "i"):
        _comes_later(f"__{_side}{_operator}__")


def _attach(function: Callable[..., Any], names: Iterable[str], operator: str) -> None:
    """Make a function a method of Tensor under these names, and an operator if one is named."""
    for name in names:
        setattr(Methods, name, function)
    if operator:
        setattr(Methods, f"__{operator}__", function)
    if operator and operator not in ONE_SIDED:
        symbol = SYMBOLS.get(operator, operator)

        def reflected(self: Tensor, other: Operand, /) -> Tensor:
            return function(other, self)  # type: ignore[no-any-return]

        def augmented(self: Tensor, other: Operand, /) -> Tensor:
            return self._updated(symbol, function, other)

        setattr(Methods, f"__r{operator}__", reflected)
        setattr(Methods, f"__i{operator}__", augmented)


def install(known: Public, row: Op | None = None) -> None:
    """Register a function under its names, and its row if it has one."""
    name = known.function.__name__
    PUBLIC[name] = known
    if row is not None:
        TABLE[name] = row
    NUMPY.update(dict.fromkeys(known.numpy, known.function))
    _attach(known.function, known.names if known.method else (), known.operator)


_mode = MODE.get


def function_of(row: Op, forward: Callable[..., Any]) -> Callable[..., Any]:
    """The public function of a row: it separates inputs from settings, and returns a Tensor. Called by
    a rule while a walk runs on raw arrays, it is just the forward function.
    """
    count, most = len(row.inputs), len(row.inputs) + len(row.settings)
    fewest = most + 1 if row.variadic else count + row.required  # arguments by position
    defaults, differentiable = row.defaults, any(row.rules)
    bare: Any = (lambda *args: forward(*args)[0]) if row.saves else forward  # what rules get

    def without_settings(*args: Any) -> Any:
        mode = _mode()
        if mode.on_arrays:
            return bare(*(args if type(args[0]) is ndarray else map(_bare, args)))
        if len(args) != count:
            bind(row, args, {})
        return apply(row, args, (), mode if differentiable else NOT_RECORDING)

    def with_settings(*args: Any, **kwargs: Any) -> Any:
        mode = _mode()
        if mode.on_arrays:
            return bare(*(args if type(args[0]) is ndarray else map(_bare, args)), **kwargs)
        if not kwargs and fewest <= len(args) <= most:
            args, settings = args[:count], args[count:] + defaults[len(args) - count :]
        else:
            args, settings = bind(row, args, kwargs)
        for value in settings:
            if type(value) not in _PLAIN:
                settings = tuple(map(plain, settings, row.settings))
                break
        return apply(row, args, settings, mode if differentiable else NOT_RECORDING)

    call: Any = with_settings if row.settings else without_settings
    wraps(forward)(call)
    # Tracebacks, profiles and Python's own errors then show the name that users know.
    call.__code__ = call.__code__.replace(co_name=row.name, co_qualname=row.name)
    call.__signature__ = row.signature.replace(return_annotation="Tensor")
    function: Callable[..., Any] = call
    return function


_PLAIN = frozenset({int, bool, type(None), tuple})


def plain(setting: Any, name: str) -> Any:
    """A setting without NumPy's types: `axis=x.argmax()` is an int, `axes=np.arange(2)` a tuple of
    them, and a number never widens a float32 result as np.float64 would. A tensor that requires grad
    stays one, so that the row can do something else, or refuse it.
    """
    value = setting if getattr(setting, "requires_grad", False) else raw(setting)
    if isinstance(value, np.generic) or (isinstance(value, ndarray) and value.ndim == 0):
        return value.item()
    if name in _STRUCTURE and isinstance(value, (list, ndarray)):
        return tuple(np.asarray(value).tolist())
    return value


_STRUCTURE = ("axis", "axes", "shape")


def _bare(x: Any) -> Any:
    """The raw array of a tensor or a list; anything else as it is."""
    return from_shapes(np.asarray(x)) if isinstance(x, list) else raw(x)


def bind(
    row: Op, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The inputs, and the settings in order, from what was passed by position and by name."""
    count = len(args) if row.variadic else len(row.inputs)
    inputs, given = args[:count], args[count:]
    values = given + row.defaults[len(given) :]
    if kwargs:
        named = dict(zip(row.settings, values, strict=False))
        for name in kwargs:
            if name not in named or name in row.settings[: len(given)]:
                meant = _PYTORCH_NAMES.get(name, "")
                hint = f"; did you mean {meant!r}?" if meant in row.settings else ""
                raise TypeError(f"{row.name}() got an unexpected argument {name!r}{hint}")
        named.update(kwargs)
        values = tuple(named.values())
    if len(values) > len(row.settings):
        count += len(row.settings)
        raise TypeError(f"{row.name}() takes at most {count} arguments, got {len(args)}")
    missing = row.inputs[len(inputs) :] if not row.variadic else ()
    values_missing = (inspect.Parameter.empty is value for value in values)
    missing += tuple(n for n, m in zip(row.settings, values_missing, strict=True) if m)
    if missing:
        raise TypeError(f"{row.name}() missing required argument {missing[0]!r}")
    return inputs, values


_PYTORCH_NAMES = {"dim": "axis", "keepdim": "keepdims"}
