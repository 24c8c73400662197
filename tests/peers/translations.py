"""How a call of PyTorch's is written here: other names, other names of arguments, other orders."""

from __future__ import annotations

import sys
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
    transpose:swapaxes special.expit:sigmoid repeat:tile repeat_interleave:repeat
    tensor_split:array_split trace:matrix_trace linalg.vecdot:vecdot linalg.cross:cross trapz:trapezoid
    dot:matmul true_divide:div __radd__:add __rmul__:mul __rand__:bitwise_and __ror__:bitwise_or
    __rxor__:bitwise_xor svd:linalg.svd qr:linalg.qr cholesky:linalg.cholesky lgamma:gammaln
    special.gammaln:gammaln special.psi:digamma sgn:sign
""")

RENAMED = _pairs("""
    dim:axis dims:axis keepdim:keepdims correction:ddof shifts:shift interpolation:method
    steps:num end:stop
""")

# Arguments that ours don't take, and the value at which they say what ours do; None for any value.
SAME: dict[str, Any] = {
    "ceil_mode": False,
    "device": None,
    "driver": None,
    "dropout_p": 0.0,
    "enable_gqa": False,
    "full_matrices": False,
    "hermitian": False,
    "momentum": None,
    "out_int32": False,
    "return_indices": False,
    "scale_grad_by_freq": False,
    "sorted": True,
    "sparse": False,
    "stable": None,
    "UPLO": "L",
    "upper": False,
}

# What has the same name and is something else here.
ELSEWHERE = {"equal", "select", "split", "nanmedian"}

RANDOM = {"empty_like", "empty", "bernoulli", "nn.functional.dropout", "rand_like", "randn_like"}
UP_TO_SIGNS = {"linalg.svd", "svd", "linalg.eigh", "linalg.qr", "qr"}


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


def shape_together(x: Any, *shape: Any) -> tuple[Any, Any]:
    """One tuple of sizes, or of axes, however they were given."""
    return (x, tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else shape), {}


def expanded(x: Any, *shape: Any) -> tuple[Any, Any]:
    """-1 keeps an axis, which only PyTorch's `expand` has."""
    args, kwargs = shape_together(x, *shape)
    if any(n in (-1, None) for n in args[1]):
        raise UntranslatedError("-1 in the shape")
    return args, kwargs


def each(*arrays: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Arrays one by one, however they were given."""
    return (*arrays[0], *arrays[1:]) if isinstance(arrays[0], (list, tuple)) else arrays, kwargs


def grid(*arrays: Any, indexing: str = "ij") -> tuple[Any, Any]:
    return each(*arrays)[0], {"indexing": indexing}


def padded(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> tuple[Any, Any]:
    """Widths from the last axis backwards, as ours for every axis."""
    if min(pad) < 0:
        raise UntranslatedError("a negative width")
    if mode == "circular":
        raise UntranslatedError("takes no mode circular")
    ends = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = ((0, 0),) * (x.ndim - len(ends)) + tuple(ends)
    return (x, widths), {
        "mode": "edge" if mode == "replicate" else mode,
        "constant_values": value or 0 if mode == "constant" else None,
    }


def over_last(x: Any, shape: Any, weight: Any = None, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Of `layer_norm`: the axes whose sizes are given are the last ones."""
    return (x, kwargs.pop("weight", weight), *args), kwargs | {"dim": tuple(range(-len(shape), 0))}


def over_last_rms(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> tuple[Any, Any]:
    eps = sys.float_info.epsilon if eps is None else eps
    return (x, weight), {"dim": tuple(range(-len(shape), 0)), "eps": eps}


def batch_norm(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """PyTorch's running averages are those that are used, unless it is training."""
    running = {} if training else {"running_mean": mean, "running_var": var}
    return (x, weight, bias), kwargs | running


def unit(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> tuple[Any, Any]:
    if p != 2:
        raise UntranslatedError("a norm other than the second")
    return (x,), {"dim": dim, "eps": eps}


def classes_given(x: Any, num_classes: int = -1) -> tuple[Any, Any]:
    if num_classes == -1:
        raise UntranslatedError("the number of classes is not given")
    return (x, num_classes), {}


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
    "where": lambda x, condition, other: ((condition, x, other), {}),
    "reshape": shape_together,
    "view": shape_together,
    "expand": expanded,
    "permute": shape_together,
    "__rmatmul__": lambda a, b: ((b, a), {}),
    "repeat": shape_together,
    "einsum": lambda arrays, subscripts: ((subscripts, *arrays), {}),
    "meshgrid": grid,
    "atleast_1d": each,
    "atleast_2d": each,
    "atleast_3d": each,
    "nn.functional.pad": padded,
    "nn.functional.layer_norm": over_last,
    "nn.functional.rms_norm": over_last_rms,
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.normalize": unit,
    "nn.functional.embedding": lambda weight, at, **how: ((at, weight), how),
    "nn.functional.one_hot": classes_given,
}
