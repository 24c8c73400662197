"""The error function and its relatives, the gamma function."""

import math

import numpy as np

from tests.operations import call, smooth
from tests.random_programs import duals
from tests.themes import row


def error_function(sign):
    """The slope of erf and, with the other sign, of erfc."""
    return lambda y, x: duals.exp(duals.neg(x * x)) * (sign * 2 / np.sqrt(np.pi))


def scipys(name, *before):
    """A function of scipy.special, which is needed only if it is called."""

    def call(x):
        from scipy import special

        return getattr(special, name)(*before, x)

    return call


def gamma_slope(n):
    """The n-th slope of digamma, whose own is the next one."""
    return duals.smooth(scipys("polygamma", n), lambda y, x: gamma_slope(n + 1)(x))


def torchs_slope(torch, n, x):
    """The n-th slope of digamma in PyTorch, whose own first one, `torch.polygamma(1, x)`, has nine digits."""
    if n:
        return (-1) ** (n + 1) * math.factorial(n) * torch.special.zeta(n + 1.0, x)
    return with_slope(torch, torch.digamma, lambda x: torchs_slope(torch, 1, x))(x)


def with_slope(torch, f, slope):
    """A function of PyTorch with another slope than its own."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return f(x)

        @staticmethod
        def backward(ctx, g):
            return g * slope(*ctx.saved_tensors)

    return Function.apply


def inside(low, high):
    return lambda m: call(m.between(m.shape(), low, high))


def of_order(m):
    return call(m.between(m.shape(), 0.5, 3), n=m.choice([1, 2, 3]))


def of_order_first(m):
    return call(m.choice([0, 1, 2]), m.between(m.shape(), 0.5, 3))


def below_a_bump(y, x):
    return duals.exp(duals.neg(x * x) * 0.5 - y) / np.sqrt(2 * np.pi)


def of_a_factor(m):
    a, b = m.shapes(2)
    return call(m.any(a), m.between(b, 0.5, 2))


erf = duals.smooth(scipys("erf"), error_function(1))
erfc = duals.smooth(scipys("erfc"), error_function(-1))

row("erf", smooth, erf)
row("erfc", smooth, erfc)
row(
    "erfinv",
    inside(-0.9, 0.9),
    duals.smooth(scipys("erfinv"), lambda y, x: duals.exp(y * y) * (np.sqrt(np.pi) / 2)),
)
row(
    "log_ndtr",
    smooth,
    duals.smooth(scipys("log_ndtr"), below_a_bump),
    lambda torch, x: torch.special.log_ndtr(x),
)
row("ndtr", smooth, lambda x: erfc(x * -np.sqrt(0.5)) * 0.5, lambda torch, x: torch.special.ndtr(x))
row(
    "gammaln",
    inside(0.5, 3),
    duals.smooth(scipys("gammaln"), lambda y, x: gamma_slope(0)(x)),
    lambda torch, x: with_slope(torch, torch.lgamma, lambda x: torchs_slope(torch, 0, x))(x),
)
row("digamma", inside(0.5, 3), gamma_slope(0), lambda torch, x: torchs_slope(torch, 0, x))
row(
    "digamma_slope",
    of_order,
    lambda x, n: gamma_slope(n)(x),
    lambda torch, x, n: torchs_slope(torch, n, x),
)
row("polygamma", of_order_first, lambda n, x: gamma_slope(n)(x), torchs_slope)
row("logit", inside(0.1, 0.9), lambda x: duals.log(x / (1 - x)))
row("xlogy", of_a_factor, lambda a, b: a * duals.log(b))
