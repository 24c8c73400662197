"""Rounding, remainders and what else jumps."""

import numpy as np

from tests.operations import Call, Maker, call, smooth
from tests.random_programs import duals
from tests.themes import row


def decimals(m: Maker) -> Call:
    return call(m.any(m.shape()), decimals=m.choice([0, 1, 2, -1]))


def of_quotients(m: Maker) -> Call:
    """Pairs whose quotients are far from integers, of either sign."""
    a, b = m.shapes(2)
    dividend = m.choice([(-5.6, -4.4), (4.4, 5.6), (0.4, 1.6)])
    divisor = m.choice([(1.9, 2.1), (-2.1, -1.9)])
    return call(m.between(a, *dividend), m.between(b, *divisor))


def signs(m: Maker) -> Call:
    a, b = m.shapes(2)
    return call(m.nonzero(a), np.array(m.nonzero(b)), live=(0,))  # the signs stand still


def rounded(x, decimals):
    x = duals.plain(x)
    duals.clear(duals.from_halves(x * 10.0**decimals))
    return np.round(x, decimals)


def quotient(whole):
    """A quotient made a whole number."""

    def on_duals(a, b):
        exact = np.divide(duals.plain(a), duals.plain(b))
        duals.clear(duals.from_integers(exact))
        return whole(exact)

    return on_duals


floor_divide, truncated = quotient(np.floor), quotient(np.trunc)


def copysign(a, b):
    duals.clear(duals.plain(b))
    return duals.absolute(a) * np.sign(duals.plain(b))


row("round", decimals, rounded, lambda torch, x, decimals: torch.round(x, decimals=decimals))
row("trunc", smooth, duals.jumps(np.trunc, duals.from_integers))
row(
    "floor_divide",
    of_quotients,
    floor_divide,
    lambda torch, *ab: torch.floor_divide(*(torch.as_tensor(x).detach() for x in ab)),
)
row(
    "mod",
    of_quotients,
    lambda a, b: a - duals.mul(b, floor_divide(a, b)),
    lambda torch, a, b: torch.remainder(a, b),
)
row("fmod", of_quotients, lambda a, b: a - duals.mul(b, truncated(a, b)))
row("copysign", signs, copysign)
row("nan_to_num", smooth, duals.linear(np.array))
row("frac", smooth, lambda x: x - np.trunc(duals.plain(x)))
