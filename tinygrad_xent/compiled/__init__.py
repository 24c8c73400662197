"""Compiled steps: `tx.compile` turns a function into generated NumPy that does the same in less time.

A call is recorded (`recordings.py`), with what the function reaches besides its arguments
(`capturing.py`); rewritten into fewer and faster calls (`rewriting.py`); planned: what runs as one at
the end (`lanes.py`), where each result lies (`memory.py`); and written (`building.py`). `forms.py` binds
the text to the parameters' memory, and `steps.py` chooses the form for a call.
"""

from .steps import Compiled, compile

__all__ = ["Compiled", "compile"]
