"""
The whole idea on one screen
============================

A loss is one number, computed from many. How does it change with each of them? Reverse-mode
automatic differentiation answers for all of them in a single walk back through the computation. It
takes a table of operations, a tape of what was computed, and a sweep back along the tape. Here are
the three, in some forty lines of NumPy, and a classifier trained with them. The engine of
``tinygrad_xent`` is built the same way; the end says where to find each of them there.
"""

# %%
# The table
# ---------
# One row per operation: how its output ``y`` is computed, then one rule per input. A rule is given
# ``g``, the gradient of the loss with respect to ``y``, and turns it into the gradient with respect
# to its input. Its other arguments say what it needs for that: inputs, or ``y``. All the calculus
# is here.

from inspect import signature
from itertools import count

import numpy as np

# fmt: off
TABLE = {
    "matmul": (lambda a, b: a @ b,  lambda g, b: g @ b.T,  lambda g, a: a.T @ g),
    "add":    (lambda a, b: a + b,  lambda g: g,           lambda g: g),
    "sub":    (lambda a, b: a - b,  lambda g: g,           lambda g: -g),
    "mul":    (lambda a, b: a * b,  lambda g, b: g * b,    lambda g, a: g * a),
    "exp":    (lambda x: np.exp(x), lambda g, y: g * y),
    "log":    (lambda x: np.log(x), lambda g, x: g / x),
    "sum":    (lambda x: x.sum(axis=-1, keepdims=True),    lambda g: g),
    "mean":   (lambda x: x.mean(),  lambda g, x: g / x.size),
}
# fmt: on


def row(name):
    """The function that applies the row of this name."""
    return lambda *inputs: apply(name, *inputs)


# %%
# The tape
# --------
# Applying a row makes a node. It holds the output and, for each input, the way back: the input's
# node, its rule, and the values that the rule asked for. Nodes are numbered as they are made. An
# operation is always younger than its inputs, so the order of creation is the order of the tape:
# nothing needs a topological sort.

numbers = count()


class Node:
    """A value, the ways back to its inputs, and its number. Data is a node with no way back."""

    def __init__(self, value, ways=()):
        self.value, self.ways, self.number = value, ways, next(numbers)

    # one name per row, in the order of the table
    __matmul__, __add__, __sub__, __mul__, exp, log, sum, mean = map(row, TABLE)


def apply(name, *inputs):
    """Run a row of the table on nodes and record it as a new node."""
    forward, *rules = TABLE[name]
    known = dict(zip(signature(forward).parameters, [x.value for x in inputs], strict=True))
    known["y"] = forward(**known)
    kept = [[known[need] for need in signature(rule).parameters if need != "g"] for rule in rules]
    return Node(known["y"], list(zip(inputs, rules, kept, strict=True)))


# %%
# The sweep
# ---------
# Newest first. Whatever used a value is younger than it, so when the value's turn comes, its
# gradient is complete. Each rule contributes to the gradient of one input. If a value is used
# several times, the contributions are added up.
#
# The rules leave shapes to the sweep. ``Z @ W + b`` repeats ``b`` for every row, so the gradient of
# ``b`` is a sum over the rows. A sum is the reverse: its gradient is repeated. ``fit`` does both.


def sweep(output):
    """The gradient of the output with respect to every node that it was made from."""
    grads, waiting = {output: np.ones_like(output.value)}, {output.number: output}
    while waiting:
        node = waiting.pop(max(waiting))  # the newest
        for x, rule, kept in node.ways:
            grads[x] = grads.get(x, 0) + fit(rule(grads[node], *kept), x.value.shape)
            waiting[x.number] = x
    return grads


def fit(c, shape):
    """Give a contribution the shape of its input."""
    c = c + np.zeros(shape)  # stretch what a sum shrank
    c = c.sum(axis=tuple(range(c.ndim - len(shape))))  # sum over axes that broadcasting added
    # ... and over those that it stretched:
    return c.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# %%
# A classifier
# ------------
# The published example that ``plot_node_classification.py`` audits. Five nodes of a graph (nothing
# to do with those of the tape) are to be put into three classes by a linear layer. A row of
# ``Z`` is a node's embedding; a row of ``Y`` has a 1 in the column of the node's class. The loss is
# the mean of ``-log softmax(h)[class]``, which is ``log Σ eʰ - h[class]``.

Z = Node(np.array([[5, 6, 7, 8], [3, 8, 3, 4], [7, 9, 6, 9], [2, 1, 2, 3], [8, 4, 3, 2]]) / 10)
W = Node(np.array([[17, 75, 53], [40, -4, -4], [-14, 67, 40], [51, -18, 77]]) / 100)
b = Node(np.array([5, -11, -32]) / 100)
Y = Node(np.eye(3)[[0, 1, 0, 1, 2]])


def cross_entropy(h, Y):
    """-Σ (Y · log softmax(h)) / N."""
    h = h - Node(h.value.max(axis=1, keepdims=True))  # same softmax; eʰ can't overflow
    return (h.exp().sum().log() - (h * Y).sum()).mean()


print("dL/dW at the start", sweep(cross_entropy(Z @ W + b, Y))[W].round(6), sep="\n")

# %%
# Training does this over and over: each step makes a new tape and sweeps it once.

for step in range(201):
    h = Z @ W + b
    loss = cross_entropy(h, Y)
    if step in (0, 1, 10, 50, 200):
        right = (h.value.argmax(axis=1) == Y.value.argmax(axis=1)).sum()
        print(f"step {step:3}   loss {loss.value:.6f}   {right} of 5 right")
    grads = sweep(loss)
    W, b = (Node(x.value - 0.2 * grads[x]) for x in (W, b))

# %%
# In the engine
# -------------
# The same loss, after training, computed by ``tinygrad_xent`` and drawn with every value and
# gradient:

from lesson import save

import tinygrad_xent as tx
import viz

W = tx.Tensor(W.value, requires_grad=True, name="W")
save(viz.draw(tx.trace(tx.cross_entropy(Z.value @ W + b.value, Y.value))), "one_screen.svg")

# %%
# ======================  ==========================================
# here                    there
# ======================  ==========================================
# ``TABLE``               the files of ``tinygrad_xent.engine.ops``
# ``Node``                ``tinygrad_xent.engine.nodes``
# ``apply``               ``tinygrad_xent.engine.tape``
# ``sweep`` and ``fit``   ``tinygrad_xent.engine.walk``
# ======================  ==========================================
#
# This page leaves out what an engine for daily use needs:
#
# - Here a node holds its value; there it keeps only what rules need, until the sweep has used it.
# - Here gradients are arrays; there the same rules also run on tensors, so that a gradient can be
#   differentiated again.
# - Here NumPy chooses dtypes; there a gradient has the dtype of its input.
# - Here a wrong shape gets NumPy's message; there the error names the operation, the inputs and
#   your line.
# - Here every step looks for the newest node; there the nodes are sorted once, by number.
