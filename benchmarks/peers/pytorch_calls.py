"""The rows of the operations table in PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 -- PyTorch's own name for it

CALLS: dict[str, Callable[..., Any]] = {
    "neg": lambda x: -x,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda x, n: x**n,
    "matmul": lambda a, b: a @ b,
    "linear": lambda x, weight, bias: F.linear(x, weight.mT, bias),
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    # The threshold is where PyTorch stops computing and returns x: out of the way.
    "softplus": lambda x: F.softplus(x, threshold=1e3),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "clip": lambda x, min, max: torch.clamp(x, min, max),
    "where": torch.where,
    "astype": lambda x, dtype: x.to(getattr(torch, dtype)),
    "identity": torch.clone,
    "sum": lambda x, axis: torch.sum(x, dim=axis),
    "max": lambda x, axis: torch.amax(x, dim=axis),
    "min": lambda x, axis: torch.amin(x, dim=axis),
    "logsumexp": lambda x, axis: torch.logsumexp(x, dim=axis),
    "softmax": lambda x, axis: torch.softmax(x, dim=axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, dim=axis),
    "softmax_cross_entropy": lambda x, labels, axis: F.cross_entropy(x, labels.squeeze(axis)),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: x.permute(axes),
    "squeeze": lambda x, axis: x.squeeze(axis),
    "expand_dims": lambda x, axis: x.unsqueeze(axis),
    "broadcast_to": lambda x, shape: x.broadcast_to(shape),
    "join": lambda *arrays, axis: torch.cat(arrays, dim=axis),
    "getitem": lambda x, index: x[index],
    "scatter": lambda g, shape, index: g.new_zeros(shape).index_add(0, index, g),
    "take_along_axis": lambda x, indices, axis: torch.take_along_dim(x, indices, dim=axis),
    "scatter_along_axis": lambda g, indices, shape, axis: g.new_zeros(shape).scatter_add(
        axis, indices, g
    ),
}
