"""The core of the table: the operations that a network and the rules themselves are made of.

A row is a forward function on raw arrays (`xp` is the array library) and, for each input, the
derivative's formula for people and its rule for the walk. A rule's first argument `g` is the gradient of
the output; the names of the others say what it needs: `y` the output, an input, `<input>_shape`, a
setting. An array that no rule names is not kept. Inputs stand before the `/`, settings after it. The
keys after the rules say whatever else there is to know (`table.py`); a row is elementwise unless its
`kind` says otherwise.

Rules are written with operators and the table's own functions, which accept raw arrays and tensors
alike, so one rule serves every order of derivative. No rule undoes broadcasting: the walk fixes shapes.

To add an operation, add a row to the file of its kind and a line of sample inputs to
`tests/operations.py`.
"""

from . import arithmetic, elementwise, moves, products, reductions, rowwise, selection

__all__ = ["arithmetic", "elementwise", "moves", "products", "reductions", "rowwise", "selection"]
