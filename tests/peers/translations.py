"""How a call of PyTorch's is written here: other names, other names of arguments, other orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_xent as tx


class UntranslatedError(Exception):
    """A call that can't be written with our arguments, and why."""


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in text.split())


# PyTorch's name of an operation: ours, where they differ.
OURS = _pairs("""
    cat:concatenate clamp:clip permute:transpose unsqueeze:expand_dims clone:identity
    amax:max amin:min eq:equal ne:not_equal lt:less le:less_equal gt:greater ge:greater_equal
    mm:matmul bmm:matmul mv:matmul __rmatmul__:matmul bitwise_not:invert
    acos:arccos asin:arcsin atan:arctan atan2:arctan2 acosh:arccosh asinh:arcsinh atanh:arctanh
    expand:broadcast_to view:reshape movedim:moveaxis take_along_dim:take_along_axis
    transpose:swapaxes special.expit:sigmoid
""")

RENAMED = _pairs("""
    dim:axis dims:axis keepdim:keepdims correction:ddof shifts:shift
""")

# What has the same name and is something else here.
ELSEWHERE = {"trace", "equal"}  # `torch.equal` gives a single bool

RANDOM = {"empty_like", "empty", "bernoulli", "nn.functional.dropout", "rand_like", "randn_like"}


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "requires_grad")


def two_operands(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Of `max` and `min`: with another tensor they are operations of their own."""
    if len(args) > 1 and _is_tensor(args[1]):
        raise UntranslatedError("of two tensors it is called maximum, or minimum")
    return args, kwargs


def divisor(*args: Any, unbiased: bool = True, **kwargs: Any) -> tuple[Any, Any]:
    """Of `var` and `std`: PyTorch divides by n - 1 unless told otherwise."""
    if len(args) > 1 and isinstance(args[1], bool):
        args, unbiased = args[:1], args[1]
    if kwargs.get("correction") is None:
        kwargs["correction"] = int(unbiased)
    return args, kwargs


def condition_first(x: Any, condition: Any, other: Any) -> tuple[Any, Any]:
    return (condition, x, other), {}


def shape_together(x: Any, *shape: Any) -> tuple[Any, Any]:
    """One tuple of sizes, or of axes, however they were given."""
    return (x, tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else shape), {}


def matrices_swapped(a: Any, b: Any) -> tuple[Any, Any]:
    return (b, a), {}


def expanded(x: Any, *shape: Any) -> tuple[Any, Any]:
    """-1 keeps an axis, which only PyTorch's `expand` has."""
    args, kwargs = shape_together(x, *shape)
    if any(n in (-1, None) for n in args[1]):
        raise UntranslatedError("-1 in the shape")
    return args, kwargs


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Of `linear` the weight is ours transposed."""
    return x @ weight.mT if bias is None else tx.linear(x, weight.mT, bias)


def linear_cross_entropy(
    x: Any,
    linear_weight: Any,
    target: Any,
    linear_bias: Any = None,
    weight: Any = None,
    ignore_index: int = -100,
    options: Any = None,
    **settings: Any,
) -> Any:
    """So it is here; PyTorch's options say how many rows are held at a time."""
    if linear_weight.ndim > 2:
        raise UntranslatedError("a weight of more than two axes")
    if options is not None:
        settings["chunk_rows"] = options.batch_chunk_size
    settings |= {"class_weight": weight, "ignore_index": ignore_index}
    return tx.linear_cross_entropy(x, linear_weight.mT, linear_bias, target, **settings)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "nn.functional.linear": linear,
    "nn.functional.linear_cross_entropy": linear_cross_entropy,
}

# The arguments of an operation, as ours takes them before the names are changed.
SPECIAL: dict[str, Callable[..., tuple[Any, Any]]] = {
    "max": two_operands,
    "min": two_operands,
    "var": divisor,
    "std": divisor,
    "where": condition_first,
    "reshape": shape_together,
    "view": shape_together,
    "expand": expanded,
    "permute": shape_together,
    "__rmatmul__": matrices_swapped,
}
