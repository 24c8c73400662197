"""Circular and hyperbolic functions."""

import numpy as np

from tests.operations import smooth
from tests.random_programs import duals
from tests.themes import row

sin = duals.smooth(np.sin, lambda y, x: cos(x))
cos = duals.smooth(np.cos, lambda y, x: duals.neg(sin(x)))

row("sin", smooth, sin)
row("cos", smooth, cos)
