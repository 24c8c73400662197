"""What is not done in blocks of rows, and the proof of what may be."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.blocked import (
    LOSSES,
    ROWS,
    agree,
    batch,
    linear,
    logits,
    small_blocks,
    stepping,
    train_linear,
    twice,
)
from tinygrad_xent.compiled import blocks, looping, rows, scaling


@pytest.fixture(autouse=True)
def blocks_of_few_rows(monkeypatch):
    small_blocks(monkeypatch)


# --- what is not -----------------------------------------------------------------------------------

REFUSED = {
    "softmax over the rows": lambda w, x, y: (
        tx.softmax(x * logits(w, x)[:, :1], axis=0) ** 2
    ).sum(),
    "the largest of a column": lambda w, x, y: logits(w, x).max(axis=0).sum(),
    "centred columns": lambda w, x, y: ((logits(w, x) - logits(w, x).mean(axis=0)) ** 2).mean(),
    "products of rows": lambda w, x, y: (logits(w, x) @ logits(w, x).T).sum(),
    "sum along the rows": lambda w, x, y: (tx.cumsum(logits(w, x), axis=0) ** 2).mean(),
    "rows turned around": lambda w, x, y: (tx.flip(logits(w, x), 0) * logits(w, x)).mean(),
    "sorted columns": lambda w, x, y: (tx.sort(logits(w, x), axis=0) * logits(w, x)).mean(),
    "some rows": lambda w, x, y: tx.cross_entropy(logits(w, x)[1:7], y[1:7]),
    "each second row": lambda w, x, y: (logits(w, x)[::2] ** 2).mean(),
    "the first row": lambda w, x, y: (logits(w, x) * logits(w, x)[0]).mean(),
    "rows by their labels": lambda w, x, y: (logits(w, x)[y] * logits(w, x)).mean(),
    "a square of a sum": lambda w, x, y: (logits(w, x) - logits(w, x).sum()).mean(),
    "rows of three numbers": lambda w, x, y: (
        tx.reshape(logits(w, x), (ROWS // 2, 6))[:, :3] ** 2
    ).mean(),
    "ignored labels": lambda w, x, y: tx.cross_entropy(logits(w, x), y, ignore_index=1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_row_by_row_runs_whole(name):
    agree(linear(), stepping(REFUSED[name]), *twice(), blocked=False)


def test_a_square_matrix_is_no_table_of_rows():
    """An axis that is as long by chance: the columns of the data, the classes, a matrix beside it."""
    mixed = stepping(lambda w, x, y, a: tx.cross_entropy(a @ logits(w, x), y))
    square = np.random.default_rng(0).normal(size=(ROWS, ROWS))
    agree(linear(), mixed, (*batch(), square), (*batch(), square * 2), blocked=False)
    flipped = stepping(lambda w, x, y, a: (logits(w, x).T @ a).sum())
    agree(linear(), flipped, (*batch(), square), (*batch(), square * 2))
    across = stepping(lambda w, x, y: (logits(w, x) * y).mean())
    agree(linear(classes=ROWS), across, *twice(), blocked=False)
    agree(linear(width=ROWS, classes=ROWS), train_linear, *twice(width=ROWS, classes=ROWS))


def test_rows_that_are_given_back_stay_whole():
    def loss(w, x, y):
        z = logits(w, x)
        return tx.cross_entropy(z, y), z

    agree(linear(), stepping(loss), *twice(), blocked=False)


def test_draws_stay_whole():
    def make():
        world = linear()()
        world.dropout = tx.nn.Dropout(0.5, rng=5)
        return world

    step = stepping(lambda w, x, y: tx.cross_entropy(logits(w, w.dropout(x)), y))
    agree(make, step, *twice(), blocked=False)


def test_statistics_of_a_batch_stay_whole():
    one, zero = tx.constant(np.ones(3)), tx.constant(np.zeros(3))

    def loss(w, x, y):
        return tx.cross_entropy(tx.batch_norm(tx.tanh(logits(w, x)), weight=one, bias=zero), y)

    agree(linear(), stepping(loss), *twice(), blocked=False)


def test_float16_stays_whole():
    agree(
        linear(np.float16),
        stepping(LOSSES["mean of squares"]),
        *twice(dtype=np.float16),
        blocked=False,
    )


def test_few_rows_stay_whole():
    agree(linear(), train_linear, *twice(5), blocked=False)


def test_small_results_stay_whole(monkeypatch):
    monkeypatch.undo()
    agree(linear(), train_linear, *twice(), blocked=False)


# --- whether it pays -------------------------------------------------------------------------------


def made_of(count, width, classes, monkeypatch):
    """What is decided about a linear layer of this size."""
    monkeypatch.undo()
    seen = []

    def noted(*args):
        seen.append(blocks.in_blocks(*args))
        return seen[-1]

    monkeypatch.setattr(looping, "in_blocks", noted)
    step = tx.compile(lambda w, x, y: train_linear(w, x, y), strict=True)
    step(linear(np.float32, width, classes)(), *batch(count, np.float32, width, classes))
    return seen[0]


def test_a_block_stays_in_the_cache(monkeypatch):
    made = made_of(8192, 8, 300, monkeypatch)
    assert (made.rows, made.size) == (8192, 512)
    assert made.nbytes <= blocks.CACHED


def test_large_gradients_beside_few_rows_do_not_pay(monkeypatch):
    assert made_of(512, 4096, 5000, monkeypatch) is None


# --- the proof itself -------------------------------------------------------------------------------


def kinds(f, *args):
    """The kinds of all results of a function of rows, by the calls' names."""
    instructions = tx.program(f, *args).instructions
    data = {i.id for i in instructions if i.call == "input"}
    found = rows.kinds_of(instructions, data, len(args[0]))
    return None if found is None else [(i.call, found[i.id]) for i in instructions]


def test_kinds():
    x = batch()[0]
    found = kinds(lambda x: (np.exp(x) - np.exp(x).max(axis=1, keepdims=True)).sum(axis=0), x)
    assert {kind for _, kind in found} == {"rows", "sum"}
    assert kinds(lambda x: x.T @ x, x)[-2:] == [
        ("ndarray.transpose", "turned"),
        ("operator.matmul", "sum"),
    ]
    assert kinds(lambda x: x.sum(axis=0) * 2, x)[-1][1] == "after"
    assert kinds(lambda x: x - x.max(axis=0), x) is None
    assert kinds(lambda x: x @ x[:4], x) is None
    assert kinds(lambda x, y: x[tx.arange(12), y], *batch())[-1][1] == "rows"
    assert kinds(lambda x, y: x[tx.arange(12)[::-1], y], *batch()) is None


def test_a_wrong_proof_is_found(monkeypatch):
    """If a reduction over rows passed for one along them, the tests above would fail."""
    monkeypatch.setattr(rows._Kinds, "reduction", lambda self, i: "rows" if i.shape else "sum")
    monkeypatch.setattr(rows._Kinds, "is_aligned", lambda self, x, i: True)
    monkeypatch.setattr(rows._Kinds, "row_by_row", lambda self, i: True)
    wrong = 0
    for name in ("softmax over the rows", "centred columns", "rows turned around"):
        try:
            agree(linear(), stepping(REFUSED[name]), *twice())
        except Exception:
            wrong += 1
    assert wrong == 3


def test_a_wrong_scale_is_found(monkeypatch):
    monkeypatch.setattr(scaling._Scaled, "narrow", lambda self, i: True)
    agree(linear(width=6), train_linear, *twice(width=6))  # it need not pay to be right
    monkeypatch.setattr(scaling._Scaled, "unscaled", lambda self: iter([self.of_labels]))
    with pytest.raises((AssertionError, UserWarning)):
        agree(linear(classes=9), train_linear, *twice(classes=9))
