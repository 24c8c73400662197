"""Steps in blocks of rows: they agree with eager code, and what can't be done in blocks is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, check_near, quietly, state, train, trained
from tinygrad_xent.compiled import blocks, looping, pieces, rows, scaling, small

ROWS, LOOP = 12, "for start in range("


FEATURES, TABLE, PAIR = (
    tx.constant(a) for a in (np.arange(1.0, 5.0), np.full((3, 3), 0.3), np.ones((1, 1, 2)))
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of five rows or fewer, whether they pay or not."""
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "CACHED", 1)
    monkeypatch.setattr(blocks, "FEWEST", 5)
    monkeypatch.setattr(blocks, "_pays", lambda made: True)
    monkeypatch.setattr(small, "FEW_LOGITS", 0)  # what is for small arrays is not for blocks
    monkeypatch.setattr(small, "FEW", 0)
    monkeypatch.setattr(small, "BLOCK", 0)


def batch(count=ROWS, dtype=np.float64, width=4, classes=3, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)).astype(dtype), rng.integers(0, classes, count)


def linear(dtype=np.float64, width=4, classes=3, kind="SGD", **options):
    """A world with a linear layer W, b and an optimiser."""

    def make():
        rng = np.random.default_rng(1)
        W = tx.Tensor(rng.normal(size=(width, classes)).astype(dtype), requires_grad=True)
        b = tx.Tensor(rng.normal(size=classes).astype(dtype), requires_grad=True)
        optimizer = getattr(tx.optim, kind)([W, b], **{"lr": 0.1} | options)
        return SimpleNamespace(W=W, b=b, optimizer=optimizer)

    return make


def stepping(loss_of):
    """A training step with the loss of a world and a batch, and whatever else that function returns."""

    def step(world, *args):
        world.optimizer.zero_grad()
        found = loss_of(world, *args)
        loss = found[0] if isinstance(found, tuple) else found
        loss.backward()
        world.optimizer.step()
        return found

    return step


def logits(world, x):
    return tx.linear(x, world.W, world.b)


def agree(make, step, *batches, blocked=True):
    """Run both worlds on the batches; assert that the step is, or is not, in blocks."""
    pair = Pair(make, step)
    for args in batches:
        pair.run(*args)
    assert pair.compiled.retried == 0
    assert (LOOP in pair.compiled.source) == blocked
    return pair.compiled.source


def twice(count=ROWS, **options):
    return batch(count, **options), batch(count, **options, seed=4)


# --- what is done in blocks -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [6, 12, 13, 16, 17, 23])
def test_mean_loss_of_a_linear_layer(count, dtype):
    step = stepping(lambda w, x, y: tx.cross_entropy(logits(w, x), y))
    source = agree(linear(dtype, classes=7), step, *twice(count, dtype=dtype, classes=7))
    assert f"/ -{count}" in source  # the mean of all rows, not of a block's


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_a_network_before_the_loss(kind):
    for count in (12, 13):
        agree(lambda: trained((4, 6, 5, 3), kind, np.float64), train, *twice(count))


LOSSES = {
    "cross_entropy": lambda w, x, y: tx.cross_entropy(logits(w, x), y),
    "sum": lambda w, x, y: tx.cross_entropy(logits(w, x), y, reduction="sum"),
    "label_smoothing": lambda w, x, y: tx.cross_entropy(logits(w, x), y, label_smoothing=0.1),
    "linear_cross_entropy": lambda w, x, y: tx.linear_cross_entropy(x, w.W, w.b, y),
    "no bias": lambda w, x, y: tx.cross_entropy(x @ w.W, y) + w.b.sum(),
    "weight decay": lambda w, x, y: (
        tx.cross_entropy(logits(w, x), y) + 0.1 * (w.W * w.W).sum() + (w.b**2).mean()
    ),
    "scaled": lambda w, x, y: 3 * tx.cross_entropy(logits(w, x) / 2, y),
    "two losses": lambda w, x, y: tx.cross_entropy(logits(w, x), y) + (logits(w, x) ** 2).mean(),
    "mean of squares": lambda w, x, y: (tx.tanh(logits(w, x)) ** 2).mean(),
    "softmax of rows": lambda w, x, y: (tx.softmax(logits(w, x), axis=1) ** 3).sum() / ROWS,
    "clipped": lambda w, x, y: tx.cross_entropy(tx.relu(logits(w, x)), y),
    "layer norm": lambda w, x, y: tx.cross_entropy(tx.layer_norm(logits(w, x), 3), y),
    "features scaled": lambda w, x, y: tx.cross_entropy(logits(w, x * FEATURES), y),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [12, 13])
def test_losses_in_blocks(name, count):
    agree(linear(), stepping(LOSSES[name]), *twice(count))


def test_class_probabilities_as_targets():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), ROWS)
    step = stepping(lambda w, x, p: tx.cross_entropy(logits(w, x), p))
    agree(linear(), step, (batch()[0], probabilities), (batch(seed=9)[0], probabilities[::-1]))


def test_several_inputs_with_as_many_rows():
    def loss(w, x, y, more, factor):
        return (tx.tanh(logits(w, x + more)) * factor[:, None]).mean() + tx.cross_entropy(
            logits(w, more), y
        )

    x, y = batch()
    agree(linear(), stepping(loss), (x, y, x[::-1] * 0.5, np.arange(12.0)), (x, y, x, x[:, 0]))


def test_a_table_beside_the_rows_is_fixed():
    step = stepping(lambda w, x, y, s: tx.cross_entropy(logits(w, x) @ s, y))
    table = np.random.default_rng(0).normal(size=(3, 3))
    agree(linear(), step, (*batch(), table), (*batch(13), table), (*batch(13, seed=8), table * 2))


def test_accuracy_is_a_sum():
    def loss(w, x, y):
        z = logits(w, x)
        return tx.cross_entropy(z, y), (z.numpy().argmax(1) == y).mean()

    agree(linear(), stepping(loss), *twice(), *twice(13))


def test_gradients_that_are_handed_out():
    def step(world, x, y):
        tx.cross_entropy(logits(world, x), y).backward()
        return world.W.grad.numpy() * 2

    agree(linear(), step, *twice())


def test_gradients_clipped_by_their_norm():
    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = tx.cross_entropy(logits(world, x), y)
        loss.backward()
        norm = tx.optim.clip_grad_norm([world.W, world.b], 0.1)
        world.optimizer.step()
        return loss, norm

    agree(linear(), step, *twice())


@pytest.mark.parametrize(
    "convert", [tx.Tensor, np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2]]
)
def test_inputs_that_lie_otherwise(convert):
    agree(linear(), train_linear, *((convert(x), y) for x, y in (*twice(), *twice(13))))


def test_labels_of_other_kinds():
    agree(linear(), train_linear, *((x, y.astype(np.int32)) for x, y in twice()))
    agree(linear(), train_linear, *((x, np.repeat(y, 2)[::2]) for x, y in twice()))


def test_without_an_update():
    agree(linear(), lambda w, x, y: tx.cross_entropy(logits(w, x), y), *twice())


def test_wide_rows():
    """The scale of a gradient goes to the inputs, where these are narrower."""
    agree(linear(classes=9), train_linear, *twice(13, classes=9))
    source = agree(linear(classes=9), train_linear, *twice(classes=9))
    assert "-= total" in source
    narrow = agree(linear(width=6), train_linear, *twice(width=6))
    assert "-= c" in narrow


@pytest.mark.parametrize("count", [12, 13])
def test_very_wide_rows_go_through_in_pieces(count, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 2 * 8 * 5000)  # two rows
    source = agree(linear(classes=5000), train_linear, *twice(count, classes=5000))
    assert "_part" in source
    losses = (LOSSES["softmax of rows"], LOSSES["label_smoothing"], LOSSES["mean of squares"])
    for loss in losses:
        agree(linear(classes=5000), stepping(loss), *twice(count, classes=5000))


@pytest.mark.parametrize("count", [12, 13])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_are_added_to_large_sums_by_columns(count, dtype, monkeypatch):
    monkeypatch.setattr(looping, "LARGE_SUM", 1)
    monkeypatch.setattr(looping, "COLUMNS", 100)
    source = agree(linear(dtype, classes=11), train_linear, *twice(count, dtype=dtype, classes=11))
    assert "if start == 0:" in source
    agree(
        linear(dtype, classes=11), stepping(LOSSES["label_smoothing"]), *twice(count, dtype=dtype)
    )
    agree(lambda: trained((4, 6, 5, 3), "Adam", dtype), train, *twice(count, dtype=dtype))


def test_a_large_sum_of_the_data_itself(monkeypatch):
    """The matrix on the right of the product is an argument, not a result."""
    monkeypatch.setattr(looping, "LARGE_SUM", 1)
    monkeypatch.setattr(looping, "COLUMNS", 100)
    step = stepping(lambda w, x, y: (tx.tanh(logits(w, x)).T @ x).sum() / ROWS)
    agree(linear(), step, *twice(), *twice(13))


def test_names_of_the_text_are_no_argument():
    W = linear(classes=5000)()
    step = tx.compile(lambda start, k: tx.cross_entropy(tx.linear(start, W.W, W.b), k), strict=True)
    for start, k in twice(classes=5000):
        expected = tx.cross_entropy(tx.linear(start, W.W, W.b), k).item()
        assert np.isclose(step(start, k).item(), expected)
    assert "for start2 in range(" in step.source


def train_linear(world, x, y):
    return stepping(LOSSES["cross_entropy"])(world, x, y)


def test_the_scale_goes_through_a_layer_before():
    def make():
        return trained((3, 4, 11), "SGD")

    source = agree(make, train, *twice(width=3, classes=11), *twice(14, width=3, classes=11))
    assert "-= total" in source


# --- checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 4, 11, 12])
def test_a_label_out_of_range_in_any_block(place):
    pair = Pair(linear(), train_linear)
    x, y = batch(13)
    pair.run(x, y)
    assert LOOP in pair.compiled.source
    y[place] = 3
    for world, run in (
        (pair.world, pair.compiled),
        (pair.other, lambda *a: train_linear(pair.other, *a)),
    ):
        before = world.W.numpy().copy()
        with pytest.raises(IndexError, match="label"):
            run(x, y)
        assert np.array_equal(before, world.W.numpy())
    y[place] = 1
    pair.run(x, y)


@pytest.mark.parametrize("place", [0, 12])
def test_a_number_that_is_not_finite_in_any_block(place):
    pair = Pair(linear(), train_linear)
    x, y = batch(13)
    pair.run(x, y)
    x = x.copy()
    x[place, 0] = np.inf
    quietly(pair.run, x, y)  # no step
    assert pair.compiled.retried == 1
    pair.run(*batch(13))


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
    with pytest.raises((AssertionError, tx.GraphError)):
        agree(linear(classes=9), train_linear, *twice(classes=9))


# --- random programs --------------------------------------------------------------------------------

BY_ROW = [
    lambda z, y, rng: tx.tanh(z),
    lambda z, y, rng: z * 0.5 + 1,
    lambda z, y, rng: z - z.mean(axis=1, keepdims=True),
    lambda z, y, rng: tx.softmax(z, axis=-1),
    lambda z, y, rng: z * y[:, None],
    lambda z, y, rng: z @ TABLE,
    lambda z, y, rng: tx.where(z > 0, z, 0.1 * z),
    lambda z, y, rng: tx.relu(z)[:, ::-1],
    lambda z, y, rng: z * z[:, :1],
    lambda z, y, rng: tx.reshape(tx.reshape(z, (-1, 3, 1)) * PAIR, (-1, 6))[:, 1:4],
]
ACROSS = [
    lambda z, y, rng: z - z.mean(axis=0),
    lambda z, y, rng: tx.softmax(z, axis=0),
    lambda z, y, rng: tx.cumsum(z, axis=0),
    lambda z, y, rng: z[::-1],
    lambda z, y, rng: z[tx.arange(len(z)) // 2],
    lambda z, y, rng: z / (1 + z.sum() ** 2),
]


def near(pair):
    """Assert that the worlds are equal but for rounding of the largest number: some gradients are zero."""
    ours, theirs = (
        np.concatenate([a.ravel() for a in state(world) if a.dtype.kind == "f"])
        for world in (pair.world, pair.other)
    )
    check_near([ours], [theirs], 10)


@pytest.mark.parametrize("seed", range(30))
def test_random_losses(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(6, 20))
    chosen = [BY_ROW[k] for k in rng.integers(0, len(BY_ROW), 5)]
    across = seed % 3 == 0
    if across:
        chosen.insert(int(rng.integers(0, 5)), ACROSS[int(rng.integers(len(ACROSS)))])
    last = [
        lambda z, y: (z**2).mean(),
        lambda z, y: tx.cross_entropy(z, y),
        lambda z, y: (z.sum(axis=0) ** 2).sum(),
    ][seed % 3 if seed % 2 else 1]

    def loss(world, x, y):
        z = logits(world, x)
        for change in chosen:
            z = change(z, y, rng)
        return last(z, y)

    pair = Pair(linear(), stepping(loss))
    for args in twice(count):
        ours, theirs = pair.compiled(*args), pair.step(pair.other, *args)
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-11)
        near(pair)
    if across:
        assert LOOP not in pair.compiled.source
