"""why: on random graphs the parts add up to the gradient exactly; each says where it comes from."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.check import why


def random_graph(seed, dtype=np.float64):
    """A scalar of random smooth operations in which values are used several times."""
    rng = np.random.default_rng(seed)
    shapes = [(3, 4), (4,), (1, 4), (3, 1), ()]
    leaves = [
        tx.Tensor(rng.normal(size=s).astype(dtype), requires_grad=True, name=f"x{i}")
        for i, s in enumerate(shapes)
    ]
    square = tx.Tensor(rng.normal(size=(4, 4)).astype(dtype), requires_grad=True, name="w")
    pool = list(leaves)
    unary = [tx.tanh, tx.sigmoid, tx.softplus, tx.relu, tx.neg, lambda t: t * t, lambda t: t / 3]
    wide = [
        lambda t: t @ square,
        lambda t: tx.log_softmax(t, axis=1),
        lambda t: t.sum(axis=0),
        lambda t: t.max(axis=1, keepdims=True),
        lambda t: t[np.array([0, 2, 2])],
        lambda t: t.reshape(4, 3).mT,
        lambda t: tx.concatenate([t[:, 2:], t[:, :2]], axis=1),
    ]
    for _ in range(14):
        a, b = (pool[i] for i in rng.integers(len(pool), size=2))
        kind = rng.integers(3)
        if kind == 0:
            pool.append(unary[rng.integers(len(unary))](a))
        elif kind == 1:
            pool.append([tx.add, tx.mul, tx.sub, tx.maximum][rng.integers(4)](a, b))
        else:
            t = a + tx.mul(leaves[0], b)
            pool.append(tx.tanh(wide[rng.integers(len(wide))](t)))
    loss = sum((t * t).sum() for t in pool)
    return loss, [*leaves, square], pool


@pytest.mark.parametrize("seed", range(40))
def test_parts_add_up_exactly_on_random_graphs(seed):
    loss, leaves, pool = random_graph(seed)
    trace = tx.trace(loss)
    for tensor in [*leaves[:-1], *pool]:
        index = tuple(np.random.default_rng(seed).integers(n) for n in tensor.shape)
        answer = why(tensor, index, of=trace)
        assert answer.total == answer.gradient == float(np.asarray(trace[tensor].gradient)[index])
        sizes = [abs(part.value) for part in answer.parts]
        assert sizes == sorted(sizes, reverse=True)
        for part in answer.parts:
            assert part.value == pytest.approx(sum(t.value for t in part.terms), abs=1e-12)
    loss.backward()
    for tensor in leaves[:-1]:
        index = (0,) * tensor.ndim
        assert why(tensor, index, of=loss).total == pytest.approx(
            float(tensor.grad.numpy()[index]), rel=1e-13, abs=1e-13
        )


def test_parts_add_up_in_float32_too():
    loss, leaves, _ = random_graph(3, np.float32)
    answer = why(leaves[1], 2, of=loss)
    assert answer.total == answer.gradient


def test_a_part_names_the_operation_the_line_and_the_samples():
    w = tx.Tensor([[1.0], [2.0]], requires_grad=True, name="w")
    x = np.array([[1.0, 0.0], [5.0, 1.0], [2.0, 3.0]])
    loss = (x @ w).sum() + 7 * w[0, 0]
    answer = why(w, (0, 0), of=loss)
    assert [(p.op, p.value, p.formula) for p in answer.parts] == [
        ("matmul", 8.0, "aᵀ @ g"),
        ("getitem", 7.0, "scatter(g, index)"),
    ]
    assert "x @ w" in answer.parts[0].line.text
    assert [(t.index, t.value) for t in answer.parts[0].terms] == [
        ((1, 0), 5.0),
        ((2, 0), 2.0),
        ((0, 0), 1.0),
    ]
    text = str(answer)
    assert "gradient of w[0, 0] = 15" in text
    assert "+8  matmul" in text
    assert "+5  by way of matmul[1, 0]" in text


def test_one_operation_that_uses_a_value_twice_is_two_parts():
    x = tx.Tensor(3.0, requires_grad=True)
    parts = why(x, of=x * x).parts
    assert [(p.argument, p.value) for p in parts] == [(0, 3.0), (1, 3.0)]
    assert parts[0].entry == parts[1].entry


def test_many_terms_are_summed_up_in_print():
    w = tx.Tensor([1.0], requires_grad=True)
    text = str(why(w, 0, of=(w * np.arange(1.0, 21.0)).sum()))
    assert "14 smaller ones" in text


def test_negative_places_and_an_entry():
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    trace = tx.trace((x * x).sum())
    assert why(x, -1, of=trace).index == (1,)
    assert why(trace[0], -1, of=trace).gradient == 4.0


def test_a_checkpoint_is_one_part():
    x = tx.Tensor([1.0, 2.0], requires_grad=True)
    answer = why(x, 1, of=tx.checkpoint(lambda t: t * t)(x).sum())
    assert (answer.gradient, answer.parts[0].terms) == (4.0, ())


def test_a_parameter_that_is_read_but_gets_no_gradient():
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    scale = tx.Tensor([0.0, 1.0], requires_grad=True, name="scale")
    loss = (tx.where(scale > 0.5, x, 0.0)).sum() + 0 * scale.sum()
    assert why(scale, 0, of=loss).gradient == 0.0


def test_errors():
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    other = tx.Tensor([1.0], requires_grad=True, name="other")
    mask = tx.Tensor([1.0, 0.0], name="mask")
    loss = (x * mask).sum()
    with pytest.raises(tx.OutOfRangeError, match=r"\[2\] is not an element of x"):
        why(x, 2, of=loss)
    with pytest.raises(tx.OutOfRangeError, match="one place per axis"):
        why(x, of=loss)
    with pytest.raises(tx.GraphError, match="does not depend on"):
        why(other, 0, of=loss)
    with pytest.raises(tx.GraphError, match="no gradient reaches mask"):
        why(mask, 0, of=loss)
    with pytest.raises(TypeError, match="Tensor or an Entry"):
        why([1.0], 0, of=loss)
