"""Your own operations: `tx.op`, `tx.remove_op`, `tx.custom_vjp` (`rows.py`), and the checks of their
declarations (`declarations.py`).
"""

from .rows import custom_vjp, op, remove_op

__all__ = ["custom_vjp", "op", "remove_op"]
