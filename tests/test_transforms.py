"""grad, value_and_grad, vjp, jacobian, hessian, hvp and checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.measure import kept_bytes
from tinygrad_xent import GraphError, ShapeError, Tensor


def close(ours, theirs, rtol=1e-12):
    ours = ours.numpy() if isinstance(ours, Tensor) else ours
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-14)


A = np.array([[2.0, 1.0], [1.0, 3.0]])


def quadratic(x):
    return (x @ A @ x) / 2


# --- grad and value_and_grad ----------------------------------------------------------------------


def test_grad_of_every_order():
    f = tx.grad(lambda x: x**5)
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        assert f(2.0).item() == expected
        f = tx.grad(f)


def test_grad_leaves_every_grad_alone():
    x, w = Tensor(3.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    slope = tx.grad(lambda t: w * t * t)(x)
    assert slope.item() == 12.0
    assert x.grad is None
    assert w.grad is None


def test_argnums():
    f = lambda x, y, k=1.0: (x * y * y).sum() * k  # noqa: E731
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    close(tx.grad(f)(x, y), y * y)
    close(tx.grad(f, 1)(x, y, k=3.0), 6 * x * y)
    close(tx.grad(f, -1)(x, y), 2 * x * y)
    both = tx.grad(f, (1, 0))(x, y)
    close(both[0], 2 * x * y)
    close(both[1], y * y)
    assert isinstance(tx.grad(f, (0,))(x, y), tuple)
    value, slopes = tx.value_and_grad(f, (0, 1))(x, y)
    assert value.item() == 41.0
    assert not value.requires_grad
    assert len(slopes) == 2
    with pytest.raises(TypeError, match="no argument 2"):
        tx.grad(f, 2)(x, y)
    with pytest.raises(TypeError, match="twice"):
        tx.grad(f, (0, -2))(x, y)


def test_a_function_that_ignores_its_argument_has_slope_zero():
    w = Tensor(2.0, requires_grad=True)
    close(tx.grad(lambda x: Tensor(3.0))([1.0, 2.0]), [0.0, 0.0])
    close(tx.grad(lambda x: w * 3.0)([1.0, 2.0]), [0.0, 0.0])
    close(tx.grad(lambda x, y: y.sum(), (0, 1))([1.0], [2.0])[0], [0.0])


def test_the_identity_gives_a_gradient_of_its_own():
    y, back = tx.vjp(lambda x: x, [1.0, 2.0])
    seed = np.ones(2)
    g = back(seed)
    seed[:] = 9
    close(g, [1.0, 1.0])
    close(y, [1.0, 2.0])


def test_nested_grads_of_two_variables():
    mixed = tx.grad(lambda x: tx.grad(lambda y: x * x * y * y * y)(x))
    assert mixed(2.0).item() == 3 * 4 * 2.0**3  # d/dx 3x⁴
    inner = tx.grad(lambda x: x * tx.grad(lambda y: x * y)(1.0))
    assert inner(3.0).item() == 6.0  # d/dx x·x: no confusion of the two levels


def test_the_variables_of_an_inner_transform_do_not_hold_on_to_the_result():
    def mixed(transform):
        return lambda x: transform(lambda x, y: (x * y).exp(), argnums=1)(x, 2.0)

    def pulled(x):
        return tx.vjp(lambda y: (x * y).exp(), 2.0)[1](1.0)

    for slope in (mixed(tx.grad), mixed(tx.jacobian), pulled):
        value, found = tx.value_and_grad(slope)(1.0)
        assert found.item() == pytest.approx(3 * np.exp(2))
        assert not value.requires_grad
        assert not found.requires_grad
        assert not tx.hessian(slope)(1.0).requires_grad
        assert tx.hessian(slope)(1.0).item() == pytest.approx(8 * np.exp(2))
        w = tx.Tensor(1.0, requires_grad=True)
        slope(w).backward()
        assert w.grad.item() == pytest.approx(3 * np.exp(2))


def test_closures_over_tensors_that_require_grad():
    w = Tensor([2.0, 3.0], requires_grad=True, name="w")
    slope = tx.grad(lambda x: (w * x * x).sum())([1.0, 10.0])
    close(slope, [4.0, 60.0])
    slope.sum().backward()  # the slope is 2wx: its derivative in w is 2x
    close(w.grad, [2.0, 20.0])
    value, slope = tx.value_and_grad(lambda x: (w * x * x).sum())([1.0, 10.0])
    w.zero_grad()
    (value + slope.sum()).backward()
    close(w.grad, [3.0, 120.0])


def test_a_point_that_requires_grad_keeps_its_path():
    x = Tensor(3.0, requires_grad=True)
    slope = tx.grad(lambda t: t**3)(x * 2.0)
    slope.backward()  # slope = 3(2x)² = 12x²
    assert x.grad.item() == 72.0


def test_under_no_grad_and_inside_a_backward():
    with tx.no_grad():
        assert tx.grad(lambda x: x * x)(3.0).item() == 6.0
        assert not (Tensor(1.0, requires_grad=True) * 2).requires_grad


def test_whole_numbers_are_points():
    slope = tx.grad(lambda x: x * x)(3)
    assert slope.item() == 6.0
    assert slope.dtype == np.float64
    assert tx.grad(lambda x: (x * x).sum())(np.array([1, 2], np.int8)).dtype == np.float64


def test_dtypes_stay():
    x = Tensor([1.0, 2.0], dtype=np.float32)
    assert tx.grad(quadratic)(x).dtype == np.float32
    assert tx.hessian(lambda t: (t**3).sum())(x).dtype == np.float32
    assert tx.hvp(lambda t: (t**3).sum(), x, [1.0, 1.0]).dtype == np.float32


def test_wrong_functions():
    with pytest.raises(ShapeError, match="one element"):
        tx.grad(lambda x: x)([1.0, 2.0])
    with pytest.raises(tx.DtypeError, match="must return a Tensor"):
        tx.grad(lambda x: 3.0)(1.0)
    with pytest.raises(tx.DtypeError, match="int64, which has no derivative"):
        tx.grad(lambda x: (x > 0).sum())([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"hvp: .*\(1,\).*\(2,\)"):
        tx.hvp(lambda x: (x * x).sum(), [1.0, 2.0], [1.0])
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\)"):
        tx.vjp(lambda x: x * x, [1.0, 2.0])[1](np.ones(3))


# --- vjp, jacobian, hessian, hvp ------------------------------------------------------------------


def test_vjp_may_be_called_again_and_differentiated():
    y, back = tx.vjp(lambda x, z: x * x * z, [1.0, 2.0], 3.0)
    close(y, [3.0, 12.0])
    for _ in range(2):
        dx, dz = back([1.0, 10.0])
        close(dx, [6.0, 120.0])
        assert dz.item() == 41.0
    seed = Tensor([1.0, 10.0], requires_grad=True)
    dx, _ = back(seed)
    dx.sum().backward()  # linear in the seed
    close(seed.grad, [6.0, 12.0])
    low = Tensor([1.0, 10.0], requires_grad=True, dtype=np.float32)
    back(low)[0].sum().backward()  # another dtype does not cut the seed off
    close(low.grad, [6.0, 12.0])
    assert low.grad.dtype == np.float32


def test_jacobian_of_a_matrix_product():
    x, w = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    dx, dw = tx.jacobian(tx.matmul, (0, 1))(x, w)
    assert dx.shape == (2, 4, 2, 3)
    assert dw.shape == (2, 4, 3, 4)
    close(dx, np.einsum("ai,kj->ajik", np.eye(2), w))
    close(dw, np.einsum("ai,bj->abij", x, np.eye(4)))


def test_jacobian_of_scalars_and_of_nothing():
    assert tx.jacobian(lambda x: x * x)(3.0).shape == ()
    assert tx.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    close(tx.jacobian(lambda x: Tensor(np.ones(2)))(np.ones(3)), np.zeros((2, 3)))


def test_hessians():
    close(tx.hessian(quadratic)([1.0, -1.0]), (A + A.T) / 2)
    close(tx.hessian(lambda x: x.sum())([1.0, 2.0]), np.zeros((2, 2)))
    p = tx.softmax(np.array([2.0, 1.0, -1.0]))
    close(tx.hessian(tx.logsumexp)([2.0, 1.0, -1.0]), np.diag(p) - np.outer(p, p))
    third = tx.jacobian(tx.hessian(lambda x: (x**4).sum()))([1.0, 2.0])
    close(third[0, 0, 0], 24.0)
    close(third[1, 1, 1], 48.0)


def test_hessian_by_argument():
    close(tx.hessian(lambda x, y: (x * x * y).sum(), 0)([1.0], 3.0), [[6.0]])
    close(tx.hessian(lambda x, y: (x * x * y).sum(), 1)(1.0, [3.0]), [[0.0]])


def test_hvp_is_the_hessian_times_the_vector():
    x, v = np.array([0.3, -1.2, 2.0]), np.array([1.0, -2.0, 0.5])
    f = lambda t: (tx.tanh(t) * t).sum() * t.sum()  # noqa: E731
    close(tx.hvp(f, x, v), tx.hessian(f)(x).numpy() @ v)
    a, b = tx.hvp(
        lambda p, q: (p * p * q).sum(), ([1.0, 2.0], [3.0, 4.0]), ([1.0, 0.0], [0.0, 1.0])
    )
    close(a, [6.0, 4.0])
    close(b, [2.0, 0.0])
    close(tx.hvp(lambda t: t.sum(), x, v), np.zeros(3))


def test_transforms_of_transforms():
    f = lambda x: (x**3).sum()  # noqa: E731
    close(tx.jacobian(tx.grad(f))([1.0, 2.0]), np.diag([6.0, 12.0]))
    close(tx.grad(lambda x: tx.hvp(f, x, [1.0, 1.0]).sum())([1.0, 2.0]), [6.0, 6.0])
    close(tx.grad(lambda x: tx.vjp(f, x)[1](1.0).sum())([1.0, 2.0]), [6.0, 12.0])
    close(tx.grad(lambda x: tx.value_and_grad(f)(x)[0])([1.0, 2.0]), [3.0, 12.0])
    close(tx.grad(lambda x: tx.jacobian(tx.exp)(x).sum())([0.0, 1.0]), np.exp([0.0, 1.0]))


# --- checkpoint -----------------------------------------------------------------------------------


def block(x):
    return tx.tanh(x @ np.array([[1.0, 2.0], [-1.0, 0.5]])).exp() * x


def gradients(f, x):
    leaf = Tensor(x, requires_grad=True)
    y = f(leaf * 2.0)  # not on a leaf: the block is in the middle of a graph
    (y * y).sum().backward()
    return y.numpy(), leaf.grad.numpy()


def test_checkpoint_changes_nothing():
    x = np.array([[0.1, 0.2], [-0.3, 0.4]])
    for ours, expected in zip(gradients(tx.checkpoint(block), x), gradients(block, x), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_checkpoint_counts_each_path_once():
    x = Tensor([0.3, 0.4], requires_grad=True)
    h = x * 2
    y = tx.checkpoint(lambda a: a * x)(h)  # 2x²: through h and through x
    y.sum().backward(retain_graph=True)
    close(x.grad, [1.2, 1.6])
    y.sum().backward()
    close(x.grad, [2.4, 3.2])


def test_checkpoint_of_closures_reaches_what_they_read():
    w, b = Tensor([2.0, 3.0], requires_grad=True), Tensor(1.0, requires_grad=True)
    x = Tensor([1.0, 2.0])  # needs no gradient itself
    tx.checkpoint(lambda t: t * t * w + b)(x).sum().backward()
    close(w.grad, [1.0, 4.0])
    close(b.grad, 2.0)
    assert x.grad is None


def test_checkpoint_in_second_order_and_nested():
    f = lambda x: (tx.exp(x) * x).sum()  # noqa: E731
    x = np.array([0.3, 0.4])
    close(tx.hessian(tx.checkpoint(f))(x), tx.hessian(f)(x).numpy())
    close(tx.hvp(tx.checkpoint(f), x, [1.0, 2.0]), tx.hvp(f, x, [1.0, 2.0]).numpy())
    twice = lambda x: tx.checkpoint(lambda a: tx.checkpoint(tx.exp)(a * a))(x).sum()  # noqa: E731
    close(tx.grad(twice)(x), 2 * x * np.exp(x * x))
    leaf = Tensor(x, requires_grad=True)
    h = leaf * 1.0
    tx.checkpoint(lambda a: a * leaf)(h).sum().backward(create_graph=True)
    slope = leaf.grad
    leaf.zero_grad()
    slope.sum().backward()
    close(leaf.grad, [2.0, 2.0])


def test_checkpoint_keeps_no_activation():
    def deep(x):
        for _ in range(20):
            x = tx.tanh(x)
        return x

    x = Tensor(np.ones(1000), requires_grad=True)
    plain, saved = kept_bytes(deep(x)), kept_bytes(tx.checkpoint(deep)(x))
    assert plain >= 20 * 8000
    assert saved == 0


def test_checkpoint_without_anything_to_save():
    x = Tensor([1.0])
    assert not tx.checkpoint(tx.exp)(x).requires_grad
    leaf = Tensor([1.0], requires_grad=True)
    assert tx.checkpoint(lambda t: t)(leaf) is leaf
    with tx.no_grad():
        assert not tx.checkpoint(tx.exp)(leaf).requires_grad


@pytest.mark.parametrize("kind", ["noise", "order", "sign"])
def test_checkpoint_notices_a_function_that_changes(kind):
    rng = np.random.default_rng(0)
    changes = {
        "noise": lambda x: x * rng.uniform(size=4),
        "order": lambda x: x[np.roll(np.arange(4), rng.integers(100))],
        "sign": lambda x: x * rng.choice([-1.0, 1.0], 4),
    }
    x = Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = tx.checkpoint(changes[kind])(x).sum()
    with pytest.raises(GraphError, match=r"(?s)different result.*random numbers outside"):
        y.backward()
    assert x.grad is None


def test_checkpoint_notices_what_it_must_read_again():
    w = Tensor([2.0, 3.0], requires_grad=True, name="w")
    y = tx.checkpoint(lambda x: x + w)(Tensor([1.0, 1.0], requires_grad=True)).sum()
    w.data = w.data[::-1].copy()
    with pytest.raises(GraphError, match=r"checkpoint: w .*overwritten at test_transforms"):
        y.backward()


def test_a_function_that_returns_an_outer_variable_keeps_its_gradient():
    value = tx.grad(lambda w: tx.value_and_grad(lambda x: w)(1.0)[0])
    pulled = tx.grad(lambda w: tx.vjp(lambda x: w, 1.0)[0] * w)
    assert (value(3.0).item(), pulled(3.0).item()) == (1.0, 6.0)
    assert tx.grad(lambda w: tx.grad(lambda x: w)(1.0) + w)(3.0).item() == 1.0
