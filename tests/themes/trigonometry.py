"""Circular and hyperbolic functions."""

import numpy as np

from tests.operations import Call, Maker, call, of_nonzero, smooth
from tests.random_programs import duals
from tests.themes import row


def inside(m: Maker) -> Call:
    return call(m.between(m.shape(), -0.9, 0.9))


def above_1(m: Maker) -> Call:
    return call(m.between(m.shape(), 1.25, 4.0))


def of_two_nonzero(m: Maker) -> Call:
    a, b = m.shapes(2)
    return call(m.nonzero(a), m.nonzero(b))


def root(x):
    return duals.power(x, 0.5)


def hypot(a, b):
    return root(a * a + b * b)


def arctan2(a, b):
    """The angle of (b, a): where it is not π/2, an arctangent and a constant."""
    a, b = (x if isinstance(x, duals.Dual) else np.asarray(x) for x in (a, b))
    steep = np.abs(duals.plain(a)) > np.abs(duals.plain(b))
    turn = np.arctan2(duals.plain(a), duals.plain(b))
    small, large = duals.where(steep, b, a), duals.where(steep, a, b)
    angle = arctan(small / large)
    angle = duals.where(steep, -angle, angle)
    return angle + (turn - duals.plain(angle))


sin = duals.smooth(np.sin, lambda y, x: cos(x))
cos = duals.smooth(np.cos, lambda y, x: duals.neg(sin(x)))
sinh = duals.smooth(np.sinh, lambda y, x: cosh(x))
cosh = duals.smooth(np.cosh, lambda y, x: sinh(x))
arctan = duals.smooth(np.arctan, lambda y, x: 1 / (1 + x * x))

row("sin", smooth, sin)
row("cos", smooth, cos)
row("tan", inside, lambda x: sin(x) / cos(x))
row("arcsin", inside, duals.smooth(np.arcsin, lambda y, x: 1 / root(1 - x * x)))
row("arccos", inside, duals.smooth(np.arccos, lambda y, x: -1 / root(1 - x * x)))
row("arctan", smooth, arctan)
row("arctan2", of_two_nonzero, arctan2)
row("hypot", of_two_nonzero, hypot)
row("sinh", smooth, sinh)
row("cosh", smooth, cosh)
row("arcsinh", smooth, duals.smooth(np.arcsinh, lambda y, x: 1 / root(1 + x * x)))
row("arccosh", above_1, duals.smooth(np.arccosh, lambda y, x: 1 / root(x * x - 1)))
row("arctanh", inside, duals.smooth(np.arctanh, lambda y, x: 1 / (1 - x * x)))
row("sinc", of_nonzero, lambda x: sin(np.pi * x) / (np.pi * x))
