"""The rest of the table: what people expect of an array library, but no gradient rule depends on.

These are rows without a derivative, and composites made of the rows of `ops`. Nothing in here is needed
to understand `backward()`.
"""

from . import comparisons, composites, properties, searches

__all__ = ["comparisons", "composites", "properties", "searches"]
