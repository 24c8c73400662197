"""Nested tuples, lists and dictionaries of arrays, in which autograd passes its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as onp

import tinygrad_xent as tx


def leaves(x: Any) -> list[Any]:
    """The arrays in nested tuples, lists and dictionaries."""
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in leaves(part)]
    if isinstance(x, dict):
        return [leaf for key in x for leaf in leaves(x[key])]
    return [x]


def rebuilt(x: Any, parts: Iterator[Any]) -> Any:
    """The same containers with other arrays."""
    if isinstance(x, (tuple, list)):
        return type(x)(rebuilt(part, parts) for part in x)
    if isinstance(x, dict):
        return {key: rebuilt(part, parts) for key, part in x.items()}
    return next(parts)


def plain(x: Any) -> Any:
    """A tensor as autograd returns it: a box while something is differentiated, else an array."""
    return x.numpy()[()] if isinstance(x, tx.Tensor) and not x.requires_grad else x


def joined(x: Any) -> Any:
    """What is in containers as one vector; an array as it is."""
    if not isinstance(x, (tuple, list, dict)):
        return x
    return tx.concatenate([tx.reshape(part, (-1,)) for part in leaves(x)])


def split(vector: Any, x: Any) -> Any:
    """The inverse of `joined`, in the shapes of x."""
    if not isinstance(x, (tuple, list, dict)):
        return plain(vector)
    parts, start = [], 0
    for leaf in leaves(x):
        parts.append(plain(tx.reshape(vector[start : start + onp.size(leaf)], onp.shape(leaf))))
        start += onp.size(leaf)
    return rebuilt(x, iter(parts))
