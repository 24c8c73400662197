"""Some forty programs that go wrong, each in its own way: what `tests/check/test_nonfinite.py` explains.

To add one, write a function that returns the loss, under `@way`; its guilty line ends in HERE.
"""

import numpy as np

import tinygrad_xent as tx
from tests.tensors import leaf

WAYS = {}


def way(op, phase, says):
    """Register one way: operation, phase, words of the cause; the guilty line ends in HERE."""

    def register(function):
        assert function.__name__ not in WAYS
        WAYS[function.__name__] = (function, op, phase, says)
        return function

    return register


# --- forward -------------------------------------------------------------------------------------


@way("log", "forward", "log of 0")
def log_of_zero():
    p = leaf([0.5, 0.0])
    q = tx.log(p)  # HERE
    return -q.sum()


@way("log", "forward", "negative")
def log_of_a_negative_number():
    x = leaf([3.0, -1.0])
    y = tx.log(x)  # HERE
    return y.sum()


@way("log", "forward", "softmax underflowed")
def log_of_an_underflowed_softmax():
    p = tx.softmax(leaf([[0.0, 800.0]]))
    return -tx.log(p)[0, 0]  # HERE


@way("log", "forward", "softmax underflowed")
def zero_times_log_zero():
    p = tx.softmax(leaf([[0.0, 800.0]]))
    return -(np.array([[0.0, 1.0]]) * tx.log(p)).sum()  # HERE


@way("log", "forward", "softmax underflowed")
def log_of_a_softmax_by_hand():
    e = tx.exp(leaf([[-800.0, 0.0]]))
    p = e / e.sum(axis=1, keepdims=True)
    picked = (p * np.array([[1.0, 0.0]])).sum(axis=1)
    return -tx.log(picked).sum()  # HERE


@way("log", "forward", "sigmoid is saturated")
def log_of_one_minus_sigmoid():
    p = tx.sigmoid(leaf([40.0, 1.0]))
    return -tx.log(1 - p).sum()  # HERE


@way("log", "forward", "sigmoid is saturated")
def log_of_a_saturated_sigmoid():
    p = tx.sigmoid(leaf([-800.0, 1.0]))
    return -tx.log(p).sum()  # HERE


@way("log1p", "forward", "log1p of -1")
def log1p_of_minus_one():
    return tx.log1p(leaf([-1.0, 0.0])).sum()  # HERE


@way("log1p", "forward", "below -1")
def log1p_below_minus_one():
    return tx.log1p(leaf([-2.0, 0.0])).sum()  # HERE


@way("exp", "forward", "overflow in exp")
def exp_overflows():
    return tx.exp(leaf([1.0, 710.0])).sum()  # HERE


@way("exp", "forward", "88.7")
def exp_overflows_in_float32():
    return tx.exp(leaf([1.0, 89.0], dtype=np.float32)).sum()  # HERE


@way("expm1", "forward", "overflow in exp")
def expm1_overflows():
    return tx.expm1(leaf(1000.0))  # HERE


@way("exp", "forward", "overflow in exp")
def softmax_by_hand_overflows():
    e = tx.exp(leaf([[1000.0, 0.0]]))  # HERE
    return (e / e.sum(axis=1, keepdims=True))[0, 0]


@way("exp", "forward", "overflow in exp")
def softplus_by_hand_overflows():
    e = tx.exp(leaf([1000.0, 0.0]))  # HERE
    return tx.log(1 + e).sum()


@way("div", "forward", "every exp of the row underflowed")
def largest_logit_of_the_whole_batch():
    z = leaf([[0.0, 1.0], [900.0, 901.0]])
    e = tx.exp(z - z.max())
    p = e / e.sum(axis=1, keepdims=True)  # HERE
    return p.sum()


@way("div", "forward", "division by 0")
def division_by_zero():
    return (leaf([1.0, 2.0]) / leaf([1.0, 0.0])).sum()  # HERE


@way("div", "forward", "0 / 0")
def zero_by_zero():
    x = leaf([0.0, 2.0])
    return (x / x).sum()  # HERE


@way("div", "forward", "0 / 0")
def mean_over_an_empty_mask():
    losses = leaf([1.0, 2.0])
    mask = np.zeros(2)
    return (losses * mask).sum() / mask.sum()  # HERE


@way("div", "forward", "the mean of no elements")
def mean_of_nothing():
    losses = leaf([1.0, 2.0])
    return losses[np.array([False, False])].mean()  # HERE


@way("div", "forward", "ddof")
def variance_of_one_element():
    return leaf([3.0]).var(ddof=1)  # HERE


@way("div", "forward", "very small")
def quotient_overflows():
    return (leaf([1e200]) / leaf([1e-200])).sum()  # HERE


@way("sqrt", "forward", "negative")
def root_of_a_rounded_variance():
    x = leaf([1e8 + 1, 1e8 + 1, 1e8 + 2], dtype=np.float32)
    spread = (x * x).mean() - x.mean() * x.mean() - 1.0
    return tx.sqrt(spread)  # HERE


@way("pow", "forward", "0 to a negative power")
def zero_to_a_negative_power():
    return (leaf([0.0, 2.0]) ** -1.0).sum()  # HERE


@way("pow", "forward", "fractional")
def negative_to_a_fractional_power():
    return (leaf([-8.0, 8.0]) ** (1 / 3)).sum()  # HERE


@way("pow", "forward", "overflow")
def power_overflows():
    return (leaf([1e10]) ** 40).sum()  # HERE


@way("mul", "forward", "overflow")
def product_overflows():
    likelihoods = leaf([1e200, 1e200])
    return likelihoods[0] * likelihoods[1]  # HERE


@way("add", "forward", "overflow")
def sum_of_two_overflows():
    x = leaf([1.5e308])
    return (x + x).sum()  # HERE


@way("sub", "forward", "overflow")
def difference_overflows():
    x = leaf([1.5e308])
    return (-x - x).sum()  # HERE


@way("sum", "forward", "overflow")
def sum_overflows_in_float32():
    return leaf([3e38, 3e38], dtype=np.float32).sum()  # HERE


@way("matmul", "forward", "learning rate")
def matmul_of_an_exploded_parameter():
    w = leaf(np.full((3, 2), 1e30), dtype=np.float32, name="w")
    return (np.full((4, 3), 1e10, np.float32) @ w).sum()  # HERE


@way("astype", "forward", "conversion")
def conversion_overflows():
    return leaf([1e5, 1.0]).astype(np.float16).sum()  # HERE


@way("softmax", "forward", "masked")
def softmax_of_a_masked_row():
    z = leaf([[1.0, 2.0], [3.0, 4.0]])
    mask = np.array([[True, False], [False, False]])
    return tx.softmax(tx.where(mask, z, -np.inf)).sum()  # HERE


@way("log_softmax", "forward", "masked")
def log_softmax_of_a_masked_row():
    z = leaf([[1.0, 2.0]])
    hidden = z + np.array([[-np.inf, -np.inf]])
    return tx.log_softmax(hidden)[0, 0]  # HERE


@way("mul", "forward", "0 · inf")
def mask_by_product():
    z = leaf([1.0, 2.0]) + np.array([0.0, -np.inf])
    return (z * np.array([1.0, 0.0])).sum()  # HERE


@way("sub", "forward", "inf - inf")
def difference_of_infinities():
    z = leaf([1.0, 2.0]) + np.array([0.0, -np.inf])
    return (z - z.min()).sum()  # HERE


@way("checkpoint", "forward", "inside checkpoint")
def inside_a_checkpoint():
    return tx.checkpoint(lambda t: tx.log(t))(leaf([0.0])).sum()  # HERE


# --- data ----------------------------------------------------------------------------------------


@way("leaf", "data", "parameter itself")
def exploded_parameter():
    return (leaf([np.inf, 1.0], name="w") * 2).sum()  # HERE


@way("leaf", "data", "parameter itself")
def parameter_is_nan():
    return (leaf([np.nan, 1.0], name="w") * 2).sum()  # HERE


@way("leaf", "data", "missing values")
def data_with_nan():
    x = tx.Tensor([[1.0, np.nan]], name="x")
    return (x @ leaf([[1.0], [2.0]])).sum()  # HERE


@way("constant", "data", "infinity")
def raw_data_with_infinity():
    return (np.array([1.0, np.inf]) * leaf([1.0, 2.0])).sum()  # HERE


@way("constant", "data", "infinity")
def label_of_a_masked_class():
    z = leaf([[1.0, 2.0]]) + np.array([[0.0, -np.inf]])  # HERE
    return -tx.log_softmax(z)[0, 1]


# --- backward ------------------------------------------------------------------------------------


@way("sqrt", "backward", "square root at 0")
def root_at_zero():
    return tx.sqrt(leaf([0.0, 4.0])).sum()  # HERE


@way("sqrt", "backward", "a norm")
def norm_of_zero():
    x = leaf([0.0, 0.0])
    return tx.sqrt((x * x).sum())  # HERE


@way("pow", "backward", "at 0 is infinite")
def fractional_power_at_zero():
    return (leaf([0.0, 4.0]) ** 0.5).sum()  # HERE


@way("pow", "backward", "log of the base")
def exponent_of_a_negative_base():
    return (leaf([-2.0]) ** leaf([2.0])).sum()  # HERE


@way("sqrt", "backward", "the gradient here is 0")
def root_times_a_mask():
    y = tx.sqrt(leaf([0.0, 2.0]))  # HERE
    return (y * np.array([0.0, 1.0])).sum()


@way("log", "backward", "almost 0")
def slope_of_log_overflows():
    return tx.log(leaf([1e-310])).sum()  # HERE


@way("div", "backward", "almost 0")
def slope_of_a_quotient_overflows():
    return (leaf([1.0]) / leaf([1e-200])).sum()  # HERE


@way("mul", "backward", "overflow in the derivative")
def derivative_overflows():
    x = leaf([1e-200])
    y = x * 1e200  # HERE
    return (y * 1e200 * 1e-30).sum()


@way("checkpoint", "backward", "inside checkpoint")
def derivative_inside_a_checkpoint():
    return tx.checkpoint(lambda t: tx.sqrt(t))(leaf([0.0])).sum()  # HERE


@way("leaf", "backward", "adding up 2")
def sum_of_gradients_overflows():
    x = leaf([1e-30], dtype=np.float32, name="x")
    return (x * np.float32(3e38) + x * np.float32(3e38)).sum()
