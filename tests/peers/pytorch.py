"""PyTorch's sample inputs of every operation that both have: values and gradients in float64.

PyTorch's own tests run each of its operations on samples of its `op_db`. Here each sample is a test: its
arguments are translated (`dim` to `axis`), and the values and the gradient of <seed, result> compared.
What can't be translated says why. An operation without a counterpart counts once, as missing.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_xent as tx

from .counting import NotHereError, Outcome
from .translations import (
    ELSEWHERE,
    FUNCTIONS,
    OURS,
    RANDOM,
    RENAMED,
    SAME,
    SPECIAL,
    UP_TO_SIGNS,
    UntranslatedError,
)
from .written import WRITTEN

NEAR = {"rtol": 1e-9, "atol": 1e-9}


def ours(name: str) -> Callable[..., Any] | None:
    """Our function for an operation's name in PyTorch, `nn.functional.relu` or `linalg.inv`."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in WRITTEN:
        return WRITTEN[name]
    module, _, last = OURS.get(name, name).rpartition(".")
    owner = {"": tx, "nn.functional": tx, "special": tx, "linalg": getattr(tx, "linalg", None)}
    found = None if name in ELSEWHERE else getattr(owner.get(module), last, None)
    return found if callable(found) and not isinstance(found, type) else None


def outcomes(only: Callable[[str], bool] = lambda name: True) -> Iterator[Outcome]:
    """The outcome of every sample of the operations whose name is chosen."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        for op in filter(lambda op: only(op.name), op_db):
            name = ".".join(filter(None, [op.name, op.variant_test_name]))
            f = ours(op.name)
            if f is None:
                yield Outcome(name, NotHereError.__name__, op.name)
            elif op.name in RANDOM:
                yield Outcome(name, "untranslated", "random or unset numbers")
            elif op.name in UP_TO_SIGNS:
                yield Outcome(name, "untranslated", "determined up to signs only")
            else:
                torch.manual_seed(0)
                yield from (outcome(name, op, f, sample) for sample in samples(op))


def samples(op: Any) -> list[Any]:
    """PyTorch's samples of an operation, of floats if it takes them."""
    import torch

    dtypes = (torch.float64, torch.float32, torch.int64, torch.bool)
    dtype = next((d for d in dtypes if d in op.dtypes), None)
    if dtype is None:  # of the complex numbers
        return []
    live = dtype.is_floating_point and op.supports_autograd
    return list(op.sample_inputs("cpu", dtype, requires_grad=live))


def outcome(name: str, op: Any, f: Callable[..., Any], sample: Any) -> Outcome:
    """What comes of one sample."""
    test = f"{name}({described(sample)})"
    try:
        args, kwargs = translated(op.name, f, (sample.input, *sample.args), sample.kwargs)
        compare(f, args, kwargs, op.op(sample.input, *sample.args, **sample.kwargs))
    except UntranslatedError as reason:
        return Outcome(test, "untranslated", f"{op.name}: {reason}")
    except Exception as error:
        return Outcome(test, type(error).__name__, " ".join(str(error).split())[:300])
    return Outcome(test, "passed")


def described(sample: Any) -> str:
    """The arguments of a sample; of a tensor dtype and shape."""

    def one(x: Any) -> str:
        if isinstance(x, (list, tuple)):
            return f"[{', '.join(map(one, x))}]"
        return f"{str(x.dtype)[6:]}{list(x.shape)}" if hasattr(x, "requires_grad") else repr(x)

    named = [f"{key}={one(value)}" for key, value in sample.kwargs.items()]
    return ", ".join([*map(one, (sample.input, *sample.args)), *named])


# --- arguments -----------------------------------------------------------------------------------


def translated(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """The arguments of PyTorch's call for our function.

    Raises:
        UntranslatedError: ours takes no such argument.
    """
    if name in WRITTEN:
        return args, kwargs
    if name in SPECIAL:
        args, kwargs = SPECIAL[name](*args, **kwargs)
    while args and args[-1] is None:
        args = args[:-1]
    named = {RENAMED.get(key, key): value for key, value in kwargs.items() if value is not None}
    if str(named.get("dtype")) == "torch.float64":
        del named["dtype"]  # which it is already, unless it is made
        if "dtype" in inspect.signature(f).parameters:
            named["dtype"] = np.float64
    parameters = inspect.signature(f).parameters
    for key in SAME.keys() & named.keys() - parameters.keys():
        if SAME[key] in (None, named[key]):
            del named[key]
    for key in named:
        if key not in parameters and "settings" not in parameters:
            raise UntranslatedError(f"takes no {key}")
    for value in (*args, *named.values()):
        if type(value).__name__ in ("dtype", "memory_format", "layout", "Generator"):
            raise UntranslatedError(f"takes no {type(value).__name__}")
    axis = named.get("axis", args[1] if len(args) > 1 and "axis" in parameters else None)
    if isinstance(axis, tuple) and not axis:
        raise UntranslatedError("dim=() means no axis here, and there sometimes all")
    try:
        inspect.signature(f).bind(*args, **named)
    except TypeError as error:
        raise UntranslatedError(str(error)) from None
    return args, named


def convert(x: Any, leaves: list[tuple[Any, tx.Tensor]]) -> Any:
    """Our tensors for PyTorch's; those that require grad are noted with their tensor there."""
    if isinstance(x, (list, tuple)):
        return (
            type(x)(convert(part, leaves) for part in x) if type(x) in (list, tuple) else tuple(x)
        )
    if not hasattr(x, "requires_grad"):
        return x
    t = tx.Tensor(x.detach().numpy().copy(), requires_grad=x.requires_grad)
    if x.requires_grad:
        leaves.append((x, t))
    return t


# --- the comparison ------------------------------------------------------------------------------


def arrays(y: Any) -> list[Any]:
    return [y] if hasattr(y, "shape") else list(y)


def compare(f: Callable[..., Any], args: Any, kwargs: Any, expected: Any) -> None:
    """Ours against what PyTorch gave, and the gradients with respect to all that require them."""
    import torch

    leaves: list[tuple[Any, tx.Tensor]] = []
    given = [convert(x, leaves) for x in args]
    found = f(*given, **{key: convert(x, leaves) for key, x in kwargs.items()})
    if hasattr(found, "shape") and not hasattr(expected, "shape"):
        expected = expected[0]  # values and places: here only the values
    mine, theirs = arrays(found), arrays(expected)
    assert len(mine) == len(theirs), f"{len(mine)} arrays instead of {len(theirs)}"
    rng = np.random.default_rng(0)
    total: Any = tx.Tensor(0.0)
    seeds = []
    for y, z in zip(mine, theirs, strict=True):
        assert tuple(y.shape) == tuple(z.shape), f"shape {y.shape} instead of {tuple(z.shape)}"
        value = y.detach().numpy() if isinstance(y, tx.Tensor) else y
        np.testing.assert_allclose(value, z.detach().numpy(), **NEAR)
        if z.requires_grad:
            seeds.append(rng.uniform(-1, 1, tuple(z.shape)))
            total = total + (y * seeds[-1]).sum()
    if seeds:
        if total.requires_grad:  # else the gradients are zero
            total.backward()
        live = [z for z in theirs if z.requires_grad]
        inputs = [x for x, _ in leaves]
        slopes = torch.autograd.grad(
            live, inputs, list(map(torch.as_tensor, seeds)), allow_unused=True
        )
        for (_, t), slope in zip(leaves, slopes, strict=True):
            wanted = np.zeros(t.shape) if slope is None else slope.numpy(force=True)
            got = np.zeros(t.shape) if t.grad is None else t.grad.numpy()
            np.testing.assert_allclose(got, wanted, err_msg="gradient", **NEAR)
