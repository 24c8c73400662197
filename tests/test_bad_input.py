"""Bad input gets an error that teaches: operation, shapes or dtypes, names, your line, a fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import DtypeError, GraphError, OutOfRangeError, ShapeError, Tensor

HERE = "test_bad_input.py"


def leaf(shape: tuple[int, ...] = (3,), name: str = "w", dtype: Any = float) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True, dtype=dtype, name=name)


def check(error: type[Exception], call: Any, *words: str) -> None:
    """The call raises this error, and the message has these words and this file's line."""
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value)
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"
    line = next(part for part in text.splitlines() if part.strip().startswith("at "))
    assert HERE in line
    assert "lambda" in line or "tensor" in line  # the source text of the user's line is shown


# name of the case -> (error, call, words of the message)
SHAPES = {
    "matmul": (
        ShapeError,
        lambda: leaf((2, 3), "x") @ leaf((2, 4), "W"),
        ("matmul", "(2, 3)", "(2, 4)", "x: float64", "W: float64", "fix:"),
    ),
    "matmul of a scalar": (ShapeError, lambda: leaf((2,)) @ leaf(()), ("matmul", "(2,)", "()")),
    "matmul in batches": (
        ShapeError,
        lambda: tx.matmul(leaf((2, 3, 4)), leaf((5, 4, 2))),
        ("matmul", "(2, 3, 4)", "(5, 4, 2)"),
    ),
    "matmul with an array on the left": (
        ShapeError,
        lambda: np.ones((2, 2)) @ leaf((3, 1), "W"),
        ("matmul", "(2, 2)", "(3, 1)", "W: "),
    ),
    "add": (
        ShapeError,
        lambda: leaf((3,), "a") + leaf((4,), "b"),
        ("add", "(3,)", "(4,)", "a: float64", "b: float64", "do not broadcast", "fix:"),
    ),
    "where": (
        ShapeError,
        lambda: tx.where(np.ones(2, bool), leaf((3,), "a"), 0.0),
        ("where", "(2,)", "(3,)", "a: "),
    ),
    "maximum": (ShapeError, lambda: tx.maximum(leaf((2,)), leaf((3,))), ("maximum", "broadcast")),
    "compare": (ShapeError, lambda: leaf((2,)) > leaf((3,)), ("greater", "(2,)", "(3,)")),
    "broadcast_to": (
        ShapeError,
        lambda: leaf((3,), "b").broadcast_to((2, 2)),
        ("broadcast_to", "(3,)", "(2, 2)", "b: "),
    ),
    "reshape": (ShapeError, lambda: leaf().reshape(2, 2), ("reshape", "(2,2)", "w: float64 (3,)")),
    "squeeze": (ShapeError, lambda: leaf().squeeze(0), ("squeeze", "w: float64 (3,)")),
    "transpose": (ShapeError, lambda: leaf().transpose(1, 0), ("transpose", "w: float64 (3,)")),
    "mT": (ShapeError, lambda: leaf().mT, ("mT", "(3,)", "expand_dims")),
    "concatenate": (
        ShapeError,
        lambda: tx.concatenate([leaf((2, 2), "a"), leaf((3, 3), "b")]),
        ("concatenate", "a: float64 (2, 2)", "b: float64 (3, 3)"),
    ),
    "stack": (
        ShapeError,
        lambda: tx.stack([leaf((2,), "a"), leaf((3,), "b")]),
        ("stack", "(2,)", "(3,)", "a: ", "b: "),
    ),
    "maximum of nothing": (ShapeError, lambda: leaf((0,)).max(), ("max", "(0,)")),
    "axis of a sum": (ShapeError, lambda: leaf().sum(axis=1), ("sum", "axis 1", "w: ", "ndim - 1")),
    "axis of a mean": (ShapeError, lambda: leaf().mean(axis=-2), ("axis -2", "w: ")),
    "axis of a softmax": (ShapeError, lambda: leaf().softmax(axis=1), ("softmax", "axis 1")),
    "axis of a log_softmax": (ShapeError, lambda: leaf().log_softmax(1), ("log_softmax", "axis 1")),
    "axis of a logsumexp": (ShapeError, lambda: leaf().logsumexp(1), ("logsumexp", "axis 1")),
    "axis of a concatenation": (
        ShapeError,
        lambda: tx.concatenate([leaf()], axis=1),
        ("concatenate", "axis 1"),
    ),
    "axis of take_along_axis": (
        ShapeError,
        lambda: tx.take_along_axis(leaf(), np.array([0]), axis=1),
        ("take_along_axis", "axis 1"),
    ),
    "axes of take_along_axis": (
        ShapeError,
        lambda: tx.take_along_axis(leaf((2, 2)), np.array([0]), axis=1),
        ("take_along_axis", "(1,)", "(2, 2)"),
    ),
    "the same axis twice": (ShapeError, lambda: leaf().sum(axis=(0, 0)), ("sum", "duplicate")),
    "a ragged list": (ShapeError, lambda: Tensor([[1.0], [1.0, 2.0]]), ("ragged", "fix:")),
    "a ragged operand": (ShapeError, lambda: leaf() * [[1], [1, 2]], ("mul", "ragged", "w: ")),
    "item": (ShapeError, lambda: leaf().item(), ("item", "(3,)", "w: ")),
    "data of another shape": (
        ShapeError,
        lambda: setattr(leaf(), "data", np.ones(4)),
        ("data", "(4,)", "(3,)", "w: "),
    ),
    "grad of another shape": (
        ShapeError,
        lambda: setattr(leaf(), "grad", np.ones(4)),
        ("grad", "(4,)", "(3,)", "w: "),
    ),
}

DTYPES = {
    "integers that require grad": (
        DtypeError,
        lambda: Tensor([1, 2], requires_grad=True),
        ("requires_grad", "int64", "dtype=np.float64"),
    ),
    "booleans that require grad": (
        DtypeError,
        lambda: Tensor([True], requires_grad=True),
        ("requires_grad", "bool"),
    ),
    "integers made to require grad": (
        DtypeError,
        lambda: setattr(Tensor([1]), "requires_grad", True),
        ("requires_grad", "int64"),
    ),
    "strings": (DtypeError, lambda: Tensor(["a", "b"], requires_grad=True), ("<U1", "numbers")),
    "objects": (DtypeError, lambda: Tensor(np.array([1, None])), ("object", "numbers")),
    "None": (DtypeError, lambda: Tensor(None), ("object", "numbers")),
    "complex": (DtypeError, lambda: Tensor([1j, 2.0]), ("complex", "not supported")),
    "complex dtype": (DtypeError, lambda: Tensor([1.0], dtype=complex), ("complex", "supported")),
    "object dtype": (DtypeError, lambda: Tensor([1.0], dtype=object), ("object", "not supported")),
    "astype complex": (DtypeError, lambda: leaf().astype(complex), ("complex", "astype", "w: ")),
    "complex scalar": (DtypeError, lambda: leaf() * 1j, ("mul", "complex", "w: float64")),
    "complex, which NumPy refuses": (
        DtypeError,
        lambda: tx.arctan2(leaf(), np.array([1j, 2, 3])),
        ("arctan2: complex numbers are not supported", "real and imaginary"),
    ),
    "complex array": (DtypeError, lambda: leaf() * np.array([1j, 2, 3]), ("mul", "complex", "w: ")),
    "string operand": (DtypeError, lambda: leaf() + "a", ("add", "str", "w: float64")),
    "string array": (DtypeError, lambda: leaf() + np.array(["a"] * 3), ("add", "text", "w: ")),
    "None operand": (DtypeError, lambda: leaf() * None, ("mul", "NoneType", "w: ")),
    "object array": (DtypeError, lambda: leaf() + np.array([1, 2, "x"], object), ("add", "object")),
    "object array in matmul": (
        DtypeError,
        lambda: leaf() @ np.array([1, 2, 3], object),
        ("matmul", "object array", "w: "),
    ),
    "object scalar": (DtypeError, lambda: leaf(()) + np.array(1, object), ("add", "object array")),
    "dates": (DtypeError, lambda: leaf() + np.array(["2020-01-01"], "M8[D]"), ("add", "dates")),
    "comparison with text": (DtypeError, lambda: leaf() == "a", ("equal", "text", "w: ")),
    "float condition": (
        DtypeError,
        lambda: tx.where(np.ones(3), leaf(), 0.0),
        ("where", "boolean", "x > 0"),
    ),
    "float labels in an index": (
        DtypeError,
        lambda: leaf((2, 3), "z")[np.arange(2), np.array([0.0, 2.0])],
        ("index", "integer", "labels.astype(int)", "z: "),
    ),
    "float tensor as an index": (
        DtypeError,
        lambda: leaf((2, 3), "z")[Tensor([0.0, 1.0])],
        ("index", "integer", "labels.astype(int)"),
    ),
    "float index": (DtypeError, lambda: leaf()[1.0], ("index", "integer", "w: ")),
    "string index": (DtypeError, lambda: leaf()["a"], ("index", "integer", "w: ")),
    "float labels in take_along_axis": (
        DtypeError,
        lambda: tx.take_along_axis(leaf((2, 3), "z"), np.array([[0.0], [2.0]]), 1),
        ("take_along_axis", "integer", "float64", "z: ", "labels.astype(int)"),
    ),
    "no axis in take_along_axis": (
        DtypeError,
        lambda: tx.take_along_axis(leaf(), np.array([0]), None),
        ("take_along_axis", "NoneType"),
    ),
    "integers to a negative power": (
        DtypeError,
        lambda: Tensor([1, 2], name="n") ** -1,
        ("pow", "negative", "n: int64", "floats"),
    ),
    "an axis that is no integer": (DtypeError, lambda: leaf().sum(axis=0.5), ("sum", "float")),
    "one array for a sequence": (
        DtypeError,
        lambda: tx.concatenate(leaf()),
        ("concatenate", "w: "),
    ),
    "a function the tape does not know": (
        DtypeError,
        lambda: np.deg2rad(leaf()),
        ("np.deg2rad", "gradient would be lost", "w: ", ".detach()"),
    ),
    "np.asarray": (
        DtypeError,
        lambda: np.asarray(leaf()),
        ("np.asarray", "cut the tape", "w: ", ".detach()"),
    ),
    "a list of tensors as data": (
        DtypeError,
        lambda: Tensor([leaf(()), leaf(())]),
        ("cut the tape", ".detach()"),
    ),
    "a tensor that requires grad as data": (
        GraphError,
        lambda: Tensor(leaf()),
        ("cut the tape", ".detach()", "w: "),
    ),
    "a complex gradient": (
        DtypeError,
        lambda: (leaf() * 2).backward(np.array([1j, 0, 0])),
        ("backward", "complex"),
    ),
}

INDICES = {
    "past the end": (OutOfRangeError, lambda: leaf()[3], ("index 3", "size 3", "w: float64 (3,)")),
    "before the start": (OutOfRangeError, lambda: leaf()[-4], ("index -4", "size 3", "w: ")),
    "a label past the end": (
        OutOfRangeError,
        lambda: leaf((2, 3), "z")[np.arange(2), np.array([0, 3])],
        ("index 3", "axis 1", "size 3", "z: "),
    ),
    "a label past the end of take_along_axis": (
        OutOfRangeError,
        lambda: tx.take_along_axis(leaf((2, 3), "z"), np.array([[0], [3]]), 1),
        ("take_along_axis", "index 3", "size 3", "z: "),
    ),
    "too many indices": (OutOfRangeError, lambda: leaf()[0, 0], ("too many indices", "w: ")),
    "a mask of another length": (
        OutOfRangeError,
        lambda: leaf()[np.array([True, False])],
        ("boolean index", "w: "),
    ),
}

GRAPHS = {
    "backward of several elements": (
        ShapeError,
        lambda: (leaf() * 2).backward(),
        ("backward", "(3,)", "gradient", ".sum()"),
    ),
    "backward of what needs no grad": (
        GraphError,
        lambda: Tensor(1.0, name="loss").backward(),
        ("backward", "requires grad", "loss: ", "requires_grad=True"),
    ),
    "backward of a comparison": (GraphError, lambda: (leaf() > 0).backward(), ("requires grad",)),
    "a gradient of another shape": (
        ShapeError,
        lambda: (leaf() * 2).backward(np.ones((3, 1))),
        ("backward", "(3, 1)", "(3,)"),
    ),
    "a ragged gradient": (
        ShapeError,
        lambda: (leaf() * 2).backward([[1], [1, 2]]),
        ("backward", "ragged"),
    ),
    "an assignment into a tensor": (
        GraphError,
        lambda: leaf().__setitem__(0, 1.0),
        ("in place", "where", "w: "),
    ),
    "data of a result": (
        GraphError,
        lambda: setattr(leaf() * 2, "data", np.ones(3)),
        ("data", "result of an operation", "detach"),
    ),
    "requires_grad of a result": (
        GraphError,
        lambda: setattr(leaf() * 2, "requires_grad", False),
        ("requires_grad", "leaves", "detach"),
    ),
    "a copy of a result": (GraphError, lambda: (leaf() * 2).__reduce__(), ("copy", "detach")),
}

OTHERS = {
    "the truth of many elements": (
        ValueError,
        lambda: bool(leaf() > 0),
        ("truth", "3 elements", ".any()"),
    ),
    "the length of a scalar": (TypeError, lambda: len(leaf(())), ("len", "()", "w: ")),
    "the elements of a scalar": (TypeError, lambda: list(leaf(())), ("()", "w: ")),
}

ALL = {**SHAPES, **DTYPES, **INDICES, **GRAPHS, **OTHERS}


@pytest.mark.parametrize("name", ALL)
def test_message(name):
    error, call, words = ALL[name]
    check(error, call, *words)


def test_if_on_many_elements_names_the_tensor():
    tensor = leaf((2, 2), "logits")
    with pytest.raises(ValueError, match=r"(?s)4 elements.*logits: float64 \(2, 2\).*\.any\(\)"):
        assert tensor


def test_the_builtin_classes_catch_them_too():
    with pytest.raises(ValueError, match="matmul"):
        leaf((2, 3)) @ leaf((2, 3))
    with pytest.raises(TypeError, match="complex"):
        Tensor([1j])
    with pytest.raises(IndexError, match="index 9"):
        leaf()[9]
    with pytest.raises(RuntimeError, match="backward"):
        Tensor(1.0).backward()


def test_unknown_and_missing_arguments():
    with pytest.raises(TypeError, match=r"sum\(\) got an unexpected .*'along'"):
        leaf().sum(along=0)
    with pytest.raises(TypeError, match=r"add\(\) missing .* 'b'"):
        tx.add(leaf())
    with pytest.raises(TypeError, match=r"exp\(\) takes at most 1"):
        tx.exp(leaf(), 1)
    with pytest.raises(TypeError, match=r"reshape\(\) missing .*'shape'"):
        tx.reshape(leaf())


def test_unsupported_operators_are_type_errors():
    for call in (lambda t: t << 2, lambda t: t >> 2, lambda t: divmod(t, 2)):
        with pytest.raises(TypeError, match="unsupported operand"):
            call(leaf())


# --- a second backward, and data overwritten in between -------------------------------------------


def test_second_backward_names_the_operation_its_line_and_retain_graph():
    w = leaf()
    loss = (w * w).sum()  # tensor line
    loss.backward()
    check(GraphError, lambda: loss.backward(), "already freed", HERE, "retain_graph=True")


def overwritten(change: Any, build: Any) -> None:
    """Change the data after the forward pass: `backward()` must refuse and name both lines."""
    w = leaf((2, 2), "W")
    loss = build(w).sum()
    change(w)
    words = ("backward", "W was kept by", "overwritten at", HERE, "fix:")
    check(GraphError, lambda: loss.backward(), *words)
    assert w.grad is None


def assign(w: Tensor) -> None:
    w.data = w.data * 2


def subtract(w: Tensor) -> None:
    w.data -= 1


@pytest.mark.parametrize("change", [assign, subtract])
@pytest.mark.parametrize(
    "build",
    [
        lambda w: w * w,
        lambda w: tx.log(w),
        lambda w: Tensor(np.ones((2, 2)), requires_grad=True) @ w,
        # what was kept is a view of the leaf's memory
        lambda w: Tensor(np.ones((2, 2)), requires_grad=True) @ w.T,
        lambda w: w[0] * w[1],
        lambda w: w.reshape(4).broadcast_to((2, 4)) ** 2,
        lambda w: w.expand_dims(0).squeeze(0).transpose(1, 0).mT * 2.0 * w[:, 0],
    ],
)
def test_overwriting_what_was_kept_is_refused(change, build):
    overwritten(change, build)


@pytest.mark.parametrize("change", [assign, subtract])
def test_overwriting_what_was_not_kept_is_fine(change):
    w = leaf((2, 2), "W")
    loss = ((w + 1.0) * 3.0).sum()
    change(w)
    loss.backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full((2, 2), 3.0))


@pytest.mark.parametrize("change", [assign, subtract])
def test_overwriting_before_it_is_kept_is_fine(change):
    x, w = leaf((2, 2), "x"), leaf((2, 2), "W")
    older = x * w.detach().numpy().copy() + w  # reads W, keeps nothing of it
    change(w)
    (older * w).sum().backward()
    expected = older.numpy() + w.numpy()
    np.testing.assert_array_equal(w.grad.numpy(), expected)


def test_an_update_after_backward_is_fine():
    w = leaf()
    for _ in range(3):
        loss = (w * w).sum()
        loss.backward()
        w.data -= 0.1 * w.grad
        w.zero_grad()
    np.testing.assert_allclose(w.numpy(), 0.8**3)


def test_what_is_not_caught_is_documented():
    text = Tensor.data.fget.__doc__
    assert "t.data[0] = " in text
    assert "raw" in text
