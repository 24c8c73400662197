"""What `Tensor` inherits: methods and operators, each attached by the file that defines it.

`Tensor` does not know the operations that become its methods. A row with `method=True` or an operator
is attached here, and so are the walk's `backward` and NumPy's dispatch (`public.py`). From what is
attached, `python -m tinygrad_xent.stubs` writes `methods.pyi` for type checkers and editors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt

Operand: TypeAlias = "Methods | npt.ArrayLike"
"""What an operation takes: a tensor, or anything that NumPy can turn into an array."""


class Methods:
    """The methods of `Tensor`; empty until functions are attached."""

    __slots__ = ()
