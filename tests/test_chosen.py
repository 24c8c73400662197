"""Zero times what was not chosen is zero: to select after a function is to apply it to what was selected.

Random programs apply functions with infinite slopes to all elements and then select some. Their
gradients must be those of the same functions applied to the selected elements alone.
"""

from __future__ import annotations

import warnings
from operator import attrgetter

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import NAMES, Maker, has_rule, make_call
from tests.tensors import equal, leaf
from tinygrad_xent.check import NonFiniteWarning
from tinygrad_xent.engine.chosen import sweep_chosen
from tinygrad_xent.engine.context import ON_ARRAYS, during
from tinygrad_xent.engine.walk import collect, sweep_arrays

STEPS = [
    tx.log,
    tx.sqrt,
    tx.tanh,
    tx.checkpoint(tx.sqrt),
    lambda x: 1 / x,
    lambda x: x**0.5,
    lambda x: x * tx.log(x),
    lambda x: x / x,
    lambda x: tx.log1p(-x),
    lambda x: tx.exp(300 * x),
    lambda x: tx.where(x > 0, tx.log(x), x),
    lambda x: x * x,
]
VALUES = [0.0, 0.25, 1.0, 2.0, 4.0, -1.0]
FINITE = [
    tx.sqrt,
    tx.tanh,
    lambda x: x**0.5,
    lambda x: tx.where(x > 0, x * tx.log(x), x),
    lambda x: x * x,
]


# Each selection gets a tensor, weights of its shape and a generator; it gives what it selected, the
# weights of that, and which elements it took.


def by_where(y, w, rng):
    mask = rng.random(w.shape) < 0.5
    return (tx.where(mask, y, 7.0) if rng.random() < 0.5 else tx.where(~mask, 7.0, y)), w, mask


def by_mask(y, w, rng):
    mask = rng.random(w.shape) < 0.5
    return y[mask], w[mask], mask


def by_index(y, w, rng):
    mask = rng.random(w.shape) < 0.5
    places = np.nonzero(mask)
    return y[places], w[places], mask


def by_slice(y, w, rng):
    mask = np.zeros(w.shape, bool)
    mask[1:, ::2] = True
    return y.T[::2, 1:], w.T[::2, 1:], mask


def by_take_along_axis(y, w, rng):
    places = rng.integers(w.shape[1], size=(len(w), 1))
    mask = np.zeros(w.shape, bool)
    np.put_along_axis(mask, places, True, axis=1)
    return tx.take_along_axis(y, places, axis=1), np.take_along_axis(w, places, 1), mask


def by_max(y, w, rng):
    places = y.numpy().argmax(axis=1)[:, None]
    mask = np.zeros(w.shape, bool)
    np.put_along_axis(mask, places, True, axis=1)
    return tx.max(y, axis=1, keepdims=True), np.take_along_axis(w, places, 1), mask


def by_limit(y, w, rng):
    limit = rng.choice([-0.123, 0.321, 1.789])
    ways = [tx.maximum(y, limit), tx.clip(y, limit, None), tx.relu(y - limit)]
    return ways[rng.integers(3)], w, y.numpy() > limit


def by_dropout(y, w, rng):
    seed = int(rng.integers(1000))
    kept = tx.nn.Dropout(0.5, rng=seed)(np.ones(w.shape)).numpy() > 0
    return tx.nn.Dropout(0.5, rng=seed)(y) * 0.5, w, kept


def by_matmul(y, w, rng):
    """One row of a product: it was made from one row of the factor."""
    i, mask = int(rng.integers(len(w))), np.zeros(w.shape, bool)
    mask[i] = True
    return (y @ w[i])[i], np.ones(()), mask


ANYWHERE = [by_where, by_mask, by_index, by_slice, by_take_along_axis, by_dropout, by_matmul]
COMPARING = [by_max, by_limit]


def gradient_of(loss_of, x, twice):
    """The gradient of a loss or, with `twice`, of the sum of its squared slopes."""
    x = leaf(x)
    loss = loss_of(x)
    if twice and loss.requires_grad:
        loss.backward(create_graph=True)
        slope, x.grad = x.grad, None
        loss = (slope * slope).sum()
    if loss.requires_grad:
        loss.backward()
    return np.zeros(x.shape) if x.grad is None else x.grad.numpy()


def both_ways(seed, twice):
    """The gradient of a random program that selects, and that of the selected elements alone; None if
    it is not clear what was selected.
    """
    rng = np.random.default_rng(seed)
    compares = rng.random() < 0.3  # a maximum of nan or of ties would choose otherwise
    shape = tuple(rng.integers(1, 5, 2))
    x = rng.permutation(np.arange(shape[0] * shape[1])).reshape(shape) / 4.0
    x = x if compares else rng.choice(VALUES, shape)
    kinds = FINITE if compares else STEPS
    steps = [kinds[i] for i in rng.integers(len(kinds), size=rng.integers(1, 4))]
    selections = COMPARING if compares else ANYWHERE
    select, w = selections[rng.integers(len(selections))], rng.uniform(0.5, 2, shape)
    state = rng.integers(1 << 30)

    def function(x):
        for step in steps:
            x = step(x)
        return x

    y = function(tx.Tensor(x))
    _, _, mask = select(y, w, np.random.default_rng(state))
    ties = (y.numpy() == y.numpy().max(axis=1, keepdims=True)).sum() > len(x)
    if compares and (ties or not np.isfinite(y.numpy()).all()):
        return None

    def selected(x):
        chosen, weights, _ = select(function(x), w, np.random.default_rng(state))
        return (chosen * weights).sum()

    found = gradient_of(selected, x, twice)
    right = np.zeros(shape)
    right[mask] = gradient_of(lambda x: (function(x) * w[mask]).sum(), x[mask], twice)
    return found, right


def check(seeds, twice=False):
    """Compare the two ways; how many programs were compared."""
    compared = 0
    with np.errstate(all="ignore"), tx.check.autopsy(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            if (pair := both_ways(seed, twice)) is None:
                continue
            found, right = pair
            compared += 1
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-12, err_msg=f"seed {seed}")
    return compared


def test_random_programs():
    assert check(range(1500)) > 1300


def test_random_programs_to_second_order():
    assert check(range(500), twice=True) > 430


@pytest.mark.parametrize("whole", [(3, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("name", [name for name in NAMES if has_rule(name)])
def test_every_operation_carries_masks(name, whole):
    """With sound numbers and all outputs chosen, the second walk gives what the first gives; with one
    output chosen, what a seed for that output gives.
    """
    try:
        call = make_call(name, Maker(whole))
        points = [leaf(x) for x in call.points]
        y = call(*points)
    except ValueError:
        pytest.skip("these shapes do not fit the operation")
    root = y._source()
    nodes = collect(root)
    full = np.cos(np.arange(y.size, dtype=float)).reshape(y.shape) + 2
    single = np.zeros(y.shape)
    single.flat[0] = 1.0
    for seed in (full, single):
        taught = sweep_arrays(nodes, {root: seed})
        found = during(ON_ARRAYS, sweep_chosen, nodes, root, seed, attrgetter("kept"))
        for point in points:
            if point._node in taught:
                np.testing.assert_allclose(found[point._node], taught[point._node], rtol=1e-12)


# --- the published programs -----------------------------------------------------------------------

x0, ROWS = [0.0, 4.0], [[0.0, 0.0], [3.0, 4.0]]
PUBLISHED = {
    "log": (lambda x: tx.where(x > 0, tx.log(x), 0.0).sum(), x0, [0, 0.25]),
    "sqrt": (lambda x: tx.where(x > 0, tx.sqrt(x), 0.0).sum(), x0, [0, 0.25]),
    "quotient": (lambda x: tx.where(x > 0, 1 / x, 0.0).sum(), x0, [0, -1 / 16]),
    "entropy": (lambda x: tx.where(x > 0, x * tx.log(x), 0.0).sum(), x0, [0, np.log(4) + 1]),
    "power": (lambda x: tx.where(x > 0, x**0.5, 0.0).sum(), x0, [0, 0.25]),
    "exp": (lambda x: tx.where(x < 10, tx.exp(x), x).sum(), [0.0, 1e4], [1, 1]),
    "norm": (lambda x: tx.sqrt((x * x).sum(axis=1))[1], ROWS, [[0, 0], [0.6, 0.8]]),
    "clip": (lambda x: tx.clip(tx.log(x), -3.0, None).sum(), x0, [0, 0.25]),
    "maximum": (lambda x: tx.maximum(tx.log(x), -3.0).sum(), x0, [0, 0.25]),
    "softmax": (lambda x: tx.softmax(tx.log(x), axis=1)[1, 0], ROWS, [[0, 0], [4 / 49, -3 / 49]]),
    "mean": (lambda x: tx.log(x)[1:].mean(), x0, [0, 0.25]),
    "checkpoint": (lambda x: tx.where(x > 0, tx.checkpoint(tx.log)(x), 0.0).sum(), x0, [0, 0.25]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_was_not_chosen_has_slope_0(name):
    function, x, right = PUBLISHED[name]
    x = leaf(x, "x")
    with np.errstate(all="ignore"):
        loss = function(x)
        loss.backward()  # an autopsy would warn, and a warning is an error here
        slope = tx.grad(function)(x.numpy())
    trace = tx.trace(loss)
    parts = sum(c.value for c in trace[x].contributions)
    for found in (x.grad.numpy(), slope.numpy(), trace[x].gradient, parts):
        np.testing.assert_allclose(found, right, rtol=1e-14)


def test_what_was_chosen_stays_as_it_is():
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="log"):
        tx.where(x >= 0, tx.log(x), 0.0).sum().backward()
    equal(x.grad.numpy(), [np.inf, 0.25])


def test_a_product_with_0_is_arithmetic():
    x = leaf([0.0, 4.0])
    with pytest.warns(NonFiniteWarning, match=r"sqrt(?s:.*)the gradient here is 0"):
        (tx.sqrt(x) * np.array([0.0, 1.0])).sum().backward()
    equal(x.grad.numpy(), [np.nan, 0.25])


def test_each_row_of_a_jacobian_chooses_its_output():
    equal(tx.jacobian(tx.log)(np.array([1e-320, 4.0])).numpy(), [[np.inf, 0], [0, 0.25]])
    h = tx.hessian(lambda x: tx.where(x > 0, x * tx.log(x), 0.0).sum())
    with np.errstate(all="ignore"):
        equal(h([0.0, 4.0]).numpy(), [[0, 0], [0, 0.25]])


SECOND = {
    "where": lambda x: tx.where(x > 0, x**1.5, 0.0).sum(),
    "index": lambda x: (x**1.5)[1:].sum(),
    "relu": lambda x: tx.relu(x**1.5 - 1).sum(),
    "max": lambda x: tx.max(x**1.5),
    "checkpoint": lambda x: tx.where(x > 0, tx.checkpoint(lambda a: a**1.5)(x), 0.0).sum(),
}


@pytest.mark.parametrize("name", SECOND)
def test_a_finite_slope_whose_own_slope_is_not(name):
    """The first walk is sound, and what it records says what was not chosen."""
    h = tx.hessian(SECOND[name])([0.0, 4.0])
    np.testing.assert_allclose(h.numpy(), [[0, 0], [0, 0.375]])
    np.testing.assert_allclose(tx.hvp(SECOND[name], [0.0, 4.0], [1.0, 1.0]).numpy(), [0, 0.375])


def test_a_checkpoint_that_is_flat_in_first_order_is_not_in_second():
    equal(
        tx.hessian(lambda x: tx.checkpoint(lambda a: a * a)(x).sum())([0.0, 1.0]).numpy(),
        2 * np.eye(2),
    )


def test_a_seed_of_0_that_is_a_variable_is_differentiated():
    """The Jacobian-vector product as the derivative of a vector-Jacobian product by its vector."""
    x, v, u = leaf([1.0, 2.0]), leaf([0.0, 0.0]), np.array([3.0, 5.0])
    y = tx.where(x > 0, x**3, 0.0)
    y.backward(v, create_graph=True)
    slope, x.grad = x.grad, None
    (slope * u).sum().backward()
    equal(v.grad.numpy(), 3 * np.array([1.0, 4.0]) * u)


def quietly(f, x):
    x = leaf(x)
    with np.errstate(all="ignore"), tx.check.autopsy(False):
        f(x).sum().backward()
    return x.grad.numpy()


ZEROS = [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    "matrix", [ZEROS, np.array(ZEROS), np.array(ZEROS, bool), np.array(ZEROS, float)]
)
def test_zeros_of_a_matrix_are_arithmetic_in_any_dtype(matrix):
    equal(quietly(lambda x: tx.sqrt(x) @ matrix, [[0.0, 4.0]]), [[np.nan, 0.5]])
    bias = np.zeros(2)
    equal(quietly(lambda x: tx.linear(tx.sqrt(x), matrix, bias), [[0.0, 4.0]]), [[np.nan, 0.5]])


def test_zeros_inside_rows_that_walk_themselves_are_arithmetic():
    equal(quietly(lambda x: tx.checkpoint(lambda a: a * a)(tx.sqrt(x)), [0.0, 4.0]), [np.nan, 1])
    weight, y = np.array([[0.0, 0, 0], [1, 2, 3]]), [1, 0]
    composed = quietly(lambda x: tx.cross_entropy(tx.sqrt(x) @ weight, y), [[0.0, 4.0], [1.0, 1.0]])
    chunked = quietly(
        lambda x: tx.linear_cross_entropy(tx.sqrt(x), weight, None, y), [[0.0, 4.0], [1.0, 1.0]]
    )
    np.testing.assert_allclose(chunked, composed)
    assert np.isnan(chunked[0, 0])


def test_ignored_rows_of_a_chunked_loss_have_no_say():
    rng = np.random.default_rng(0)
    x, weight, bias = [[-np.inf, 1.0], [1.0, 2.0]], rng.random((2, 3)), np.zeros(3)
    found = [leaf(v) for v in (x, weight, bias)]
    right = [leaf(v) for v in (x[1:], weight, bias)]
    tx.linear_cross_entropy(*found, [-100, 1]).backward()
    tx.linear_cross_entropy(*right, [1]).backward()
    np.testing.assert_allclose(found[0].grad.numpy(), [[0, 0], right[0].grad.numpy()[0]])
    for a, b in zip(found[1:], right[1:], strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy())
    each = lambda x: tx.linear_cross_entropy(x, weight, bias, [0, 1], reduction="none")[1]  # noqa: E731
    equal(quietly(each, x)[0], [0, 0])


def test_a_function_of_ones_own_whose_slope_is_not_finite():
    own = tx.custom_vjp(lambda x: np.log(x), lambda g, x: g / x, name="clog")
    equal(quietly(lambda x: tx.where(x > 0, own(x), 0.0), [0.0, 4.0]), [0, 0.25])


def test_an_overwritten_leaf_is_said_to_stand_in_the_way():
    x, b = leaf([0.0, 4.0]), leaf([1.0])
    with np.errstate(all="ignore"):
        loss = (tx.where(x > 0, tx.log(x), 0.0) + b).sum()
        b.data = [2.0]
        told = pytest.warns(RuntimeWarning, match="can't be found out: a leaf was overwritten at")
        with told, tx.check.autopsy(False):
            loss.backward()
    equal(x.grad.numpy(), [np.nan, 0.25])


def test_a_healthy_walk_frees_as_it_goes():
    """What is kept is released whether or not the gradients turn out to be finite."""
    for start in (0.0, 1.0):
        x = leaf([start, 4.0])
        with np.errstate(all="ignore"):
            y = tx.log(x)
            tx.where(x > 0, y, 0.0).sum().backward()
        assert y._node.kept is None
