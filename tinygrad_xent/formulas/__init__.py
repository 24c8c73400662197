"""The notation of the rows' formulas: `grammar.py` reads and writes it, `meaning.py` evaluates it.

>>> from tinygrad_xent.formulas import parse
>>> print(parse("g · y · (1 - y)"))
g · y · (1 - y)
"""

from .grammar import (
    EULER,
    Binary,
    Call,
    Compare,
    Expression,
    FormulaError,
    Index,
    Name,
    Number,
    Piecewise,
    Power,
    Unary,
    children,
    names,
    parse,
)

__all__ = [
    "EULER",
    "Binary",
    "Call",
    "Compare",
    "Expression",
    "FormulaError",
    "Index",
    "Name",
    "Number",
    "Piecewise",
    "Power",
    "Unary",
    "children",
    "names",
    "parse",
]
