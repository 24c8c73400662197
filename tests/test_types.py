"""What type checkers make of the package: `make types` reads this file, and it runs as a test too."""

from typing import Any, assert_type

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import Tensor


def test_methods_operators_and_functions_give_tensors() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert_type(t.exp(), Tensor)
    assert_type(t.sum(axis=0, keepdims=True), Tensor)
    assert_type(t.mean(), Tensor)
    assert_type(t.absolute(), Tensor)
    assert_type(t.reshape(4).softmax(), Tensor)
    assert_type(t + 1, Tensor)
    assert_type(2 / t, Tensor)
    assert_type(t @ t.T, Tensor)
    assert_type(-t, Tensor)
    assert_type((t > 1) & (t < 4), Tensor)
    assert_type((t == t).all(), Tensor)
    assert_type(tx.exp([1.0, 2.0]), Tensor)
    assert_type(tx.subtract(t, np.ones(2)), Tensor)
    assert_type(tx.where(t > 1, t, 0.0), Tensor)
    assert_type(tx.argmax([1, 2]), Tensor)
    assert_type(tx.cross_entropy(t, [0, 1]), Tensor)
    assert_type(tx.stack([t, t]), Tensor)
    assert_type(tx.is_grad_enabled(), bool)


def test_an_operation_of_ones_own_has_a_type() -> None:
    @tx.op("x⁴", ("4 · g · x³", lambda g, x: 4 * g * x * x * x))
    def fourth_power(x: Any, /) -> Any:
        return x**4

    assert_type(fourth_power([2.0]), Tensor)
    assert_type(tx.custom_vjp(lambda x: x, lambda g: g)([1.0]), Tensor)
