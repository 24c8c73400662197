"""Products, running sums, differences."""

from functools import reduce

import numpy as np

from tests.operations import along_axis, call, reduction
from tests.random_programs import duals
from tests.themes import row


def running(m):
    made = along_axis(m)
    axis = m.choice([made.settings["axis"], None])
    back = {"reverse": True} if m.bool() else {}  # NumPy's have no such setting
    return call(made.inputs[0], axis=axis, **back)


def one_further(m):
    made = along_axis(m)
    return call(made.inputs[0], axis=made.settings["axis"], reverse=m.bool(), fill=0.5)


def of_two_lines(m):
    made = along_axis(m)
    b = made.inputs[0]
    return call(m.any(b.shape), b, axis=made.settings["axis"], reverse=m.bool())


def differences(m):
    made = along_axis(m)
    return call(made.inputs[0], n=m.choice([1, 2, 0]), axis=made.settings["axis"])


def integral(m):
    made = along_axis(m)
    y = made.inputs[0]
    return call(y, m.any(y.shape), axis=made.settings["axis"])


# --- forwards: number by number along the axis ----------------------------------------------------


def parts(x, axis):
    """The numbers along an axis, in a list."""
    n = np.shape(duals.plain(x))[axis]
    return [duals.linear(lambda x, i=i: np.take(x, i, axis))(x) for i in range(n)]


def joined(numbers, axis):
    return duals.linear(lambda *numbers: np.stack(numbers, axis))(*numbers)


def step_by_step(f):
    """A function of what came before and of the numbers at the next place; the last input is where
    it starts.
    """

    def on_duals(*arrays, axis, reverse=False):
        if axis is None:
            arrays, axis = [duals.linear(np.ravel)(x) for x in arrays], 0
        way, found = slice(None, None, -1 if reverse else 1), []
        for numbers in list(zip(*[parts(x, axis) for x in arrays], strict=True))[way]:
            found.append(f(found[-1], *numbers) if found else numbers[-1])
        return joined(found[way], axis)

    return on_duals


def shifted(x, axis, reverse, fill):
    numbers = parts(x, axis)
    free = np.full(np.shape(duals.plain(numbers[0])), fill)
    return joined([*numbers[1:], free] if reverse else [free, *numbers[:-1]], axis)


def product(x, axis, keepdims):
    shape = np.shape(duals.plain(x))
    axes = range(len(shape)) if axis is None else np.ravel(np.array(axis, int)) % len(shape)
    for a in axes:
        numbers = parts(x, a) or [np.ones(np.delete(np.shape(duals.plain(x)), a))]
        x = joined([reduce(duals.mul, numbers)], a)
    return x if keepdims else duals.linear(np.squeeze)(x, axis=tuple(axes))


def trapezoid(y, x, axis):
    ys, xs = parts(y, axis), parts(x, axis)
    area = 0.0 * ys[0] * xs[0]
    for i in range(1, len(ys)):
        area = area + (ys[i] + ys[i - 1]) * (xs[i] - xs[i - 1]) * 0.5
    return area


# --- in PyTorch -----------------------------------------------------------------------------------


def torchs(name):
    """A running function of PyTorch, which has no `reverse`, and no line of all."""

    def call(torch, x, axis, reverse=False):
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        f = getattr(torch, name)
        return f(x.flip(axis), axis).flip(axis) if reverse else f(x, axis)

    return call


def product_in_torch(torch, x, axis, keepdims):
    axes = range(x.ndim) if axis is None else np.ravel(np.array(axis, int)) % max(x.ndim, 1)
    for a in sorted(axes)[::-1]:
        x = torch.prod(x, int(a), keepdims)
    return x


def recurrence_in_torch(torch, a, b, axis, reverse):
    way, found = slice(None, None, -1 if reverse else 1), []
    for factor, term in list(zip(a.unbind(axis), b.unbind(axis), strict=True))[way]:
        found.append(factor * (found[-1] if found else 0) + term)
    return torch.stack(found[way], axis)


def shift_in_torch(torch, x, axis, reverse, fill):
    free = torch.full_like(x.narrow(axis, 0, 1), fill)
    n = x.shape[axis] - 1
    kept = x.narrow(axis, int(reverse), n)
    return torch.cat([kept, free] if reverse else [free, kept], axis)


row("shift", one_further, shifted, shift_in_torch)
row(
    "linear_recurrence",
    of_two_lines,
    step_by_step(lambda y, a, b: a * y + b),
    recurrence_in_torch,
)
row("cumsum", running, step_by_step(duals.add), torchs("cumsum"))
row("cumprod", running, step_by_step(duals.mul), torchs("cumprod"))
row(
    "logcumsumexp",
    running,
    step_by_step(lambda y, x: duals.log(duals.exp(y) + duals.exp(x))),
    torchs("logcumsumexp"),
)
row("prod", lambda m: reduction(m, of_nothing=True), product, product_in_torch)
row(
    "diff",
    differences,
    duals.linear(np.diff),
    lambda torch, x, n, axis: torch.diff(x, n, axis),
)
row(
    "trapezoid",
    integral,
    trapezoid,
    lambda torch, y, x, axis: torch.trapezoid(y, x, dim=axis),
)
