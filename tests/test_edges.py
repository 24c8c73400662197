"""Edges: empty axes, nan, single numbers, axes that do not exist. NumPy's answers, PyTorch's gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import CASES, make_call
from tests.tensors import equal, leaf, slope
from tinygrad_xent.engine.public import PUBLIC

inf, nan = np.inf, np.nan


# --- nothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 0), 1), ((3, 0), -1), ((0,), 0), ((0, 3), 0), ((2, 0, 3), 1)]
)
def test_softmax_and_its_relatives_over_nothing(shape, axis, dtype):
    x = np.zeros(shape, dtype)
    for function in (tx.softmax, tx.log_softmax):
        found = function(x, axis=axis)
        assert (found.shape, found.dtype) == (shape, dtype)
        equal(slope(lambda x, f=function: f(x, axis=axis), x), np.zeros(shape))
    found = tx.logsumexp(x, axis=axis)
    equal(found.numpy(), np.full(np.delete(shape, axis), -inf))
    assert found.dtype == dtype
    equal(slope(lambda x: tx.logsumexp(x, axis=axis), x), np.zeros(shape))
    equal(
        tx.logsumexp(x, axis=axis, keepdims=True).numpy(),
        np.full(x.sum(axis=axis, keepdims=True).shape, -inf),
    )


def test_joining_and_squeezing_are_numpys():
    with pytest.raises(ValueError, match="same number of dimensions"):
        tx.concatenate([leaf(np.zeros(0)), leaf(np.zeros((2, 2)))])
    equal(tx.concatenate([leaf(np.zeros(0)), leaf([1.0])]).numpy(), [1.0])
    with pytest.raises(ValueError, match="size not equal to one"):
        tx.squeeze(leaf(np.zeros((1, 2))), axis=1)


# --- nan and infinity -----------------------------------------------------------------------------


def test_nan_passes_the_gradient_on():
    equal(slope(tx.relu, [nan, 1.0, -1.0, 0.0]), [1, 1, 0, 0])
    for function in (tx.maximum, tx.minimum):
        a, b = leaf([nan, 1.0, nan, 1.0]), leaf([1.0, nan, nan, 1.0])
        with tx.check.autopsy(False):
            function(a, b).sum().backward()
        equal(a.grad.numpy(), [1, 1, 1, 0.5])
        equal(b.grad.numpy(), [1, 1, 1, 0.5])
    for function in (tx.max, tx.min):
        equal(
            slope(lambda x, f=function: f(x, axis=1), [[nan, 1.0, nan], [1.0, 1.0, 1.0]])[0],
            [0.5, 0, 0.5],
        )
        equal(slope(function, [nan, 1.0]), [1, 0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_logsumexp_beside_an_infinity():
    equal(slope(tx.logsumexp, [1.0, inf]), [0, nan])
    equal(slope(tx.logsumexp, [1.0, -inf]), [1, 0])
    equal(slope(tx.logsumexp, [-inf, -inf]), [0, 0])
    rows = slope(lambda x: tx.logsumexp(x, axis=1), [[1.0, inf], [0.0, 0.0], [-inf, -inf]])
    equal(rows, [[0, nan], [0.5, 0.5], [0, 0]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_power_with_the_exponent_0_is_flat_everywhere():
    points = [inf, -inf, nan, 0.0, -2.0, 3.0]
    for zero in (0, 0.0, np.zeros(6), np.zeros(6, int)):
        equal(slope(lambda x, n=zero: x**n, points), np.zeros(6))
    equal(tx.hessian(lambda v: v[0] ** v[1])([2.0, 0.0]).numpy()[0, 1], 0.5)
    for base, exponent in [(2.0, 0.0), (2.0, 3.0), (0.5, 1.0), (0.0, 2.0), (0.0, 0.0)]:
        h = tx.hessian(lambda v: v[0] ** v[1])([base, exponent]).numpy()
        equal(h, h.T)


# --- single numbers -------------------------------------------------------------------------------

WITH_AXIS = [n for n in CASES if "axis" in make_call(n).settings and len(make_call(n).inputs) == 1]
OF_LINES = ("squeeze", "expand_dims", "diff", "shift", "flip", "roll", "repeat", "glu")
ON_SINGLE = [n for n in WITH_AXIS if n not in OF_LINES]


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ON_SINGLE)
def test_a_single_number_has_the_axes_0_and_minus_1(name, axis):
    function = PUBLIC[name].function
    theirs = {"mean": 3.0, "softmax": 1.0, "log_softmax": 0.0, "logsumexp": 3.0, "var": 0.0}
    theirs |= {"logcumsumexp": 3.0, "std": 0.0, "median": 3.0, "average": 3.0, "sort": 3.0}
    theirs |= {"length": 3.0, "norm": 3.0, "normalize": 1.0}
    right = theirs[name] if name in theirs else getattr(np, name)(np.float64(3.0), axis=axis)
    found = function(leaf(3.0), axis=axis)
    assert (found.shape, found.item()) == ((), right)
    if found.requires_grad:
        equal(slope(lambda x: function(x, axis=axis), 3.0), 0.0 if right in (0.0, 1.0) else 1.0)


# --- axes and indices that do not exist -----------------------------------------------------------


@pytest.mark.parametrize("axis", [7, -8])
@pytest.mark.parametrize("name", [n for n in CASES if "axis" in make_call(n).settings])
def test_an_axis_that_does_not_exist_is_numpys_error(name, axis):
    call = make_call(name)
    settings = call.settings | {"axis": axis}
    with pytest.raises(np.exceptions.AxisError) as caught:
        type(call)(call.inputs, call.live, settings, name)(*call.points)
    for kind in (tx.ShapeError, ValueError, IndexError):
        assert isinstance(caught.value, kind)
    assert "axes run from" in str(caught.value)


def test_losses_and_indices_too():
    with pytest.raises(np.exceptions.AxisError, match="no class axis 5"):
        tx.cross_entropy(np.zeros((2, 3)), [0, 1], axis=5)
    x = leaf([1.0, 2.0])
    for index in (2, -3, np.array([0, 5])):
        with pytest.raises(IndexError, match="out of bounds"):
            x[index]


def test_indices_that_do_not_fit_are_named_with_the_shapes():
    for shape in ((4, 2), (1, 2, 1)):
        with pytest.raises((IndexError, ValueError)) as caught:
            tx.take_along_axis(np.zeros((2, 3)), np.zeros(shape, int), axis=1)
        assert f"float64 (2, 3); int64 {shape}" in str(caught.value)
    with pytest.raises(IndexError, match="shape mismatch") as caught:
        leaf(np.zeros((2, 3)))[[0, 1], [0, 1, 2]]
    assert "must broadcast against each other" in str(caught.value)


def test_masks_combine():
    t = tx.Tensor([-1.0, 0.5, 2.0])
    assert ((t > 0) & (t < 1)).tolist() == [False, True, False]
    assert ((t < 0) | (t > 1)).tolist() == [True, False, True]
    assert ((t < 0) ^ (t < 1)).tolist() == [False, True, False]
    assert (~(t > 0)).tolist() == [True, False, False]
    assert ((t > 0).any().item(), (t > 0).all().item()) == (True, False)


# --- linear ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "weight", "bias"),
    [
        ((4, 3), (3, 2), ()),
        ((4, 3), (3, 2), (1,)),
        ((4, 3), (3, 2), (4, 2)),
        ((4, 3), (3, 2), (4, 1)),
        ((3,), (3, 2), (2,)),
        ((4, 3), (3,), ()),
        ((4, 3), (3,), (4,)),
        ((5, 4, 3), (3, 2), (2,)),
        ((5, 4, 3), (5, 3, 2), (2,)),
        ((5, 4, 3), (5, 3, 2), (5, 1, 2)),
        ((3,), (3,), ()),
        ((4, 3), (5, 3, 2), (2,)),
        ((3,), (3, 2), (4, 2)),  # these stretch the product
        ((3,), (5, 3, 2), (4, 1, 2)),
        ((4, 3), (3, 1), (5,)),
        ((4, 3), (3,), (2, 4)),
        ((1, 3), (3, 2), (7, 2)),
        ((3,), (3,), (2, 2)),
        ((2, 3), (3, 2), (5, 1, 2)),
        ((1, 4, 3), (5, 3, 1), (2, 1, 1, 6)),
    ],
)
def test_linear_of_odd_weights_and_biases_is_matmul_and_add(x, weight, bias):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape) for shape in (x, weight, bias)]
    found, right = [leaf(v) for v in values], [leaf(v) for v in values]
    y, z = tx.linear(*found), tx.matmul(*right[:2]) + right[2]
    equal(y.numpy(), z.numpy())
    seed = rng.standard_normal(y.shape)
    y.backward(seed)
    z.backward(seed)
    for a, b in zip(found, right, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-13)
