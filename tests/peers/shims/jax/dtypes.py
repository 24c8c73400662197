"""Dtypes: NumPy's. The shorter floats that JAX adds to them are names only."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.peers.absent import Absent
from tests.peers.counting import NotHereError

issubdtype, finfo = np.issubdtype, np.finfo
float8_e8m0fnu = None


def canonicalize_dtype(dtype: Any) -> Any:
    """A dtype of NumPy's as itself; of others there is none."""
    return None if isinstance(dtype, Absent) else np.dtype(dtype)


def itemsize_bits(dtype: Any) -> int:
    return 0 if isinstance(dtype, Absent) else 8 * np.dtype(dtype).itemsize


def default_float_dtype() -> Any:
    return np.dtype(np.float64)


class bfloat16:  # noqa: N801
    """A float of 16 bits that NumPy does not have."""

    def __new__(cls, *args: Any) -> Any:
        raise NotHereError("jax bfloat16")


def known(dtype: Any) -> Any:
    """The dtype, if it is one of NumPy's."""
    if dtype is bfloat16:
        raise NotHereError("jax bfloat16")
    return dtype
