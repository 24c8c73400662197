"""What a compiled step is given: arrays, tensors, numbers and containers of them, changed in place or not."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, check_same, numbers, quietly, train, trained


def test_an_argument_that_is_changed_in_place():
    def step(world, x):
        x += 1.0
        return (x * world.scale).sum()

    pair = Pair(lambda: SimpleNamespace(scale=tx.Tensor([2.0, 3.0])), step)
    for _ in range(2):
        ours, theirs = np.ones(2), np.ones(2)
        assert pair.compiled(ours).item() == step(pair.other, theirs).item() == 10.0
        np.testing.assert_array_equal(ours, theirs)


def test_arguments_in_dicts_and_lists_by_name_and_as_tensors():
    def step(world, data, *, scale=None):
        loss = train(world, data["x"], data["y"])
        return loss if scale is None else loss * scale

    pair = Pair(trained, step)
    x, y = batch()
    for seed in range(2):
        x, y = batch(seed=seed)
        pair.run({"x": x, "y": y})
        pair.run({"x": tx.Tensor(x), "y": y})
    world = trained()
    by_name = tx.compile(lambda x, y: train(world, x, y), strict=True)
    other = trained()
    for _ in range(2):
        assert by_name(y=y, x=x).item() == pytest.approx(train(other, x, y).item())
    assert by_name.signatures == ["x: float64[6, 4], y: int64[6]"]


def test_numbers_in_containers_are_looked_at_and_numbers_alone_are_inputs():
    scaled = tx.compile(lambda x, s: x * s, strict=True)
    in_a_list = tx.compile(lambda given: given[0] * given[1], strict=True)
    x = np.array([1.0, 2.0])
    for s in (2.0, 3.0, np.float64(4)):
        np.testing.assert_array_equal(numbers(scaled(x, s))[0], x * s)
        np.testing.assert_array_equal(numbers(in_a_list([x, s]))[0], x * s)
    assert len(scaled.signatures) == 2  # float and np.float64


def test_an_argument_that_is_changed_and_shares_memory_with_another():
    def step(x, y):
        x += 1.0
        return x + y

    compiled = tx.compile(step, strict=True)
    one, two = np.ones(2), np.ones(2)
    np.testing.assert_array_equal(numbers(compiled(one, two))[0], [3.0, 3.0])
    one = np.ones(2)
    np.testing.assert_array_equal(numbers(compiled(one, one))[0], [4.0, 4.0])
    whole = np.ones(3)
    np.testing.assert_array_equal(numbers(compiled(whole[:2], whole[1:]))[0], [4.0, 3.0])


def test_arrays_of_odd_strides():
    x, y = batch(12)
    pair = Pair(trained, train)
    for given in (x[::2], np.asfortranarray(x)[:6], x[::-2]):
        pair.run(given, y[::2])
    assert len(pair.compiled.signatures) == 1


def add(x):
    x += 1.0


def set_the_first(x):
    x[0] = 7.0


@pytest.mark.parametrize("change", [add, set_the_first])
@pytest.mark.parametrize("given", [True, False])
def test_an_array_that_is_read_only_later(change, given):
    kept = np.ones(2)

    def step(x):
        change(x if given else kept)
        return x * 2.0

    compiled = tx.compile(step, strict=True)
    for writeable in (True, False, True):
        x = np.ones(2)
        kept.flags.writeable = x.flags.writeable = writeable
        if writeable:
            np.testing.assert_array_equal(compiled(x), x * 2.0)
            continue
        before = kept.copy()
        with pytest.raises(ValueError, match="read-only"):
            compiled(x)
        np.testing.assert_array_equal(x, [1.0, 1.0])
        np.testing.assert_array_equal(kept, before)


X, Y = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])


def one_object_twice_then_two(compile):
    f = compile(lambda p: p[0] * 3.0 + p[1])
    yield from (f([X, X]), f([X, Y]), f([Y, X]))
    g = compile(lambda a, b: a * 3.0 + b)
    yield from (g(X, X), g(X, Y))
    s, t = tx.Tensor(X), tx.Tensor(Y)
    yield from (g(s, s), g(s, t), g({}.get("no", s), t))
    h = compile(lambda d: d["a"] * 3.0 + d["b"] + d["c"] * d["d"])
    yield h({"a": X, "b": X, "c": Y, "d": Y})
    yield h({"a": X, "b": Y, "c": X, "d": Y})


def one_object_or_two_by_is(compile):
    f = compile(lambda a, b: tx.exp(a) if a is b else a + b)
    yield from (f(X, X), f(X, Y), f(X, X), f(X, X.copy()))


def the_state_itself_is_given(compile):
    running = np.zeros((1, 2))

    def g(x):
        running[:] = 0.5 * running + x
        return x * 2.0

    f = compile(g)
    yield from (f(running), running.copy(), f(X), running.copy(), f(running[::-1]), running.copy())


def dicts_in_another_order_or_with_other_keys(compile):
    f = compile(lambda d: next(iter([*d.values()])) * 2.0)
    yield from (f({"a": X, "b": Y}), f({"b": Y, "a": X}))
    g = compile(lambda d: d[0] * len(str(next(iter(d)))))
    yield from (g({0: X}), g({False: X}))


def whole_numbers_of_numpy_are_sizes(compile):
    f = compile(lambda x, n: x.reshape(n, -1) * 2.0)
    z = np.ones((4, 4))
    yield from (f(z, np.int64(1)), f(z, np.int64(2)), f(z, np.int32(2)), f(z, 8))
    g = compile(lambda x, axis: x.sum(axis=axis))
    yield from (g(z, np.int64(0)), g(z, np.int64(1)))


def negative_zero_and_nan_are_told_apart(compile):
    f = compile(lambda p: p[0] * np.copysign(1.0, p[1]))
    yield from (f([X, 0.0]), f([X, -0.0]), f([X, float("nan")]), f([X, float("nan")]))


def plain_containers_are_compared_by_value(compile):
    f = compile(lambda x, shape: x.reshape(shape) * 2.0)
    yield from (f(X, (2, 1)), f(X, (2, 1)), f(X, [1, 2]), f(X, [2, 1]))


def names_that_the_checks_use_too(compile):
    yield compile(lambda more, type: more * type)(X, 2.0)
    yield compile(lambda len, id: len * id)(X, 2.0)
    f = compile(lambda _MISS, _guard=1.0: _MISS * _guard)
    yield from (f(X), f(X, 2.0), f(X, _guard=3.0))
    yield compile(lambda a1, k0, error: a1 * k0 + error)(X, 2.0, Y)


def memory_of_what_is_trained(compile):
    weight = tx.Tensor(np.ones(2), requires_grad=True)
    optimizer = tx.optim.SGD([weight], lr=1.0)

    def g(x):
        optimizer.zero_grad()
        (weight * 2.0).sum().backward()
        optimizer.step()
        return x + 0.0

    f = compile(g)
    yield f(np.ones(2))
    yield f(weight.data)
    yield f(weight.data[::-1])
    yield f(np.ones(4)[::2])


def subclasses_of_arrays(compile):
    f = compile(lambda x: x * x)
    yield np.asarray(f(np.matrix([[1.0, 2.0], [3.0, 4.0]])))
    yield np.ma.getmaskarray(f(np.ma.array([1.0, 2.0], mask=[False, True])))


def results_are_the_arguments_themselves(compile):
    f = compile(lambda x, t: (x, x[:, 1:], t, x * 2.0))
    x, t = X.copy(), tx.Tensor(Y)
    for _ in range(2):
        same, view, tensor, _ = f(x, t)
        yield same is x
        yield tensor is t
        view[:] += 1.0
        yield x.copy()


def results_are_the_parameters_themselves(compile):
    weight = tx.Tensor(np.ones(2), requires_grad=True)
    optimizer = tx.optim.SGD([weight], lr=0.5)

    def g(x):
        optimizer.zero_grad()
        loss = (weight * x).sum()
        loss.backward()
        optimizer.step()
        return loss, weight, weight.data, loss

    f = compile(g)
    for _ in range(2):
        loss, parameter, array, again = f(X)
        yield (parameter is weight, array is weight.data, loss is again)
        yield array.copy()


def results_of_plain_numbers(compile):
    yield compile(lambda n: (tx.exp(n * 1.0), n))(3)
    yield compile(lambda n: n + 1)(3)


SCENARIOS = [
    (one_object_twice_then_two, True),
    (one_object_or_two_by_is, True),
    (the_state_itself_is_given, True),
    (dicts_in_another_order_or_with_other_keys, True),
    (whole_numbers_of_numpy_are_sizes, True),
    (negative_zero_and_nan_are_told_apart, True),
    (plain_containers_are_compared_by_value, True),
    (names_that_the_checks_use_too, True),
    (memory_of_what_is_trained, True),
    (subclasses_of_arrays, False),
    (results_are_the_arguments_themselves, True),
    (results_are_the_parameters_themselves, True),
    (results_of_plain_numbers, True),
]


@pytest.mark.parametrize(
    ("scenario", "compiles"), SCENARIOS, ids=lambda x: getattr(x, "__name__", "")
)
def test_arguments_and_results_are_as_without_compiling(scenario, compiles):
    reasons = check_same(scenario)
    assert [not reason for reason in reasons] == [compiles] * len(reasons), reasons


def test_views_of_what_changes_and_results_that_share_memory_are_refused():
    def view(x):
        x += 1.0
        return x[1:]

    with pytest.raises(tx.GraphError, match="a view of an array that it changes"):
        tx.compile(view, strict=True)(np.ones(3))

    def two(x):
        y = x * 2.0
        return y, y[1:]

    with pytest.raises(tx.GraphError, match="two results that share memory"):
        tx.compile(two, strict=True)(np.ones(3))


def test_a_call_that_does_not_fit_says_what_the_function_says():
    def named(x, y=2.0):
        return x * y

    step = tx.compile(named)
    with pytest.raises(TypeError, match=r"named\(\) got an unexpected keyword argument 'z'"):
        step(X, z=1.0)
    with pytest.raises(TypeError, match=r"named\(\) missing 1 required"):
        step()
    with pytest.raises(TypeError, match=r"named\(\) takes from 1 to 2"):
        step(X, 1.0, 2.0)
    assert step.reason == ""


class Net(tx.nn.Module):
    def __init__(self):
        self.linear = tx.nn.Linear(2, 2, rng=0)

    @tx.compile
    def scores(self, x):
        return self.linear(x)


def test_a_decorated_method_belongs_to_its_instance():
    one, two = Net(), Net()
    two.linear.weight.data *= 2.0
    for net in (one, two, one):
        np.testing.assert_allclose(numbers(net.scores(X))[0], numbers(net.linear(X))[0])
    assert Net.scores.signatures == ["self: Net, x: float64[1, 2]"] * 2


def test_a_compiled_function_inside_another_is_part_of_it():
    weight = tx.Tensor(np.ones((2, 2)), requires_grad=True)
    inner = tx.compile(lambda x: tx.exp(x) @ weight, strict=True)

    def step(x):
        weight.grad = None
        loss = inner(x).sum()
        loss.backward()
        return loss

    outer = tx.compile(step, strict=True)
    for _ in range(2):
        assert outer(X).item() == pytest.approx(2 * np.exp(X).sum())
        np.testing.assert_allclose(numbers(weight.grad)[0], np.exp(X).T @ np.ones((1, 2)))


def test_a_first_call_that_fails_leaves_what_eager_code_leaves():
    pair = Pair(trained, train, strict=False)
    x, y = batch()
    pair.run(x, y)
    for bad in (np.full(6, 9), y.astype(float)):
        fresh = Pair(trained, train, strict=False)
        for world, step in ((fresh.world, fresh.compiled), (fresh.other, None)):
            world.model.parameters()[0].grad = tx.Tensor(np.ones((4, 5)))
            with pytest.raises((tx.OutOfRangeError, tx.DtypeError)):
                step(x, bad) if step else train(world, x, bad)
        fresh.check()


def test_nan_in_the_first_call_is_skipped_with_a_warning():
    pair = Pair(trained, train, strict=True)
    x, y = batch()
    hole = x.copy()
    hole[0, 0] = np.nan
    quietly(pair.run, hole, y)  # the warnings are eager code's own
    assert (
        pair.compiled.retried == 1
    )  # the step is made, and leaves what is not finite to the function
    pair.run(x, y)
    assert pair.compiled.reason == ""


def test_arguments_that_have_a_name_only_are_refused():
    def scaled(x, *, by):
        return x * by

    step = tx.compile(scaled)
    with pytest.warns(UserWarning, match="arguments that have a name only: by"):
        np.testing.assert_array_equal(numbers(step(X, by=2.0))[0], X * 2.0)
    np.testing.assert_array_equal(numbers(step(X, by=3.0))[0], X * 3.0)
    with pytest.raises(tx.GraphError, match="give the parameters a place"):
        tx.compile(scaled, strict=True)(X, by=2.0)
