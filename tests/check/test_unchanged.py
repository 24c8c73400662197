"""Changes in place: what `backward()` itself notices, and what only a replay does."""

import linecache
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.check import check_unchanged, explain_nonfinite, lint, why


def problem():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    w = tx.Tensor([[0.5], [0.25]], requires_grad=True, name="W")
    return x, w


# --- noticed by the tape itself ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["assigned", "updated"])
def test_a_kept_leaf_that_is_overwritten_raises_with_both_lines(how):
    x, w = problem()
    loss = ((tx.Tensor(x, requires_grad=True) @ w) ** 2).sum()  # KEPT
    if how == "assigned":
        w.data = [[1.0], [1.0]]  # OVERWRITTEN
    else:
        w.data -= 0.1  # OVERWRITTEN
    with pytest.raises(tx.GraphError) as caught:
        loss.backward()
    kept, overwritten = map(int, re.findall(r"test_unchanged.py:(\d+)", str(caught.value))[:2])
    assert "W was kept by matmul" in str(caught.value)
    assert linecache.getline(__file__, kept).endswith("# KEPT\n")
    assert linecache.getline(__file__, overwritten).endswith("# OVERWRITTEN\n")
    assert w.grad is None


def test_a_leaf_that_nothing_kept_may_be_overwritten():
    _, w = problem()
    loss = (w + 1.0).sum()
    w.data = [[9.0], [9.0]]
    loss.backward()
    assert w.grad.numpy().tolist() == [[1.0], [1.0]]


def test_results_are_read_only():
    x, w = problem()
    y = x @ w
    for array in (y.data, y.numpy(), y.detach().data, w.numpy()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(tx.GraphError, match="assigned"):
        y.data = np.zeros((2, 1))
    with pytest.raises(tx.GraphError, match="in place"):
        y[0] = 0.0


def test_data_given_to_a_tensor_is_copied():
    x, w = problem()
    t = tx.Tensor(x)
    loss = (t @ w).sum()
    x[:] = 100.0
    check_unchanged(loss)
    loss.backward()
    assert w.grad.numpy().tolist() == [[4.0], [6.0]]


# --- noticed by a replay -------------------------------------------------------------------------


def test_a_raw_array_changed_after_use():
    x, w = problem()
    y = x @ w  # READ
    loss = (y * y).sum()
    check_unchanged(loss)
    x[1, 0] = 100.0
    with pytest.raises(tx.GraphError, match="since then one of these has changed") as caught:
        check_unchanged(loss)
    text = str(caught.value)
    assert "element [1, 0] of matmul" in text
    assert "an array of shape (2, 2) (input 0 of matmul" in text
    assert "gives 51.0 now, but gave 2.5" in text


def test_an_element_of_a_leaf_changed_after_use():
    x, w = problem()
    loss = tx.exp(x @ w).sum()
    w.data[0, 0] = 7.0
    with pytest.raises(tx.GraphError, match=r"W \(input 1 of matmul"):
        check_unchanged(loss)
    for tool in (explain_nonfinite, lint, lambda t: why(w, (0, 0), of=t)):
        with pytest.raises(tx.GraphError, match="gave"):
            tool(loss)


def test_what_is_known_to_be_as_it_was_is_no_suspect():
    x, w = problem()
    scale = np.array([1.0, 2.0])
    y = tx.exp(x @ w)  # kept: as it was
    loss = (y[:, 0] * scale).sum()
    scale[0] = 5.0
    with pytest.raises(tx.GraphError, match=r"array of shape \(2,\)") as caught:
        check_unchanged(loss)
    assert "W" not in str(caught.value).split("one of")[1].splitlines()[0]


def test_after_backward_the_output_is_compared():
    x, w = problem()
    loss = (x @ w).sum()
    loss.backward()
    check_unchanged(loss)
    x[:] = 0.0
    with pytest.raises(tx.GraphError, match="sum at"):
        check_unchanged(loss)


def test_nan_is_equal_to_itself_and_a_leaf_is_trivial():
    w = tx.Tensor([np.nan, 1.0], requires_grad=True)
    check_unchanged((w * 2).sum())
    assert len(check_unchanged(w)) == 1


# --- what no replay can notice: a change that leaves every kept result as it was -------------------


def gradient_after(loss, w):
    w.zero_grad()
    loss.backward(retain_graph=True)
    return w.grad.numpy().copy()


HIDDEN = {  # a function of x and w; what x and w are; what x[0] becomes
    "a weight of 0": (lambda x, w: (x * w).sum(), [1.0, 2.0], [0.0, 0.5], 5.0),
    "all weights 0": (lambda x, w: (x @ w) ** 2 + (x @ w), [1.0, 2.0], [0.0, 0.0], 5.0),
    "the flat side of a relu": (lambda x, w: tx.relu(w + x).sum(), [-9.0, 2.0], [1.0, 1.0], -7.0),
    "a mask": (lambda x, w: tx.where([False, True], x * w, 0.0).sum(), [1.0, 2.0], [1.0, 1.0], 5.0),
    "rounding": (lambda x, w: (1e9 + x * w).sum(), [1.0, 2.0], [1.0, 1.0], 1.0 + 1e-9),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_change_that_moves_no_kept_result_goes_unnoticed(name):
    function, x, w, new = HIDDEN[name]
    x, w = np.array(x), tx.Tensor(w, requires_grad=True)
    loss = function(x, w)
    x[0] = new
    check_unchanged(loss)


@pytest.mark.parametrize("name", sorted(set(HIDDEN) - {"a mask"}))
def test_the_same_change_is_noticed_where_it_moves_one(name):
    function, x, w, _ = HIDDEN[name]
    x, w = np.array(x), tx.Tensor(np.add(w, 0.25), requires_grad=True)
    loss = function(x, w)
    x[0] += 40.0
    with pytest.raises(tx.GraphError, match="since then one of these has changed"):
        check_unchanged(loss)


@pytest.mark.parametrize("name", ["a weight of 0", "all weights 0"])
def test_the_gradient_of_an_unnoticed_change_differs(name):
    function, x, w, new = HIDDEN[name]
    x, w = np.array(x), tx.Tensor(w, requires_grad=True)
    loss = function(x, w)
    right = gradient_after(loss, w)
    x[0] = new
    check_unchanged(loss)
    assert not np.allclose(gradient_after(loss, w), right)


@pytest.mark.parametrize("weight", [1e-9, 1.0, 1e9])
def test_a_weight_other_than_0_shows_the_change(weight):
    x, w = np.array([1.0, 2.0]), tx.Tensor([weight, 0.0], requires_grad=True)
    loss = (x * w).sum()
    x[0] = 5.0
    with pytest.raises(tx.GraphError, match="gives"):
        check_unchanged(loss)
