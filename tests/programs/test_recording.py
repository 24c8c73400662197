"""What a recorded function changes, which shapes and dtypes it is for, and what happens beside it."""

import copy
import threading

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.engine.symbols import RECORDER
from tinygrad_xent.programs import RecordingError

X = np.arange(6.0).reshape(3, 2)
Y = np.array([0, 1, 1])

# --- changes in place, aliases, views -------------------------------------------------------------


def test_what_a_function_changes_in_its_arguments_is_an_update():
    def f(w, x):
        loss = (w * x).sum()
        loss.backward()
        with tx.no_grad():
            w -= 0.5 * w.grad
        return loss

    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    program = tx.program(f, w, X[0])
    loss, updates = program(w.numpy(), X[1])
    np.testing.assert_array_equal(updates["w"], w.numpy() - 0.5 * X[1])
    np.testing.assert_array_equal(updates["dw"], X[1])
    np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])  # the user's own is as it was
    assert w.grad is None
    assert loss == (w.numpy() * X[1]).sum()


def with_gradient():
    w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
    (w * 3).sum().backward()
    return w


def test_a_gradient_that_is_there_is_added_to():
    def f(w, x):
        (w * x).sum().backward()

    program = tx.program(f, with_gradient(), X[0])
    assert [i.name for i in program.inputs] == ["w", "dw", "x"]
    _, updates = program(np.ones(2), np.array([10.0, 20.0]), X[1])
    np.testing.assert_array_equal(updates["dw"], X[1] + [10.0, 20.0])


def test_a_gradient_that_is_forgotten_first_is_no_input():
    def f(w, x):
        w.zero_grad()
        (w * x).sum().backward()

    program = tx.program(f, with_gradient(), X[0])
    assert [i.name for i in program.inputs] == ["w", "x"]
    np.testing.assert_array_equal(program(np.ones(2), X[1])[1]["dw"], X[1])
    assert not tx.program(lambda w: w * 2, with_gradient()).updates


through = tx.custom_vjp(lambda x: np.round(x), lambda g: g, name="round straight through")


def times_square(a, b, /):
    return a * b * b


times_square = tx.custom_vjp(times_square, lambda g, b: g * b * b, lambda g, a, b: 2 * g * a * b)


def test_operations_of_ones_own_are_recorded():
    f = tx.grad(lambda a, b: (times_square(a, b) * through(a)).sum(), (0, 1))
    a, b = X[0] + 0.3, X[1]
    program = tx.program(f, a, b)
    for ours, theirs in zip(program(a, b), f(a, b), strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())


def test_places_may_be_an_argument():
    f = lambda x, places: x.at[places].set(9.0)  # noqa: E731
    places = np.array([2, 0])
    program = tx.program(f, X[0].repeat(2), places)
    np.testing.assert_array_equal(program(np.arange(4.0), places), [9.0, 1.0, 9.0, 3.0])


def test_a_count_that_nothing_reads_is_no_input():
    model = tx.nn.Linear(2, 2, rng=0)
    names = {}
    for kind in (tx.optim.SGD, tx.optim.Adam):
        program = tx.program(step, model, kind(model.parameters(), lr=0.1), X, Y)
        names[kind.__name__] = {i.name for i in program.inputs}
    assert "t" not in names["SGD"]
    assert "t" in names["Adam"]


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = tx.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def test_an_array_that_is_added_to_is_an_update():
    def f(x):
        same = x
        same += 1
        return x * 2

    found, updates = tx.program(f, X.copy())(X)
    np.testing.assert_array_equal(found, 2 * (X + 1))
    np.testing.assert_array_equal(updates["x"], X + 1)


def test_data_that_is_assigned_is_an_update():
    def f(w):
        w.data = w.data * 2
        w.data[0] = 7.0
        return w.sum()

    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    total, updates = tx.program(f, w)(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(updates["w"], [7.0, 8.0])
    assert total == 15.0


def test_a_view_changes_with_its_array_or_is_refused():
    def through_a_view(w):
        rows = w.data[0]
        rows += 1.0
        return w * 1

    w = tx.Tensor(X, requires_grad=True)
    found, updates = tx.program(through_a_view, w)(X)
    expected = np.concatenate([X[:1] + 1, X[1:]])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(updates["w"], expected)

    def old_view(w):
        row = w.data[0]
        w.data = w.data + 1
        return tx.exp(row)

    with pytest.raises(RecordingError, match="changed in place afterwards"):
        tx.program(old_view, w)


def test_an_array_that_is_given_twice_is_two_inputs():
    program = tx.program(lambda a, b: a - b, X, X)
    np.testing.assert_array_equal(program(X, 3 * X), -2 * X)


def test_a_leaf_that_is_overwritten_before_backward_is_refused():
    def f(w):
        loss = (w * w).sum()
        w.data = w.data * 2
        loss.backward()
        return loss

    with pytest.raises(tx.GraphError, match=r"overwritten|changed"):
        tx.program(f, tx.Tensor(X, requires_grad=True))


def test_what_is_no_array_must_not_change():
    class Counter:
        def __init__(self):
            self.calls = 0

    def f(counter, x):
        counter.calls += 1
        return x * 2

    with pytest.raises(RecordingError, match=r"changes counter\.calls"):
        tx.program(f, Counter(), X)


def test_a_result_that_is_kept_in_an_object_must_be_returned():
    class Cache:
        def __init__(self):
            self.last = None

    def f(cache, x):
        cache.last = x * 2
        return x

    with pytest.raises(RecordingError, match=r"changes cache\.last"):
        tx.program(f, Cache(), X)


# --- numbers, shapes, dtypes ----------------------------------------------------------------------


def test_another_shape_or_dtype_is_refused():
    program = tx.program(tx.exp, X)
    with pytest.raises(tx.ShapeError, match=r"recorded with shape \(3, 2\)"):
        program(X[:2])
    with pytest.raises(tx.DtypeError, match="recorded as float64"):
        program(X.astype(np.float32))
    with pytest.raises(TypeError, match=r"takes 1 array\(s\), got"):
        program(X, X)


def test_a_float_is_an_input_that_widens_nothing():
    x = X.astype(np.float32)
    program = tx.program(lambda x, rate: x * rate, x, 0.1)
    found = program(x, 0.3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, x * 0.3)


def test_an_integer_is_the_same_in_each_run():
    program = tx.program(lambda x, n: x**n, X, 3)
    assert [i.name for i in program.inputs] == ["x"]
    assert ("n", 3) in program.guards


def test_an_empty_batch_is_as_eager():
    with pytest.warns(RuntimeWarning, match="no samples"):
        program = tx.program(lambda z, y: tx.cross_entropy(z, y), X[:0], Y[:0])
    assert program(X[:0], Y[:0]) == 0


@pytest.mark.filterwarnings("ignore")
def test_nan_goes_where_eager_code_puts_it():
    f = tx.value_and_grad(lambda x: tx.logsumexp(x, axis=1).sum())
    x = np.array([[1.0, np.nan], [np.inf, 0.0], [-np.inf, -np.inf]])
    value, slope = tx.program(f, X)(x)
    expected = f(x)
    np.testing.assert_array_equal(value, expected[0].numpy())
    np.testing.assert_array_equal(slope, expected[1].numpy())


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_chosen_has_no_say_if_the_example_shows_it():
    f = tx.grad(lambda x: tx.where(x > 0, tx.log(x), 0.0).sum())
    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(tx.program(f, x)(x), [0.0, 1.0, 0.5])
    np.testing.assert_array_equal(tx.program(f, x)(np.array([4.0, 0.0, 2.0])), [0.25, 0.0, 0.5])


# --- threads, errors ------------------------------------------------------------------------------


def test_two_threads_record_at_once():
    found = {}

    def record(scale):
        found[scale] = tx.program(lambda x, n: x * n, X, scale)(X)

    threads = [threading.Thread(target=record, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(8):
        np.testing.assert_array_equal(found[n], X * n)


def test_a_thread_beside_a_recording_computes_as_ever():
    wrong = []

    def beside():
        if tx.exp(np.zeros(2)).tolist() != [1.0, 1.0]:
            wrong.append("another value")

    def f(x):
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
        return x * 2

    tx.program(f, X)
    assert not wrong


def leaks(x):
    globals()["LEAKED"] = x
    return x * 1


def uses_the_leak(x):
    return x * globals()["LEAKED"]


def test_a_value_of_another_recording_is_refused():
    tx.program(leaks, X)
    with pytest.raises(RecordingError, match="another recording"):
        tx.program(uses_the_leak, X)


def test_an_error_in_the_middle_leaves_everything_as_it_was():
    def f(w):
        w.data = w.data * 2
        raise KeyError("stop")

    w = tx.Tensor(X.copy(), requires_grad=True)
    with pytest.raises(KeyError):
        tx.program(f, w)
    np.testing.assert_array_equal(w.numpy(), X)
    assert RECORDER.get() is None
    np.testing.assert_array_equal(tx.exp(X).numpy(), np.exp(X))


def test_a_constant_is_kept_and_said():
    weights = tx.constant(np.array([1.0, 2.0]))
    program = tx.program(lambda x: x * weights, X)
    np.testing.assert_array_equal(program(X), X * [1.0, 2.0])
    np.testing.assert_array_equal(next(iter(program.constants.values())), [1.0, 2.0])
    copied = copy.deepcopy(program)
    assert copied == program
