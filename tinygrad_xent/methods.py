"""The methods and operators of Tensor: derived from the table.

A row, or a composite, that says `method=True` or names an operator is attached here, and so Tensor has
it. What stands here for type checkers and editors, `methods.pyi`, is written from the table by
`python -m tinygrad_xent.stubs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Methods:
    """What `Tensor` inherits; empty until rows are attached."""

    __slots__ = ()


ONE_SIDED = {"neg", "pos", "abs", "invert", "lt", "le", "gt", "ge"}
"""Operators without a reflected form: of one operand, or comparisons, which Python turns around."""


def attach(function: Callable[..., Any], names: Iterable[str], operator: str) -> None:
    """Make a function a method of Tensor under these names, and an operator of that name."""
    for name in names:
        setattr(Methods, name, function)
    if operator:
        setattr(Methods, f"__{operator}__", function)
    if operator and operator not in ONE_SIDED:
        setattr(Methods, f"__r{operator}__", lambda self, other: function(other, self))
