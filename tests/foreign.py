"""Arrays of other libraries, and every door by which they come in.

A *kind* makes something foreign of a NumPy array, or None if it can't hold such an array. A *door* takes
an array and gives what came out as plain arrays. The law: behind every door a kind acts as the array it
was made of (`differs`), or is refused in our words (`accepted`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.operations import NAMES, make_call
from tests.tensors import leaf
from tinygrad_xent.engine.errors import WordedError

Kind = Callable[[Any], Any]


@dataclass(frozen=True)
class Door:
    """What an array is passed to, with an array that goes in."""

    array: Any
    call: Callable[[Any], Any]


# --- the two laws --------------------------------------------------------------------------------


def differs(door: Door, kind: Kind) -> str:
    """How what comes out differs from what comes out for the array; empty if it does not."""
    for found, expected in zip(door.call(kind(door.array)), door.call(door.array), strict=True):
        if type(found) not in (np.ndarray, type(expected)) or found.dtype != expected.dtype:
            return f"{type(found)} of {found.dtype}"
        # Another layout in memory may be another order of summation for BLAS.
        near = 1e-15 * (found.dtype.kind == "f")
        if found.shape != expected.shape or not np.allclose(found, expected, near, near, True):
            return f"{found} instead of {expected}"
    return ""


def accepted(door: Door, kind: Kind, words: str) -> str:
    """What came out instead of an error of ours with these words; empty if that error came."""
    try:
        return f"gave {door.call(kind(door.array))}"
    except WordedError as error:
        return "" if re.search(words, str(error)) else f"said {error}"


def faults(
    door: Door, law: Callable[..., str], kinds: dict[str, tuple[Any, ...]]
) -> dict[str, str]:
    """The kinds for which a law does not hold at a door, and what happened."""
    found = {}
    for name, (make, *words) in kinds.items():
        if make(door.array) is not None:
            try:
                fault = law(door, make, *words)
            except Exception as error:
                fault = repr(error)
            if fault:
                found[name] = fault
    return found


# --- the doors -----------------------------------------------------------------------------------

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
LABELS = np.array([0, 2])


def plain(y: Any) -> Any:
    """What a tensor holds, unconverted; anything else as it is."""
    return y._data if isinstance(y, tx.Tensor) else y


def recorded(y: Any, *leaves: tx.Tensor) -> list[Any]:
    """The values of a tensor, and the gradients of its sum."""
    assert isinstance(y, tx.Tensor)
    if y.requires_grad:
        y.backward(np.ones(y.shape))
    return [plain(y), *(x.grad.numpy() for x in leaves if x.grad is not None)]


def of_row(name: str, place: int) -> Door | None:
    """One input of a row or composite; its other inputs of floats require gradients."""
    made = make_call(name)
    if not isinstance(made.inputs[place], np.ndarray):
        return None

    def call(x: Any) -> list[Any]:
        inputs = [leaf(other) if i in made.live else other for i, other in enumerate(made.inputs)]
        inputs[place] = x
        leaves = [inputs[i] for i in made.live if i != place]
        return recorded(replace(made, inputs=tuple(inputs), live=())(), *leaves)

    return Door(made.inputs[place], call)


def rows() -> Iterator[tuple[str, Door]]:
    for name in NAMES:
        for place in range(len(make_call(name).inputs)):
            if door := of_row(name, place):
                yield f"{name}, input {place}", door


def operators() -> Iterator[tuple[str, Door]]:
    arithmetic = ("add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "eq", "ne")
    for array, t in ((X, X + 1), (X[0], X + 1)):
        for name in arithmetic:
            yield from _sides(f"{name} {array.ndim}-D", getattr(operator, name), array, t)
    yield from _sides(
        "matmul",
        operator.matmul,
        X,
        X.T,
    )
    for name in ("and_", "or_", "xor"):
        yield from _sides(name, getattr(operator, name), X > 2, X > 3)


def _sides(name: str, f: Any, array: Any, other: Any) -> Iterator[tuple[str, Door]]:
    def right(x: Any) -> list[Any]:
        t = tx.Tensor(other, requires_grad=other.dtype.kind == "f")
        return recorded(f(t, x), t)

    def left(x: Any) -> list[Any]:
        t = tx.Tensor(other, requires_grad=other.dtype.kind == "f")
        return recorded(f(x, t), t)

    yield f"tensor {name} foreign", Door(array, right)
    yield f"foreign {name} tensor", Door(array, left)


def assigned(attribute: str) -> Callable[[Any], Any]:
    def call(x: Any) -> list[Any]:
        t = leaf(X)
        setattr(t, attribute, x)
        return [plain(getattr(t, attribute))]

    return call


def seeded(x: Any) -> list[Any]:
    t = leaf(X)
    (t * 2).backward(x)
    return [t.grad.numpy()]


def loss(f: Any, *arrays: Any, place: int | str, **options: Any) -> Door:
    """One argument of a loss."""

    def call(x: Any) -> list[Any]:
        given, how = list(arrays), dict(options)
        if isinstance(place, str):
            how[place] = x
        else:
            given[place] = x
        z = None
        if place != 0:
            given[0] = z = leaf(given[0])
        return recorded(f(*given, **how), *([] if z is None else [z]))

    return Door(options[place] if isinstance(place, str) else arrays[place], call)


def losses() -> Iterator[tuple[str, Door]]:
    weight, chances = np.array([1.0, 2.0, 0.5]), np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    of_classes = (tx.cross_entropy, tx.nll_loss, tx.softmax_focal_loss)
    for f in of_classes:
        log_p = -X if f is tx.nll_loss else X
        for place in (0, 1, "weight"):
            yield f"{f.__name__}, {place}", loss(f, log_p, LABELS, place=place, weight=weight)
    yield "cross_entropy, probabilities", loss(tx.cross_entropy, X, chances, place=1)
    bce = tx.binary_cross_entropy_with_logits
    for place in (0, 1, "weight", "pos_weight"):
        how = {"weight": weight, "pos_weight": weight}
        yield f"{bce.__name__}, {place}", loss(bce, X, chances, place=place, **how)
    for place in (0, 1):
        yield f"mse_loss, {place}", loss(tx.mse_loss, X, X + 1, place=place)
    W, b = np.eye(3), np.ones(3)
    for place in range(4):
        door = loss(tx.linear_cross_entropy, X, W, b, LABELS, place=place)
        yield f"linear_cross_entropy, {place}", door


def layers() -> Iterator[tuple[str, Door]]:
    made = [tx.nn.Linear(3, 2, rng=0), tx.nn.Linear(3, 2, bias=False, rng=0)]
    made += [
        tx.nn.ReLU(),
        tx.nn.Tanh(),
        tx.nn.Sigmoid(),
        tx.nn.Dropout(0.0),
        tx.nn.MLP([3, 2], rng=0),
    ]
    for i, layer in enumerate(made):
        yield f"layer {i}, {type(layer).__name__}", Door(X, lambda x, f=layer: [plain(f(x))])


def loaded(x: Any) -> list[Any]:
    layer = tx.nn.Linear(3, 2, rng=0)
    layer.load_state_dict({"weight": x, "bias": np.ones(2)})
    return [plain(layer.weight)]


def others() -> Iterator[tuple[str, Door]]:
    yield "Tensor", Door(X, lambda x: [plain(tx.Tensor(x))])
    yield "Tensor of a dtype", Door(X, lambda x: [plain(tx.Tensor(x, dtype=np.float32))])
    yield "Tensor of labels", Door(LABELS, lambda x: [plain(tx.Tensor(x))])
    yield "Tensor of one axis", Door(X[0], lambda x: [plain(tx.Tensor(x))])
    yield "data", Door(X + 1, assigned("data"))
    yield "grad", Door(X + 1, assigned("grad"))
    yield "backward", Door(X + 1, seeded)
    yield "load_state_dict", Door(X.T.copy(), loaded)
    for name, index in {"labels": LABELS[:1], "mask": X > 2, "rows": X[:, 0] > 2}.items():
        yield f"index of {name}", Door(index, lambda i: recorded((t := leaf(X))[i], t))
    yield "part of an index", Door(LABELS, lambda i: recorded((t := leaf(X))[:, i], t))
    for name in ("min", "max"):
        door = Door(X[0] + 0.5, lambda x, n=name: recorded(tx.clip(t := leaf(X), **{n: x}), t))
        yield f"limit {name}", door


DOORS: dict[str, Door] = dict([*rows(), *operators(), *losses(), *layers(), *others()])
