"""diagnose names the mistake made, says "unexplained" if none fits, and accepts what is right."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.diagnosis_proof import SEEDS, SHAPES, count, named_on_nonsense, named_on_right
from tinygrad_xent.check import diagnose

X = np.array([[5, 6, 7, 8], [3, 8, 3, 4], [7, 9, 6, 9], [2, 1, 2, 3], [8, 4, 3, 2]]) / 10
W = np.array([[0.17, 0.40, -0.14, 0.51], [0.75, -0.04, 0.67, -0.18], [0.53, -0.04, 0.40, 0.77]]).T
B = np.array([0.05, -0.11, -0.32])
LABELS = np.array([0, 1, 0, 1, 2])


@pytest.fixture
def gradients():
    """dL/dW and dL/db of the node-classification example, by backward()."""
    w, b = tx.Tensor(W, requires_grad=True), tx.Tensor(B, requires_grad=True)
    loss = -tx.mean(tx.log_softmax(X @ w + b, axis=1)[np.arange(5), LABELS])
    loss.backward()
    return w.grad.numpy(), b.grad.numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mistake", SEEDS)
def test_a_seeded_mistake_is_named(mistake, shape):
    found, examples = count(mistake, shape, 8)
    assert found["missed"] == 0, examples


def test_no_mistake_is_named_on_a_right_gradient():
    assert named_on_right(300) == 0


def test_random_numbers_stay_unexplained():
    """Two decimals of two or three numbers may agree by chance: less than once in a hundred."""
    assert named_on_nonsense(300) <= 3


def test_the_published_node_classification_gradient(gradients):
    """From the figures alone: missing indicator, missing 1/N, components 2 and 3 miscalculated."""
    published_p = np.array(
        [
            [0.33, 0.29, 0.38],
            [0.42, 0.29, 0.29],
            [0.36, 0.27, 0.37],
            [0.37, 0.32, 0.31],
            [0.33, 0.36, 0.31],
        ]
    )
    found = diagnose(
        [-1.62, -1.77, -1.29, -1.73],
        gradients[0][:, 0],
        x=X,
        p=published_p[:, 0],
        y=(LABELS == 0) * 1.0,
        digits=2,
    )
    assert found.mistakes == ("missing indicator", "missing 1/N", "wrong components")
    assert found.also == ()
    assert [(c.at, c.claimed, round(c.expected, 3)) for c in found.wrong] == [
        ((2,), -1.29, -1.354),
        ((3,), -1.73, -1.667),
    ]
    assert "[2]: claimed -1.29, the other mistakes give -1.354" in str(found)


def test_the_published_rule_for_the_bias(gradients):
    p = tx.softmax(X @ W + B, axis=1)
    found = diagnose((p - 1).sum(axis=0), gradients[1], p=p, y=LABELS)
    assert found.mistakes == ("missing indicator", "missing 1/N")


def test_the_right_rule_on_rounded_probabilities_is_right(gradients):
    p = tx.softmax(X @ W + B, axis=1).numpy().round(2)
    claimed = X.T @ (p - np.eye(3)[LABELS]) / 5
    assert not diagnose(claimed, gradients[0]).is_right  # without p it is just another number
    found = diagnose(claimed, gradients[0], x=X, p=p, y=LABELS)
    assert found.is_right
    assert str(found) == "right (up to the rounding of the given figures)"


def test_equal_figures_are_all_named():
    found = diagnose([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], n=2)
    assert {found.mistakes, *found.also} == {("missing 1/N",), ("extra factor 2",)}


def test_a_constant_factor_that_no_mistake_explains_is_reported_as_a_fact():
    found = diagnose([5.0, 10.0, 15.0], [1.0, 2.0, 3.0])
    assert found.is_unexplained
    assert found.note == "every component is 5 times the true one"


def test_unexplained_lists_the_largest_differences_first():
    found = diagnose([1.0, 9.0, 4.0, 7.0], [2.0, 2.0, 3.0, 4.0])
    assert found.is_unexplained
    assert [c.at for c in found.wrong] == [(1,), (3,), (0,), (2,)]


def test_not_a_number_is_never_right():
    found = diagnose([1.0, np.nan, 3.0, 5.0], [1.0, 2.0, 3.0, 5.0])
    assert found.mistakes == ("wrong components",)
    assert found.wrong[0].at == (1,)
    assert diagnose([np.nan], [1.0]).is_unexplained
    assert not diagnose([np.nan], [np.nan]).is_right


def test_one_row_and_one_column():
    actual = np.arange(12.0).reshape(3, 4) + 1
    row, column = actual.copy(), actual.copy()
    row[1], column[:, 2] = -7, -7
    assert diagnose(row, actual).mistakes == ("one row wrong",)
    assert {c.at for c in diagnose(row, actual).wrong} == {(1, j) for j in range(4)}
    assert diagnose(column, actual).mistakes == ("one column wrong",)


def test_float32_is_judged_by_its_own_rounding():
    rng = np.random.default_rng(0)
    actual = rng.standard_normal((5, 4))
    assert diagnose(actual.astype(np.float32), actual).is_right
    assert not diagnose(actual * (1 + 1e-6), actual).is_right
    assert diagnose(-actual.astype(np.float32), actual).mistakes == ("sign flipped",)


def test_a_shape_that_nothing_explains():
    found = diagnose(np.ones((2, 3)), np.ones(5))
    assert found.is_unexplained
    assert found.note == "shape (2, 3), but the true gradient has (5,)"


def test_scalars_and_tensors():
    assert diagnose(tx.Tensor(-3.0), tx.Tensor(3.0)).mistakes == ("sign flipped",)
    assert diagnose(0.0, 0.0).is_right


def test_bad_input_raises():
    with pytest.raises(tx.DtypeError, match="must be numbers"):
        diagnose(["a"], [1.0])
    with pytest.raises(tx.ShapeError, match="probabilities have shape"):
        diagnose([1.0], [1.0], p=np.ones((2, 3)), y=np.ones((3, 2)))
