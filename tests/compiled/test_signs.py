"""The sign of a zero: as in eager code wherever a program sees it; elsewhere faster calls may lose it."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import numbers
from tinygrad_xent.compiled.signs import sees_signs


def recorded(f, *shapes):
    return tx.program(f, *(np.ones(shape) for shape in shapes)).instructions


SEEN = {
    "a quotient": lambda x, b: 1.0 / (x + b),
    "a quotient by a sum": lambda x, b: x / (x + b).sum(axis=1, keepdims=True),
    "a reciprocal": lambda x, b: tx.reciprocal(x * b),
    "an odd negative power": lambda x, b: (x + b) ** -3.0,
    "a power": lambda x, b: (x + b) ** (x - 2.0),
    "an angle": lambda x, b: tx.arctan2(x + b, x - 1.0),
    "a sign": lambda x, b: tx.copysign(1.0, x + b),
}
NOT_SEEN = {
    "a softmax": lambda x, b: tx.softmax(x + b, axis=1),
    "a norm": lambda x, b: (x + b) / tx.sqrt(((x + b) ** 2).mean() + 1e-5),
    "powers": lambda x, b: (x + b) ** 2 + x**3 + (x + b) ** -2.0,
    "a quotient by a number": lambda x, b: (x + b) / 4.0,
    "elementwise": lambda x, b: tx.tanh(x + b) * tx.relu(x - b) + tx.log(tx.exp(x) + b),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_program_that_sees_signs_keeps_them(name):
    assert sees_signs(recorded(SEEN[name], (3, 4), (4,)))

    def f(x, b):  # b: a row that lies in the step's memory
        return SEEN[name](tx.minimum(x * 2.0, 0.5), tx.minimum(b * 2.0, 5.0))

    for shape in ((4,), (1, 4), (3, 1), (3, 4)):
        for one, other in ((0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)):
            x, b = np.full((3, 4), one), np.full(shape, other)
            with np.errstate(all="ignore"):
                ours, theirs = numbers(tx.compile(f, strict=True)(x, b))[0], numbers(f(x, b))[0]
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", NOT_SEEN)
def test_most_programs_do_not(name):
    assert not sees_signs(recorded(NOT_SEEN[name], (3, 4), (4,)))


def test_the_faster_calls_are_those_that_lose_it():
    """As they would here, if nobody looked: the check can fail."""
    step = tx.compile(lambda x, b: tx.minimum(x * 2.0, 0.5) + tx.minimum(b * 2.0, 5.0), strict=True)
    found = numbers(step(np.full((3, 4), -0.0), np.full(4, -0.0)))[0]
    assert not np.signbit(found).any()
