"""What the leaves of a trace are called, by what they are and how they are used."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tinygrad_xent.tracing import Entry, Trace

Leaf: TypeAlias = Literal["parameter", "input", "constant"]


def words_of(trace: Trace) -> dict[int, str]:
    """The word for each leaf of a trace.

    >>> import tinygrad_xent as tx
    >>> z = tx.Tensor([[2.0, 1.0]], requires_grad=True)
    >>> words_of(tx.trace(tx.cross_entropy(z @ [[1.0, 0.5], [0.0, 2.0]], [1])))
    {0: 'parameter', 1: 'data', 4: 'labels', 7: 'constant'}
    """
    words = {entry.id: word_of(entry) for entry in trace if entry.kind != "operation"}
    uses: dict[int, set[str]] = {leaf: set() for leaf, word in words.items() if word == "labels"}
    for entry in trace if uses else ():
        for source, argument in zip(entry.inputs, entry.arguments, strict=True):
            if source in uses:
                uses[source].add(argument)
    others = {leaf: "data" for leaf, arguments in uses.items() if arguments != {"indices"}}
    return words | others


def word_of(leaf: Entry) -> str:
    """The word for a leaf: of raw numbers one that says more than "constant".

    A single number is a constant, an array of booleans a mask. Whole numbers may be labels: they are if
    they do nothing else than pick one number out of each row. All other arrays are data.
    """
    if leaf.kind != "constant":
        return leaf.kind
    if leaf.value.ndim == 0:
        return "constant"
    return {"b": "mask", "i": "labels", "u": "labels"}.get(leaf.dtype.kind, "data")


def kind_of(word: str) -> Leaf:
    """How a leaf with this word is drawn: what comes from outside is an input, a mask a constant."""
    kinds: dict[str, Leaf] = {"parameter": "parameter", "constant": "constant", "mask": "constant"}
    return kinds.get(word, "input")
