"""gradcheck passes what is right, fails what is wrong, and says where and why."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.mutation_proof import mutated
from tinygrad_xent.check import KinkWarning, gradcheck
from tinygrad_xent.engine.table import TABLE

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((4, 3))


def wrong_softmax():
    return mutated(TABLE["softmax"], 0, lambda g, y, axis: g * y * (1 - y))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (tx.log_softmax, [Z]),
        (tx.matmul, [Z, Z.T]),
        (lambda x: tx.tanh(x) ** 3, [Z]),
        (lambda x, y: tx.logsumexp(x @ y, axis=1), [Z, Z.T]),
        (lambda x: x.sum(), [Z]),  # linear: the second derivative is 0
        (lambda x: tx.exp(x), [np.float64(0.3)]),
    ],
)
def test_right_gradients_pass(function, inputs, order):
    report = gradcheck(function, *inputs, order=order)
    assert report
    assert report.notes == ()


def test_a_wrong_rule_is_named_with_place_numbers_and_line():
    with wrong_softmax():
        report = gradcheck(lambda z: tx.softmax(z, axis=1), tx.Tensor(Z, name="z"))
    assert not report
    assert [r.op for r in report.guilty] == ["softmax"]
    assert report.guilty[0].line.file == __file__
    assert report.worst.input == "z"
    assert report.worst.gradient != pytest.approx(report.worst.difference, rel=1e-3)
    text = str(report)
    for part in ("gradient WRONG", "worst: z[", "softmax (argument x) at test_gradcheck.py:"):
        assert part in text


def test_the_kind_of_mistake_is_named():
    x = np.array([1.0, 2.0, 3.0])
    half = gradcheck(lambda x: x.detach() * x, x)
    assert half.diagnoses["input 0"].mistakes == ("missing factor 2",)
    cut = gradcheck(lambda x: x + (x.detach() * np.array([0.0, 0.0, 1.0])), x)
    assert cut.diagnoses["input 0"].mistakes == ("wrong components",)
    assert cut.worst.index == (2,)
    assert half.guilty == ()  # each operation is right: the tape was cut between them


def test_a_wrong_second_derivative_is_found_where_the_first_is_right():
    def slope_cut(x):
        """x³, with the inner factor's slope constant: the right value, the right first slope."""
        return x.detach() ** 2 * 3 * x - 2 * x.detach() ** 3

    x = np.array([0.5, -1.5])
    assert gradcheck(slope_cut, x, order=1)
    assert not gradcheck(slope_cut, x, order=2)


def test_a_second_order_mistake_of_a_rule_is_found():
    """A rule that is right on arrays but cuts the tape: only order 2 can tell."""
    detached = mutated(TABLE["tanh"], 0, lambda g, y: g * (1 - getattr(y, "_data", y) ** 2))
    with detached:
        assert gradcheck(tx.tanh, Z)
        report = gradcheck(tx.tanh, Z, order=2)
    assert not report
    assert report.worst.order == 2
    assert "second derivative" in str(report)


def test_float32_is_checked_in_float64_and_it_says_so():
    report = gradcheck(tx.log_softmax, Z.astype(np.float32), order=2)
    assert report
    assert report.notes == ("float32 inputs were checked in float64",)


def test_a_function_that_computes_in_float32_gets_its_tolerance():
    report = gradcheck(lambda z: tx.exp(z.astype(np.float32)), Z)
    assert report
    assert "computes in float32" in report.notes[0]
    assert not gradcheck(lambda z: z.detach().astype(np.float32) * z.astype(np.float32), Z)


def test_large_inputs_are_checked_along_directions():
    x = np.random.default_rng(1).standard_normal((200, 30))
    report = gradcheck(lambda x: tx.log_softmax(x, axis=1), x)
    assert report
    assert report.notes == ("6000 elements were checked along 12 random directions",)


def test_one_wrong_entry_of_a_large_input_is_found():
    x = np.random.default_rng(1).standard_normal((200, 30))
    mask = np.zeros_like(x)
    mask[123, 7] = 1.0
    report = gradcheck(lambda x: tx.tanh(x) + x.detach() * mask, tx.Tensor(x, name="x"))
    assert not report
    assert (report.worst.input, report.worst.index) == ("x", (123, 7))
    assert report.diagnoses["x"].is_unexplained


def test_a_common_factor_of_a_large_input_is_named():
    x = np.random.default_rng(1).standard_normal((200, 30))
    with mutated(TABLE["tanh"], 0, lambda g, y: -g * (1 - y * y)):
        report = gradcheck(tx.tanh, x)
    assert report.diagnoses["input 0"].mistakes == ("sign flipped",)
    assert [r.op for r in report.guilty] == ["tanh"]


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (tx.relu, [0.0, 1.0, -1.0]),
        (tx.abs, [0.0, 2.0]),
        (lambda x: tx.max(x), [1.0, 1.0, 0.5]),
        (lambda x: tx.maximum(x[0], x[1]), [2.0, 2.0]),
        (lambda x: tx.clip(x, -1.0, 1.0), [1.0, 0.0]),
    ],
)
def test_a_kink_warns_and_passes(function, x):
    with pytest.warns(KinkWarning, match="a kink"):
        report = gradcheck(function, x)
    assert report
    assert "one-sided slopes" in report.notes[-1]


def test_a_gradient_outside_the_one_sided_slopes_fails_at_a_kink():
    wrong = mutated(TABLE["relu"], 0, lambda g, y: g * 1.5)
    with wrong, pytest.warns(KinkWarning):
        assert not gradcheck(tx.relu, [0.0])


def test_near_a_kink_the_step_shrinks_instead():
    assert gradcheck(tx.relu, [1e-5, -1e-5, 1.0]).notes == ()


def test_near_an_edge_the_step_shrinks_instead():
    assert gradcheck(tx.log, [1e-5, 1.0])
    assert gradcheck(lambda x: tx.sqrt(x), [1e-6])


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (tx.log, [0.0, 1.0]),
        (tx.sqrt, [0.0, 1.0]),
        (lambda x: x / 0.0, [1.0]),
        (lambda x: tx.where(np.array([True, False]), x, x / 0.0), [1.0, 2.0]),
        (lambda x: x * np.nan, [1.0]),
        (lambda x: x, [np.nan]),
        (lambda x: tx.exp(x), [1e4]),
    ],
)
def test_what_is_not_finite_never_passes(function, x):
    with np.errstate(all="ignore"):
        report = gradcheck(function, x)
    assert not report
    assert "not finite" in str(report)


def test_only_the_floating_inputs_are_differentiated():
    labels = np.array([0, 2, 1, 0])
    picked = lambda z, y: tx.take_along_axis(z, y.numpy()[:, None], axis=1)  # noqa: E731
    report = gradcheck(picked, Z, labels)
    assert report
    assert report.worst.input == "input 0"


def test_no_grad_of_the_caller_is_touched():
    x, outside = tx.Tensor(Z, requires_grad=True), tx.Tensor(Z, requires_grad=True)
    assert gradcheck(lambda x: x * outside * x, x, order=2)
    assert x.grad is None
    assert outside.grad is None


def test_bad_input_raises():
    with pytest.raises(tx.DtypeError, match="no input has a floating dtype"):
        gradcheck(tx.exp, np.array([1, 2]))
    with pytest.raises(tx.ShapeError, match="no element"):
        gradcheck(tx.exp, np.zeros((0, 3)))
    with pytest.raises(tx.DtypeError, match="must return a Tensor"):
        gradcheck(lambda x: 1.0, [1.0])
    with pytest.raises(tx.DtypeError, match="gives bool, which has no gradient"):
        gradcheck(lambda x: x > 0, [1.0])
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        gradcheck(tx.exp, [1.0], order=3)
    rng = np.random.default_rng(0)
    with pytest.raises(tx.GraphError, match="a different result when called again"):
        gradcheck(lambda x: x * rng.standard_normal(), [1.0])


def test_a_function_that_reads_no_input_is_told():
    w = tx.Tensor(Z[0], requires_grad=True)
    assert "none of the inputs" in str(gradcheck(lambda _: (w * w).sum(), w))
    constant = gradcheck(lambda x: x.detach() * 0 + 1, Z)
    assert constant  # its gradient is 0, and so are the differences
    assert "none of the inputs" in str(constant)
    assert "none of the inputs" not in str(gradcheck(lambda w: (w * w).sum(), w))
