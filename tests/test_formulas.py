"""The formulas of the table say what its functions compute: each is read, evaluated at random inputs
and compared with the row's result and with the gradients of a walk.

The inputs are those of the gradient tests, with and without ties, and a few that those tests can't
use. A formula with one sign, factor, comparison or argument changed must fail: that is tested too.
"""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx
from tests.operations import ROWS, Call
from tests.strategies import each_call
from tinygrad_xent import transforms
from tinygrad_xent.engine.ops import rowwise
from tinygrad_xent.engine.public import bind
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.formulas import (
    Binary,
    Compare,
    Expression,
    FormulaError,
    Index,
    Name,
    Number,
    Piecewise,
    Power,
    Unary,
    grammar,
    meaning,
    names,
    parse,
)
from tinygrad_xent.formulas.meaning import evaluate
from tinygrad_xent.nn import chunked

LINEAR_CROSS_ENTROPY = chunked._OF_LABELS
TABLE_ROWS = {name: TABLE[name] for name in ROWS}
EVALUATED = {**TABLE_ROWS, "linear_cross_entropy": LINEAR_CROSS_ENTROPY}

# --- points ---------------------------------------------------------------------------------------


@lru_cache
def points(name: str) -> list[Call]:
    """Some calls of a row, the same in each run."""
    if name == "linear_cross_entropy":
        return [linear_cross_entropy_call(seed) for seed in range(5)]
    found: list[Call] = []
    how = settings(
        max_examples=60,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for kinks in (False, True):
        each_call(name, lambda call: found.append(call), how, kinks)
    return found + more_points(name)


def more_points(name: str) -> list[Call]:
    """What the gradient tests can't use: powers of 0, and shapes left to the composites."""
    rng = np.random.default_rng(0)
    if name == "pow":
        x, n = np.meshgrid([0.0, 0.5, 1.0, 2.0], [-1.0, 0.0, 0.5, 1.0, 2.0])
        negative = [Call((np.array([-2.0, 0.0, 2.0]), n), (0,), name=name) for n in (0, 1, 2, 3)]
        return [Call((x, n), (0, 1), name=name), *negative]
    if name == "matmul":
        shapes = [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((3,), (2, 3, 4))]
        shapes += [((5, 2, 3), (3,)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (6, 3, 4))]
        return [
            Call((rng.normal(size=a), rng.normal(size=b)), (0, 1), name=name) for a, b in shapes
        ]
    if name == "xlogy":
        a, b = np.meshgrid([0.0, 1.0, 2.0], [-1.0, 0.0, 0.5, 3.0])
        return [Call((a, b), (0, 1), name=name)]
    if name == "clip":
        x = np.array([-2.0, 0.0, 2.0])
        limits = ((0, None), (None, None))
        return [Call((x,), (0,), {"min": a, "max": b}, name) for a, b in limits]
    return []


def linear_cross_entropy_call(seed: int) -> Call:
    rng = np.random.default_rng(seed)
    n, d, classes = rng.integers(2, 5, 3)
    bias = rng.normal(size=classes) if seed else 0.0
    arrays = (rng.normal(size=(n, d)), rng.normal(size=(d, classes)), bias)
    labels = rng.integers(0, classes, n)
    live = (0, 1, 2)[: 3 if seed else 2]
    return Call((*arrays, labels), live, name="linear_cross_entropy")


@lru_cache
def results(name: str) -> list[tuple[Call, tuple[Any, ...], Any, Any, list[Any]]]:
    """For each point: the call, its settings, y, a random g, and the gradients of a walk."""
    found = []
    for seed, call in enumerate(points(name)):
        leaves = list(call.inputs)
        for i in call.live:
            leaves[i] = tx.Tensor(np.array(leaves[i]), requires_grad=True)
        with np.errstate(all="ignore"), tx.check.autopsy(False):
            y = run(call, leaves)
            g = np.random.default_rng(seed).uniform(0.5, 2, y.shape)
            if call.live:
                y.backward(g)
        row = EVALUATED[name]
        bound = bind(row, call.inputs, call.settings)[1] if name in TABLE else ()
        slopes = [
            np.zeros(leaves[i].shape) if leaves[i].grad is None else leaves[i].grad.numpy()
            for i in call.live
        ]
        found.append((call, bound, y.numpy(), g, slopes))
    return found


def run(call: Call, inputs: list[Any]) -> Any:
    if call.name == "linear_cross_entropy":
        x, weight, bias, labels = inputs
        bias = None if isinstance(bias, float) else bias
        return chunked.linear_cross_entropy(x, weight, bias, labels, chunk_rows=2)
    return call(*(inputs[i] for i in call.live))


def check_value(name: str) -> None:
    for call, bound, y, _, _ in results(name):
        close(meaning.value_of(EVALUATED[name], call.inputs, bound, y.shape), y)


def check_derivative(name: str, i: int) -> None:
    """Check the formula for input i at every point where that is differentiated."""
    row, found = EVALUATED[name], 0
    for call, bound, y, g, slopes in results(name):
        for place, slope in zip(call.live, slopes, strict=True):
            if place == i or row.variadic:
                with np.errstate(invalid="ignore"):  # at kinks, inf - inf
                    found_slope = meaning.derivative_of(row, place, call.inputs, bound, y, g)
                close(found_slope, slope)
                found += slope.size
    assert found, f"no point for input {i} of {name}"


def close(formula: Any, row: Any) -> None:
    assert np.shape(formula) == np.shape(row)
    np.testing.assert_allclose(formula, row, rtol=1e-9, atol=1e-12)


DERIVATIVES = [(n, i) for n, row in EVALUATED.items() for i, rule in enumerate(row.rules) if rule]

# --- the formulas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVALUATED)
def test_the_formula_is_the_forward_function(name):
    check_value(name)


@pytest.mark.parametrize(("name", "i"), DERIVATIVES)
def test_the_derivatives_formula_is_the_rule(name, i):
    check_derivative(name, i)


def all_formulas() -> list[tuple[Any, str]]:
    rows = [*EVALUATED.values(), transforms._CHECKPOINT]
    return [
        (row, text)
        for row in rows
        for text in (row.formula, *(rule.formula for rule in row.rules if rule))
    ]


@pytest.mark.parametrize(("row", "text"), all_formulas(), ids=lambda x: getattr(x, "name", x))
def test_a_formula_stands_in_the_table_as_it_is_written(row, text):
    assert str(parse(text)) == text


@pytest.mark.parametrize("row", EVALUATED.values(), ids=lambda row: row.name)
def test_a_formulas_names_are_the_rows(row):
    own = {*row.inputs, *row.settings} | ({"N"} if "labels" in row.inputs else set())
    assert names(parse(row.formula)) <= own
    known = own | {"g", "y", "Y", "shapes", "i", *(f"{name}_shape" for name in row.inputs)}
    for rule in filter(None, row.rules):
        assert names(parse(rule.formula)) <= known


def scope_formulas() -> list[str]:
    """The formulas of the composites, as the source has them, and those of layers that have one."""
    found = [rowwise.CROSS_ENTROPY]
    home = Path(tx.__file__).parent
    modules = (home / "engine/breadth/composites.py", home / "nn/losses.py")
    for module in (*modules, *(home / "catalogue").glob("*.py")):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "composite":
                found += [a.value for a in node.args[1:] if isinstance(a, ast.Constant)]
    layers = (tx.nn.Linear(2, 2), tx.nn.ReLU(), tx.nn.Tanh(), tx.nn.Sigmoid(), tx.nn.Dropout(0.1))
    return found + [layer.formula for layer in layers]


def test_the_composites_formulas_can_be_read():
    found = scope_formulas()
    assert len(found) >= 10
    for text in found:
        assert str(parse(text)) == text


# --- the tests are tested: no formula with a slip passes ------------------------------------------

SWAPPED = {"<": "≤", "≤": "<", ">": "≥", "≥": ">", "=": "≠", "≠": "=", "·": "/", "/": "·"}
SWAPPED |= {"+": "-", "-": "+", "and": "or", "or": "and"}


def slips(tree: Expression) -> list[Expression]:
    """The tree with one thing wrong: twice as large, negated, or with a slip somewhere inside."""
    return [Binary("·", Number(2), tree), Unary("-", tree), *inner_slips(tree)]


def inner_slips(tree: Expression) -> list[Expression]:
    found: list[Expression] = []
    match tree:
        case Power(Name("e"), exponent):
            found = [exponent]
        case Unary(_, operand) | Index(operand, _) | Power(operand, _):
            found = [operand]
        case grammar.Call(_, (argument,)):
            found = [argument]
        case Binary(sign, left, right):
            found = [left, right] + [Binary(s, left, right) for s in (SWAPPED.get(sign),) if s]
        case Compare(signs, operands):
            swapped = [[*signs[:k], SWAPPED[s], *signs[k + 1 :]] for k, s in enumerate(signs)]
            found = [Compare(tuple(s), operands) for s in swapped]
        case Piecewise(cases, otherwise):
            found = [cases[0][0]]  # without its condition
            if len(cases) > 1:
                found.append(Piecewise(cases[:1], otherwise))
    below = [(child, slip) for child in grammar.children(tree) for slip in inner_slips(child)]
    return found + [put_below(tree, child, slip) for child, slip in below]


def put_below(tree: Expression, old: Expression, new: Expression) -> Expression:
    """The tree with its part `old` replaced by `new`."""

    def put(part: Any) -> Any:
        return tuple(map(put, part)) if isinstance(part, tuple) else new if part is old else part

    return replace(tree, **{f.name: put(getattr(tree, f.name)) for f in fields(tree)})


def survives(check: Any, *args: Any) -> bool:
    try:
        check(*args)
    except FormulaError:
        raise  # the slip itself is not a formula
    except (AssertionError, ValueError, TypeError, IndexError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("name", EVALUATED)
def test_a_slip_in_a_formula_is_found(name, monkeypatch):
    row = EVALUATED[name]
    for slip in slips(parse(row.formula)):
        with monkeypatch.context() as patch:
            patch.setattr(row, "formula", str(slip))
            assert not survives(check_value, name), slip


@pytest.mark.parametrize(("name", "i"), DERIVATIVES)
def test_a_slip_in_a_derivatives_formula_is_found(name, i, monkeypatch):
    rule = EVALUATED[name].rules[i]
    for slip in slips(parse(rule.formula)):
        with monkeypatch.context() as patch:
            patch.setattr(rule, "formula", str(slip))
            assert not survives(check_derivative, name, i), slip


# --- the parser -----------------------------------------------------------------------------------


def test_what_binds_tighter():
    assert parse("a + b · c") == Binary("+", Name("a"), Binary("·", Name("b"), Name("c")))
    same = {
        "a - b - c": "(a - b) - c",
        "a / b · c": "(a / b) · c",
        "-a · b": "(-a) · b",
        "-x²": "-(x²)",
        "x² / y": "(x²) / y",
        "a @ bᵀ": "a @ (bᵀ)",
        "log x²": "log(x²)",
        "log(x)²": "(log x)²",
        "Σ (x - m)² / n": "(Σ ((x - m)²)) / n",
        "√x + 1": "(√x) + 1",
        "log Σ eˣ": "log(Σ (eˣ))",
        "-Σ log softmax(x)[labels] / N": "(-(Σ (log(softmax(x)[labels])))) / N",
        "g / Σ (x = y) where x = y": "(g / Σ (x = y)) where x = y",
        "a = b + 1 and c or not d = 1": "((a = (b + 1)) and c) or (not (d = 1))",
        "g where a < b ≤ c, -g else": "(g) where (a < b ≤ c), (-g) else",
        "min(max(x, min), max)": "min(max(x, (min)), (max))",
        "|a| · |b|": "(|a|) · (|b|)",
        "||x| - |y||": "|(|x|) - (|y|)|",
        "x[i][j]ᵀ": "((x[i])[j])ᵀ",
        "not(a = b)": "not (a = b)",
    }
    for text, spelled in same.items():
        assert parse(text) == parse(spelled), text
        assert str(parse(spelled)) == str(parse(text))


def test_superscripts():
    assert parse("xⁿ⁻¹") == Power(Name("x"), Binary("-", Name("n"), Number(1)))
    assert parse("e⁻ˣ") == Power(Name("e"), Unary("-", Name("x")))
    assert names(parse("eˣ⁻ʸ · e")) == {"x", "y", "e"}
    with pytest.raises(FormulaError, match="can't be a superscript"):
        str(Power(Name("x"), parse("a · b")))


letters = st.sampled_from(["x", "y", "n", "a", "b", "weight", "x_shape", "min", "max", "γ", "N"])
small = st.one_of(st.integers(0, 20), st.sampled_from([0.5, 0.25, 1.75]))
leaves = st.one_of(letters.map(Name), small.map(Number))
raised = st.recursive(
    st.one_of(st.sampled_from("xynab").map(Name), st.integers(0, 20).map(Number)),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-"), inner, inner),
        st.builds(Unary, st.just("-"), inner),
    ),
    max_leaves=4,
)


def larger(inner: Any) -> Any:
    """Trees with these in them: each kind of node, each operator."""
    operands = st.lists(inner, min_size=2, max_size=3).map(tuple)
    compared = operands.flatmap(
        lambda xs: st.tuples(*[st.sampled_from("<>≤≥=≠")] * (len(xs) - 1)).map(
            lambda signs: Compare(signs, xs)
        )
    )
    one = st.builds(
        grammar.Call,
        st.sampled_from(["Σ", "√", "abs", "log", "tanh", "max", "min", "softmax", "σ", "f"]),
        st.tuples(inner),
    )
    several = st.builds(grammar.Call, st.sampled_from(["max", "min", "reshape", "f"]), operands)
    cases = st.lists(st.tuples(inner, inner), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "not", "ᵀ"]), inner),
        st.builds(Binary, st.sampled_from(["+", "-", "·", "/", "@", "and", "or"]), inner, inner),
        st.builds(Power, st.one_of(inner, st.just(Name("e"))), raised),
        st.builds(Index, inner, inner),
        compared,
        one,
        several,
        st.builds(Piecewise, cases, inner),
        st.builds(Piecewise, cases),
    )


trees = st.recursive(leaves, larger, max_leaves=12)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(trees)
def test_a_tree_reads_back_from_its_text(tree):
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "place", "what", "right"),
    [
        ("g / 2y", 5, "'y' follows a value", "g / (2 · y)"),
        ("g * y", 2, "'*' is not", "g · y"),
        ("g where a == b", 10, "'=' is not", "g where a = b"),
        ("x^2", 1, "'^' is not", "x²"),
        ("log (x)²", 4, "does log take", "log(x)"),
        ("(g · y", 6, "')' is missing before 'the end'", "g · (1 - y)"),
        ("g ·", 3, "a value is missing before 'the end'", "Σ (g · y)"),
        ("Σ -x", 2, "a value is missing before '-'", "Σ (g · y)"),
        ("a where c, b", 12, "'where' is missing", "g / 2 where a = b"),
        ("x[index", 7, "']' is missing", "x[index]"),
        ("|x", 2, "'|' is missing", "|x|"),
        ("f(a b)", 4, "')' is missing before 'b'", "max(a, b)"),
        ("xⁿ⁻", 3, "a value is missing", ""),
        ("x)", 1, "')' does not belong here", ""),
        ("", 0, "a value is missing", ""),
        ("x where", 7, "a value is missing", ""),
        ("g inside", 2, "'inside' follows a value", ""),
        ("-Σ (1 - p)^γ", 10, "'^' is not", "x²"),
    ],
)
def test_an_error_points_at_its_place_and_shows_a_right_formula(text, place, what, right):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    first, shown, pointer, last = str(caught.value).splitlines()
    assert what in first
    assert (shown, pointer) == (f"  {text}", "  " + " " * place + "^")
    assert last.startswith("  write it as in: ")
    assert right in last


def test_every_right_formula_that_an_error_shows_is_one():
    for right in grammar._MEANT.values():
        parse(right.split(",")[0].split(" (")[0])


# --- evaluation -----------------------------------------------------------------------------------


def test_where_selects():
    """A value that is not selected may be infinite or NaN; the first case that holds is taken."""
    x = np.array([0.0, 1.0, -1.0])
    found = evaluate(parse("1 / x · 0 where x > 0, log x where x < -2, 7 else"), {"x": x})
    np.testing.assert_array_equal(found, [7, 0, 7])
    np.testing.assert_array_equal(
        evaluate(parse("1 where x ≥ 0, 2 where x ≥ 1"), {"x": x}), [1, 1, 0]
    )


def test_comparisons_are_numbers():
    x = np.array([1.0, 2.0, 2.0])
    assert evaluate(parse("Σ (x = 2)"), {"x": x}) == 2
    np.testing.assert_array_equal(evaluate(parse("-(1 < x ≤ 2)"), {"x": x}), [0, -1, -1])
    np.testing.assert_array_equal(evaluate(parse("(x = 1) - (x = 2)"), {"x": x}), [1, -1, -1])


def test_unknown_names_and_functions():
    with pytest.raises(FormulaError, match="z has no value; known are x"):
        evaluate(parse("x + z"), {"x": 1.0})
    with pytest.raises(FormulaError, match="no function f"):
        evaluate(parse("f(x)"), {"x": 1.0})
    row = TABLE["softmax_cross_entropy"]
    with pytest.raises(FormulaError, match="no derivative with respect to labels"):
        meaning.derivative_of(row, 1, [np.zeros(2), np.array([0])], (0,), 0.0, 1.0)


def test_the_engine_does_not_need_the_formulas():
    import subprocess
    import sys

    code = "import sys, tinygrad_xent; assert 'tinygrad_xent.formulas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
