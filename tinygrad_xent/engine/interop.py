"""Tensors in the calls and beside the arrays of other libraries, NumPy first of all.

**NumPy's functions.** `array @ tensor`, `np.exp(tensor)` and `np.sum(tensor, axis=0)` are recorded: rows
and composites name the NumPy functions they replace. Any other runs on the raw values if no tensor
needs a gradient, or if the function has none (`NO_GRADIENT`). Else it would cut the tape silently: it raises.

**Arrays made of tensors.** `np.asarray(t)`, `np.array([s, t])`, `np.full(shape, t)` and `a[i:j] = t`
ask for `__array__`, which refuses a tensor that requires grad. Where a single number is wanted,
`a[i] = t` of one element, `a.fill(t)`, `np.fromiter([s, t])`, `np.float64(t)`, `math.sin(t)`, they ask for
`float(t)`, which a tensor can't tell from a `float(t)` of yours.

**Other libraries' arrays** become plain NumPy arrays on both sides of an operator, or are refused
(`operands.py`). On the left side, the class of the array decides first:

| on the left | what `left * tensor` gives |
|---|---|
| NumPy's arrays and matrices, PyTorch, JAX, pandas | a tensor, elementwise; but `dataframe @ tensor` asks for `__array__`, and `matrix ** tensor` takes only an integer |
| a masked array | an error: its mask would be lost |
| xarray | an array of theirs that holds the recorded tensor: `.data` is it |
| scipy.sparse, polars | an error of theirs or ours; a sparse array takes a tensor that needs no gradient as its values |
"""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from ..elsewhere import instead
from . import errors
from .context import MODE
from .methods import Methods
from .public import method, replacement
from .symbols import Symbol
from .tensors import Tensor, is_tensor

if TYPE_CHECKING:
    import numpy.typing as npt

# Functions whose result stays the same under small changes of the numbers, so that nothing is cut.
_WITHOUT = (
    "shape ndim size zeros_like ones_like empty_like full_like",
    "tril_indices_from triu_indices_from diag_indices_from einsum_path",
    "result_type can_cast min_scalar_type common_type iscomplexobj isrealobj",
    "may_share_memory shares_memory",
    "all any allclose isclose array_equal array_equiv isin iscomplex isreal isneginf isposinf",
    "argmax argmin nanargmax nanargmin argsort argpartition lexsort",
    "nonzero where flatnonzero argwhere searchsorted digitize count_nonzero histogram",
    "round around fix trunc floor_divide heaviside spacing",
    "array2string array_repr array_str save savetxt savez savez_compressed",
)
NO_GRADIENT: frozenset[Any] = frozenset(
    {getattr(np, name) for names in _WITHOUT for name in names.split()} | {np.linalg.matrix_rank}
)

# An argument on which the result of one of these does depend: its place, and its name.
_DEPENDS: dict[Any, tuple[int, str]] = {
    np.full_like: (1, "fill_value"),
    np.heaviside: (1, ""),
    np.histogram: (4, "weights"),
    np.where: (1, "x"),
}


def _is_flat(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call has no gradient."""
    if function in NO_GRADIENT:
        place, name = _DEPENDS.get(function, (len(args), ""))
        return not _needs_grad((args[place:], kwargs.get(name)))
    return _gives_no_floats(function)


def _gives_no_floats(function: Any) -> bool:
    """Whether a function is a ufunc that makes only booleans or integers of floats."""
    kinds = [kind.split("->") for kind in getattr(function, "types", ())]
    results = {result for inputs, result in kinds if "d" in inputs}
    return bool(results) and set("".join(results)) <= set("?bhilqp")


@method("__array__")
def as_numpy(self: Tensor, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
    """`np.asarray(tensor)`: refused where it would cut the tape silently."""
    if self.requires_grad:
        what = "np.asarray: the tensor requires grad, and an array would cut the tape silently"
        fix = "tx.stack([a, b]) joins tensors on the tape; if no gradient is wanted, call .detach()"
        fix += " first, or .numpy() to read the values"
        raise errors.DtypeError(what, [self], fix)
    if copy:
        return np.array(self._data, dtype=dtype)
    array = np.asarray(self._data, dtype=dtype)
    if np.shares_memory(array, self._data):
        array = array.view()
        array.flags.writeable = False
    return array


@method("_mask", computed=True)
def _no_mask(self: Tensor) -> Any:
    """What `np.ma` asks of the other side of `masked * tensor`: the result would be off the tape."""
    what = "np.ma: a masked array and a tensor do not mix: the mask, or the gradient, would be lost"
    raise errors.DtypeError(what, [self], "fill the masked array first: x.filled(value)")


# pandas leaves an operator to the other side if that has more of this than a DataFrame's 4000.
Methods.__pandas_priority__ = 10_000  # type: ignore[attr-defined]


@method("__array_ufunc__")
def array_ufunc(self: Tensor, ufunc: Any, way: str, *inputs: Any, **kwargs: Any) -> Any:
    """What NumPy calls for `np.exp(tensor)` and `array + tensor`."""
    function = getattr(ufunc, way) if way != "__call__" else ufunc
    if MODE.get().on_arrays:  # a running rule reads a tensor from outside
        return function(*_values(inputs), **_values(kwargs))
    if way == "at" and is_tensor(inputs[0]):  # it would write to a read-only array
        what = f"np.{ufunc.__name__}.at: tensors are not assigned in place"
        raise errors.GraphError(what, [inputs[0]], "pass a copy: np.array(t)")
    ours = replacement(function)
    if ours is not None and way == "__call__" and kwargs.keys() <= {"axis"}:
        return ours(*inputs, **kwargs)
    if way == "reduce" and ours is not None and kwargs.keys() <= {"axis", "keepdims"}:
        return ours(*inputs, **{"axis": 0, **kwargs})  # the rows' own default is all axes
    each = way in ("__call__", "outer")  # the other ways pass some numbers on as they are
    if (each and _is_flat(ufunc, inputs, kwargs)) or _gives_no_floats(ufunc):
        return function(*_values(inputs), **_values(kwargs))
    return _on_values(f"np.{ufunc.__name__}", function, inputs, kwargs)


@method("__array_function__")
def array_function(
    self: Tensor, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What NumPy calls for `np.sum(tensor, axis=0)`."""
    if MODE.get().on_arrays:
        return function(*_values(args), **_values(kwargs))
    ours = replacement(function)
    if ours is not None and (call := _translated(function, ours, args, kwargs)) is not None:
        result = ours(*call[0], **call[1])
        if result is not NotImplemented:
            return result
    if _is_flat(function, args, kwargs):
        return function(*_values(args), **_values(kwargs))
    home = function.__module__.replace("numpy", "np", 1)
    return _on_values(f"{home}.{function.__name__}", function, args, kwargs)


def _translated(theirs: Any, ours: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
    """The arguments of a NumPy call for our function: the inputs by position, the rest by name,
    without those at their default. None if ours can't take one of them, or the call is malformed.
    """
    parameters, places, own = _signature(theirs).parameters, *_inputs_and_defaults(ours)
    try:
        given = _signature(theirs).bind(*args, **kwargs).arguments
        operands = [given.pop(name) for name in list(parameters)[:places]]
    except (KeyError, TypeError):
        return None
    for name, p in parameters.items():  # what their *args and **kwargs took up
        if p.kind is p.VAR_POSITIONAL and operands:
            operands = list(operands[0])
        elif p.kind is p.VAR_KEYWORD:
            given |= given.pop(name, {})
    meant = {name: p.default for name, p in parameters.items() if name in own} | given
    usual = {name: p.default for name, p in parameters.items()} | own
    said = {name: v for name, v in meant.items() if v is not usual.get(name, usual)}
    named = {name.removeprefix("a_"): v for name, v in said.items() if v is not _NO_VALUE}
    if not named.keys() <= own.keys():  # a_min of np.clip is our min
        return None
    return operands, {k: bool(v) if isinstance(v, np.bool_) else v for k, v in named.items()}


def _inputs_and_defaults(ours: Any) -> tuple[int, dict[str, Any]]:
    """How many inputs a function takes by position, and the defaults of its other parameters."""
    if ours not in _KNOWN:
        parameters = signature(ours).parameters.values()
        inputs = [p for p in parameters if p.kind is p.POSITIONAL_ONLY] or [
            p for p in parameters if p.default is p.empty
        ]
        rest = {p.name: p.default for p in parameters if p not in inputs}
        _KNOWN[ours] = len(inputs), rest
    return _KNOWN[ours]


_KNOWN: WeakKeyDictionary[Any, tuple[int, dict[str, Any]]] = WeakKeyDictionary()
_signature = cache(signature)  # on demand: most programs call only a few functions
_NO_VALUE = signature(np.sum).parameters["keepdims"].default


def _on_values(name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run a NumPy function on plain values, unless that would lose a gradient."""
    if _needs_grad((args, kwargs)):
        what = f"{name}: no operation of the table matches this call, its gradient would be lost"
        fix = f"use a function of tinygrad_xent, define one with tx.op(..., numpy={name}), or "
        fix += "call .detach() if no gradient is wanted"
        fix = instead(function.__name__) or fix
        raise errors.DtypeError(what, _tensors((args, kwargs)), fix)
    return function(*_values(args), **_values(kwargs))


def _values(x: Any) -> Any:
    """x with each tensor in it replaced by its values, read-only: the tape would not notice what NumPy
    writes to them through `out=` or `np.copyto`.
    """
    if is_tensor(x):
        if isinstance(x._data, Symbol):
            return x._data.view()
        view = np.asarray(x._data).view()
        view.flags.writeable = False
        return view
    if isinstance(x, (tuple, list)):
        return list(map(_values, x)) if isinstance(x, list) else tuple(map(_values, x))
    if isinstance(x, dict):
        return {key: _values(value) for key, value in x.items()}
    return x


def _tensors(x: Any) -> list[Any]:
    if is_tensor(x):
        return [x]
    if isinstance(x, dict):
        x = tuple(x.values())
    return [t for part in x for t in _tensors(part)] if isinstance(x, (tuple, list)) else []


def _needs_grad(x: Any) -> bool:
    return any(t.requires_grad for t in _tensors(x))
