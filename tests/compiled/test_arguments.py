"""What a compiled step is given: arrays, tensors, numbers and containers of them, changed in place or not."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, numbers, train, trained


def test_an_argument_that_is_changed_in_place():
    def step(world, x):
        x += 1.0
        return (x * world.scale).sum()

    pair = Pair(lambda: SimpleNamespace(scale=tx.Tensor([2.0, 3.0])), step)
    for _ in range(2):
        ours, theirs = np.ones(2), np.ones(2)
        assert pair.compiled(ours).item() == step(pair.other, theirs).item() == 10.0
        np.testing.assert_array_equal(ours, theirs)


def test_arguments_in_dicts_and_lists_by_name_and_as_tensors():
    def step(world, data, *, scale=None):
        loss = train(world, data["x"], data["y"])
        return loss if scale is None else loss * scale

    pair = Pair(trained, step)
    x, y = batch()
    for seed in range(2):
        x, y = batch(seed=seed)
        pair.run({"x": x, "y": y})
        pair.run({"x": tx.Tensor(x), "y": y})
    world = trained()
    by_name = tx.compile(lambda x, y: train(world, x, y), strict=True)
    other = trained()
    for _ in range(2):
        assert by_name(y=y, x=x).item() == pytest.approx(train(other, x, y).item())
    assert by_name.signatures == ["x: float64[6, 4], y: int64[6]"]


def test_numbers_in_containers_are_looked_at_and_numbers_alone_are_inputs():
    scaled = tx.compile(lambda x, s: x * s, strict=True)
    in_a_list = tx.compile(lambda given: given[0] * given[1], strict=True)
    x = np.array([1.0, 2.0])
    for s in (2.0, 3.0, np.float64(4)):
        np.testing.assert_array_equal(numbers(scaled(x, s))[0], x * s)
        np.testing.assert_array_equal(numbers(in_a_list([x, s]))[0], x * s)
    assert len(scaled.signatures) == 2  # float and np.float64


def test_an_argument_that_is_changed_and_shares_memory_with_another():
    def step(x, y):
        x += 1.0
        return x + y

    compiled = tx.compile(step, strict=True)
    one, two = np.ones(2), np.ones(2)
    np.testing.assert_array_equal(numbers(compiled(one, two))[0], [3.0, 3.0])
    one = np.ones(2)
    np.testing.assert_array_equal(numbers(compiled(one, one))[0], [4.0, 4.0])
    whole = np.ones(3)
    np.testing.assert_array_equal(numbers(compiled(whole[:2], whole[1:]))[0], [4.0, 3.0])


def test_arrays_of_odd_strides():
    x, y = batch(12)
    pair = Pair(trained, train)
    for given in (x[::2], np.asfortranarray(x)[:6], x[::-2]):
        pair.run(given, y[::2])
    assert len(pair.compiled.signatures) == 1
