"""JAX's settings, of which none changes anything here: numbers are float64 where nothing else is said."""

from __future__ import annotations

from contextlib import ContextDecorator
from types import SimpleNamespace
from typing import Any


class setting(ContextDecorator):  # noqa: N801
    """A setting for a block or a function."""

    def __init__(self, *values: Any, **named: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


config = SimpleNamespace(
    parse_flags_with_absl=lambda: None,
    softmax_custom_jvp=SimpleNamespace(value=True),
    explicit_x64_dtypes=setting,
    numpy_dtype_promotion=setting,
    numpy_rank_promotion=setting,
    enable_x64=SimpleNamespace(value=True),
)
