"""How an array call is written in NumPy, as an author would: x.sum(axis=0), dz @ W.T, 1 / 5.

`spell` gives the text of a call, and how tightly it binds, from the texts of its arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from .instructions import Instruction, Ref

ATOM, UNARY, POWER = 9, 6, 7
_INFIX = {
    "or_": ("|", 1),
    "xor": ("^", 2),
    "and_": ("&", 3),
    "lt": ("<", 0),
    "le": ("<=", 0),
    "gt": (">", 0),
    "ge": (">=", 0),
    "eq": ("==", 0),
    "ne": ("!=", 0),
    "add": ("+", 4),
    "sub": ("-", 4),
    "mul": ("*", 5),
    "truediv": ("/", 5),
    "floordiv": ("//", 5),
    "mod": ("%", 5),
    "matmul": ("@", 5),
    "pow": ("**", 7),
}
_UFUNCS = {
    "np.add": "add",
    "np.subtract": "sub",
    "np.multiply": "mul",
    "np.divide": "truediv",
    "np.matmul": "matmul",
    "np.greater": "gt",
    "np.less": "lt",
    "np.equal": "eq",
    "np.power": "pow",
    "np.not_equal": "ne",
    "np.greater_equal": "ge",
    "np.less_equal": "le",
    "np.bitwise_and": "and_",
    "np.bitwise_or": "or_",
}
_PREFIX = {"operator.neg": "-", "np.negative": "-", "operator.invert": "~", "np.invert": "~"}
_PREFIX |= {"operator.pos": "+", "np.logical_not": "~"}
_REDUCTIONS = {"np.add": "sum", "np.maximum": "max", "np.minimum": "min", "np.multiply": "prod"}
_PYTHON = {"float": "float({})", "int": "int({})", "min": "min({}, {})", "max": "max({}, {})"}
_PYTHON |= {"sqrt": "float(np.sqrt({}))", "cos": "float(np.cos({}))"}

_SHORTER = {"np.absolute": "np.abs", "np.true_divide": "np.divide"}

Spelled = tuple[str, int]


class Speller(Protocol):
    """What knows how the results of earlier calls are written, and their shapes."""

    def __call__(self, ref: Ref) -> Spelled: ...

    def shape(self, ref: Ref) -> tuple[int, ...] | None: ...

    def dtype(self, ref: Ref) -> str: ...

    def part(self, x: Any) -> Instruction | None:
        """The call whose result is written where it is used; None if it has a name."""
        ...

    def is_number(self, ref: Ref) -> bool:
        """Whether it is written as a plain number, or as a calculation with these."""
        ...


class NotInNumPyError(ValueError):
    """A call that no script with NumPy as its only import can make."""


def spell(i: Instruction, of: Speller) -> Spelled:
    """The text of a call, and how tightly it binds.

    Raises:
        NotInNumPyError: NumPy has no such function.
    """
    home, _, rest = i.call.partition(".")
    if i.call in _PREFIX and (i.call != "np.logical_not" or of.dtype(i.args[0]) == "bool"):
        symbol = _PREFIX[i.call]
        return symbol + within(i.args[0], UNARY, i, of), UNARY
    infix = _UFUNCS.get(i.call) or (rest if home == "operator" and rest in _INFIX else "")
    if infix and not i.kwargs:
        return _infix(i, infix, of)
    if i.call.endswith(".reduce"):
        return _reduction(i, of), ATOM
    if home == "operator" and rest == "getitem":
        return f"{attributed(i.args[0], i, of)}[{index(i.args[1], i, of)}]", ATOM
    if home == "operator":
        return f"{rest}({arguments(i.args, i, of)})", ATOM
    if home == "ndarray":
        return _method(i, rest, of), ATOM
    if i.call == "np.expand_dims" and (text := _new_axis(i, of)):
        return text, ATOM
    if home == "draw":
        return f"{of(i.args[0])[0]}.{rest}({arguments(i.args[1:], i, of)})", ATOM
    if home.startswith("python:"):
        return _of_numbers(i, i.call.removeprefix("python:"), of)
    if home != "np":
        raise NotInNumPyError(f"{i.call} is not in NumPy")
    return f"{_SHORTER.get(i.call, i.call)}({arguments(i.args, i, of)})", ATOM


def _infix(i: Instruction, name: str, of: Speller) -> Spelled:
    symbol, binds = _INFIX[name]
    a, b = i.args
    if (spelled := _mean(i, name, of) or _difference(i, name, of)) is not None:
        return spelled
    floats = isinstance(a, Ref) and of.dtype(a).startswith(("float", "Python float"))
    if name == "truediv" and _is_negative(b) and floats:  # -x / 5, not x / -5
        return f"-{within(a, UNARY, i, of, True)} / {value(-_number(b), i, whole=True)}", 5
    if name == "mul" and _is_scalar(b, of) and not _is_scalar(a, of):  # 0.9 * v, as people write it
        a, b = b, a
    if name in ("eq", "ne") and a == b and isinstance(a, Ref):
        return ("~" if name == "eq" else "") + f"np.isnan({value(a, i, of)})", UNARY
    whole = name == "truediv"
    left = within(a, binds + (name == "pow"), i, of, whole)
    right = within(b, binds + (name != "pow"), i, of, whole)
    if binds == 0:  # comparisons chain in Python
        left, right = within(a, 1, i, of), within(b, 1, i, of)
    if name == "pow" and all(re.fullmatch(r"[\w.]+", text) for text in (left, right)):
        return f"{left}**{right}", binds
    return f"{left} {symbol} {right}", binds


def _mean(i: Instruction, name: str, of: Speller) -> Spelled | None:
    """A sum over the number of its terms: NumPy's mean is computed in the same way."""
    total, count = of.part(i.args[0]), _number(i.args[1])
    if name != "truediv" or total is None or total.call != "np.add.reduce" or not total.refs:
        return None
    given, (x, *_) = dict(total.kwargs), total.args
    shape = of.shape(x) or ()
    terms = math.prod(shape) // max(math.prod(total.shape or ()), 1)
    if "dtype" in given or not of.dtype(x).startswith(("float64", "float32")) or terms < 2:
        return None
    if isinstance(count, bool) or not isinstance(count, (int, float)) or abs(count) != terms:
        return None
    text = f"{attributed(x, total, of)}.mean({_axes(total, of)})"
    return (text, ATOM) if count > 0 else (f"-{text}", UNARY)


def _difference(i: Instruction, name: str, of: Speller) -> Spelled | None:
    """b - x · y, for what was computed as x · (-y) + b."""
    product = of.part(i.args[0]) if name == "add" else None
    if product is None or product.call not in ("operator.mul", "np.multiply"):
        return None
    minus = of.part(product.args[1])
    if minus is None or minus.call not in ("operator.neg", "np.negative"):
        return None
    left, right = within(product.args[0], 5, product, of), within(minus.args[0], 6, minus, of)
    return f"{within(i.args[1], 4, i, of)} - {left} * {right}", 4


def _is_scalar(x: Any, of: Speller) -> bool:
    return of.shape(x) == () if isinstance(x, Ref) else True


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, np.generic) else x


def _is_negative(x: Any) -> bool:
    x = _number(x)
    return isinstance(x, (int, float)) and not isinstance(x, bool) and x < 0


def _reduction(i: Instruction, of: Speller) -> str:
    ufunc = i.call.removesuffix(".reduce")
    if ufunc in _REDUCTIONS:
        return f"{attributed(i.args[0], i, of)}.{_REDUCTIONS[ufunc]}({_axes(i, of)})"
    named = _axes(i, of) or "axis=None"
    return f"{i.call}({value(i.args[0], i, of)}, {named})"


def _axes(i: Instruction, of: Speller) -> str:
    """The arguments of a reduction that say more than its method does without them."""
    given = {"axis": 0} | dict(i.kwargs)
    said = {k: v for k, v in given.items() if v is not None and not (k == "keepdims" and not v)}
    return ", ".join(f"{key}={value(v, i, of, key)}" for key, v in said.items())


def _method(i: Instruction, name: str, of: Speller) -> str:
    x = attributed(i.args[0], i, of)
    if name == "astype" and i.shape == ():
        return f"{value(i.args[1], i)}({value(i.args[0], i, of)})"
    if name == "transpose" and len(i.args) == 1:
        return f"{x}.T"
    if name == "reshape" and (text := _new_axis(i, of)):
        return text
    if name == "reshape" and i.shape is not None:
        return f"{x}.reshape({', '.join(map(str, i.shape)) if i.shape else '()'})"
    return f"{x}.{name}({arguments(i.args[1:], i, of)})"


def _new_axis(i: Instruction, of: Speller) -> str:
    """x[:, None], where a vector becomes a column."""
    x = i.args[0]
    column = i.shape is not None and len(i.shape) == 2 and i.shape[1] == 1
    if not column or not isinstance(x, Ref) or len(of.shape(x) or ()) != 1:
        return ""
    return f"{attributed(x, i, of)}[:, None]"


def _of_numbers(i: Instruction, name: str, of: Speller) -> Spelled:
    if name == "or":
        return f"{within(i.args[0], 1, i, of)} or {value(i.args[1], i, of)}", -1
    return _PYTHON[name].format(*(value(x, i, of) for x in i.args)), ATOM


def arguments(args: tuple[Any, ...], i: Instruction, of: Speller) -> str:
    """Arguments by position, then those by name."""
    given = [value(x, i, of) for x in args]
    if i.call in ("np.zeros", "np.ones") and given:
        given[0] = re.sub(r"^\((\w+),\)$", r"\1", given[0])  # a shape of one axis is its length
        if given[1:] == ["np.float64"]:
            given.pop()
    said = [(key, x) for key, x in i.kwargs if x is not None and not (key == "keepdims" and not x)]
    given += [f"{key}={value(x, i, of, key)}" for key, x in said if key != "axis" or x is not None]
    return ", ".join(given)


def attributed(x: Any, i: Instruction, of: Speller) -> str:
    """An argument whose attribute or element is taken; a plain number has none, NumPy's have."""
    text = within(x, ATOM, i, of)
    plain = isinstance(x, Ref) and of.is_number(x)
    return f"np.{of.dtype(x)}({text.strip('()')})" if plain and not text.startswith("np.") else text


def within(x: Any, binds: int, i: Instruction, of: Speller, whole: bool = False) -> str:
    """An argument as a part of an expression: in brackets if it binds less tightly."""
    if isinstance(x, Ref):
        text, tightness = written(x, i, of)
        if whole and re.fullmatch(r"-?\d+\.0", text):
            text = text[:-2]
    else:
        text = value(x, i, of, whole=whole)
        tightness = UNARY if text.startswith("-") else ATOM
    return f"({text})" if tightness < binds else text


def value(
    x: Any, i: Instruction, of: Speller | None = None, key: str = "", whole: bool = False
) -> str:
    """A plain value as Python code."""
    if isinstance(x, Ref):
        assert of is not None
        return written(x, i, of)[0]
    if isinstance(x, np.generic) and not _is_weak(x.dtype.name, i, of):
        return f"np.{x.dtype.name}({value(x.item(), i)})"
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float):
        return _float(x, whole)
    if key == "axis" and isinstance(x, tuple) and len(x) == 1:
        x = x[0]
    if isinstance(x, tuple):
        inside = ", ".join(value(p, i, of) for p in x)
        return f"({inside}{',' if len(x) == 1 else ''})"
    if isinstance(x, list):
        return f"[{', '.join(value(p, i, of) for p in x)}]"
    if x is ...:
        return "..."
    if isinstance(x, str) and (key == "dtype" or i.call == "ndarray.astype" or _is_dtype(x, i)):
        return "bool" if x == "bool" else f"np.{x}"
    return f'"{x}"' if isinstance(x, str) and '"' not in x else repr(x)


def _is_weak(dtype: str, i: Instruction, of: Speller | None) -> bool:
    """Whether a NumPy number may be written as a plain one: another operand has its dtype anyway."""
    if dtype == "bool" or dtype.startswith("Python") or of is None:
        return True
    others = [of.dtype(ref) for ref in map(Ref, i.refs) if not of.is_number(ref)]
    return dtype in others or (
        not others and (dtype == "float64" or i.call.startswith("operator."))
    )


def written(x: Ref, i: Instruction, of: Speller) -> Spelled:
    """A result as an operand of a call; a number with its dtype, where that would be lost."""
    text, binds = of(x)
    if of.is_number(x) and not _is_weak(of.dtype(x), i, of):
        return f"np.{of.dtype(x)}({text})", ATOM
    return text, binds


def _is_dtype(x: str, i: Instruction) -> bool:
    return i.call in ("np.zeros", "np.ones", "np.empty", "np.full", "np.eye") and x == i.dtype


def _float(x: float, whole: bool) -> str:
    if x != x or x in (np.inf, -np.inf):
        return {"nan": "np.nan", "inf": "np.inf", "-inf": "-np.inf"}[str(x)]
    if x.is_integer() and abs(x) < 1e15:
        return str(int(x)) if whole else repr(x)
    return min(_ways(x), key=len).replace("e-0", "e-")


def _ways(x: float) -> Iterator[str]:
    """How a number can be written, each exactly the same number: 0.1, 1 / 3, 1 - 0.999."""
    yield repr(x)
    n = round(1 / x) if abs(x) > 1e-6 else 0
    if n and 1 / n == x:
        yield f"(1 / {n})" if n > 0 else f"(-1 / {-n})"
    rest = round(1 - x, 9)
    if 0 < rest < 1 and 1 - rest == x:
        yield f"(1 - {rest!r})"


def index(x: Any, i: Instruction, of: Speller) -> str:
    """An index as it stands in brackets."""
    if isinstance(x, tuple) and x:
        return ", ".join(index(p, i, of) for p in x)
    if isinstance(x, slice):
        ends = ["" if p is None else value(p, i, of) for p in (x.start, x.stop)]
        return ":".join(ends if x.step in (None, 1) else [*ends, value(x.step, i, of)])
    return value(x, i, of)


def array(x: Any, by_rows: bool = False) -> str:
    """An array as Python code, its numbers in full; `by_rows`: a line for each row."""
    counted = x.ndim == 1 and x.dtype.name == "int64" and not by_rows
    if counted and np.array_equal(x, np.arange(x.size)):
        return f"np.arange({x.size})"
    if not x.size:
        return f"np.zeros({x.shape}, dtype=np.{x.dtype.name})"
    text = repr(x.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    if by_rows and x.ndim > 1 and len(text) > 60:
        text = text.replace("], ", "],\n    ").replace("[[", "[\n    [", 1) + "\n"
        text = text.replace("]]\n", "],\n]", 1)
    known = x.dtype.name in ("float64", "int64", "bool")
    return f"np.array({text}{'' if known else f', dtype=np.{x.dtype.name}'})"
