"""Where a kernel is laid on an image: the array code of convolution and pooling, and its settings."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..engine import errors
from ..engine.arrays import Array
from ..engine.operands import as_numbers
from ..engine.symbols import arange, empty, from_shapes, zeros
from ..engine.tensors import raw

Sizes = tuple[int, ...]

BLOCK = 1 << 20  # so many numbers of windows are copied at a time: more would not fit the caches


class Windows(NamedTuple):
    """Where a kernel is laid on an image: once for each number of the output. A length per axis;
    `padding` has two, the zeros before and after.
    """

    image: Sizes
    kernel: Sizes
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int

    @property
    def padded(self) -> Sizes:
        return tuple(n + sum(p) for n, p in zip(self.image, self.padding, strict=True))

    @property
    def extent(self) -> Sizes:
        """The length of the kernel with its gaps."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))

    @property
    def places(self) -> Sizes:
        """How often the kernel fits along each axis."""
        axes = zip(self.padded, self.extent, self.stride, strict=True)
        return tuple((n - k) // s + 1 for n, k, s in axes)

    @property
    def inner(self) -> tuple[slice, ...]:
        """The image's place in the padded one."""
        axes = zip(self.image, self.padding, strict=True)
        return (slice(None), slice(None), *(slice(p, p + n) for n, (p, _) in axes))

    def columns(self, x: Array) -> Array:
        """Each window of x as a column: (groups, channels · kernel, n · places)."""
        if self.padded != self.image:
            image, x = x, zeros((*x.shape[:2], *self.padded), x.dtype)
            x[self.inner] = image
        axes = tuple(range(2, x.ndim))
        views = np.lib.stride_tricks.sliding_window_view(x, self.extent, axes)
        steps = (slice(None, None, s) for s in (*self.stride, *self.dilation))
        views = views[(slice(None), slice(None), *steps)]
        order = (1, *(a + len(axes) for a in axes), 0, *axes)
        rows, places = x.shape[1] * math.prod(self.kernel), len(x) * math.prod(self.places)
        return views.transpose(order).reshape(self.groups, rows // self.groups, places)

    def image_of(self, columns: Array, n: int) -> Array:
        """The adjoint of `columns`: each number added where it was read."""
        windows = columns.reshape(-1, *self.kernel, n, *self.places)
        image = zeros((len(windows), n, *self.padded), columns.dtype)
        for offset in product(*map(range, self.kernel)):
            axes = zip(offset, self.dilation, self.stride, self.places, strict=True)
            read = (slice(k * d, k * d + s * (p - 1) + 1, s) for k, d, s, p in axes)
            image[(slice(None), slice(None), *read)] += windows[(slice(None), *offset)]
        return image[self.inner].swapaxes(0, 1)

    def matrices(self, weight: Array) -> Array:
        """The weight as a matrix per group, to be multiplied with `columns`."""
        rows = len(weight) // self.groups
        return weight.reshape(self.groups, rows, math.prod(weight.shape[1:]))

    def rows(self, y: Array) -> Array:
        """The output as a matrix per group, as a product with `columns` gives it."""
        n, channels = y.shape[:2]
        places = n * math.prod(self.places)
        return y.swapaxes(0, 1).reshape(self.groups, channels // self.groups, places)

    def part(self, axis: int, start: int, stop: int) -> tuple[slice, Windows]:
        """The windows of the places from start to stop along an axis: the part of the image that they see,
        and how they lie on it.
        """
        n, (before, _) = self.image[axis], self.padding[axis]
        first = start * self.stride[axis] - before
        length = (stop - start - 1) * self.stride[axis] + self.extent[axis]
        seen = slice(*np.clip([first, first + length], 0, n).tolist())
        before = min(max(-first, 0), length)
        image, padding = list(self.image), list(self.padding)
        image[axis] = seen.stop - seen.start
        padding[axis] = before, length - before - image[axis]
        return seen, self._replace(image=tuple(image), padding=tuple(padding))

    def blocks(self, n: int, channels: int) -> Iterator[tuple[Any, Any, Windows]]:
        """Parts of the batch, or of each image in it the places that come one after the other along its
        longest axis, so that the columns of one part take bounded memory: where the part is in x and in the
        output, and its windows.
        """
        axis = max(range(len(self.places)), key=self.places.__getitem__)
        count = self.places[axis]
        line = channels * math.prod(self.kernel) * (math.prod(self.places) // count)
        lines = BLOCK // line or 1  # that may be in memory at the same time
        before = (slice(None),) * (axis + 1)
        samples = max(lines // count, 1)
        for i in range(0, n, samples):
            for start in range(0, count, lines):
                stop, batch = min(start + lines, count), slice(i, min(i + samples, n))
                seen, windows = self.part(axis, start, stop)
                yield (batch, *before, seen), (batch, *before, slice(start, stop)), windows

    # The sum Σ u · weight · x over all windows, differentiated by each of the three, part by part.

    def by_u(self, x: Array, weight: Array) -> Array:
        y = empty((len(x), len(weight), *self.places), x.dtype)
        for seen, block, part in self.blocks(len(x), x.shape[1]):
            shape = y[block].swapaxes(0, 1).shape
            product = self.matrices(weight) @ part.columns(x[seen])
            y[block] = product.reshape(shape).swapaxes(0, 1)
        return y

    def by_x(self, u: Array, weight: Array) -> Array:
        x = zeros((len(u), weight.shape[1] * self.groups, *self.image), u.dtype)
        for seen, block, part in self.blocks(len(u), x.shape[1]):
            columns = self.matrices(weight).mT @ part.rows(u[block])
            x[seen] += part.image_of(columns, len(u[block]))  # parts overlap
        return x

    def by_weight(self, x: Array, u: Array) -> Array:
        weight = zeros((u.shape[1], x.shape[1] // self.groups, *self.kernel), x.dtype)
        total = self.matrices(weight)  # a view
        for seen, block, part in self.blocks(len(x), x.shape[1]):
            total += part.rows(u[block]) @ part.columns(x[seen]).mT
        return weight

    def largest(self, x: Array) -> Array:
        """For each window the place of its largest number in the flat array of x, found axis by axis. Instead
        of what is beyond an edge it sees again the first number that it contains.
        """
        places = arange(x.size).reshape(x.shape)
        for axis in reversed(range(2, x.ndim)):
            read = from_shapes(self.read(axis - 2))
            best, found = x.take(read[0], axis), places.take(read[0], axis)
            for index in read[1:]:
                value = x.take(index, axis)
                better = (value > best) | (value != value)
                best = np.where(better, value, best)
                found = np.where(better, places.take(index, axis), found)
            x, places = best, found
        return places

    def read(self, axis: int) -> Array:
        """Where along an axis each number of the kernel lies on the image, window by window; the first that
        does where one lies beyond an edge. -1 where none does.
        """
        starts = np.arange(self.places[axis]) * self.stride[axis] - self.padding[axis][0]
        read = starts + np.arange(self.kernel[axis])[:, None] * self.dilation[axis]
        inside = (read >= 0) & (read < self.image[axis])
        first = np.take_along_axis(read, inside.argmax(axis=0)[None], 0)
        return np.where(inside, read, np.where(inside.any(axis=0), first, -1))


def in_floats(f: Callable[[Any, Any], Array], a: Any, b: Any) -> Array:
    """A product of two arrays: integers are float64, float16 is computed in float32."""
    dtype = np.result_type(a, b)
    dtype = np.dtype(float) if dtype.kind in "iub" else dtype
    wide = np.float32 if dtype.char == "e" else dtype
    y = f(a.astype(wide, copy=False), b.astype(wide, copy=False))
    return y.astype(dtype, copy=False)


def windows(
    who: str, operands: list[Any], image: Sizes, kernel: Sizes, stride: Any, padding: Any,
    dilation: Any = 1, groups: int = 1,
) -> Windows:  # fmt: skip
    """The windows of a kernel, from settings as users write them."""
    axes = len(image)
    stride = sizes(who, "stride", stride, axes, least=1)
    dilation = sizes(who, "dilation", dilation, axes, least=1)
    if isinstance(padding, str) and padding in ("same", "valid"):
        if padding == "same" and set(stride) != {1}:
            what = f"{who}: padding='same' needs stride=1, got stride={stride}"
            raise errors.BadValueError(what, operands, "pass the padding as a number")
        total = [d * (k - 1) * (padding == "same") for d, k in zip(dilation, kernel, strict=True)]
        both = tuple((n // 2, n - n // 2) for n in total)
    else:
        both = tuple((p, p) for p in sizes(who, "padding", padding, axes, least=0))
    how = Windows(image, kernel, stride, both, dilation, groups)
    if min(how.places) < 1:
        what = f"{who}: a kernel of {how.extent} is larger than the padded image, {how.padded}"
        fix = "pass more padding, or a smaller kernel or dilation"
        raise errors.ShapeError(what, operands, fix)
    return how


def shape_of(who: str, x: Any, axes: int, operands: list[Any]) -> Sizes:
    """The shape of x or of a weight: a batch, channels, and these axes."""
    shape: Sizes = as_numbers(who, raw(x), operands).shape
    if len(shape) != axes + 2 or 0 in shape[1:]:
        what = f"{who}: takes {axes + 2} axes, none but the first empty, got the shape {shape}"
        layout = ("(N, C, L)", "(N, C, H, W)", "(N, C, D, H, W)")[axes - 1]
        raise errors.ShapeError(what, operands, f"reshape it to {layout}; a single one has N = 1")
    return shape


def sizes(who: str, name: str, value: Any, axes: int, least: int) -> Sizes:
    """A whole number for each axis, given one for all or a tuple."""
    try:
        values = np.asarray(raw(value))
        found = tuple(map(operator.index, np.broadcast_to(values, (axes,)).tolist()))
    except (TypeError, ValueError):
        found = ()
    if not found or min(found) < least:
        what = f"{who}: {name}={value!r} is not a whole number of at least {least}"
        raise errors.BadValueError(what, [], "pass one number, or one for each axis")
    return found
