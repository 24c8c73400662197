"""Declarations of operations from outside, checked: what can't be right gets an error with a right one.

`rows.py` asks here before it makes a row; nothing is changed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import errors
from ..engine.public import ONE_SIDED
from ..engine.table import KINDS, Op

EXAMPLE = """
  a right one:
    @tx.op("a · b²", ("g · b²", lambda g, b: g * b * b), ("2 · g · a · b", lambda g, a, b: 2 * g * a * b))
    def times_square(a, b, /):
        return a * b * b"""

OPERATORS = {
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift"),
    *("and", "or", "xor", *ONE_SIDED),
}
RESERVED = {"g": "the gradient of the output", "y": "the output"}


def wrong(forward: Any, what: str) -> TypeError:
    """The error of a declaration: what is wrong, where, and one that is right."""
    name = getattr(forward, "__name__", type(forward).__name__)
    return TypeError(errors.message(f"op: {name}: {what}") + EXAMPLE)


def check_arguments(forward: Any, formula: Any, rules: Sequence[Any]) -> None:
    """Raise unless these are a function, a formula and rules."""
    if not callable(forward):
        raise wrong(forward, f"makes an operation of a function, not of {forward!r}")
    if not isinstance(formula, str):
        raise wrong(forward, f"the formula stands first, a text: tx.op('x²', ...), got {formula!r}")
    for rule in rules:
        pair = isinstance(rule, tuple) and len(rule) == 2
        if rule is not None and not (pair and isinstance(rule[0], str) and callable(rule[1])):
            raise wrong(forward, f"a rule is (formula, function) or None, not {rule!r}")


def check_row(forward: Callable[..., Any], row: Op) -> None:
    """Raise unless inputs, rules, names and kind of a row fit together."""
    if not row.inputs:
        names = ", ".join([*row.settings, "/"])
        fix = f"def {row.name}({names})" if row.settings else f"def {row.name}(x, /)"
        raise wrong(forward, f"no parameter stands before a `/`: inputs do, say {fix}")
    for name in (*row.inputs, *row.settings):
        meaning = RESERVED.get(name) or ("a shape" if name.endswith(("_shape", "shapes")) else None)
        if row.variadic and name == "i":
            meaning = "the place of an input"
        if meaning:
            raise wrong(forward, f"{name!r} is {meaning} to a rule: call the parameter otherwise")
    if any(p.kind is p.VAR_KEYWORD for p in row.signature.parameters.values()):
        raise wrong(forward, "settings have names: no **keywords")
    count = 1 if row.variadic else len(row.inputs)
    if len(row.rules) != count:
        listed = ", ".join(row.inputs)
        what = (
            f"{count} inputs ({listed}) need a rule each" if count > 1 else f"{listed} needs a rule"
        )
        raise wrong(forward, f"{what}, or None: got {len(row.rules)}")
    if unknown := row.kinds - KINDS.keys():
        words = ", ".join(KINDS)
        raise wrong(forward, f"unknown kind {', '.join(sorted(unknown))}; there are {words}")
    if row.parts is not None and not callable(row.parts):
        raise wrong(forward, "parts is a function of the same inputs and settings")
    for rule in filter(None, row.rules):
        _check_rule(forward, row, rule.formula, rule.function)


def _check_rule(forward: Callable[..., Any], row: Op, formula: str, rule: Any) -> None:
    """Raise where a rule's parameters are not names that a rule may ask for."""
    parameters = list(inspect.signature(rule).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or any(p.kind not in plain for p in parameters):
        raise wrong(forward, f"the rule for {formula!r} takes g, then by name what it needs")
    wants = [p.name for p in parameters[1:]]
    known = {*row.inputs, *(f"{name}_shape" for name in row.inputs), "y", *row.settings}
    if row.variadic:  # which inputs there are is known only when it runs
        known = {"y", *row.settings, "shapes", "i"}
        if "i" in wants[:-1]:
            raise wrong(forward, f"the rule for {formula!r} takes i, the input's place, last")
    for name in wants:
        if name not in known:
            given = ", ".join(sorted(known))
            raise wrong(
                forward, f"the rule for {formula!r} asks for {name!r}; there are g, {given}"
            )


def check_formulas(forward: Callable[..., Any], row: Op) -> None:
    """Raise where a formula can't be read, or names what there is not."""
    from ..formulas import FormulaError, names, parse  # of use to readers, not to the engine

    known = {*row.inputs, *row.settings, "e", "π"}
    rules = [rule.formula for rule in row.rules if rule]
    more = {"g", "y", "i", "N", "Y", "shapes", *(f"{name}_shape" for name in row.inputs)}
    for text, allowed in ((row.formula, known), *((rule, known | more) for rule in rules)):
        try:
            unknown = names(parse(text)) - allowed
        except FormulaError as error:
            raise FormulaError(errors.message(f"op: {row.name}: {error}")) from None
        if unknown:
            given = ", ".join(sorted(allowed))
            raise wrong(forward, f"{text!r} names {', '.join(sorted(unknown))}; there are {given}")


def check_places(forward: Any, row: Op, numpy: Sequence[Any], operator: str, aliases: Any) -> None:
    """Raise unless NumPy's functions, the operator and the aliases are such."""
    for function in numpy:
        if not callable(function) or not hasattr(function, "__name__"):
            raise wrong(
                forward, f"numpy= names functions of NumPy, say numpy=np.sin, not {function!r}"
            )
    if operator and operator not in OPERATORS:
        raise wrong(
            forward, f"operator= is one of {', '.join(sorted(OPERATORS))}, not {operator!r}"
        )
    if operator and (len(row.inputs) != 1 + (operator not in {"neg", "pos", "abs", "invert"})):
        raise wrong(forward, f"the operator {operator!r} does not take {len(row.inputs)} inputs")
    if isinstance(aliases, str) or not all(
        isinstance(a, str) and a.isidentifier() for a in aliases
    ):
        raise wrong(forward, f"aliases= is a tuple of names, not {aliases!r}")
    if len({row.name, *aliases}) <= len(aliases):
        raise wrong(forward, f"aliases= names {row.name} or another one twice")


def check_inputs_alone(forward: Callable[..., Any]) -> None:
    """Raise unless every parameter of a function can be an input."""
    for p in inspect.signature(forward).parameters.values():
        if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) or p.default is not p.empty:
            what = f"each parameter is an input, {p} can't be one: lambda x: {p.name!r} set within"
            raise wrong(forward, what)
