"""Activation functions of neural networks."""

import numpy as np

from tests.operations import Call, Maker, along_axis, call, of_nonzero, smooth, with_length
from tests.random_programs import duals
from tests.random_programs.duals import plain
from tests.themes import row, special


def gelu_case(m: Maker) -> Call:
    return call(m.any(m.shape()), approximate=m.choice(["none", "tanh"]))


def gelu(x, approximate):
    cube = x * x * x
    if approximate == "tanh":
        return 0.5 * x * (1 + duals.tanh((x + 0.044715 * cube) * np.sqrt(2 / np.pi)))
    return 0.5 * x * (1 + special.erf(x * np.sqrt(0.5)))


def elu(x, alpha=1.0):
    duals.clear(plain(x))
    return duals.where(plain(x) > 0, x, alpha * (duals.exp(duals.minimum(x, 0.0)) - 1))


def leaky_relu(x, negative_slope):
    duals.clear(plain(x))
    return duals.where(plain(x) > 0, x, negative_slope * x)


def selu(x):
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def hardtanh_case(m: Maker) -> Call:
    return call(m.distinct(m.shape()), min_val=m.choice([-0.25, -0.35]), max_val=0.35)


def functional(name):
    """The function of PyTorch's `nn.functional`."""
    return lambda torch, x, **settings: getattr(torch.nn.functional, name)(x, **settings)


def logsigmoid(x):
    return -duals.softplus(duals.neg(x))


def celu(x, alpha):
    duals.clear(plain(x))
    return duals.where(plain(x) > 0, x, alpha * (duals.exp(duals.minimum(x, 0.0) / alpha) - 1))


def celu_in_torch(torch, x, alpha):
    """PyTorch's own divides by alpha in float32."""
    return torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0) / alpha))


def glu_case(m: Maker) -> Call:
    made = along_axis(m)
    axis = made.settings["axis"]
    shape = with_length(np.shape(made.inputs[0]), axis, m.choice([4, 2]))
    return call(m.any(shape), axis=axis)


def glu(x, axis):
    first, second = (duals.linear(lambda x, i=i: np.split(x, 2, axis)[i])(x) for i in (0, 1))
    return first * duals.sigmoid(second)


row("gelu", gelu_case, gelu, functional("gelu"))
row("silu", smooth, lambda x: x * duals.sigmoid(x), functional("silu"))
row("elu", lambda m: call(m.nonzero(m.shape()), alpha=m.choice([0.7, 1.0])), elu, functional("elu"))
row("selu", of_nonzero, selu, functional("selu"))
row(
    "leaky_relu",
    lambda m: call(m.nonzero(m.shape()), negative_slope=m.choice([0.1, 0.01])),
    leaky_relu,
    functional("leaky_relu"),
)
row("softsign", of_nonzero, lambda x: x / (1 + duals.absolute(x)), functional("softsign"))
row("logsigmoid", smooth, logsigmoid, functional("logsigmoid"))
row(
    "hardtanh",
    hardtanh_case,
    lambda x, min_val, max_val: duals.clip(x, min_val, max_val),
    functional("hardtanh"),
)
row("relu6", of_nonzero, lambda x: duals.clip(x, 0.0, 6.0), functional("relu6"))
row(
    "celu",
    lambda m: call(m.nonzero(m.shape()), alpha=m.choice([0.7, 1.0])),
    celu,
    celu_in_torch,
)
row("mish", smooth, lambda x: x * duals.tanh(duals.softplus(x)), functional("mish"))
row("tanhshrink", smooth, lambda x: x - duals.tanh(x), functional("tanhshrink"))
row("glu", glu_case, glu, lambda torch, x, axis: torch.nn.functional.glu(x, axis))
