"""`tx.linalg` beyond the lines of `tests/themes/linalg.py`: several results, singular and degenerate
matrices, refusals, the namespace.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent import linalg
from tinygrad_xent.check import gradcheck
from tinygrad_xent.engine.errors import BadValueError, ShapeError

RNG = np.random.default_rng(0)
SQUARE = RNG.normal(size=(2, 3, 3))
HIGH, WIDE = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 3, 4))
SYMMETRIC = SQUARE + SQUARE.mT
DEFINITE = SQUARE @ SQUARE.mT + np.eye(3)


def slope(f, x, seed=None):
    x = leaf(x)
    y = f(x)
    y.backward(np.ones(y.shape) if seed is None else seed)
    return x.grad.numpy()


# --- the namespace --------------------------------------------------------------------------------


def test_the_namespace_has_its_functions_and_the_package_has_not():
    assert tx.linalg is linalg
    assert "linalg" in tx.__all__
    assert all(callable(getattr(linalg, name)) for name in linalg.__all__)
    assert set(linalg.__all__) & set(tx.__all__) == {"trace"}  # tx.trace shows a tape
    assert tx.trace is not linalg.trace
    assert not hasattr(tx, "eigvalsh")


# --- several results ------------------------------------------------------------------------------

PARTS = {
    "eigh values": (lambda x: linalg.eigh(x)[0], SYMMETRIC),
    "eigh vectors": (lambda x: linalg.eigh(x)[1], SYMMETRIC),
    "eigh of a product": (lambda x: linalg.eigh(x)[1] * linalg.eigh(x)[0][:, None], SYMMETRIC),
    "svd u": (lambda x: linalg.svd(x)[0], HIGH),
    "svd u of wide": (lambda x: linalg.svd(x)[0], WIDE),
    "svd s": (lambda x: linalg.svd(x)[1], HIGH),
    "svd vt": (lambda x: linalg.svd(x)[2], HIGH),
    "svd vt of wide": (lambda x: linalg.svd(x)[2], WIDE),
    "svd of square": (lambda x: linalg.svd(x)[0] @ linalg.svd(x)[2], SQUARE),
    "qr q": (lambda x: linalg.qr(x)[0], HIGH),
    "qr r": (lambda x: linalg.qr(x)[1], HIGH),
    "qr r of wide": (lambda x: linalg.qr(x)[1], WIDE),
    "slogdet": (lambda x: linalg.slogdet(x)[1], SQUARE),
    "inv": (linalg.inv, SQUARE),
    "det": (linalg.det, SQUARE),
    "pinv of wide": (linalg.pinv, WIDE),
    "cholesky": (linalg.cholesky, DEFINITE),
}


@pytest.mark.parametrize("name", PARTS)
def test_gradients_of_first_and_second_order(name):
    f, x = PARTS[name]
    assert gradcheck(f, x)

    def slopes(x):
        y = f(x)
        seed = np.cos(np.arange(y.size, dtype=float)).reshape(y.shape)
        return tx.grad(lambda x: (f(x) * seed).sum())(x)

    assert gradcheck(slopes, x)


def test_the_parts_are_numpys():
    for ours, theirs in (
        (linalg.eigh(SYMMETRIC), np.linalg.eigh(SYMMETRIC)),
        (linalg.svd(HIGH), np.linalg.svd(HIGH, full_matrices=False)),
        (linalg.svd(WIDE), np.linalg.svd(WIDE, full_matrices=False)),
        (linalg.qr(HIGH), np.linalg.qr(HIGH)),
        (linalg.qr(WIDE), np.linalg.qr(WIDE)),
        (linalg.slogdet(SQUARE), np.linalg.slogdet(SQUARE)),
    ):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("theirs", "x"),
    [(np.linalg.eigh, SYMMETRIC), (np.linalg.qr, HIGH), (np.linalg.slogdet, SQUARE)],
)
def test_numpys_functions_of_several_results(theirs, x):
    for ours, expected in zip(theirs(leaf(x)), theirs(x), strict=True):
        assert ours.requires_grad or theirs is np.linalg.slogdet
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-10, atol=1e-12)
    with pytest.raises(tx.DtypeError, match="no operation"):
        np.linalg.eigh(leaf(x), "U")


def test_a_matrix_is_its_factors():
    u, s, vt = linalg.svd(leaf(HIGH))
    np.testing.assert_allclose(((u * s[:, None]) @ vt).detach().numpy(), HIGH, atol=1e-12)
    w, v = linalg.eigh(leaf(SYMMETRIC))
    np.testing.assert_allclose(((v * w[:, None]) @ v.mT).detach().numpy(), SYMMETRIC, atol=1e-12)
    gradient = slope(lambda x: (lambda w, v: (v * w[:, None]) @ v.mT)(*linalg.eigh(x)), SYMMETRIC)
    np.testing.assert_allclose(gradient, np.ones((2, 3, 3)), atol=1e-10)


# --- singular, degenerate ---------------------------------------------------------------------------


def test_the_determinants_gradient_are_the_cofactors_of_singular_matrices_too():
    x = np.array([[1.0, 2.0], [2.0, 4.0]])  # of rank 1
    np.testing.assert_allclose(slope(linalg.det, x), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(slope(linalg.det, np.zeros((2, 2))), np.zeros((2, 2)))
    np.testing.assert_allclose(slope(linalg.det, np.diag([1.0, 1.0, 0.0])), np.diag([0, 0, 1.0]))
    np.testing.assert_allclose(slope(linalg.det, np.diag([1.0, 0.0, 0.0])), np.zeros((3, 3)))
    assert gradcheck(linalg.det, np.stack([x, SQUARE[0, :2, :2]]))
    assert linalg.det(np.zeros((0, 0))).item() == 1.0
    assert slope(linalg.det, [[3.0]]).tolist() == [[1.0]]


def test_equal_eigenvalues_have_a_gradient_and_their_vectors_do_not():
    x = np.eye(3)
    np.testing.assert_allclose(slope(lambda x: linalg.eigh(x)[0].sum(), x), x, atol=1e-14)
    np.testing.assert_allclose(slope(lambda x: (linalg.eigvalsh(x) ** 2).sum(), x), 2 * x)
    np.testing.assert_allclose(slope(lambda x: linalg.svdvals(x).sum(), x), x, atol=1e-14)
    with pytest.warns(tx.check.NonFiniteWarning), np.errstate(divide="ignore", invalid="ignore"):
        found = slope(lambda x: linalg.eigh(x)[1], x, np.arange(9.0).reshape(3, 3))
    assert not np.isfinite(found).all()


def test_one_equal_pair_does_not_spoil_the_other_vectors():
    x = np.diag([1.0, 1.0, 3.0])
    found = slope(lambda x: linalg.eigh(x)[1][:, 2], x, np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(np.abs(found), [[0, 0, 0.25], [0, 0, 0], [0.25, 0, 0]], atol=1e-14)


def test_gradients_are_symmetric_and_values_of_the_symmetric_part():
    x = RNG.normal(size=(3, 3)) * 0.1 + np.diag([1.0, 2.0, 3.0])
    for f in (linalg.cholesky, linalg.eigvalsh, lambda x: linalg.eigh(x)[1]):
        np.testing.assert_array_equal(f(x).numpy(), f((x + x.T) / 2).numpy())
        gradient = slope(f, x)
        np.testing.assert_allclose(gradient, gradient.T, rtol=1e-12, atol=1e-14)


def test_what_is_singular_is_an_error_of_ours_and_of_numpys():
    x = leaf(np.ones((2, 2)), "A")
    cures = {
        "inv": (lambda: linalg.inv(x), "linalg.pinv"),
        "solve": (lambda: linalg.solve(x, [1.0, 2.0]), "linalg.lstsq"),
        "matrix_power|inv": (lambda: linalg.matrix_power(x, -2), "linalg.pinv"),
        "the gradient of slogdet": (lambda: linalg.slogdet(x)[1].backward(), "identity"),
        "the gradient of qr": (lambda: linalg.qr(x)[0].sum().backward(), "identity"),
        "cholesky": (lambda: linalg.cholesky(-x), "multiple of the identity"),
    }
    for name, (run, cure) in cures.items():
        with pytest.raises(
            np.linalg.LinAlgError, match=rf"(?s)({name}): a matrix is.*fix.*{cure}"
        ) as e:
            run()
        assert isinstance(e.value, BadValueError)
        assert "test_linalg.py" in str(e.value)
    with pytest.raises(np.linalg.LinAlgError, match=r"A: float64 \(2, 2\)"):
        linalg.inv(x)
    sign, logarithm = linalg.slogdet(x)
    assert (sign.item(), logarithm.item()) == (0.0, -np.inf)


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh"])
def test_what_is_not_square_is_refused(name):
    for shape in ((2, 3), (3,), ()):
        with pytest.raises(tx.ShapeError, match=r"(?s)takes (square )?matrices.*fix") as e:
            getattr(linalg, name)(np.ones(shape))
        assert isinstance(e.value, np.linalg.LinAlgError)


@pytest.mark.parametrize("name", ["svd", "svdvals", "qr", "pinv", "trace"])
def test_what_is_no_matrix_is_refused(name):
    for shape in ((3,), ()):
        with pytest.raises(tx.ShapeError, match=r"takes matrices, or stacks of them; the shape is"):
            getattr(linalg, name)(np.ones(shape))


def test_other_shapes_that_do_not_fit():
    with pytest.raises(tx.ShapeError, match=r"(?s)solve: shapes \(2, 2\) and \(3, 1\).*fix"):
        linalg.solve(np.eye(2), np.ones(3))
    with pytest.raises(tx.ShapeError, match=r"matrix_power: takes square matrices"):
        linalg.matrix_power(np.ones((2, 3)), 2)
    with pytest.raises(tx.DtypeError, match=r"n must be an integer"):
        linalg.matrix_power(np.eye(2), 0.5)
    with pytest.raises(tx.DtypeError, match="complex"):
        linalg.eigvalsh(np.eye(2) * 1j)


# --- solutions and powers ---------------------------------------------------------------------------


def test_solutions():
    b = RNG.normal(size=(2, 3, 2))
    x = linalg.solve(leaf(SQUARE), b)
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(SQUARE, b), rtol=1e-12)
    np.testing.assert_allclose(
        np.linalg.solve(leaf(SQUARE), b[0, :, 0]).numpy(), np.linalg.solve(SQUARE, b[0, :, 0])
    )
    assert gradcheck(linalg.solve, SQUARE, b[0, :, 0])
    a, y = HIGH[0], RNG.normal(size=4)
    np.testing.assert_allclose(linalg.lstsq(a, y).numpy(), np.linalg.lstsq(a, y)[0], rtol=1e-12)
    a = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # of rank 1: the shortest solution
    np.testing.assert_allclose(linalg.lstsq(a, [1.0, 2.0, 3.0]).numpy(), [0.75, 0.75])
    with pytest.raises(tx.DtypeError, match=r"np\.linalg\.lstsq"):
        np.linalg.lstsq(leaf(HIGH[0]), y)


def test_powers_and_chains():
    x = SQUARE
    for n in (-3, -1, 0, 1, 2, 5, 10):
        found = np.linalg.matrix_power(leaf(x), n)
        np.testing.assert_allclose(found.numpy(), np.linalg.matrix_power(x, n), rtol=1e-9)
        assert found.requires_grad
    np.testing.assert_array_equal(slope(lambda x: linalg.matrix_power(x, 0), x), np.zeros(x.shape))
    for shapes in ([(3,), (3, 2), (2,)], [(2, 3), (3,)], [(2, 3), (3, 4), (4, 1)]):
        arrays = [np.cos(np.arange(np.prod(s))).reshape(s) for s in shapes]
        found = np.linalg.multi_dot(list(map(leaf, arrays)))
        np.testing.assert_allclose(found.numpy(), np.linalg.multi_dot(arrays), rtol=1e-12)
    with pytest.raises(tx.ShapeError, match="lengths 3 and 2"):
        linalg.multi_dot([np.ones((2, 3)), np.ones((2, 3))])
    for few in ([], [np.ones((2, 2))]):
        with pytest.raises(BadValueError, match=f"at least two matrices, got {len(few)}"):
            linalg.multi_dot(few)


def test_traces_of_stacks():
    for offset in (-1, 0, 2, 5):
        expected = np.trace(HIGH, offset, -2, -1)
        np.testing.assert_allclose(linalg.trace(HIGH, offset).numpy(), expected)
        np.testing.assert_allclose(np.linalg.trace(leaf(HIGH), offset=offset).numpy(), expected)


# --- norms ------------------------------------------------------------------------------------------

VECTORS = [None, 1, 2, 3, 2.5, 0, np.inf, -np.inf]
MATRICES = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
NORMS = [(p, a) for p in VECTORS for a in (0, -1, (1,))]
NORMS += [(p, a) for p in MATRICES for a in ((1, 2), (0, 2), (2, 0), (-1, -3))]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("ord", "axis"), NORMS)
def test_every_norm(ord, axis, keepdims):
    expected = np.linalg.norm(HIGH, ord, axis, keepdims)
    for found in (
        linalg.norm(HIGH, ord, axis, keepdims),
        np.linalg.norm(leaf(HIGH), ord, axis, keepdims),
    ):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
        assert found.shape == expected.shape
    assert ord == 0 or gradcheck(lambda x: linalg.norm(x, ord, axis, keepdims), HIGH)


def test_norms_of_everything():
    assert linalg.norm(HIGH).item() == pytest.approx(np.linalg.norm(HIGH))
    assert linalg.norm(HIGH[0], "nuc").item() == pytest.approx(np.linalg.norm(HIGH[0], "nuc"))
    assert linalg.norm(HIGH[0, 0], 3).item() == pytest.approx(np.linalg.norm(HIGH[0, 0], 3))
    assert linalg.norm([3, 4]).item() == 5.0
    assert linalg.norm(np.full(4096, 100, np.float16)).item() == 6400.0
    assert linalg.norm(np.zeros(0)).item() == 0.0


def test_the_gradient_of_a_norm_at_its_kinks():
    zeros = np.zeros(3)
    for ord in (None, 1, 2, 3, 1.5, 0):
        assert slope(lambda x, p=ord: linalg.norm(x, p), zeros).tolist() == [0, 0, 0]
    assert slope(lambda x: linalg.norm(x, np.inf), [3.0, -3.0, 1.0]).tolist() == [0.5, -0.5, 0]
    np.testing.assert_allclose(slope(linalg.norm, [0.0, 3.0, 4.0]), [0, 0.6, 0.8])
    hessian = tx.hessian(linalg.norm)([0.0, 3.0, 4.0]).numpy()
    u = np.array([0.0, 0.6, 0.8])
    np.testing.assert_allclose(hessian, (np.eye(3) - np.outer(u, u)) / 5, atol=1e-15)


@pytest.mark.parametrize(
    ("shape", "ord", "axis", "words"),
    [
        ((3,), "fro", None, "vectors have no norm 'fro'"),
        ((3,), 0.5, None, "vectors have no norm 0.5"),
        ((3,), -1, None, "vectors have no norm -1"),
        ((3, 3), 3, None, "matrices have no norm 3"),
        ((3, 3), "max", None, "matrices have no norm 'max'"),
        ((3, 3, 3), 2, None, "not of 3"),
        ((3, 3), "nuc", (0, 5), "axis 5"),
        ((3, 3), "nuc", (1, 1), "repeated"),
    ],
)
def test_norms_that_do_not_exist(shape, ord, axis, words):
    with pytest.raises(ValueError, match=rf"(?s)norm: .*{words}.*fix|norm: .*{words}"):
        linalg.norm(np.ones(shape), ord, axis)


# --- dtypes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_dtype_stays(dtype):
    x = leaf(DEFINITE.astype(dtype))
    for f in (linalg.inv, linalg.det, linalg.pinv, linalg.cholesky, linalg.eigvalsh, linalg.norm):
        y = f(x)
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype
        x.grad = None
    for part in (*linalg.eigh(x), *linalg.svd(x), *linalg.qr(x), *linalg.slogdet(x)):
        assert part.dtype == dtype
    assert linalg.inv([[2, 0], [0, 4]]).dtype == np.float64
    assert linalg.det([[2, 0], [0, 4]]).item() == pytest.approx(8)


def test_small_integers_do_not_wrap_around():
    x = np.array([[100, 0], [0, -128]], np.int8)
    for ord in (None, 1, -1, 2, np.inf, "fro", "nuc"):
        found = linalg.norm(x, ord)
        np.testing.assert_allclose(found.numpy(), np.linalg.norm(x, ord), rtol=1e-15)
        assert found.dtype == np.float64
    for ord in (None, 0, 1, 2, 3, np.inf, -np.inf):
        for line in (x[1], np.array([200, 100], np.uint8), np.array([100_000, 1], np.int32)):
            right = np.linalg.norm(line, ord)
            np.testing.assert_allclose(linalg.norm(line, ord).numpy(), right, rtol=1e-15)
    large = np.array([[100, 0], [0, 100]], np.int8)
    np.testing.assert_allclose(linalg.eigvalsh(large).numpy(), [100, 100])
    np.testing.assert_allclose(linalg.cholesky(large).numpy(), [[10, 0], [0, 10]])


def test_settings_that_are_none():
    for ord in ([1], np.array([1, 2]), 1j):
        with pytest.raises(tx.DtypeError, match="norm: ord must be a number or a text, got"):
            linalg.norm([1.0, 2.0], ord)
    for offset in (None, "x"):
        with pytest.raises(tx.DtypeError, match="trace: offset must be an integer, got"):
            linalg.trace(np.ones((2, 2)), offset)
    with pytest.raises(tx.DtypeError, match="multi_dot"):
        linalg.multi_dot(5)


@pytest.mark.parametrize("ord", ["fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_norm_of_matrices_needs_two_axes(ord, keepdims):
    for axis in ((0, -3), (1, 1)):
        with pytest.raises(ShapeError, match=r"duplicate|repeated"):
            linalg.norm(np.ones((3, 3, 3)), ord, axis, keepdims)


def test_several_results_have_numpys_names():
    t = leaf(DEFINITE)
    for name in ("slogdet", "eigh", "qr"):
        theirs = getattr(np.linalg, name)
        for found in (getattr(linalg, name)(t), theirs(t), tx.checkpoint(getattr(linalg, name))(t)):
            assert found._fields == theirs(DEFINITE)._fields
            assert isinstance(found, tuple)
            assert found[1].requires_grad
    assert linalg.svd(t)._fields == np.linalg.svd(DEFINITE)._fields
    assert np.linalg.eigh(t).eigenvalues.requires_grad
    assert (
        np.lexsort(linalg.slogdet(t)).tolist() == np.lexsort(np.linalg.slogdet(DEFINITE)).tolist()
    )


def test_the_pseudoinverse_of_integers():
    x = np.array([[2, 0], [0, 4], [0, 0]])
    for dtype in (np.int64, np.uint8, np.bool_):
        found = linalg.pinv(x.astype(dtype))
        np.testing.assert_allclose(found.numpy(), np.linalg.pinv(x.astype(dtype)), atol=1e-15)
    np.testing.assert_allclose(linalg.lstsq(x, [2, 4, 6]).numpy(), [1.0, 1.0])


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0), (3, 0, 2)])
@pytest.mark.parametrize("ord", [None, 1, 2, np.inf, "nuc", -np.inf])
def test_norms_of_nothing_are_numpys(shape, ord):
    x, axis = np.zeros(shape), (-1 if len(shape) == 1 else (-2, -1))
    try:
        right = np.linalg.norm(x, ord, axis)
    except ValueError:  # the least of nothing, or no norm of a vector
        with pytest.raises(ValueError, match=r"norm|min"):
            tx.linalg.norm(x, ord, axis)
    else:
        equal(tx.linalg.norm(x, ord, axis), right)


def test_singular_values_in_numpys_words():
    x = RNG.normal(size=(2, 3, 2))
    u, s, vt = np.linalg.svd(leaf(x), full_matrices=False)
    np.testing.assert_allclose(((u * s[:, None]) @ vt).numpy(), x, rtol=1e-12)
    equal(np.linalg.svd(leaf(x), compute_uv=False), np.linalg.svd(x, compute_uv=False))
    assert np.linalg.svd(leaf(x[:, :2])).U.requires_grad
    with pytest.raises(BadValueError, match=r"svd: (?s:.*)pass full_matrices=False"):
        np.linalg.svd(leaf(x))
