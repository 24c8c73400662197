"""The engine: arrays with a tape, and the walk back. Where to start reading: `README.md` beside it."""

from . import breadth, interop, ops, walk

__all__ = ["breadth", "interop", "ops", "walk"]
