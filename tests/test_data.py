"""Batches: every row once per epoch, in an order that the generator decides."""

import itertools
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.messages import said
from tinygrad_xent.data import batches

X = np.arange(22.0).reshape(11, 2)
y = np.arange(11)


def test_every_row_comes_once_with_its_label():
    seen = []
    for rows, labels in batches(X, y, 4, rng=0):
        np.testing.assert_array_equal(rows, X[labels])
        seen.append(labels)
    assert [len(labels) for labels in seen] == [4, 4, 3]
    assert sorted(np.concatenate(seen)) == list(y)
    assert list(np.concatenate(seen)) != list(y)


def test_without_shuffle_the_batches_are_views_in_order():
    found = list(batches(X, y, 5, shuffle=False))
    assert [labels.tolist() for _, labels in found] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10]]
    assert all(np.shares_memory(rows, X) for rows, _ in found)


def test_each_iteration_is_an_epoch_in_a_new_order():
    def order(epoch):
        return np.concatenate([labels for _, labels in epoch]).tolist()

    epochs = batches(X, y, 3, rng=0)
    first, second = order(epochs), order(epochs)
    assert first != second
    again = batches(X, y, 3, rng=np.random.default_rng(0))
    assert [order(again), order(again)] == [first, second]


def test_lengths():
    for size, count in [(1, 11), (4, 3), (10, 2), (11, 1), (100, 1)]:
        epoch = batches(X, y, size, rng=0)
        assert len(epoch) == count == len(list(epoch))


def test_an_epoch_goes_on_in_its_middle():
    rng = np.random.default_rng(0)
    start = rng.bit_generator.state
    whole = list(batches(X, y, 3, rng=rng))
    rng.bit_generator.state = start
    rest = list(itertools.islice(batches(X, y, 3, rng=rng), 2, None))
    assert len(rest) == 2
    for (rows, labels), (more_rows, more_labels) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(rows, more_rows)
        np.testing.assert_array_equal(labels, more_labels)


def test_lists_strings_and_images_are_rows_too():
    ((images, labels),) = batches(np.zeros((2, 8, 8)).tolist(), ["cat", "dog"], shuffle=False)
    assert images.shape == (2, 8, 8)
    assert labels.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: batches(X, y[:10]), tx.ShapeError, r"\(11, 2\) and y of shape \(10,\)"),
        (lambda: batches(X[:0], y[:0]), tx.ShapeError, r"(?s)\(0, 2\).*at least one"),
        (lambda: batches(3.0, y), tx.ShapeError, r"X of shape \(\)"),
        (
            lambda: batches([[1.0], [1.0, 2.0]], [0, 1]),
            tx.ShapeError,
            "(?s)batches: .*pad the rows",
        ),
        (lambda: batches(X, y, 0), ValueError, "at least 1, got 0"),
        (lambda: batches(X, y, 2.0), tx.DtypeError, "batches: a size must be an integer"),
        (lambda: batches(X, y, rng=1.5), tx.DtypeError, "batches: rng must be"),
    ],
)
def test_bad_arguments_are_named_at_the_call(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert re.search(text, said(caught.value))
    assert "test_data.py" in str(caught.value)
