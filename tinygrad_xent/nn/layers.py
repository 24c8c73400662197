"""Layers, and models made of layers.

Rows are samples: a layer maps `(N, in)` to `(N, out)` by `x @ W + b`, so a weight has shape
`(in, out)`, the transpose of PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..arguments import Check, Seed, check_number, check_sizes, generator, number
from ..engine import errors
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, elementwise, products, selection
from ..engine.tensors import Tensor, is_tensor
from .module import Module

if TYPE_CHECKING:
    import numpy.typing as npt

# --- initialisation ------------------------------------------------------------------------------


def he(fan_in: int, fan_out: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Normal weights of variance 2 / fan_in, zero biases: keeps the variance through ReLU layers.

    He, Zhang, Ren, Sun: Delving Deep into Rectifiers (2015), equation 10.

    >>> weight, bias = he(200, 100, np.random.default_rng(0))
    >>> weight.shape, np.isclose(weight.var(), 2 / 200, rtol=0.05), bias.any()
    ((200, 100), np.True_, np.False_)
    """
    weight = rng.normal(0.0, math.sqrt(2 / fan_in), (fan_in, fan_out))
    return weight, np.zeros(fan_out)


def glorot(fan_in: int, fan_out: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Uniform weights within ±√(6 / (fan_in + fan_out)), zero biases: for tanh and sigmoid layers.

    Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks
    (2010), equation 16.

    >>> weight, bias = glorot(4, 2, np.random.default_rng(0))
    >>> weight.shape, np.abs(weight).max() <= 1
    ((4, 2), np.True_)
    """
    bound = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def torch_default(fan_in: int, fan_out: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Uniform weights and biases within ±1 / √fan_in: the distribution of `torch.nn.Linear`.

    >>> weight, bias = torch_default(4, 2, np.random.default_rng(0))
    >>> bias.shape, np.abs(weight).max() <= 0.5
    ((2,), np.True_)
    """
    bound = 1 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound, (fan_in, fan_out)), rng.uniform(-bound, bound, fan_out)


INITIALISERS: dict[str, Callable[[int, int, np.random.Generator], tuple[Any, Any]]] = {
    "he": he,
    "glorot": glorot,
    "torch": torch_default,
}


# --- layers --------------------------------------------------------------------------------------


class Linear(Module):
    """x @ W + b: `(..., in) -> (..., out)`, with weight `(in, out)` and bias `(out,)`.

    Args:
        in_features, out_features: the sizes.
        bias: whether to add b.
        init: "torch", "he" or "glorot"; see `INITIALISERS`.
        rng: a `numpy.random.Generator`, or a seed for one. Two layers with the same int seed start
            with the same values: pass both the same generator instead.
        dtype: of the parameters. The values are drawn in float64 and rounded.

    Raises:
        ValueError: a size below 1, or an unknown initialisation.
        DtypeError: a size that is not an integer, a `dtype` that is not floating, a bad `rng`.

    >>> layer = Linear(2, 3, rng=0)
    >>> layer(np.ones((5, 2))).shape
    (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: str = "torch",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        check_sizes("Linear", (in_features, out_features))
        if init not in INITIALISERS:
            what = f"Linear: unknown initialisation {init!r}"
            raise errors.BadValueError(what, fix=f"one of {', '.join(INITIALISERS)}")
        weight, offset = INITIALISERS[init](in_features, out_features, generator("Linear", rng))
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = Tensor(offset, requires_grad=True, dtype=dtype) if bias else None
        self.formula = "x @ W + b" if bias else "x @ W"

    def forward(self, x: Operand) -> Tensor:
        shape = x.shape if is_tensor(x) else as_numbers("Linear", x, [x, self.weight]).shape
        if not shape or shape[-1] != self.weight.shape[0]:
            what = f"Linear: expects {self.weight.shape[0]} features on the last axis, got {shape}"
            raise errors.ShapeError(what, [x, self.weight])
        if self.bias is None:
            return products.matmul(x, self.weight)
        return products.linear(x, self.weight, self.bias)

    def _settings(self) -> str:
        in_features, out_features = self.weight.shape
        return f"{in_features}, {out_features}" + ("" if self.bias is not None else ", bias=False")


class ReLU(Module):
    """max(x, 0), elementwise.

    >>> ReLU()(np.array([-2.0, 3.0])).numpy()
    array([0., 3.])
    """

    formula = "max(x, 0)"

    def forward(self, x: Operand) -> Tensor:
        return selection.relu(x)


class Tanh(Module):
    """The hyperbolic tangent, elementwise.

    >>> Tanh()(np.array([0.0, 100.0])).numpy()
    array([0., 1.])
    """

    formula = "tanh x"

    def forward(self, x: Operand) -> Tensor:
        return elementwise.tanh(x)


class Sigmoid(Module):
    """The logistic function 1 / (1 + exp(-x)), elementwise.

    >>> Sigmoid()(np.array([-1000.0, 0.0, 1000.0])).numpy()
    array([0. , 0.5, 1. ])
    """

    formula = "1 / (1 + e⁻ˣ)"

    def forward(self, x: Operand) -> Tensor:
        return elementwise.sigmoid(x)


class Dropout(Module):
    """In training, zeroes each element with probability p and divides the rest by 1 - p.

    In evaluation it returns x itself. Srivastava et al.: Dropout (2014), scaled in training so that
    the expectation is x.

    Args:
        p: the probability that an element becomes 0, from 0 to 1.
        rng: a `numpy.random.Generator`, or a seed for one, kept as `.rng`. Save
            `rng.bit_generator.state` with a checkpoint to draw the same masks after a resume.

    >>> layer = Dropout(0.5, rng=0)
    >>> layer(np.ones(4)).tolist(), layer.eval()(np.ones(4)).tolist()
    ([2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0])
    """

    _checks: ClassVar[Mapping[str, Check]] = {"p": number(0, 1)}
    p: float

    def __init__(self, p: float = 0.5, *, rng: Seed = None) -> None:
        self.p, self.rng = p, generator("Dropout", rng)

    @property
    def formula(self) -> str:  # type: ignore[override]  # it follows p
        """What it computes in training."""
        return f"x / {1 - self.p:g} where kept"

    def forward(self, x: Operand) -> Tensor:
        x = x if isinstance(x, Tensor) else Tensor(x)
        if not self.training or self.p == 0:
            return x
        kept = self.rng.random(x.shape) >= self.p
        # A selection, not a product with 0: what was dropped has no say, even if it is infinite.
        return selection.where(kept, arithmetic.div(x, 1 - self.p if self.p < 1 else 1), 0)

    def _settings(self) -> str:
        return f"{self.p:g}"


class Sequential(Module):
    """Layers applied one after the other; it can be indexed, iterated over and measured by `len`.

    Raises:
        DtypeError: a layer is not a Module.

    >>> model = Sequential(Linear(4, 8, rng=0), ReLU(), Linear(8, 3, rng=1))
    >>> model
    Sequential(
      0: Linear(4, 8)
      1: ReLU()
      2: Linear(8, 3)
    )
    >>> model[2].weight.name
    '2.weight'
    """

    _inline = "layers"

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                what = f"Sequential: layer {i} is not a Module"
                fix = "pass the layers one by one: Sequential(Linear(4, 3), ReLU())"
                raise errors.DtypeError(what, [layer], fix)
        self.formula = " → ".join(type(layer).__name__ for layer in layers) or "x"
        self.layers = layers

    def forward(self, x: Operand) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __getitem__(self, i: int) -> Any:  # a Module: Any, so that model[0].weight type-checks
        return self.layers[i]


class MLP(Sequential):
    """A multilayer perceptron: linear layers with an activation after each but the last.

    Args:
        sizes: the width of the input, of each hidden layer and of the output.
        activation: "relu", "tanh" or "sigmoid".
        dropout: the probability of `Dropout` after each activation; 0 for none.
        init: as for `Linear`; None means "he" for relu, otherwise "glorot".
        rng: a generator, or a seed for one, which draws every layer's values and dropout masks.
        dtype: of the parameters.

    Raises:
        ValueError: fewer than two sizes, a size below 1, an unknown activation or initialisation.

    >>> model = MLP([64, 32, 10], activation="tanh", rng=0)
    >>> model(np.zeros((5, 64))).shape
    (5, 10)
    """

    ACTIVATIONS: ClassVar[dict[str, type[Module]]] = {
        "relu": ReLU,
        "tanh": Tanh,
        "sigmoid": Sigmoid,
    }

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        *,
        dropout: float = 0.0,
        init: str | None = None,
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        check_sizes("MLP", sizes)
        if len(sizes) < 2:
            what = f"MLP: needs at least the sizes of input and output, got {list(sizes)}"
            raise errors.BadValueError(what, fix="MLP([inputs, hidden, outputs])")
        if activation not in self.ACTIVATIONS:
            what = f"MLP: unknown activation {activation!r}"
            raise errors.BadValueError(what, fix=f"one of {', '.join(self.ACTIVATIONS)}")
        check_number("MLP", "dropout", dropout, 0, 1)
        rng = generator("MLP", rng)
        init = init or ("he" if activation == "relu" else "glorot")
        layers: list[Module] = []
        for i, o in pairwise(sizes):
            if layers:
                layers.append(self.ACTIVATIONS[activation]())
                layers += [Dropout(dropout, rng=rng)] if dropout else []
            layers.append(Linear(i, o, init=init, rng=rng, dtype=dtype))
        super().__init__(*layers)
        self.formula = " → ".join(map(str, sizes))
