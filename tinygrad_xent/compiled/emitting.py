"""The lines of each call: where its result is written, and the faster of several ways to say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ..engine.sums import BLOCK, columns
from ..programs.calls import function
from ..programs.instructions import Instruction, Ref
from . import calls, small
from .folding import SMALLEST
from .writer import Writer

MANY_ROWS, FEW_COLUMNS = 32, 64  # then a maximum of rows is faster over the transposed array
MANY = 4096  # numbers, from which on clip is faster than maximum
LONG_ROW = 1 << 12  # numbers of a row, of which BLAS adds several at a time, without losing a digit
FEW_SQUARES = 64  # whose sum is seldom so large that one of them must be
FEW_LABELS, FEW_CLASSES = 32, 4096  # which Python looks up faster than NumPy


def emit_all(write: Writer, instructions: Iterable[Instruction]) -> None:
    """Write calls, each under the line of the user's that it comes from."""
    for i in instructions:
        text = i.line.text.strip() if i.line is not None and i.call != "input" else ""
        if text not in ("", write.said):
            write.said = text
            write.body += ["", f"# {text}"]
        emit(write, i)


def emit(write: Writer, i: Instruction) -> None:
    """Write a call: its lines, or a line of the set-up for what is the same in each run."""
    if i.call in ("input", "literal", "finite"):
        return
    if i.call in ("constant", "table"):
        write.names[i.id] = write.object(i.args[0], i.name or "kept")
    elif i.call == "rate":
        _rate(write, i)
    elif i.call in _CHECKS:
        _CHECKS[i.call](write, i)
    elif i.id in write.memory.fixed and not calls.writes(i):
        write.setup.append(f"{write.name(i)} = {expression(write, i)}")  # a view
    elif not any(way(write, i) for way in _WAYS):
        text = expression(write, i)
        write.line(f"{write.name(i)} = {text}", i)


def expression(write: Writer, i: Instruction) -> str:
    """A call as NumPy's own, whose result is a new array."""
    home, _, name = i.call.partition(".")
    args = [write.value(x) for x in i.args]
    named = [f"{key}={write.value(x)}" for key, x in i.kwargs]
    if i.call == "operator.getitem":
        return f"{args[0]}[{write.index(i.args[1])}]"
    if i.call == "np.add.reduce" and (text := _total(write, i)):
        return text
    if i.call == "weighted_sum":
        x = write.table[i.args[0].id]
        each = write.once("each", f"np.full({x.shape}, {i.args[1]!r}, {i.dtype!r})")
        return f"{args[0]}.dot({each})"
    if home == "operator" and name in _SIGNS and len(args) == 2:
        return f"{args[0]} {_SIGNS[name]} {args[1]}"
    if home in ("ndarray", "draw"):
        return f"{args[0]}.{name}({', '.join([*args[1:], *named])})"
    short = i.call.rpartition(":")[2].rpartition(".")[2]
    called = i.call if home == "np" else write.object(function(i.call), short)
    return f"{called}({', '.join([*args, *named])})"


_SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "pow": "**",
    "floordiv": "//",
    "mod": "%",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
}


def _total(write: Writer, i: Instruction) -> str:
    """The sum of a short vector as its product with ones; "" if it is none."""
    x = write.table[i.args[0].id] if isinstance(i.args[0], Ref) else None
    if (
        write.signs
        or x is None
        or x.id not in write.memory.fixed
        or dict(i.kwargs).get("keepdims")
        or i.shape
    ):
        return ""
    if len(x.shape or ()) != 1 or x.dtype not in calls.BLAS or x.shape[0] > BLOCK:  # type: ignore[index]
        return ""
    return f"{write.name(x)}.dot({_ones(write, x.shape[0], x.dtype)})"  # type: ignore[index]


def _ones(write: Writer, count: int, dtype: str) -> str:
    return write.once(f"ones{count}", f"np.ones({count}, {dtype!r})")


# --- results written into memory: each way writes its lines and says whether it did -----------------


def _elementwise(write: Writer, i: Instruction) -> bool:
    if not calls.writes(i) or (found := calls.elementwise(i)) is None:
        return False
    name, args = found
    arrays = [write.table[x.id] for x in args if isinstance(x, Ref)]
    dtypes = [x.dtype for x in arrays if x.shape]
    given = [write.operand(x, dtypes[0] if dtypes else i.dtype) for x in args]
    out, number = write.out(i), args[-1]
    zero = isinstance(number, (int, float)) and number == 0 and i.dtype in calls.BLAS
    if name == "maximum" and zero and math.prod(i.shape or ()) >= MANY:
        infinity = write.once("infinity", f"np.array(np.inf, {i.dtype!r})")
        write.line(f"{given[0]}.clip({given[1]}, {infinity}, {out})", i)
    else:
        if any(x.shape == i.shape for x in arrays):
            for place, x in enumerate(args):
                given[place] = _stretched(write, x, i) or given[place]
        write.line(called(write, name, given, out), i)
    return True


def _stretched(write: Writer, x: Any, i: Instruction) -> str:
    """A row or a column stretched to a small matrix by a product with ones: two calls of BLAS and of a
    loop over equal shapes take less time than one that broadcasts. "" where they do not.
    """
    array = write.table[x.id] if isinstance(x, Ref) else None
    if (
        write.signs
        or array is None
        or len(i.shape or ()) != 2
        or math.prod(i.shape or ()) > small.FEW
    ):
        return ""
    if (
        array.dtype not in calls.BLAS
        or array.dtype != i.dtype
        or array.id not in write.memory.fixed
    ):
        return ""
    rows, width = i.shape  # type: ignore[misc]
    if rows == 1 or width == 1 or array.shape not in ((rows, 1), (1, width), (width,)):
        return ""
    wide = write.once("wide", f"room({i.shape}, {i.dtype!r})", ("wide", i.shape, i.dtype))
    if array.shape == (rows, 1):
        ones = write.once("ones_across", f"np.ones((1, {width}), {i.dtype!r})")
        write.line(f"{write.name(array)}.dot({ones}, {wide})")
    else:
        ones = write.once("ones_down", f"np.ones(({rows}, 1), {i.dtype!r})")
        name = write.name(array)
        if array.shape != (1, width):
            name = write.once(f"{name}_row", f"{name}.reshape((1, {width}))")
        write.line(f"{ones}.dot({name}, {wide})")
    return wide


def called(write: Writer, ufunc: str, given: list[str], out: str) -> str:
    """A ufunc's call that writes its result: `out` by place takes less time, but NumPy warns for some."""
    by_name = "out=" * (ufunc in ("maximum", "minimum", "fmax", "fmin"))
    return f"{write.ufunc(ufunc)}({', '.join(given)}, {by_name}{out})"


def _product(write: Writer, i: Instruction) -> bool:
    if not calls.writes(i) or not calls.is_product(i):
        return False
    flat = all(isinstance(x, Ref) and len(write.table[x.id].shape or ()) == 2 for x in i.args)
    a, b = map(write.value, i.args)
    out = write.out(i)
    write.line(f"{a}.dot({b}, {out})" if flat else f"np.matmul({a}, {b}, {out})", i)
    return True


def _reduction(write: Writer, i: Instruction) -> bool:
    if not calls.writes(i) or (found := calls.reduction(i)) is None:
        return False
    name, axis, keepdims = found
    x, out = write.table[i.args[0].id], write.out(i)
    matrix = (
        len(x.shape or ()) == 2 and x.dtype in calls.BLAS and not (name == "add" and write.signs)
    )
    rows, width = x.shape if matrix else (0, 0)  # type: ignore[misc]
    given, across = write.name(x), axis in (1, -1)
    if name == "add" and matrix and across and width <= LONG_ROW:
        write.line(f"{given}.dot({_ones(write, width, x.dtype)}, {write.reshaped(i, (rows,))})", i)
    elif name == "add" and matrix and axis == 0 and rows <= BLOCK:
        write.line(f"{_ones(write, rows, x.dtype)}.dot({given}, {write.reshaped(i, (width,))})", i)
    elif name == "add" and matrix and axis == 0:
        summed = write.object(columns, "columns")
        write.line(f"{write.reshaped(i, (width,))}[:] = {summed}({given})", i)
    elif name == "maximum" and matrix and across and rows >= MANY_ROWS and width <= FEW_COLUMNS:
        turned = write.once(f"{given}_turned", f"room(({width}, {rows}), {x.dtype!r})")
        write.line(f"np.copyto({turned}, {given}.T)", i)
        write.line(f"np.maximum.reduce({turned}, 0, None, {write.reshaped(i, (rows,))})", i)
    else:
        write.line(f"np.{name}.reduce({given}, {axis!r}, None, {out}, {keepdims})", i)
    return True


def _masked(write: Writer, i: Instruction) -> bool:
    if not calls.writes(i) or not calls.masked(i):
        return False
    mask, x = write.value(i.args[0]), write.operand(i.args[1], i.dtype)
    out = write.out(i)
    if write.select:
        write.line(called(write, "multiply", [x, mask], out), i)
    elif i.id in write.memory.in_place:
        write.line(f"np.copyto({out}, 0, where=~{mask})", i)
    else:
        write.line(f"{out}.fill(0)", i)
        write.line(f"np.copyto({out}, {x}, where={mask})", i)
    return True


def _changed(write: Writer, i: Instruction) -> bool:
    if not calls.writes(i) or not calls.changes_a_copy(i):
        return False
    given, out = write.value(i.args[0]), write.out(i)
    if i.id not in write.memory.in_place:
        write.line(f"np.copyto({out}, {given})")
    if i.call == "set_item":
        write.line(f"{out}[{write.index(i.args[1])}] = {write.value(i.args[2])}", i)
    elif i.call == "shift_rows":
        _shift(write, i, out)
    elif i.call == "minus_labels":
        flat, c = write.reshaped(i, -1), write.operand(i.args[2], i.dtype)
        write.line(f"{flat}[{_places(write, i.args[1], i)}] -= {c}", i)
    else:
        change = i.call.removeprefix("changed:")
        args = [write.value(x) for x in i.args[1:]]
        args += [f"{key}={write.value(x)}" for key, x in i.kwargs]
        if change.startswith("ndarray."):
            write.line(f"{out}.{change.removeprefix('ndarray.')}({', '.join(args)})", i)
        else:
            write.line(f"{change}({', '.join([out, *args])})", i)
    return True


def _taken(write: Writer, i: Instruction) -> bool:
    if i.call != "take_labels":
        return False
    x, y = write.table[i.args[0].id], i.args[1]
    out = write.out(i)
    if x.id in write.memory.blocks:  # whole, and row after row
        at = _places(write, y, x)
        write.line(f"{write.reshaped(x, -1)}.take({at}, None, {out}, 'clip')", i)
    else:
        rows = write.once("rows", f"np.arange({i.shape[0]})")  # type: ignore[index]
        write.line(f"{out}[:] = {write.name(x)}[{rows}, {write.value(y)}]", i)
    return True


def _shift(write: Writer, i: Instruction, out: str) -> None:
    """Take off each row's maximum, if exp of a number could overflow."""
    flat, largest = write.reshaped(i, -1), small.LARGEST[i.dtype]
    if math.prod(i.shape or ()) <= FEW_SQUARES:
        test = f"{flat}.dot({flat}) < {largest**2:g}"
    else:
        most, least = (f"{flat}.item({flat}.arg{end}())" for end in ("max", "min"))
        test = f"{most} < {largest:g} and {least} > -{largest:g}"
    few = write.known["few", i.id] = write.unused("small")
    top = write.once("top", f"room(({i.shape[0]}, 1), {i.dtype!r})", ("top", i.id))  # type: ignore[index]
    write.line(f"{few} = {test}", i)
    write.line(f"if not {few}:  # exp could overflow")
    write.line(f"    np.maximum.reduce({out}, 1, None, {top}, True)")
    write.line(f"    {write.ufunc('subtract')}({out}, {top}, {out})")


def _log_share(write: Writer, i: Instruction) -> bool:
    """Labels' log shares: of the quotient, which is exact to the last digits, unless it could vanish."""
    if i.call != "log_share":
        return False
    e, total, shifted = (write.table[x.id] for x in i.args[:3])
    at, log, out = _places(write, i.args[3], e), write.ufunc("log"), write.out(i)
    totals = write.reshaped(total, i.shape)  # type: ignore[arg-type]
    spare = write.once("logs", f"room({i.shape}, {i.dtype!r})")
    write.line(f"if {write.known['few', shifted.id]}:")
    write.line(f"    {write.reshaped(e, -1)}.take({at}, None, {out}, 'clip')", i)
    write.line(f"    {write.ufunc('divide')}({out}, {totals}, {out})")
    write.line(f"    {log}({out}, {out})")
    write.line("else:")
    write.line(f"    {write.reshaped(shifted, -1)}.take({at}, None, {out}, 'clip')")
    write.line(f"    {log}({totals}, {spare})")
    write.line(f"    {write.ufunc('subtract')}({out}, {spare}, {out})")
    return True


def _places(write: Writer, y: Ref, x: Instruction) -> str:
    """Where in the flat array the element of each row's label is."""
    rows, width = x.shape  # type: ignore[misc]
    key = "places", y.id, width
    if key not in write.known:
        first = write.once("first", f"np.arange({rows}) * {width}")
        at = write.once("at", f"np.empty({rows}, np.int64)", ("at", y.id, width))
        write.line(called(write, "add", [first, write.value(y)], at))
        write.known[key] = at
    return write.known[key]


def _with_ones(write: Writer, i: Instruction) -> bool:
    """The ones are there from the first call on: nobody else gets this memory."""
    if i.call != "with_ones":
        return False
    name = write.name(i)
    left = write.unused(f"{name}_left")
    write.setup.append(f"{name} = room({i.shape}, {i.dtype!r})")
    write.setup.append(f"{name}[:, -1] = 1")
    write.setup.append(f"{left} = {name}[:, :-1]")
    write.line(f"{left}[:] = {write.value(i.args[0])}", i)
    return True


def _below(write: Writer, i: Instruction) -> bool:
    if i.call != "below":
        return False
    weight, bias = map(write.value, i.args)
    write.setup.append(f"{write.name(i)} = beside({weight}, {bias}).reshape({i.shape})")
    return True


_WAYS: tuple[Callable[[Writer, Instruction], bool], ...] = (
    *(_elementwise, _product, _reduction, _masked, _changed, _taken),
    *(_log_share, _with_ones, _below),
)

# --- checks -----------------------------------------------------------------------------------------


def _rate(write: Writer, i: Instruction) -> None:
    """A number times the learning rate."""
    rate = write.value(i.args[1])
    write.line(f"if not {rate} > {SMALLEST}:  # then a gradient that overflows might not be seen")
    write.line('    raise RetryError("the learning rate is hardly a number above 0")')
    write.setup.append(f"{write.name(i)} = np.empty((), {i.dtype!r})")
    write.line(f"{write.name(i)}[()] = {i.args[0].item()!r} * {rate}")


def _check(write: Writer, i: Instruction) -> None:
    mask = write.value(i.args[0])
    whole = isinstance(i.args[0], Ref) and not write.table[i.args[0].id].shape
    write.line(f"if not {mask}{'' if whole else '.all()'}:")
    write.line(f"    raise {_error_of(i.args[2])}({i.args[1]!r})")


def _error_of(name: str) -> str:
    """What a step raises where a check fails."""
    return "UnlikeError" if name == "IndexError" else "RetryError"


def _labels(write: Writer, i: Instruction) -> None:
    y, classes = write.value(i.args[0]), i.args[1]
    shape = write.table[i.args[0].id].shape or ()
    if len(shape) == 1 and shape[0] <= FEW_LABELS and classes <= FEW_CLASSES:
        known = write.once(f"classes{classes}", f"frozenset(range({classes}))")
        write.line(f"if not {known}.issuperset({y}.tolist()):")
    else:
        unsigned = write.unused("unsigned")
        write.line(f"{unsigned} = {y}.view(np.uint64)  # as such, negative ones are large")
        write.line(f"if {unsigned}.item({unsigned}.argmax()) >= {classes}:")
    write.line(f"    raise {_error_of(i.args[3])}({i.args[2]!r})")


_CHECKS = {"check": _check, "labels": _labels}


def emit_finite(write: Writer, gradients: list[str], dtypes: list[str], losses: list[str]) -> None:
    """The check that arrays and numbers are finite, by one sum of squares. It is not if an element is not,
    or if a square overflows: then eager code finds out.
    """
    tests = [
        f"{g}.dot({g})"
        if dtype in calls.BLAS and "(" not in g
        else f"(0 if np.isfinite({g}).all() else math.inf)"
        for g, dtype in zip(gradients, dtypes, strict=True)
    ]
    tests += losses
    if tests:
        write.line(f"if not isfinite({' + '.join(tests)}):")
        write.line('    raise RetryError("a loss or a gradient is not finite")')
