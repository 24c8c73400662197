"""The array functions that the operations may use, implemented with NumPy.

The files of `ops` compute with nothing else. Everything here takes and returns raw arrays and
knows nothing of tensors or tapes. Another array library would need a module with these functions.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from itertools import accumulate
from typing import Any

import numpy as np

from .places import as_indices as as_indices
from .places import scatter as scatter
from .places import scatter_along_axis as scatter_along_axis
from .places import subtract_at_labels as subtract_at_labels
from .places import take_along_axis as take_along_axis
from .places import take_labels as take_labels
from .sums import LAST, columns, has_many_rows
from .sums import Array as Array
from .sums import Axis as Axis
from .sums import sum as sum
from .symbols import (
    RECORDER,
    Symbol,
    asarray,
    everywhere,
    literal,
    ones,
)

inf = float("inf")

exp, log, log1p, expm1 = np.exp, np.log, np.log1p, np.expm1
sqrt, tanh, abs, sign = np.sqrt, np.tanh, np.absolute, np.sign
# On single numbers Python's operators take a tenth of the time of the ufuncs of the same name.
add, subtract, multiply = operator.add, operator.sub, operator.mul
divide, power = operator.truediv, operator.pow
negative: Any = operator.neg
maximum, minimum = np.maximum, np.minimum
where, concatenate, logical_not = np.where, np.concatenate, np.logical_not
clip = np.clip
getitem: Any = operator.getitem

# For each float dtype the integer dtype of the same size.
_BITS = {np.dtype(f"f{n}"): np.dtype(f"i{n}") for n in (2, 4, 8)}

# np.sum and the like spend 1 us on keyword arguments, which the ufunc's own method does not.
_max: Any = np.maximum.reduce
_min: Any = np.minimum.reduce
_vdot: Any = getattr(np.vdot, "_implementation", np.vdot)  # without a look for overrides
_isfinite = math.isfinite


def shape(x: Array) -> tuple[int, ...]:
    """The shape of an array; () for a Python number."""
    return getattr(x, "shape", ())


def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Like `np.max`, but the maxima of many short rows are taken from a transposed copy."""
    if axis in LAST and has_many_rows(x, 32):
        y = _max(x.T.copy(), axis=0)  # all rows side by side: 3 to 25 times as fast
        return y[:, None] if keepdims else y
    return _max(x, axis=axis, keepdims=keepdims)


@lru_cache(maxsize=256)
def number(value: float, dtype: Any) -> Array:
    """A number as a 0-d array: a ufunc would spend 0.5 us per call on the conversion."""
    array = np.array(value, dtype)
    array.flags.writeable = False
    return array


def min(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return _min(x, axis=axis, keepdims=keepdims)


def view(x: Array) -> Array:
    return asarray(x).view()


def astype(x: Array, dtype: Any) -> Array:
    return asarray(x).astype(dtype)


def all_finite(arrays: Sequence[Array]) -> bool:
    """Whether no element of any array is nan or infinite; of a symbol, at the example."""
    if (recorder := RECORDER.get()) is not None:
        return bool(recorder.finite(arrays))
    for x in arrays:  # a loop takes half the time of all() with a generator
        # The sum of squares takes 0.3 us where np.isfinite(x).all() takes 3, but may itself overflow.
        if _isfinite(_vdot(x, x)):
            continue
        if not np.isfinite(x).all():
            return False
    return True


def floats(x: Array) -> Array:
    """x; integers and booleans as float64, since differences of integers may wrap around."""
    if type(x) is not np.ndarray:
        x = asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _of_floats(f: Callable[..., Array]) -> Callable[..., Array]:
    """Decorate a function of several steps: integers and booleans are float64 for it; float16 numbers
    are float32, since each step would round them to 3 digits, and its result is float16 again.
    """

    @wraps(f)
    def call(x: Array, *args: Any) -> Array:
        if type(x) is not np.ndarray or x.dtype.char not in "fd":
            x = floats(x)
            if x.dtype.char == "e":
                return f(x.astype(np.float32), *args).astype(x.dtype)
        return f(x, *args)

    return call


def _largest(x: Array, axis: Axis) -> Array:
    """The maximum along an axis, which is kept; -inf where there is nothing."""
    if x.size:
        return max(x, axis, keepdims=True)
    return _max(x, axis=axis, keepdims=True, initial=-inf)


@_of_floats
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))), shifted by the largest entry so that no exp overflows."""
    top = _largest(x, axis)
    finite = np.isfinite(top)
    if not everywhere(finite):  # a row of only -inf, or a +inf: shifting would make nan
        top = np.where(finite, top, 0)
        with np.errstate(divide="ignore"):
            y = np.log(sum(np.exp(x - top), axis, keepdims=True)) + top
    else:
        y = np.log(sum(np.exp(x - top), axis, keepdims=True)) + top
    return y if keepdims else squeeze(y, tuple(range(y.ndim)) if axis is None else axis)


@_of_floats
def softmax(x: Array, axis: Axis = -1) -> Array:
    """exp(x) / sum exp(x), shifted by the largest entry so that no exp overflows."""
    e = np.exp(x - _largest(x, axis))
    e /= sum(e, axis, keepdims=True)
    return e


@_of_floats
def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """x - log(sum(exp(x))), shifted by the largest entry: never the log of an underflowed number."""
    shifted = x - _largest(x, axis)
    if x.size:
        shifted -= np.log(sum(np.exp(shifted), axis, keepdims=True))
    return shifted


@_of_floats
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), computed from exp(-|x|): never overflows, keeps small values exact."""
    below = np.exp(-np.abs(x))
    below += 1
    above = np.exp(np.minimum(x, 0))  # 1 or exp(x); np.where takes twice as long to choose
    above /= below
    return above


@_of_floats
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|)): accurate for any size of x."""
    return relu(x) + np.log1p(np.exp(-np.abs(x)))


def matmul(a: Array, b: Array) -> Array:
    """a @ b; small matrices by `dot`, which calls BLAS 0.5 us sooner but first clears the result."""
    matrices = type(a) is type(b) is np.ndarray and a.ndim == b.ndim == 2
    return a.dot(b) if matrices and len(a) * b.shape[1] <= 1 << 13 else a @ b


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """x @ weight + bias; the bias is added to the product in place where shape and dtype allow it."""
    y = matmul(x, weight)
    if getattr(bias, "dtype", None) is not y.dtype or bias.shape != y.shape[-1:]:
        return y + bias
    y += bias
    return y


def relu(x: Array) -> Array:
    if type(x) is not np.ndarray:
        return np.maximum(x, 0)
    zero = number(0, x.dtype)
    if x.size < 1024 or x.dtype.char not in "fd":
        return np.maximum(x, zero)
    return x.clip(zero, number(inf, x.dtype))  # NumPy's loop for two limits is 3 times as fast


def not_zero(x: Array) -> Array:
    return x != (number(0, x.dtype) if type(x) is np.ndarray else 0)


def masked(x: Array, chosen: Array) -> Array:
    """x where chosen, else 0. On large arrays a bitwise `and` with a mask is 15 times faster than
    np.where (below a thousand elements its four calls cost more), and unlike a product it turns
    infinity into 0.
    """
    bits = _BITS.get(x.dtype)
    small = x.size < 1024 or type(x) is not np.ndarray
    if small or bits is None or x.shape != shape(chosen):
        return np.where(chosen, x, 0)
    mask = np.negative(chosen.view(np.int8)).astype(bits)  # true, a byte of 1, becomes all ones
    mask &= x.view(bits)
    return mask.view(x.dtype)


def reshape(x: Array, shape: int | tuple[int, ...]) -> Array:
    return asarray(x).reshape(shape)


def transpose(x: Array, axes: tuple[int, ...] | None = None) -> Array:
    return asarray(x).transpose(axes)


def inverse_permutation(axes: int | tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes a transpose by `axes`; of a vector the axis may come alone."""
    axes = (axes,) if isinstance(axes, int) else axes
    ndim = len(axes)
    return tuple(sorted(range(ndim), key=lambda i: axes[i] % ndim))


def squeeze(x: Array, axis: Axis = None) -> Array:
    return asarray(x).squeeze(axis)


def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Array:
    if axis == -1:  # the commonest case, and this way is by far the cheapest
        return asarray(x)[..., None]
    return np.expand_dims(x, axis)


def as_condition(condition: Array) -> Array:
    """The condition of `where`, which must be boolean: NumPy would take any non-zero value as true."""
    if getattr(condition, "dtype", type(condition)) not in (np.dtype(bool), bool):
        raise TypeError("the condition must be boolean: compare, as in x > 0")
    return condition


class Shapes(tuple[tuple[int, ...], ...]):
    """The shapes of arrays that are joined along one axis. Where each one starts is computed
    for all at once: array by array, the time would grow with the square of their number.
    """

    def starts(self, axis: int) -> list[int]:
        if "_starts" not in vars(self):
            self._starts = list(accumulate((shape[axis] for shape in self), initial=0))
        return self._starts


def part(g: Array, shapes: Shapes, axis: int, i: int) -> tuple[slice, ...]:
    """The index of part `i` in `g`, where `g` joins arrays of these shapes along `axis`."""
    start, end = shapes.starts(axis)[i : i + 2]
    index = [slice(None)] * len(g.shape)
    index[axis] = slice(start, end)
    return tuple(index)


def to_shape(x: Array, shape: tuple[int, ...]) -> Array:
    """x summed to `shape` over the axes along which `shape` was broadcast, or else broadcast to it."""
    if x.ndim == 0:
        return broadcast_to(x, shape)
    if x.ndim == 2 and x.shape[1:] == shape:  # a bias
        return columns(x)
    if axes := stretched(shape, x.shape):
        return sum(x, axes, keepdims=True).reshape(shape)
    return broadcast_to(x, shape)


def stretched(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which broadcasting stretches `small` to `large`; empty if it can't."""
    lead = len(large) - len(small)
    if lead < 0 or any(s not in (1, n) for s, n in zip(small, large[lead:], strict=True)):
        return ()
    return (*range(lead), *(i for i in range(lead, len(large)) if small[i - lead] != large[i]))


def broadcast_to(x: Array, shape: int | tuple[int, ...]) -> Array:
    """Like `np.broadcast_to`, which is slow in the commonest case: one number for a whole array."""
    if not isinstance(shape, tuple):
        shape = tuple(np.atleast_1d(shape).tolist())
    x = asarray(x)
    if x.shape == () and not isinstance(x, Symbol):
        if math.prod(shape) <= 64:  # filling so few elements is faster than making a view
            array = np.empty(shape, x.dtype)
            array.fill(x)
            return array
        view = np.ndarray(shape, x.dtype, x, strides=(0,) * len(shape))
        view.flags.writeable = False
        return view
    return np.broadcast_to(x, shape)


def one_like(x: Array) -> Array:
    """The gradient of a single element with respect to itself."""
    return literal(x.dtype.type(1)) if x.shape == () else ones(x.shape, x.dtype)


def share_memory(a: Any, b: Any) -> bool:
    """Whether a change of one array may change the other."""
    if isinstance(a, Symbol):
        return bool(a.shares(b))
    both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    return both and np.may_share_memory(a, b)
