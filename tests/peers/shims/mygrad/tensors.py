"""MyGrad's `Tensor`: one of ours, and the tensors that it was made of.

There every tensor of floats is a variable unless it is `constant`, each keeps its gradient, as an array,
and `backward()` uses the graph up. Here only leaves keep gradients: those of the others are asked of `tx.trace`.
`x[i] = y` is `x = x.at[i].set(y)`; a view of x does not follow.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

import tinygrad_xent as tx


class Operation:
    """What made a tensor: MyGrad's classes of operations are told apart by their names alone."""

    can_return_view = True

    def __init__(self, *variables: Tensor) -> None:
        self.variables = variables
        for x in variables:
            x._ops.add(self)

    def replace(self, old: Tensor, new: Tensor) -> None:
        self.variables = tuple(new if x is old else x for x in self.variables)


OPERATIONS: dict[str, type[Operation]] = {}


def operation(name: str) -> type[Operation]:
    """The class of an operation, by MyGrad's name or ours: `MatMul` is that of `matmul`."""
    key = {"true_divide": "divide", "sub": "subtract"}.get(name, name).lower()
    return OPERATIONS.setdefault(key, type(name, (Operation,), {}))


class Tensor:
    def __init__(
        self,
        x: Any,
        *,
        dtype: Any = None,
        constant: bool | None = None,
        copy: bool = True,
        ndmin: int = 0,
        _creator: Operation | None = None,
    ) -> None:
        if constant is not None and not isinstance(constant, bool):
            raise TypeError("constant must be None or a boolean")
        made = tx.Tensor(x.data if isinstance(x, Tensor) else x, dtype=dtype)
        if made.ndim < operator.index(ndmin):
            made = tx.Tensor(np.array(made.numpy(), ndmin=ndmin))
        self._take(adopted(made, constant))
        self.creator = _creator

    def _take(self, made: tx.Tensor, base: Tensor | None = None) -> None:
        self.t, self.base, self._grad = made, base, None
        self.creator: Operation | None = None
        self._ops: WeakSet[Operation] = WeakSet()
        self._view = made.numpy()

    def _become(self, other: Tensor) -> Tensor:
        """Take the other's place; what was made of the old tensor keeps it."""
        old: Tensor = object.__new__(Tensor)
        old._take(self.t, self.base)
        old.creator, old._ops = self.creator, self._ops
        for op in (*old._ops, other.creator):
            if op is not None:
                op.replace(self, old)
        self._take(other.t.detach() if self.constant else other.t)
        self.creator = other.creator
        return self

    # --- the graph -------------------------------------------------------------------------------

    @property
    def constant(self) -> bool:
        return not self.t.requires_grad

    @property
    def _constant(self) -> bool:
        return self.constant

    @_constant.setter
    def _constant(self, value: bool) -> None:
        self.t = adopted(self.t, value)

    @property
    def data(self) -> Any:
        """The values: they may be written to while no graph uses them."""
        return self._view if self.creator or self._ops else self.t.data

    @property
    def grad(self) -> Any:
        return self._grad

    def null_grad(self) -> Tensor:
        self._grad = None
        return self

    def _graph(self) -> list[Tensor]:
        """This tensor and all that it was made of."""
        found, rest = {id(self): self}, [self]
        while rest:
            for x in getattr(rest.pop().creator, "variables", ()):
                if id(x) not in found:
                    found[id(x)] = x
                    rest.append(x)
        return list(found.values())

    def backward(self, grad: Any = None) -> None:
        if not tx.is_grad_enabled():
            return
        graph = self._graph()
        if not self.constant:
            self._walk([x for x in graph if not x.constant], grad)
        for x in graph:
            x._ops.clear()
            if x.creator is not None:  # it is a leaf from now on
                x.creator = None
                x.t = tx.Tensor(x.t.numpy(), requires_grad=not x.constant)

    def _walk(self, graph: list[Tensor], grad: Any) -> None:
        """Both `backward()` and `trace` give the gradients; a seed is stretched to the tensor's shape."""
        seed = np.ones(self.shape, self.dtype) if grad is None else np.asarray(grad)
        if seed.dtype.kind in "biuf" and seed.ndim <= self.ndim:
            seed = np.broadcast_to(seed, self.shape)
        for x in graph:
            if x.t.is_leaf:
                x.t.zero_grad()
        inner = [x for x in graph if not x.t.is_leaf]
        trace = tx.trace(self.t, seed) if inner else ()
        self.t.backward(seed)
        for x in graph:
            found = x.t.grad if x.t.is_leaf else x.t in trace and trace[x.t].gradient
            x._grad = None if found is None or found is False else np.array(found)

    # --- Python and NumPy ------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        f = getattr(ufunc, method) if method != "__call__" else ufunc
        return apply(ufunc.__name__, f, *inputs, **kwargs)

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply(f.__name__, f, *args, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        return apply("getitem", lambda t: t[unwrapped(index)], self)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Axes of one element before those of x[i] are left out, as NumPy does where it assigns."""

        def changed(t: tx.Tensor, values: Any) -> tx.Tensor:
            values, place = tx.asarray(values), unwrapped(index)
            extra = max(values.ndim - t[place].ndim, 0)
            return t.at[place].set(values.reshape(values.shape[extra:]) if extra else values)

        self._become(apply("setitem", changed, self, value))

    def __len__(self) -> int:
        return len(self.t)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("a number is not iterated")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return item in self.data

    def __float__(self) -> float:
        return float(self.t.detach())

    def __int__(self) -> int:
        return int(self.t.detach())

    def __index__(self) -> int:
        return self.t.__index__()

    def __repr__(self) -> str:
        return repr(self.t)

    def copy(self, *, constant: bool | None = None) -> Tensor:
        made = Tensor(self.data, constant=self.constant if constant is None else constant)
        made._grad = None if self._grad is None else np.array(self._grad)
        return made

    __copy__ = copy

    def astype(
        self, dtype: Any, casting: str = "unsafe", copy: bool = True, constant: bool | None = None
    ) -> Tensor:
        if not copy and dtype == self.dtype and constant in (None, self.constant):
            return self
        return wrapped(self.t.detach().astype(dtype), constant=constant)

    @property
    def T(self) -> Any:  # noqa: N802
        return apply("transpose", lambda t: t.T, self)

    def __getattr__(self, name: str) -> Any:
        if name not in ("shape", "dtype", "ndim", "size", "item"):
            raise AttributeError(f"'Tensor' object has no attribute '{name}'")
        return getattr(self.t, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "shape":
            self._become(apply("reshape", tx.reshape, self, value))
        else:
            object.__setattr__(self, name, value)


def adopted(made: tx.Tensor, constant: bool | None) -> tx.Tensor:
    """The tensor, constant or not; if None, that of floats is a variable."""
    variable = made.dtype.kind == "f" if constant is None else not constant
    if variable == made.requires_grad:
        return made
    return tx.Tensor(made.numpy(), requires_grad=True) if variable else made.detach()


def wrapped(made: Any, base: Tensor | None = None, constant: bool | None = None) -> Tensor:
    x: Tensor = object.__new__(Tensor)
    x._take(adopted(made, constant), base)
    return x


def unwrapped(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(unwrapped, x))
    return x.t if isinstance(x, Tensor) else x


def tensors_in(x: Any) -> list[Tensor]:
    if isinstance(x, (tuple, list)):
        return [t for part in x for t in tensors_in(part)]
    return [x] if isinstance(x, Tensor) else []


NUMBERS = {"argmax", "argmin", "any", "less", "less_equal", "greater", "greater_equal", "equal"}
NUMBERS |= {"not_equal"}  # whose results are arrays there


def apply(
    name: str,
    f: Callable[..., Any],
    *args: Any,
    constant: bool | None = None,
    out: Any = None,
    where: Any = True,
    **kwargs: Any,
) -> Any:
    """What a function of ours, or one of NumPy's that finds ours, gives; noted in the graph of MyGrad.

    `where` and `out` are those of NumPy's ufuncs: what is not computed is what `out` holds.
    """
    given = tensors_in((*args, *kwargs.values()))
    made = f(*unwrapped(args), **{key: unwrapped(value) for key, value in kwargs.items()})
    out = out[0] if isinstance(out, tuple) else out
    if where is not True:
        made = tx.where(unwrapped(where), made, 0.0 if out is None else unwrapped(out))
        given += tensors_in([out])
    result = noted(name, made, given, constant)
    return out._become(result) if isinstance(out, Tensor) else result


def noted(name: str, made: Any, given: list[Tensor], constant: bool | None) -> Any:
    if isinstance(made, (tuple, list)):
        return type(made)(noted(name, part, given, constant) for part in made)
    if not isinstance(made, tx.Tensor) or name in NUMBERS:
        return made.numpy() if isinstance(made, tx.Tensor) else made
    recording = tx.is_grad_enabled()
    if constant is None and recording:
        constant = not made.requires_grad
    owner = made.numpy().base
    base = next((x for x in given if x._view.base is owner), None)
    x = wrapped(made, base if base is None or base.base is None else base.base, constant)
    if recording:
        for t in given:
            t._grad = None
        x.creator = operation(name)(*given)
    return x


def _operator(name: str, f: Callable[..., Any], *, swapped: bool = False) -> Any:
    def infix(*operands: Any) -> Any:
        return apply(name, f, *(operands[::-1] if swapped else operands))

    return infix


for _name in ["add", "sub", "mul", "truediv", "floordiv", "pow", "matmul"]:
    _f = getattr(operator, _name)
    _of = {"mul": "multiply", "truediv": "divide", "pow": "power"}.get(_name, _name)
    setattr(Tensor, f"__{_name}__", _operator(_of, _f))
    setattr(Tensor, f"__r{_name}__", _operator(_of, _f, swapped=True))
    setattr(Tensor, f"__i{_name}__", lambda x, y, f=_f: x._become(f(x, y)))
for _name, _of in {"neg": "negative", "pos": "positive", "abs": "abs", "lt": "less", "le": "less_equal",
                   "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _operator(_of, getattr(operator, _name)))
