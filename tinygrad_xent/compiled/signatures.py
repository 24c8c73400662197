"""What a compiled step is given: the arguments that are data, and whether a call's are like those that it
was compiled for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.tensors import Tensor
from ..programs.structures import PLAIN

Test = tuple[str, dict[str, Any]]
"""An expression, and the objects that it names."""


def is_data(x: Any) -> bool:
    """Whether each run may be given another one: an array, a tensor that requires no grad, a number with a
    point; a tuple, list or dict with such arrays, and plain values, which must be the same in each run.
    Everything else belongs to the function's state.
    """
    return isinstance(x, (float, np.generic)) or (_has_arrays(x) and _is_given(x))


def _is_given(x: Any) -> bool:
    if isinstance(x, (tuple, list, dict)) and not hasattr(x, "_fields"):
        return all(map(_is_given, x.values() if isinstance(x, dict) else x))
    return not x.requires_grad if isinstance(x, Tensor) else isinstance(x, (np.ndarray, *PLAIN))


def _has_arrays(x: Any) -> bool:
    if isinstance(x, (tuple, list, dict)):
        return any(map(_has_arrays, x.values() if isinstance(x, dict) else x))
    return isinstance(x, (np.ndarray, Tensor))


def like(x: Any, name: str) -> Iterator[Test]:
    """Tests of whether the argument with this name is like x: of its type, shape and dtype; or is x."""
    key = re.sub(r"\W", "_", name)
    if isinstance(x, (float, np.generic)):
        yield f"type({name}) is T_{key}", {f"T_{key}": type(x)}
    elif is_data(x):
        yield from _parts_like(x, name)
    else:
        yield from _same(x, name)


def _same(x: Any, name: str) -> Iterator[Test]:
    key = re.sub(r"\W", "_", name)
    if isinstance(x, PLAIN):
        yield f"type({name}) is T_{key} and {name} == v_{key}", {f"T_{key}": type(x), f"v_{key}": x}
    else:
        yield f"{name} is v_{key}", {f"v_{key}": x}


def _parts_like(x: Any, name: str) -> Iterator[Test]:
    key = re.sub(r"\W", "_", name)
    if isinstance(x, (tuple, list, dict)):
        yield f"type({name}) is {type(x).__name__} and len({name}) == {len(x)}", {}
        for k, part in x.items() if isinstance(x, dict) else enumerate(x):
            if isinstance(x, dict):
                yield f"{k!r} in {name}", {}
            yield from _parts_like(part, f"{name}[{k!r}]")
    elif isinstance(x, (Tensor, np.ndarray)):
        array = f"{name}._data" if isinstance(x, Tensor) else name
        yield f"type({name}) is T_{key}", {f"T_{key}": type(x)}
        known = {f"s_{key}": x.shape, f"d_{key}": x.dtype}
        yield f"{array}.shape == s_{key} and {array}.dtype == d_{key}", known
        if isinstance(x, Tensor):
            yield f"not {name}.requires_grad", {}
    else:
        yield from _same(x, name)


def said(x: Any, name: str) -> str:
    """An argument in a signature: X: float32[128, 64]."""
    if isinstance(x, (Tensor, np.ndarray)):
        return f"{name}: {x.dtype}[{', '.join(map(str, x.shape))}]"
    return f"{name}: {type(x).__name__}"
