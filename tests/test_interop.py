"""NumPy on either side of a tensor: recorded, or refused; the tape is never silently cut."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import CASES, NAMES, has_rule, make_call, takes_a_list
from tinygrad_xent import DtypeError, Tensor
from tinygrad_xent.engine.public import PUBLIC

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])


def leaf(data=X, name="w"):
    return Tensor(data, requires_grad=True, name=name)


def gradient(f, data=X):
    """The gradient of the sum of f(leaf): proof that the result was recorded."""
    x = leaf(data)
    y = f(x)
    assert isinstance(y, Tensor)
    assert y.requires_grad
    y.sum().backward()
    return x.grad.numpy()


def same(numpy_f, our_f, data=X):
    """Check that a NumPy function on a tensor gives NumPy's values and our gradient."""
    np.testing.assert_allclose(numpy_f(leaf(data)).numpy(), numpy_f(data), rtol=1e-14)
    np.testing.assert_allclose(gradient(numpy_f, data), gradient(our_f, data), rtol=1e-14)


OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
    lambda a, b: a % b,
]
OTHERS = [2.5, 2, np.float64(2.5), np.float32(2.5), np.int64(2), X, X.tolist(), np.array(2.5), True]


@pytest.mark.parametrize("f", OPERATORS)
@pytest.mark.parametrize("other", OTHERS, ids=lambda x: type(x).__name__)
def test_operators_with_what_is_not_a_tensor_on_either_side(f, other):
    raw = np.asarray(other)
    for g, expected in (
        (lambda t: f(t, other), f(X, raw)),
        (lambda t: f(other, t), f(raw, X)),
    ):
        np.testing.assert_allclose(g(leaf()).numpy(), expected, rtol=1e-14)
        assert gradient(g).shape == X.shape


def test_matmul_from_either_side():
    a = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(gradient(lambda t: a @ t), np.ones((2, 3)) * a.sum(0)[:, None])
    np.testing.assert_array_equal((a @ leaf()).numpy(), a @ X)
    np.testing.assert_array_equal((a.tolist() @ leaf()).numpy(), a @ X)
    np.testing.assert_array_equal(gradient(lambda t: t @ np.ones(3)), np.ones((2, 3)))


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "tanh",
        "abs",
        "absolute",
        "negative",
        "square",
        "positive",
    ],
)
def test_unary_ufuncs(name):
    ours = {"negative": tx.neg, "absolute": tx.abs, "square": lambda t: t * t}
    ours["positive"] = lambda t: t * 1.0
    same(getattr(np, name), ours.get(name) or getattr(tx, name))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("add", tx.add),
        ("subtract", tx.sub),
        ("multiply", tx.mul),
        ("divide", tx.div),
        ("power", tx.pow),
        ("maximum", tx.maximum),
        ("minimum", tx.minimum),
    ],
)
def test_binary_ufuncs(name, ours):
    f = getattr(np, name)
    same(lambda x: f(x, 2.5), lambda x: ours(x, 2.5))
    same(lambda x: f(2.5, x), lambda x: ours(2.5, x))
    same(lambda x: f(X, x), lambda x: ours(X, x))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "amax", "amin", "var"])
@pytest.mark.parametrize("how", [{}, {"axis": 0}, {"axis": (0, -1)}, {"axis": 1, "keepdims": True}])
def test_reductions(name, how):
    ours = {"amax": tx.max, "amin": tx.min}.get(name) or getattr(tx, name)
    same(lambda x: getattr(np, name)(x, **how), lambda x: ours(x, **how))


def take(f, x):
    return f(x, 1)


def test_reductions_take_axis_by_position():
    for name in ("sum", "mean", "max", "min", "var"):
        theirs, ours = getattr(np, name), getattr(tx, name)
        same(partial(take, theirs), partial(take, ours))
    same(np.add.reduce, lambda x: tx.sum(x, 0))
    same(lambda x: np.maximum.reduce(x, 1), lambda x: tx.max(x, 1))
    same(lambda x: np.var(x, ddof=1), lambda x: tx.var(x, ddof=1))


FUNCTIONS = {
    "reshape": (lambda x: np.reshape(x, (3, 2)), lambda x: x.reshape(3, 2)),
    "transpose": (np.transpose, lambda x: x.T),
    "transpose axes": (lambda x: np.transpose(x, (1, 0)), lambda x: x.T),
    "expand_dims": (lambda x: np.expand_dims(x, 1), lambda x: x.expand_dims(1)),
    "squeeze": (lambda x: np.squeeze(np.expand_dims(x, 0)), lambda x: x * 1.0),
    "broadcast_to": (
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        lambda x: x.broadcast_to((4, 2, 3)),
    ),
    "concatenate": (lambda x: np.concatenate([x, X]), lambda x: tx.concatenate([x, X])),
    "concatenate flat": (
        lambda x: np.concatenate((x, X[0], x), axis=None),
        lambda x: tx.concatenate([x.reshape(-1), X[0], x.reshape(-1)]),
    ),
    "stack": (lambda x: np.stack([X, x], axis=1), lambda x: tx.stack([X, x], axis=1)),
    "where": (lambda x: np.where(X > 2, x, 0.0), lambda x: tx.where(X > 2, x, 0.0)),
    "clip": (lambda x: np.clip(x, 2, 5), lambda x: x.clip(2, 5)),
    "clip by name": (lambda x: np.clip(x, a_min=2, a_max=None), lambda x: x.clip(2)),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, np.array([[0], [2]]), 1),
        lambda x: tx.take_along_axis(x, np.array([[0], [2]]), 1),
    ),
    "dot of matrices": (lambda x: np.dot(x, X.T), lambda x: x @ X.T),
    "dot with a vector": (lambda x: np.dot(x, X[0]), lambda x: x @ X[0]),
    "dot with a scalar": (lambda x: np.dot(2.0, x), lambda x: 2.0 * x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    same(*FUNCTIONS[name])


def test_what_has_no_gradient_runs_on_the_values():
    w = leaf()
    for f in (np.isfinite, np.isnan, np.sign, np.floor, lambda x: np.less(x, 2)):
        y = f(w)
        assert isinstance(y, Tensor)
        assert not y.requires_grad
        np.testing.assert_array_equal(y.numpy(), f(X))
    assert np.argmax(w) == 5
    np.testing.assert_array_equal(np.argmax(w, axis=1).numpy(), [2, 2])
    assert (np.shape(w), np.ndim(w), np.size(w), np.size(w, 0)) == ((2, 3), 2, 6, 2)
    np.testing.assert_array_equal(np.zeros_like(w), np.zeros((2, 3)))
    assert np.allclose(w, X)
    assert not np.array_equal(w, X + 1)
    np.testing.assert_array_equal(np.where(w > 4), np.where(X > 4))


REFUSED = {
    "ufunc": lambda w: np.deg2rad(w),
    "ufunc of two": lambda w: np.nextafter(X, w),
    "function": lambda w: np.unwrap(w),
    "function of a list": lambda w: np.choose([0, 1, 1], [X[0], w[0]]),
    "keyword": lambda w: np.i0(x=w),
    "cumsum": lambda w: np.add.accumulate(w),
    "outer": lambda w: np.multiply.outer(w, w),
    "out": lambda w: np.exp(w, out=np.zeros((2, 3))),
    "masked ufunc": lambda w: np.exp(w, where=X > 2),
    "in place": lambda w: X.copy().__iadd__(w),
    "masked reduction": lambda w: np.add.reduce(w, where=X > 2),
    "reduction with a start": lambda w: np.add.reduce(w, initial=10.0),
    "reduction in another dtype": lambda w: np.add.reduce(w, dtype=np.float32),
    "masked sum": lambda w: np.sum(w, where=X > 2),
    "sum with a start": lambda w: np.sum(w, initial=1.0),
    "sum in another dtype": lambda w: np.sum(w, dtype=np.float32),
    "sum in another dtype by position": lambda w: np.sum(w, 0, np.float32),
    "mean in another dtype by position": lambda w: np.mean(w, 0, np.float32),
    "sum into an array": lambda w: np.sum(w, axis=0, out=np.zeros(3)),
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of a list": lambda w: np.array([w, w]),
    "np.asarray with a dtype": lambda w: np.asarray(w, dtype=np.float32),
    "assignment": lambda w: X.copy().__setitem__(slice(None), w),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cut_the_tape_is_refused(name):
    with pytest.raises((DtypeError, TypeError), match=r"(?s)(lost|cut the tape|gradient)"):
        REFUSED[name](leaf())


# refused on a tensor that requires grad, and without a defined result to compare on others
NO_VALUE = {"np.array of a list", "masked ufunc"}


@pytest.mark.parametrize("name", sorted(set(REFUSED) - NO_VALUE))
def test_the_same_runs_where_no_gradient_is_wanted(name):
    """On a tensor that needs no gradient, NumPy gives what it gives for the values."""
    ours, expected = REFUSED[name](Tensor(X)), REFUSED[name](X)
    ours = ours.numpy() if isinstance(ours, Tensor) else ours
    if expected is not None:  # an assignment has none
        np.testing.assert_array_equal(ours, expected)


def test_asarray_of_a_plain_tensor():
    t = Tensor(X)
    array = np.asarray(t)
    np.testing.assert_array_equal(array, X)
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 9
    copied = np.array(t)
    copied[0, 0] = 9
    np.testing.assert_array_equal(t.numpy(), X)
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(leaf().detach()), X)


def test_an_array_may_take_in_a_plain_gradient():
    w = np.ones(3)
    x = Tensor(w, requires_grad=True)
    (x * 2).sum().backward()
    w -= 0.5 * x.grad
    np.testing.assert_array_equal(w, np.zeros(3))


def test_functions_give_a_tensor_whatever_they_take():
    functions = (tx.exp, tx.softmax, tx.sum, tx.mean, tx.argmax, lambda x: tx.concatenate([x, x]))
    for f in (*functions, tx.floor, tx.square, tx.identity, lambda x: tx.less(x, 2.0)):
        expected = f(Tensor(X))
        for same in (X, X.tolist(), leaf()):
            y = f(same)
            assert isinstance(y, Tensor)
            assert y.dtype == expected.dtype
            assert y.numpy().tobytes() == expected.numpy().tobytes()
            assert not y.requires_grad or same is not X
    assert isinstance(tx.add(1.0, 2.0), Tensor)
    assert tx.add(1, 2).dtype == np.int64


def test_a_raw_array_is_checked_as_a_tensor_is():
    for f in (tx.exp, tx.floor, tx.less, tx.sum, lambda x: tx.where(x, 1.0, 2.0)):
        arguments = (np.array(["a"]), 1.0) if f is tx.less else (np.array(["a"]),)
        with pytest.raises(DtypeError, match=r"takes numbers, got text|must be boolean"):
            f(*arguments)
    with pytest.raises(tx.ShapeError, match=r"add: shapes \(2, 3\) and \(2,\) do not broadcast"):
        tx.add(X, np.ones(2))


def test_equality_with_what_is_no_number_is_the_others_to_decide():
    assert (leaf() == None) is False  # noqa: E711
    assert (leaf() != None) is True  # noqa: E711
    assert Tensor(2.0) == pytest.approx(2.0 + 1e-9)
    assert (Tensor([1.0, 2.0]) == [1.0, 3.0]).tolist() == [True, False]


def test_numpy_functions_do_not_write_into_tensors():
    w = Tensor([3.0, 4.0], requires_grad=True)
    t = Tensor([1.0, 2.0])
    loss = (w * t).sum()
    for write in (
        lambda: np.add([5.0, 5.0], 1.0, out=t),
        lambda: np.copyto(t, 9.0),
        lambda: np.real(t).__setitem__(0, 9.0),
    ):
        with pytest.raises(ValueError, match="read-only"):
            write()
    with pytest.raises(tx.GraphError, match="not assigned in place"):
        np.add.at(t, 0, 1.0)
    loss.backward()
    assert w.grad.tolist() == t.tolist() == [1.0, 2.0]


# --- NumPy's function and ours, by every name, are the same ---------------------------------------


def answered():
    """Every NumPy function that a row or composite stands in for, apart from `reduce`."""
    for name, known in PUBLIC.items():
        for theirs in known.numpy:
            if name in CASES and getattr(theirs, "__name__", "") != "reduce":
                yield pytest.param(name, theirs, id=f"{name}-{theirs.__name__}")


@pytest.mark.parametrize(("name", "theirs"), list(answered()))
def test_numpys_function_gives_what_ours_gives(name, theirs):
    call = make_call(name)
    inputs = [
        x if isinstance(x, str) else Tensor(x, requires_grad=i in call.live)
        for i, x in enumerate(call.inputs)
    ]
    arguments = [inputs] if takes_a_list(name) else inputs
    ours = PUBLIC[name].function(*arguments, **call.settings)
    for settings in (call.settings, {k: v for k, v in call.settings.items() if v is not False}):
        found = theirs(*arguments, **settings)
        assert isinstance(found, Tensor)
        assert found.dtype == ours.dtype
        assert found.requires_grad == ours.requires_grad == has_rule(name)
        np.testing.assert_array_equal(found.numpy(), ours.numpy())
    plain = theirs(
        *([call.inputs] if len(arguments) < len(inputs) else call.inputs), **call.settings
    )
    np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_arrays_and_lists_go_through_one_door(name):
    call = make_call(name)
    expected = call(*map(Tensor, call.points))
    for kind in (np.asarray, np.ndarray.tolist, Tensor):
        found = call(*map(kind, call.points))
        assert isinstance(found, Tensor)
        assert (found.dtype, found.requires_grad) == (expected.dtype, False)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_flags_of_numpy_are_flags():
    x = leaf()
    assert np.sum(x, keepdims=np.bool_(True)).shape == (1, 1)
    assert np.max(x, axis=np.int64(1), keepdims=np.False_).shape == (2,)
