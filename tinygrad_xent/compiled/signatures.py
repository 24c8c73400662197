"""What a compiled step is given: the arguments that are data, and whether a call's are like those that it
was compiled for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.tensors import Tensor, raw
from ..programs.structures import PLAIN

_CONTAINERS = (tuple, list, dict)


def is_data(x: Any) -> bool:
    """Whether each run may be given another one: an array, a tensor that requires no grad, a number with a
    point; a tuple, list or dict with such arrays, and plain values, which must be the same in each run.
    Everything else belongs to the function's state.
    """
    return isinstance(x, (float, np.floating)) or (_has_arrays(x) and _is_given(x))


def is_plain(x: Any) -> bool:
    """Whether it is a value that must be equal in each run: a whole number, a word; a container of them."""
    return not _has_arrays(x) and _is_given(x)


def _is_given(x: Any) -> bool:
    if type(x) in _CONTAINERS:
        return all(map(_is_given, x.values() if isinstance(x, dict) else x))
    return not x.requires_grad if isinstance(x, Tensor) else isinstance(x, (np.ndarray, *PLAIN))


def _has_arrays(x: Any) -> bool:
    if isinstance(x, _CONTAINERS):
        return any(map(_has_arrays, x.values() if isinstance(x, dict) else x))
    return isinstance(x, (np.ndarray, Tensor))


class Likeness:
    """Tests of arguments against those that a step was compiled for, as text: it runs in every call.

    Attributes:
        tests: expressions. known: the objects that they name.
        objects: the arrays, tensors, lists and dicts, each with its text.
    """

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.known: dict[str, Any] = {}
        self.objects: list[tuple[str, Any]] = []

    def add(self, x: Any, text: str) -> None:
        """Tests of whether the argument that is written like this is like x: of its type, shape and dtype;
        or equal to it; or is x.
        """
        if isinstance(x, (float, np.floating)):
            self.tests.append(f"type({text}) is {self.name(type(x))}")
        elif is_data(x) or is_plain(x):
            self._parts(x, text)
        else:
            self.tests.append(f"{text} is {self.name(x)}")

    def name(self, x: Any) -> str:
        """A name for an object."""
        name = f"k{len(self.known)}"
        self.known[name] = x
        return name

    def _parts(self, x: Any, text: str) -> None:
        self.tests.append(f"type({text}) is {self.name(type(x))}")
        if isinstance(x, dict):
            self.tests.append(f"[*{text}] == {self.name([*x])}")
            if not all(isinstance(key, str) for key in x):  # 1 == True
                self.tests.append(
                    f"[*map({self.name(type)}, {text})] == {self.name([*map(type, x)])}"
                )
        elif isinstance(x, (tuple, list)):
            self.tests.append(f"len({text}) == {len(x)}")
        elif isinstance(x, (Tensor, np.ndarray)):
            array = f"{text}._data" if isinstance(x, Tensor) else text
            self.tests.append(f"{array}.shape == {self.name(x.shape)}")
            self.tests.append(f"{array}.dtype == {self.name(x.dtype)}")
            if isinstance(x, Tensor):
                self.tests.append(f"not {text}.requires_grad")
        elif isinstance(x, (float, np.floating)) and (x == 0 or x != x):  # -0.0 == 0.0
            self.tests.append(f"repr({text}) == {self.name(repr(x))}")
        else:
            self.tests.append(f"{text} == {self.name(x)}")
        if isinstance(x, (list, dict, Tensor, np.ndarray)):
            self.objects.append((text, x))
        for key, part in _items(x):
            self._parts(part, f"{text}[{self.name(key)}]")

    @property
    def arrays(self) -> list[tuple[str, Any]]:
        """The raw arrays, those of tensors too, each with its text."""
        found = [(text, x) for text, x in self.objects if not isinstance(x, (list, dict))]
        return [(text + "._data" * isinstance(x, Tensor), raw(x)) for text, x in found]

    def same_strides(self) -> None:
        """Add tests of whether arrays lie as they did: whether something is a view of one depends on it."""
        self.tests += [f"{text}.strides == {self.name(a.strides)}" for text, a in self.arrays]

    def writeable(self) -> None:
        """Add tests of whether arrays may be written to."""
        self.tests += [f"{text}.flags.writeable" for text, a in self.arrays if a.flags.writeable]

    def same_objects(self, state: set[int]) -> None:
        """Add tests of which of the arrays and containers are one object: in a recording, that was one symbol.

        Args:
            state: the ids of the arrays and tensors of the function's state.
        """
        first: dict[int, str] = {}
        for text, x in self.objects:
            if id(x) in first:
                self.tests.append(f"{first[id(x)]} is {text}")
            elif id(x) in state:
                self.tests.append(f"{text} is {self.name(x)}")
            first.setdefault(id(x), text)
        texts = [*first.values()]
        if len(texts) <= 3:
            self.tests += [f"{a} is not {b}" for a, b in itertools.combinations(texts, 2)]
        else:
            self.tests.append(
                f"len({{{', '.join(f'id({text})' for text in texts)}}}) == {len(texts)}"
            )


def _items(x: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(x, dict):
        yield from x.items()
    elif isinstance(x, (tuple, list)):
        yield from enumerate(x)


def said(x: Any, name: str) -> str:
    """An argument in a signature: X: float32[128, 64]."""
    if isinstance(x, (Tensor, np.ndarray)):
        return f"{name}: {x.dtype}[{', '.join(map(str, x.shape))}]"
    return f"{name}: {type(x).__name__}"
