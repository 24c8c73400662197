"""New tensors: of one number, of ranges, of what is given.

They are leaves, with `requires_grad=True` such as `backward()` gives a gradient. Where numbers come from
tensors, as in `tensor([a, b])`, they stay on the tape. `np.zeros_like(t)` and its relatives still make
plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import errors, symbols
from ..engine.arrays import Array
from ..engine.breadth.composites import stack
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.nodes import Leaf
from ..engine.operands import as_operand, check_differentiable, check_numbers
from ..engine.ops import arithmetic, moves
from ..engine.public import public
from ..engine.tensors import Tensor, is_tensor, raw, wrap
from .inputs import numbers, setting

if TYPE_CHECKING:
    import numpy.typing as npt

Shape = int | tuple[int, ...]


def new_leaf(name: str, make: Callable[[], Array], requires_grad: bool) -> Tensor:
    """A leaf of a new array, which is not copied."""
    try:
        array = make()
    except Exception as error:
        raise errors.explain(name, [], (), error) from None
    check_numbers(name, [array], array)
    if requires_grad:
        check_differentiable(array)
    return wrap(array, Leaf(array, bool(requires_grad)))


def _on_tape(name: str, x: Any, requires_grad: bool) -> bool:
    """Whether x is a tensor whose gradient is to be kept; then the result can't be a leaf."""
    if not (is_tensor(x) and x.requires_grad):
        return False
    if requires_grad:
        what = f"{name}: the result is on the tape already, and can't be a leaf that requires grad"
        raise errors.GraphError(what, [x], "leave requires_grad out, or pass .detach()")
    return True


# --- of what is given -----------------------------------------------------------------------------


@public(aliases=("array",))
def tensor(data: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of numbers, an array, a tensor, or nested lists of these. The numbers are copied, and those
    that come from tensors that require grad keep their gradient.

    Args:
        dtype: that of the data if None (Python floats: float64).
        requires_grad: make it a leaf with a gradient.

    Raises:
        GraphError: `requires_grad`, but the data is on the tape already.

    >>> a, b = Tensor(1.0, requires_grad=True), Tensor(2.0)
    >>> y = tensor([[a, b], [b, 3.0]])
    >>> y.numpy()
    array([[1., 2.],
           [2., 3.]])
    >>> y.sum().backward()
    >>> a.grad.item()
    1.0
    """
    found = _stacked(data) if _has_tensors(data) else data
    if not _on_tape("tensor", found, requires_grad):
        return Tensor(raw(found), requires_grad, dtype)
    if dtype is not None:
        return moves.astype(found, dtype)
    return moves.identity(found) if found is data else found


@public()
def asarray(x: Any, dtype: npt.DTypeLike | None = None) -> Tensor:
    """The same, but a tensor of this dtype is returned as it is.

    >>> x = Tensor([1.0, 2.0])
    >>> asarray(x) is x
    True
    """
    if is_tensor(x):
        y = x if dtype is None else moves.astype(x, dtype)
        return x if y.dtype == x.dtype else y
    return tensor(x, dtype)


def _has_tensors(data: Any) -> bool:
    """Whether there are tensors in nested lists."""
    if isinstance(data, (list, tuple)) and not {int, float, bool}.issuperset(map(type, data)):
        return any(is_tensor(part) or _has_tensors(part) for part in data)
    return False


def _stacked(data: Any) -> Any:
    return stack([_stacked(part) for part in data]) if _has_tensors(data) else data


# --- of one number --------------------------------------------------------------------------------


@public()
def zeros(shape: Shape, dtype: npt.DTypeLike = np.float64, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape.

    >>> zeros((2, 2)).numpy()
    array([[0., 0.],
           [0., 0.]])
    """
    return new_leaf("zeros", lambda: symbols.zeros(setting("zeros", shape), dtype), requires_grad)


@public()
def ones(shape: Shape, dtype: npt.DTypeLike = np.float64, requires_grad: bool = False) -> Tensor:
    """Ones of a shape.

    >>> ones(2, np.float32).numpy()
    array([1., 1.], dtype=float32)
    """
    return new_leaf("ones", lambda: symbols.ones(setting("ones", shape), dtype), requires_grad)


@public()
def full(
    shape: Shape,
    fill_value: Operand,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A number, or what broadcasts to the shape, in every place. A tensor gets the sum of the gradients.

    Args:
        dtype: that of the number if None (Python floats: float64).

    >>> full((2, 2), 0.5).numpy()
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    shape = setting("full", shape)
    if _on_tape("full", fill_value, requires_grad):
        return moves.broadcast_to(asarray(fill_value, dtype), shape)
    value = numbers("full", raw(fill_value))
    return new_leaf("full", lambda: symbols.full(shape, value, dtype), requires_grad)


@public()
def zeros_like(
    x: Operand, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Zeros in the shape and dtype of x, as a new leaf.

    >>> zeros_like(Tensor([1.0, 2.0])).numpy()
    array([0., 0.])
    """
    t = numbers("zeros_like", x)
    return zeros(t.shape, t.dtype if dtype is None else dtype, requires_grad)


@public()
def ones_like(
    x: Operand, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Ones in the shape and dtype of x, as a new leaf.

    >>> ones_like(Tensor([1.0, 2.0])).numpy()
    array([1., 1.])
    """
    t = numbers("ones_like", x)
    return ones(t.shape, t.dtype if dtype is None else dtype, requires_grad)


@public()
def full_like(
    x: Operand,
    fill_value: Operand,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A number in every place, in the shape and dtype of x. It may be a tensor, as for `full`.

    >>> full_like(Tensor([1.0, 2.0]), 3).numpy()
    array([3., 3.])
    """
    t = numbers("full_like", x)
    return full(t.shape, fill_value, t.dtype if dtype is None else dtype, requires_grad)


@public()
def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: npt.DTypeLike = np.float64,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix of n rows and m columns (n if None) with ones on the k-th diagonal, else zeros.

    >>> eye(2).numpy()
    array([[1., 0.],
           [0., 1.]])
    """
    n, m, k = setting("eye", n), setting("eye", m), setting("eye", k)
    return new_leaf("eye", lambda: symbols.eye(n, m, k, dtype), requires_grad)


# --- of ranges ------------------------------------------------------------------------------------


@public()
def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from `start` up to, without, `stop`; or from 0 up to the only number that is given.

    Args:
        dtype: if None, integers of integers, else float64.

    >>> arange(3).numpy(), arange(0.0, 1.0, 0.5).numpy()
    (array([0, 1, 2]), array([0. , 0.5]))
    """
    limits: list[Any] = [start, stop] if stop is not None else [0, start]
    limits = [setting("arange", x) for x in (*limits, step)]
    return new_leaf("arange", lambda: symbols.arange(*limits, dtype=dtype), requires_grad)


@public(numpy=np.linspace)
def linspace(
    start: Operand,
    stop: Operand,
    num: int = 50,
    endpoint: bool = True,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """So many numbers at equal distances from `start` to `stop`, which is the last one unless `endpoint` is
    False. Both may be arrays, along whose new first axis the numbers stand, and tensors, which get their
    gradients.

    >>> linspace(0.0, 1.0, 5).numpy()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    limits = [
        x if is_tensor(x) else as_operand("linspace", x, [start, stop]) for x in (start, stop)
    ]
    num, values = setting("linspace", num), [raw(x) for x in limits]

    def between(a: Any, b: Any, dtype: Any) -> Tensor:
        return new_leaf(
            "linspace", lambda: symbols.linspace(a, b, num, endpoint, dtype=dtype), requires_grad
        )

    y = between(values[0], values[1], dtype)
    if not any(_on_tape("linspace", x, requires_grad) for x in limits):
        return y
    steps = raw(between(0.0, 1.0, None)).reshape(-1, *[1] * (y.ndim - 1))
    with composite("linspace", "start · (1 - t) + stop · t"):
        parts = arithmetic.mul(limits[0], 1 - steps), arithmetic.mul(limits[1], steps)
        return asarray(arithmetic.add(*parts), y.dtype)
