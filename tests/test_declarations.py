"""Declarations that cannot be right: each error says what is wrong and shows a right one."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.messages import said
from tinygrad_xent import op
from tinygrad_xent.check import gradcheck
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.formulas import FormulaError

GOOD = ("g", lambda g: g)


def declare(forward, *rules, formula="x", **facts):
    return op(formula, *rules, **facts)(forward)


def no_slash(x):
    return x


def one(x, /):
    return x


def two(a, b, /, axis=0):
    return a + b


def many(*xs):
    return sum(xs)


WRONG = {
    "no slash": (lambda: declare(no_slash, GOOD), "no parameter comes before a `/`"),
    "too few rules": (lambda: declare(two, GOOD), r"2 inputs \(a, b\) need a rule each"),
    "too many rules": (lambda: declare(one, GOOD, GOOD), "x needs a rule, or None: got 2"),
    "no rule": (lambda: declare(one), "x needs a rule, or None: got 0"),
    "a rule alone": (lambda: declare(one, lambda g: g), r"a rule is \(formula, function\) or None"),
    "a formula alone": (lambda: declare(one, "g"), r"a rule is \(formula, function\) or None"),
    "an unknown name": (
        lambda: declare(one, ("g", lambda g, z: g)),
        "asks for 'z'; it may ask for g, x, x_shape, y",
    ),
    "an unknown name among settings": (
        lambda: declare(two, GOOD, ("g", lambda g, c_shape: g), formula="a + b"),
        "asks for 'c_shape'; it may ask for g, a, a_shape, axis, b, b_shape, y",
    ),
    "an unknown key": (lambda: declare(one, GOOD, nummpy=np.sin), "argument 'nummpy'"),
    "a bare decorator": (lambda: op(one)(one), "the formula comes first, as text"),
    "no function": (lambda: op("x", GOOD)(3), "takes a function to make an operation from, not 3"),
    "a formula that is no text": (lambda: declare(one, GOOD, formula=None), "comes first, as text"),
    "a rule without g": (lambda: declare(one, ("g", lambda: 1)), "must take g, then by name"),
    "a rule of keywords": (
        lambda: declare(one, ("g", lambda g, *, x: g)),
        "must take g, then by name",
    ),
    "i that is not last": (lambda: declare(many, ("g", lambda g, i, y: g)), "must take i, .* last"),
    "many inputs by a place's name": (
        lambda: declare(lambda *xs, i=1: xs, GOOD),
        "'i' is the position of an input in a rule",
    ),
    "settings without names": (
        lambda: declare(lambda x, /, **how: x, GOOD),
        "\\*\\*keywords can't",
    ),
    "an alias twice": (lambda: declare(one, GOOD, aliases=("one",)), "must not repeat a name"),
    "an input of many": (
        lambda: declare(many, ("g", lambda g, xs: g)),
        "it may ask for g, i, shapes, y",
    ),
    "an input called y": (lambda: declare(lambda x, y, /: x, GOOD, GOOD), "'y' is the output in a"),
    "a setting called g": (lambda: declare(lambda x, /, g=1: x, GOOD), "'g' is the gradient of"),
    "a setting like a shape": (lambda: declare(lambda x, /, x_shape=1: x, GOOD), "is a shape in a"),
    "a name in a formula": (
        lambda: declare(one, GOOD, formula="β · x"),
        "'β · x' has the unknown name β",
    ),
    "a name in a derivative": (
        lambda: declare(one, ("q · g", lambda g: g)),
        "unknown name q; known are",
    ),
    "an operator": (lambda: declare(one, GOOD, operator="+"), "operator= must be one of abs, add"),
    "an operator of two": (lambda: declare(one, GOOD, operator="mod"), "does not take 1 input"),
    "aliases in one text": (
        lambda: declare(one, GOOD, aliases="abc"),
        "aliases= must be a tuple of",
    ),
    "numpy by name": (lambda: declare(one, GOOD, numpy="sin"), "takes functions of NumPy"),
    "parts that are none": (
        lambda: declare(one, GOOD, parts=3),
        "parts= must be a function of the same",
    ),
    "a kind that is no text": (lambda: declare(one, GOOD, kind=["moves"]), "no attribute 'split'"),
    "an unknown kind": (lambda: declare(one, GOOD, kind="element"), "unknown kind element; known"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_shows_a_right_one(name):
    call, what = WRONG[name]
    with pytest.raises(TypeError) as caught:
        call()
    assert re.search(what, said(caught.value))
    assert "a right one:\n    @tx.op(" in str(caught.value)
    assert "test_declarations.py" in str(caught.value)
    assert {"one", "two", "many", "no_slash"} & TABLE.keys() == set()


def test_the_right_declaration_that_errors_show_is_one():
    from tinygrad_xent.extension.declarations import EXAMPLE

    names = {"tx": tx}
    lines = EXAMPLE.split("a right one:\n")[1].splitlines()
    exec("\n".join(line[4:] for line in lines), names)
    assert names["times_square"]([2.0], [3.0]).item() == 18.0
    assert gradcheck(names["times_square"], [2.0], [3.0])


def test_formulas_that_cannot_be_read():
    for formula, rule in (("x ^ 2", "g"), ("x", "g inside")):
        with pytest.raises(FormulaError, match="write it as in"):
            declare(one, (rule, lambda g: g), formula=formula)
    assert "one" not in TABLE


def test_names_that_tensor_has_are_refused():
    def shape(x, /):
        return x

    def data(x, /):
        return x

    for forward in (shape, data):
        with pytest.raises(
            ValueError, match=f"Tensor already has an attribute '{forward.__name__}'"
        ):
            declare(forward, GOOD, method=True)
    with pytest.raises(ValueError, match="attribute '__add__'"):
        declare(two, GOOD, GOOD, operator="add", formula="a + b")
    with pytest.raises(ValueError, match=r"(?s)np.exp is already replaced by exp.*replace"):
        declare(one, GOOD, numpy=np.exp)
    declare(shape, GOOD)([1.0])  # as a function of its own it may
