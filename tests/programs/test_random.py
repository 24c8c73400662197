"""Random programs of the whole table run as recorded programs and as scripts, and agree with eager code.

What they are made of is described in `tests/random_programs/`. Left out are functions whose result has
a shape that depends on values, which no program can record.
"""

import warnings
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import NAMES
from tests.programs.coverage import defined, ulps
from tests.random_programs.generator import random_program
from tests.random_programs.laws import OURS
from tests.random_programs.programs import Leaf, Line, Program
from tinygrad_xent.engine.tensors import raw
from tinygrad_xent.programs import calls
from tinygrad_xent.programs.instructions import Ref, mapped, parts
from tinygrad_xent.programs.scripts import written
from tinygrad_xent.programs.spelling import NotInNumPyError

SEEDS, BLOCK = 2 * len(NAMES), 20
NEAR = 64  # units in the last place of the largest element, after up to ten operations in a row
SCRIPT = 4  # the same calls, but NumPy adds in another order if an array lies otherwise in memory


class Hole:
    """Where an array of a program was, by its number."""

    def __init__(self, number):
        self.number = number


def changed(program, other):
    """The program with each input and setting of its lines replaced by `other` of it."""

    def line(step):
        if not isinstance(step, Line):
            return Leaf(None)
        return replace(
            step, inputs=mapped(other, step.inputs), settings=mapped(other, step.settings)
        )

    return Program(tuple(map(line, program.steps)))


def as_function(program):
    """The loss of a program and its gradients, as a function of all its arrays; and these."""
    constants = []

    def hole(x):
        if not isinstance(x, np.ndarray):
            return x
        constants.append(np.array(x))
        return Hole(len(constants) - 1)

    empty, has_gradient = changed(program, hole), program.has_gradient

    def run(leaves, constants):
        def loss(*points):
            filled = changed(
                empty, lambda x: raw(constants[x.number]) if isinstance(x, Hole) else x
            )
            return filled.run(OURS, points)[-1]

        if not has_gradient:
            return loss(*leaves)
        return tx.value_and_grad(loss, tuple(range(len(leaves))))(*leaves)

    return run, ([np.array(x) for x in program.leaves], constants)


def flat(x):
    if isinstance(x, (list, tuple)):
        return [array for part in x for array in flat(part)]
    return [np.asarray(x.numpy() if isinstance(x, tx.Tensor) else x)]


def check(seed):
    """What could not be tried of a seed's program: "", "program" or "script". Asserts that the rest gives
    what eager code gives.
    """
    f, args = as_function(random_program(seed))
    expected, given = flat(f(*args)), [*args[0], *args[1]]
    try:
        recorded = tx.program(f, *args)
    except tx.GraphError as error:
        if "depends on the numbers" not in str(error):
            raise
        return "program"
    by_program = flat(recorded(*given))
    largest = max((np.abs(x[np.isfinite(x)]).max(initial=0) for x in expected), default=0)
    for ours, theirs in zip(by_program, expected, strict=True):
        assert ulps(ours, theirs) <= NEAR or np.abs(ours - theirs).max() <= NEAR * np.spacing(
            largest
        )
    try:
        function = defined(written(recorded, "step"))
    except NotInNumPyError:
        return "script"
    by_script = flat(function(*[np.array(x) for x in given]))
    numbers = [x.id for x in parts(recorded.outputs) if isinstance(x, Ref)]
    results = dict(zip(numbers, by_program, strict=True))  # each result is returned once
    assert max(map(ulps, by_script, results.values()), default=0) <= SCRIPT
    assert len(by_script) == len(results)
    return ""


@pytest.mark.parametrize("start", range(0, SEEDS, BLOCK))
def test_random_programs_agree(start):
    left_out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(start, start + BLOCK):
            try:
                left_out.append(check(seed))
            except Exception as error:
                what = f"seed {seed}: {type(error).__name__}: {error}\n{random_program(seed)}"
                raise AssertionError(what) from error
    assert left_out.count("program") < BLOCK / 2


def test_a_wrong_instruction_is_found(monkeypatch):
    """Each call of a recorded program is run by its name: if one name means another function, it shows."""
    right = calls.function
    wrong = {
        "np.tanh": np.sin,
        "operator.sub": lambda a, b: b - a,
        "np.where": lambda c, a, b: a + 0 * b,
    }
    for name, function in wrong.items():
        seeds = (seed for seed in range(1000) if uses(seed, name))
        with monkeypatch.context() as patch:
            patch.setattr(
                calls, "function", lambda n, name=name, f=function: f if n == name else right(n)
            )
            assert any(fails(seed) for seed in islice(seeds, 5)), name


def uses(seed, name):
    f, args = as_function(random_program(seed))
    try:
        return name in {i.call for i in tx.program(f, *args)}
    except tx.GraphError:
        return False


def fails(seed):
    try:
        check(seed)
    except Exception:
        return True
    return False
