"""Settings of an operation that are arrays: an index by a mask or by integers."""

import numpy as np
import pytest

import tinygrad_xent as tx


def test_an_array_is_a_setting_like_any_other():
    x = tx.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[np.array([True, False, True])].sum() + x[np.array([2, 2])].sum()).backward()
    assert x.grad.numpy().tolist() == [1.0, 0.0, 3.0]


def test_a_missing_setting_is_named():
    with pytest.raises(TypeError, match="shape"):
        tx.reshape(tx.Tensor([1.0]))


def test_a_name_of_pytorch_is_answered_with_ours():
    x = tx.Tensor([[1.0, 2.0]])
    with pytest.raises(TypeError, match="'dim'; did you mean 'axis'"):
        tx.sum(x, dim=1)
    with pytest.raises(TypeError, match="'keepdim'; did you mean 'keepdims'"):
        tx.max(x, axis=1, keepdim=True)
    with pytest.raises(TypeError, match=r"'dim'$"):
        tx.exp(x, dim=1)
