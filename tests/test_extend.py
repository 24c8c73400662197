"""Operations from outside: two rows that the package has not, and all that every row has."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from benchmarks.peers import by_hand, ours
from tests.check.mutation_proof import row_verdicts
from tests.operations import CASES, of_two, smooth
from tests.row_checks import check_row
from tests.tensors import leaf
from tinygrad_xent import DtypeError, ShapeError, Tensor, custom_vjp, op, remove_op
from tinygrad_xent.check import check_tape, explain_nonfinite, gradcheck, lint, why
from tinygrad_xent.formulas import FormulaError
from tinygrad_xent.meaning import derivative_of, value_of
from tinygrad_xent.methods import Methods
from tinygrad_xent.public import NUMPY, PUBLIC
from tinygrad_xent.table import TABLE

SLOPES = ("g · b · cos(a · b)", "g · a · cos(a · b)")


def define():
    """A new unary operation, one of two inputs, and the sine and cosine which that needs."""

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

    @op("cos x", ("-g · sin x", lambda g, x: -g * tx_sin(x)), numpy=np.cos)
    def cos(x, /):
        return np.cos(x)

    @op("sin x", ("g · cos x", lambda g, x: g * cos(x)), numpy=np.sin)
    def tx_sin(x, /):
        return np.sin(x)

    @op(
        "sin(a · b)",
        (SLOPES[0], lambda g, a, b: g * b * cos(a * b)),
        (SLOPES[1], lambda g, a, b: g * a * cos(a * b)),
        method=True,
        operator="floordiv",
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
    for y in (sine_of_product(x, b), x.sine_of_product(b), x // b, [30.0, 90.0] // b):
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
    """The package's functions take and give raw arrays where rules and forwards are at work."""
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
    assert isinstance(tx.exp(np.ones(2)), Tensor)  # outside of them as ever


def test_the_benchmarks_time_it_and_hold_it_against_its_formulas(operations):
    for name in ("deg2rad", "sine_of_product"):
        settings = {"operation": name, "size": 10}
        found, expected = (peer.operation(settings).results() for peer in (ours, by_hand))
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# --- once more, replaced, taken out ---------------------------------------------------------------


def test_a_row_taken_out_leaves_nothing_behind(operations):
    remove_op("deg2rad")
    assert "deg2rad" not in TABLE
    assert not hasattr(Tensor, "deg2rad")
    assert not hasattr(Tensor, "radians")
    with pytest.raises(DtypeError, match="gradient would be lost"):
        np.deg2rad(leaf([1.0]))
    remove_op("sine_of_product")
    with pytest.raises(TypeError, match="unsupported operand"):
        leaf([1.0]) // 2.0


def test_a_second_row_of_a_name_is_refused_unless_meant(operations):
    def other():
        @op("x", ("g", lambda g: g), replace=replace)
        def deg2rad(x, /):
            return x * 1.0

        return deg2rad

    replace = False
    with pytest.raises(ValueError, match=r"(?s)there is a row 'deg2rad' already.*replace=True"):
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


def test_a_row_of_the_package_may_be_replaced_and_comes_back():
    before = tx.tanh

    @op("tanh x", ("g", lambda g: g), method=True, numpy=np.tanh, replace=True)
    def tanh(x, /):
        return np.tanh(x)

    x = leaf([1.0])
    tx.tanh(x).sum().backward()
    assert x.grad.item() == 1.0
    remove_op("tanh")
    assert tx.tanh is before
    x.zero_grad()
    np.tanh(x).sum().backward()
    assert x.grad.item() == pytest.approx(1 - np.tanh(1.0) ** 2)


def test_what_was_not_added_is_not_taken_out():
    for name in ("exp", "nothing"):
        with pytest.raises(ValueError, match=f"no operation '{name}' was added"):
            remove_op(name)


# --- declarations that can't be right -------------------------------------------------------------

GOOD = ("g", lambda g: g)


def declare(forward, *rules, formula="x", **facts):
    return op(formula, *rules, **facts)(forward)


def no_slash(x):
    return x


def one(x, /):
    return x


def two(a, b, /, axis=0):
    return a + b


def many(*xs):
    return sum(xs)


WRONG = {
    "no slash": (lambda: declare(no_slash, GOOD), "no parameter stands before a `/`"),
    "too few rules": (lambda: declare(two, GOOD), r"2 inputs \(a, b\) need a rule each"),
    "too many rules": (lambda: declare(one, GOOD, GOOD), "x needs a rule, or None: got 2"),
    "no rule": (lambda: declare(one), "x needs a rule, or None: got 0"),
    "a rule alone": (lambda: declare(one, lambda g: g), r"a rule is \(formula, function\) or None"),
    "a formula alone": (lambda: declare(one, "g"), r"a rule is \(formula, function\) or None"),
    "an unknown name": (
        lambda: declare(one, ("g", lambda g, z: g)),
        "asks for 'z'; there are g, x, x_shape, y",
    ),
    "an unknown name among settings": (
        lambda: declare(two, GOOD, ("g", lambda g, c_shape: g), formula="a + b"),
        "asks for 'c_shape'; there are g, a, a_shape, axis, b, b_shape, y",
    ),
    "an unknown key": (lambda: declare(one, GOOD, nummpy=np.sin), "argument 'nummpy'"),
    "a bare decorator": (lambda: op(one)(one), "the formula stands first, a text"),
    "no function": (lambda: op("x", GOOD)(3), "makes an operation of a function, not of 3"),
    "a formula that is no text": (lambda: declare(one, GOOD, formula=None), "stands first, a text"),
    "a rule without g": (lambda: declare(one, ("g", lambda: 1)), "takes g, then by name"),
    "a rule of keywords": (lambda: declare(one, ("g", lambda g, *, x: g)), "takes g, then by name"),
    "i that is not last": (lambda: declare(many, ("g", lambda g, i, y: g)), "takes i, .* last"),
    "many inputs by a place's name": (
        lambda: declare(lambda *xs, i=1: xs, GOOD),
        "'i' is the place of an input to a rule",
    ),
    "settings without names": (lambda: declare(lambda x, /, **how: x, GOOD), "no \\*\\*keywords"),
    "an alias twice": (lambda: declare(one, GOOD, aliases=("one",)), "another one twice"),
    "an input of many": (
        lambda: declare(many, ("g", lambda g, xs: g)),
        "there are g, i, shapes, y",
    ),
    "an input called y": (lambda: declare(lambda x, y, /: x, GOOD, GOOD), "'y' is the output to a"),
    "a setting called g": (lambda: declare(lambda x, /, g=1: x, GOOD), "'g' is the gradient of"),
    "a setting like a shape": (lambda: declare(lambda x, /, x_shape=1: x, GOOD), "is a shape to a"),
    "a name in a formula": (lambda: declare(one, GOOD, formula="β · x"), "'β · x' names β; there"),
    "a name in a derivative": (lambda: declare(one, ("q · g", lambda g: g)), "names q; there are"),
    "an operator": (lambda: declare(one, GOOD, operator="+"), r"operator= is one of abs, add"),
    "an operator of two": (lambda: declare(one, GOOD, operator="mod"), "does not take 1 input"),
    "aliases in one text": (lambda: declare(one, GOOD, aliases="abc"), "aliases= is a tuple of"),
    "numpy by name": (lambda: declare(one, GOOD, numpy="sin"), "names functions of NumPy"),
    "parts that are none": (lambda: declare(one, GOOD, parts=3), "parts is a function of the same"),
    "a kind that is no text": (lambda: declare(one, GOOD, kind=["moves"]), "no attribute 'split'"),
    "an unknown kind": (lambda: declare(one, GOOD, kind="element"), "unknown kind element; there"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_shows_a_right_one(name):
    call, what = WRONG[name]
    with pytest.raises(TypeError, match=what) as caught:
        call()
    assert "a right one:\n    @tx.op(" in str(caught.value)
    assert "test_extend.py" in str(caught.value)
    assert {"one", "two", "many", "no_slash"} & TABLE.keys() == set()


def test_the_right_declaration_that_errors_show_is_one():
    from tinygrad_xent.declarations import EXAMPLE

    names = {"tx": tx}
    lines = EXAMPLE.split("a right one:\n")[1].splitlines()
    exec("\n".join(line[4:] for line in lines), names)
    assert names["times_square"]([2.0], [3.0]).item() == 18.0
    assert gradcheck(names["times_square"], [2.0], [3.0])


def test_formulas_that_cannot_be_read():
    for formula, rule in (("x ^ 2", "g"), ("x", "g inside")):
        with pytest.raises(FormulaError, match="write it as in"):
            declare(one, (rule, lambda g: g), formula=formula)
    assert "one" not in TABLE


def test_names_that_tensor_has_are_refused():
    def shape(x, /):
        return x

    def data(x, /):
        return x

    for forward in (shape, data):
        with pytest.raises(ValueError, match=f"Tensor has an attribute '{forward.__name__}'"):
            declare(forward, GOOD, method=True)
    with pytest.raises(ValueError, match="attribute '__add__'"):
        declare(two, GOOD, GOOD, operator="add", formula="a + b")
    with pytest.raises(ValueError, match=r"(?s)exp of NumPy is answered by exp.*replace"):
        declare(one, GOOD, numpy=np.exp)
    declare(shape, GOOD)([1.0])  # as a function of its own it may


def test_an_impossible_shape_is_named_at_first_use():
    @op("2 · x", ("2 · g", lambda g, x: np.ones((2, 5))))
    def doubled(x, /):
        return 2 * x

    x = leaf([1.0, 2.0, 3.0], "x")
    words = r"(?s)doubled: its rule for x \(2 · g\) gave \(2, 5\), and x has the shape \(3,\)"
    for create_graph in (False, True):
        with pytest.raises(ShapeError, match=words + r".*test_extend\.py.*x: float64 \(3,\)"):
            doubled(x).sum().backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.parametrize("result", [None, "text", [None]])
def test_a_rule_that_gives_no_numbers_is_named(result):
    @op("2 · x", ("2 · g", lambda g: result))
    def doubled(x, /):
        return 2 * x

    with pytest.raises(DtypeError, match=r"doubled: the rule for .* gave no array of numbers"):
        doubled(leaf([1.0])).sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_number_is_a_gradient_of_every_element(create_graph):
    @op("2 · x", ("2 · g", lambda g: 2.0))
    def doubled(x, /):
        return 2 * x

    x = leaf([1.0, 2.0])
    doubled(x).sum().backward(create_graph=create_graph)
    assert x.grad.tolist() == [2.0, 2.0]
    assert isinstance(x.grad, Tensor)


def test_settings_are_plain_values():
    @op("x", ("g", lambda g: g))
    def with_setting(x, /, how="a", *, which=None):
        return x * 1.0

    for plain in ("b", 3, (1, 2.0), slice(1), np.float32, np.dtype("f4"), np.arange(3), ..., True):
        trace = tx.trace(with_setting(leaf([1.0]), plain, which=plain).sum())
        assert pickle.loads(pickle.dumps(trace)) == trace
    for other in (lambda x: x, object(), Tensor([1.0]), [object()], np.array([None])):
        with pytest.raises(DtypeError, match=r"(?s)the setting which must be a plain.*custom_vjp"):
            with_setting(leaf([1.0]), which=other)


def test_many_inputs_without_settings():
    @op("join(arrays)", ("g", lambda g, i: (i + 1) * g))
    def weighted(*arrays):
        return np.add.reduce([(i + 1) * x for i, x in enumerate(arrays)])

    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = weighted(a, b, a)
    y.sum().backward()
    assert y.tolist() == [10.0, 16.0]
    assert (a.grad.tolist(), b.grad.tolist()) == ([4.0, 4.0], [2.0, 2.0])
    assert check_tape(weighted(a, b).sum())


def test_settings_by_name_alone():
    @op("scale · x", ("scale · g", lambda g, scale: scale * g))
    def scaled(x, /, *, scale=2.0):
        return scale * x

    x = leaf([1.0])
    (scaled(x) + scaled(x, scale=5.0)).sum().backward()
    assert x.grad.item() == 7.0


def test_a_name_of_the_package_is_left_alone():
    before = tx.grad

    @op("x", GOOD)
    def grad(x, /):
        return x * 1.0

    assert tx.grad is before
    remove_op("grad")
    assert tx.grad is before


def test_numpys_default_counts_where_ours_is_another():
    @op("reverse(x)", ("reverse(g)", lambda g, axis: reverse(g, axis)), kind="moves", numpy=np.flip)
    def reverse(x, /, axis=-1):
        return np.flip(x, axis)

    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    for how in ({}, {"axis": 0}, {"axis": -1}, {"axis": None}):
        np.testing.assert_array_equal(np.flip(x, **how).numpy(), np.flip(x.numpy(), **how))


def test_taking_out_once_too_often_leaves_the_packages_row():
    @op("eˣ", ("g · y", lambda g, y: g * y), replace=True, numpy=np.exp, method=True)
    def exp(x, /):
        return np.exp(x)

    remove_op("exp")
    with pytest.raises(ValueError, match="no operation 'exp' was added"):
        remove_op("exp")
    assert np.exp(leaf([0.0])).item() == leaf([0.0]).exp().item() == 1.0


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_row_of_the_package_may_be_replaced_and_comes_back_whole(name):
    row, known = TABLE[name], PUBLIC[name]
    methods, numpy = dict(vars(Methods)), dict(NUMPY)
    before = {n: f for n, f in vars(tx).items() if f is known.function}

    def forward(*arrays):
        return arrays[0]

    forward.__name__ = name
    replaced = op("join(arrays)", GOOD, replace=True)(forward)
    assert all(getattr(tx, n) is replaced for n in before)
    assert not known.numpy or known.numpy[0] not in NUMPY
    remove_op(name)
    assert (TABLE[name], PUBLIC[name]) == (row, known)
    assert dict(vars(Methods)).keys() == methods.keys()
    assert numpy == NUMPY
    assert all(getattr(tx, n) is f for n, f in before.items())


def test_what_another_row_took_meanwhile_is_not_overwritten():
    @op("eˣ", ("g · y", lambda g, y: g * y), replace=True)
    def exp(x, /):
        return np.exp(x)

    @op("2 · x", ("2 · g", lambda g: 2 * g), numpy=np.exp, method=True, aliases=("exp",))
    def taken(x, /):
        return 2 * x

    with pytest.raises(ValueError, match="Tensor has an attribute 'exp'"):
        remove_op("exp")
    assert leaf([3.0]).exp().item() == np.exp(leaf([3.0])).item() == 6.0
    remove_op("taken")
    remove_op("exp")
    assert leaf([0.0]).exp().item() == np.exp(leaf([0.0])).item() == 1.0


def test_any_letter_may_name_an_input():
    f = custom_vjp(lambda i: i * i, lambda g, i: 2 * g * i)
    x = leaf([1.0, 2.0])
    f(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_an_input_without_a_rule_needs_no_gradient():
    f = custom_vjp(lambda x, n: x * n, lambda g, n: g * n, None)
    n = leaf([3.0])
    assert not f([2.0], n).requires_grad
    assert f(leaf([2.0]), n).requires_grad


def test_losses_and_lists_within_a_rule():
    f = custom_vjp(
        lambda x: tx.cross_entropy(x, [0, 1]),
        lambda g, x: g * tx.cross_entropy(x, np.array([0, 1])) * tx.add([1.0, 2.0], [3.0, 4.0]),
    )
    x = leaf(np.zeros((2, 2)))
    f(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.log(2) * np.array([[4.0, 6.0]] * 2))


def test_numpys_arguments_are_taken_by_name():
    @op("√ Σ x²", ("g · x / y", lambda g, x, y: g * x / y), kind="reduction", numpy=np.linalg.norm)
    def norm(x, /, axis=None):
        return np.sqrt((x * x).sum(axis))

    x = leaf([[3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_allclose(np.linalg.norm(x, axis=1).numpy(), [5.0, 10.0])
    assert np.linalg.norm(x).item() == pytest.approx(np.sqrt(125))
    with pytest.raises(DtypeError, match="gradient would be lost"):
        np.linalg.norm(x, 1)  # NumPy's `ord`, which the row does not know


def test_errors_of_other_kinds_stay_what_they_are():
    class OwnError(Exception):
        def __init__(self, code, text):
            super().__init__(code, text)

    def failing(x, /):
        raise (np.linalg.LinAlgError("singular") if x[0] > 0 else OwnError(3, "own"))

    function = declare(failing, GOOD)
    for value, error in ((1.0, np.linalg.LinAlgError), (-1.0, OwnError)):
        with pytest.raises(error) as caught:
            function(leaf([value], "x"))
        assert "in failing\n  inputs: x: float64 (1,)" in caught.value.__notes__[0]


def test_the_users_arrays_are_only_read():
    @op("2 · x", ("2 · g", lambda g: np.multiply(g, 2, out=g)))
    def doubled(x, /):
        return 2 * x

    @op("2 · x", ("2 · g", lambda g: 2 * g))
    def in_place(x, /):
        x *= 2
        return x

    w = leaf([1.0, 2.0])
    with pytest.raises(tx.ShapeError, match="in_place: output array is read-only"):
        in_place(w)
    with pytest.raises(ValueError, match="read-only") as caught:
        (doubled(w) + w).sum().backward()
    assert caught.value.__notes__ == ["in the rule of doubled for '2 · g'"]
    assert w.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("result", [None, (1.0, 2.0), [np.ones(2)]])
def test_a_forward_gives_one_array(result):
    @op("x", GOOD)
    def several(x, /):
        return result

    with pytest.raises(DtypeError, match=r"(?s)several: gave .*, it must give one array.*return"):
        several(leaf([1.0]))


def test_nan_of_finite_numbers_is_no_overflow():
    @op("x / x", ("0 · g", lambda g: 0 * g))
    def own_ratio(x, /):
        return x / x

    with np.errstate(all="ignore"):
        report = explain_nonfinite(own_ratio(leaf([1.0, 0.0])).sum())
    assert report.cause.startswith("own_ratio is undefined here")


def test_parts_that_are_no_new_operation_are_told_and_rename_nothing():
    @op("x", GOOD, parts=lambda x: x)
    def same(x, /):
        return x * 1.0

    x = leaf([1.0], "mine")
    y = same(x)
    y.name = "other"
    with pytest.raises(tx.GraphError, match="the parts of same gave"):
        tx.trace(y)
    assert x.name == "mine"


def test_parts_of_another_shape_are_told():
    @op("2 · x", ("2 · g", lambda g: 2 * g), parts=lambda x: tx.sum(x) * 2)
    def fused(x, /):
        return 2 * x

    with pytest.raises(tx.GraphError, match=r"the parts of fused gave \(\), the operation \(2,\)"):
        tx.trace(fused(leaf([1.0, 2.0])).sum())


# --- functions with rules of their own -------------------------------------------------------------


def test_custom_vjp_differentiates_by_its_rules():
    product = custom_vjp(lambda a, b: a * b, lambda g, b: g * b, lambda g, a: 10 * g * a)
    a, b = leaf([2.0, 3.0]), leaf([5.0, 7.0])
    y = product(a, b)
    y.sum().backward()
    assert (y.tolist(), a.grad.tolist()) == ([10.0, 21.0], [5.0, 7.0])
    assert b.grad.tolist() == [20.0, 30.0]  # as its rule says
    guilty = check_tape(product(a, b).sum()).guilty
    assert [(r.op, r.argument) for r in guilty] == [("custom_vjp", "b")]


def test_custom_vjp_in_every_order_and_place():
    def cubed(x):
        """x³"""
        return x**3

    f = custom_vjp(cubed, lambda g, x: 3 * g * x * x)
    assert (f.__name__, f.__doc__) == ("cubed", "x³")
    assert [tx.grad(f)(2.0).item(), tx.grad(tx.grad(f))(2.0).item()] == [12.0, 12.0]
    assert gradcheck(f, [0.5, -1.0], order=2)
    trace = tx.trace(f(leaf([2.0], "x")).sum())
    assert pickle.loads(pickle.dumps(trace)) == trace
    assert "cubed" in viz.draw(trace).svg
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = explain_nonfinite(f(leaf([1e200], "x")).sum())
    assert (report.op, report.line.text[:6]) == ("cubed", "report")
    assert "cubed" not in TABLE


def test_custom_vjp_without_a_derivative_or_declared_wrongly():
    step = custom_vjp(lambda x: np.sign(x), None)
    assert not step(leaf([1.0])).requires_grad
    with pytest.raises(TypeError, match=r"inputs .* need a rule each"):
        custom_vjp(lambda a, b: a, lambda g: g)
    with pytest.raises(TypeError, match="asks for 'z'"):
        custom_vjp(lambda a: a, lambda g, z: g)
    with pytest.raises(TypeError, match="before a `/`"):
        custom_vjp(lambda: 1, lambda g: g)
    for forward in (lambda x, n=2: x, lambda *xs: xs, lambda x, *, n: x, np.round):
        with pytest.raises(TypeError, match="each parameter is an input"):
            custom_vjp(forward, lambda g: g)
