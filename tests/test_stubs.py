"""The stubs say what the table says, and type checkers and editors read them."""

import inspect
from pathlib import Path

import pytest

import tinygrad_xent as tx
from tinygrad_xent import stubs

PACKAGE = Path(tx.__file__).parent


@pytest.mark.parametrize("file", stubs.STUBS)
def test_a_stub_is_what_the_command_writes(file):
    written = (PACKAGE / file).read_text(encoding="utf-8")
    assert written == stubs.STUBS[file](), "run `python -m tinygrad_xent.stubs`"


def test_a_new_row_changes_the_stubs():
    before = stubs.methods_stub()

    @tx.op("x³", ("3 · g · x²", lambda g, x: 3 * g * x * x), method=True)
    def cubed(x, /):
        return x * x * x

    added = set(stubs.methods_stub().splitlines()) - set(before.splitlines())
    assert "    def cubed(self) -> Self: ..." in added
    tx.remove_op("cubed")
    assert stubs.methods_stub() == before


def test_help_shows_signatures_that_are_right():
    expected = {
        "exp": "(x: 'Operand', /) -> 'Tensor'",
        "sum": "(x: 'Operand', /, axis: 'Axis' = None, keepdims: 'bool' = False) -> 'Tensor'",
        "reshape": "(x: 'Operand', /, shape: 'int | tuple[int, ...]') -> 'Tensor'",
        "less": "(a: 'Operand', b: 'Operand', /) -> 'Tensor'",
    }
    for name, signature in expected.items():
        assert str(inspect.signature(getattr(tx, name))) == signature
        assert getattr(tx, name).__doc__
    assert str(inspect.signature(tx.Tensor.sum)).endswith("keepdims: 'bool' = False) -> 'Tensor'")


def test_transforms_keep_the_functions_name_and_docstring():
    def energy(x: tx.Tensor) -> tx.Tensor:
        """Half the square."""
        return (x * x).sum() / 2

    for transform in (tx.grad, tx.value_and_grad, tx.jacobian, tx.hessian, tx.checkpoint):
        changed = transform(energy)
        assert (changed.__name__, changed.__doc__) == ("energy", "Half the square.")
