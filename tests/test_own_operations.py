"""The user's own operations at work: settings, odd results of rules, errors, read-only arrays."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent import DtypeError, ShapeError, Tensor, op
from tinygrad_xent.check import check_tape, explain_nonfinite

GOOD = ("g", lambda g: g)


def test_an_impossible_shape_is_named_at_first_use():
    @op("2 · x", ("2 · g", lambda g, x: np.ones((2, 5))))
    def doubled(x, /):
        return 2 * x

    x = leaf([1.0, 2.0, 3.0], "x")
    words = r"(?s)doubled: its rule for x \(2 · g\) gave \(2, 5\), and x has the shape \(3,\)"
    for create_graph in (False, True):
        with pytest.raises(
            ShapeError, match=words + r".*test_own_operations\.py.*x: float64 \(3,\)"
        ):
            doubled(x).sum().backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.parametrize("result", [None, "text", [None]])
def test_a_rule_that_gives_no_numbers_is_named(result):
    @op("2 · x", ("2 · g", lambda g: result))
    def doubled(x, /):
        return 2 * x

    with pytest.raises(DtypeError, match=r"doubled: the rule for .* must give an array of numbers"):
        doubled(leaf([1.0])).sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_number_is_a_gradient_of_every_element(create_graph):
    @op("2 · x", ("2 · g", lambda g: 2.0))
    def doubled(x, /):
        return 2 * x

    x = leaf([1.0, 2.0])
    doubled(x).sum().backward(create_graph=create_graph)
    assert x.grad.tolist() == [2.0, 2.0]
    assert isinstance(x.grad, Tensor)


def test_settings_are_plain_values():
    @op("x", ("g", lambda g: g))
    def with_setting(x, /, how="a", *, which=None):
        return x * 1.0

    for plain in ("b", 3, (1, 2.0), slice(1), np.float32, np.dtype("f4"), np.arange(3), ..., True):
        trace = tx.trace(with_setting(leaf([1.0]), plain, which=plain).sum())
        assert pickle.loads(pickle.dumps(trace)) == trace
    for other in (lambda x: x, object(), Tensor([1.0]), [object()], np.array([None])):
        with pytest.raises(DtypeError, match=r"(?s)the setting which must be a plain.*custom_vjp"):
            with_setting(leaf([1.0]), which=other)


def test_many_inputs_without_settings():
    @op("join(arrays)", ("g", lambda g, i: (i + 1) * g))
    def weighted(*arrays):
        return np.add.reduce([(i + 1) * x for i, x in enumerate(arrays)])

    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = weighted(a, b, a)
    y.sum().backward()
    assert y.tolist() == [10.0, 16.0]
    assert (a.grad.tolist(), b.grad.tolist()) == ([4.0, 4.0], [2.0, 2.0])
    assert check_tape(weighted(a, b).sum())


def test_settings_by_name_alone():
    @op("scale · x", ("scale · g", lambda g, scale: scale * g))
    def scaled(x, /, *, scale=2.0):
        return scale * x

    x = leaf([1.0])
    (scaled(x) + scaled(x, scale=5.0)).sum().backward()
    assert x.grad.item() == 7.0


def test_numpys_default_counts_where_ours_is_another():
    shift = np.fft.fftshift

    @op("shifted(x)", ("shifted(g)", lambda g, axes: shifted(g, axes)), kind="moves", numpy=shift)
    def shifted(x, /, axes=-1):
        return shift(x, axes)

    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    for how in ({}, {"axes": 0}, {"axes": -1}, {"axes": None}):
        np.testing.assert_array_equal(shift(x, **how).numpy(), shift(x.numpy(), **how))


def test_numpys_arguments_are_taken_by_name():
    @op("prod(x)", ("g · y / x", lambda g, x, y: g * y / x), kind="reduction", numpy=np.nanprod)
    def nanprod(x, /, axis=None):
        return np.nanprod(x, axis)

    x = leaf([[3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_allclose(np.nanprod(x, axis=1).numpy(), [12.0, 48.0])
    assert np.nanprod(x).item() == 576.0
    with pytest.raises(DtypeError, match="gradient would be lost"):
        np.nanprod(x, 0, np.float32)  # NumPy's `dtype`, which the row does not have


def test_errors_of_other_kinds_stay_what_they_are():
    class OwnError(Exception):
        def __init__(self, code, text):
            super().__init__(code, text)

    def failing(x, /):
        raise (np.linalg.LinAlgError("singular") if x[0] > 0 else OwnError(3, "own"))

    function = op("x", GOOD)(failing)
    for value, error in ((1.0, np.linalg.LinAlgError), (-1.0, OwnError)):
        with pytest.raises(error) as caught:
            function(leaf([value], "x"))
        words = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
        assert re.search(r"failing.*\n  inputs: x: float64 \(1,\)", words)


def test_the_users_arrays_are_only_read():
    @op("2 · x", ("2 · g", lambda g: np.multiply(g, 2, out=g)))
    def doubled(x, /):
        return 2 * x

    @op("2 · x", ("2 · g", lambda g: 2 * g))
    def in_place(x, /):
        x *= 2
        return x

    w = leaf([1.0, 2.0])
    with pytest.raises(tx.ShapeError, match="in_place: output array is read-only"):
        in_place(w)
    with pytest.raises(ValueError, match="read-only") as caught:
        (doubled(w) + w).sum().backward()
    assert caught.value.__notes__ == ["in the rule of doubled for '2 · g'"]
    assert w.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("result", [None, (1.0, 2.0), [np.ones(2)]])
def test_a_forward_gives_one_array(result):
    @op("x", GOOD)
    def several(x, /):
        return result

    with pytest.raises(
        DtypeError, match=r"(?s)several: returned .*, it must return one array.*return"
    ):
        several(leaf([1.0]))


def test_nan_of_finite_numbers_is_no_overflow():
    @op("x / x", ("0 · g", lambda g: 0 * g))
    def own_ratio(x, /):
        return x / x

    with np.errstate(all="ignore"):
        report = explain_nonfinite(own_ratio(leaf([1.0, 0.0])).sum())
    assert report.cause.startswith("own_ratio is undefined here")


def test_parts_that_are_no_new_operation_are_told_and_rename_nothing():
    @op("x", GOOD, parts=lambda x: x)
    def same(x, /):
        return x * 1.0

    x = leaf([1.0], "mine")
    y = same(x)
    y.name = "other"
    with pytest.raises(tx.GraphError, match="the parts of same gave"):
        tx.trace(y)
    assert x.name == "mine"


def test_parts_of_another_shape_are_told():
    @op("2 · x", ("2 · g", lambda g: 2 * g), parts=lambda x: tx.sum(x) * 2)
    def fused(x, /):
        return 2 * x

    with pytest.raises(tx.GraphError, match=r"the parts of fused gave \(\), the operation \(2,\)"):
        tx.trace(fused(leaf([1.0, 2.0])).sum())
