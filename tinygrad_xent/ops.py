"""The table of operations: one row each, and all the calculus there is.

A row is a forward function on raw arrays (`xp` is the array library) and, for each input, the
derivative's formula for people and its rule for the walk. `g` is the gradient of the output; a rule's
other arguments say what it needs: `y` the output, an input, `<input>_shape`, a setting. What no rule
names is not kept. Inputs stand before the `/`, settings after it. The keys behind the rules say what
else there is to know (`table.py`): a row is elementwise unless its `kind` says otherwise.

Rules are written with the operators and the table's own functions, which accept raw arrays and
tensors alike, so one rule serves every order of derivative. No rule undoes broadcasting or a
reduction's missing axes beyond naming them: the walk fixes shapes.

To add an operation, add a row here and a line of sample inputs to `tests/operations.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np  # for the names of the functions that rows answer for

from . import backend as xp
from .backend import Array, Axis
from .modes import composite
from .public import op
from .tape import is_tensor, raw

if TYPE_CHECKING:
    import numpy.typing as npt

    from .tensor import Tensor

    Operand: TypeAlias = Tensor | npt.ArrayLike


# --- derivatives that take more than a line; `raw` for what has none: a sign, a mask -------------


def _masked(g: Any, chosen: Any) -> Any:
    """g where chosen, else 0; g · chosen would be NaN where g is infinite."""
    return where(raw(chosen), g, 0) if is_tensor(g) else xp.masked(g, chosen)


def _winner(g: Any, wins: Array, ties: Array) -> Any:
    """g where it wins, half of it where there is a tie, else 0. Ties are rare."""
    return _masked(g, wins) + _masked(g / 2, ties) if ties.any() else _masked(g, wins)


def _constant(limit: Any) -> Any:
    """A limit's values. One that requires grad would lose it: limits are settings, not inputs."""
    if is_tensor(limit) and limit._source().requires_grad:
        name = f" ({limit._source().name})" if limit._source().name else ""
        raise TypeError(
            f"a limit{name} requires grad; use maximum(x, low) and minimum(x, high), or .detach()"
        )
    return raw(limit)


def _inside(x: Any, low: Any, high: Any) -> Any:
    x, low, high = raw(x), raw(low), raw(high)
    return (x >= (-xp.inf if low is None else low)) & (x <= (xp.inf if high is None else high))


def _unreduce(g: Any, axis: Axis, keepdims: bool) -> Any:
    """Put back the axes that a reduction dropped, as length 1."""
    return g if keepdims or axis is None or axis == () else expand_dims(g, axis)


def _share(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    chosen = raw(x) == raw(_unreduce(y, axis, keepdims))
    return where(chosen, _unreduce(g, axis, keepdims) / xp.sum(chosen, axis, keepdims=True), 0)


def _softmax_share(g: Any, x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    """g · softmax(x). y is rounded at the size of the logits, so exp(x - y) sums to 1 only nearly:
    in float32 and for logits of 1e4 it is 5e-4 off. Dividing by its sum cures that.
    """
    y = _unreduce(y, axis, keepdims)
    masked = raw(y) == -xp.inf  # a row of only -inf has, as in PyTorch, gradient 0
    p = exp(x - where(masked, 0, y))
    total = where(masked, 1, sum(p, axis, keepdims=True))
    return p * (_unreduce(g, axis, keepdims) / total)


def _less_its_share(g: Any, y: Any, axis: Axis) -> Any:
    """g - eʸ · Σ g; arrays are changed in place: temporaries as large as the logits cost most."""
    if is_tensor(g):
        return g - exp(y) * sum(g, axis, keepdims=True)
    share = xp.exp(y)
    share *= -xp.sum(g, axis, keepdims=True)
    share += g
    return share


CROSS_ENTROPY = "-Σ (Y · log softmax(z)) / N"


def _cross_entropy(x: Any, labels: Any, axis: int) -> Any:
    with composite("cross_entropy", CROSS_ENTROPY):
        log_p = log_softmax(x, axis)
        return div(sum(take_along_axis(log_p, labels, axis)), -labels.size)


def _label_slope(g: Any, log_p: Any, labels: Any, axis: int) -> Any:
    """g · (softmax - Y) / N; arrays are changed in place, as in `_less_its_share`."""
    g = g / labels.size
    if is_tensor(g):
        return exp(log_p) * g - scatter_along_axis(g, labels, log_p.shape, axis)
    share = xp.exp(log_p)
    share *= g
    return xp.subtract_at_labels(share, g, labels, axis)


def _power_slope(x: Any, n: Any) -> Any:
    """n · x^(n-1), 0 where n = 0 even at x = 0."""
    if isinstance(n, (int, float)):
        return 2 * x if n == 2 else n * x ** (n - 1 if n != 0 else 1)
    return n * x ** where(raw(n) == 0, 1, n - 1)


def _base(x: Any, n: Any) -> Any:
    """x, with 1 where 0ⁿ is flat in n, so that its logarithm is 0 there."""
    return where((raw(x) == 0) & (raw(n) >= 0), 1, x)


def _matmul_da(g: Any, b: Any) -> Any:
    """g @ bᵀ, with 1-D inputs as the row or column they stand for: then g lacks that axis."""
    if b.ndim == 1:
        g, b = expand_dims(g, -1), expand_dims(b, -1)
    if g.ndim < b.ndim:
        g = expand_dims(g, -2)
    return xp.matmul(g, b.mT)


def _matmul_db(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    """aᵀ @ g, likewise. Rows of a stack times one matrix count as more rows of one product."""
    if a.ndim == g.ndim == 2:
        return xp.matmul(a.mT, g)
    if len(b_shape) == 1:
        g = expand_dims(g, -1)
    if a.ndim == 1:
        a, g = expand_dims(a, 0), expand_dims(g, -2)
    if len(b_shape) == 2 and a.ndim > 2:
        rows = math.prod(a.shape[:-1])
        a, g = reshape(a, (rows, a.shape[-1])), reshape(g, (rows, g.shape[-1]))
    db = a.mT @ g
    return db[..., 0] if len(b_shape) == 1 else db


# --- the table -----------------------------------------------------------------------------------
#
# A table is laid out by hand: what a row computes, a rule for each input, then the other facts.
# fmt: off

SAME = ("g", lambda g: g)
BACK = ("reshape(g, x_shape)", lambda g, x_shape: reshape(g, x_shape))


# --- arithmetic ----------------------------------------------------------------------------------


@op("-x", ("-g", lambda g: -g), numpy=np.negative, operator="neg", aliases=("negative",))
def neg(x: Operand, /) -> Array:
    """-x, elementwise.

    >>> neg(Tensor([1.0, -2.0])).numpy()
    array([-1.,  2.])
    """
    return xp.negative(x)


@op("a + b", SAME, SAME, numpy=np.add, operator="add")
def add(a: Operand, b: Operand, /) -> Array:
    """a + b, elementwise, with broadcasting.

    >>> add(Tensor([1.0, 2.0]), 10.0).numpy()
    array([11., 12.])
    """
    return xp.add(a, b)


@op("a - b", SAME, ("-g", lambda g: -g), numpy=np.subtract, operator="sub", aliases=("subtract",))
def sub(a: Operand, b: Operand, /) -> Array:
    """a - b, elementwise, with broadcasting.

    >>> sub(Tensor([1.0, 2.0]), 10.0).numpy()
    array([-9., -8.])
    """
    return xp.subtract(a, b)


@op("a · b", ("g · b", lambda g, b: g * b), ("g · a", lambda g, a: g * a),
    numpy=np.multiply, operator="mul", aliases=("multiply",))
def mul(a: Operand, b: Operand, /) -> Array:
    """a · b, elementwise, with broadcasting.

    >>> mul(Tensor([1.0, 2.0]), 10.0).numpy()
    array([10., 20.])
    """
    return xp.multiply(a, b)


@op("a / b", ("g / b", lambda g, b: g / b), ("-g · y / b", lambda g, b, y: -g * y / b),
    numpy=np.true_divide, operator="truediv", aliases=("divide",))
def div(a: Operand, b: Operand, /) -> Array:
    """a / b, elementwise, with broadcasting; true division for integers.

    >>> div(Tensor([1.0, 2.0]), 4).numpy()
    array([0.25, 0.5 ])
    """
    return xp.divide(a, b)


@op("xⁿ",
    ("g · n · xⁿ⁻¹ where n ≠ 0", lambda g, x, n: g * _power_slope(x, n)),
    ("g · y · log x where x ≠ 0 or n < 0", lambda g, x, n, y: g * y * log(_base(x, n))),
    numpy=np.power, operator="pow", aliases=("power",))
def pow(x: Operand, n: Operand, /) -> Array:
    """x to the power n, elementwise. As in PyTorch the slope in x is 0 where n = 0, and the slope
    in n is 0 where x = 0 and n >= 0.

    >>> pow(Tensor([2.0, 3.0]), 2).numpy()
    array([4., 9.])
    """
    return xp.power(x, n)


@op("a @ b",
    ("g @ bᵀ", _matmul_da),
    ("aᵀ @ g", _matmul_db),
    kind="product", numpy=np.matmul, operator="matmul")
def matmul(a: Operand, b: Operand, /) -> Array:
    """The matrix product, with NumPy's meaning of 1-D arrays and stacks of matrices.

    Shapes: `(..., m, k) @ (..., k, n) -> (..., m, n)`; a 1-D `a` is a row, a 1-D `b` a column, and
    their axis is gone from the result.

    Raises:
        ShapeError: the inner axes differ.

    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0])).numpy()
    array([3., 7.])
    """
    return xp.matmul(a, b)


@op("x @ weight + bias",
    ("g @ weightᵀ", lambda g, weight: _matmul_da(g, weight)),
    ("xᵀ @ g", lambda g, x, weight_shape: _matmul_db(g, x, weight_shape)),
    SAME,
    kind="product", parts=lambda x, weight, bias: add(matmul(x, weight), bias))
def linear(x: Operand, weight: Operand, bias: Operand, /) -> Array:
    """x @ weight + bias, with one array of results in place of two. Fused: traces and pictures show
    `matmul` and `add`.

    Shapes: x (..., D), weight (D, C) and not PyTorch's (C, D), bias (C,).

    Raises:
        ShapeError: shapes that do not fit.

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[1.0, 0.0], [0.0, 1.0]]), [10.0, 20.0]).numpy()
    array([[11., 22.]])
    """
    return xp.linear(x, weight, bias)


# --- elementwise functions -----------------------------------------------------------------------


@op("eˣ", ("g · y", lambda g, y: g * y), numpy=np.exp, method=True)
def exp(x: Operand, /) -> Array:
    """e to the power x, elementwise.

    >>> exp(Tensor([0.0, 1.0])).numpy()
    array([1.        , 2.71828183])
    """
    return xp.exp(x)


@op("log x", ("g / x", lambda g, x: g / x), numpy=np.log, method=True)
def log(x: Operand, /) -> Array:
    """The natural logarithm, elementwise. For log of a softmax use `log_softmax`: it can't be log 0.

    >>> log(Tensor([1.0, 10.0])).numpy()
    array([0.        , 2.30258509])
    """
    return xp.log(x)


@op("log(1 + x)", ("g / (1 + x)", lambda g, x: g / (1 + x)), numpy=np.log1p)
def log1p(x: Operand, /) -> Array:
    """log(1 + x), exact for small x.

    >>> log1p(Tensor([0.0, 1e-20])).numpy()
    array([0.e+00, 1.e-20])
    """
    return xp.log1p(x)


@op("eˣ - 1", ("g · (y + 1)", lambda g, y: g * (y + 1)), numpy=np.expm1)
def expm1(x: Operand, /) -> Array:
    """e to the power x, less 1, exact for small x.

    >>> expm1(Tensor([0.0, 1e-20])).numpy()
    array([0.e+00, 1.e-20])
    """
    return xp.expm1(x)


@op("√x", ("g / (2 · y)", lambda g, y: g / (2 * y)), numpy=np.sqrt, method=True)
def sqrt(x: Operand, /) -> Array:
    """The square root, elementwise; its slope at 0 is infinite.

    >>> sqrt(Tensor([4.0, 9.0])).numpy()
    array([2., 3.])
    """
    return xp.sqrt(x)


@op("|x|", ("g · sign(x)", lambda g, x: g * xp.sign(raw(x))),
    numpy=np.absolute, method=True, operator="abs", aliases=("absolute",))
def abs(x: Operand, /) -> Array:
    """The absolute value, elementwise; the slope at 0 is 0.

    >>> abs(Tensor([-2.0, 3.0])).numpy()
    array([2., 3.])
    """
    return xp.abs(x)


@op("tanh x", ("g · (1 - y²)", lambda g, y: g * (1 - y * y)), numpy=np.tanh, method=True)
def tanh(x: Operand, /) -> Array:
    """The hyperbolic tangent, elementwise.

    >>> tanh(Tensor([0.0, 100.0])).numpy()
    array([0., 1.])
    """
    return xp.tanh(x)


@op("1 / (1 + e⁻ˣ)", ("g · y · (1 - y)", lambda g, y: g * y * (1 - y)), method=True)
def sigmoid(x: Operand, /) -> Array:
    """The logistic function, elementwise; right for any size of x.

    >>> sigmoid(Tensor([-1000.0, 0.0, 1000.0])).numpy()
    array([0. , 0.5, 1. ])
    """
    return xp.sigmoid(x)


@op("max(x, 0)", ("g where y > 0", lambda g, y: _masked(g, xp.positive(raw(y)))),
    kind="selects", method=True)
def relu(x: Operand, /) -> Array:
    """x where it is positive, else 0; the slope at 0 is 0.

    >>> relu(Tensor([-2.0, 3.0])).numpy()
    array([0., 3.])
    """
    return xp.relu(x)


@op("log(1 + eˣ)", ("g · σ(x)", lambda g, x: g * sigmoid(x)), method=True)
def softplus(x: Operand, /) -> Array:
    """log(1 + exp(x)), elementwise; never overflows.

    >>> softplus(Tensor([-1000.0, 1000.0])).numpy()
    array([   0., 1000.])
    """
    return xp.softplus(x)


@op("max(a, b)",
    ("g where a > b, g / 2 where a = b", lambda g, a, b: _winner(g, raw(a) > raw(b), raw(a) == raw(b))),
    ("g where b > a, g / 2 where a = b", lambda g, a, b: _winner(g, raw(b) > raw(a), raw(a) == raw(b))),
    kind="selects", numpy=np.maximum)
def maximum(a: Operand, b: Operand, /) -> Array:
    """The larger of a and b, elementwise; equal ones share the gradient.

    >>> maximum(Tensor([1.0, 5.0]), 3.0).numpy()
    array([3., 5.])
    """
    return xp.maximum(a, b)


@op("min(a, b)",
    ("g where a < b, g / 2 where a = b", lambda g, a, b: _winner(g, raw(a) < raw(b), raw(a) == raw(b))),
    ("g where b < a, g / 2 where a = b", lambda g, a, b: _winner(g, raw(b) < raw(a), raw(a) == raw(b))),
    kind="selects", numpy=np.minimum)
def minimum(a: Operand, b: Operand, /) -> Array:
    """The smaller of a and b, elementwise; equal ones share the gradient.

    >>> minimum(Tensor([1.0, 5.0]), 3.0).numpy()
    array([1., 3.])
    """
    return xp.minimum(a, b)


@op("min(max(x, min), max)",
    ("g where min ≤ x ≤ max", lambda g, x, min, max: _masked(g, _inside(x, min, max))),
    kind="selects", numpy=np.clip, method=True)
def clip(x: Operand, /, min: Any = None, max: Any = None) -> Array:
    """x limited to [min, max]; None is no limit. The gradient is 0 outside, 1 on the limits.

    A clipped probability has gradient 0 exactly where the loss needs one: prefer `log_softmax`.

    >>> clip(Tensor([-2.0, 0.5, 2.0]), -1, 1).numpy()
    array([-1. ,  0.5,  1. ])
    """
    return xp.clip(x, _constant(min), _constant(max))


@op("a where condition, b else",
    None,
    ("g where condition", lambda g, condition: _masked(g, raw(condition))),
    ("g where not condition", lambda g, condition: _masked(g, xp.logical_not(raw(condition)))),
    kind="selects", numpy=np.where)
def where(condition: Operand, a: Operand, b: Operand, /) -> Array:
    """a where the condition holds, else b.

    Both branches are computed: a 0 gradient times an infinite slope in the branch not taken is NaN.
    Guard the argument of that branch, not its result.

    Raises:
        DtypeError: the condition is not boolean.

    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0.0).numpy()
    array([1., 0.])
    """
    return xp.where(xp.as_condition(condition), a, b)


@op("astype(x, dtype)", SAME, kind="elementwise moves", method=True)
def astype(x: Operand, /, dtype: Any) -> Array:
    """x in another floating dtype; the gradient returns in x's own.

    >>> astype(Tensor([1.0, 2.0]), np.float32).numpy()
    array([1., 2.], dtype=float32)
    """
    return xp.astype(x, dtype)


@op("x", SAME, kind="elementwise moves")
def identity(x: Operand, /) -> Array:
    """x itself, as a new place on the tape: the gradient can be asked at this very place.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> here = identity(x)
    >>> tx.trace((here * 3).sum())[here].gradient
    array([3., 3.])
    """
    return xp.view(x)


# --- reductions ----------------------------------------------------------------------------------


@op("Σ x", ("g", _unreduce),
    kind="reduction", numpy=(np.sum, np.add.reduce), method=True)
def sum(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over an axis, several, or all (None).

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).numpy()
    array([3., 7.])
    """
    return xp.sum(x, axis, keepdims)


@op("max x",
    ("g / Σ (x = y) where x = y", _share),
    kind="reduction selects", numpy=(np.max, np.amax, np.maximum.reduce), method=True)
def max(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element over an axis, several, or all; equal ones share the gradient evenly.

    >>> max(Tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).numpy()
    array([2., 4.])
    """
    return xp.max(x, axis, keepdims)


@op("min x",
    ("g / Σ (x = y) where x = y", _share),
    kind="reduction selects", numpy=(np.min, np.amin, np.minimum.reduce), method=True)
def min(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element over an axis, several, or all; equal ones share the gradient evenly.

    >>> min(Tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).numpy()
    array([1., 3.])
    """
    return xp.min(x, axis, keepdims)


@op("log Σ eˣ",
    ("g · softmax(x)", _softmax_share),
    kind="reduction rowwise", method=True)
def logsumexp(x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """log of the sum of exp(x) over an axis, several, or all, without overflow.

    -inf entries add nothing and have gradient 0.

    >>> logsumexp(Tensor([1e4, 1e4])).item() - 1e4
    0.6931471805601177
    """
    return xp.logsumexp(x, axis, keepdims)


@op("eˣ / Σ eˣ",
    ("y · (g - Σ (g · y))", lambda g, y, axis: y * (g - sum(g * y, axis, keepdims=True))),
    kind="rowwise", method=True)
def softmax(x: Operand, /, axis: Axis = -1) -> Array:
    """exp(x) / sum exp(x) along an axis: probabilities, right for any size of x.

    A masked class (x = -inf) has probability 0 and gradient 0.

    >>> softmax(Tensor([2.0, 1.0, -1.0])).numpy().round(6)
    array([0.705385, 0.259496, 0.035119])
    """
    return xp.softmax(x, axis)


@op("x - log Σ eˣ", ("g - eʸ · Σ g", _less_its_share),
    kind="rowwise", method=True)
def log_softmax(x: Operand, /, axis: Axis = -1) -> Array:
    """log of softmax(x), without the overflow and the log 0 of writing it so.

    >>> log_softmax(Tensor([0.0, 1000.0])).numpy()
    array([-1000.,     0.])
    """
    return xp.log_softmax(x, axis)


@op("-Σ log softmax(x)[labels] / N",
    ("g · (softmax(x) - Y) / N", _label_slope),
    None,
    kind="reduction rowwise", parts=_cross_entropy,
    saves={"log_p": "log_softmax"}, export=False)
def softmax_cross_entropy(x: Operand, labels: Array, /, axis: int) -> Any:
    """The row behind `cross_entropy` of labels without further options. Fused: traces and pictures
    show `log_softmax`, `take_along_axis`, `sum` and `div`.
    """
    log_p = xp.log_softmax(x, axis)
    return xp.sum(xp.take_labels(log_p, labels, axis)) / -labels.size, log_p


# --- shapes and places ---------------------------------------------------------------------------


@op("reshape(x, shape)", BACK, kind="moves", numpy=np.reshape)
def reshape(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """The same elements in another shape; one size may be -1.

    Raises:
        ShapeError: the shape holds another number of elements.

    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1)).numpy()
    array([[1., 2.],
           [3., 4.]])
    """
    return xp.reshape(x, shape)


@op("transpose(x, axes)", ("transpose(g, inverse(axes))", lambda g, axes: transpose(g, axes and xp.inverse_permutation(axes))),
    kind="moves", numpy=np.transpose)
def transpose(x: Operand, /, axes: tuple[int, ...] | None = None) -> Array:
    """The axes permuted; reversed if None.

    >>> transpose(Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([[1., 3.],
           [2., 4.]])
    """
    return xp.transpose(x, axes)


@op("squeeze(x, axis)", BACK, kind="moves", numpy=np.squeeze, method=True)
def squeeze(x: Operand, /, axis: Axis = None) -> Array:
    """Without its axes of length 1, or without those named.

    Raises:
        ShapeError: an axis named is longer than 1.

    >>> squeeze(Tensor([[1.0, 2.0]])).numpy()
    array([1., 2.])
    """
    return xp.squeeze(x, axis)


@op("expand(x, axis)", BACK, kind="moves", numpy=np.expand_dims, method=True)
def expand_dims(x: Operand, /, axis: int | tuple[int, ...]) -> Array:
    """With a new axis of length 1 at each place named.

    >>> expand_dims(Tensor([1.0, 2.0]), 0).numpy()
    array([[1., 2.]])
    """
    return xp.expand_dims(x, axis)


@op("broadcast(x, shape)", SAME, kind="elementwise moves", numpy=np.broadcast_to, method=True)
def broadcast_to(x: Operand, /, shape: int | tuple[int, ...]) -> Array:
    """Repeated along new or length-1 axes; the gradient is summed over the repeats.

    Raises:
        ShapeError: x does not stretch to the shape.

    >>> broadcast_to(Tensor([1.0, 2.0]), (2, 2)).numpy()
    array([[1., 2.],
           [1., 2.]])
    """
    return xp.broadcast_to(x, shape)


@op("join(arrays)", ("part(g, shapes, i)", lambda g, shapes, axis, i: g[xp.part(g, shapes, axis, i)]),
    kind="moves", export=False, spoken="concatenate")
def join(*arrays: Operand, axis: int = 0) -> Array:
    """The row behind `concatenate`: each array is an input of its own."""
    return xp.concatenate(arrays, axis)


@op("x[index]", ("scatter(g, index)", lambda g, x_shape, index: scatter(g, x_shape, index)),
    kind="moves selects", export=False, spoken="index")
def getitem(x: Operand, /, index: Any) -> Array:
    """The row behind `x[index]`: slices, integers, integer arrays, boolean masks.

    An element read several times gets the sum of the gradients.
    """
    return xp.getitem(x, index)


@op("scatter(x, shape, index)", ("g[index]", lambda g, index: getitem(g, index)), kind="moves", export=False)
def scatter(x: Operand, /, shape: tuple[int, ...], index: Any) -> Array:
    """Zeros of a shape with x added at an index: the adjoint of `getitem`."""
    return xp.scatter(x, shape, index)


@op("x[indices]",
    ("scatter(g, indices)", lambda g, indices, x_shape, axis: scatter_along_axis(g, indices, x_shape, axis)),
    None,
    kind="moves selects", numpy=np.take_along_axis)
def take_along_axis(x: Operand, indices: Operand, /, axis: int = -1) -> Array:
    """Elements picked along an axis, as `numpy.take_along_axis`: one index array element an output.

    Raises:
        DtypeError: the indices are not integers.
        OutOfRangeError: one is past the end of the axis.

    >>> take_along_axis(Tensor([[0.1, 0.9], [0.8, 0.2]]), np.array([[1], [0]]), axis=1).numpy()
    array([[0.9],
           [0.8]])
    """
    return xp.take_along_axis(x, xp.as_indices(indices), axis)


@op("scatter(x, shape, indices)",
    ("g[indices]", lambda g, indices, axis: take_along_axis(g, indices, axis)),
    None,
    kind="moves", export=False)
def scatter_along_axis(x: Operand, indices: Operand, /, shape: tuple[int, ...], axis: int) -> Array:
    """Zeros of a shape with x added at indices along an axis: the adjoint of `take_along_axis`."""
    return xp.scatter_along_axis(x, indices, shape, axis)
