"""Arrays repeated, moved round and padded."""

import numpy as np

from tests.operations import Call, Maker, call
from tests.random_programs.duals import linear, plain
from tests.themes import row


def tiled(m: Maker) -> Call:
    return call(m.any(m.shape()), reps=m.choice([(2, 1), 2, (1, 2, 1), (0,), (), (1, 1, 1, 2)]))


def repeated(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axis = m.choice([m.axis(len(shape)), None])
    n = int(np.prod(shape, dtype=int)) if axis is None else shape[axis]
    each = tuple(int(k) for k in m.rng.integers(0, 3, n))
    return call(m.any(shape), repeats=m.choice([2, each, 0, 1]), axis=axis)


def rolled(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    axes = m.signed(m.order(len(shape))[:2], len(shape))
    shift, axis = m.choice([((1, -2)[: len(axes)], axes), (1, m.axis(len(shape))), (-2, None)])
    return call(m.any(shape), shift=shift, axis=axis)


def padded(m: Maker) -> Call:
    shape = m.shape(min_dims=1)
    each = tuple((int(a), int(b)) for a, b in m.rng.integers(0, 3, (len(shape), 2)))
    mode = m.choice(["constant", "edge", "reflect", "symmetric", "wrap"])
    shape = shape if mode == "constant" else tuple(max(n, 1) for n in shape)
    value = m.choice([0, -0.5]) if mode == "constant" else 0
    return call(
        m.any(shape), pad_width=m.choice([each, (1, 0), 1]), mode=mode, constant_values=value
    )


def torch_repeat(torch, x, repeats, axis):
    return torch.repeat_interleave(x, torch.as_tensor(repeats, dtype=torch.int64), axis)


def margin(shape, pad_width, mode, constant_values):
    """What stands around zeros."""
    more = {"constant_values": constant_values} if mode == "constant" else {}
    return np.pad(np.zeros(shape), pad_width, mode, **more)


def padding(x, pad_width, mode, constant_values):
    y = linear(lambda x: np.pad(x, pad_width, mode))(x)
    return y + margin(np.shape(plain(x)), pad_width, mode, constant_values)


def torch_padding(torch, x, pad_width, mode, constant_values):
    shape = tuple(x.shape)
    places = np.pad(np.arange(1, x.numel() + 1).reshape(shape), pad_width, mode)
    line = torch.cat([torch.zeros(1, dtype=x.dtype), x.reshape(-1)])
    y = margin(shape, pad_width, mode, constant_values)
    return line[torch.as_tensor(places)] + torch.as_tensor(y, dtype=x.dtype)


row(
    "tile",
    tiled,
    linear(lambda x, reps: np.tile(x, reps)),
    lambda torch, x, reps: torch.tile(x, (reps,) if type(reps) is int else reps),
)
row("repeat", repeated, linear(lambda x, repeats, axis: np.repeat(x, repeats, axis)), torch_repeat)
row(
    "roll",
    rolled,
    linear(lambda x, shift, axis: np.roll(x, shift, axis)),
    lambda torch, x, shift, axis: torch.roll(x, shift, axis),
)
row("pad", padded, padding, torch_padding)
