"""Exponentials and logarithms to other bases, roots."""

import numpy as np

from tests.operations import of_nonzero, of_positive, of_two, smooth
from tests.random_programs import duals
from tests.themes import row

LOG_2, LOG_10 = np.log(2.0), np.log(10.0)


def logaddexp(a, b):
    return duals.log(duals.exp(a) + duals.exp(b))


def cube_root(torch, x):
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


row("exp2", smooth, lambda x: duals.exp(x * LOG_2))
row("log2", of_positive, lambda x: duals.log(x) / LOG_2)
row("log10", of_positive, lambda x: duals.log(x) / LOG_10)
row("cbrt", of_nonzero, duals.smooth(np.cbrt, lambda y, x: 1 / (3 * (y * y))), cube_root)
row("reciprocal", of_nonzero, duals.inverse)
row("logaddexp", of_two, logaddexp)
row("logaddexp2", of_two, lambda a, b: logaddexp(a * LOG_2, b * LOG_2) / LOG_2)
row("rsqrt", of_positive, lambda x: 1 / duals.sqrt(x))
