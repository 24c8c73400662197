"""New tensors of random numbers, from a generator that is passed: there is none behind the scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import generator
from ..engine import errors
from ..engine.arrays import Array
from ..engine.public import public
from ..engine.symbols import asarray
from ..engine.tensors import Tensor
from .creation import Shape, new_leaf
from .inputs import setting

if TYPE_CHECKING:
    import numpy.typing as npt


@public()
def rand(
    shape: Shape,
    rng: np.random.Generator | int,
    dtype: npt.DTypeLike = np.float64,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from 0 up to, without, 1, all equally likely. Between other limits:
    `low + (high - low) * rand(shape, rng)`; whole numbers: `rng.integers(...)`.

    Args:
        rng: a `numpy.random.Generator`, which goes on, or a seed for a new one.

    >>> rng = np.random.default_rng(0)
    >>> rand(3, rng).numpy().round(3)
    array([0.637, 0.27 , 0.041])
    """
    return _random("rand", shape, rng, dtype, requires_grad)


@public()
def randn(
    shape: Shape,
    rng: np.random.Generator | int,
    dtype: npt.DTypeLike = np.float64,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers of the standard normal distribution: of mean 0 and variance 1. Of another one:
    `mean + std * randn(shape, rng)`.

    Args:
        rng: as for `rand`.

    >>> randn(3, np.random.default_rng(0)).numpy().round(3)
    array([ 0.126, -0.132,  0.64 ])
    """
    return _random("randn", shape, rng, dtype, requires_grad)


def _random(name: str, shape: Any, rng: Any, dtype: Any, requires_grad: bool) -> Tensor:
    if rng is None:
        what = f"{name}: needs a random generator or a seed"
        raise errors.DtypeError(what, [], "rng=np.random.default_rng(0)")
    source, size = generator(name, rng), setting(name, shape)

    def make() -> Array:
        kind: Any = np.dtype(dtype)
        if kind.kind != "f":
            raise TypeError(f"random numbers are floats, not {kind}")
        wide = kind if kind.char in "fd" else np.dtype(np.float64)
        draw = source.random if name == "rand" else source.standard_normal
        y = draw(size, wide)
        if kind.char == "e" and name == "rand":
            y = np.floor(y * 2048) / 2048  # rounding might give 1
        return asarray(y).astype(kind, copy=False)

    return new_leaf(name, make, requires_grad)
