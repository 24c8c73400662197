"""Exponentials and logarithms to other bases, roots, the error function."""

import numpy as np

from tests.operations import of_nonzero, of_positive, of_two, smooth
from tests.random_programs import duals
from tests.themes import row

LOG_2, LOG_10 = np.log(2.0), np.log(10.0)


def logaddexp(a, b):
    return duals.log(duals.exp(a) + duals.exp(b))


def error_function(sign):
    """The slope of erf and, with the other sign, of erfc."""
    return lambda y, x: duals.exp(duals.neg(x * x)) * (sign * 2 / np.sqrt(np.pi))


def scipys(name):
    """A function of scipy.special, which is needed only if it is called."""

    def call(x):
        from scipy import special

        return getattr(special, name)(x)

    return call


erf = duals.smooth(scipys("erf"), error_function(1))


def cube_root(torch, x):
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


row("exp2", smooth, lambda x: duals.exp(x * LOG_2))
row("log2", of_positive, lambda x: duals.log(x) / LOG_2)
row("log10", of_positive, lambda x: duals.log(x) / LOG_10)
row("cbrt", of_nonzero, duals.smooth(np.cbrt, lambda y, x: 1 / (3 * (y * y))), cube_root)
row("reciprocal", of_nonzero, duals.inverse)
row("logaddexp", of_two, logaddexp)
row("logaddexp2", of_two, lambda a, b: logaddexp(a * LOG_2, b * LOG_2) / LOG_2)
row("erf", smooth, erf)
row("erfc", smooth, duals.smooth(scipys("erfc"), error_function(-1)))
