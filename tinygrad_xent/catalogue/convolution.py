"""Convolution and pooling of signals (N, C, L) and images (N, C, H, W): a batch, its channels, and places.

As in all libraries for networks, the kernel is not flipped: y[p] = Σ weight[k] · x[stride · p + dilation · k].
The rows `conv`, `conv_input` and `conv_weight` are one sum, Σ g · weight · x, differentiated by g, x and
weight. Each is linear in both of its inputs, and its rules are the other two.
"""

from __future__ import annotations

import math
from typing import Any

from ..engine import errors
from ..engine.arrays import Array
from ..engine.breadth.composites import in_float32
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, moves
from ..engine.public import op, public
from ..engine.symbols import ones
from ..engine.tensors import Tensor, raw
from .windows import Sizes, Windows, in_floats, shape_of, sizes, windows

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("conv(x, weight, how)",
    ("conv_input(g, weight, how)", lambda g, weight, how: conv_input(g, weight, how)),
    ("conv_weight(x, g, how)", lambda g, x, how: conv_weight(x, g, how)),
    kind="product", export=False)
def conv(x: Operand, weight: Operand, /, how: Windows) -> Array:
    """The row behind `conv1d`, `conv2d` and `conv3d`: a product of the weight with the windows of x."""
    return in_floats(Windows(*how).by_u, x, weight)


@op("conv_input(u, weight, how)",
    ("conv(g, weight, how)", lambda g, weight, how: conv(g, weight, how)),
    ("conv_weight(g, u, how)", lambda g, u, how: conv_weight(g, u, how)),
    kind="product", export=False)
def conv_input(u: Operand, weight: Operand, /, how: Windows) -> Array:
    """The gradient of the input of `conv`, given that of its output: a transposed convolution."""
    return in_floats(Windows(*how).by_x, u, weight)


@op("conv_weight(x, u, how)",
    ("conv_input(u, g, how)", lambda g, u, how: conv_input(u, g, how)),
    ("conv(x, g, how)", lambda g, x, how: conv(x, g, how)),
    kind="product", export=False)
def conv_weight(x: Operand, u: Operand, /, how: Windows) -> Array:
    """The gradient of the weight of `conv`, given that of its output: a correlation of both."""
    return in_floats(Windows(*how).by_weight, x, u)


# fmt: on


@public()
def conv1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of signals with kernels, in PyTorch's layout.

    Shapes: x (N, C, L), weight (O, C / groups, K), bias (O,); the result is (N, O, P) with as many places P
    as the kernel has in the padded signal.

    Args:
        stride: the distance of neighbouring places.
        padding: zeros added on both sides; `"same"` gives P = L (with an odd number of zeros, one more
            at the end), `"valid"` is 0.
        dilation: the distance of the kernel's numbers on the signal.
        groups: the channels of x and of the result come in so many groups; each sees only its own.

    Raises:
        ShapeError: the shapes do not fit, or the kernel is longer than the padded signal.
        BadValueError: a stride, a padding, a dilation or the groups can't be what they are.

    >>> conv1d([[[1.0, 2.0, 3.0, 4.0]]], [[[1.0, 0.0, -1.0]]], padding=1).numpy()
    array([[[-2., -2., -2.,  3.]]])
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


@public()
def conv2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of images with kernels, in PyTorch's layout.

    Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,); the result is (N, O, PH, PW). The other
    arguments are those of `conv1d`, one number for both axes or a pair.

    The copies of overlapping windows that the product needs are made for a part of the batch at a time.

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), bias=[0.5]).numpy()
    array([[[[4.5, 4.5],
             [4.5, 4.5]]]])
    """
    return _convolution("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


@public()
def conv3d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of volumes with kernels, in PyTorch's layout: `conv2d` with one axis more.

    Shapes: x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O,).

    >>> conv3d(np.ones((1, 1, 3, 3, 3)), np.ones((1, 1, 3, 3, 3))).numpy()
    array([[[[[27.]]]]])
    """
    return _convolution("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


@public()
def max_pool1d(
    x: Operand,
    kernel_size: int | Sizes,
    stride: Any = None,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
) -> Tensor:
    """The largest number of each window of signals (N, C, L), as `max_pool2d`.

    >>> max_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2).numpy()
    array([[[3., 5.]]])
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation)


@public()
def max_pool2d(
    x: Operand,
    kernel_size: int | Sizes,
    stride: Any = None,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
) -> Tensor:
    """The largest number of each window of images (N, C, H, W).

    Of equal ones the first is taken and gets the gradient, as in PyTorch (`max` shares it); nan counts as the
    largest. What does not fill a window at the end is left out.

    Args:
        stride: the distance of neighbouring windows; `kernel_size` if None.
        padding: how far windows reach over the edges, at most half of `kernel_size`. There is nothing
            to find there.
        dilation: the distance of the numbers of a window.

    Raises:
        ShapeError, BadValueError: as in `conv1d`; also where a window lies beyond the edges only.

    >>> max_pool2d([[[[1.0, 2.0], [4.0, 3.0]]]], 2).numpy()
    array([[[[4.]]]])
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation)


@public()
def max_pool3d(
    x: Operand,
    kernel_size: int | Sizes,
    stride: Any = None,
    padding: int | Sizes = 0,
    dilation: int | Sizes = 1,
) -> Tensor:
    """The largest number of each window of volumes (N, C, D, H, W), as `max_pool2d`.

    >>> max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2).numpy()
    array([[[[[7.]]]]])
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation)


@public()
@in_float32
def avg_pool1d(
    x: Operand, kernel_size: int | Sizes, stride: Any = None, padding: int | Sizes = 0
) -> Tensor:
    """The mean of each window of signals (N, C, L), as `avg_pool2d`.

    >>> avg_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2).numpy()
    array([[[2. , 3.5]]])
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding)


@public()
@in_float32
def avg_pool2d(
    x: Operand, kernel_size: int | Sizes, stride: Any = None, padding: int | Sizes = 0
) -> Tensor:
    """The mean of each window of images (N, C, H, W). The arguments are those of `max_pool2d`.

    The zeros of the padding count, as PyTorch has it by default.

    >>> avg_pool2d([[[[1.0, 2.0], [4.0, 3.0]]]], 2).numpy()
    array([[[[2.5]]]])
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding)


@public()
@in_float32
def avg_pool3d(
    x: Operand, kernel_size: int | Sizes, stride: Any = None, padding: int | Sizes = 0
) -> Tensor:
    """The mean of each window of volumes (N, C, D, H, W), as `avg_pool2d`.

    >>> avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2).numpy()
    array([[[[[3.5]]]]])
    """
    return _avg_pool("avg_pool3d", 3, x, kernel_size, stride, padding)


def _convolution(
    who: str, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: Any,
) -> Tensor:  # fmt: skip
    """What `conv1d` and the others compute, of so many axes."""
    operands = [x, weight] if bias is None else [x, weight, bias]
    image, kernel = (shape_of(who, v, axes, operands) for v in (x, weight))
    (groups,) = sizes(who, "groups", groups, 1, least=1)
    if kernel[1] * groups != image[1] or kernel[0] % groups:
        what = f"{who}: {image[1]} channels, and a weight of shape {kernel} with groups={groups}"
        fix = "the weight has the shape (out, in / groups, kernel...), groups divides both channels"
        raise errors.ShapeError(what, operands, fix)
    check_bias(who, bias, kernel[0], operands)
    how = windows(who, operands, image[2:], kernel[2:], stride, padding, dilation, groups)
    with composite(who, "conv(x, weight) + bias"):
        return with_bias(conv(x, weight, how), bias)


def check_bias(who: str, bias: Any, channels: int, operands: list[Any]) -> None:
    """Raise unless there is one number for each channel of the result, or none at all."""
    if bias is not None and (found := as_numbers(who, raw(bias), operands).shape) != (channels,):
        what = f"{who}: the bias has the shape {found}, it needs {(channels,)}"
        raise errors.ShapeError(what, operands, "pass one number for each channel of the result")


def with_bias(y: Tensor, bias: Any) -> Tensor:
    """A number added to each channel, if any is given."""
    return (
        y if bias is None else arithmetic.add(y, moves.reshape(bias, (-1,) + (1,) * (y.ndim - 2)))
    )


def _max_pool(
    who: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Tensor:
    how = _pool(who, axes, x, kernel, stride, padding, dilation)
    if any((how.read(axis) < 0).any() for axis in range(axes)):
        what = f"{who}: a window of {how.extent} on {how.image} lies beyond the edges only"
        raise errors.ShapeError(what, [x], "pass less padding, or a smaller dilation")
    with composite(who, "x[places]"):
        places = how.largest(as_numbers(who, raw(x)))
        return moves.getitem(moves.reshape(x, (-1,)), places)


def _avg_pool(who: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any) -> Tensor:
    """A convolution, channel by channel, with a kernel of ones."""
    how = _pool(who, axes, x, kernel, stride, padding)
    values = as_numbers(who, raw(x))
    with composite(who, "conv(x, ones) / n"):
        channels = moves.reshape(x, (math.prod(values.shape[:2]), 1, *how.image))
        sums = conv(channels, ones((1, 1, *how.kernel), values.dtype), how)
        means = arithmetic.div(sums, math.prod(how.kernel))
        return moves.reshape(means, (*values.shape[:2], *how.places))


def _pool(
    who: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any = 1
) -> Windows:
    image = shape_of(who, x, axes, [x])
    kernel = sizes(who, "kernel_size", kernel, axes, least=1)
    padding = sizes(who, "padding", padding, axes, least=0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        what = f"{who}: padding={padding} is more than half of kernel_size={kernel}"
        raise errors.BadValueError(what, [x], "windows of nothing but padding have no result")
    stride = kernel if stride is None else stride
    return windows(who, [x], image[2:], kernel, stride, padding, dilation)
