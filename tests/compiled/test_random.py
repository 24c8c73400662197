"""Random programs of the whole table run compiled, twice each, and agree with eager code."""

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import NAMES
from tests.programs.coverage import ulps
from tests.programs.test_random import NEAR, as_function, flat
from tests.random_programs.generator import random_program
from tinygrad_xent.compiled import emitting, memory

SEEDS, BLOCK = 2 * len(NAMES), 20


def check(seed):
    """Whether a seed's program compiles. Asserts that it gives what eager code gives."""
    f, args = as_function(random_program(seed))
    step = tx.compile(f, strict=True)
    for _ in range(2):
        expected = flat(f(*args))
        try:
            found = flat(step(*args))
        except tx.GraphError as error:
            if "depends on the numbers" not in str(error):
                raise
            return False
        largest = max((np.abs(x[np.isfinite(x)]).max(initial=0) for x in expected), default=0)
        for ours, theirs in zip(found, expected, strict=True):
            near = ulps(ours, theirs) <= NEAR
            assert near or np.abs(ours - theirs).max() <= NEAR * np.spacing(largest)
        assert step.retried == 0
        args = ([np.asarray(x * 1.25) for x in args[0]], args[1])
    return True


@pytest.mark.parametrize("start", range(0, SEEDS, BLOCK))
def test_random_programs_agree(start):
    compiled = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(start, start + BLOCK):
            try:
                compiled += check(seed)
            except Exception as error:
                what = f"seed {seed}: {type(error).__name__}: {error}\n{random_program(seed)}"
                raise AssertionError(what) from error
    assert compiled > BLOCK / 2


def fails(seed):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(seed)
    except Exception:
        return True
    return False


def test_memory_that_is_used_again_too_early_is_found(monkeypatch):
    """A plan in which results end one call too early is noticed by the first hundred programs."""
    right = memory._last_uses

    def early(instructions, plan, alive):
        return {root: max(0, n - 1) for root, n in right(instructions, plan, alive).items()}

    monkeypatch.setattr(memory, "_last_uses", early)
    assert any(fails(seed) for seed in range(100))


def test_a_wrong_line_is_found(monkeypatch):
    """A reduction that is written with the other axis is noticed."""
    monkeypatch.setattr(
        emitting,
        "_ones",
        lambda write, count, dtype: write.once("twos", f"np.full({count}, 2.0, {dtype!r})"),
    )
    assert any(fails(seed) for seed in range(200))
