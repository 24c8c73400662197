"""A function at a point, as one scalar of one flat float64 array: what gradcheck differentiates.

The output is weighted by fixed random numbers and summed; the floating inputs are laid end to end.
The second order is the slope of that scalar along a fixed direction: its gradient holds the second
derivatives. Sums and weights are NumPy's, so that a wrong rule of the engine can't hide itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ...engine import errors
from ...engine.gradients import gradients, seed_gradient
from ...engine.nodes import Node
from ...engine.tensors import Tensor, raw
from ...engine.walk import collect, leaves_of

Array: TypeAlias = Any
Function: TypeAlias = Callable[..., Tensor]


class Point:
    """The scalar and its derivatives.

    Attributes:
        x: the point. names, shapes: of its parts, the inputs of a floating dtype.
        dtype: the one in which the function computes.
        notes: what was changed for the check, in words.
    """

    def __init__(self, f: Function, inputs: tuple[Any, ...], seed: int) -> None:
        self.f, self.notes = f, []
        self.inputs = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
        self.places = [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"]
        if not self.places:
            what = "gradcheck: no input has a floating dtype, so there is nothing to differentiate"
            raise errors.DtypeError(what, self.inputs, "pass floats")
        small = sorted({str(x.dtype) for x in self.variables if x.dtype != np.float64})
        if small:
            self.notes.append(f"{' and '.join(small)} inputs were checked in float64")
        self.names = [self.inputs[i].name or f"input {i}" for i in self.places]
        self.shapes = [x.shape for x in self.variables]
        self.x = np.concatenate([x.numpy().astype(np.float64).ravel() for x in self.variables])
        if not self.x.size:
            raise errors.ShapeError("gradcheck: no element to check", self.inputs)
        y = self.output(self.x)
        self.dtype = y.dtype
        rng = np.random.default_rng(seed)
        self.weights, self.along = _weights(y.shape, rng), _weights(self.x.shape, rng)
        if not np.array_equal(y.numpy(), self.output(self.x).numpy(), equal_nan=True):
            what = "gradcheck: the function gives a different result when called again"
            raise errors.GraphError(what, fix="draw random numbers outside it")
        if not self.is_read():
            self.notes.append(
                "the tape leads from the result to none of the inputs: if it should depend on "
                "them, compute it from the arguments"
            )

    def is_read(self) -> bool:
        """Whether the tape leads from the function's output to one of its arguments."""
        arguments = self.arguments(self.x, requires_grad=True)
        root = self.f(*arguments)._node
        if not isinstance(root, Node):
            return any(root is argument._node for argument in arguments)
        read = leaves_of(collect(root))
        return any(argument._node in read for argument in arguments)

    @property
    def variables(self) -> list[Tensor]:
        return [self.inputs[i] for i in self.places]

    def output(self, x: Array) -> Tensor:
        y = self.f(*self.arguments(x))
        if not isinstance(y, Tensor):
            what = f"gradcheck: the function must return a Tensor, it returned {type(y).__name__}"
            raise errors.DtypeError(what)
        if y.dtype.kind != "f":
            what = f"gradcheck: the function gives {y.dtype}, which has no gradient"
            raise errors.DtypeError(what, [y])
        return y

    def arguments(self, x: Array, requires_grad: bool = False) -> list[Tensor]:
        """The inputs with the variables' values taken from a flat array."""
        arguments = list(self.inputs)
        for i, part in zip(self.places, self.split(x), strict=True):
            arguments[i] = Tensor(part, requires_grad, name=self.inputs[i].name)
        return arguments

    def split(self, x: Array) -> list[Array]:
        ends = np.cumsum([int(np.prod(s)) for s in self.shapes])
        parts = np.split(x, ends[:-1])
        return [part.reshape(s) for part, s in zip(parts, self.shapes, strict=True)]

    def terms(self, order: int, x: Array) -> Array:
        """The terms of the scalar whose gradient is judged, from a flat array: the weighted output,
        or for the second order its slopes times a fixed direction.
        """
        if order == 1:
            return self.output(x).numpy() * self.weights
        return self.first(x) * self.along

    def gradient(self, order: int) -> Array:
        """The gradient of that scalar as the engine gives it."""
        if order == 1:
            return self.first(self.x)
        leaves, slopes = self.walk_back(self.x, create_graph=True)
        total = np.zeros_like(self.x)
        for slope_of, v in zip(slopes, self.split(self.along), strict=True):
            if isinstance(slope_of, Tensor) and slope_of.requires_grad:
                total += _flat(self.pull(slope_of, v, leaves, False), leaves)
        return total

    def first(self, x: Array) -> Array:
        leaves, slopes = self.walk_back(x, create_graph=False)
        return _flat(slopes, leaves)

    def walk_back(self, x: Array, create_graph: bool) -> tuple[list[Tensor], list[Any]]:
        """Fresh leaves at x, and the gradient of the weighted output at each, or None."""
        arguments = self.arguments(x, requires_grad=True)
        leaves = [arguments[i] for i in self.places]
        y = self.f(*arguments)
        if not y.requires_grad:
            return leaves, [None] * len(leaves)
        return leaves, self.pull(y, self.weights, leaves, create_graph)

    def pull(self, y: Tensor, seed: Array, leaves: list[Tensor], create_graph: bool) -> list[Any]:
        sources = [leaf._source() for leaf in leaves]
        start = seed_gradient(y, seed, create_graph)
        found = gradients(y._source(), start, sources, retain_graph=True, create_graph=create_graph)
        return [found.get(source) for source in sources]

    def recorded(self) -> Tensor:
        """The output with its tape, for check_tape."""
        return self.f(*self.arguments(self.x, requires_grad=True))

    def locate(self, flat: int) -> tuple[int, tuple[int, ...]]:
        """The variable, and the index in it, of an element of the flat array."""
        for j, shape in enumerate(self.shapes):
            size = int(np.prod(shape))
            if flat < size:
                return j, tuple(int(k) for k in np.unravel_index(flat, shape)) if shape else ()
            flat -= size
        raise IndexError(flat)


def _flat(slopes: list[Any], leaves: list[Tensor]) -> Array:
    """Gradients as one flat array, zeros where there is none."""
    parts = [
        np.zeros(leaf.shape) if s is None else np.asarray(raw(s))
        for s, leaf in zip(slopes, leaves, strict=True)
    ]
    return np.concatenate([part.ravel() for part in parts])


def _weights(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random numbers, none near 0; a single number is 1, so that figures stay recognisable."""
    if np.prod(shape) == 1:
        return np.ones(shape)
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
