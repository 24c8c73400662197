"""tx.program of a tape: leaves are inputs, raw arrays constants, and the gradients are outputs."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import NAMES, has_rule, make_call
from tests.programs.coverage import ulps
from tinygrad_xent.programs import RecordingError


@pytest.mark.parametrize(
    "name", [name for name in NAMES if has_rule(name) and make_call(name).live]
)
@pytest.mark.filterwarnings("ignore")
def test_the_tape_of_every_row_becomes_a_program(name):
    call = make_call(name)
    leaves = {
        f"p{i}": tx.Tensor(x, requires_grad=True, name=f"p{i}") for i, x in enumerate(call.points)
    }
    y = call(*leaves.values())
    loss = (y * np.random.default_rng(0).normal(size=y.shape)).sum()
    program = tx.program(loss)
    found = program(*(leaves[i.name].numpy() for i in program.inputs))
    loss.backward()
    assert ulps(np.asarray(found["loss"]), loss.numpy()) <= 4
    for key, leaf in leaves.items():
        if leaf.grad is not None:
            assert ulps(found[f"d{key}"], leaf.grad.numpy()) <= 4


def weights():
    return tx.Tensor(np.linspace(-1, 1, 12).reshape(4, 3), requires_grad=True)


X = np.arange(20.0).reshape(5, 4) / 10
Y = np.array([0, 1, 2, 0, 1])


def test_inputs_and_constants_have_the_names_of_variables():
    W, b = weights(), tx.Tensor(np.zeros(3), requires_grad=True)
    batch, labels = X * 1, Y * 1
    z = batch @ W + b
    loss = tx.cross_entropy(z, labels)
    program = tx.program(loss)
    assert [i.name for i in program.inputs] == ["W", "b"]
    assert program.constants.keys() == {"batch", "labels"}
    assert program.outputs.keys() == {"loss", "dW", "db"}
    assert {"z", "dz"} <= {i.name for i in program}


@pytest.mark.parametrize("turn", [np.transpose, np.flipud, np.rot90, lambda x: x[::-1, ::-1]])
def test_a_view_of_a_variable_is_not_the_variable(turn):
    square = np.arange(9.0).reshape(3, 3)
    W = tx.Tensor(square * 2, requires_grad=True)
    loss = (W * turn(square) + W @ turn(square)).sum()
    assert tx.program(loss)(W.numpy())["loss"] == loss.item()


def test_it_may_be_made_after_backward_and_leaves_gradients_alone():
    W = weights()
    loss = tx.cross_entropy(X @ W, Y)
    loss.backward()
    before = W.grad.numpy().copy()
    found = tx.program(loss)(W.numpy())
    np.testing.assert_array_equal(found["dW"], before)
    np.testing.assert_array_equal(W.grad.numpy(), before)


def test_a_chunked_loss_is_written_as_what_it_computes():
    W = weights()
    loss = tx.linear_cross_entropy(X, W, None, Y, chunk_rows=2)
    found = tx.program(loss)(W.numpy())
    loss.backward()
    np.testing.assert_allclose(found["dW"], W.grad.numpy(), rtol=1e-12)


def test_the_tape_of_a_checkpoint_is_refused_with_the_way_to_record_it():
    W = weights()
    with pytest.raises(RecordingError, match="of which the tape has only the arrays"):
        tx.program(tx.checkpoint(lambda w: tx.exp(w))(W).sum())

    def f(w):
        return tx.grad(lambda w: tx.checkpoint(lambda v: (v * v).exp())(w).sum())(w)

    np.testing.assert_array_equal(tx.program(f, W.numpy())(W.numpy()), f(W.numpy()).numpy())


def test_an_overwritten_leaf_is_refused():
    W = weights()
    loss = tx.cross_entropy(X @ W, Y)
    W.data = W.data * 2
    with pytest.raises(tx.GraphError, match="lost"):
        tx.program(loss)


def test_equal_computations_are_equal_programs():
    first, second = (tx.program(tx.cross_entropy(X @ weights(), Y)) for _ in range(2))
    assert first == second
    assert first != tx.program(tx.cross_entropy(X @ weights(), Y[::-1].copy()))


@pytest.mark.parametrize("order", [tx.grad, tx.hessian, lambda f: lambda w: tx.hvp(f, w, w)])
def test_derivatives_of_any_order_are_programs(order):
    def f(w):
        return (tx.relu(w) ** 3 * tx.sin(w)).sum()

    w = np.array([1.0, -2.0, 0.5])
    found = tx.program(order(f), w)(w)
    assert ulps(found, order(f)(w).numpy()) <= 8
