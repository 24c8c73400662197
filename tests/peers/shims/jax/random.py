"""Random numbers: a key is the seed of a generator of NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_xent as tx

from .dtypes import known


def key(seed: int) -> Any:
    return [seed]


PRNGKey = key


def split(key: Any, n: int = 2) -> list[Any]:
    return [[*key, i] for i in range(n)]


def normal(key: Any, shape: Sequence[int] = (), dtype: Any = np.float64) -> tx.Tensor:
    return tx.Tensor(np.random.default_rng(key).standard_normal(shape).astype(known(dtype)))


def uniform(
    key: Any, shape: Sequence[int] = (), dtype: Any = np.float64, minval: float = 0.0
) -> tx.Tensor:
    drawn = np.random.default_rng(key).uniform(minval, 1.0, shape)
    return tx.Tensor(drawn.astype(known(dtype)))
