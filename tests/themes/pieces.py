"""Activation functions of straight pieces."""

import numpy as np

from tests.operations import Call, Maker, call
from tests.random_programs import duals
from tests.random_programs.duals import plain
from tests.themes import row
from tests.themes.activations import functional

# The kinks are at places that `Maker.distinct` and `Maker.nonzero` keep away from, or far from all numbers.


def far(m: Maker) -> Call:
    """Some numbers on each piece of the functions whose kinks are at -3 and 3."""
    return call(m.any(m.shape()) * 2 + m.choice([0.0, -6.0, 6.0]))


def hardswish(x):
    duals.clear(np.abs(plain(x)) - 3)
    inside = np.abs(plain(x)) < 3
    return duals.where(inside, x * (x + 3.0) / 6.0, duals.where(plain(x) > 0, x, 0.0))


def shrunk(m: Maker) -> Call:
    return call(m.distinct(m.shape()), lambd=m.choice([0.25, 0.15]))


def hardshrink(x, lambd):
    duals.clear(np.abs(plain(x)) - lambd)
    return duals.where(np.abs(plain(x)) > lambd, x, 0.0)


def softshrink(x, lambd):
    return hardshrink(x, lambd) - duals.clip(hardshrink(x, lambd), -lambd, lambd)


def of_threshold(m: Maker) -> Call:
    return call(m.distinct(m.shape()), threshold=m.choice([-0.25, 0.15]), value=0.7)


def threshold(x, threshold, value):
    duals.clear(plain(x) - threshold)
    return duals.where(plain(x) > threshold, x, value)


def of_channels(m: Maker) -> Call:
    shape = m.shape(min_dims=2)
    return call(m.nonzero(shape), m.any(m.choice([(1,), (), shape[1:2]])))


def prelu(x, weight):
    duals.clear(plain(x))
    ndim, own = plain(x).ndim, np.shape(plain(weight))
    slope = duals.linear(lambda w: np.reshape(w, (-1, *(1,) * (ndim - 2)) if own else ()))(weight)
    return duals.where(plain(x) > 0, x, slope * x)


def their_prelu(torch, x, weight):
    return torch.nn.functional.prelu(x, weight.reshape(-1))


def in_double(torch, x):
    """PyTorch's own has the slope 1 / 6 of float32."""
    return torch.nn.functional.relu6(x + 3) / 6


row("hardsigmoid", far, lambda x: duals.clip((x + 3.0) / 6.0, 0.0, 1.0), in_double)
row("hardswish", far, hardswish, functional("hardswish"))
row("hardshrink", shrunk, hardshrink, functional("hardshrink"))
row("softshrink", shrunk, softshrink, functional("softshrink"))
row("threshold", of_threshold, threshold, functional("threshold"))
row("prelu", of_channels, prelu, their_prelu)
