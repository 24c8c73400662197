"""Interpolation and its kin: by hand, at their edges, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, slope
from tinygrad_xent.engine.errors import BadValueError

X = np.arange(6.0).reshape(1, 1, 2, 3)


def test_cases_known_by_hand():
    equal(tx.interpolate([[[0.0, 4.0]]], 4, mode="linear"), [[[0.0, 1.0, 3.0, 4.0]]])
    corners = tx.interpolate([[[0.0, 3.0]]], 4, mode="linear", align_corners=True)
    equal(corners, [[[0.0, 1.0, 2.0, 3.0]]])
    equal(tx.interpolate(X, (2, 1)), [[[[0.0], [3.0]]]])
    equal(tx.interpolate(X, (2, 1), mode="nearest-exact"), [[[[1.0], [4.0]]]])


def test_the_gradient_goes_to_what_was_read():
    equal(slope(lambda x: tx.interpolate(x, 3), [[[1.0, 2.0]]]), [[[2.0, 1.0]]])
    equal(slope(lambda x: tx.interpolate(x, 4, mode="linear"), [[[1.0, 2.0]]]), [[[2.0, 2.0]]])


def test_lengths_that_stay_and_dtypes():
    equal(tx.interpolate(X, (2, 3)), X)
    assert tx.interpolate(X.astype(np.uint8), 5).dtype == np.uint8
    assert tx.interpolate(X.astype(np.float16), 5, mode="bilinear").dtype == np.float16
    assert tx.interpolate(X.astype(int), 5, mode="bilinear").dtype == np.float64


REFUSED = {
    "a vector": (tx.ShapeError, "at least 3 axes", lambda: tx.interpolate([1.0, 2.0], 4)),
    "neither": (BadValueError, "a size or a scale_factor", lambda: tx.interpolate(X)),
    "both": (BadValueError, "not both", lambda: tx.interpolate(X, 4, 2)),
    "a length of 0": (BadValueError, "size=0", lambda: tx.interpolate(X, 0)),
    "three lengths": (BadValueError, "size=", lambda: tx.interpolate(X, (1, 2, 3))),
    "a factor too small": (BadValueError, "leaves nothing", lambda: tx.interpolate(X, None, 0.1)),
    "a factor of text": (BadValueError, "leaves nothing", lambda: tx.interpolate(X, None, "x")),
    "an unknown mode": (BadValueError, "got 'cubic'", lambda: tx.interpolate(X, 4, mode="cubic")),
    "a mode of other axes": (tx.ShapeError, "'linear'", lambda: tx.interpolate(X, 4, mode="linear")),
    "corners of nearest": (
        BadValueError, "align_corners", lambda: tx.interpolate(X, 4, align_corners=True)),
    "nothing": (tx.ShapeError, "nothing between", lambda: tx.interpolate(X[..., :0], 4)),
    "a mean of 0 numbers": (
        BadValueError, "output_size=0", lambda: tx.adaptive_avg_pool2d(X, 0)),
    "an image as a signal": (tx.ShapeError, "takes 3 axes", lambda: tx.adaptive_avg_pool1d(X, 1)),
    "channels that do not divide": (
        tx.ShapeError, "no 2 · 2 times", lambda: tx.pixel_shuffle(X, 2)),
    "a factor of a half": (tx.DtypeError, "must be an integer", lambda: tx.pixel_shuffle(X, 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_words(case):
    error, words, wrong = REFUSED[case]
    with pytest.raises(error, match=words):
        wrong()
