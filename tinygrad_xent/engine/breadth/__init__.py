"""The breadth of the table: what people expect of an array library beyond the core in `ops`.

These are rows without a derivative, and composites made of the rows of `ops`. Nothing in here is needed
to understand `backward()`.
"""

from . import comparisons, composites, properties, searches

__all__ = ["comparisons", "composites", "properties", "searches"]
