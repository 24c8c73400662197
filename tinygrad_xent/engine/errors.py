"""The errors and their messages: the operation, its inputs, the user's line, the cure.

The classes extend the built-in ones, so `except ValueError` works as with NumPy. `explain` chooses
the error to raise when NumPy refuses an operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .lines import Line, user_line


class WordedError(Exception):
    """An error that composes its own message: `raise ShapeError(what, operands, fix)`.

    Args:
        what: the operation and what is wrong.
        operands: its inputs; each is described by name, dtype and shape.
        fix: the cure.
    """

    def __init__(self, what: str, operands: Sequence[Any] = (), fix: str = "") -> None:
        text = message(what, operands, fix)
        super().__init__(text)
        self.args = (text,)  # for copies and pickles: a complete text is taken as it is


class ShapeError(WordedError, ValueError):
    """Shapes that do not fit the operation."""


class AxisError(ShapeError, np.exceptions.AxisError):
    """An axis that the array does not have: as in NumPy both a ValueError and an IndexError."""


class DtypeError(WordedError, TypeError):
    """A dtype the operation can't take: strings, objects, complex numbers, float labels."""


class OutOfRangeError(WordedError, IndexError):
    """An index past the end of an axis."""


class BadValueError(WordedError, ValueError):
    """A number, an option or a setting that the operation does not accept."""


class MatrixShapeError(ShapeError, np.linalg.LinAlgError):
    """A shape that is not one of (square) matrices."""


class MatrixError(BadValueError, np.linalg.LinAlgError):
    """A matrix that the operation does not accept: a singular one, say."""


class NonFiniteError(WordedError, FloatingPointError):
    """A number is nan or infinite where that can't go on."""


class NonFiniteWarning(RuntimeWarning):
    """A loss or a gradient is nan or infinite."""


class GraphError(WordedError, RuntimeError):
    """The recorded graph can't be used as asked: freed, overwritten, or never recorded."""


def describe(x: Any) -> str:
    """Name, dtype and shape of an operand, as the messages print it."""
    name = getattr(x, "name", None)
    prefix = f"{name}: " if isinstance(name, str) else ""
    if isinstance(x, (bool, int, float, complex)):
        return f"{prefix}{type(x).__name__} {x!r}"
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return f"{prefix}{x.dtype} {tuple(x.shape)}"
    text = repr(x)
    return f"{prefix}{type(x).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def at_line(line: Line | None = None) -> str:
    """`at train.py:12: y = a @ b`, for the user's line unless another is given."""
    line = line or user_line()
    return f"at {line}: {line.text}" if line.text else f"at {line}"


def message(what: str, operands: Sequence[Any] = (), fix: str = "") -> str:
    """What went wrong, with the inputs, the user's line and the cure. A text that already names a
    line is complete and is returned as it is.
    """
    if "\n  at " in what:
        return what
    lines = [what]
    if operands:
        lines.append("  inputs: " + "; ".join(describe(x) for x in operands))
    lines.append("  " + at_line())
    if fix:
        lines.append("  fix: " + fix)
    return "\n".join(lines)


def wrong_rule(node: Any, i: int, c: Any) -> ShapeError:
    """A rule gave something that can't be its input's gradient: an impossible shape, or no array."""
    argument, given = node.plan.input_names[i], getattr(c, "shape", type(c).__name__)
    what = (
        f"{node.op.name}: its rule for {argument} ({node.op.rule_for(i).formula}) gave {given}, and "
        f"{argument} has the shape {node.inputs[i].shape}; the operation ran at {node.line}"
    )
    fix = "a rule gives an array of its input's shape, or of the output's: the walk undoes broadcasting"
    return ShapeError(what, [node.inputs[i]], fix)


def freed(node: Any) -> GraphError:
    """An earlier walk already freed what an operation kept."""
    what = f"backward: the graph was already freed ({node.op.name} at {node.line})"
    fix = "call the first backward(retain_graph=True), or run the forward pass again"
    return GraphError(what, fix=fix)


def overwritten(node: Any, leaf: Any) -> GraphError:
    """A leaf that an operation kept was changed before backward could use it."""
    name = leaf.name or f"a leaf of shape {leaf.shape}"
    what = f"backward: {name} was kept by {node.op.name} at {node.line} and overwritten at {leaf.changed_at}"
    fix = "call backward() before the update, or run the forward pass again"
    return GraphError(what, fix=fix)


BROADCAST_FIX = (
    "from the right, each pair of axes must be equal or one of them 1; "
    "add an axis with expand_dims(x, axis) or reorder with reshape"
)
AXIS_FIX = "axes run from -ndim to ndim - 1"
INDEX_FIX = "integer indices run from -n to n - 1; labels must be integers, use labels.astype(int)"


def explain(op: str, operands: Sequence[Any], settings: Any, error: Exception) -> Exception:
    """NumPy's error for a failed operation, restated in terms of the user's program."""
    if isinstance(error, WordedError):
        return error  # already ours
    if bad := [x for x in map(_values, operands) if _kind(x) in "OUSVMm"]:
        what = f"{op}: takes numbers, got {_kind_name(bad[0])}"
        return DtypeError(what, operands, "convert to a float array first")
    if isinstance(error, np.exceptions.AxisError):
        return AxisError(f"{op}: {error}", operands, AXIS_FIX)
    if isinstance(error, np.linalg.LinAlgError):
        return _explain_matrix_error(op, operands, str(error))
    if isinstance(error, IndexError):
        fix = INDEX_FIX
        if "shape mismatch" in str(error):
            fix = "index arrays must broadcast against each other; along an axis, against the array"
        elif "integer" in str(error):
            what = f"{op}: an index must be integers or booleans ({error})"
            return DtypeError(what, operands, fix)
        return OutOfRangeError(f"{op}: {error}", operands, fix)
    if isinstance(error, TypeError):
        if any(_kind(_values(x)) == "c" for x in operands):
            return no_complex(op, operands)
        return DtypeError(f"{op}: {error}", operands)
    if type(error) is ValueError:
        return _explain_value_error(op, operands, settings, error)
    error.add_note(message(f"in {op}", operands))  # any other class of error is kept
    return error


def no_complex(who: str, operands: Sequence[Any]) -> DtypeError:
    """The error about complex numbers among the operands."""
    what = f"{who}: complex numbers are not supported"
    return DtypeError(what, operands, "keep real and imaginary parts apart")


def _explain_value_error(
    op: str, operands: Sequence[Any], settings: Any, error: ValueError
) -> Exception:
    text = str(error)
    shapes = [tuple(np.shape(x)) for x in map(_values, operands)]
    if op == "broadcast_to":
        shapes.append(settings[0])
    listed = " and ".join(str(s) for s in shapes)
    if op == "matmul":
        what = f"matmul: shapes {listed} do not fit"
        fix = "the last axis of the first must equal the second-to-last of the second; transpose one (.mT)?"
        return ShapeError(what, operands, fix)
    if "core dimension" in text:
        what = f"{op}: shapes {listed} do not fit"
        return ShapeError(
            what, operands, "the rows of the first are as many as those of the second"
        )
    if "negative integer powers" in text:
        what = "pow: an integer to a negative integer power is not an integer"
        return DtypeError(what, operands, "make one of them floats")
    if "broadcast" in text:
        return ShapeError(f"{op}: shapes {listed} do not broadcast", operands, BROADCAST_FIX)
    return ShapeError(f"{op}: {text}", operands)


MATRIX_FIXES = {
    "singular": "linalg.lstsq and linalg.pinv take it; or add a small multiple of the identity",
    "not positive definite": "add a multiple of the identity; linalg.eigvalsh tells how large",
    "not finite, or too hard for LAPACK": "look for nan and inf among the numbers",
}


def _explain_matrix_error(op: str, operands: Sequence[Any], text: str) -> Exception:
    shapes = " and ".join(str(np.shape(_values(x))) for x in operands)
    if "dimension" in text:
        kind = "square matrices" if "square" in text else "matrices"
        what = f"{op}: takes {kind}, or stacks of them; the shape is {shapes}"
        return MatrixShapeError(what, operands, "the last two axes are those of the matrices")
    singular, indefinite, hard = MATRIX_FIXES
    wrong = singular if "ingular matrix" in text else indefinite if "positive" in text else hard
    return MatrixError(f"{op}: a matrix is {wrong} ({shapes})", operands, MATRIX_FIXES[wrong])


def _values(x: Any) -> Any:
    return getattr(x, "_data", x)


def _kind(x: Any) -> str:
    if isinstance(x, (str, bytes)):
        return "U"
    return str(getattr(getattr(x, "dtype", None), "kind", "f"))


def _kind_name(x: Any) -> str:
    names = {"O": "an object array", "U": "text", "S": "bytes", "V": "a structured array"}
    return names.get(_kind(x), "dates")
