"""Warnings: all go through one function, shown once per line whatever numbers stand in them."""

from __future__ import annotations

import ast
import operator
import re
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent.engine import lines

ROOT = Path(__file__).parents[1]
X = tx.Tensor([1.0, 2.0], requires_grad=True)


def fit(i):
    estimator = pytest.importorskip("tinygrad_xent.estimator")
    classifier = estimator.SoftmaxClassifier(max_epochs=2 + i, random_state=0)
    classifier.fit([[1.0, 0.0], [0.0, 1.0]] * 4, [0, 1] * 4)


def draw(i):
    y = X
    for _ in range(4 + i):
        y = tx.softmax(y) + y
    viz.draw(y, max_nodes=3)


def overwritten(i):
    x, b = (tx.Tensor([value], requires_grad=True) for value in (0.0, 1.0))
    loss = (tx.log(x) * i + b).sum()
    b.data = [2.0]
    with tx.check.autopsy(False):
        loss.backward()


def with_nan(use):
    w = tx.Tensor([1.0], requires_grad=True)
    w.grad = [np.nan]
    use(w)


def run_program(i):
    halves = np.full((1, 2), 0.5)
    program = tx.program(lambda z, y: tx.cross_entropy(z, y), np.ones((1, 2)), halves)
    program(np.ones((1, 2)), halves + 0.1 + i)


def run_uncompiled(i):
    tx.compile(lambda x: x if x.sum() > i else -x)(np.ones(2 + i))


def retry_often(i):
    w = tx.Tensor(np.ones((2, 3)), requires_grad=True)
    optimizer = tx.optim.SGD([w], lr=0.0)  # too small a rate for a compiled step

    @tx.compile
    def step(x, y):
        tx.cross_entropy(x @ w, y).backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(8):
        step(np.ones((2 + i, 2)), np.zeros(2 + i, int))


WARNINGS = {  # what warns, with a number in its text that depends on i; how often a test can afford it
    "a target row": (lambda i: tx.cross_entropy(np.ones((1, 2)), [[0.5, 0.1 + 1e-4 * i]]), 1000),
    "no samples": (lambda i: tx.mse_loss(np.ones((0, i + 1)), np.ones((0, i + 1))), 1000),
    "no grad": (lambda i: (X * i).grad, 1000),
    "not finite": (lambda i: tx.exp(X[0] + 1000.0 + i).backward(), 200),
    "an overwritten leaf": (overwritten, 100),
    "a step": (lambda i: with_nan(lambda w: tx.optim.SGD([w], lr=0.1 + i).step()), 100),
    "a norm": (lambda i: with_nan(lambda w: tx.optim.clip_grad_norm([w], 1.0 + i)), 100),
    "a variance": (lambda i: tx.var([1.0], ddof=1 + i), 1000),
    "a mean of nothing but nan": (lambda i: tx.nanmean(np.full(1 + i, np.nan)), 100),
    "a maximum of nothing but nan": (lambda i: tx.nanmax(np.full(1 + i, np.nan)), 100),
    "a covariance": (lambda i: tx.cov([1.0], ddof=1 + i), 1000),
    "a plain number": (lambda i: float(X[0] * i), 1000),
    "an augmented assignment": (lambda i: operator.iadd(X * 1, i), 1000),
    "a kink": (lambda i: tx.check.gradcheck(tx.relu, np.zeros(2 + i)), 10),
    "a check of a program": (run_program, 10),
    "a function that is not compiled": (run_uncompiled, 10),
    "a step in vain": (retry_often, 3),
    "the classifier": (fit, 3),
    "a picture": (draw, 3),
}
each_warning = pytest.mark.parametrize("name", WARNINGS)


def shown(name, *actions, times=None):
    """How many warnings come of calling it with 0, 1, 2, ..., and the size of Python's table."""
    call, affordable = WARNINGS[name]
    globals().pop("__warningregistry__", None)
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        for action in actions:
            warnings.simplefilter(action)
        for i in range(times or affordable):
            call(i)
    return len(caught), len(globals().get("__warningregistry__", ()))


# --- every warning of the package -----------------------------------------------------------------


def calls_of(name):
    """Every call of a function of this name in the two packages: file, line, how it is written."""
    for package in ("tinygrad_xent", "viz"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and re.fullmatch(
                    rf"(.*\.)?{name}", ast.unparse(node.func)
                ):
                    yield str(file), node.lineno, ast.unparse(node.func)


def test_only_one_function_calls_pythons():
    python = [c for name in ("warn_explicit", "showwarning") for c in calls_of(name)]
    assert [Path(file).name for file, *_ in python] == ["lines.py"]
    assert {how for *_, how in calls_of("warn")} == {"lines.warn", "nonfinite.warn", "warn"}


def test_every_warning_of_the_package_is_tried_here(monkeypatch):
    stacks = []
    monkeypatch.setattr(lines, "warn", lambda *_: stacks.extend(traceback.extract_stack()))
    with np.errstate(all="ignore"):
        for call, _ in WARNINGS.values():
            call(0)
    reached = {(frame.filename, frame.lineno) for frame in stacks}
    assert [c for c in calls_of("warn") if c[:2] not in reached] == []


# --- in a loop ------------------------------------------------------------------------------------


@each_warning
@pytest.mark.parametrize("action", ["default", "module", "once"])
def test_changing_numbers_are_shown_once_and_noted_once(name, action):
    few, size = shown(name, action, times=2)
    if name == "the classifier":  # each fit of scikit-learn changes the filters: shown again
        assert size <= 3
        return
    assert few == 1
    assert shown(name, action) == (1, size)
    assert len(warnings.onceregistry) < 100  # where Python is written in Python


@each_warning
def test_always_shows_all_and_ignore_none(name):
    assert shown(name, "always")[0] == WARNINGS[name][1]
    assert shown(name, "ignore")[0] == 0


@each_warning
def test_error_raises_each_time(name):
    call, times = WARNINGS[name]
    raised = 0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(times):
            try:
                call(i)
            except Warning:
                raised += 1
    assert raised == times


# --- as with warnings.warn ------------------------------------------------------------------------


def bad_row(total=0.6):
    tx.cross_entropy(np.ones((1, 2)), [[0.5, total - 0.5]])


def test_another_line_and_another_kind_at_the_same_line_are_shown():
    scores, wrong, none = np.ones((1, 2)), [[0.5, 0.1]], [-100]
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for target in (wrong, none, wrong, none):
            tx.cross_entropy(scores, target, ignore_index=-100)
        tx.cross_entropy(scores, wrong)
        for loss in [tx.log(X - X).sum(), tx.exp(X * 1000).sum()] * 2:
            loss.backward(retain_graph=True)
    kinds = ["target row 0", "over no samples", "target row 0", "log at", "exp at"]
    for warning, kind in zip(caught, kinds, strict=True):
        assert kind in str(warning.message)


def test_it_is_shown_again_after_the_filters_changed():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for i in range(3):
            bad_row(0.6 + i / 100)
        warnings.filterwarnings("default", category=UserWarning)
        bad_row(0.65)
    assert len(caught) == 2


def test_it_is_shown_again_inside_catch_warnings_and_pytest_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for _ in range(2):
            with pytest.warns(RuntimeWarning, match=r"sums to 0\.6,"):
                bad_row()
            with warnings.catch_warnings(record=True) as caught:
                bad_row(0.7)
            assert len(caught) == 1


def test_filters_read_the_text_with_its_numbers():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message=r".*sums to 0\.6,")
        for total in (0.6, 0.7, 0.6):
            bad_row(total)
    assert ["sums to 0.7" in str(w.message) for w in caught] == [True]
    assert str(caught[0].message) == caught[0].message.args[0]


@pytest.mark.parametrize(("option", "expected"), [("error", 0), ("always", 5), ("default", 1)])
def test_the_option_of_python(option, expected):
    program = """
import numpy as np
import tinygrad_xent as tx
for i in range(5):
    tx.cross_entropy(np.ones((1, 2)), [[0.5, 0.1 + i / 100]])
"""
    command = [sys.executable, "-W", f"{option}::RuntimeWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr.count("RuntimeWarning: cross_entropy: target row 0 sums to") == max(
        expected, option == "error"
    )
    assert done.returncode == (option == "error")


# --- which texts are of one kind ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sums to 0.97, not 1", "sums to 1e-05, not 1"),
        ("the loss is nan", "the loss is -inf"),
        ("row (3, 4)", "row (5, 6, 7)"),
        ("W1 at train.py:12\n  cause: x", "W2 at train.py:7 cause:\n  x"),
        ("x17", "x18"),
    ],
)
def test_numbers_do_not_tell_texts_apart(one, other):
    assert lines._Text(one) == lines._Text(other)
    assert hash(lines._Text(one)) == hash(lines._Text(other))


@pytest.mark.parametrize(
    ("one", "other"), [("log of 0", "exp of 0"), ("information", "nanometre"), ("W is 0", "b is 0")]
)
def test_words_do(one, other):
    assert lines._Text(one) != lines._Text(other)
    assert lines._Text(one) == one
