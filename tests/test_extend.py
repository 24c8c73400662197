"""Operations from outside: two rows that the package does not have get all that every row has."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.check.mutation_proof import row_verdicts
from tests.operations import CASES, make_call, of_two, smooth
from tests.row_checks import check_row
from tests.tensors import leaf
from tinygrad_xent import DtypeError, Tensor, op, remove_op
from tinygrad_xent.check import check_tape, explain_nonfinite, gradcheck, lint, why
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.formulas.meaning import derivative_of, value_of

SLOPES = ("g · b · cos(a · b)", "g · a · cos(a · b)")


def define():
    """A unary operation, and one of two inputs."""

    @op(
        "x · 0.0174532925199433",
        ("g · 0.0174532925199433", lambda g: g * (np.pi / 180)),
        numpy=(np.deg2rad, np.radians),
        method=True,
        aliases=("radians",),
    )
    def deg2rad(x, /):
        """Degrees as radians."""
        return np.deg2rad(x)

    @op(
        "sin(a · b)",
        (SLOPES[0], lambda g, a, b: g * b * tx.cos(a * b)),
        (SLOPES[1], lambda g, a, b: g * a * tx.cos(a * b)),
        method=True,
        operator="lshift",
    )
    def sine_of_product(a, b, /):
        return np.sin(a * b)

    return deg2rad, sine_of_product


@pytest.fixture(autouse=True)
def operations(monkeypatch):
    monkeypatch.setitem(CASES, "deg2rad", smooth)
    monkeypatch.setitem(CASES, "sine_of_product", of_two)
    return define()


def test_function_method_alias_operator_and_numpy_are_there(operations):
    deg2rad, sine_of_product = operations
    x, b = leaf([30.0, 90.0], "x"), leaf([0.5, 2.0], "b")
    for y in (
        deg2rad(x),
        x.deg2rad(),
        x.radians(),
        np.deg2rad(x),
        np.radians(x),
        deg2rad([30, 90]),
    ):
        np.testing.assert_allclose(y.numpy(), np.deg2rad([30.0, 90.0]))
        assert isinstance(y, Tensor)
    for y in (sine_of_product(x, b), x.sine_of_product(b), x << b, [30.0, 90.0] << b):
        np.testing.assert_allclose(y.numpy(), np.sin([15.0, 180.0]))
    assert deg2rad.__doc__ == "Degrees as radians."


@pytest.mark.parametrize("name", ["deg2rad", "sine_of_product"])
def test_derivatives_of_both_orders_and_the_proof_by_mutations(name):
    check_row(name)
    verdicts = list(row_verdicts(name))
    assert len(verdicts) >= 3
    assert [v for v in verdicts if not (v.tape and v.whole)] == []


def test_third_order_and_broadcasting(operations):
    _, f = operations
    third = tx.grad(tx.grad(tx.grad(lambda a: f(a, 2.0))))
    assert third(0.3).item() == pytest.approx(-8 * np.cos(0.6))
    a, b = leaf(np.ones((3, 1))), leaf(np.ones(4))
    f(a, b).sum().backward()
    assert (a.grad.shape, b.grad.shape) == ((3, 1), (4,))
    np.testing.assert_allclose(b.grad.numpy(), 3 * np.cos(1.0))


def test_the_formulas_are_the_functions(operations):
    a, b, g = np.array([0.5, 1.5]), np.array([2.0, -1.0]), np.array([1.0, 3.0])
    row = TABLE["sine_of_product"]
    y = np.sin(a * b)
    np.testing.assert_allclose(value_of(row, [a, b], (), y.shape), y)
    np.testing.assert_allclose(derivative_of(row, 1, [a, b], (), y, g), g * a * np.cos(a * b))


def test_checks_of_a_tape_and_of_a_function(operations):
    deg2rad, f = operations
    x = leaf([0.2, -0.4], "x")
    assert check_tape(f(deg2rad(x), x).sum())
    assert gradcheck(lambda x: f(x, x), x, order=2)
    part = why(x, 0, of=f(x, 2.0).sum()).parts[0]
    assert (part.op, part.formula) == ("sine_of_product", SLOPES[0])
    assert part.value == pytest.approx(2 * np.cos(0.4))
    assert sum(term.value for term in part.terms) == pytest.approx(part.value)


def test_the_autopsy_is_as_good_as_for_tanh(operations):
    deg2rad, _ = operations
    found = {}
    for name, f in (("tanh", tx.tanh), ("deg2rad", deg2rad)):
        x = leaf([1.0, np.nan], "x")
        report = explain_nonfinite(f(x).sum())
        found[name] = (report.phase, report.index, report.cause, report.cure)
        h = leaf([0.0, 4.0], "h")
        with np.errstate(all="ignore"):
            report = explain_nonfinite(f(tx.log(h)).sum() * 1.0)
        if name == "deg2rad":  # tanh of -inf is finite
            assert (report.op, report.cause) == ("log", "log of 0")
    assert found["tanh"] == found["deg2rad"]

    @op("x · 10³⁰⁰", ("g · 10³⁰⁰", lambda g: g * 1e300))
    def enlarged(x, /):
        return x * 1e300

    with np.errstate(all="ignore"):
        report = explain_nonfinite(enlarged(leaf([1.0, 1e100], "x")).sum())
    assert (report.op, report.index, report.phase) == ("enlarged", (1,), "forward")
    assert "overflow: more than the largest float64" in report.cause
    assert "scale the inputs" in report.cure
    with np.errstate(all="ignore"), tx.check.autopsy("gradients"):
        loss = (enlarged(leaf([1.0])) * 1e-300).sum()
        loss = enlarged(enlarged(leaf([0.0], "w"))).sum()
        with pytest.warns(tx.check.NonFiniteWarning, match="derivative of enlarged"):
            loss.backward()


def test_lint_sees_through_it_by_its_kind(operations):
    @op("x", ("g", lambda g: g), kind="moves")
    def passed_on(x, /):
        return x.copy()

    z = leaf([[2.0, 1.0]])
    found = lint(-tx.log(passed_on(tx.softmax(z)))[0, 0])
    assert [finding.rule for finding in found] == ["log of softmax"]
    n, column = leaf(np.ones(4)), leaf(np.ones((4, 1)))
    assert [f.rule for f in lint(operations[1](n, column).sum())] == ["column against row"]


def test_trace_pickle_and_picture(operations):
    deg2rad, f = operations
    x = leaf([0.5, 1.0], "angle")
    trace = tx.trace(f(deg2rad(x), 3.0).sum())
    entry = next(e for e in trace if e.op == "sine_of_product")
    assert (entry.formula, entry.derivatives) == ("sin(a · b)", SLOPES)
    assert entry.kinds == {"elementwise"}
    assert pickle.loads(pickle.dumps(trace)) == trace
    picture = viz.draw(trace).svg
    for text in ("deg2rad", "sin(a · b)", "angle"):
        assert text in picture


def test_a_raw_array_in_a_forward_or_a_rule_stays_one(operations):
    """Inside a forward function or a rule the package's functions take and give raw arrays."""
    seen = []

    @op("log(1 + eˣ)", ("g · σ(x)", lambda g, x: watched(g * tx.sigmoid(x))))
    def soft(x, /):
        return watched(tx.log1p(tx.exp(x)))

    def watched(value):
        seen.append(type(value))
        return value

    factor = Tensor([2.0, 3.0])

    @op("2 · x", ("2 · g", lambda g: watched(tx.mul(g, factor))))
    def scaled(x, /):
        return watched(np.asarray(x) * factor)

    x = leaf([0.3, 0.4])
    scaled(soft(x)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2, 3] / (1 + np.exp(-np.array([0.3, 0.4]))))
    assert set(seen) == {np.ndarray}
    assert isinstance(tx.exp(np.ones(2)), Tensor)  # outside of them, as usual


@pytest.mark.parametrize("name", ["deg2rad", "sine_of_product"])
def test_value_and_gradients_are_those_of_its_formulas(name):
    row, call = TABLE[name], make_call(name)
    inputs = [leaf(x) for x in call.inputs]
    y = call(*inputs)
    g = np.random.default_rng(2).standard_normal(y.shape)
    y.backward(g)
    np.testing.assert_allclose(y.numpy(), value_of(row, call.inputs, (), y.shape), rtol=1e-12)
    for i, x in enumerate(inputs):
        slope = derivative_of(row, i, call.inputs, (), y.numpy(), g)
        np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-12)


def test_a_row_taken_out_leaves_nothing_behind(operations):
    remove_op("deg2rad")
    assert "deg2rad" not in TABLE
    assert not hasattr(Tensor, "deg2rad")
    assert not hasattr(Tensor, "radians")
    with pytest.raises(DtypeError, match="gradient would be lost"):
        np.deg2rad(leaf([1.0]))
    remove_op("sine_of_product")
    with pytest.raises(TypeError, match="unsupported operand"):
        leaf([1.0]) << 2.0


def test_a_second_row_of_a_name_is_refused_unless_meant(operations):
    def other():
        @op("x", ("g", lambda g: g), replace=replace)
        def deg2rad(x, /):
            return x * 1.0

        return deg2rad

    replace = False
    with pytest.raises(ValueError, match=r"(?s)there is already a row 'deg2rad'.*replace=True"):
        other()
    assert leaf([180.0]).deg2rad().item() == pytest.approx(np.pi)  # the first is as it was
    replace = True
    assert other()([2.0]).item() == 2.0
    remove_op("deg2rad")
    assert np.deg2rad(leaf([180.0])).item() == pytest.approx(np.pi)


def test_the_same_cell_may_run_twice(operations):
    first, _ = operations
    second, _ = define()
    assert second is not first
    assert leaf([1.0]).deg2rad().shape == (1,)
