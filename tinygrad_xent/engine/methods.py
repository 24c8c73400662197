"""What `Tensor` inherits: methods and operators, each attached by the file that defines it.

Tensor stands below the operations that become its methods. A row that says `method=True` or names an
operator is attached, and so are the walk's `backward` and NumPy's dispatch (`public.py`). For type
checkers and editors `python -m tinygrad_xent.stubs` writes all of them into `methods.pyi`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt

Operand: TypeAlias = "Methods | npt.ArrayLike"
"""What an operation takes: a tensor, or anything that NumPy makes an array of."""


class Methods:
    """The methods of `Tensor`; none until functions are attached."""

    __slots__ = ()
