"""Function transforms in the style of JAX: derivatives without `.grad`.

Each runs `f` on fresh variables and asks the walk for their gradients; no leaf's `.grad` is touched.
They nest: the result can be differentiated again as long as something it depends on requires grad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .engine import errors
from .engine.context import MODE, next_id, no_grad, recording
from .engine.gradients import gradients, seed_gradient
from .engine.nodes import Leaf, Node
from .engine.ops import arithmetic, moves, reductions
from .engine.symbols import noting, zeros
from .engine.table import Op
from .engine.tape import apply
from .engine.tensors import Tensor, is_tensor, raw, wrap
from .engine.walk import Source, collect, leaves_of

Function = Callable[..., Tensor]


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function of the same arguments.

    Args:
        f: takes tensors, returns a tensor of one element.
        argnums: the positional argument to differentiate by; with a sequence the result is a tuple.

    Raises:
        ShapeError: `f` gave more than one element.

    >>> import tinygrad_xent as tx
    >>> cube = lambda x: x ** 3
    >>> tx.grad(cube)(2.0).item(), tx.grad(tx.grad(cube))(2.0).item()
    (12.0, 12.0)
    """

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The value and the gradient of a scalar function: like `grad`, but returns `(f(x), gradient)`.

    >>> import tinygrad_xent as tx
    >>> value, slope = tx.value_and_grad(lambda x: (x * x).sum())([1.0, 2.0])
    >>> value.item(), slope.numpy()
    (5.0, array([2., 4.]))
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        variables, y = _call(f, args, kwargs, argnums)
        if y.size != 1:
            what = f"grad: the function's result has shape {y.shape}, but must have one element"
            raise errors.ShapeError(what, [y], "use jacobian or vjp")
        found = _pull_back(y, variables, None)
        value = _result(y, variables)
        _give_back(variables)
        return value, found[0] if _is_one(argnums) else found

    return value_and_gradient


def vjp(f: Function, *primals: Any) -> tuple[Tensor, Callable[[Any], Any]]:
    """`f(*primals)`, and its vector-Jacobian product as a function of the output's gradient.

    That function takes an array of the output's shape; it returns a tensor for one primal, a tuple for
    several. It may be called any number of times.

    >>> import tinygrad_xent as tx
    >>> y, back = tx.vjp(lambda x: x * x, [1.0, 2.0])
    >>> back([1.0, 10.0]).numpy()
    array([ 2., 40.])
    """
    variables, y = _call(f, primals, {}, range(len(primals)))

    def back(gradient: Any) -> Any:
        found = _pull_back(y, variables, gradient)
        return found[0] if len(found) == 1 else found

    value = _result(y, variables)
    _give_back(variables)
    return value, back


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian of `f`, of shape `f(x).shape + x.shape`; costs one walk per output element.

    >>> import tinygrad_xent as tx
    >>> tx.jacobian(tx.softmax)([2.0, 1.0, -1.0]).numpy().round(3)
    array([[ 0.208, -0.183, -0.025],
           [-0.183,  0.192, -0.009],
           [-0.025, -0.009,  0.034]])
    """

    @wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        variables, y = _call(f, args, kwargs, argnums)
        rows = []
        for i in range(y.size):
            seed = zeros(y.shape, y.dtype)
            seed[np.unravel_index(i, y.shape)] = 1
            rows.append(_pull_back(y, variables, seed))
        found = tuple(
            moves.reshape(_stacked([row[k] for row in rows], v), y.shape + v.shape)
            for k, v in enumerate(variables)
        )
        _give_back(variables)
        return found[0] if _is_one(argnums) else found

    return derivatives


def hessian(f: Function, argnums: int = 0) -> Callable[..., Any]:
    """The Hessian of a scalar function: all second derivatives, of shape `x.shape + x.shape`.

    >>> import tinygrad_xent as tx
    >>> tx.hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0]).numpy()
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Any, vectors: Any) -> Any:
    """The Hessian-vector product of a scalar function, without computing the Hessian.

    Args:
        f: takes tensors, returns a tensor of one element.
        primals: the point; a tuple of arrays if `f` takes several arguments.
        vectors: the vector, in the primal's shape; with several primals, a tuple of vectors.

    >>> import tinygrad_xent as tx
    >>> tx.hvp(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [1.0, 0.0]).numpy()
    array([10.,  6.])
    """
    several = isinstance(primals, tuple)
    points = primals if several else (primals,)
    along = [as_variable(v) for v in (vectors if several else (vectors,))]
    places = tuple(range(len(points)))

    def slope_along(*args: Any) -> Tensor:
        slopes = grad(f, places)(*args)
        total: Any = 0.0
        for slope, v in zip(slopes, along, strict=True):
            if slope.shape != v.shape:
                what = f"hvp: the vector has shape {v.shape}, but its input {slope.shape}"
                raise errors.ShapeError(what, [v])
            total = total + reductions.sum(arithmetic.mul(slope, v))
        return as_variable(total)

    found = grad(slope_along, places)(*points)
    return found if several else found[0]


def checkpoint(f: Function) -> Function:
    """`f`, but computed again in backward instead of keeping what its operations need.

    Saves memory at the cost of another forward pass. Everything `f` reads gets its gradient, including
    tensors from outside `f`. It must give the same result each time, which is checked.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, 2.0], requires_grad=True)
    >>> tx.checkpoint(lambda x: (x * x).exp())(w).sum().backward()
    >>> w.grad.numpy().round(3)
    array([  5.437, 218.393])
    """

    @wraps(f)
    def run(*inputs: Any) -> Tensor:
        start = next_id()
        y = f(*inputs)
        if not isinstance(y, Tensor) or not isinstance(y._node, Node) or y._node.id < start:
            return y
        segment = _Segment(f, inputs, start, y._data)
        sources = segment.read_from_outside(y._node)
        operands = [
            wrap(s.data, s) if isinstance(s, Leaf) else wrap(np.broadcast_to(0.0, s.shape), s)
            for s in sources
        ]
        segment.first, segment.sources = y._data, sources
        result: Tensor = apply(_CHECKPOINT, operands, (), MODE.get(), (segment,))
        segment.first = None
        return result

    return run


class _Segment:
    """What a checkpoint keeps: the function, its arguments, and the last recomputed gradients."""

    def __init__(self, f: Function, inputs: tuple[Any, ...], start: int, y: Any) -> None:
        self.f, self.inputs, self.start = f, inputs, start
        self.first: Any = None  # the result of the first run, only until it is recorded
        self.fingerprint = _fingerprint(y)
        self.sources: list[Source] = []  # what f read from outside: the operation's inputs
        self.found: tuple[Any, dict[Source, Any]] = (None, {})

    def read_from_outside(self, root: Node) -> list[Source]:
        """The leaves, and the nodes older than this run, from which the result was computed."""
        seen: dict[Source, None] = {}
        for node in collect(root, self.start):
            for source in node.inputs:
                fresh = type(source) is Node and source.id > self.start
                if type(source) in (Node, Leaf) and source.requires_grad and not fresh:
                    seen[source] = None
        return sorted(seen, key=lambda s: s.id)

    def value(self) -> Any:
        if self.first is not None:
            return self.first
        with no_grad():
            return self.f(*self.inputs)._data

    def gradient(self, g: Any, i: int) -> Any:
        """The gradient of source `i`; one recomputation serves all sources of a walk."""
        if self.found[0] is not g:
            self.found = (g, self.recompute(g))
        found = self.found[1].get(self.sources[i])
        if i == len(self.sources) - 1:
            self.found = (None, {})  # this is the last source: release the gradients
        return zeros(self.sources[i].shape) if found is None else found

    def recompute(self, g: Any) -> dict[Source, Any]:
        """Run `f` again and walk back through this run only: older nodes are the caller's."""
        for source in self.sources:
            if type(source) is Leaf and source.changed > self.start:
                name = source.name or f"a leaf of shape {source.shape}"
                what = f"checkpoint: {name} is read again in backward, but was overwritten at {source.changed_at}"
                fix = "call backward() before the update, or run the forward pass again"
                raise errors.GraphError(what, fix=fix)
        start = next_id()
        with recording():
            y = self.f(*self.inputs)
        again = _fingerprint(y._data)
        if not np.allclose(again, self.fingerprint, rtol=1e-6, atol=0, equal_nan=True):
            what = "checkpoint: the function gave a different result when computed again"
            fix = "make it depend only on its inputs: draw random numbers outside it"
            raise errors.GraphError(what, [y], fix)
        recorded = is_tensor(g)
        return gradients(y._source(), g, self.sources, since=start, create_graph=recorded)


def _fingerprint(y: Any) -> Any:
    """Three sums that distinguish results, even if only their order differs; while a program is
    recorded, nothing: it can't give another result.
    """
    if noting():
        return 0.0
    y = np.asarray(y, np.float64).reshape(-1)
    with np.errstate(invalid="ignore"):  # inf - inf
        size = np.abs(y).sum()  # added to the other sums, so that a relative 1e-6 is relative to it
        return np.array(
            [size, 2 * size + y.sum(), 2 * size + (y * np.cos(np.arange(y.size))).sum()]
        )


def _checkpointed(*sources: Any, segment: _Segment) -> Any:
    return segment.value()


_CHECKPOINT = Op(
    _checkpointed,
    "f(sources)",
    [("vjp(f, sources, g)[i]", lambda g, segment, i: segment.gradient(g, i))],
    name="checkpoint",
    kind="",
    state=("segment",),
)


def as_variable(x: Any) -> Tensor:
    """What the user passed, as a tensor; a tensor is returned as it is."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _is_one(argnums: Any) -> bool:
    """Whether it names a single argument: with an integer, NumPy's included."""
    return hasattr(argnums, "__index__") and np.ndim(argnums) == 0


def _call(
    f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: int | Sequence[int]
) -> tuple[list[Tensor], Tensor]:
    """Run `f` with a fresh variable for each argument in `argnums`."""
    places: tuple[Any, ...] = (argnums,) if _is_one(argnums) else tuple(argnums)  # type: ignore[arg-type]
    replaced = list(args)
    variables = []
    if len({place % max(len(args), 1) for place in places}) < len(places):
        raise TypeError(f"argnums: {places} names an argument twice")
    for place in places:
        if not -len(args) <= place < len(args):
            raise TypeError(f"argnums: there is no argument {place}, only {len(args)} were passed")
        variable = _fresh(args[place])
        replaced[place] = variable
        variables.append(variable)
    with recording():
        y = f(*replaced, **kwargs)
    if not isinstance(y, Tensor):
        what = f"the function must return a Tensor, but returned {type(y).__name__}"
        raise errors.DtypeError(what, fix="compute the result from the function's arguments")
    if y.dtype.kind != "f":
        what = f"the function's result has dtype {y.dtype}, which has no derivative"
        raise errors.DtypeError(what, [y], "return floats")
    return variables, y


def _fresh(x: Any) -> Tensor:
    """A fresh variable on the tape: a new leaf or, inside another transform, a link to x."""
    if isinstance(x, Tensor) and x.requires_grad:
        with recording():
            return moves.identity(x)
    variable = Tensor(raw(x))
    if variable.dtype.kind != "f":  # in grad(f)(3) the integer is meant as a point, not a dtype
        variable = variable.astype(np.float64)
    variable = Tensor(variable, requires_grad=True, name=getattr(x, "name", None))
    leaf = variable._source()
    assert isinstance(leaf, Leaf)
    leaf.borrowed = True
    return variable


def _give_back(variables: list[Tensor]) -> None:
    """The function is done with its fresh variables: a transform around it need not keep their path."""
    for source in (v._source() for v in variables):
        if isinstance(source, Leaf):
            source.returned = True


def _outside(y: Tensor, variables: list[Tensor]) -> bool:
    """Whether y depends on something that requires grad other than the fresh variables."""
    fresh = {v._node for v in variables}
    root = y._source()
    leaves = {root} if isinstance(root, Leaf) else leaves_of(collect(root))
    return any(x.requires_grad and not x.returned and x not in fresh for x in leaves)


def _pull_back(y: Tensor, variables: list[Tensor], seed: Any) -> tuple[Tensor, ...]:
    """The gradient of y with respect to each variable; zeros if y does not depend on it."""
    sources = [v._source() for v in variables]
    again = _outside(y, variables) or (isinstance(seed, Tensor) and seed.requires_grad)
    found: dict[Source, Any] = {}
    if y.requires_grad:
        start = seed_gradient(y, seed, again)
        found = gradients(y._source(), start, sources, retain_graph=True, create_graph=again)
    return tuple(_as_result(found.get(s), v) for s, v in zip(sources, variables, strict=True))


def _as_result(g: Any, variable: Tensor) -> Tensor:
    if g is None:
        return Tensor(zeros(variable.shape, variable.dtype))
    return g if isinstance(g, Tensor) else wrap(g, Leaf(g))


def _result(y: Tensor, variables: list[Tensor]) -> Tensor:
    """y for the caller: cut off from the fresh variables if nothing else can need its gradient."""
    return y if _outside(y, variables) else y.detach()


def _stacked(rows: list[Tensor], variable: Tensor) -> Tensor:
    if not rows:
        return Tensor(zeros((0, *variable.shape), variable.dtype))
    return moves.join(*(moves.expand_dims(row, 0) for row in rows), axis=0)
