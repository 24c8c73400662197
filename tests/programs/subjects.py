"""What is recorded to see that it can be: every row, loss option, layer and optimiser, as a function
of its arrays. What a row is given comes from the table of inputs, `tests/operations.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.operations import NAMES, Call, function_of, make_call


@dataclass(frozen=True)
class Subject:
    """A function and example arguments, made anew for each run.

    With `steps`, it is a training step, run so many times: the program is given its own updates.
    """

    group: str
    name: str
    make: Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]
    steps: int = 0


def subjects() -> Iterator[Subject]:
    for name in NAMES:
        yield Subject("row", name, lambda name=name: of_row(make_call(name)))
    yield from losses()
    yield from layers()
    yield from optimisers()


def of_row(call: Call) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The result of a call and the gradients of its inputs, as a function of all its arrays."""
    places = [i for i, x in enumerate(call.inputs) if isinstance(x, np.ndarray)]
    keys = [key for key, x in call.settings.items() if isinstance(x, np.ndarray)]
    live, name = [places.index(i) for i in call.live], call.name
    others = [None if i in places else x for i, x in enumerate(call.inputs)]
    plain = {key: None if key in keys else x for key, x in call.settings.items()}

    def run(*arrays: Any) -> Any:
        inputs = list(others)
        for i, array in zip(places, arrays, strict=False):
            inputs[i] = array
        settings = plain | dict(zip(keys, arrays[len(places) :], strict=False))
        return function_of(name)(*inputs, **settings)

    def both(*arrays: Any) -> Any:
        *arrays, seed = arrays  # type: ignore[assignment]

        def of_live(*points: Any) -> Any:
            given = list(arrays)
            for place, point in zip(live, points, strict=True):
                given[place] = point
            return run(*given)

        y, back = tx.vjp(of_live, *[arrays[place] for place in live])
        return y, back(seed)

    arrays = [np.array(call.inputs[i]) for i in places]
    arrays += [np.array(call.settings[key]) for key in keys]
    y = run(*arrays)
    if not live:
        return run, tuple(arrays)
    seed = np.random.default_rng(1).normal(size=y.shape).astype(y.dtype)
    return both, (*arrays, seed)


# --- losses ---------------------------------------------------------------------------------------


def losses() -> Iterator[Subject]:
    rng = np.random.default_rng(0)
    z, labels, weight = rng.normal(size=(6, 3)), rng.integers(0, 3, 6), np.array([1.0, 2.0, 0.5])
    shares = rng.dirichlet(np.ones(3), 6)
    ignored = np.where(np.arange(6) == 2, -100, labels)
    targets = {"labels": labels, "ignored": ignored, "shares": shares}
    for (kind, y), reduction, smoothing, heavy in product(
        targets.items(), ("mean", "sum", "none"), (0.0, 0.1), (False, True)
    ):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        yield loss("cross_entropy", kind, (z, y), options, weight if heavy else None)
        if kind != "shares" and not smoothing:
            options = {"reduction": reduction}
            yield loss("nll_loss", kind, (z, y), options, weight if heavy else None)
            for gamma in (0.5, 2.0):
                named = options | {"gamma": gamma}
                yield loss("softmax_focal_loss", kind, (z, y), named, weight if heavy else None)
    x, W, b = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    for (kind, y), reduction, smoothing in product(
        targets.items(), ("mean", "sum", "none"), (0.0, 0.1)
    ):
        options = {"reduction": reduction, "label_smoothing": smoothing, "chunk_rows": 2}
        yield loss("linear_cross_entropy", kind, (x, W, b, y), options)
    yield loss("linear_cross_entropy", "no bias", (x, W, None, labels), {})
    stack = rng.normal(size=(2, 3, 4))
    yield loss("cross_entropy", "axes", (stack, rng.integers(0, 3, (2, 4))), {})
    yield loss("cross_entropy", "last axis", (stack, rng.integers(0, 4, (2, 3))), {"axis": -1})
    yield loss("cross_entropy", "one sample", (z[0], np.array(1)), {})
    yield loss("cross_entropy", "float32", (z.astype(np.float32), labels), {})
    yield loss("cross_entropy", "float16", (z.astype(np.float16), labels), {})
    ys = rng.integers(0, 2, (6, 3)).astype(float)
    for reduction, heavy, positive in product(
        ("mean", "sum", "none"), (False, True), (False, True)
    ):
        extra = {"weight": weight} if heavy else {}
        extra |= {"pos_weight": weight} if positive else {}
        yield loss(
            "binary_cross_entropy_with_logits", "", (z, ys), {"reduction": reduction}, **extra
        )
    for reduction in ("mean", "sum", "none"):
        yield loss("mse_loss", "", (z, shares), {"reduction": reduction})


def loss(
    name: str, kind: str, inputs: Any, options: dict[str, Any], weight: Any = None, **arrays: Any
) -> Subject:
    """A loss with these options, and its gradient by the first input."""
    arrays |= {} if weight is None else {"weight": weight}
    said = [kind, *(f"{k}={v}" for k, v in options.items()), *arrays]
    function = getattr(tx, name)

    def of(x: Any, rest: Any, arrays: Any) -> Any:
        y, back = tx.vjp(lambda x: function(x, *rest, **options, **arrays), x)
        return y, back(tx.ones(y.shape, y.dtype))

    made = (inputs[0], list(inputs[1:]), arrays)
    return Subject("loss", f"{name}({', '.join(filter(None, said))})", lambda: (of, made))


# --- layers and optimisers ------------------------------------------------------------------------


def train(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
    """One step of training."""
    optimizer.zero_grad()
    loss = tx.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def clipped(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
    optimizer.zero_grad()
    loss = tx.cross_entropy(model(x), y)
    loss.backward()
    tx.optim.clip_grad_norm(model.parameters(), 0.1)
    optimizer.step()
    return loss


def scheduled(model: Any, optimizer: Any, schedule: Any, x: Any, y: Any) -> Any:
    loss = train(model, optimizer, x, y)
    schedule.step()
    return loss


def accumulated(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
    """A step of two half batches."""
    optimizer.zero_grad()
    for half in (slice(0, 3), slice(3, 6)):
        (tx.cross_entropy(model(x[half]), y[half]) / 2).backward()
    optimizer.step()


def evaluated(model: Any, x: Any, y: Any) -> Any:
    """Accuracy and loss, without gradients."""
    with tx.no_grad():
        z = model(x)
        return {"loss": tx.cross_entropy(z, y), "right": (z.argmax(axis=1) == y).mean()}


def data(dtype: Any = np.float64, rows: int = 6) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 4)).astype(dtype), rng.integers(0, 3, rows)


def layers() -> Iterator[Subject]:
    nn = tx.nn
    models: dict[str, Callable[[], Any]] = {
        "Linear": lambda: nn.Linear(4, 3, rng=0),
        "Linear without bias": lambda: nn.Linear(4, 3, bias=False, rng=0),
        "ReLU": lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU()),
        "Tanh": lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh()),
        "Sigmoid": lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.Sigmoid()),
        "Dropout": lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.Dropout(0.4, rng=1)),
        "Dropout in evaluation": lambda: nn.Sequential(
            nn.Linear(4, 3, rng=0), nn.Dropout(0.4, rng=1)
        ).eval(),
        "MLP": lambda: nn.MLP([4, 5, 3], rng=0),
        "MLP tanh": lambda: nn.MLP([4, 5, 5, 3], activation="tanh", dropout=0.2, rng=0),
        "MLP float32": lambda: nn.MLP([4, 5, 3], rng=0, dtype=np.float32),
        "layer used twice": lambda: twice(nn),
    }
    for name, make in models.items():
        yield Subject("layer", name, lambda make=make: stepped(make(), train, "SGD", {}), steps=3)
    yield Subject(
        "layer",
        "evaluation",
        lambda: (evaluated, (nn.MLP([4, 5, 3], rng=0).eval(), *data())),
    )


def twice(nn: Any) -> Any:
    layer = nn.Linear(4, 4, rng=0)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(4, 3, rng=1))


def stepped(model: Any, step: Any, kind: str, options: dict[str, Any]) -> Any:
    dtype = next(iter(model.parameters())).dtype
    optimizer = getattr(tx.optim, kind)(model.parameters(), **{"lr": 0.1} | options)
    return step, (model, optimizer, *data(dtype))


def optimisers() -> Iterator[Subject]:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "SGD": ("SGD", {}),
        "SGD momentum": ("SGD", {"momentum": 0.9}),
        "SGD momentum, dampening": ("SGD", {"momentum": 0.9, "dampening": 0.5}),
        "SGD nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
        "SGD weight decay": ("SGD", {"weight_decay": 0.01}),
        "Adam": ("Adam", {}),
        "Adam weight decay": ("Adam", {"weight_decay": 0.01, "betas": (0.8, 0.99)}),
        "AdamW": ("AdamW", {}),
    }
    for name, (kind, options) in kinds.items():
        for dtype in (np.float64, np.float32, np.float16):

            def make(kind: str = kind, options: Any = options, dtype: Any = dtype) -> Any:
                return stepped(tx.nn.MLP([4, 5, 3], rng=0, dtype=dtype), train, kind, options)

            yield Subject("optimiser", f"{name}, {np.dtype(dtype).name}", make, steps=3)
    for name, step in (("clip_grad_norm", clipped), ("micro-batches", accumulated)):

        def made(step: Any = step) -> Any:
            return stepped(tx.nn.MLP([4, 5, 3], rng=0), step, "Adam", {})

        yield Subject("optimiser", name, made, steps=3)
    for name, options in (
        ("StepLR", {"step_size": 2, "gamma": 0.5}),
        ("CosineAnnealingLR", {"T_max": 4}),
    ):

        def with_schedule(name: str = name, options: Any = options) -> Any:
            _, (model, optimizer, x, y) = stepped(tx.nn.MLP([4, 5, 3], rng=0), train, "SGD", {})
            schedule = getattr(tx.optim, name)(optimizer, **options)
            return scheduled, (model, optimizer, schedule, x, y)

        yield Subject("optimiser", name, with_schedule, steps=4)
