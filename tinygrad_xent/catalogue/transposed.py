"""Transposed convolutions of signals and images: what `conv` does to a gradient, done to a signal."""

from __future__ import annotations

from typing import Any

from ..engine import errors
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.public import public
from ..engine.tensors import Tensor
from .convolution import check_bias, conv_input, with_bias
from .windows import Sizes, Windows, shape_of, sizes


@public()
def conv_transpose1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Each number of a signal times a kernel, laid at its place and added up; in PyTorch's layout.

    It is the adjoint of `conv1d` with the same weight: the signals here have the shape of its results.

    Shapes: x (N, C, P), weight (C, O / groups, K), bias (O,); the result is (N, O, L) with
    L = stride · (P - 1) + dilation · (K - 1) + 1 - 2 · padding + output_padding.

    Args:
        stride: the distance of neighbouring kernels in the result.
        padding: what is left out on both sides of the result.
        output_padding: how much longer the result is at its end; less than the stride. For a stride above 1
            several lengths L have the same P: this one chooses.
        groups: the channels of x and of the result come in so many groups; each sees only its own.
        dilation: the distance of the kernel's numbers in the result.

    Raises:
        ShapeError: the shapes do not fit, or nothing is left of the result.
        BadValueError: a stride, a padding, a dilation or the groups can't be what they are.

    >>> conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0]]], stride=2).numpy()
    array([[[ 1., 10.,  2., 20.]]])
    """
    given = stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose1d", 1, x, weight, bias, *given)


@public()
def conv_transpose2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Each number of an image times a kernel, laid at its place and added up, as in `conv_transpose1d`.

    Shapes: x (N, C, PH, PW), weight (C, O / groups, KH, KW), bias (O,); the result is (N, O, H, W). The other
    arguments are one number for both axes or a pair.

    >>> conv_transpose2d([[[[1.0, 2.0]]]], [[[[1.0], [10.0]]]]).numpy()
    array([[[[ 1.,  2.],
             [10., 20.]]]])
    """
    given = stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose2d", 2, x, weight, bias, *given)


@public()
def conv_transpose3d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """`conv_transpose2d` with one axis more: of volumes (N, C, PD, PH, PW).

    >>> conv_transpose3d([[[[[1.0]]]]], [[[[[1.0, 1.0]]]]]).numpy()
    array([[[[[1., 1.]]]]])
    """
    given = stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose3d", 3, x, weight, bias, *given)


def _transposed(
    who: str, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, more: Any,
    groups: Any, dilation: Any,
) -> Tensor:  # fmt: skip
    operands = [x, weight] if bias is None else [x, weight, bias]
    signal, kernel = (shape_of(who, v, axes, operands) for v in (x, weight))
    (groups,) = sizes(who, "groups", groups, 1, least=1)
    if kernel[0] != signal[1] or kernel[0] % groups:
        what = f"{who}: {signal[1]} channels, and a weight of shape {kernel} with groups={groups}"
        fix = "the weight has the shape (in, out / groups, kernel...), groups divides both channels"
        raise errors.ShapeError(what, operands, fix)
    check_bias(who, bias, kernel[1] * groups, operands)
    stride = sizes(who, "stride", stride, axes, least=1)
    dilation = sizes(who, "dilation", dilation, axes, least=1)
    padding = sizes(who, "padding", padding, axes, least=0)
    more = sizes(who, "output_padding", more, axes, least=0)
    if any(m >= s for m, s in zip(more, stride, strict=True)):
        what = f"{who}: output_padding={more} is not less than the stride {stride}"
        raise errors.BadValueError(what, operands, "pass less of it; pad adds more zeros")
    settings = zip(signal[2:], kernel[2:], stride, dilation, padding, more, strict=True)
    image = tuple(s * (n - 1) + d * (k - 1) + 1 - 2 * p + m for n, k, s, d, p, m in settings)
    if min(image) < 1:
        what = f"{who}: nothing is left of the result: its shape would be {image}"
        raise errors.ShapeError(what, operands, "pass less padding, or a larger kernel")
    how = Windows(image, kernel[2:], stride, tuple((p, p) for p in padding), dilation, groups)
    with composite(who, "conv_input(x, weight) + bias"):
        return with_bias(conv_input(x, weight, how), bias)
