"""The engine: arrays with a tape, and the walk back. `README.md` beside this file says how to read it."""

from . import breadth, interop, ops, walk

__all__ = ["breadth", "interop", "ops", "walk"]
