"""Checks of the operations that users declare: a wrong declaration gets an error that shows a right one.

`rows.py` calls these checks before it makes a row; they change nothing.
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
    """The error for a declaration: what is wrong, where, and a right one as an example."""
    name = getattr(forward, "__name__", type(forward).__name__)
    return TypeError(errors.message(f"op: {name}: {what}") + EXAMPLE)


def check_arguments(forward: Any, formula: Any, rules: Sequence[Any]) -> None:
    """Raise unless these are a function, a formula and rules."""
    if not callable(forward):
        raise wrong(forward, f"takes a function to make an operation from, not {forward!r}")
    if not isinstance(formula, str):
        raise wrong(forward, f"the formula comes first, as text: tx.op('x²', ...), got {formula!r}")
    for rule in rules:
        pair = isinstance(rule, tuple) and len(rule) == 2
        if rule is not None and not (pair and isinstance(rule[0], str) and callable(rule[1])):
            raise wrong(forward, f"a rule is (formula, function) or None, not {rule!r}")


def check_row(forward: Callable[..., Any], row: Op) -> None:
    """Raise unless inputs, rules, names and kind of a row fit together."""
    if not row.inputs:
        names = ", ".join([*row.settings, "/"])
        fix = f"def {row.name}({names})" if row.settings else f"def {row.name}(x, /)"
        raise wrong(forward, f"no parameter comes before a `/`, but inputs must: {fix}")
    for name in (*row.inputs, *row.settings):
        meaning = RESERVED.get(name) or ("a shape" if name.endswith(("_shape", "shapes")) else None)
        if row.variadic and name == "i":
            meaning = "the position of an input"
        if meaning:
            raise wrong(forward, f"{name!r} is {meaning} in a rule: rename the parameter")
    if any(p.kind is p.VAR_KEYWORD for p in row.signature.parameters.values()):
        raise wrong(forward, "each setting needs a name: **keywords can't be settings")
    count = 1 if row.variadic else len(row.inputs)
    if len(row.rules) != count:
        listed = ", ".join(row.inputs)
        what = (
            f"{count} inputs ({listed}) need a rule each" if count > 1 else f"{listed} needs a rule"
        )
        raise wrong(forward, f"{what}, or None: got {len(row.rules)}")
    if unknown := row.kinds - KINDS.keys():
        words = ", ".join(KINDS)
        raise wrong(forward, f"unknown kind {', '.join(sorted(unknown))}; known are {words}")
    if row.parts is not None and not callable(row.parts):
        raise wrong(forward, "parts= must be a function of the same inputs and settings")
    for rule in filter(None, row.rules):
        _check_rule(forward, row, rule.formula, rule.function)


def _check_rule(forward: Callable[..., Any], row: Op, formula: str, rule: Any) -> None:
    """Raise if a rule's parameters are not names that a rule may ask for."""
    parameters = list(inspect.signature(rule).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or any(p.kind not in plain for p in parameters):
        raise wrong(forward, f"the rule for {formula!r} must take g, then by name what it needs")
    wants = [p.name for p in parameters[1:]]
    known = {*row.inputs, *(f"{name}_shape" for name in row.inputs), "y", *row.settings}
    if row.variadic:  # the inputs are known only when it runs
        known = {"y", *row.settings, "shapes", "i"}
        if "i" in wants[:-1]:
            raise wrong(forward, f"the rule for {formula!r} must take i, the input's place, last")
    for name in wants:
        if name not in known:
            given = ", ".join(sorted(known))
            raise wrong(
                forward, f"the rule for {formula!r} asks for {name!r}; it may ask for g, {given}"
            )


def check_formulas(forward: Callable[..., Any], row: Op) -> None:
    """Raise if a formula can't be read, or uses an unknown name."""
    from ..formulas import FormulaError, names, parse  # late: the engine itself never needs them

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
            raise wrong(
                forward,
                f"{text!r} has the unknown name {', '.join(sorted(unknown))}; known are {given}",
            )


def check_places(forward: Any, row: Op, numpy: Sequence[Any], operator: str, aliases: Any) -> None:
    """Raise unless the NumPy functions, the operator and the aliases are valid."""
    for function in numpy:
        if not callable(function) or not hasattr(function, "__name__"):
            raise wrong(
                forward, f"numpy= takes functions of NumPy, as in numpy=np.sin, not {function!r}"
            )
    if operator and operator not in OPERATORS:
        raise wrong(
            forward, f"operator= must be one of {', '.join(sorted(OPERATORS))}, not {operator!r}"
        )
    if operator and (len(row.inputs) != 1 + (operator not in {"neg", "pos", "abs", "invert"})):
        raise wrong(forward, f"the operator {operator!r} does not take {len(row.inputs)} inputs")
    if isinstance(aliases, str) or not all(
        isinstance(a, str) and a.isidentifier() for a in aliases
    ):
        raise wrong(forward, f"aliases= must be a tuple of names, not {aliases!r}")
    if len({row.name, *aliases}) <= len(aliases):
        raise wrong(forward, f"aliases= must not repeat a name, nor {row.name} itself")


def check_inputs_alone(forward: Callable[..., Any]) -> None:
    """Raise unless every parameter of a function can be an input."""
    for p in inspect.signature(forward).parameters.values():
        if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) or p.default is not p.empty:
            what = f"every parameter is an input, {p} can't be one: set {p.name!r} in the function"
            raise wrong(forward, what)
