"""Convolution and pooling, computed window by window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tests.operations import Call, Maker, Shape, call
from tests.random_programs import duals
from tests.themes import row
from tinygrad_xent.catalogue.windows import Windows


def windows(m: Maker, axes: int) -> Windows:
    """Any windows, of an image that is a little longer than the kernel."""
    each = [range(axes)] * 5
    kernel = tuple(m.choice([2, 1]) for _ in each[0])
    stride = tuple(m.choice([1, 2]) for _ in each[1])
    dilation = tuple(m.choice([1, 2]) for _ in each[2])
    padding = tuple((m.choice([0, 1]), m.choice([1, 0])) for _ in each[3])
    longer = [m.choice([1, 0]) for _ in each[4]]
    image = tuple(d * (k - 1) + 1 + n for d, k, n in zip(dilation, kernel, longer, strict=True))
    return Windows(image, kernel, stride, padding, dilation, m.choice([1, 2]))


def shapes(how: Windows, n: int) -> tuple[Shape, Shape, Shape]:
    """Of the image, the weight and the output; two channels everywhere."""
    return (n, 2, *how.image), (2, 2 // how.groups, *how.kernel), (n, 2, *how.places)


def of_windows(first: int, second: int) -> Any:
    def case(m: Maker) -> Call:
        how = windows(m, m.choice([2, 1]))
        found = shapes(how, m.choice([2, 1]))
        return call(m.any(found[first]), m.any(found[second]), how=how)

    return case


def convolution(axes: int) -> Any:
    def case(m: Maker) -> Call:
        how = windows(m, axes)
        x, weight, _ = shapes(how, m.choice([2, 1]))
        padding = m.choice([1, (0, 1, 1)[:axes], "valid"] + ["same"] * (set(how.stride) == {1}))
        settings = {"stride": how.stride, "dilation": how.dilation, "groups": how.groups}
        return call(m.any(x), m.any(weight), m.any(weight[:1]), padding=padding, **settings)

    return case


def pool(axes: int, values: str) -> Any:
    def case(m: Maker) -> Call:
        kernel = m.choice([2, (2, 1, 2)[:axes], (3, 2, 1)[:axes]])
        padding = m.choice([0, 1 if kernel == 2 else (1, 0, 0)[:axes]])
        stride = m.choice([1, None, (2, 1, 2)[:axes]])
        x = getattr(m, values)((m.choice([2, 1]), 2, *(3, 4, 3)[:axes]))
        more = {"dilation": m.choice([1, 2])} if values == "distinct" and kernel == 2 else {}
        return call(x, kernel_size=kernel, stride=stride, padding=padding, **more)

    return case


def several(value: Any, axes: int) -> Shape:
    return tuple(np.broadcast_to(value, axes).tolist())


def of_settings(
    x: Shape, weight: Shape, stride: Any, padding: Any, dilation: Any, groups: int
) -> Windows:
    image, kernel, axes = x[2:], weight[2:], len(x) - 2
    dilation = several(dilation, axes)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        both = tuple((n // 2, (n + 1) // 2) for n in total)
    else:
        padding = 0 if padding == "valid" else padding
        both = tuple((p, p) for p in several(padding, axes))
    return Windows(image, kernel, several(stride, axes), both, dilation, groups)


# --- forwards -------------------------------------------------------------------------------------


def visits(how: Windows, weight: Shape) -> Iterator[tuple[Any, Any, Any]]:
    """Each place of each group: where the output, the padded image and the weight take part in it."""
    outs, ins = weight[0] // how.groups, weight[1]
    for group, place in product(range(how.groups), np.ndindex(how.places)):
        axes = zip(place, how.stride, how.dilation, how.kernel, strict=True)
        patch = [slice(p * s, p * s + d * (k - 1) + 1, d) for p, s, d, k in axes]
        own = slice(group * outs, (group + 1) * outs)
        channels = slice(group * ins, (group + 1) * ins)
        yield (slice(None), own, *place), (slice(None), channels, *patch), own


def sides(how: Windows) -> list[tuple[int, int]]:
    return [(0, 0), (0, 0), *how.padding]


def conv_of(x: Any, weight: Any, how: Windows) -> Any:
    x, y = np.pad(x, sides(how)), np.zeros((len(x), len(weight), *how.places))
    for out, patch, own in visits(how, weight.shape):
        y[out] = np.tensordot(x[patch], weight[own], (range(1, x.ndim), range(1, x.ndim)))
    return y


def input_of(y: Any, weight: Any, how: Windows) -> Any:
    x = np.pad(np.zeros((len(y), weight.shape[1] * how.groups, *how.image)), sides(how))
    for out, patch, own in visits(how, weight.shape):
        x[patch] += np.tensordot(y[out], weight[own], 1)
    inner = (slice(p, p + n) for n, (p, _) in zip(how.image, how.padding, strict=True))
    return x[(slice(None), slice(None), *inner)]


def weight_of(x: Any, y: Any, how: Windows) -> Any:
    x = np.pad(x, sides(how))
    weight = np.zeros((y.shape[1], x.shape[1] // how.groups, *how.kernel))
    for out, patch, own in visits(how, weight.shape):
        weight[own] += np.tensordot(y[out].T, x[patch], 1)
    return weight


def bilinear(f: Any) -> Any:
    return lambda a, b, how: duals.bilinear(lambda a, b: f(a, b, how))(a, b)


def convolved(x: Any, weight: Any, bias: Any, **settings: Any) -> Any:
    how = of_settings(duals.plain(x).shape, duals.plain(weight).shape, **settings)
    bias = duals.linear(lambda b: b.reshape(-1, *[1] * len(how.image)))(bias)
    return duals.add(bilinear(conv_of)(x, weight, how), bias)


def pooled(f: Any) -> Any:
    """Each window by itself, without what is beyond the edges; f gets the length of a whole one too."""

    def forward(x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: int = 1) -> Any:
        shape = duals.plain(x).shape
        axes = len(shape) - 2
        stride = kernel_size if stride is None else stride
        size = (1, 1, *several(kernel_size, axes))
        how = of_settings(shape, size, stride, padding, dilation, 1)
        found = []
        for place in np.ndindex(how.places):
            axis = zip(place, how.stride, how.padding, how.kernel, strict=True)
            starts = [(p * s - before, k) for p, s, (before, _), k in axis]
            step = dilation
            ends = ((a if a >= 0 else a % step, max(a + (k - 1) * step + 1, 0)) for a, k in starts)
            patch = (..., *(slice(*end, step) for end in ends))
            whole = int(np.prod(how.kernel))
            found.append(f(duals.linear(lambda x, patch=patch: x[patch])(x), whole, axes))
        joined = duals.linear(lambda *parts: np.stack(parts, -1))(*found)
        return duals.linear(lambda y: y.reshape(*shape[:2], *how.places))(joined)

    return forward


def largest(window: Any, whole: int, axes: int) -> Any:
    return duals.largest(window, tuple(range(-axes, 0)), False)


def average(window: Any, whole: int, axes: int) -> Any:
    return duals.total(window, axis=tuple(range(-axes, 0))) * (1 / whole)


# --- PyTorch --------------------------------------------------------------------------------------


def their_conv(torch: Any, x: Any, weight: Any, how: Windows, bias: Any = None) -> Any:
    x = torch.nn.functional.pad(x, [n for pair in how.padding[::-1] for n in pair])
    function = (torch.conv1d, torch.conv2d, torch.conv3d)[len(how.image) - 1]
    return function(x, weight, bias, how.stride, 0, how.dilation, how.groups)


def their_convolution(torch: Any, x: Any, weight: Any, bias: Any, **settings: Any) -> Any:
    return their_conv(torch, x, weight, of_settings(x.shape, weight.shape, **settings), bias)


def their_input(torch: Any, y: Any, weight: Any, how: Windows) -> Any:
    padded = (len(y), weight.shape[1] * how.groups, *how.padded)
    function = (torch.nn.grad.conv1d_input, torch.nn.grad.conv2d_input)[len(how.image) - 1]
    return function(padded, weight, y, how.stride, 0, how.dilation, how.groups)[how.inner]


def their_weight(torch: Any, x: Any, y: Any, how: Windows) -> Any:
    x = torch.nn.functional.pad(x, [n for pair in how.padding[::-1] for n in pair])
    shape = (y.shape[1], x.shape[1] // how.groups, *how.kernel)
    function = (torch.nn.grad.conv1d_weight, torch.nn.grad.conv2d_weight)[len(how.image) - 1]
    return function(x, shape, y, how.stride, 0, how.dilation, how.groups)


def theirs(name: str) -> Any:
    return lambda torch, x, **settings: getattr(torch.nn.functional, name)(x, **settings)


row("conv", of_windows(0, 1), bilinear(conv_of), their_conv)
row("conv_input", of_windows(2, 1), bilinear(input_of), their_input)
row("conv_weight", of_windows(0, 2), bilinear(weight_of), their_weight)
row("conv1d", convolution(1), convolved, their_convolution)
row("conv2d", convolution(2), convolved, their_convolution)
row("conv3d", convolution(3), convolved, their_convolution)
row("max_pool1d", pool(1, "distinct"), pooled(largest), theirs("max_pool1d"))
row("max_pool2d", pool(2, "distinct"), pooled(largest), theirs("max_pool2d"))
row("max_pool3d", pool(3, "distinct"), pooled(largest), theirs("max_pool3d"))
row("avg_pool1d", pool(1, "any"), pooled(average), theirs("avg_pool1d"))
row("avg_pool2d", pool(2, "any"), pooled(average), theirs("avg_pool2d"))
row("avg_pool3d", pool(3, "any"), pooled(average), theirs("avg_pool3d"))
