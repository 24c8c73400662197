"""Every row of the table against PyTorch: values, gradients, Hessian-vector products, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import tinygrad_xent as tx
from tests import themes
from tests.operations import CASES, NAMES, Call, has_rule, is_float
from tests.row_checks import gradient, leaves_of
from tests.strategies import CHOSEN, each_call

torch = pytest.importorskip("torch")

TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}


# --- the same operation in PyTorch ----------------------------------------------------------------


def every(x: Any, axis: Any) -> tuple[int, ...]:
    """An axis setting as PyTorch's dim: () there means all axes."""
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def reduction(f: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's axis for a PyTorch reduction; over no axes at all it leaves single elements."""

    def call(x: Any, axis: Any, keepdims: bool) -> Any:
        if dims := every(x, axis):
            return f(x, dims, keepdims)
        return f(x[..., None], (-1,), False)

    return call


def picked(places: Callable[[Any], Any]) -> Callable[..., Any]:
    """A NumPy function that picks elements, done in PyTorch by the numbers of the elements."""

    def call(x: Any, *rest: Any, **kwargs: Any) -> Any:
        numbers = np.arange(x.numel()).reshape(tuple(x.shape))
        where = np.array(places(numbers, *map(np.asarray, rest), **kwargs))
        return x.reshape(-1)[torch.from_numpy(where)]

    return call


def spread(places: Callable[[Any], Any]) -> Callable[..., Any]:
    """The adjoint of `picked`: zeros, to which the elements are added at their places."""

    def call(g: Any, *rest: Any, shape: Any, **kwargs: Any) -> Any:
        numbers = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
        where = np.array(places(numbers, *map(np.asarray, rest), **kwargs)).reshape(-1)
        flat = torch.zeros(numbers.size, dtype=g.dtype)
        return flat.index_add(0, torch.from_numpy(where), g.reshape(-1)).reshape(shape)

    return call


def clamp(x: Any, min: Any, max: Any) -> Any:
    limits = [None if v is None else torch.as_tensor(v, dtype=x.dtype) for v in (min, max)]
    return torch.clamp(x, *limits)


def take(x: Any, index: Any) -> Any:
    return x[index]


def permute(x: Any, axes: Any) -> Any:
    return x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes)


def index_along(x: Any, indices: Any, axis: int) -> Any:
    return np.take_along_axis(x, indices, axis)


# What PyTorch names or calls differently; everything else is its function of the same name.
THEIRS: dict[str, Callable[..., Any]] = {
    "linear": lambda x, weight, bias: torch.nn.functional.linear(x, weight.mT, bias),
    "softmax_cross_entropy": lambda x, labels, axis: (
        -torch.take_along_dim(torch.log_softmax(x, axis), torch.as_tensor(labels), axis).mean()
    ),
    "softplus": lambda x: torch.nn.functional.softplus(x, threshold=1e6),
    "clip": clamp,
    "astype": lambda x, dtype: x.to(torch.float64),
    "identity": torch.clone,
    "equal": torch.eq,
    "invert": torch.bitwise_not,
    "rint": torch.round,
    "argmax": lambda x, axis, keepdims: torch.argmax(x, axis, keepdims),
    "any": reduction(torch.any),
    "all": reduction(torch.all),
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "var": reduction(
        lambda x, dims, keep: ((x - x.mean(dims, keepdim=True)) ** 2).mean(dims, keep)
    ),
    "max": reduction(torch.amax),
    "min": reduction(torch.amin),
    "logsumexp": reduction(torch.logsumexp),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": permute,
    "squeeze": lambda x, axis: x.squeeze() if axis is None else x.squeeze(axis),
    "expand_dims": picked(lambda x, axis: np.expand_dims(x, axis)),
    "broadcast_to": lambda x, shape: x.broadcast_to(shape),
    "join": lambda *parts, axis: torch.cat(parts, axis),
    "concatenate": lambda *parts, axis: torch.cat(parts, axis),
    "stack": lambda *parts, axis: torch.stack(parts, axis),
    "getitem": picked(take),
    "scatter": spread(take),
    "take_along_axis": picked(index_along),
    "scatter_along_axis": spread(index_along),
}


def counterpart(name: str) -> Callable[..., Any]:
    if name in themes.THEIRS:
        return partial(themes.THEIRS[name], torch)
    return THEIRS.get(name) or getattr(torch, name)


def theirs(x: Any) -> Any:
    """An input of a call as PyTorch takes it."""
    return torch.as_tensor(x) if isinstance(x, np.ndarray | np.generic) else x


def cast(call: Call, dtype: Any) -> Call:
    """The call with all its floats in a dtype."""

    def one(x: Any) -> Any:
        return x.astype(dtype) if is_float(x) else x

    settings = {name: one(value) for name, value in call.settings.items()}
    return replace(call, inputs=tuple(map(one, call.inputs)), settings=settings)


# --- the comparison ------------------------------------------------------------------------------


def compare(call: Call, dtype: np.dtype[Any]) -> None:
    """Value, gradient and Hessian-vector product of <seed, call> in both libraries."""
    call = cast(call, dtype)
    tolerance = TOLERANCE[dtype]
    near = {"rtol": tolerance, "atol": tolerance}
    rng = np.random.default_rng(0)
    leaves, b = leaves_of(call), [theirs(x) for x in call.inputs]
    for i in call.live:
        b[i] = b[i].clone().requires_grad_()
    inputs = [b[i] for i in call.live]
    y, z = call(*leaves), counterpart(call.name)(*b, **call.settings)
    assert y.shape == tuple(z.shape)
    assert str(z.dtype) == f"torch.{y.dtype}"
    np.testing.assert_allclose(np.asarray(y.detach() if leaves else y), z.detach().numpy(), **near)
    if not leaves:  # nothing to differentiate
        return

    seed = rng.uniform(-1, 1, y.shape).astype(y.dtype)
    along = [rng.uniform(-1, 1, leaf.shape).astype(dtype) for leaf in leaves]
    y.backward(seed, create_graph=True)
    slopes = [leaf.grad for leaf in leaves]
    expected = torch.autograd.grad(z, inputs, torch.as_tensor(seed), create_graph=True)
    for slope, other in zip(slopes, expected, strict=True):
        assert slope.dtype == dtype
        np.testing.assert_allclose(slope.numpy(), other.detach().numpy(), **near)

    products = [(s * u).sum() for s, u in zip(slopes, along, strict=True)]
    others = [(s * torch.as_tensor(u)).sum() for s, u in zip(expected, along, strict=True)]
    total, other = sum(products[1:], products[0]), sum(others[1:], others[0])
    for leaf in leaves:
        leaf.zero_grad()
    if total.requires_grad:
        total.backward()
    hvps = [None] * len(inputs)
    if other.requires_grad:
        hvps = torch.autograd.grad(other, inputs, allow_unused=True)
    for leaf, hvp in zip(leaves, hvps, strict=True):
        np.testing.assert_allclose(
            gradient(leaf), 0 if hvp is None else hvp.numpy(force=True), **near
        )


def test_every_case_has_its_counterpart():
    known = {*THEIRS, *themes.THEIRS}
    assert known <= set(CASES)
    assert [name for name in CASES if name not in known and not hasattr(torch, name)] == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_values_gradients_and_hvps(name, dtype):
    each_call(name, lambda call: compare(call, np.dtype(dtype)))


KINKED = ["abs", "relu", "maximum", "minimum", "clip", "max", "min", "max_pool1d", "max_pool2d"]


@pytest.mark.parametrize("name", KINKED)
def test_ties_and_kinks(name):
    each_call(name, lambda call: compare(call, np.dtype(np.float64)), kinks=True)


# --- dtypes --------------------------------------------------------------------------------------

FLOATS = [np.float16, np.float32, np.float64]
OTHERS = [*FLOATS, np.int8, np.uint8, np.int32, np.int64, np.bool_]
BINARY = {
    tx.add: np.add,
    tx.sub: np.subtract,
    tx.mul: np.multiply,
    tx.div: np.true_divide,
    tx.pow: np.power,
    tx.maximum: np.maximum,
    tx.minimum: np.minimum,
    tx.matmul: np.matmul,
    tx.where: lambda a, b: np.where(np.array([True, False]), a, b),
}


def binary(f: Any, a: Any, b: Any) -> Any:
    return tx.where(np.array([True, False]), a, b) if f is tx.where else f(a, b)


PAIRS = [(f, other) for f in BINARY for other in (*OTHERS, float, int)]
PAIRS = [p for p in PAIRS if p not in ((tx.matmul, float), (tx.matmul, int))]  # takes no scalars


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("f", "other"), PAIRS)
def test_two_dtypes_promote_as_in_numpy_and_the_gradient_takes_the_leafs(f, dtype, other):
    plain = other in (float, int)
    x, constant = np.array([1.0, 2.0], dtype), other(2) if plain else np.array([2, 1]).astype(other)
    for flip in (False, True):
        pair = (constant, x) if flip else (x, constant)
        leaf = tx.Tensor(x, requires_grad=True)
        y = binary(f, *((constant, leaf) if flip else (leaf, constant)))
        assert y.dtype == BINARY[f](*pair).dtype
        y.sum().backward()
        assert leaf.grad.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted({*filter(has_rule, NAMES)} - {"astype"}))
def test_one_dtype_stays(name, dtype):
    def check(call: Call) -> None:
        call = cast(call, dtype)
        leaves = leaves_of(call)
        y = call(*leaves)
        assert y.dtype == dtype
        y.sum().backward()
        assert all(leaf.grad.dtype == dtype for leaf in leaves)

    each_call(name, check, settings(CHOSEN, max_examples=8))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize(
    "name", ["exp", "log", "sqrt", "tanh", "log1p", "expm1", "abs", "negative"]
)
def test_integers_become_what_numpy_makes_of_them(name, dtype):
    x = np.array([1, 2], dtype)
    function = tx.neg if name == "negative" else getattr(tx, name)
    assert function(tx.Tensor(x)).dtype == getattr(np, name)(x).dtype
