"""gradcheck's three verdicts: no false alarm and no missed mistake, at values of every size.

Where differences can't tell, it says "inconclusive", which counts neither as right nor as wrong.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.mutation_proof import gradient_or_none, mutated, mutations
from tests.operations import Maker, has_rule, make_call
from tinygrad_xent.check import KinkWarning, check_tape, gradcheck
from tinygrad_xent.check.gradients.deciding import Decider, scales
from tinygrad_xent.engine.errors import BadValueError
from tinygrad_xent.engine.table import TABLE

SIZES = [1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9]
RULES = [name for name in TABLE if has_rule(name)]
RANGES = {  # the sizes at which these exist, do not overflow, and have slopes that differences can see
    **dict.fromkeys(["arcsin", "arccos", "arctanh", "exp2", "sinh", "erfinv", "logit"], (0.0, 1.0)),
    **dict.fromkeys(["sin", "tan"], (0.0, 1e6)),
    **dict.fromkeys(["cos", "sinc"], (1e-3, 1e6)),
    "cosh": (1e-3, 1.0),
    "arccosh": (1.0, 1e9),
    "log_ndtr": (0.0, 1e3),
}
OVERFLOW = {"exp", "expm1", "pow"}  # at 1e3 and beyond the value itself is infinite
SATURATED = {"sigmoid", "softmax", "logsumexp", "softmax_cross_entropy"}  # slopes below 1e-50 there
SATURATED |= {"logaddexp", "logaddexp2"}


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", KinkWarning)
        yield


def sizes(name):
    low, high = RANGES.get(name, (0.0, 1e9))
    return [size for size in SIZES if low <= size <= high]


def call_and_points(name, size, seed):
    call = make_call(name, Maker(seed=seed))
    return call, [x * size for x in call.points]


# --- every rule of the table ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "size"), [(name, s) for name in RULES for s in sizes(name)])
def test_a_right_gradient_is_never_called_wrong(name, size):
    call, points = call_and_points(name, size, seed=SIZES.index(size))
    report = gradcheck(call, *points)
    allowed = {"right"}
    if size >= 1e3 and name in OVERFLOW | SATURATED:
        allowed.add("inconclusive")
    assert report.verdict in allowed
    tape = check_tape(call(*[tx.Tensor(x, requires_grad=True) for x in points]))
    assert tape.guilty == ()


@pytest.mark.parametrize("name", RULES)
def test_a_wrong_gradient_is_never_called_right(name):
    """Each falsification of each rule, at a size drawn at random; those that change 1 % count."""
    rng = np.random.default_rng(RULES.index(name))
    op, tried = TABLE[name], 0
    for i in range(1 if op.variadic else len(op.inputs)):
        for mutation in mutations(op, i) if op.rule_for(i) else ():
            size = rng.choice(sizes(name))
            call, points = call_and_points(name, size, seed=int(rng.integers(100)))
            right = gradient_or_none(call, points)
            with mutated(op, i, mutation.function):
                wrong = gradient_or_none(call, points)
                if wrong is None or not changed(right, wrong):
                    continue
                report = gradcheck(call, *points)
            tried += 1
            finite = all(np.isfinite(x).all() for x in right)
            hidden = not finite or (size >= 1e3 and name in SATURATED)
            assert report.verdict == "wrong" or (hidden and report.verdict == "inconclusive")
    assert tried >= 1


def changed(right, wrong):
    """Whether some input's gradient is more than 1 % away."""
    return any(
        np.linalg.norm(a - b) > 0.01 * np.linalg.norm(a) for a, b in zip(right, wrong, strict=True)
    )


# --- single functions -----------------------------------------------------------------------------


def xlogx(x):
    return x * tx.log(x)


HARD = {  # a function, a point
    "log at 1e-9": (tx.log, 1e-9),
    "log at 1e-300": (tx.log, 1e-300),
    "log at 1e30": (tx.log, 1e30),
    "sqrt at 1e-12": (tx.sqrt, 1e-12),
    "sqrt at 1e-30": (tx.sqrt, 1e-30),
    "x log x at 1e-9": (xlogx, 1e-9),
    "x log x at 1e-30": (xlogx, 1e-30),
    "1 / x at 1e-6": (lambda x: 1 / x, 1e-6),
    "1 / x at 1e-30": (lambda x: 1 / x, 1e-30),
    "1 / x² at 1e-8": (lambda x: x**-2.0, 1e-8),
    "exp(1e3 x) at 0": (lambda x: tx.exp(1e3 * x), 0.0),
    "exp(1e3 x) at 0.5": (lambda x: tx.exp(1e3 * x), 0.5),
    "exp(1e6 x)": (lambda x: tx.exp(1e6 * x), 1e-6),
    "exp(1e-30 x) at 0": (lambda x: tx.exp(1e-30 * x), 0.0),
    "exp(1e-30 x) at 1": (lambda x: tx.exp(1e-30 * x), 1.0),
    "exp at 709": (tx.exp, 709.0),
    "tanh(1e5 x) at 0": (lambda x: tx.tanh(1e5 * x), 0.0),
    "softplus at -40": (tx.softplus, -40.0),
    "sigmoid at -40": (tx.sigmoid, -40.0),
    "1e30 x": (lambda x: 1e30 * x, 1e-30),
    "x² at 1e30": (lambda x: x * x, 1e30),
    "x² at 1e-30": (lambda x: x * x, 1e-30),
    "x² at 1e-160": (lambda x: x * x, 1e-160),
    "x below a large sum": (lambda x: 1e8 + 1e-3 * x, 1.0),
    "sqrt(1 - x) at its edge": (lambda x: tx.sqrt(1 - x), 1 - 1e-9),
    "log1p at its edge": (tx.log1p, -1 + 1e-9),
    "exp(-1 / x)": (lambda x: tx.exp(-1 / x), 0.01),
    "exp(-x²) at 6": (lambda x: tx.exp(-x * x), 6.0),
    "abs at 1e-20": (tx.abs, 1e-20),
    "near a kink": (lambda x: tx.relu(x - 1), 1 + 1e-9),
    "fast waves": (lambda x: tx.tanh(1e4 * (x - 0.3)) + tx.exp(-1e6 * x * x), 1e-4),
}
FLAT = {  # the slope is 0
    "x ** 1.5 at 0": (lambda x: x**1.5, 0.0),
    "x ** 2.5 at 0": (lambda x: x**2.5, 0.0),
    "x² at 0": (lambda x: x * x, 0.0),
    "x³ at 0": (lambda x: x * x * x, 0.0),
    "cosh at 0": (lambda x: tx.exp(x) + tx.exp(-x), 0.0),
    "relu²": (lambda x: tx.relu(x) ** 2, 0.0),
    "a constant": (lambda x: 0 * x + 3.0, 2.0),
}
UNDECIDABLE = {  # why: what the report says
    "log at 0": (tx.log, 0.0, "value is not finite"),
    "x / 0": (lambda x: x / 0.0, 1.0, "value is not finite"),
    "overflow": (tx.exp, 1e4, "value is not finite"),
    "sqrt at 0": (tx.sqrt, 0.0, "infinitely steep"),
    "tanh at 18": (tx.tanh, 18.0, "rounding"),
    "saturated sigmoid": (tx.sigmoid, 36.0, "rounding"),
}


def falsified(function, factor=1.0, shift=0.0):
    """The function with the same value; its gradient times a factor, plus a shift."""

    def wrong(x):
        y, still = function(x), x.detach()
        return y * factor + y.detach() * (1 - factor) + shift * (x - still)

    return wrong


@pytest.mark.parametrize("name", [*HARD, *FLAT])
def test_a_hard_point_is_decided(name):
    function, x = {**HARD, **FLAT}[name]
    report = gradcheck(function, x)
    assert report.verdict == "right"
    assert report
    assert report.guilty == ()


@pytest.mark.parametrize("factor", [1.02, 2.0, 0.0, -1.0])
@pytest.mark.parametrize("name", HARD)
def test_a_mistake_at_a_hard_point_is_not_missed(name, factor):
    function, x = HARD[name]
    report = gradcheck(falsified(function, factor), x)
    assert report.verdict == ("inconclusive" if name.startswith("exp(1e-30") else "wrong")
    assert not report


@pytest.mark.parametrize("name", sorted(set(FLAT) - {"a constant"}))
def test_a_slope_that_is_0_refutes_another(name):
    function, x = FLAT[name]
    assert gradcheck(falsified(function, shift=0.1), x).verdict != "right"


def test_the_rounding_in_a_gradient_of_0_is_no_mistake():
    """Σ softmax is 1 and its gradient 0, of which rounding leaves some 1e-17."""
    for seed in range(10):
        x = np.random.default_rng(seed).standard_normal(5)
        assert gradcheck(lambda x: tx.softmax(x).sum(), x).verdict == "right"
        assert gradcheck(lambda x: tx.exp(tx.log_softmax(x)).sum(), x).verdict == "right"


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_what_differences_cannot_tell_is_inconclusive_and_says_why(name):
    function, x, why = UNDECIDABLE[name]
    for each in (function, falsified(function, 2.0)):
        report = gradcheck(each, x)
        assert report.verdict == "inconclusive"
        assert not report
        text = str(report)
        for part in ("gradient NOT DECIDED", why, "fix: check at a point"):
            assert part in text


def test_nan_for_a_slope_that_is_finite_is_wrong():
    def spoiled(g, y):
        return g * np.nan

    with mutated(TABLE["exp"], 0, spoiled):
        report = gradcheck(tx.exp, [0.5, 1.0])
    assert report.verdict == "wrong"
    assert [r.op for r in report.guilty] == ["exp"]


@pytest.mark.parametrize("order", [1, 2])
def test_values_of_very_different_sizes_in_one_input(order):
    x = np.array([1e-9, 1e-3, 1.0, 1e5])
    assert gradcheck(tx.log, x, order=order).verdict == "right"
    mask = np.array([0.0, 0.0, 0.0, 1.0])  # the smallest slope alone is wrong
    assert gradcheck(lambda x: tx.log(x) + mask * tx.log(x.detach() / x), x).verdict == "wrong"


def test_a_large_input_of_small_values():
    x = np.random.default_rng(0).uniform(1e-9, 2e-9, 2000)
    assert gradcheck(tx.log, x).verdict == "right"
    assert gradcheck(falsified(tx.log, 1.05), x).verdict == "wrong"


def test_waves_too_fast_for_any_step_are_no_mistake():
    """A function that no difference can resolve, and its slope as calculus gives it."""

    def waves(x):
        return np.sin(1e17 * x)

    decider = Decider(waves, np.array([1.0]))
    claimed = 1e17 * np.cos(1e17) / decider.unit
    along = scales(np.array([1.0]))
    assert decider.decide(along, claimed, abs(claimed), abs(claimed)).verdict == "inconclusive"


# --- arguments ------------------------------------------------------------------------------------

OUT_OF_RANGE = {
    "order": [0, 3, -1],
    "rtol": [-1, -1e-6, 0, 0.0, 1, 2.0, np.nan, np.inf],
    "entries": [-1],
    "directions": [0, -1],
    "n": [0, -3],
    "seed": [-1],
}
WRONG_TYPE = {
    "order": ["1", 1.0, 1.5, None, True, [1]],
    "rtol": ["tight", True, 1e-6j, [1e-6]],
    "entries": ["many", 2.5, None, False, np.nan],
    "directions": ["12", 1.0, None, True, np.inf],
    "n": ["3", 2.0, True],
    "seed": ["0", 0.5, None, True, np.random.default_rng(0)],
}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [(n, v, BadValueError) for n, values in OUT_OF_RANGE.items() for v in values]
    + [(n, v, tx.DtypeError) for n, values in WRONG_TYPE.items() for v in values],
)
def test_a_bad_argument_is_refused_in_words(name, value, error):
    with pytest.raises(error, match=f"gradcheck: {name} must be") as caught:
        gradcheck(tx.exp, [1.0], **{name: value})
    assert "at test_verdicts.py:" in str(caught.value)


@pytest.mark.parametrize("value", [-1, "0", 1.0, True, None])
def test_a_bad_seed_of_check_tape_is_refused(value):
    with pytest.raises((BadValueError, tx.DtypeError), match="check_tape: seed must be"):
        check_tape(tx.exp(tx.Tensor(1.0, requires_grad=True)), seed=value)


def test_what_is_no_function_is_refused():
    with pytest.raises(tx.DtypeError, match="must be a function"):
        gradcheck([1.0], [1.0])


def test_numpy_numbers_are_numbers():
    integers = {
        "order": np.int64(2),
        "entries": np.int32(0),
        "directions": np.uint8(3),
        "n": np.int16(2),
        "seed": np.int64(5),
    }
    for rtol in (np.float32(1e-4), np.float64(1e-5)):
        assert gradcheck(tx.exp, [1.0, 2.0], rtol=rtol, **integers)
    assert check_tape(tx.exp(tx.Tensor(1.0, requires_grad=True)), seed=np.int64(1))
