"""The core of the table: the operations that a network and the rules themselves are made of.

A row is a forward function on raw arrays (`xp` is the array library) and, for each input, the
derivative's formula for people and its rule for the walk. `g` is the gradient of the output; the names
of a rule's other arguments say what it needs: `y` the output, an input, `<input>_shape`, a setting.
What no rule names is not kept. Inputs come before the `/`, settings after it. The keys after the rules
hold what else is known about the row (`table.py`); it is elementwise unless its `kind` says otherwise.

Rules are written with the operators and the table's own functions, which accept raw arrays and tensors
alike, so one rule serves every order of derivative. No rule undoes broadcasting, and a reduction's rule
only puts back the dropped axes, with length 1: the walk fixes shapes.

    arithmetic.py   sum, difference, product, quotient     elementwise.py  exp, log, pow, activations
    moves.py        reshape, indexing, joining             selection.py    where, maximum, relu, clip
    reductions.py   sum, max, min                          rowwise.py      softmax and its relatives
    products.py     matmul, linear

To add an operation, add a row to the file of its kind, a line of sample inputs to `tests/operations.py`
and its formula on dual numbers to `tests/random_programs/duals.py`, then run `make stubs`.
"""

from . import arithmetic, elementwise, moves, products, reductions, rowwise, selection

__all__ = ["arithmetic", "elementwise", "moves", "products", "reductions", "rowwise", "selection"]
