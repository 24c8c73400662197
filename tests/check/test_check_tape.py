"""check_tape blames the operation that is wrong and no other, and says where it was written."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.mutation_proof import mutated
from tinygrad_xent.check import check_tape
from tinygrad_xent.engine.table import TABLE

RNG = np.random.default_rng(0)


def leaf(*shape, dtype=np.float64, name=None):
    return tx.Tensor(RNG.standard_normal(shape), requires_grad=True, dtype=dtype, name=name)


def test_the_guilty_operation_its_argument_and_line():
    x, w, b = leaf(6, 4), leaf(4, 3), leaf(3)
    with mutated(TABLE["matmul"], 1, lambda g, a, b_shape: 2 * a.T @ g):
        with tx.scope("layer"):
            z = x @ w + b
        loss = -tx.mean(tx.log_softmax(z, axis=1)[:, 0])
        report = check_tape(loss)
    (guilty,) = report.guilty
    assert not report
    assert (guilty.op, guilty.argument, guilty.scope) == ("matmul", "b", ("layer",))
    assert guilty.line.text == "z = x @ w + b"
    assert guilty.diagnosis.mistakes == ("extra factor 2",)
    assert guilty.ruled == pytest.approx(2 * guilty.measured)
    assert "wrong: matmul (argument b) at test_check_tape.py:" in str(report)
    assert "1 at fault" in str(report)


def test_two_uses_of_a_wrong_rule_are_both_named():
    with mutated(TABLE["tanh"], 0, lambda g, y: g):
        report = check_tape(tx.tanh(tx.tanh(leaf(3))).sum())
    assert [r.op for r in report.guilty] == ["tanh", "tanh"]


def test_a_rule_that_raises_or_has_another_shape_is_wrong():
    with mutated(TABLE["exp"], 0, lambda g, y: g[:, :1] @ y[:1]):
        assert check_tape(tx.exp(leaf(3, 2))).ok is False
    with mutated(TABLE["exp"], 0, lambda g, y: g @ y):
        report = check_tape(tx.exp(leaf(3, 2)))
    assert "the rule raised ValueError" in report.guilty[0].reason


def test_large_operations_are_judged_but_not_diagnosed():
    with mutated(TABLE["exp"], 0, lambda g, y: -g * y):
        report = check_tape(tx.exp(leaf(40, 40)))
    assert not report
    assert report.guilty[0].diagnosis is None


def test_one_wrong_component_of_many_is_found():
    def rule(g, y):
        wrong = np.array(g * y)
        wrong[17, 23] *= 1.5
        return wrong

    with mutated(TABLE["exp"], 0, rule):
        assert not check_tape(tx.exp(leaf(200, 200)).sum())


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_every_dtype_is_checked_in_float64(dtype):
    x, w = leaf(5, 4, dtype=dtype), leaf(4, 3, dtype=dtype)
    loss = tx.logsumexp(x @ w, axis=1).astype(np.float32).mean()
    assert check_tape(loss)
    with mutated(TABLE["logsumexp"], 0, lambda g, x, y, axis, keepdims: g[:, None] * y[:, None]):
        loss = tx.logsumexp(x @ w, axis=1).mean()
        assert [r.op for r in check_tape(loss).guilty] == ["logsumexp"]


def test_kinks_are_left_out_and_told():
    x = tx.Tensor([0.0, 1.0, -2.0], requires_grad=True)
    report = check_tape(tx.relu(x).sum())
    assert report
    assert [r.kinks for r in report] == [1, 0]
    assert "left out: 1 output of relu" in str(report)
    tie = check_tape(tx.max(tx.Tensor([2.0, 2.0, 1.0], requires_grad=True)))
    assert tie
    assert [r.status for r in tie] == ["kink"]


def test_a_wrong_rule_is_found_beside_a_kink():
    x = tx.Tensor([0.0, 1.0, -2.0], requires_grad=True)
    with mutated(TABLE["relu"], 0, lambda g, y: g * (y > 0) * 2):
        report = check_tape(tx.relu(x).sum())
    assert report.guilty[0].diagnosis.mistakes == ("extra factor 2",)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6])
def test_values_of_any_size(scale):
    x = tx.Tensor(RNG.uniform(0.5, 2.0, (3, 4)) * scale, requires_grad=True)
    assert check_tape((tx.log(x) + tx.sqrt(x) * tx.softmax(x) + 1 / x).sum())


def test_values_of_very_different_sizes_in_one_array():
    x = tx.Tensor([1e-9, 1.0, 1e5], requires_grad=True)
    assert check_tape((tx.log(x) * tx.relu(x)).sum())


def test_masked_classes_are_healthy():
    z = tx.Tensor([[1.0, -np.inf, 2.0], [0.5, 0.1, -np.inf]], requires_grad=True)
    assert check_tape((tx.softmax(z, axis=1) * np.arange(3.0)).sum())
    assert check_tape(tx.logsumexp(z, axis=1).sum())


def test_what_is_not_finite_never_passes():
    x = tx.Tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        report = check_tape(tx.sqrt(x).sum())
    assert not report
    assert [r.status for r in report] == ["undefined", "right"]
    assert report.guilty == ()
    assert "2 rules checked: 1 not judged" in str(report)
    nan = tx.Tensor([np.nan, 1.0], requires_grad=True)
    assert not check_tape((nan * nan).sum())


UNDEFINED = {
    "the mean of nothing": (lambda x: x[:0].mean(), [1.0]),
    "0 / 0": (lambda x: x / x, [0.0, 1.0]),
    "x / 0": (lambda x: x / np.zeros(2), [1.0, 1.0]),
    "log of 0": (tx.log, [0.0, 1.0]),
    "log of a negative number": (tx.log, [-1.0, 1.0]),
    "sqrt at 0": (tx.sqrt, [0.0, 1.0]),
    "pow at 0": (lambda x: x**0.5, [0.0, 1.0]),
    "log1p at -1": (tx.log1p, [-1.0, 1.0]),
    "overflow": (tx.exp, [1e4, 1.0]),
    "an overflowing slope": (lambda x: x**0.25, [5e-324, 1.0]),
    "nan": (lambda x: x * x, [np.nan, 1.0]),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_no_rule_is_guilty_where_there_is_no_finite_slope(name):
    function, x = UNDEFINED[name]
    with np.errstate(all="ignore"):
        report = check_tape(function(tx.Tensor(x, requires_grad=True)).sum())
    assert report.guilty == ()
    assert {r.status for r in report} <= {"right", "undefined", "kink"}


def test_the_mean_of_nothing_is_not_judged():
    with np.errstate(all="ignore"):
        report = check_tape(tx.Tensor(np.zeros((0, 3)), requires_grad=True).mean())
    assert [(r.op, r.status) for r in report] == [("sum", "right"), ("div", "undefined")]
    assert not report
    assert "not finite" in report.undefined[0].reason


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("function", [tx.exp, tx.tanh, tx.sqrt, tx.relu])
def test_a_rule_that_is_not_finite_where_the_slope_is_remains_guilty(function, wrong):
    def rule(g, y):
        spoiled = np.array(g * y)
        spoiled[1] = wrong
        return spoiled

    with mutated(TABLE[function.__name__], 0, rule):
        report = check_tape(function(tx.Tensor([0.5, 2.0, 3.0], requires_grad=True)).sum())
    assert [r.status for r in report.guilty] == ["not finite"]
    assert "by differences it is" in report.guilty[0].reason


def test_an_array_overwritten_after_the_operation_kept_it():
    x = leaf(3, name="x")
    data = RNG.standard_normal(3)
    loss = (x * data).sum()
    assert check_tape(loss)
    y = tx.exp(x)
    loss = y.sum()
    y._data[...] = 7.0  # what a stray NumPy view could do
    report = check_tape(loss)
    assert [(r.op, r.argument) for r in report.guilty] == [("exp", "y")]
    assert "overwritten" in str(report)


def test_it_works_before_and_after_backward_and_changes_nothing():
    x = leaf(3)
    loss = (tx.tanh(x) * x).sum()
    assert check_tape(loss)
    loss.backward()
    first = x.grad.numpy().copy()
    assert check_tape(loss)
    np.testing.assert_array_equal(x.grad.numpy(), first)


def test_the_inside_of_a_checkpoint_is_checked():
    x = leaf(3)
    with mutated(TABLE["tanh"], 0, lambda g, y: g):
        report = check_tape(tx.checkpoint(lambda x: tx.tanh(x) * x)(tx.exp(x)).sum())
    assert [r.op for r in report.guilty] == ["tanh"]


def test_the_same_seed_gives_the_same_numbers():
    loss = tx.softmax(leaf(4)).sum()
    assert [r.measured for r in check_tape(loss)] == [r.measured for r in check_tape(loss)]


def test_a_leaf_has_no_rules_and_a_constant_no_tape():
    assert len(list(check_tape(leaf(2)))) == 0
    with pytest.raises(tx.GraphError, match="does not require grad"):
        check_tape(tx.Tensor([1.0]))
