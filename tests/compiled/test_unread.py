"""What nobody reads is not computed, but for what may raise an error: that is still raised, or caught."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import quietly


def inverse_or_zero(x):
    try:
        np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return x * 0.0
    return x * 1.0


def looked_up(x, i):
    x[i]
    return x * 2.0


def looked_up_on_the_tape(x, i):
    tx.Tensor(x)[i]
    return x * 2.0


def divided(x, a):
    try:
        1.0 / a
    except ZeroDivisionError:
        return x * 0.0
    return x * 1.0


DEAD = {
    "a singular matrix": (inverse_or_zero, (np.eye(2),), (-np.eye(2),)),
    "an index": (looked_up, (np.ones(3), np.array([0])), (np.ones(3), np.array([7]))),
    "an index of a tensor": (
        looked_up_on_the_tape,
        (np.ones(3), np.array([0])),
        (np.ones(3), np.array([7])),
    ),
    "a division by 0": (divided, (np.ones(2), 2.0), (np.ones(2), 0.0)),
}


@pytest.mark.parametrize("name", DEAD)
def test_an_error_of_what_nobody_reads(name):
    f, right, wrong = DEAD[name]
    compiled = tx.compile(f)
    for args in (right, wrong, right):
        try:
            expected = f(*args)
        except IndexError as error:
            with pytest.raises(type(error)):
                compiled(*args)
        else:
            np.testing.assert_array_equal(quietly(compiled, *args), expected)
