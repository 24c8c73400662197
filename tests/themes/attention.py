"""Attention as weighted means; tables by their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.operations import Call, Maker, call
from tests.random_programs import duals
from tests.themes import row


def attention(m: Maker) -> Call:
    lead, queries, keys = m.choice([(2,), (), (1, 2)]), m.choice([2, 3, 1]), m.choice([3, 1])
    width, out = m.choice([2, 1]), m.choice([2, 1])
    inputs = [m.any((*lead, queries, width)), m.any((keys, width)), m.any((*lead, keys, out))]
    settings: dict[str, Any] = {"scale": m.choice([None, 0.5]), "is_causal": m.bool()}
    kind = m.choice(["none", "added", "chosen"])
    if kind == "added":
        inputs.append(m.any((queries, keys)))
    if kind == "chosen":
        settings["attn_mask"] = np.array(m.rng.integers(2, size=(queries, keys)) == 1)
    return call(*inputs, **settings)


def attended(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    is_causal: Any = False,
    scale: Any = None,
) -> Any:
    width = duals.plain(query).shape[-1]
    turned = duals.linear(lambda key: np.swapaxes(key, -1, -2))(key)
    scores = duals.matmul(query, turned) * (width**-0.5 if scale is None else scale)
    seen = np.ones(duals.plain(scores).shape[-2:], bool)
    if is_causal:
        seen = np.tril(seen)
    if attn_mask is not None and duals.plain(attn_mask).dtype == bool:
        seen = seen & attn_mask
    elif attn_mask is not None:
        scores = duals.add(scores, attn_mask)
    weights = duals.where(seen, duals.exp(scores), 0.0)
    total = duals.total(weights, axis=-1, keepdims=True)
    total = duals.where(duals.plain(total) == 0, 1.0, total)
    return duals.matmul(duals.div(weights, total), value)


def their_attention(
    torch: Any, query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: Any = False,
    scale: Any = None,
) -> Any:  # fmt: skip
    """PyTorch's, by the only way that has second derivatives; it takes no mask besides `is_causal`."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if attn_mask is not None:
        attn_mask = torch.as_tensor(attn_mask)
        if is_causal:
            causal = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
            hidden = torch.tensor(-torch.inf, dtype=query.dtype)
            floats = attn_mask.dtype != torch.bool
            attn_mask = torch.where(causal, attn_mask, hidden) if floats else attn_mask & causal
    with sdpa_kernel(SDPBackend.MATH):
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask, 0.0, is_causal and attn_mask is None, scale=scale
        )


def embedding(m: Maker) -> Call:
    shape = m.shape(min_dims=2, min_side=1)[:2]
    places = m.rng.integers(0, shape[0], m.choice([(3,), (2, 2), ()]))
    return call(places, m.any(shape))


def looked_up(indices: Any, weight: Any) -> Any:
    return duals.linear(lambda weight: weight[indices])(weight)


def one_hot(m: Maker) -> Call:
    count = m.choice([3, 1])
    return call(m.rng.integers(0, count, m.shape()), num_classes=count)


row("scaled_dot_product_attention", attention, attended, their_attention)
row(
    "embedding",
    embedding,
    looked_up,
    lambda torch, indices, weight: torch.nn.functional.embedding(torch.as_tensor(indices), weight),
)
row(
    "one_hot",
    one_hot,
    duals.flat(lambda indices, num_classes: np.eye(num_classes)[indices]),
    lambda torch, indices, num_classes: torch.nn.functional.one_hot(
        torch.as_tensor(indices), num_classes
    ).double(),
)
