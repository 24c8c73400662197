"""Transposed convolutions, computed window by window."""

from __future__ import annotations

from typing import Any

from tests.operations import Call, Maker, call
from tests.random_programs import duals
from tests.themes import row
from tests.themes.convolution import input_of, shapes, windows
from tinygrad_xent.catalogue.windows import Windows


def transposed(axes: int) -> Any:
    def case(m: Maker) -> Call:
        how = windows(m, axes)
        _, weight, y = shapes(how, m.choice([2, 1]))
        settings: dict[str, Any] = {"stride": how.stride, "dilation": how.dilation}
        settings |= {
            "groups": how.groups,
            "padding": m.choice([0, 1 if min(sizes(y, how)) > 2 else 0]),
        }
        settings["output_padding"] = m.choice([0, 1 if min(how.stride) > 1 else 0])
        return call(m.any(y), m.any(weight), m.any((2,)), **settings)

    return case


def sizes(y: Any, how: Windows) -> tuple[int, ...]:
    """The lengths of the results for which all windows fit."""
    each = zip(y[2:], how.stride, how.dilation, how.kernel, strict=True)
    return tuple(s * (n - 1) + d * (k - 1) + 1 for n, s, d, k in each)


def laid_out(
    x: Any, weight: Any, bias: Any, stride: Any, dilation: Any, groups: int, padding: int,
    output_padding: int,
) -> Any:  # fmt: skip
    axes, kernel = len(stride), duals.plain(weight).shape[2:]
    how = Windows((), kernel, stride, (), dilation, groups)
    image = (n - 2 * padding + output_padding for n in sizes(duals.plain(x).shape, how))
    how = how._replace(image=tuple(image), padding=((padding, padding),) * axes)
    y = duals.bilinear(lambda x, weight: input_of(x, weight, how))(x, weight)
    return y + duals.linear(lambda b: b.reshape(-1, *(1,) * axes))(bias)


def theirs(name: str) -> Any:
    return lambda torch, *inputs, **settings: getattr(torch.nn.functional, name)(
        *inputs, **settings
    )


row("conv_transpose1d", transposed(1), laid_out, theirs("conv_transpose1d"))
row("conv_transpose2d", transposed(2), laid_out, theirs("conv_transpose2d"))
row("conv_transpose3d", transposed(3), laid_out, theirs("conv_transpose3d"))
