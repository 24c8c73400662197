"""Errors word their own message: once, with the user's line, and a copy says the same."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.engine import errors

CLASSES = [
    *errors.WordedError.__subclasses__(),
    *errors.ShapeError.__subclasses__(),
    *errors.BadValueError.__subclasses__(),
]


@pytest.mark.parametrize("cls", CLASSES)
def test_what_operands_line_and_fix(cls):
    operand = tx.Tensor(np.zeros((2, 3)), name="W")
    lines = str(cls("matmul: no", [operand, 2.0], "transpose one")).splitlines()
    assert lines[0] == "matmul: no"
    assert lines[1] == "  inputs: W: float64 (2, 3); float 2.0"
    assert lines[2].startswith("  at test_errors.py:")
    assert lines[3] == "  fix: transpose one"
    assert len(str(cls("no")).splitlines()) == 2  # what, and where


@pytest.mark.parametrize("cls", CLASSES)
def test_a_copy_says_the_same(cls):
    def elsewhere(error):
        error.add_note("in epoch 3")
        return [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]

    error = cls("no", ["text"], "another")
    for again in elsewhere(error):
        assert (type(again), str(again), again.args) == (cls, str(error), error.args)
        assert again.__notes__ == ["in epoch 3"]


def test_what_was_worded_is_not_worded_again():
    inner = errors.ShapeError("add: no", fix="reshape")
    assert str(errors.GraphError(str(inner))) == str(inner)


def test_the_classes_are_pythons_too():
    kinds = {"ShapeError": ValueError, "DtypeError": TypeError, "OutOfRangeError": IndexError}
    kinds |= {"BadValueError": ValueError, "GraphError": RuntimeError, "AxisError": IndexError}
    kinds |= {"NonFiniteError": FloatingPointError}
    kinds |= {"MatrixShapeError": np.linalg.LinAlgError, "MatrixError": np.linalg.LinAlgError}
    assert {cls.__name__ for cls in CLASSES} == kinds.keys()
    for name, kind in kinds.items():
        assert issubclass(getattr(errors, name), kind)
