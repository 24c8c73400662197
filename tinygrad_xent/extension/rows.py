"""Your own operations: `tx.op` adds a row to the table, `tx.custom_vjp` makes a single function with its
own rules, `tx.remove_op` takes a row out again.

A row from outside works like the engine's rows: it has a method, NumPy dispatch, derivatives of every
order, checks, traces and pictures at once. This file adds two things: its declaration is checked, with
clear errors, and its functions may call the package's functions on raw arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ..engine import errors
from ..engine.context import ON_ARRAYS, during
from ..engine.methods import Methods
from ..engine.operands import plain_array
from ..engine.public import (
    NUMPY,
    PUBLIC,
    Public,
    bind,
    bring_all,
    follow,
    function_of,
    install,
)
from ..engine.table import TABLE, Op
from ..engine.tensors import Tensor, is_tensor, raw, wrap
from .declarations import (
    check_arguments,
    check_formulas,
    check_inputs_alone,
    check_places,
    check_row,
    wrong,
)

Forward = TypeVar("Forward", bound=Callable[..., Any])

_replaced: dict[str, list[tuple[Public, Op | None] | None]] = {}
"""For each added name, newest last, what had the name before: None if nothing did."""


def op(
    formula: str,
    *rules: tuple[str, Callable[..., Any]] | None,
    kind: str = "elementwise",
    numpy: Any = (),
    method: bool = False,
    operator: str = "",
    aliases: Iterable[str] = (),
    parts: Callable[..., Any] | None = None,
    replace: bool = False,
    **facts: Any,
) -> Callable[[Forward], Callable[..., Tensor]]:
    """Make a function on raw arrays an operation: a row of the table.

    Inputs, which may need gradients, come before the `/` (or are `*arrays`). Settings come after it and
    are plain values: numbers, strings, tuples, arrays. The forward reads raw arrays and returns a new
    one; while it runs, and while a rule runs in `backward()`, this package's functions take and return
    raw arrays too.

    Args:
        formula: what it computes, in the notation of `tinygrad_xent.formulas`.
        rules: for each input the derivative's formula and its rule, or None if it has none. A
            rule's first argument is `g`, the gradient of the output; the names of the others say
            what it needs: an input, `y` (the output), a setting, `<input>_shape`. For `*arrays` one
            rule serves all: it may ask for `y`, settings, the `shapes` of all inputs and, last, `i`,
            the position of the current input. A rule gives an array in the shape of the output or
            of the input: the walk undoes broadcasting. A rule written with operators and this
            package's functions serves every order: `backward()` runs it on raw arrays, and with
            `create_graph` on tensors. NumPy functions that no row replaces serve the first order only.
        kind: one or more words of `tinygrad_xent.engine.table.KINDS`, which the checks use.
        numpy: the NumPy function, or a tuple of them, that it replaces for tensors.
        method: whether `Tensor` has it as a method.
        operator: Python's name of an operator, as in "lshift": works from both sides.
        aliases: other names of the method.
        parts: for a fused operation, a function that computes the same from other operations. Traces
            and pictures show these, as one box if they are in a `tx.scope`.
        replace: replace an existing row of that name completely, so give its method, operator and
            NumPy functions again. Without it, only the same function may be defined again (by a
            notebook cell that runs twice).
        facts: other keys of a row, see `tinygrad_xent.engine.table.Op`.

    Raises:
        TypeError: the declaration is wrong; the message shows a right one.
        FormulaError: a formula can't be read.
        ValueError: the row exists; Tensor has that attribute; the NumPy function is taken.

    >>> @tx.op("x · π / 180", ("g · π / 180", lambda g: g * np.pi / 180), numpy=np.deg2rad, method=True)
    ... def deg2rad(x, /):
    ...     return np.deg2rad(x)
    >>> x = Tensor([0.0, 90.0], requires_grad=True)
    >>> np.deg2rad(x).sum().backward()
    >>> x.deg2rad().numpy().round(4), x.grad.numpy().round(4)
    (array([0.    , 1.5708]), array([0.0175, 0.0175]))
    >>> tx.remove_op("deg2rad")
    """

    def decorate(forward: Forward) -> Callable[..., Tensor]:
        row, run = _row(forward, formula, rules, kind=kind, parts=parts, **facts)
        functions = tuple(numpy) if isinstance(numpy, (tuple, list)) else (numpy,)
        check_formulas(forward, row)
        check_places(forward, row, functions, operator, aliases)
        function = _plain_settings(row, function_of(row, run))
        known = Public(function, functions, method, operator, tuple(aliases), export=False)
        old = _make_room(known, forward, replace)
        install(known, row)
        if old is not None:
            follow(old, function)
        return function

    return decorate


def remove_op(name: str) -> None:
    """Remove a row from the table, with its method and its NumPy dispatch; a row that it replaced is
    restored.

    Raises:
        ValueError: no such row was added.
    """
    if name not in _replaced:
        raise ValueError(f"remove_op: no operation {name!r} was added by tx.op")
    added, row = _remove(name)
    before = _replaced[name][-1]
    if before is not None:
        try:
            _check_free(before[0])
        except ValueError:
            install(added, row)
            raise
        install(*before)
        follow(added.function, before[0].function)
    _replaced[name].pop()
    if not _replaced[name]:
        del _replaced[name]


def custom_vjp(
    forward: Callable[..., Any], *rules: Callable[..., Any] | None, name: str | None = None
) -> Callable[..., Tensor]:
    """A function of tensors with its own derivative rules, without a row in the table.

    Args:
        forward: takes raw arrays, where each parameter is an input, and returns one.
        rules: one for each input, or None if it has no derivative. A rule takes `g`, the gradient of
            the output, and by name what it needs, as in `op`.
        name: its name in traces and pictures; the function's own if None.

    `gradcheck` and `check_tape` report rules that are not the derivative, even if that is intended.

    Raises:
        TypeError: the wrong number of rules, or a rule that asks for an unknown name.

    >>> through = tx.custom_vjp(lambda x: np.round(x), lambda g: g, name="round straight through")
    >>> x = Tensor([0.2, 0.7], requires_grad=True)
    >>> y = through(x)
    >>> y.sum().backward()
    >>> y.numpy(), x.grad.numpy()
    (array([0., 1.]), array([1., 1.]))
    """
    check_arguments(forward, "", [rule and ("", rule) for rule in rules])
    check_inputs_alone(forward)
    own = getattr(forward, "__name__", type(forward).__name__)
    name = name or ("custom_vjp" if own == "<lambda>" else own)
    signature = inspect.signature(forward)
    inputs = [p.replace(kind=p.POSITIONAL_ONLY) for p in signature.parameters.values()]
    called = ", ".join(p.name for p in inputs)

    def run(*arrays: Any) -> Any:
        return forward(*arrays)

    run.__name__ = run.__qualname__ = name
    run.__doc__, run.__module__ = forward.__doc__, forward.__module__
    run.__signature__ = signature.replace(parameters=inputs)  # type: ignore[attr-defined]
    formulas = [rule and (f"vjp(g, {called})", rule) for rule in rules]
    return function_of(*_row(run, f"f({called})", formulas, kind=""))


def _row(
    forward: Any, formula: Any, rules: Sequence[Any], **facts: Any
) -> tuple[Op, Callable[..., Any]]:
    """The checked row of these functions, made ready to run, and its forward."""
    check_arguments(forward, formula, rules)
    run = _on_arrays(forward)
    checked = [rule and (rule[0], _checked_rule(forward, *rule)) for rule in rules]
    try:
        row = Op(run, formula, checked, **facts)
    except (TypeError, AttributeError) as error:  # an unknown key, or a kind that is not text
        raise wrong(forward, str(error)) from None
    check_row(forward, row)
    return row, run


# --- its place among the others ------------------------------------------------------------------


def _make_room(known: Public, forward: Callable[..., Any], replace: bool) -> Any:
    """Remove the row that this one replaces, and return its function; raise if it may not be replaced,
    or if a name is taken.
    """
    bring_all()
    name = known.function.__name__
    old = PUBLIC.get(name)
    again = old is not None and _definition(old.function) == _definition(forward)
    if old is not None and not (replace or again):
        what = f"op: there is already a row {name!r}"
        fix = f"use another name, pass replace=True to replace it, or call tx.remove_op({name!r})"
        raise errors.BadValueError(what, fix=fix)
    before = _remove(name) if old is not None else None
    try:
        _check_free(known)
    except ValueError:
        if before:
            install(*before)
        raise
    if not again:
        _replaced.setdefault(name, []).append(before)
    return old and old.function


def _remove(name: str) -> tuple[Public, Op | None]:
    """Remove a public function, and its row if it has one; names that now belong to others stay."""
    known, row = PUBLIC.pop(name), TABLE.pop(name, None)
    for function in known.numpy:
        if NUMPY.get(function) is known.function:
            del NUMPY[function]
    operator = f"__{known.operator}__"
    for attribute in (*(known.names if known.method else ()), operator):
        if vars(Methods).get(attribute) is known.function:
            delattr(Methods, attribute)
            if attribute == operator and f"__r{known.operator}__" in vars(Methods):
                delattr(Methods, f"__r{known.operator}__")
                delattr(Methods, f"__i{known.operator}__")
    return known, row


def _definition(function: Any) -> tuple[str, str]:
    function = inspect.unwrap(function)
    return function.__module__, function.__qualname__


def _check_free(known: Public) -> None:
    names = known.names if known.method else ()
    names += (f"__{known.operator}__",) if known.operator else ()
    for name in names:
        if any(name in vars(cls) for cls in Tensor.__mro__[:-1]):  # object has comparisons too
            what = f"op: Tensor already has an attribute {name!r}"
            raise errors.BadValueError(what, fix="use another name or operator, or method=False")
    for function in known.numpy:
        if function in NUMPY:
            what = f"op: np.{function.__name__} is already replaced by {NUMPY[function].__name__}"
            raise errors.BadValueError(
                what, fix="leave numpy= out; a row of that name can be replaced (replace=True)"
            )


# --- functions from outside, at work -------------------------------------------------------------


def _on_arrays(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The forward function, run so that this package's functions map raw arrays to raw arrays. Its
    inputs are read-only: they are the user's.
    """

    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        y = raw(during(ON_ARRAYS, forward, *map(_read_only, args), **kwargs))
        if y is None or isinstance(y, (tuple, list)):
            what = f"{forward.__name__}: returned {type(y).__name__}, it must return one array"
            raise errors.DtypeError(what, args, "is there a `return`?")
        return y if isinstance(y, np.generic) else plain_array(forward.__name__, y)

    return run


def _checked_rule(
    forward: Callable[..., Any], formula: str, rule: Callable[..., Any]
) -> Callable[..., Any]:
    """The rule; a number it returns becomes an array, or a tensor if g is one; all else is refused."""

    @wraps(rule)
    def run(g: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            c = rule(_read_only(g), *map(_read_only, args), **kwargs)
        except Exception as error:
            error.add_note(f"in the rule of {forward.__name__} for {formula!r}")
            raise
        recorded = is_tensor(g)
        if is_tensor(c):
            return c if recorded else raw(c)
        array = c if isinstance(c, np.generic) else plain_array(forward.__name__, c)
        if array.dtype.kind not in "fiub" or isinstance(c, (tuple, list)):
            what = f"{forward.__name__}: the rule for {formula!r} must give an array of numbers, got {c!r}"
            raise errors.DtypeError(what, fix="return the gradient of the input")
        return wrap(array, None) if recorded else array

    return run


def _read_only(x: Any) -> Any:
    """A read-only view of an array; anything else as it is."""
    if type(x) is not np.ndarray:
        return x
    view = x.view()
    view.flags.writeable = False
    return view


PLAIN = (int, float, str, bytes, np.generic, np.dtype, type, slice, range, type(None), type(...))


def _plain_settings(row: Op, function: Callable[..., Any]) -> Callable[..., Any]:
    """The public function, made to refuse settings that no trace could hold."""
    if not row.settings:
        return function

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name, value in zip(row.settings, bind(row, args, kwargs)[1], strict=True):
            if not _is_plain(value):
                what = f"{row.name}: the setting {name} must be a plain value"
                fix = "put what may need a gradient before the `/`; close over an object in the "
                raise errors.DtypeError(what, [value], fix + "function of a tx.custom_vjp")
        return function(*args, **kwargs)

    return call


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind in "fiubSU")
    return isinstance(value, PLAIN)
