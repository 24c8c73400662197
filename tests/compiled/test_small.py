"""What a step does otherwise on small arrays: it agrees with eager code wherever a shortcut ends."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import NEAR, Pair, batch, numbers, quietly, train, trained
from tinygrad_xent.compiled import small
from tinygrad_xent.programs.instructions import Instruction, Ref


def agree(f, *args, calls=2):
    """Assert that a compiled function agrees with itself; its step."""
    step = tx.compile(f, strict=True)
    for _ in range(calls):
        for ours, theirs in zip(numbers(step(*args)), numbers(quietly(f, *args)), strict=True):
            assert ours.dtype == theirs.dtype
            near = NEAR[ours.dtype.name] * np.abs(theirs[np.isfinite(theirs)]).max(initial=0)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=near)
    return step


loss_and_slope = tx.value_and_grad(lambda z, y: tx.cross_entropy(z * 1.0, y))


def logits(rows, classes, dtype, scale, shift=0.0):
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(rows, classes)) * scale + shift).astype(dtype)
    return z, rng.integers(0, classes, rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [5, 40, 700])
@pytest.mark.parametrize(
    ("scale", "shift"), [(1, 0), (30, 0), (1e4, 0), (1, 95), (1, -800), (1, 1e5)]
)
def test_rows_are_shifted_where_exp_would_overflow_or_vanish(dtype, rows, scale, shift):
    z, y = logits(rows, 3, dtype, scale, shift)
    step = agree(loss_and_slope, z, y)
    assert step.retried == 0
    assert "# exp could overflow" in step.source


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [5, 40])
def test_either_side_of_the_limit(dtype, rows):
    """One number is as large as may be, or a little larger, of either sign."""
    limit = small.LARGEST[dtype]
    z, y = logits(rows, 3, dtype, 1)
    step = tx.compile(loss_and_slope, strict=True)
    for value in (limit, -limit):
        for near in (0.99, 1.01):
            z[2, 1] = value * near
            for label in range(3):
                y[2] = label
                ours, theirs = numbers(step(z, y)), numbers(loss_and_slope(z, y))
                for a, b in zip(ours, theirs, strict=True):
                    assert np.abs(a - b).max() <= NEAR[dtype] * np.abs(b).max()
    assert step.retried == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(bad):
    z, y = logits(5, 3, "float64", 1)
    z[1, 2] = bad
    y[1] = 0
    step = tx.compile(loss_and_slope, strict=True)
    for ours, theirs in zip(
        numbers(quietly(step, z, y)), numbers(quietly(loss_and_slope, z, y)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_loss_near_zero_keeps_its_digits():
    """The log of a quotient is off by a few units in the last place of 1, however large the logits are."""
    z, y = logits(5, 3, "float32", 1)
    z[np.arange(5), y] += 12.0
    exact = loss_and_slope(z.astype(np.float64), y)[0].item()
    assert 0 < exact < 1e-4
    step = tx.compile(loss_and_slope, strict=True)
    assert abs(step(z, y)[0].item() - exact) < 2 * np.finfo(np.float32).eps


def test_other_users_of_the_shifted_rows_see_them_shifted():
    def both(z, y):
        share = tx.log_softmax(z * 1.0, axis=1)
        return share, tx.cross_entropy(z * 1.0, y), tx.exp(z - tx.max(z, axis=1, keepdims=True))

    agree(both, *logits(5, 3, "float64", 3))


def test_labels_are_looked_up_in_many_shapes():
    for rows, classes in ((1, 1), (32, 3), (33, 3), (4, 5000)):
        agree(loss_and_slope, *logits(rows, classes, "float64", 1))


@pytest.mark.parametrize("size", [8, 300])
def test_the_gradient_of_relu_by_sign(size):
    def make():
        return trained((4, size, size, 3), "SGD")

    pair = Pair(make, train)
    for seed in range(3):
        pair.run(*batch(seed=seed))
    assert ("np.sign" in pair.compiled.source) == (6 * size <= small.FEW)
    assert pair.compiled.retried == 0


def test_by_sign_what_is_not_finite_is_left_to_eager_code():
    """0 times infinity is NaN; no setting of the optimiser keeps that from being noticed."""

    def make():
        world = trained((4, 8, 3), "SGD")
        world.optimizer.nonfinite = "proceed"
        return world

    pair = Pair(make, train)
    pair.run(*batch())
    assert "np.sign" in pair.compiled.source
    x, y = batch()
    x[0, 0] = np.inf
    quietly(pair.run, x, y)
    assert pair.compiled.retried == 1


# --- each of the shortcuts' conditions matters ------------------------------------------------------


def fails(f, *args):
    try:
        quietly(agree, f, *args)
    except AssertionError:
        return True
    return False


def test_a_limit_that_is_too_high_is_found(monkeypatch):
    z, y = logits(5, 3, "float64", 1, -800)
    assert not fails(loss_and_slope, z, y)
    monkeypatch.setitem(small.LARGEST, "float64", 1e6)
    step = tx.compile(loss_and_slope, strict=True)
    found = numbers(quietly(step, z, y))
    assert step.retried or any(
        not np.allclose(a, b) for a, b in zip(found, numbers(loss_and_slope(z, y)), strict=True)
    )


def test_a_shift_that_others_see_is_found(monkeypatch):
    def both(z, y):
        a = z * 1.0
        return tx.cross_entropy(a, y), tx.exp(a - tx.max(a, axis=1, keepdims=True))

    args = logits(5, 3, "float64", 1)
    assert not fails(both, *args)
    monkeypatch.setattr(small._Softmax, "is_apart", lambda *_: True)
    assert fails(both, *args)


@pytest.mark.parametrize(
    "other",
    [
        {"h": ("np.maximum", (Ref(0), -1))},  # may be negative
        {"h": ("np.abs", (Ref(0),))},
        {"mask": ("operator.ne", (Ref(2), 1))},
        {"mask": ("operator.eq", (Ref(2), 0))},
        {"chosen": ("np.where", (Ref(3), Ref(1), 1))},
        {"more": ("operator.invert", (Ref(3),))},  # somebody else reads the mask
        {"needed": [3]},
        {"shape": (40, 40)},
        {"dtype": "float16"},
    ],
    ids=lambda other: str(*other),
)
def test_the_sign_takes_the_place_of_no_other_mask(other):
    def calls_of(h, mask, chosen, more=None, needed=(), shape=(2, 3), dtype="float64"):
        made = [("input", ()), ("input", ()), h, mask, chosen, *([more] if more else [])]
        dtypes = [dtype, dtype, dtype, "bool", dtype, "bool"]
        program = [
            Instruction(n, call, args, shape=shape, dtype=dtypes[n])
            for n, (call, args) in enumerate(made)
        ]
        return [i.call for i in program], [i.call for i in small.by_sign(program, needed)]

    usual = {
        "h": ("np.maximum", (Ref(0), 0)),
        "mask": ("operator.ne", (Ref(2), 0)),
        "chosen": ("np.where", (Ref(3), Ref(1), 0)),
    }
    assert calls_of(**usual)[1][2:] == ["np.maximum", "np.sign", "operator.mul"]
    before, after = calls_of(**usual | other)
    assert before == after
