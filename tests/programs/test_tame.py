"""The operations that the recorder takes for tame have finite slopes wherever their inputs and result are."""

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import function_of, make_call
from tinygrad_xent.programs.recorder import TAME

EXTREMES = [0.0, 1.0, -1.0, 1e-310, 1e-160, 40.0, -40.0, 800.0, -800.0, 1e140, -1e140]


def is_tame(name):
    """Whether no extreme input, alone among the row's own or in the place of all, has a slope that is not
    finite where the result is."""
    call = make_call(name)

    def f(*points):
        inputs = list(call.inputs)
        for place, point in zip(call.live, points, strict=True):
            inputs[place] = point
        return function_of(name)(*inputs, **call.settings)

    own = [np.array(call.inputs[place], dtype=float) for place in call.live]
    for k in range(len(own)):
        for extreme in EXTREMES:
            one, all_of_it = own[k].copy(), np.full(own[k].shape, extreme)
            one.flat[0] = extreme
            for changed in (one, all_of_it):
                y, back = tx.vjp(f, *own[:k], changed, *own[k + 1 :])
                slopes = back(np.ones(y.shape))
                if np.isfinite(y.numpy()).all() and not all(
                    np.isfinite(s.numpy()).all() for s in slopes
                ):
                    return False
    return True


@pytest.mark.parametrize("name", sorted(TAME))
def test_a_tame_operation_has_finite_slopes(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert is_tame(name)


@pytest.mark.parametrize("name", ["sqrt", "arcsin", "div", "cbrt"])
def test_the_others_are_found(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not is_tame(name)
