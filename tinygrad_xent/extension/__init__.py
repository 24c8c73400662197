"""Operations of one's own: `tx.op`, `tx.remove_op`, `tx.custom_vjp` (`rows.py`), and what is checked of
their declarations (`declarations.py`).
"""

from .rows import custom_vjp, op, remove_op

__all__ = ["custom_vjp", "op", "remove_op"]
