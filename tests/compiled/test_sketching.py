"""The first call is recorded without being run: what is noted of each result is what NumPy would give."""

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, numbers, quietly, train, trained
from tinygrad_xent.compiled import sketching
from tinygrad_xent.compiled.blanks import PAGES, blank, is_by_axes, result_like
from tinygrad_xent.compiled.recordings import record_call
from tinygrad_xent.programs.calls import function

LARGE = 40, 50  # more than FEW elements


def layouts(shape=LARGE, dtype=np.float32):
    """The same shape in every order that memory may have."""
    rng = np.random.default_rng(0)
    whole = rng.uniform(0.1, 0.9, shape).astype(dtype)
    yield whole
    yield np.asfortranarray(whole)
    yield rng.uniform(0.1, 0.9, (2 * shape[0], shape[1])).astype(dtype)[::2]
    yield rng.uniform(0.1, 0.9, (shape[0], 2 * shape[1])).astype(dtype)[:, ::-2]
    yield np.broadcast_to(whole[:1], shape)
    yield np.broadcast_to(whole[:, :1], shape)


def same_kind(found, right):
    assert type(found) is type(right)
    if isinstance(right, np.ndarray):
        assert (found.shape, found.dtype) == (right.shape, right.dtype)
        axes = [n for n, length in enumerate(right.shape) if length > 1]
        assert [found.strides[n] for n in axes] == [right.strides[n] for n in axes]


CALLS = [
    *[(f"operator.{name}", 2) for name in ("add", "sub", "mul", "truediv", "pow", "lt", "eq")],
    *[(f"np.{name}", 2) for name in ("add", "maximum", "arctan2", "hypot", "fmax", "equal")],
    *[(f"np.{name}", 1) for name in ("exp", "sqrt", "isfinite", "tanh", "sign", "square")],
    *[("operator.neg", 1), ("operator.abs", 1)],
]
OPTIONS = [{}, {"axis": 0}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"keepdims": True}]
REDUCTIONS = [
    f"ndarray.{name}" for name in ("sum", "max", "min", "mean", "std", "var", "any", "all")
]


@pytest.mark.parametrize(("call", "count"), CALLS)
def test_a_call_on_arrays_of_any_order(call, count):
    assert is_by_axes(call)
    others = layouts(dtype=np.float64) if count == 2 else [None]
    for both in itertools.product(layouts(), others):
        args = [np.array(x) for x in both[:count]]
        with np.errstate(all="ignore"):
            same_kind(result_like(call, [blank(x) for x in args], {}), function(call)(*args))


@pytest.mark.parametrize("call", REDUCTIONS)
@pytest.mark.parametrize("kwargs", OPTIONS)
def test_a_reduction(call, kwargs):
    for x in layouts():
        same_kind(result_like(call, (blank(x),), kwargs), function(call)(np.array(x), **kwargs))


@pytest.mark.parametrize(
    ("call", "args", "kwargs"),
    [
        ("operator.mul", (np.ones((40, 1), "f4"), np.ones((1, 50), "f4")), {}),
        ("operator.mul", (np.ones(LARGE, "i8"), 2.5), {}),
        ("operator.mul", (np.ones(LARGE, "f2"), 2.5), {}),
        ("operator.mul", (np.ones(LARGE, bool), True), {}),
        ("operator.add", (np.ones((0, 50)), np.ones((40, 1, 50))), {}),
        ("operator.matmul", (np.ones(LARGE), np.ones((50, 60))), {}),
        ("operator.matmul", (np.ones(LARGE), np.ones(50)), {}),
        ("operator.matmul", (np.ones((7, 40, 50)), np.ones((50, 40))), {}),
        ("np.add.reduce", (np.ones((7, 40, 50)),), {"axis": (0, 2), "keepdims": True}),
        ("np.maximum.accumulate", (np.ones(LARGE),), {"axis": 1}),
        ("np.multiply.outer", (np.ones(LARGE), np.ones(3)), {}),
        ("np.where", (np.ones(LARGE, bool), np.ones(LARGE), 0), {}),
        ("np.einsum", ("ij,kj->ik", np.ones(LARGE), np.ones((30, 50))), {}),
        ("ndarray.astype", (np.ones(LARGE), "float16"), {}),
        ("ndarray.argmax", (np.ones(LARGE),), {"axis": 1}),
        ("ndarray.clip", (np.ones(LARGE), 0, 1), {}),
        ("np.modf", (np.ones(LARGE),), {}),
        ("ndarray.sum", (np.ones((2000, 1)),), {}),
    ],
)
def test_calls_by_axes(call, args, kwargs):
    assert is_by_axes(call)
    found, right = result_like(call, args, kwargs), function(call)(*args, **kwargs)
    pairs = zip(found, right, strict=True) if isinstance(right, tuple) else [(found, right)]
    for pair in pairs:
        same_kind(*pair)


@pytest.mark.parametrize(
    ("call", "args", "kwargs"),
    [
        ("np.add", (np.ones((2000, 1)), [1.0, 2.0, 3.0]), {}),
        ("operator.mul", (np.ones((2000, 1)), (1.0, 2.0)), {}),
        ("np.clip", (np.ones((2000, 1)), (0.0, 0.5), 1.0), {}),
        ("np.clip", (np.ones((2000, 1)), (0, 1), 1.0), {}),
        ("np.max", ([np.ones(LARGE), np.ones(LARGE)],), {"axis": 1}),
        ("np.sum", ((np.ones(LARGE), np.ones(LARGE)),), {"axis": 1}),
        ("np.where", ([[True], [False]], np.ones(2000), 0.0), {}),
        ("np.tensordot", (np.ones(LARGE), np.ones((50, 3))), {"axes": ([1], [0])}),
    ],
)
def test_lists_and_tuples_bring_axes_of_their_own(call, args, kwargs):
    same_kind(result_like(call, args, kwargs), function(call)(*args, **kwargs))


@pytest.mark.parametrize(
    "call",
    ["operator.getitem", "ndarray.reshape", "np.stack", "np.repeat", "set_item", "np.linalg.inv"],
)
def test_other_calls_are_run(call):
    assert not is_by_axes(call)


def test_a_view_stays_one_and_a_copy_is_none():
    x = blank(np.asfortranarray(np.ones(LARGE)))
    for call, args, shared in (
        ("ndarray.transpose", (), True),
        ("operator.getitem", (slice(2, 9),), True),
        ("ndarray.reshape", ((50, 40),), False),  # of columns: copied
        ("operator.getitem", ([1, 2],), False),
    ):
        y = result_like(call, (x, *args), {})
        same_kind(y, function(call)(x, *args))
        assert np.may_share_memory(x, y) == shared


def test_setting_an_item_is_tried_on_the_item_alone():
    x = np.ones(LARGE)
    same_kind(result_like("set_item", (x, (slice(3), 0), np.ones(3)), {}), x)
    with pytest.raises(ValueError, match="broadcast"):
        result_like("set_item", (x, (slice(3), 0), np.ones(4)), {})


def test_recording_takes_no_memory_for_results():
    big = blank(np.ones((600, 700)))
    assert big.nbytes > PAGES
    tracemalloc.start()
    made = [result_like("np.exp", (big,), {}) for _ in range(20)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < big.nbytes / 10
    assert len({x.__array_interface__["data"] for x in made}) == 20


def test_recording_a_step_takes_no_memory_for_its_logits():
    w = tx.Tensor(np.zeros((8, 1000), np.float32), requires_grad=True)
    optimizer = tx.optim.SGD([w], lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        tx.cross_entropy(x @ w, y).backward()
        optimizer.step()

    x, y = np.ones((2000, 8), np.float32), np.zeros(2000, int)
    record_call(step, (x[:9], y[:9]))  # what is loaded by the first call
    tracemalloc.start()
    record_call(step, (x, y))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * 1000 * 4 / 4  # bytes of the logits


# --- what a compiled step makes of it -------------------------------------------------------------------


def wide(seed=0):
    return np.random.default_rng(seed).normal(size=LARGE)


def agree(f, *args):
    step = tx.compile(f, strict=True)
    for a, b in zip(numbers(quietly(step, *args)), numbers(quietly(f, *args)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    return step


def test_a_copy_changed_in_place_leaves_the_original():
    def f(x):
        y = (x * 1.0).T
        flat = y.reshape(-1)  # a copy, as y lies column by column
        flat[:] = 0.0
        return y.sum()

    agree(f, wide())


def test_a_view_changed_in_place_changes_the_original():
    def f(x):
        y = x * 1.0
        y.reshape(-1)[:50] = 0.0
        return y.sum()

    agree(f, wide())


def test_what_fails_on_zeros_is_run_on_the_example():
    def f(x, eye):
        a = x @ x.T + 50.0 * eye
        return np.linalg.inv(a).sum() + np.linalg.cholesky(a).sum()

    assert agree(f, wide(), np.eye(40)).retried == 0


def test_draws_before_it_are_drawn_again_for_the_example():
    def f(x, eye, rng):
        a = rng.normal(size=(40, 50))
        b = rng.normal(size=(40, 40)) + 50.0 * eye
        return (x * a).sum() + np.linalg.inv(b).sum()

    step = tx.compile(f, strict=True)
    ours, theirs = (g(wide(), np.eye(40), np.random.default_rng(5)) for g in (step, f))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_an_error_names_the_true_shapes():
    step = tx.compile(lambda x, y: x @ y, strict=True)
    with pytest.raises(ValueError, match="size 40 is different from 50"):
        step(wide(), wide())


def test_labels_to_be_ignored_are_looked_for_in_the_example():
    pair = Pair(trained, train)
    x, y = batch()
    y[2] = -100
    pair.run(x, y)
    pair.run(*batch(seed=4))
    assert pair.compiled.retried == 0


@pytest.mark.parametrize("name", ["eigvals", "eig", "lstsq"])
def test_a_dtype_or_shape_that_depends_on_values_is_refused(name):
    given = (np.ones(4),) if name == "lstsq" else ()
    step = tx.compile(lambda x: getattr(np.linalg, name)(x, *given)[0], strict=True)
    with pytest.raises(tx.GraphError, match="depends on the numbers"):
        step(np.eye(4))


def test_a_root_that_may_be_complex_is_refused():
    with pytest.raises(tx.GraphError, match="depends on the numbers"):
        tx.compile(lambda x: np.emath.sqrt(x), strict=True)(np.ones(3))


V = np.array([1.0, 2.0, 3.0, 4.0])
OF_NUMBERS = {
    "slice": (lambda x, n: x * len(x[: n[0]]), np.array([2])),
    "slice of a count": (lambda x, n: x.reshape(-1)[: (n > 1).sum()].mean(), V),
    "repeat": (lambda x, n: np.repeat(x, n).mean(), np.array([1, 2, 3, 0])),
    "reshape": (lambda x, n: x.reshape(n[0], -1), np.array([2])),
    "reshape to one row": (lambda x, n: x.reshape(n[0], -1), np.array([1])),
    "ix_": (lambda x, mask: x[np.ix_(mask)].mean(), V > 1.5),
    "delete": (lambda x, i: np.delete(x, i).mean(), np.array([0, 2, 3])),
    "pad": (lambda x, n: np.pad(x, n).size * x, np.array([1, 2])),
    "tile": (lambda x, n: np.tile(x, n).size * x, np.array([2])),
    "linspace": (lambda x, n: np.linspace(x[0], x[1], n[0]).size * x, np.array([5])),
    "diag": (lambda x, n: np.diag(x, n[0]).shape[0] * x, np.array([2])),
}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_shape_that_depends_on_numbers_is_refused(name):
    f, n = OF_NUMBERS[name]
    with pytest.raises(tx.GraphError, match="depends on the numbers"):
        tx.compile(f, strict=True)(V, n)


def test_a_look_up_by_numbers_has_the_shape_of_these():
    agree(lambda x, i: x[i] * 1.0, V, np.array([[3, 0], [1, 1]]))
    agree(lambda x, i: x[i] * 1.0, V[:1], np.array([0, 0]))
    agree(lambda x, i: np.take_along_axis(x, i, 0) * 1.0, V, np.array([3, 0]))


def test_an_error_that_the_function_catches_is_not_recorded():
    def f(a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return a * 0

    with pytest.raises(tx.GraphError, match="inv fails: Singular matrix"):
        tx.compile(f, strict=True)(np.zeros((3, 3)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sort(x, axis=0) * 1.0,
        lambda x: np.reshape(x, -1, order="F") * 1.0,
        lambda x: np.reshape(x, (5, -1), "F") + 1.0,
        lambda x: x + range(50),
    ],
)
def test_calls_with_options(f):
    agree(f, wide())


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64"])
@pytest.mark.parametrize("exponent", [2, 2.0, -1.0, 1.0])
def test_powers(dtype, exponent):
    x = np.array([1, 2, 3, 100], dtype)
    agree(lambda x: x**exponent, x)
    assert tx.compile(lambda x: x**exponent, strict=True)(x).dtype == (x**exponent).dtype


# --- gradients that are not finite ------------------------------------------------------------------------


def test_a_gradient_that_nobody_checks_is_checked():
    """0 times infinity, of what relu did not choose, is 0 in eager code."""
    slope = tx.grad(lambda w, x: tx.relu(w * x).sum())
    step = tx.compile(slope, strict=True)
    for x in (np.ones(2), np.array([np.inf, 1.0])):
        w = np.array([-1.0, 2.0])
        assert np.array_equal(quietly(step, w, x).numpy(), slope(w, x).numpy())
    assert step.retried == 1


def test_without_that_check_it_would_be_nan(monkeypatch):
    monkeypatch.setattr(sketching.Sketch, "check_gradients", lambda self: None)
    step = tx.compile(tx.grad(lambda w, x: tx.relu(w * x).sum()), strict=True)
    args = np.array([-1.0, 2.0]), np.array([np.inf, 1.0])
    assert np.isnan(quietly(step, *args).numpy()[0])


def test_a_gradient_that_the_optimiser_checks_is_checked_once():
    pair = Pair(lambda: trained((4, 3)), train)
    pair.run(*batch())
    assert pair.compiled.source.count("isfinite(") == 1


# --- gradients from before --------------------------------------------------------------------------------


def leaf():
    return tx.Tensor([1.0, 2.0], requires_grad=True)


def test_whether_there_is_a_gradient_may_be_asked():
    def step(world, x):
        factor = 1.0 if world.grad is None else 10.0
        world.zero_grad()
        loss = (world * x * factor).sum()
        loss.backward()
        return loss.detach()

    ours, theirs = leaf(), leaf()
    compiled = tx.compile(lambda x: step(ours, x), strict=True)
    for _ in range(3):
        assert compiled(np.ones(2)).item() == step(theirs, np.ones(2)).item()
        assert np.array_equal(ours.grad.numpy(), theirs.grad.numpy())


def test_parameters_without_gradients_beside_others_that_keep_theirs():
    """Never `zero_grad`, and one of two parameters is not used: one form is enough."""

    def make():
        V, W = leaf(), leaf()
        return SimpleNamespace(V=V, W=W, optimizer=tx.optim.SGD([V, W], 0.1))

    def step(world, x):
        loss = (world.W * x).sum()
        loss.backward()
        world.optimizer.step()
        return loss

    pair = Pair(make, step)
    for n in range(6):
        pair.run(np.arange(2.0) + n)
    assert len(pair.compiled.signatures) <= 2


@pytest.mark.parametrize("used", ["added to", "in a product"])
def test_a_gradient_that_is_not_there_yet(used):
    def step(world, x):
        if used == "in a product":
            world.grad = tx.ones(2) if world.grad is None else world.grad * 2.0
        (world * x).sum().backward()
        return (world.grad * 3.0).detach()

    ours, theirs = leaf(), leaf()
    compiled = tx.compile(lambda x: step(ours, x))
    for n in range(4):
        x = np.arange(2.0) + n
        assert np.array_equal(compiled(x).numpy(), step(theirs, x).numpy())
        assert np.array_equal(ours.grad.numpy(), theirs.grad.numpy())
