"""Nothing leaves the tape without a word: plain numbers, copies, augmented assignments."""

from __future__ import annotations

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf

# --- plain numbers --------------------------------------------------------------------------------

NUMBERS = {
    "float": float,
    "int": int,
    "math.exp": math.exp,
    "complex": complex,
    "np.float64": np.float64,
    "an element of an array": lambda t: operator.setitem(np.zeros(3), 0, t),
    "np.fromiter": lambda t: np.fromiter([t], float),
    "fill": lambda t: np.zeros(2).fill(t),
    "sum of Python": lambda t: sum([math.sqrt(t), 1.0]),
    "time": lambda t: math.fsum([t]),
}
TENSORS = {
    "result": lambda: leaf(2.0) * 2,
    "leaf": lambda: leaf(2.0),
    "element": lambda: leaf([1.0, 2.0])[0],
}


@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_taken_from_the_tape_is_told(name, tensor):
    with pytest.warns(
        UserWarning, match=r"leaves the tape(?s:.*)t\.item\(\)(?s:.*)t\.detach\(\)"
    ) as caught:
        NUMBERS[name](TENSORS[tensor]())
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", NUMBERS)
def test_other_numbers_are_taken_without_a_word(name):
    t = leaf(2.0)
    for free in (t.detach(), tx.Tensor(2.0), (t > 1), t.argmax(), (t * 2).detach()):
        NUMBERS[name](free)
    with tx.no_grad():
        NUMBERS[name](t)
        NUMBERS[name](t * 2)
    assert t.item() == 2
    assert f"{t * 2:.1f}" == "4.0"


def test_a_function_under_grad_that_uses_math_is_told():
    with pytest.warns(UserWarning, match="leaves the tape"):
        tx.grad(lambda x: x * math.exp(x))(1.0)


@pytest.mark.parametrize("tensor", TENSORS)
def test_an_array_of_it_is_refused_and_both_ways_are_named(tensor):
    t = TENSORS[tensor]()
    for make in (
        np.asarray,
        np.array,
        np.float32,
        lambda t: np.array([t, t]),
        lambda t: np.full(2, t),
    ):
        with pytest.raises(TypeError, match=r"\.detach\(\)"):
            make(t)


# --- augmented assignment -------------------------------------------------------------------------

AUGMENTED = {
    "+": operator.iadd,
    "-": operator.isub,
    "*": operator.imul,
    "/": operator.itruediv,
    "**": operator.ipow,
    "@": operator.imatmul,
}


def other_for(symbol):
    return np.array([[0.0, 1.0], [1.0, 0.0]]) if symbol == "@" else 2.0


@pytest.mark.parametrize("symbol", AUGMENTED)
def test_a_parameter_is_changed_in_place_under_no_grad(symbol):
    change, other = AUGMENTED[symbol], other_for(symbol)
    w = leaf([[1.0, 2.0], [3.0, 4.0]], "w")
    memory, right = w.data, change(w.numpy().copy(), other)
    with tx.no_grad():
        again = change(w, other)
    assert again is w
    assert w.requires_grad
    assert w.data is memory
    equal(w.numpy(), right)
    w.sum().backward()
    equal(w.grad.numpy(), np.ones((2, 2)))


@pytest.mark.parametrize("symbol", AUGMENTED)
def test_elsewhere_it_is_refused_with_the_right_ways(symbol):
    w = leaf([[1.0, 2.0], [3.0, 4.0]], "w")
    with pytest.raises(tx.GraphError, match=r"no_grad\(\)(?s:.*)w\.data(?s:.*)w = w") as caught:
        AUGMENTED[symbol](w, other_for(symbol))
    assert f"{symbol}=" in str(caught.value)
    assert "w: float64 (2, 2)" in str(caught.value)
    equal(w.numpy(), [[1, 2], [3, 4]])


@pytest.mark.parametrize("symbol", AUGMENTED)
def test_a_result_on_the_tape_is_told_to_be_written_out(symbol):
    h = x = leaf([[1.0, 2.0], [3.0, 4.0]], "x") * 1.0
    with pytest.warns(UserWarning, match=rf"write h = h \{symbol}"):
        h = AUGMENTED[symbol](h, other_for(symbol))
    equal(x.numpy(), [[1, 2], [3, 4]])  # other names keep the old values
    equal(h.numpy(), AUGMENTED[symbol](x.numpy().copy(), other_for(symbol)))
    assert h.requires_grad


def test_the_training_loop_that_trained_nothing():
    w = leaf([1.0], "w")
    for _ in range(3):
        (w * w).sum().backward()
        with tx.no_grad():
            w -= 0.25 * w.grad
        w.grad = None
    equal(w.numpy(), [0.125])
    (w * w).sum().backward()
    with pytest.raises(tx.GraphError, match="-=: a leaf that requires grad"):
        w -= 0.1 * w.grad


def test_what_needs_no_gradient_is_as_before():
    x = y = tx.Tensor([1.0])
    x += 1
    equal(x.numpy(), [2.0])
    equal(y.numpy(), [1.0])
    total = 0.0
    for part in (leaf(1.0), leaf(2.0)):
        total = total + part
    assert total.item() == 3
    mask = tx.Tensor([True, False])
    mask &= np.array([True, True])
    mask |= np.array([False, True])
    assert mask.tolist() == [True, True]


def test_a_change_that_does_not_fit_changes_nothing():
    w = leaf([1.0, 2.0])
    with (
        tx.no_grad(),
        pytest.raises(tx.ShapeError, match=r"shape \(2, 2\) into a tensor of shape \(2,\)"),
    ):
        w += np.ones((2, 2))
    equal(w.numpy(), [1, 2])


def test_what_was_kept_is_not_silently_changed():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    with tx.no_grad():
        w *= 2
    with pytest.raises(tx.GraphError, match="was kept by mul at"):
        loss.backward()


@pytest.mark.parametrize(
    "use",
    [lambda w: w.numpy(), lambda w: w.data, lambda w: w.numpy()[::-1].T, lambda w: w.data[:1]],
)
def test_a_constant_that_shares_memory_with_a_parameter(use):
    """The values of a parameter, used as a constant and then stepped: the gradient would be wrong."""
    w, v = leaf([1.0, 2.0], "w"), leaf([3.0, 4.0], "v")
    optimizer = tx.optim.SGD([w], lr=0.1)
    w.grad = [1.0, 1.0]
    loss = (v * use(w)).sum()
    optimizer.step()
    with pytest.raises(tx.GraphError, match=r"w was kept by mul at .* and overwritten at"):
        loss.backward()
    assert v.grad is None
    (v * np.array(use(w))).sum().backward()  # a copy made before the step would do
    w.data = [0.0, 0.0]


# --- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_copies_of_what_is_on_a_tape_are_refused(duplicate):
    for transform in (tx.grad, tx.value_and_grad, tx.jacobian, tx.hessian):
        with pytest.raises(tx.GraphError, match="gradients would not reach the copy"):
            transform(lambda x: duplicate(x).sum())([1.0, 2.0])
    with pytest.raises(tx.GraphError, match=r"copy t\.detach\(\)"):
        duplicate(leaf([1.0]) * 2)
    w = duplicate(leaf([1.0, 2.0], "w"))
    assert (w.tolist(), w.requires_grad, w.name) == ([1.0, 2.0], True, "w")
    equal(tx.grad(lambda x: (x * duplicate(w)).sum())([1.0, 1.0]).numpy(), [1.0, 2.0])
