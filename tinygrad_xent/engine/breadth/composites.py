"""Composites: functions made of the table's operations, each a named scope.

They need no rules: their gradient comes from the operations they are made of. A picture draws each
as one box that opens. Like the rows they take tensors, arrays or lists, and return a tensor.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeVar, cast

import numpy as np

from .. import errors, lines
from ..arrays import Axis
from ..context import composite
from ..methods import Operand
from ..operands import as_numbers
from ..ops import arithmetic, moves, products, reductions, selection
from ..public import plain, public
from ..tensors import Tensor, is_tensor, raw

Function = TypeVar("Function", bound=Callable[..., Any])


def in_float32(function: Function, beside: tuple[str, ...] = ()) -> Function:
    """Decorate a composite: float16 is computed in float32, since a sum overflows or loses digits
    where its mean does not. Only the first input is converted. The result is float16 again, unless one of
    the operands `beside` it is wider: then it has the dtype of NumPy's promotion.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        x = args[0] if args else kwargs.get(first)
        data: Any = x._data if isinstance(x, Tensor) else x
        if getattr(getattr(data, "dtype", None), "char", "") != "e":
            return function(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        dtypes = [getattr(given.get(name), "dtype", np.float16) for name in beside]
        wide = moves.astype(cast("Operand", x), np.float32)
        if args:
            args = (wide, *args[1:])
        else:
            kwargs[first] = wide
        y = function(*args, **kwargs)
        narrow = np.result_type(np.float16, *dtypes)
        return moves.astype(y, narrow) if y.dtype == np.float32 != narrow else y

    return cast("Function", call)


def in_float32_beside(*names: str) -> Callable[[Function], Function]:
    """The same for a composite that has other operands, of these names."""
    return partial(in_float32, beside=names)


@public(numpy=np.mean, method=True)
@in_float32
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over an axis, several axes, or all.

    >>> mean(Tensor([[1.0, 3.0], [5.0, 7.0]]), axis=0).numpy()
    array([3., 5.])
    """
    with composite("mean", "Σ x / n"):
        return arithmetic.div(reductions.sum(x, axis, keepdims), _count(x, axis))


@public(numpy=np.var, method=True)
@in_float32
def var(x: Operand, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Tensor:
    """The variance over an axis, several axes, or all: the mean squared distance from the mean.

    Args:
        ddof: as in NumPy, the divisor is the count less `ddof`: 1 for the sample variance. It is never
            below 0.

    Warns:
        RuntimeWarning: the divisor is 0, so the variance is nan, or inf.

    >>> var(Tensor([1.0, 2.0, 3.0])).item()
    0.6666666666666666
    """
    with composite("var", "Σ (x - mean)² / (n - ddof)"):
        centred = arithmetic.sub(x, mean(x, axis, keepdims=True))
        squares = arithmetic.mul(centred, centred)
        count, ddof = _count(x, axis), real("var", "ddof", ddof)
        if count <= ddof:
            lines.warn("var: ddof is not below the number of elements", RuntimeWarning)
        return arithmetic.div(reductions.sum(squares, axis, keepdims), max(count - ddof, 0))


@public(numpy=np.concatenate)
def concatenate(arrays: Sequence[Operand], axis: int | None = 0) -> Tensor:
    """The arrays joined along an existing axis; flattened first if `axis` is None. As in NumPy, all need
    the same number of axes, empty ones too.

    >>> concatenate([Tensor([1.0]), Tensor([2.0, 3.0])]).numpy()
    array([1., 2., 3.])
    """
    arrays = several("concatenate", arrays)
    if axis is None:
        arrays, axis = [moves.reshape(x, -1) for x in arrays], 0
    return moves.join(*arrays, axis=axis)


@public(numpy=np.stack)
def stack(arrays: Sequence[Operand], axis: int = 0) -> Tensor:
    """The arrays, all of one shape, joined along a new axis.

    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    arrays = several("stack", arrays)
    shapes = {as_numbers("stack", raw(x), arrays).shape for x in arrays}
    if len(shapes) > 1:
        what = f"stack: the shapes differ: {', '.join(map(str, sorted(shapes)))}"
        raise errors.ShapeError(what, arrays, "reshape them to one shape first")
    with composite("stack"):
        return moves.join(*(moves.expand_dims(x, axis) for x in arrays), axis=axis)


@public(numpy=np.square)
def square(x: Operand, /) -> Tensor:
    """x · x, elementwise.

    >>> square(Tensor([2.0, 3.0])).numpy()
    array([4., 9.])
    """
    return arithmetic.mul(x, x)


@public(numpy=np.positive, operator="pos")
def positive(x: Operand, /) -> Tensor:
    """+x: x itself.

    >>> positive(Tensor([2.0, -3.0])).numpy()
    array([ 2., -3.])
    """
    return x if is_tensor(x) else moves.identity(x)


@public(numpy=np.dot, export=False)
def dot(a: Operand, b: Operand, /) -> Tensor:
    """What `np.dot` gives: the product with a scalar, else `matmul`; but of two stacks each matrix of a
    with each of b.
    """
    left, right = np.shape(raw(a)), np.shape(raw(b))
    if not (left and right):
        return arithmetic.mul(a, b)
    if len(left) < 2 or len(right) < 3:
        return products.matmul(a, b)
    *stack, terms, columns = right
    with composite("dot", "Σ (a · b)"):
        b = moves.transpose(b, (len(stack), *range(len(stack)), len(stack) + 1))
        b = moves.reshape(b, (terms, math.prod(stack) * columns))
        return moves.reshape(products.matmul(a, b), (*left[:-1], *stack, columns))


@public(numpy=np.clip, method=True)
def clip(x: Operand, /, min: Any = None, max: Any = None) -> Tensor:
    """x limited to [min, max]; None means no limit. The slope is 0 outside, 1 at the limits. A limit that
    is a tensor and requires grad gets the gradient of the numbers that it replaces.

    A clipped probability has gradient 0 exactly where the loss needs one: prefer `log_softmax`.

    >>> clip(Tensor([-2.0, 0.5, 2.0]), -1, 1).numpy()
    array([-1. ,  0.5,  1. ])
    >>> low = Tensor(-1.0, requires_grad=True)
    >>> clip(Tensor([-2.0, -3.0, 2.0]), low).sum().backward()
    >>> low.grad.item()
    2.0
    """
    if not any(is_tensor(limit) and limit.requires_grad for limit in (min, max)):
        return selection.clip(x, min, max)
    y: Any = x if is_tensor(x) else as_numbers("clip", x, [x])
    with composite("clip", "min(max(x, min), max)"):
        for limit, beyond in ((min, np.less), (max, np.greater)):
            if limit is not None:
                values = as_numbers("clip", raw(limit), [limit])
                y = selection.where(beyond(raw(y), values) | (values != values), limit, y)
    found: Tensor = y
    return found


def _count(x: Any, axis: Axis) -> int:
    """How many elements a reduction over the axis combines; `sum` has checked the axis."""
    shape, axis = np.shape(raw(x)) or (1,), plain(axis, "axis")
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))


def real(name: str, what: str, value: Any, usual: float = 0) -> Any:
    """A setting that is a number, as a Python number.

    Raises:
        DtypeError: it is none, for which the cure names a usual one; or it requires grad.
    """
    found = plain(value, what)
    if is_tensor(found):
        text = f"{name}: {what} is a setting, its gradient would be lost"
        raise errors.DtypeError(text, [found], "pass .detach()")
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        text = f"{name}: {what} must be a number, got {value!r}"
        raise errors.DtypeError(text, fix=f"{what}={usual:g}, say")
    return found


def several(name: str, arrays: Any) -> list[Any]:
    """The arrays that a function takes in one list; one array alone is refused."""
    if is_tensor(arrays) or not hasattr(arrays, "__iter__"):
        what = f"{name}: takes a sequence of arrays"
        raise errors.DtypeError(what, [arrays], f"{name}([a, b])")
    return list(arrays)
