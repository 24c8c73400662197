"""Measuring memory: what a graph keeps for its derivative rules."""

from __future__ import annotations

import numpy as np

from tinygrad_xent.engine.walk import collect


def base_of(array):
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def kept_bytes(y, without=()):
    """The bytes of every array that the graph of y keeps for its rules, each memory once."""
    arrays = {}
    for node in collect(y._node):
        for value in node.kept:
            if isinstance(value, np.ndarray):
                arrays[id(base_of(value))] = base_of(value)
    for tensor in without:
        arrays.pop(id(base_of(tensor._data)), None)
    return sum(array.nbytes for array in arrays.values())
