"""Nothing foreign acts otherwise than the array it holds, and nothing of it is silently lost."""

from __future__ import annotations

import array
import collections
import datetime
import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import tinygrad_xent as tx
from tests.foreign import DOORS, LABELS, X, accepted, differs, faults
from tests.tensors import leaf
from tinygrad_xent import DtypeError, ShapeError, Tensor


class Theirs:
    """An array of some other library: it converts itself, its dtype is its own, it wants to decide."""

    __array_priority__ = 1000
    requires_grad = False

    def __init__(self, values: Any) -> None:
        self.values, self.dtype, self.shape = values, f"theirs.{values.dtype}", values.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.values, dtype)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return Theirs(array)


class OnAnotherDevice(Theirs):
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise RuntimeError("copy it to the host first")


class OnAnotherTape(Theirs):
    requires_grad = True


class Subclass(np.ndarray):
    def __array_finalize__(self, source: Any) -> None:
        pass


def one_axis(make: Any) -> Any:
    return lambda a: make(a) if a.ndim == 1 else None


def two_axes(make: Any) -> Any:
    return lambda a: make(a) if a.ndim == 2 else None


CONVERTED = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()) if a.dtype.kind == "f" else None,  # an index of axes
    "list of arrays": lambda a: list(a),
    "deque": one_axis(lambda a: collections.deque(a.tolist())),
    "array.array": one_axis(lambda a: None if a.dtype == bool else array.array(a.dtype.char, a)),
    "memoryview": memoryview,
    "subclass": lambda a: a.view(Subclass),
    "matrix": two_axes(lambda a: a.view(np.matrix)),
    "theirs": Theirs,
    "list of theirs": two_axes(lambda a: [Theirs(row) for row in a]),
    "Series": one_axis(pd.Series),
    "Index": one_axis(pd.Index),
    "DataFrame": two_axes(pd.DataFrame),
    "list of tensors": two_axes(lambda a: [Tensor(row) for row in a]),
}

NUMBERS = "takes (numbers|floats)|must be (integers|numbers|boolean)|not supported"
REFUSED = {
    "masked": (lambda a: np.ma.array(a, mask=np.arange(a.size).reshape(a.shape) == 1), "mask"),
    "masked nowhere": (np.ma.array, "mask"),
    "list of masked": (two_axes(lambda a: [np.ma.array(row) for row in a]), "mask"),
    "masked constant in a list": (one_axis(lambda a: [*a[1:].tolist(), np.ma.masked]), "mask"),
    "on another tape": (OnAnotherTape, "cut the tape"),
    "list of tensors with gradients": (
        lambda a: [leaf(row) for row in a] if a.ndim == 2 and a.dtype.kind == "f" else None,
        r"(?s)cut the tape.*tx\.stack",
    ),
    "on another device": (OnAnotherDevice, "copy it to the host first"),
    "bytes of their own": (lambda a: Theirs(np.zeros(a.shape, "V2")), NUMBERS),
    "generator": (lambda a: (x for x in a), NUMBERS),
    "set": (lambda a: set(a.ravel().tolist()), NUMBERS),
    "dict": (lambda a: dict(enumerate(a)), NUMBERS),
    "fractions": (one_axis(lambda a: [Fraction(1, 2)] * len(a)), NUMBERS),
    "decimals": (one_axis(lambda a: pd.Series([Decimal(1)] * len(a))), NUMBERS),
    "text": (lambda a: a.astype(str).tolist(), NUMBERS),
    "complex": (lambda a: (a + 1j).tolist(), NUMBERS),
    "dates": (one_axis(lambda a: [datetime.date(2000, 1, 1)] * len(a)), NUMBERS),
    "missing": (one_axis(lambda a: pd.Series([pd.NA, *a[1:]], dtype=object)), NUMBERS),
    "object": (lambda a: a.astype(object), NUMBERS),
    "complex array": (lambda a: a + 1j, NUMBERS),
    "structured": (lambda a: np.zeros(a.shape, [("x", float)]), NUMBERS),
    "sparse": (two_axes(scipy.sparse.csr_array), NUMBERS),
}

SPARSE = ("mul", "truediv", "pow", "lt", "le", "gt", "ge", "eq", "ne")

# Operators that another library's left side keeps to itself: it refuses our tensor in its own way.
THEIRS = {
    "matrix": {"pow 2-D"},
    "DataFrame": {"matmul"},
    "structured": {f"{name} {n}-D" for name in ("eq", "ne") for n in (1, 2)},
    "sparse": {"matmul", *(f"{name} 2-D" for name in SPARSE)},
}


def kept_by(kind: str, door: str) -> bool:
    return any(door == f"foreign {name} tensor" for name in THEIRS.get(kind, ()))


@pytest.mark.parametrize("door", DOORS)
def test_what_holds_an_array_acts_as_that_array(door):
    kinds = {kind: (make,) for kind, make in CONVERTED.items() if not kept_by(kind, door)}
    assert faults(DOORS[door], differs, kinds) == {}


@pytest.mark.parametrize("door", DOORS)
def test_what_would_lose_something_is_refused(door):
    kinds = {kind: how for kind, how in REFUSED.items() if not kept_by(kind, door)}
    assert faults(DOORS[door], accepted, kinds) == {}


KEPT = [(kind, door) for kind in THEIRS for door in DOORS if kept_by(kind, door)]
THEIR_WORDS = "cut the tape|array must be square|not scalar|comparison failed"


@pytest.mark.parametrize(("kind", "door"), KEPT)
def test_what_the_other_side_keeps_is_an_error_for_a_tensor_on_the_tape(kind, door):
    make = CONVERTED[kind] if kind in CONVERTED else REFUSED[kind][0]
    with pytest.raises(Exception, match=THEIR_WORDS):
        DOORS[door].call(make(DOORS[door].array))


# --- what an own operation gives ------------------------------------------------------------------


def own(forward: Any, rule: Any = lambda g: g) -> Any:
    def theirs(x, /):
        return forward(x)

    return tx.op("x", ("g", rule))(theirs)


HELD = ["subclass", "matrix", "theirs", "DataFrame"]


@pytest.mark.parametrize("kind", HELD)
def test_an_own_operation_gives_a_plain_array(kind):
    t = leaf(X)
    y = own(CONVERTED[kind])(t)
    assert type(y._data) is np.ndarray
    np.testing.assert_array_equal(y.numpy(), X)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("kind", HELD)
def test_an_own_rule_gives_a_plain_array(kind, create_graph):
    t = leaf(X)
    own(lambda x: x * 1.0, lambda g: CONVERTED[kind](X))(t).sum().backward(
        create_graph=create_graph
    )
    assert type(t.grad._data) is np.ndarray
    np.testing.assert_array_equal(t.grad.numpy(), X)


@pytest.mark.parametrize("kind", ["masked", "on another tape", "on another device"])
def test_an_own_operation_loses_nothing_either(kind):
    make, words = REFUSED[kind]
    with pytest.raises(DtypeError, match=words):
        own(make)(leaf(X))
    with pytest.raises(DtypeError, match=words):
        own(lambda x: x * 1.0, lambda g: make(X))(leaf(X)).sum().backward()


# --- batches, which may hold other things than numbers --------------------------------------------


@pytest.mark.parametrize("kind", ["list", "matrix", "theirs", "DataFrame"])
def test_batches_of_what_holds_an_array(kind):
    (batch,) = tx.data.batches(CONVERTED[kind](X), pd.Series(["a", "b"]), shuffle=False)
    assert [type(part) for part in batch] == [np.ndarray, np.ndarray]
    np.testing.assert_array_equal(batch[0], X)


@pytest.mark.parametrize("kind", ["masked", "list of masked", "on another tape"])
def test_batches_lose_nothing(kind):
    make, words = REFUSED[kind]
    for X_y in ((make(X), LABELS), (X, make(X))):
        with pytest.raises(DtypeError, match=words):
            tx.data.batches(*X_y)


# --- by name: what these say, and what they once did -----------------------------------------------


def test_a_mask_is_neither_dropped_nor_a_way_off_the_tape():
    masked, t = np.ma.array([1.0, 2.0], mask=[False, True]), leaf([3.0, 4.0])
    for name in ("add", "sub", "mul", "truediv", "pow", "lt", "eq", "matmul"):
        f = getattr(operator, name)
        for sides in ((masked, t), (t, masked), (masked, t.detach()), (t.detach(), masked)):
            with pytest.raises(DtypeError, match=r"(?s)mask.*\.filled\(value\)"):
                f(*sides)
    with tx.no_grad(), pytest.raises(DtypeError, match=r"(?s)mask.*\.filled\(value\)"):
        t += masked
    assert (t * masked.filled(0.0)).tolist() == [3.0, 0.0]
    for f in (np.ma.add, np.ma.power, np.ma.maximum):
        with pytest.raises(DtypeError, match=r"np\.ma"):
            f(t, t)
    with pytest.raises(DtypeError, match=r"np\.ma"):
        masked[:] = t


def test_every_row_of_a_list_of_tensors_names_the_cure():
    a, b = leaf(1.0), leaf(2.0)
    for f in (tx.mean, tx.sum, tx.exp, tx.softmax, Tensor, lambda x: a + x, np.asarray, np.array):
        for several in ([a, b], (a, b), [[a], [b]], [1.0, a]):
            with pytest.raises(DtypeError, match=r"(?s)cut the tape.*tx\.stack.*\.detach\(\)"):
                f(several)
    tx.mean(tx.stack([a, b])).backward()
    assert (a.grad.item(), b.grad.item()) == (0.5, 0.5)
    assert tx.mean([Tensor(1.0), Tensor(2.0)]).item() == 1.5


def test_ranges_and_numbers_from_elsewhere():
    t = leaf([1.0, 2.0, 3.0])
    assert (t + range(3)).tolist() == (range(3) + t).tolist() == [1.0, 3.0, 5.0]
    assert t[range(2)].tolist() == [1.0, 2.0]
    assert t[[]].tolist() == []
    for number in (Fraction(1, 2), Decimal(1)):
        for f in (operator.add, operator.eq, operator.gt):
            with pytest.raises(DtypeError, match=f"takes numbers, got a {type(number).__module__}"):
                f(t, number)
    assert (Fraction(1, 2) ** t).requires_grad  # a Fraction makes itself a float for a power


def test_cures_fit_what_was_passed():
    t, dense = leaf(np.ones((2, 2))), np.ones((2, 2))
    for foreign, cure in (
        (scipy.sparse.csr_array(dense), "fix: x.toarray()"),
        ((x for x in dense), "fix: list(x)"),
        ({"a": 1.0}, "fix: list(x.values())"),
        ([Decimal(1), Decimal(2)], "fix: convert to floats first"),
    ):
        with pytest.raises(DtypeError) as caught:
            t * foreign
        assert cure in str(caught.value)


def test_a_list_within_itself_ends():
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises((DtypeError, ShapeError)):
        leaf([1.0]) * endless


@pytest.mark.parametrize("dtype", ["torch.float32", "float23", object, complex])
def test_a_dtype_of_another_library(dtype):
    with pytest.raises(DtypeError, match=r"Tensor: "):
        Tensor([1.0], dtype=dtype)


def test_equality_with_what_is_neither_number_nor_collection_stays_theirs():
    for other in (None, object(), pytest.approx, type):
        assert (leaf([1.0]) == other) is False
    with pytest.raises(DtypeError, match="takes numbers"):
        leaf([1.0]) == {1.0}  # noqa: B015
