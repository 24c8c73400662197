"""What a formula means: the value of its tree in NumPy, and of a row's formulas for given inputs.

`Σ x`, `max x`, `min x` and softmax go along the row's `axis` and keep it with length 1; in a loss Σ
goes over everything. `x[i]` and `scatter` go along the axis too, if the row has one. `N` is the number
of labels, `Y` their one-hot array. Shapes are not written: see `context` and `derivative_of`.

Functions are NumPy's ufuncs, the rows of the table, and a few more. Nothing here uses a row's rules:
so tests can compare the rules with the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.arrays import Array, Shapes, inverse_permutation, part, to_shape
from ..engine.table import TABLE, Op
from .grammar import (
    EULER,
    Binary,
    Call,
    Compare,
    Expression,
    FormulaError,
    Index,
    Name,
    Number,
    Piecewise,
    Power,
    Unary,
    parse,
)

_ORDERS = (np.less, np.greater, np.less_equal, np.greater_equal, np.equal, np.not_equal)
_COMPARE = dict(zip("<>≤≥=≠", _ORDERS, strict=True))
_SUMS = (np.add, np.subtract, np.multiply, np.divide, np.matmul)
_ARITHMETIC: dict[str, Callable[..., Any]] = dict(zip("+-·/@", _SUMS, strict=True))
_LOGIC = {"and": np.logical_and, "or": np.logical_or}
Values = Mapping[str, Any]


def evaluate(tree: Expression, values: Values) -> Array:
    """The formula's value, given the values of its names.

    Raises:
        FormulaError: a name has no value, or a function does not exist.

    >>> evaluate(parse("x where x > 0, -1 else"), {"x": np.array([-3.0, 2.0])})
    array([-1.,  2.])
    """
    with np.errstate(all="ignore"):  # a case that `where` does not take may be log 0
        return _value(tree, values)


def _value(tree: Expression, values: Values) -> Any:
    match tree:
        case Number(value):
            return value
        case Name("π"):
            return np.pi
        case Name(name):
            if name not in values:
                raise FormulaError(f"{name} has no value; known are {', '.join(values)}")
            return values[name]
        case Unary("ᵀ", operand):
            return np.swapaxes(_value(operand, values), -1, -2)
        case Unary("-", operand):
            return np.negative(_number(operand, values))
        case Unary(_, operand):
            return np.logical_not(_value(operand, values))
        case Binary(sign, left, right) if sign in _LOGIC:
            return _LOGIC[sign](_value(left, values), _value(right, values))
        case Binary(sign, left, right):
            return _ARITHMETIC[sign](_number(left, values), _number(right, values))
        case Power(base, exponent) if base == EULER:
            return np.exp(_number(exponent, values))
        case Power(base, exponent):
            return _power(_number(base, values), _number(exponent, values))
        case Index(operand, index):
            x = _value(operand, values)
            return x[_place(_value(index, values), np.shape(x), values)]
        case Compare(operators, operands):
            found = [_value(x, values) for x in operands]
            triples = zip(operators, found, found[1:], strict=False)
            return np.logical_and.reduce(
                np.broadcast_arrays(*(_COMPARE[sign](a, b) for sign, a, b in triples))
            )
        case Call(function, arguments):
            return _called(function, [_value(x, values) for x in arguments], values)
        case Piecewise(cases, otherwise):
            result = _value(otherwise, values)
            for chosen, condition in reversed(cases):
                result = np.where(_value(condition, values), _value(chosen, values), result)
            return result
    raise TypeError(f"{tree!r} is not a formula")


def _number(tree: Expression, values: Values) -> Any:
    """A value to calculate with: 0 or 1 for a comparison."""
    value = _value(tree, values)
    return value + 0 if getattr(value, "dtype", None) == np.bool_ else value


def _power(x: Any, n: Any) -> Any:
    return np.power(np.multiply(x, 1.0), n)  # NumPy has no negative powers of integers


def _called(function: str, arguments: list[Any], values: Values) -> Any:
    """The value of a function: a reduction along the row's axis, the notation's, NumPy's or a row's."""
    row = TABLE.get("sum" if function == "Σ" else function)
    if row is not None and "reduction" in row.kinds and len(arguments) == 1:
        return row.forward(arguments[0], _axes(values), True)
    if function in _IN_CONTEXT:
        return _IN_CONTEXT[function](values, *arguments)
    if function in _OTHERS:
        return _OTHERS[function](*arguments)
    if isinstance(ufunc := getattr(np, function, None), np.ufunc):
        return ufunc(*arguments)
    if row is None:
        raise FormulaError(f"there is no function {function} in NumPy or in the table")
    return row.forward(
        *map(np.asarray, arguments[: len(row.inputs)]), *arguments[len(row.inputs) :]
    )


def _axes(values: Values) -> Any:
    """The axes that Σ, max and min go over."""
    return values.get("Σ", values.get("axis"))


def _softmax(values: Values, x: Array) -> Array:
    p = np.exp(x - np.max(x, values.get("axis"), keepdims=True))
    return p / np.sum(p, values.get("axis"), keepdims=True)


def _place(index: Any, shape: tuple[int, ...], values: Values) -> Any:
    """An index; along the row's axis, if it has one, as in `numpy.take_along_axis`."""
    if "axis" not in values:
        return index
    grid = list(np.ogrid[tuple(slice(n) for n in shape)])
    grid[values["axis"]] = index
    return tuple(grid)


def _scatter(values: Values, g: Array, *where: Any) -> Array:
    """Zeros with g added at an index: the adjoint of `x[index]`. In the shape of x if none is given."""
    *given, index = where
    (shape,) = given or (values["x_shape"],)
    x = np.zeros(shape, np.asarray(g).dtype)
    np.add.at(x, _place(index, shape, values), g)
    return x


# What has another name in NumPy and the table, or none; then what needs the row's axis.
_OTHERS: dict[str, Callable[..., Any]] = {
    "√": np.sqrt,
    "pow": _power,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "max": np.maximum,
    "min": np.minimum,
    "inverse": lambda axes: None if axes is None else inverse_permutation(axes),
    "expand": np.expand_dims,
    "broadcast": np.broadcast_to,
    "tril": np.tril,
    "trace": lambda x: np.trace(x, axis1=-2, axis2=-1),
}
_IN_CONTEXT: dict[str, Callable[..., Any]] = {
    "softmax": _softmax,
    "join": lambda values, arrays: np.concatenate(arrays, values["axis"]),
    "part": lambda values, g, shapes, i: g[part(g, shapes, values["axis"], i)],
    "scatter": _scatter,
}

# --- a row's formulas ----------------------------------------------------------------------------


def context(
    row: Op, inputs: Sequence[Any], settings: Sequence[Any], y: Any = None, g: Any = None
) -> dict[str, Any]:
    """The values of the names in a row's formulas; `g` and `y` only if they are passed.

    A reduction's g and y get their dropped axes back. A vector in a product becomes a row or, on the
    right, a column. A limit (`min`, `max`) that is None becomes infinite.
    """
    arrays = [np.asarray(x) for x in inputs]
    values: dict[str, Any] = dict(zip(row.inputs, arrays, strict=False))
    values |= {f"{name}_shape": np.shape(x) for name, x in values.items()}
    if row.variadic:
        values = {row.inputs[0]: arrays, "shapes": Shapes([x.shape for x in arrays])}
    values |= dict(zip(row.settings, settings, strict=True))
    for name, limit in (("min", -np.inf), ("max", np.inf)):
        if values.get(name, 0) is None:
            values[name] = limit
    if "labels" in row.inputs:
        values |= _labels(values)
    if "product" in row.kinds:
        values |= _as_matrices(row, values)
    if "reduction" in row.kinds and "keepdims" not in row.settings:
        values["Σ"] = None  # a loss is one number
    results = (("y", y), ("g", g))
    return values | {k: _kept(row, values, np.asarray(v)) for k, v in results if v is not None}


def _labels(values: dict[str, Any]) -> dict[str, Any]:
    """N, Y, the class axis, and the labels with that axis."""
    axis = values.get("axis", -1)
    scores = values.get("weight", values["x"])  # its class axis is that of the logits
    labels = values["labels"]
    if labels.ndim < values["x"].ndim:
        labels = np.expand_dims(labels, axis)
    shape = [1] * labels.ndim
    shape[axis] = scores.shape[axis]
    one_hot = labels == np.arange(scores.shape[axis]).reshape(shape)
    return {"axis": axis, "labels": labels, "N": labels.size, "Y": one_hot + 0.0}


def _as_matrices(row: Op, values: dict[str, Any]) -> dict[str, Any]:
    left, right = row.inputs[:2]
    a, b = values[left], values[right]
    return {
        left: a[None, :] if a.ndim == 1 else a,
        right: b[:, None] if b.ndim == 1 else b,
    }


def _kept(row: Op, values: dict[str, Any], x: Array) -> Array:
    """y or g with the axes that the row drops from its result."""
    if "product" in row.kinds:
        left, right = row.inputs[:2]
        if values[f"{right}_shape"] == values[right].shape[:-1]:
            x = np.expand_dims(x, -1)
        if len(values[f"{left}_shape"]) == 1:
            x = np.expand_dims(x, -2)
    elif "reduction" in row.kinds:
        x = x.reshape(np.sum(values[row.inputs[0]], _axes(values), keepdims=True).shape)
    return x


def value_of(row: Op, inputs: Sequence[Any], settings: Sequence[Any], shape: Any) -> Array:
    """y, computed by the row's formula; `shape` is y's, for the kinds of row that drop axes."""
    y = np.asarray(evaluate(parse(row.formula), context(row, inputs, settings)))
    dropping = "product" in row.kinds or "reduction" in row.kinds
    return y.reshape(shape) if dropping else y


def derivative_of(
    row: Op, i: int, inputs: Sequence[Any], settings: Sequence[Any], y: Any, g: Any
) -> Array:
    """The gradient of input i, computed by its formula and fitted to the input's shape as the walk does:
    summed where broadcasting stretched the input, stretched where a sum shrank it.

    >>> from tinygrad_xent.engine.table import TABLE
    >>> derivative_of(TABLE["mul"], 0, [np.array([1.0, 2.0]), 5.0], (), [5.0, 10.0], [1.0, 1.0])
    array([5., 5.])
    """
    rule = row.rule_for(i)
    if rule is None:
        raise FormulaError(f"{row.name} has no derivative with respect to {row.inputs[i]}")
    values = context(row, inputs, settings, y, g)
    shape = np.shape(values[row.inputs[i]] if "product" in row.kinds else inputs[i])
    slope = np.asarray(evaluate(parse(rule.formula), values | {"i": i}))
    if slope.shape != shape:
        slope = to_shape(slope, shape)
    return slope.reshape(np.shape(inputs[i]))
